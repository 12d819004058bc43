"""A second copy: byte-identical, a valid repository at every instant, and never worse for what happens to the first."""

import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prune_kit import World, some_bytes
from replica_kit import a_world, assert_same, codes, copy, names_in, problems_of, restores_all

from lifeboat.foundation.finding import Level
from lifeboat.foundation.progress import Silent
from lifeboat.operations.prune.plan import Kind
from lifeboat.operations.replicate import copying, waiting
from lifeboat.operations.replicate.errors import (
    ReplicaIsTheSource,
    ReplicaNotMarked,
    ReplicaOfAnother,
    ReplicaPlaceTaken,
)
from lifeboat.operations.replicate.merge import ListingUnordered, side_by_side
from lifeboat.operations.replicate.order import Phase, phase_of
from lifeboat.operations.replicate.places import promote
from lifeboat.operations.replicate.removing import follow_prune
from lifeboat.operations.replicate.survey import survey
from lifeboat.repository.create import store_rescue_kit
from lifeboat.repository.errors import IsAReplica, NoRepository
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.open_repository import Repository, open_repository
from lifeboat.repository.replica import MARKS, read_marks, write_mark
from lifeboat.repository.statements import Verb
from lifeboat.rescue import rescue_script
from lifeboat.rescue.readme import README
from lifeboat.retention.rules import Rules
from lifeboat.storage.errors import ObjectArchived, StorageFull
from lifeboat.storage.faults import Call, CrashAtCall, FullAfter, Killed, Passing, RecordingStore, When
from lifeboat.storage.memory import MemoryStore
from lifeboat.storage.object_store import StoredObject

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def a_copy_of(world: World) -> MemoryStore:
    target = MemoryStore(world.clock)
    copy(world, target)
    return target


def opened(world: World, target: MemoryStore, folder: Path) -> Repository:
    """As a machine that has nothing but the key."""
    return open_repository(target, identity=world.owner, state=LocalState(folder, "elsewhere"), label="elsewhere")


def rows(names: set[str], size: int = 1) -> Iterator[StoredObject]:
    return (StoredObject(name, size, NOW) for name in sorted(names))


@given(st.sets(st.text("ab/-0", min_size=1, max_size=6)), st.sets(st.text("ab/-0", min_size=1, max_size=6)))
def test_two_sorted_listings_give_each_name_once_with_who_has_it(here: set[str], there: set[str]) -> None:
    told = [(one and one.name, other and other.name) for one, other in side_by_side(rows(here), rows(there))]

    assert told == [(name if name in here else None, name if name in there else None) for name in sorted(here | there)]


def test_a_listing_that_is_not_sorted_is_refused_and_not_believed() -> None:
    unordered = iter([StoredObject("b", 1, NOW), StoredObject("a", 1, NOW)])

    with pytest.raises(ListingUnordered):
        list(side_by_side(unordered, rows({"a", "b"})))


def test_every_kind_of_object_is_copied_and_the_copy_is_the_same_byte_for_byte(tmp_path: Path) -> None:
    world = a_world(tmp_path)

    report = copy(world, target := MemoryStore(world.clock))

    assert {phase_of(name) for name in names_in(world.store)} == set(Phase), "one phase is not tried at all"
    assert report.findings == () and report.copied_objects == len(names_in(world.store)) and report.first
    assert_same(world, target)
    assert copy(world, target).copied_objects == 0
    there = opened(world, target, tmp_path / "lost everything")
    assert there.id == world.open().id
    assert len(restores_all(there, world)) == 5
    assert problems_of(there, world) == []


