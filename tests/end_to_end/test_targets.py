"""Where ``restore --to`` lands: where it says, and never by a slip in the live database."""

import pytest
from machine import Machine, fill_some, read_database


@pytest.fixture(scope="module")
def machine(make_machine, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    made: Machine = make_machine(tmp_path_factory.mktemp("targets"))
    fill_some(made.collections, documents=40)
    made.run("init", "--yes")
    made.run("backup", "db")
    return made


def test_what_a_rename_does_not_name_goes_to_the_named_database_too(machine: Machine) -> None:
    live = read_database(machine.client, machine.database, accounts=False)
    copy = f"{machine.database}_copy"
    renamed = f"{machine.database}.cases={copy}.old_cases"
    machine.collections.drop_collection("clients")  # room where a stray restore could land
    machine.run("restore", "db", "--to", copy, "--rename", renamed)
    assert "clients" not in machine.collections.list_collection_names()
    found = read_database(machine.client, copy, accounts=False)
    assert set(found) == {*live, "old_cases"} - {"cases"}
    assert found["old_cases"][2] == live["cases"][2] and found["clients"][2] == live["clients"][2]


def test_one_collection_renamed_lands_alone(machine: Machine) -> None:
    alone = f"{machine.database}_alone"
    machine.run(
        *("restore", "db", "--to", alone, "--ns", f"{machine.database}.cases"),
        *("--rename", f"{machine.database}.cases={alone}.only"),
    )
    assert machine.client[alone].list_collection_names() == ["only"]


def test_a_variable_that_holds_no_uri_is_not_the_name_of_a_live_database(machine: Machine) -> None:
    before = set(machine.client.list_database_names())
    renames = ("--rename", f"{machine.database}.cases=stray.cases")
    machine.run("restore", "db", "--to", "env:STAGING_URI", *renames, code=2, STAGING_URI="staging:27017/shop")
    assert set(machine.client.list_database_names()) == before
