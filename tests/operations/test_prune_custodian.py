"""The custodian prunes: with its catalog keys and the rights of its role, and with nothing else."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from archive_kit import Streaming, hours, reachable, segments
from prune_kit import World, some_bytes

from lifeboat.crypto.identity import Identity
from lifeboat.foundation.progress import Silent
from lifeboat.operations.annotate import annotate
from lifeboat.operations.prune.run import prune
from lifeboat.operations.verify.run import verify
from lifeboat.repository.custodians import add_custodian, remove_custodian
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.names import Source
from lifeboat.repository.open_repository import Repository, open_repository
from lifeboat.repository.roles import Rights, Role, rights_of
from lifeboat.repository.statements import Verb
from lifeboat.retention.rules import Rules
from lifeboat.storage.errors import StorageDenied
from lifeboat.storage.faults import Passing
from lifeboat.storage.object_store import Content, ObjectStore, StoredObject

RULES = Rules(hourly=1, daily=2, monthly=1)


class Limited(Passing):
    """A store that enforces a role's rights, as a bucket policy does."""

    def __init__(self, inner: ObjectStore, rights: Rights) -> None:
        super().__init__(inner)
        self.rights = rights

    def write(self, name: str, content: Content) -> None:
        self._may("s3:PutObject", name, self.rights.write)
        super().write(name, content)

    def read(self, name: str, span: tuple[int, int] | None = None) -> bytes:
        self._may("s3:GetObject", name, self.rights.read)
        return super().read(name, span)

    def copy_within(self, name: str, to_name: str) -> str | None:
        self._may("s3:GetObject", name, self.rights.read)
        self._may("s3:PutObject", to_name, (*self.rights.write, *self.rights.copy))
        return super().copy_within(name, to_name)

    def list_under(self, prefix: str) -> Iterator[StoredObject]:
        self._may("s3:ListBucket", prefix, self.rights.list_under)
        return super().list_under(prefix)

    def delete(self, name: str) -> None:
        self._may("s3:DeleteObject", name, self.rights.delete)
        super().delete(name)

    def _may(self, right: str, name: str, patterns: tuple[str, ...]) -> None:
        if not any(fnmatchcase(name, pattern) for pattern in patterns):
            raise StorageDenied(f"the right {right} is missing on {name}")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def custodian_of(world: World) -> Repository:
    """Opened as on its own machine."""
    custodian = Identity.generate()
    add_custodian(world.open(), "backup office", custodian.recipient)
    store = Limited(world.store, rights_of(Role.CUSTODIAN))
    state = LocalState(world.folder / "office", world.store.describe())
    return open_repository(store, identity=custodian, state=state, label="office")


def test_a_custodian_prunes_a_closed_month_with_the_rights_of_its_role(world: World) -> None:
    for day in range(31):
        record = world.take({"own": some_bytes(3_000, day), "same": some_bytes(3_000, 99)})
        world.after(days=1)
    world.say(Verb.PROOF, *world.stored())
    office = custodian_of(world)
    assert office.identity is None
    first = prune(office, RULES, Silent())
    assert len(first.forgotten) == 29 and first.findings == ()
    for day in range(8):
        world.after(days=1)
        world.take({"own": some_bytes(3_000, 100 + day)})
    again = prune(office, RULES, Silent())
    assert again.snapshots_removed == 29 and again.freed_bytes > 29 * 3_000
    assert (again.findings, again.objects_left) == ((), 0)
    assert world.problems() == []
    world.restores()
    annotate(office, record.snapshot, "the last of January")
    assert world.open().standings()[record.object_name[-64:]].kept == "the last of January"


def test_a_custodian_prunes_the_archive_by_its_names_and_says_that_it_saw_no_more(world: World) -> None:
    stream = Streaming(world)
    for _ in range(8):
        world.take({"catalog": b"", "users": b"", "roles": b""}, source=Source.MONGODB)
        hours(world, stream, 4, every=6)
    office, rules = custodian_of(world), replace(RULES, window_days=2)
    assert prune(office, rules, Silent()).archives[0].going >= 16
    assert len(segments(world)) < 16
    for hour in range(48):
        assert reachable(world, world.clock.moment - timedelta(hours=hour))
    report = verify(
        office, "structure", objectives={}, sample_percent=5, clock=world.clock, progress=Silent(), rules=rules
    )
    said = {one.code for one in report.findings if one.level != "ok"}
    assert "archive-not-read" in said and not any(one.level == "problem" for one in report.findings)


def test_what_a_custodian_had_removed_is_missed_by_nobody_after_it_was_taken_away(world: World) -> None:
    for day in range(31):
        world.take({"own": some_bytes(3_000, day)})
        world.after(days=1)
    world.say(Verb.PROOF, *world.stored())
    office = custodian_of(world)
    prune(office, RULES, Silent())
    for day in range(8):
        world.after(days=1)
        world.take({"own": some_bytes(3_000, 100 + day)})
    world.say(Verb.PROOF, *world.stored())
    prune(office, RULES, Silent())
    waiting = len(world.open().forgotten_snapshots())
    assert waiting and len(world.stored()) < 20
    remove_custodian(world.open(), "backup office")
    assert {one.code for one in world.problems("structure")} == {"said-by-nobody"}
    assert world.open().forgotten_snapshots() == [], (
        "what is still there is listed again, and a recipient's prune decides"
    )
    assert world.prune(RULES).findings == (), "and it stops no prune"


def test_beside_damage_a_custodian_that_may_read_no_pack_removes_none(world: World) -> None:
    taken = []
    for day in range(20):
        taken.append(world.take({"own": some_bytes(3_000, day)}))
        world.after(days=1)
    world.say(Verb.PROOF, *taken)
    office = custodian_of(world)
    prune(office, RULES, Silent())
    world.store.damage(taken[3].object_name, b"cut")
    for day in range(25):
        world.after(days=1)
        world.take({"own": some_bytes(3_000, 100 + day)})
    before = world.names("/2026-01/")
    report = prune(office, RULES, Silent())
    assert "catalog-not-whole" in {one.code for one in report.findings}
    assert before <= world.names()
