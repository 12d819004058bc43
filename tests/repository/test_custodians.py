"""Custodians open catalogs and sign, and open no content; writers by enrolment; who is this machine among others of its name."""

from dataclasses import replace
from pathlib import Path

import pytest
from repository_kit import CONTENT, HandClock, back_up, make, read_back, reopen

from lifeboat.crypto.identity import Identity
from lifeboat.foundation.progress import Silent
from lifeboat.foundation.secret import Secret
from lifeboat.operations.status import status
from lifeboat.operations.verify.run import verify
from lifeboat.repository.chain import Link, faults_in_chain
from lifeboat.repository.custodians import add_custodian, open_catalogs, remove_custodian
from lifeboat.repository.description import NamedRecipient, read_description, write_description
from lifeboat.repository.enrolment import Enrolment, enrol, enrolment_from_text
from lifeboat.repository.errors import (
    EnrolmentRefused,
    KeyNotARecipient,
    OnlyACustodian,
    RecipientsChanged,
    WriterExists,
    WriterMissing,
    WriterUnknown,
)
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.open_repository import Repository, open_repository
from lifeboat.repository.statements import Verb, write_statements
from lifeboat.repository.writers import WriterSecret
from lifeboat.storage.object_store import ObjectStore


def enrolment_for(repository: Repository, secret: WriterSecret, label: str) -> Enrolment:
    return Enrolment(repository.id, repository.description.fingerprints(), label, secret)


def new_host(repository: Repository, clock: HandClock, label: str = "shop") -> Enrolment:
    secret = WriterSecret.generate()
    repository.register(secret, label, clock.now())
    return enrolment_for(repository, secret, label)


def state_at(store: ObjectStore, folder: Path) -> LocalState:
    return LocalState(folder, store.describe())


def test_a_custodian_lists_signs_and_opens_no_content(tmp_path: Path) -> None:
    keeper, store, clock = make(tmp_path / "keeper")
    record = back_up(keeper, clock, CONTENT)
    custodian = Identity.generate()
    with pytest.raises(KeyNotARecipient):
        reopen(store, tmp_path / "ci", custodian)
    assert add_custodian(keeper, "ci", custodian.recipient) == 1
    later = new_host(keeper, clock)
    enrol(store, state_at(store, tmp_path / "host"), later)
    at_host = reopen(store, tmp_path / "host", None, label="shop")
    second = back_up(at_host, clock, {"other": b"y" * 5000})

    there = reopen(store, tmp_path / "ci", custodian)
    assert there.trouble == []
    assert {one.snapshot for one in there.snapshots()} == {record.snapshot, second.snapshot}
    assert there.identity is None and there.signer is custodian
    with pytest.raises(OnlyACustodian):
        read_back(there, there.find_snapshot(record.snapshot))
    report = verify(there, "structure", objectives={}, sample_percent=0, clock=clock, progress=Silent())
    assert [one for one in report.findings if one.level == "problem"] == []
    write_statements(store, there.description, custodian, Verb.FORGET, [second], "rules", clock.now())
    assert [
        one.forgotten is not None for one in reopen(store, tmp_path / "keeper", keeper.identity).standings().values()
    ] == [True]


def test_a_removed_custodian_counts_no_longer_and_no_earlier_description_comes_back(tmp_path: Path) -> None:
    keeper, store, clock = make(tmp_path / "keeper")
    record = back_up(keeper, clock, CONTENT)
    custodian = Identity.generate()
    add_custodian(keeper, "ci", custodian.recipient)
    with pytest.raises(WriterExists):
        add_custodian(keeper, "ci", Identity.generate().recipient)
    write_statements(store, keeper.description, custodian, Verb.FORGET, [record], "rules", clock.now())
    third = {name for name, _ in store._objects.items()}
    remove_custodian(keeper, "ci")
    with pytest.raises(WriterMissing):
        remove_custodian(keeper, "ci")
    again = reopen(store, tmp_path / "keeper", keeper.identity)
    assert again.description.revision == 3
    assert again.standings() == {}
    with pytest.raises(KeyNotARecipient):
        reopen(store, tmp_path / "ci", custodian)
    for name in set(store._objects) - third:
        store.delete(name)
    with pytest.raises(RecipientsChanged, match="revision 2"):
        reopen(store, tmp_path / "keeper", keeper.identity)


