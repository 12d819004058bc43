"""Every operation with exactly the rights of its role; what a role has not it says, and does not need."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from repository_kit import CONTENT, HandClock, back_up, make, read_back, reopen
from test_custodians import new_host, state_at

sys.path.insert(0, str(Path(__file__).parents[1] / "storage"))
from policed_store import PolicedStore, matches

from lifeboat.crypto.identity import Identity
from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.progress import Silent
from lifeboat.operations.doctor.repository import check_rescue_kit
from lifeboat.operations.prune.run import prune
from lifeboat.operations.rights import check_rights
from lifeboat.operations.status import status
from lifeboat.operations.verify.run import verify
from lifeboat.repository.create import store_rescue_kit
from lifeboat.repository.custodians import add_custodian
from lifeboat.repository.enrolment import enrol
from lifeboat.repository.names import Class, Source, key_name, pack_name
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.roles import EVERYTHING, Role, rights_of
from lifeboat.repository.segment_format import Edge
from lifeboat.repository.segment_writing import Draft, SegmentWriter, new_chain
from lifeboat.repository.segments import Segment
from lifeboat.repository.statements import Verb, write_statements
from lifeboat.retention.rules import Rules
from lifeboat.storage.errors import StorageDenied
from lifeboat.storage.memory import MemoryStore


class Town:
    """A repository with a keeper, a writer and a custodian, and another writer whose snapshots are nobody else's business."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keeper, self.store, self.clock = make(folder / "keeper", profile="guarded")
        self.custodian = Identity.generate()
        add_custodian(self.keeper, "ci", self.custodian.recipient)
        another = reopen(self.store, folder / "another host", self.keeper.identity, label="another")
        self.other = back_up(another, self.clock, CONTENT)
        enrolment = new_host(self.keeper, self.clock)
        self.writer_id = enrolment.secret.writer.hex()
        enrol(self.store, state_at(self.store, folder / "host"), enrolment)
        store_rescue_kit(self.store, "script", "readme")
        self.record = back_up(reopen(self.store, folder / "host", None), self.clock, CONTENT)

    def at(self, role: Role, **changes: Any) -> tuple[Repository, PolicedStore]:
        place, key = {
            Role.WRITER: ("host", None),
            Role.KEEPER: ("keeper", self.keeper.identity),
            Role.CUSTODIAN: ("ci", self.custodian),
        }[role]
        rights = replace(rights_of(role, self.writer_id), **changes)
        policed = PolicedStore(self.store, rights)
        return reopen(policed, self.folder / place, key), policed


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def problems(repository: Repository, clock: HandClock, level: str) -> list[str]:
    report = verify(repository, level, objectives={}, sample_percent=100, clock=clock, progress=Silent())
    return [f"{one.subject} {one.message}" for one in report.findings if one.level == "problem"]


def test_a_writer_backs_up_goes_on_and_looks_at_its_ages_with_its_rights_alone(town: Town) -> None:
    host, policed = town.at(Role.WRITER)
    again = back_up(host, town.clock, CONTENT | {"new": b"n" * 9000})
    assert again.new_bytes < 20_000
    assert {one.snapshot for one in host.snapshots()} == {town.record.snapshot, again.snapshot}
    assert status(host, {"files": 3600.0}, 86400.0).stored_bytes is None
    assert problems(host, town.clock, "age") == []
    assert check_rescue_kit(host, "script", "readme")[0].level == "ok"
    assert check_rescue_kit(host, "newer script", "readme")[0].level == "warning"
    with pytest.raises(StorageDenied, match="s3:ListBucket"):
        problems(host, town.clock, "structure")
    assert not any(name.startswith(f"catalog/{town.writer_id}") for _, name in policed.refused)