def test_only_what_is_new_is_copied_and_nothing_is_read_twice(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    target = a_copy_of(world)
    before = names_in(target)
    world.after(hours=1).take({"new": some_bytes(5_000, 9)})

    recording = RecordingStore(world.store)
    copy(world, target, source=recording)

    new = names_in(world.store) - before
    assert {name for name in recording.names("read") if phase_of(name) not in (None, Phase.DESCRIPTION)} == new
    assert_same(world, target)


def test_nothing_that_names_an_object_is_written_before_it(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    recording = RecordingStore(MemoryStore(world.clock))

    copy(world, recording)

    written = [phase_of(name) for name in recording.names("write") if not name.startswith(MARKS)]
    assert recording.names("write")[0].startswith(MARKS)
    assert written == sorted(phase for phase in written if phase)
    links = [name for name in recording.names("write") if phase_of(name) is Phase.CHAIN]
    assert links == sorted(links)


@pytest.mark.parametrize("when", list(When))
def test_killed_at_any_call_of_the_target_it_is_a_whole_repository_as_far_as_it_goes(
    tmp_path: Path, when: When
) -> None:
    world = a_world(tmp_path)
    swept, opens = 0, 0
    while True:
        target = MemoryStore(world.clock)
        crashing = CrashAtCall(target, swept + 1, when)
        try:
            copy(world, crashing)
        except Killed:
            swept += 1
        if not crashing.was_hit:
            break
        try:
            there = opened(world, target, tmp_path / f"{when} {swept}")
        except NoRepository:
            assert not [name for name in names_in(target) if phase_of(name) is not Phase.DESCRIPTION]
        else:
            opens += 1
            restores_all(there, world)
            assert problems_of(there, world) == [], (when, swept)
        copy(world, target)
        assert_same(world, target)
    assert swept > 50 and opens > 30


class AtEachCall(Passing):
    """Lets something happen in the source at its nth call."""

    def __init__(self, inner: MemoryStore, nth: int, happens: Callable[[], object]) -> None:
        super().__init__(inner)
        self.left = nth
        self._happens = happens

    def _tick(self) -> None:
        self.left -= 1
        if self.left == 0:
            self._happens()

    def _around(self, call: Call, effect: Callable[[], object]) -> object:  # type: ignore[override]
        self._tick()
        return effect()

    def _around_list(self, call: Call, effect: Callable[[], Iterator[StoredObject]]) -> Iterator[StoredObject]:
        for row in effect():
            self._tick()
            yield row


def swept_while(world: World, happens: Callable[[World], object], folder: Path) -> int:
    """Replicate while that happens at every fourth row or call of the source; each time the copy is whole."""
    original, nth = world.store, 0
    while True:
        nth += 4
        world.store = original.copy()
        target = MemoryStore(world.clock)
        source = AtEachCall(world.store, nth, lambda: happens(world))
        report = copy(world, target, source=source)
        there = opened(world, target, folder / str(nth))
        restores_all(there, world)
        assert problems_of(there, world) == [], nth
        assert [one for one in report.findings if one.level is Level.PROBLEM] == [], nth
        if source.left > 0:
            return nth
        copy(world, target)
        assert names_in(world.store) <= names_in(target)


def test_backups_that_are_taken_meanwhile_leave_no_hole(tmp_path: Path) -> None:
    world = a_world(tmp_path / "world")
    assert swept_while(world, lambda one: one.take({"meanwhile": some_bytes(12_000, 5)}), tmp_path / "states") > 100


def test_a_prune_that_runs_meanwhile_leaves_no_hole(tmp_path: Path) -> None:
    world = World(tmp_path / "world")
    store_rescue_kit(world.store, rescue_script(), README)
    rules = Rules(hourly=1, daily=1, monthly=1)
    pruned(world, rules)
    world.after(days=8)
    assert {Kind.RECORD, Kind.PACK, Kind.INDEX} <= {one.kind for one in world.look(rules).removals}
    assert swept_while(world, lambda one: one.prune(rules), tmp_path / "states") > 100


def test_a_damaged_object_is_not_copied_over_and_is_named_with_what_it_hurts(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    target = a_copy_of(world)
    world.after(hours=1).take({"new": some_bytes(5_000, 9)})
    old_pack = next(name for name in names_in(target) if phase_of(name) is Phase.PACK)
    new_pack = next(name for name in names_in(world.store) - names_in(target) if phase_of(name) is Phase.PACK)
    good = target.read(old_pack)
    world.store.damage(old_pack, bytes(len(good)))
    flipped = bytearray(world.store.read(new_pack))
    flipped[-1] ^= 1
    world.store.damage(new_pack, bytes(flipped))

    report = copy(world, target, hurts=lambda names: dict.fromkeys(names, ("snapshot abc",)))

    [finding] = report.findings
    assert (finding.code, finding.subject, finding.hurts) == ("source-object-damaged", new_pack, ("snapshot abc",))
    assert target.read(old_pack) == good
    assert new_pack not in names_in(target)
    assert report.missing_objects == 1


def test_what_was_cut_in_the_replica_is_seen_and_mended_from_the_good_side_only(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    target = a_copy_of(world)
    first, second = [name for name in sorted(names_in(target)) if phase_of(name) is Phase.PACK][:2]
    target.damage(first, target.read(first)[:-1])
    world.store.damage(second, world.store.read(second)[:-1])

    told = copy(world, target)
    assert sorted(codes(told.findings)) == ["replica-differs", "replica-differs"]
    assert target.read(first) != world.store.read(first)

    mended = copy(world, target, repair=True)
    assert mended.repaired_objects == 1
    assert target.read(first) == world.store.read(first)
    assert [(one.code, one.subject) for one in mended.findings] == [("source-object-damaged", second)]
    assert problems_of(opened(world, target, tmp_path / "key alone"), world) == []

    target.damage(second, b"gone as well")
    assert codes(copy(world, target, repair=True).findings) == ["replica-not-repaired"]


def test_who_empties_the_repository_does_not_empty_the_replica_and_is_noticed(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    target = a_copy_of(world)
    before, taken = names_in(target), len(world.stored())
    for name in names_in(world.store):
        if not name.startswith("config/repository-"):
            world.store.delete(name)

    report = copy(world, target)
    removed, _ = follow_prune(world.store, world.open(target), Rules(), Silent(), dry_run=False)

    assert removed == [] and names_in(target) == before
    [finding] = report.findings
    assert finding.code == "repository-lost-snapshots" and f"{taken} snapshots" in finding.message
    assert report.kept_on_objects == len(before) - 1
    assert len(restores_all(opened(world, target, tmp_path / "key alone"), world)) == taken


def pruned(world: World, rules: Rules) -> None:
    """Snapshots of a month that is long over, all proved, some of them forgotten; not removed yet."""
    for day in range(4):
        world.after(days=1).take({"own": some_bytes(2_000, day), "one": some_bytes(6_000, 1)})
    for later in range(3):
        world.after(days=25).take({"late": some_bytes(2_000, 20 + later)})
    world.say(Verb.PROOF, *world.stored())
    assert world.prune(rules).forgotten


def test_the_replica_follows_prune_only_when_told_to_and_only_after_the_grace(tmp_path: Path) -> None:
    rules = Rules(hourly=1, daily=1, monthly=1)
    world = World(tmp_path)
    pruned(world, rules)
    target = a_copy_of(world)
    before = names_in(target)

    assert follow_prune(world.store, world.open(target), rules, Silent(), dry_run=False)[0] == []
    world.after(days=8)
    # The replica would do it now; the repository has not yet.
    assert follow_prune(world.store, world.open(target), rules, Silent(), dry_run=False)[0] == []
    assert world.prune(rules).objects_removed

    report = copy(world, target)
    assert report.findings == () and report.kept_on_objects > 0
    assert before <= names_in(target)

    planned, _ = follow_prune(world.store, world.open(target), rules, Silent(), dry_run=True)
    assert before <= names_in(target)
    removed, _ = follow_prune(world.store, world.open(target), rules, Silent(), dry_run=False)
    assert {one.name for one in removed} == {one.name for one in planned}
    assert {Kind.RECORD, Kind.PACK} <= {one.kind for one in removed}
    assert names_in(target) == names_in(world.store)
    assert problems_of(opened(world, target, tmp_path / "key alone"), world) == []


def test_following_prune_keeps_a_pack_that_a_thief_removed_beside_what_prune_did(tmp_path: Path) -> None:
    rules = Rules(hourly=1, daily=1, monthly=1)
    world = World(tmp_path)
    pruned(world, rules)
    world.after(days=8)
    target = a_copy_of(world)
    world.prune(rules)
    left = world.stored()
    for name in [name for name in names_in(world.store) if phase_of(name) in (Phase.PACK, Phase.KEY, Phase.RECORD)]:
        world.store.delete(name)

    follow_prune(world.store, world.open(target), rules, Silent(), dry_run=False)

    there = {record.snapshot for record in restores_all(opened(world, target, tmp_path / "key alone"), world)}
    assert left and {one.snapshot for one in left} <= there


def test_following_prune_takes_no_pack_from_a_record_that_stays(tmp_path: Path) -> None:
    rules = Rules(hourly=1, daily=1, monthly=1)
    world = World(tmp_path)
    pruned(world, rules)
    target = a_copy_of(world)
    world.after(days=8)  # the repository's prune is due, and has not run
    going = {one.name for one in world.look(rules).removals}
    for name in going:
        if phase_of(name) is Phase.PACK:
            world.store.delete(name)

    assert follow_prune(world.store, world.open(target), rules, Silent(), dry_run=False)[0] == []
    restores_all(opened(world, target, tmp_path / "key alone"), world)


class Archived(Passing):
    """Has some objects in an archive class."""

    def __init__(self, inner: MemoryStore, names: set[str]) -> None:
        super().__init__(inner)
        self.names = names

    def _around(self, call: Call, effect: Callable[[], object]) -> object:  # type: ignore[override]
        if call.kind == "read" and call.name in self.names:
            raise ObjectArchived(f"{call.name} is in GLACIER")
        return effect()

    def _around_list(self, call: Call, effect: Callable[[], Iterator[StoredObject]]) -> Iterator[StoredObject]:
        for row in effect():
            yield replace(row, storage_class="GLACIER") if row.name in self.names else row


def test_what_lies_in_an_archive_class_is_told_once_and_lists_no_snapshot_with_a_hole(tmp_path: Path) -> None:
    world = World(tmp_path)
    old = world.take({"old": some_bytes(5_000, 1)})
    world.after(days=40)
    new = world.take({"new": some_bytes(5_000, 2)})
    archived = {name for name in names_in(world.store) if name.startswith("files/pack/short/2026-01/")}
    target = MemoryStore(world.clock)

    report = copy(world, target, source=Archived(world.store, archived))

    assert all(one.level is Level.WARNING for one in report.findings)
    assert codes(report.findings) == ["source-objects-archived", "snapshots-held-back"]
    assert report.missing_objects == len(archived) + 1
    there = restores_all(opened(world, target, tmp_path / "key alone"), world)
    assert [one.snapshot for one in there] == [new.snapshot]

    assert copy(world, target).findings == ()  # they were brought back
    assert (
        copy(world, target, source=Archived(world.store, archived)).findings == ()
    )  # and went again: the replica has them
    there = restores_all(opened(world, target, tmp_path / "key alone"), world)
    assert {one.snapshot for one in there} == {old.snapshot, new.snapshot}


def test_a_full_replica_is_said_to_be_full_and_the_next_run_goes_on(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    target = MemoryStore(world.clock)

    with pytest.raises(StorageFull):
        copy(world, FullAfter(target, 12))
    copied = copy(world, target).copied_objects

    assert 0 < copied < len(names_in(world.store))
    assert_same(world, target)


def test_places_that_are_no_replica_of_this_repository_are_refused_and_not_touched(tmp_path: Path) -> None:
    world, other = a_world(tmp_path / "one"), World(tmp_path / "other")
    strange = MemoryStore(world.clock)
    strange.write("something/else", b"x")
    unmarked = world.store.copy()

    for target, error in ((strange, ReplicaPlaceTaken), (other.store, ReplicaOfAnother), (unmarked, ReplicaNotMarked)):
        before = names_in(target)
        with pytest.raises(error):
            copy(world, target)
        assert names_in(target) == before and read_marks(target) == []

    world.take({"new": b"new"})
    assert copy(world, unmarked, adopt=True).findings == ()
    assert_same(world, unmarked)


def test_the_repository_itself_by_another_name_is_no_replica(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    before = names_in(world.store)

    with pytest.raises(ReplicaIsTheSource):
        copy(world, Passing(world.store), adopt=True)

    assert names_in(world.store) == before and read_marks(world.store) == []


def test_nothing_of_its_own_is_written_into_a_replica_until_it_is_made_the_repository(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    target = a_copy_of(world)
    there = opened(world, target, tmp_path / "elsewhere")

    for act in (
        lambda: world.take({"x": b"y"}, repository=there),
        lambda: there.new_writer(world.clock.now()),
    ):
        with pytest.raises(IsAReplica):
            act()
    assert_same(world, target)
    assert problems_of(there, world) == []  # a verification proves, and says so elsewhere
    assert_same(world, target)

    assert promote(target) == 1
    taken = world.take({"x": b"y"}, repository=opened(world, target, tmp_path / "elsewhere"))
    assert taken.snapshot in {one.snapshot for one in restores_all(opened(world, target, tmp_path / "again"), world)}
    with pytest.raises(ReplicaNotMarked):
        copy(world, target)


def test_a_planted_mark_does_not_stop_a_machine_that_backs_up(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    write_mark(world.store, world.open().id, "some\x1b[31mwhere", world.clock.now())

    assert "\x1b" not in read_marks(world.store)[0].of
    taken = world.take({"x": b"y"})

    assert taken.snapshot in {one.snapshot for one in world.stored()}


def test_waiting_rows_and_what_is_in_flight_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    rows_ = [waiting.Row(f"files/pack/short/2026-01/{number:064x}", number) for number in range(50_000)]
    monkeypatch.setattr(waiting, "IN_MEMORY_BYTES", 1_000)
    spool = waiting.Waiting()
    for row in rows_:
        spool.add(row)

    assert list(spool) == rows_ and list(spool) == rows_
    assert spool._file._rolled  # type: ignore[attr-defined]
    assert spool.count == 50_000 and spool.bytes == sum(range(50_000))
    spool.close()


class OnlyNames(MemoryStore):
    """Packs that are names alone, made as they are listed."""

    def __init__(self, world: World, names: int) -> None:
        super().__init__(world.clock)
        self._names = names

    def list_under(self, prefix: str) -> Iterator[StoredObject]:
        if prefix == "files/pack/":
            for number in range(self._names):
                yield StoredObject(f"files/pack/short/2026-01/{number:064x}", 1000, NOW)


def test_many_missing_names_take_no_more_memory_than_a_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "IN_MEMORY_BYTES", 200_000)
    world, peaks = World(tmp_path), []
    for count in (5_000, 20_000):
        tracemalloc.start()
        with survey(OnlyNames(world, count), MemoryStore(world.clock), Silent()) as found:
            assert found.objects == count and found.bytes == count * 1000
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 50_000 and peaks[1] < 5 * waiting.IN_MEMORY_BYTES


def test_no_more_is_in_memory_at_once_than_the_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path)
    for day in range(6):
        world.after(hours=1).take({"one": some_bytes(20_000, day)})
    monkeypatch.setattr(copying, "IN_FLIGHT_BYTES", 9_000)
    inside, most = {"bytes": 0}, 0

    class Measured(Passing):
        def read(self, name: str, span: tuple[int, int] | None = None) -> bytes:
            nonlocal most
            content = super().read(name, span)
            if phase_of(name) is Phase.PACK:
                inside["bytes"] += len(content)
                most = max(most, inside["bytes"])
            return content

    class Let(Passing):
        def write(self, name: str, content: object) -> None:
            super().write(name, content)  # type: ignore[arg-type]
            if phase_of(name) is Phase.PACK:
                inside["bytes"] -= len(content)  # type: ignore[arg-type]

    target = MemoryStore(world.clock)
    copy(world, Let(target), source=Measured(world.store))

    assert_same(world, target)
    assert 0 < most <= 9_000