def test_a_new_custodian_stops_no_machine_that_pinned_the_recipients(tmp_path: Path) -> None:
    keeper, store, clock = make(tmp_path / "keeper")
    enrol(store, state_at(store, tmp_path / "host"), new_host(keeper, clock))
    add_custodian(keeper, "ci", Identity.generate().recipient)
    host = reopen(store, tmp_path / "host", None)
    assert host.description.revision == 2
    back_up(host, clock, CONTENT)


def test_a_stolen_writer_can_name_no_custodian_and_forget_nothing(tmp_path: Path) -> None:
    keeper, store, clock = make(tmp_path / "keeper")
    enrol(store, state_at(store, tmp_path / "host"), new_host(keeper, clock))
    host = reopen(store, tmp_path / "host", None)
    record = back_up(host, clock, CONTENT)
    thief = Identity.generate()
    named = (NamedRecipient("ci", thief.recipient),)
    write_description(store, replace(host.description, revision=9, custodians=named), [thief])
    write_statements(store, host.description, thief, Verb.FORGET, [record], "gone", clock.now())
    for folder, identity in (("keeper", keeper.identity), ("fresh", keeper.identity), ("host", None)):
        opened = reopen(store, tmp_path / folder, identity)
        assert opened.description.custodians == ()
        assert opened.standings() == {}
    with pytest.raises(KeyNotARecipient):
        reopen(store, tmp_path / "thief", thief)


def test_adding_a_custodian_that_died_in_between_is_finished(tmp_path: Path) -> None:
    keeper, store, clock = make(tmp_path / "keeper")
    record = back_up(keeper, clock, CONTENT)
    custodian = Identity.generate()
    named = (NamedRecipient("ci", custodian.recipient),)
    assert keeper.identity
    write_description(store, replace(keeper.description, revision=2, custodians=named), [keeper.identity])
    assert reopen(store, tmp_path / "ci", custodian).snapshots() == []
    again = reopen(store, tmp_path / "keeper", keeper.identity)
    assert open_catalogs(again) == 1 and open_catalogs(again) == 0
    assert [one.snapshot for one in reopen(store, tmp_path / "ci", custodian).snapshots()] == [record.snapshot]


def test_a_host_that_lost_everything_comes_back_by_its_file_and_its_chain_goes_on(tmp_path: Path) -> None:
    keeper, store, clock = make(tmp_path / "keeper")
    first = new_host(keeper, clock)
    text = first.to_text()
    assert first.secret.raw.hex() not in repr(first)
    enrol(store, state_at(store, tmp_path / "host"), enrolment_from_text(text, "file"))
    host = reopen(store, tmp_path / "host", None)
    back_up(host, clock, CONTENT)
    # On the rebuilt host nothing is left; the keeper opens the secret from the registration.
    known = reopen(store, tmp_path / "keeper", keeper.identity)
    again = enrolment_for(known, known.writer_secret(first.secret.writer.hex()), "shop")
    with pytest.raises(WriterUnknown):
        reopen(store, tmp_path / "rebuilt", None).writer(clock.now())
    (tmp_path / "rebuilt").rename(tmp_path / "thrown away")
    assert enrol(store, state_at(store, tmp_path / "rebuilt"), again) == ""
    rebuilt = reopen(store, tmp_path / "rebuilt", None)
    assert back_up(rebuilt, clock, CONTENT).new_bytes == 0
    links = [link for _, link in rebuilt.links(first.secret.writer.hex()) if isinstance(link, Link)]
    assert len(links) == 2 and faults_in_chain(links) == []


def test_a_file_for_another_repository_or_another_writer_is_refused(tmp_path: Path) -> None:
    keeper, store, clock = make(tmp_path / "keeper")
    other, _, _ = make(tmp_path / "other")
    with pytest.raises(RecipientsChanged):
        enrol(store, state_at(store, tmp_path / "host"), new_host(other, clock))
    with pytest.raises(EnrolmentRefused):
        enrol(store, state_at(store, tmp_path / "host"), enrolment_for(keeper, WriterSecret.generate(), "x"))
    assert not (state_at(store, tmp_path / "host").directory / "writer.json").exists()
    forged = replace(new_host(keeper, clock), recipients=(Identity.generate().recipient.fingerprint.hex(),))
    with pytest.raises(RecipientsChanged):
        enrol(store, state_at(store, tmp_path / "host"), forged)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"lifeboat_enrolment": 1}', '{"lifeboat_enrolment": 9}', '{"lifeboat_enrolment": "x"}']
)
def test_what_is_no_writers_file_is_refused(text: str) -> None:
    with pytest.raises(EnrolmentRefused):
        enrolment_from_text(Secret(text), "file")