def test_a_writer_archives_with_its_rights_alone_and_a_keeper_reads_it(town: Town) -> None:
    host, policed = town.at(Role.WRITER)
    now, edges = town.clock.now(), [Edge(ClusterTime(1_795_000_000 + n, 1), 1, b"") for n in range(2)]
    draft = Draft(edges[0], edges[1], new_chain(), "it begins", None, (), 1, "rs0", "test")
    stored = SegmentWriter(host, host.writer(now)).write(draft, b"{}\n", [b"a change"])
    assert policed.refused == []
    keeper, _ = town.at(Role.KEEPER)
    assert b"".join(Segment(keeper, stored).blocks()) == b"a change"
    with pytest.raises(StorageDenied):
        Segment(host, stored)


def test_a_writer_that_lost_its_memory_but_has_its_secret_goes_on_though_it_may_not_see_packs(town: Town) -> None:
    host, _ = town.at(Role.WRITER)
    for file in host.state.directory.iterdir():
        if file.name not in ("writer.json", "pins.json"):
            file.unlink()
    resumed, _ = town.at(Role.WRITER)
    assert back_up(resumed, town.clock, CONTENT).new_bytes == 0
    assert problems(town.at(Role.KEEPER)[0], town.clock, "structure") == []


def test_a_stolen_writer_reads_deletes_and_replaces_nothing_of_others(town: Town) -> None:
    host, policed = town.at(Role.WRITER)
    packs = [stored.name for stored in town.store.list_under("files/pack/")]
    for name in packs:
        with pytest.raises(StorageDenied):
            policed.read(name)
        with pytest.raises(StorageDenied):
            policed.delete(name)
    for name in (town.record.object_name, town.other.object_name, "config/repository-" + "a" * 64 + ".json"):
        with pytest.raises(StorageDenied):
            policed.delete(name)
    with pytest.raises(StorageDenied):
        policed.read(town.other.object_name)
    with pytest.raises(StorageDenied):
        policed.write("config/writer-" + "a" * 32 + "-" + "b" * 64 + ".json", b"forged")
    assert host.identity is None


def test_a_keeper_reads_proves_and_stores_with_its_rights_alone(town: Town) -> None:
    keeper, policed = town.at(Role.KEEPER)
    assert read_back(keeper, town.record) == CONTENT
    assert problems(keeper, town.clock, "full") == []
    assert keeper.identity
    write_statements(
        policed, keeper.description, keeper.identity, Verb.PROOF, [town.record], "restored", town.clock.now()
    )
    back_up(keeper, town.clock, {"safety": b"s" * 5000})
    assert policed.refused == []
    with pytest.raises(StorageDenied):
        policed.delete(town.record.object_name)


def test_a_custodian_lists_forgets_and_deletes_with_its_rights_alone(town: Town) -> None:
    ci, policed = town.at(Role.CUSTODIAN)
    assert len(ci.snapshots()) == 2
    assert problems(ci, town.clock, "structure") == []
    write_statements(policed, ci.description, town.custodian, Verb.FORGET, [town.record], "rules", town.clock.now())
    pack = next(iter(town.store.list_under("files/pack/"))).name
    with pytest.raises(StorageDenied):
        policed.write(pack.replace("2026", "2027"), b"what nobody stored")
    policed.delete(pack)
    with pytest.raises(StorageDenied):
        write_statements(
            policed, ci.description, town.custodian, Verb.PROOF, [town.record], "I say so", town.clock.now()
        )
    assert [name for right, name in policed.refused if "/pack/" not in name] == [policed.refused[-1][1]]


def test_a_custodian_prunes_with_its_rights_alone_and_what_is_left_is_whole(town: Town) -> None:
    reports = []
    for day in range(60):
        town.clock.sleep(86_400)
        newest = back_up(reopen(town.store, town.folder / "host", None), town.clock, {"other": b"o%d" % day * 9000})
        if day % 10 == 9:
            ci, policed = town.at(Role.CUSTODIAN)
            reports.append(prune(ci, Rules(hourly=1, daily=2), Silent()))
            assert [one for one in reports[-1].findings if one.level == "problem"] == []
            assert policed.refused == []
    assert any(one.forgotten for one in reports) and any(one.objects_removed > 2 for one in reports)
    keeper, _ = town.at(Role.KEEPER)
    assert town.record.snapshot not in [one.snapshot for one in keeper.snapshots()]
    assert read_back(keeper, newest) == {"other": b"o59" * 9000}
    assert problems(keeper, town.clock, "full") == []


