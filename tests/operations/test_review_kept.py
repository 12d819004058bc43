"""What somebody could lose or be told wrongly when machines disagree: prune, verify, keeps and thieves at the same time."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from prune_kit import World, some_bytes

from lifeboat.crypto.identity import Identity, to_base64
from lifeboat.foundation.progress import Silent
from lifeboat.operations.annotate import annotate
from lifeboat.operations.verify.run import verify
from lifeboat.repository.catalog_format import Index, joined_names, seal_index, seal_record
from lifeboat.repository.custodians import add_custodian
from lifeboat.repository.errors import SnapshotUnknown
from lifeboat.repository.names import digest, index_name, snapshot_name
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.quarantine import quarantined
from lifeboat.repository.record import Record
from lifeboat.repository.statements import Verb, write_statements
from lifeboat.retention.rules import Rules
from lifeboat.storage.errors import StorageDenied
from lifeboat.storage.faults import Passing

FEW = Rules(hourly=1, daily=2, monthly=1)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def month(world: World, days: int = 20) -> list[Record]:
    taken = []
    for day in range(days):
        taken.append(world.take({"own": some_bytes(3_000, day)}))
        world.after(days=1)
    return taken


def test_a_custodian_cannot_undo_a_keep_that_the_record_itself_states(world: World) -> None:
    custodian = Identity.generate()
    add_custodian(world.open(), "office", custodian.recipient)
    record = world.take(keep="before migration")
    world.after(days=1)
    month(world)
    world.say(Verb.PROOF, *world.stored())
    description = world.open().description
    write_statements(world.store, description, custodian, Verb.FORGET, [record], "", world.clock.now())
    for _ in range(6):
        world.after(days=8)
        world.take()
        world.prune(FEW)
    (row,) = [one for one in world.open().snapshots() if one.snapshot == record.snapshot]
    assert world.open().standings()[row.object_name[-64:]].keep_of(row) == "before migration"


class Meanwhile(Passing):
    """A store in which something happens right before the first object of a kind is deleted."""

    def __init__(self, world: World, what: Callable[[], object]) -> None:
        super().__init__(world.store)
        self.what: Callable[[], object] | None = what

    def time_there(self):  # type: ignore[no-untyped-def]
        now = super().time_there()
        return now

    def list_under(self, prefix: str):  # type: ignore[no-untyped-def]
        found = list(super().list_under(prefix))
        if prefix == "keys/" and self.what is not None:  # the last that prune looks at
            what, self.what = self.what, None
            what()
        return iter(found)


@pytest.mark.parametrize("keep", ["before migration", None])
def test_what_is_kept_or_released_while_prune_runs_is_not_removed(world: World, keep: str | None) -> None:
    taken = month(world, 31)
    world.say(Verb.PROOF, *world.stored())
    world.prune(FEW)
    for _ in range(2):
        world.after(days=4)
        world.take()
    wanted = taken[3]
    store = Meanwhile(world, lambda: annotate(world.open(), wanted.snapshot, keep))
    report = world.prune(FEW, store)
    assert store.what is None
    assert wanted.snapshot in {one.snapshot for one in world.stored()}
    assert world.problems() == []
    world.restores()
    assert "said-meanwhile" in {one.code for one in report.findings}
    assert world.prune(FEW).snapshots_removed > 20, "the next one goes on"


def test_a_keep_that_came_too_late_is_not_reported_as_done(world: World) -> None:
    (first, *_) = month(world, 3)
    repository = world.open()

    class Gone(Passing):
        def write(self, name, content):  # type: ignore[no-untyped-def]
            super().write(name, content)
            if "/keep-" in name:
                world.store.delete(first.object_name)

    repository.store = Gone(world.store)
    with pytest.raises(SnapshotUnknown, match="removed"):
        annotate(repository, first.snapshot, "too late")


class Holds(Passing):
    """A store that does not let the objects of one month go: somebody has put a hold on them."""

    held = "/2026-01/"

    def delete(self, name: str) -> None:
        if self.held in name and "/pack/" in name:
            raise StorageDenied(f"{name} is held")
        super().delete(name)


def test_a_hold_on_one_month_does_not_keep_all_later_ones_for_ever(world: World) -> None:
    month(world, 59)
    world.say(Verb.PROOF, *world.stored())
    for _ in range(3):
        world.after(days=8)
        world.take()
        report = world.prune(FEW, Holds(world.store))
    assert [one.code for one in report.findings] == ["removal-refused"]
    assert len(world.names("/pack/short/2026-01/")) >= 31
    assert len(world.names("/pack/short/2026-02/")) <= 4
    assert world.problems() == []
    world.restores()
    assert world.prune(FEW).findings == () and len(world.names("/pack/short/2026-01/")) <= 4


def lie(repository: Repository, thief: str, victim: Record, **changes: object) -> None:
    """An index in the thief's catalog that tells something false of another writer's packs."""
    secret = repository.secrets[thief]
    for _, index in repository.indexes(victim.writer, victim.generation):
        assert isinstance(index, Index)
        said = {name: change for name, change in changes.items() if name in ("source", "class_")}
        told = {name: change for name, change in changes.items() if name not in said}
        lying = replace(index, packs=tuple(replace(pack, **told) for pack in index.packs), **said)  # type: ignore[arg-type]
        raw = seal_index(
            lying,
            writer=secret.writer,
            catalog_key=secret.catalog_key,
            repository=repository.id,
            generation=victim.generation,
        )
        repository.store.write(index_name(thief, victim.generation, digest(raw)), raw)


@pytest.mark.parametrize(
    "changes", [{"size_bytes": 7}, {"class_": "long"}, {"data_key_name": bytes(32)}, {"rows": b""}]
)
@pytest.mark.parametrize("thief_first", [True, False])
def test_a_stolen_writer_can_neither_doubt_nor_keep_from_proof_what_another_stored(
    world: World, changes: dict[str, object], thief_first: bool
) -> None:
    one, other = world.take(label="one"), world.take(label="two")
    thief, victim = sorted((one, other), key=lambda record: record.writer, reverse=not thief_first)
    if "proved":
        verify(world.open(), "full", objectives={}, sample_percent=100, clock=world.clock, progress=Silent())
    world.after(hours=1)
    lie(world.open(), thief.writer, victim, **changes)
    for machine in ("host", "fresh"):
        fresh = world.open(label=machine)
        report = verify(fresh, "full", objectives={}, sample_percent=100, clock=world.clock, progress=Silent())
        assert "index-contradicted" in {finding.code for finding in report.findings}
        assert all(thief.writer in finding.subject for finding in report.findings if finding.level == "problem")
        assert quarantined(fresh.state, fresh.id) == frozenset()
        assert world.open().standings()[victim.object_name[-64:]].proved is not None
    assert not world.names("/doubt-")
    for name in world.names("/proof-"):
        world.store.delete(name)
    report = verify(world.open(), "full", objectives={}, sample_percent=100, clock=world.clock, progress=Silent())
    assert victim.snapshot in report.proved


def test_a_stolen_writers_record_that_names_anothers_packs_hurts_nobody_else(world: World) -> None:
    one, other = world.take(label="one"), world.take(label="two")
    for thief, victim in ((one, other), (other, one)):
        secret = world.open().secrets[thief.writer]
        raw = seal_record(
            {**thief.to_json(), "snapshot": "ab" * 16, "packs": to_base64(joined_names(victim.packs))},
            writer=secret.writer,
            catalog_key=secret.catalog_key,
            repository=world.open().id,
            generation=thief.generation,
        )
        world.store.write(snapshot_name(thief.writer, thief.generation, digest(raw)), raw)
    fresh = world.open(label="fresh")
    report = verify(fresh, "full", objectives={}, sample_percent=100, clock=world.clock, progress=Silent())
    assert {one.snapshot, other.snapshot} == set(report.proved)
    assert quarantined(fresh.state, fresh.id) == frozenset()


@pytest.mark.parametrize("moment", ["before the packs are listed", "while they are read"])
def test_verify_beside_prune_is_no_alarm(world: World, moment: str) -> None:
    month(world, 31)
    world.say(Verb.PROOF, *world.stored())
    world.prune(FEW)
    for _ in range(2):
        world.after(days=4)
        world.take()

    class Pruned(Passing):
        done = False

        def list_under(self, prefix: str):  # type: ignore[no-untyped-def]
            if "/pack/" in prefix and moment.startswith("before"):
                self.prune()
            return super().list_under(prefix)

        def read(self, name, span=None):  # type: ignore[no-untyped-def]
            if "/pack/" in name and span is None:
                self.prune()
            return super().read(name, span)

        def prune(self) -> None:
            if not self.done:
                self.done = True
                assert world.prune(FEW).snapshots_removed > 20

    repository = world.open(Pruned(world.store))
    report = verify(repository, "full", objectives={}, sample_percent=100, clock=world.clock, progress=Silent())
    assert [one for one in report.findings if one.level == "problem"] == []
    assert not world.names("/doubt-") and quarantined(repository.state, repository.id) == frozenset()


def test_a_hint_that_cannot_be_written_fails_no_backup(world: World, tmp_path: Path) -> None:
    from lifeboat.operations.classes import remember_long

    record = world.take()
    repository = world.open()
    (repository.state.directory / "long-files.json").mkdir()
    remember_long(repository, record)