def at(store: ObjectStore, folder: Path, identity: Identity | None, machine: str | None) -> Repository:
    return open_repository(store, identity=identity, state=state_at(store, folder), label="web", machine=machine)


def test_two_living_machines_of_one_name_are_two_writers_and_one_that_forgot_is_the_same(tmp_path: Path) -> None:
    keeper, store, clock = make(tmp_path / "keeper")
    one = at(store, tmp_path / "one", keeper.identity, "machine one")
    two = at(store, tmp_path / "two", keeper.identity, "machine two")
    first, second = (
        one.writer(clock.now()),
        at(store, tmp_path / "two", keeper.identity, "machine two").writer(clock.now()),
    )
    assert first != second
    assert at(store, tmp_path / "one after", keeper.identity, "machine one").writer(clock.now()) == first
    clock.sleep(1)
    unknown = at(store, tmp_path / "three", keeper.identity, "")
    assert unknown.writer(clock.now()) not in (first, second)
    assert [note.code for note in unknown.notes] == ["writer-new"]
    # A label that was chosen says who this is: the newest of that name.
    assert at(store, tmp_path / "four", keeper.identity, None).writer(clock.now()) == unknown.writer(clock.now())
    assert two.notes == []


def test_latest_is_this_machines_own_else_the_newest_of_all_or_of_the_writer_named(tmp_path: Path) -> None:
    keeper, store, clock = make(tmp_path / "keeper")
    mine = back_up(keeper, clock, CONTENT)
    enrol(store, state_at(store, tmp_path / "host"), new_host(keeper, clock))
    host = reopen(store, tmp_path / "host", None)
    clock.sleep(3600)
    theirs = back_up(host, clock, {"other": b"y" * 5000})
    assert theirs.label == "shop"
    again = reopen(store, tmp_path / "keeper", keeper.identity)
    assert again.find_snapshot("latest").snapshot == mine.snapshot
    assert again.find_snapshot("latest@shop").snapshot == theirs.snapshot
    elsewhere = reopen(store, tmp_path / "laptop", keeper.identity, label="laptop")
    assert elsewhere.find_snapshot("latest").snapshot == theirs.snapshot


def test_the_description_that_counts_is_not_bound_to_its_custodians(tmp_path: Path) -> None:
    keeper, store, _clock = make(tmp_path / "keeper")
    add_custodian(keeper, "ci", Identity.generate().recipient)
    found = read_description(store, pinned=keeper.description.fingerprints())
    assert [one.name for one in found.custodians] == ["ci"]


def test_a_machine_that_stands_still_does_not_hide_behind_another(tmp_path: Path) -> None:
    keeper, store, clock = make(tmp_path / "keeper")
    enrol(store, state_at(store, tmp_path / "host"), new_host(keeper, clock))
    back_up(reopen(store, tmp_path / "host", None), clock, CONTENT)
    clock.sleep(7200)
    back_up(reopen(store, tmp_path / "keeper", keeper.identity), clock, CONTENT)
    goal = {"files": 3600.0}
    assert not status(reopen(store, tmp_path / "host", None), goal, 86400.0).sources[0].meets_objective
    assert status(reopen(store, tmp_path / "keeper", keeper.identity), goal, 86400.0).sources[0].meets_objective
    elsewhere = status(reopen(store, tmp_path / "laptop", keeper.identity, label="laptop"), goal, 86400.0)
    assert elsewhere.sources[0].meets_objective
    assert [one.subject for one in elsewhere.findings if one.code == "writer-silent"] == ["shop"]
    # With the key at hand the host sees everybody's snapshots, and is judged by its own all the same.
    assert not status(reopen(store, tmp_path / "host", keeper.identity), goal, 86400.0).sources[0].meets_objective