@pytest.mark.parametrize("role", [Role.WRITER, Role.KEEPER, Role.CUSTODIAN])
def test_the_look_at_rights_finds_nothing_where_they_are_those_of_the_role(town: Town, role: Role) -> None:
    before = set(town.store._objects)
    repository, _ = town.at(role)
    assert [(one.level, one.code) for one in check_rights(repository)] == [("ok", "rights-fit")]
    assert set(town.store._objects) == before


@pytest.mark.parametrize(
    ("role", "changes", "code", "words"),
    [
        (Role.WRITER, {"delete": EVERYTHING}, "can-delete", "this machine can delete backups"),
        (Role.KEEPER, {"delete": EVERYTHING}, "can-delete", "this machine can delete backups"),
        (Role.WRITER, {"list_under": EVERYTHING}, "rights-wider", "list everything"),
        (Role.WRITER, {"read": EVERYTHING}, "rights-wider", "read packs"),
        (Role.WRITER, {"write": EVERYTHING}, "rights-wider", "catalogs of others"),
        (Role.WRITER, {"write": ("config/probe/*",)}, "right-missing", "write packs, keys"),
        (Role.KEEPER, {"list_under": ("config/*", "catalog/*")}, "right-missing", "list everything"),
        (Role.KEEPER, {"read": ("config/*", "catalog/*")}, "right-missing", "read packs"),
        (Role.CUSTODIAN, {"delete": ("config/probe/*",)}, "right-missing", "delete packs"),
    ],
)
def test_rights_that_are_wider_or_narrower_than_the_role_are_told(
    town: Town, role: Role, changes: dict[str, Any], code: str, words: str
) -> None:
    repository, _ = town.at(role, **changes)
    found = check_rights(repository)
    assert [one.code for one in found] == [code]
    assert words in found[0].message and "lifeboat aws policy" in found[0].hint


def test_without_versions_what_can_be_deleted_is_gone_for_good_and_that_is_a_problem_of_a_guarded_machine(
    town: Town,
) -> None:
    repository, policed = town.at(Role.WRITER, delete=EVERYTHING)
    policed._versions = False
    (found,) = check_rights(repository)
    assert (found.level, found.code) == ("problem", "can-delete") and "for good" in found.message
    tight, policed = town.at(Role.WRITER)
    policed._versions = False
    assert [one.code for one in check_rights(tight)] == ["can-overwrite"]
    ci, policed = town.at(Role.CUSTODIAN)
    policed._versions = False
    (found,) = check_rights(ci)
    assert (found.level, found.code) == ("warning", "can-delete") and "gone for good" in found.message


def test_a_simple_machine_is_told_plainly_and_so_is_a_key_where_backups_are_made(tmp_path: Path) -> None:
    simple, _, _ = make(tmp_path)
    policed = PolicedStore(simple.store, rights_of(Role.SIMPLE))
    simple.store = policed
    (found,) = check_rights(simple)
    assert (found.level, found.code) == ("warning", "can-delete")
    simple.store = MemoryStore(HandClock())
    assert [one.code for one in check_rights(simple)] == ["can-delete"]


def test_a_key_where_backups_are_made_is_told(town: Town) -> None:
    enrol(town.store, state_at(town.store, town.folder / "keeper"), new_host(town.keeper, town.clock, "office"))
    keeper, _ = town.at(Role.KEEPER)
    assert [one.code for one in check_rights(keeper)] == ["rights-fit"]
    back_up(keeper, town.clock, CONTENT)
    assert [one.code for one in check_rights(keeper)] == ["key-on-writer"]


def test_a_writer_reads_no_pack_of_any_source_and_no_key() -> None:
    rights = rights_of(Role.WRITER, "ab" * 16)
    for source in Source:
        for class_ in Class:
            assert not matches(rights.read, pack_name(source, class_, "2026-11", "c" * 64)), source
    assert not matches(rights.read, key_name("2026-11", "c" * 64))
