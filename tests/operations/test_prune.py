"""Prune: what it lets go, what it removes, what it leaves alone, and what it says."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prune_kit import World, some_bytes

from lifeboat.foundation.finding import Level
from lifeboat.foundation.progress import Silent
from lifeboat.operations.annotate import annotate, list_snapshots
from lifeboat.operations.prune.plan import Kind
from lifeboat.operations.prune.run import look, prune
from lifeboat.repository.catalog_format import Index, IndexedPack, seal_index
from lifeboat.repository.errors import KeyMissing, SnapshotUnknown, StoreClockMoved
from lifeboat.repository.names import Class, Source, digest, index_name
from lifeboat.repository.record import Record
from lifeboat.repository.statements import Verb
from lifeboat.repository.writing import RunAborted
from lifeboat.retention.rules import Rules, RulesKeepNothing
from lifeboat.storage.errors import StorageDenied
from lifeboat.storage.faults import CrashAtCall, Killed, Passing, When
from lifeboat.storage.object_store import Content, ObjectStore, StoredObject

FEW = Rules(hourly=1, daily=2, monthly=2)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def days(world: World, count: int, **more: object) -> list[Record]:
    """One snapshot a day, each with something of its own and something of the first."""
    taken = []
    for _ in range(count):
        content = {"own": some_bytes(3_000, world.clock.moment.toordinal()), "shared": some_bytes(5_000, 1)}
        taken.append(world.take(content, **more))  # type: ignore[arg-type]
        world.after(days=1)
    return taken


def test_a_life_of_snapshots_is_let_go_then_removed_and_the_rest_is_whole(world: World) -> None:
    january = days(world, 31)
    world.say(Verb.PROOF, *january)
    february = days(world, 10)
    world.say(Verb.PROOF, *february)
    before = world.names()

    first = world.prune(FEW)
    assert len(first.forgotten) == 41 - 2, "two days are kept; their hour is the newest day's"
    assert first.objects_removed == 0, "nothing is removed before the grace"
    assert before < world.names()
    assert {one.snapshot for one in world.open().snapshots()} == {one.snapshot for one in february[-2:]}
    assert len(world.open().forgotten_snapshots()) == 39
    assert world.problems() == []
    world.restores()

    days(world.after(days=7), 1)
    second = world.prune(FEW)
    assert second.snapshots_removed == 31, "January is closed, February is not"
    assert second.freed_bytes > 0 and second.objects_left == 0
    assert world.names("/2026-01/") == world.names("link-") & world.names("/2026-01/") | world.names("/2026-01/forget-")
    assert world.problems() == []
    world.restores()
    assert world.prune(FEW).objects_removed == 0, "and nothing is left to do"


def test_what_is_kept_keeps_its_packs_in_a_closed_month(world: World) -> None:
    kept = world.take({"one": some_bytes(9_000, 1)}, keep="before migration")
    gone = world.after(hours=1).take({"one": some_bytes(9_000, 1) + b"more", "two": some_bytes(9_000, 2)})
    for _ in range(3):
        world.after(days=20)
        world.say(Verb.PROOF, gone, *days(world, 3))
        world.prune(FEW)
    assert gone.object_name not in world.names()
    assert kept.object_name in world.names()
    world.restores()
    assert world.problems() == []
    assert [row.keep for row in list_snapshots(world.open(), forgotten=False) if row.snapshot == kept.snapshot] == [
        "before migration"
    ]


def test_without_proofs_nothing_is_let_go_before_the_lock_ends(world: World) -> None:
    january = days(world, 31)
    days(world, 28 + 6)
    assert world.look(FEW).forget == ()
    assert "not proved yet: kept until 2026-03-08" in {one.verdict.reason for one in world.look(FEW).judged}
    days(world, 3)
    assert {one.record.snapshot for one in world.look(FEW).forget} == {one.snapshot for one in january}


def test_the_month_s_copies_are_counted_on_their_own(world: World) -> None:
    long = []
    for month in range(1, 7):
        world.clock.moment = datetime(2026, month, 1, 3, tzinfo=UTC)
        long.append(world.take(class_=Class.LONG))
        long_proof = days(world.after(hours=1), 3)
        world.say(Verb.PROOF, long[-1], *long_proof)
        world.prune(FEW)
    days(world.after(days=8), 1)
    world.prune(FEW)
    there = {one.snapshot for one in world.stored() if one.class_ == Class.LONG}
    assert {one.snapshot for one in long[-2:]} <= there
    assert long[0].snapshot not in there
    world.restores()
    assert world.problems() == []


def test_a_forgotten_snapshot_is_hidden_and_comes_back(world: World) -> None:
    old = days(world, 5)[0]
    world.say(Verb.PROOF, *world.stored())
    world.prune(FEW)
    repository = world.open()
    with pytest.raises(SnapshotUnknown) as hidden:
        repository.find_snapshot(old.snapshot[:8])
    assert "--release" in hidden.value.hint
    row = next(one for one in list_snapshots(repository, forgotten=True) if one.snapshot == old.snapshot)
    assert row.released_until == world.clock.now() + timedelta(days=7)
    annotate(repository, old.snapshot[:8], None)
    assert world.open().find_snapshot(old.snapshot[:8]) == old
    assert old.snapshot not in world.prune(FEW).forgotten, "a week to think"
    days(world, 8)
    assert old.snapshot in world.prune(FEW).forgotten
    assert annotate(world.open(), old.snapshot, "wanted after all").keep == "wanted after all"
    days(world, 60)
    world.prune(FEW)
    assert old.object_name in world.names()
    world.restores([old])


def test_what_the_rules_keep_again_is_taken_back(world: World) -> None:
    days(world, 5)
    world.say(Verb.PROOF, *world.stored())
    world.prune(FEW)
    report = world.prune(Rules(hourly=1, daily=9))
    assert len(report.taken_back) == 3
    assert len(world.open().snapshots()) == 5


def test_what_a_clock_that_ran_ahead_had_forgotten_is_taken_back_all_the_same(world: World) -> None:
    older, _, newest = days(world, 3)
    world.after(days=30)
    world.say(Verb.FORGET, older, newest)
    world.after(days=-30)
    world.prune(FEW)
    assert newest in world.open().snapshots(), "prune takes back what the rules keep"
    annotate(world.open(), older.snapshot, None)
    assert older in world.open().snapshots()
    world.after(days=1)
    assert world.prune(FEW).taken_back == ()


def test_the_last_word_of_a_person_counts_though_the_clock_ran_ahead_at_an_earlier_one(world: World) -> None:
    """Released while the store's clock was a month ahead of now, then kept: the keep must not be taken for the older word."""
    first, *_ = days(world, 3)
    world.after(days=30)
    world.say(Verb.FORGET, first)
    world.after(days=-30)
    annotate(world.open(), first.snapshot, None)
    assert annotate(world.open(), first.snapshot, "before the migration").keep == "before the migration"
    world.say(Verb.PROOF, *world.stored())
    world.prune(FEW)
    assert first in world.open().snapshots()
    assert annotate(world.open(), first.snapshot, None).keep is None
    assert annotate(world.open(), first.snapshot, "after all").keep == "after all"


def test_uploads_of_killed_runs_in_closed_months_are_collected(world: World) -> None:
    world.take()
    for nth in (8, 9, 10, 11):
        with pytest.raises((Killed, RunAborted)):
            world.after(minutes=1).take(
                {"big": some_bytes(40_000, nth)}, store=CrashAtCall(world.store, nth, When.AFTER, frozenset({"write"}))
            )
    needed = {pack.hex() for one in world.stored() for pack in one.packs}
    abandoned = {name for name in world.names("/pack/") if name[-64:] not in needed}
    assert len(abandoned) > 3 and len(world.names("keys/")) > 3
    days(world, 20)
    assert world.look().removals == ()
    days(world, 20)
    world.prune()
    assert not abandoned & world.names()
    assert world.problems() == []
    world.restores()
    assert world.prune().objects_removed == 0


def test_a_safety_snapshot_goes_after_30_days(world: World) -> None:
    safety = world.take(purpose="safety")
    world.say(Verb.PROOF, safety)
    days(world, 29)
    assert safety.snapshot not in world.prune(FEW).forgotten
    days(world, 2)
    assert safety.snapshot in world.prune(FEW).forgotten


def test_the_newest_proved_and_the_newest_of_each_source_never_go(world: World) -> None:
    proved = world.take({"one": some_bytes(3_000, 5)})
    world.say(Verb.PROOF, proved)
    database = world.take({"one": some_bytes(3_000, 6)}, source=Source.MONGODB)
    for _ in range(6):
        world.after(days=25)
        days(world, 3)
        world.prune(FEW)
    assert {proved.object_name, database.object_name} <= world.names()
    world.restores()


def test_a_replaced_writer_goes_with_its_last_hours_and_one_beside_it_stays(world: World) -> None:
    old = days(world, 2)
    beside = days(world, 2, label="twin")
    world.take(new_writer=True)
    days(world, 70)
    world.after(days=3)
    days(world, 3)
    world.prune(FEW)
    days(world, 8)
    world.prune(FEW)
    assert not {one.object_name for one in old} & world.names()
    assert {one.object_name for one in beside} <= world.names()
    world.restores()
    assert world.problems() == []


def test_rules_that_keep_nothing_are_refused_before_anything_is_read(world: World) -> None:
    with pytest.raises(RulesKeepNothing):
        world.prune(Rules(hourly=0, daily=0))


def test_without_a_key_that_may_say_so_nothing_is_let_go(world: World) -> None:
    days(world, 3)
    repository = world.open()
    repository.identity = None
    with pytest.raises(KeyMissing):
        prune(repository, FEW, Silent())
    assert len(look(repository, FEW, Silent()).judged) == 3, "but anybody with the catalog may look"


@pytest.mark.parametrize("kind", ["snapshot-", "index-", "proof-"])
def test_beside_something_that_does_not_open_nothing_is_let_go_or_removed(world: World, kind: str) -> None:
    january = days(world, 10)
    world.say(Verb.PROOF, *january)
    other = days(world, 4, label="other")
    world.say(Verb.PROOF, *other)
    days(world, 25, label="other")
    days(world, 5)
    world.prune(FEW)
    broken = min(name for name in world.names(f"catalog/{january[0].writer}/2026-01/") if f"/{kind}" in name)
    world.store.damage(broken, b"not what it was")
    days(world, 20)
    days(world, 20, label="other")
    mine = {name for name in world.names() if f"{january[0].writer}/2026-01" in name}
    packs = {name for name in world.names() if name[-64:] in {pack.hex() for one in january for pack in one.packs}}
    report = world.prune(FEW)
    assert "catalog-not-whole" in {one.code for one in report.findings}
    assert mine | packs <= world.names()
    assert other[0].object_name not in world.names(), "another writer's are removed all the same"
    world.store.delete(broken)


def test_a_pack_without_a_known_owner_stays_beside_damage(world: World) -> None:
    """A record that does not open may need any pack of its writer; a stolen writer's index may not give it away."""
    victim = [world.take({"only": some_bytes(6_000, 77)}, label="victim"), *days(world, 3, label="victim")]
    days(world, 3)
    alone = {pack.hex() for pack in victim[0].packs} - {pack.hex() for one in victim[1:] for pack in one.packs}
    assert alone, "packs that only the damaged record names"
    world.store.damage(victim[0].object_name, b"cut")
    days(world, 60)
    days(world, 1, label="victim")
    world.prune(FEW)
    days(world, 10)
    world.prune(FEW)
    assert {pack.hex() for pack in victim[0].packs} <= {name[-64:] for name in world.names("/pack/")}
    assert world.names("keys/2026-01/")


@pytest.mark.parametrize("hours", [-1, -24 * 40])
def test_a_store_clock_that_went_back_stops_it(world: World, hours: int) -> None:
    days(world, 40)
    world.after(hours=hours - 24)
    report = world.prune(FEW)
    assert [one.code for one in report.findings if one.level is Level.PROBLEM] == ["store-clock-doubtful"]
    assert (report.forgotten, report.objects_removed) == ((), 0)


def test_a_store_clock_that_ran_ahead_is_believed_after_a_week_of_backups(world: World) -> None:
    days(world, 10)
    world.after(days=100)
    assert "store-clock-doubtful" in {one.code for one in world.prune(FEW).findings}
    days(world, 3)
    assert "store-clock-doubtful" in {one.code for one in world.prune(FEW).findings}
    days(world, 5)
    assert world.prune(FEW).findings == ()


def test_a_record_from_the_future_is_kept_and_counts_for_nothing(world: World) -> None:
    days(world, 3)
    world.clock.moment += timedelta(hours=2)
    forged = world.take()
    world.clock.moment -= timedelta(hours=2)
    report = world.prune(FEW)
    verdict = next(one for one in report.verdicts if one.snapshot == forged.snapshot)
    assert verdict.because == "from-the-future" or "store-clock-doubtful" in {one.code for one in report.findings}


class NoDeleting(Passing):
    """A store with write-once rights."""

    def __init__(self, inner: ObjectStore, part: str = "") -> None:
        super().__init__(inner)
        self.part = part

    def delete(self, name: str) -> None:
        if self.part in name:
            raise StorageDenied(f"the right s3:DeleteObject is missing for {name}")
        super().delete(name)


class Deaf(Passing):
    """Says yes to a deletion and does nothing."""

    def delete(self, name: str) -> None:
        pass


@pytest.mark.parametrize("make", [NoDeleting, Deaf, lambda inner: NoDeleting(inner, "/pack/")])
def test_a_store_that_refuses_to_delete_is_reported_and_nothing_is_hurt(world: World, make: type[NoDeleting]) -> None:
    days(world, 31)
    world.say(Verb.PROOF, *world.stored())
    world.prune(FEW)
    days(world, 8)
    refusing = make(world.store)
    report = world.prune(FEW, store=refusing)
    assert [one.code for one in report.findings] == ["removal-refused"]
    assert report.objects_left > 0
    assert world.problems() == []
    world.restores()
    assert world.prune(FEW).objects_left == 0
    assert world.problems() == []


def test_a_plan_that_has_slept_is_not_carried_out(world: World) -> None:
    days(world, 31)
    world.say(Verb.PROOF, *world.stored())

    class Sleepy(Passing):
        """The machine sleeps for a day right after it has looked."""

        def list_under(self, prefix: str) -> Iterator[StoredObject]:
            yield from super().list_under(prefix)
            if prefix == "keys/":
                world.after(days=1)

        def write(self, name: str, content: Content) -> None:
            raise AssertionError(name)

    with pytest.raises(StoreClockMoved):
        world.prune(FEW, store=Sleepy(world.store))


def test_a_run_cannot_commit_into_a_month_that_prune_may_touch(world: World) -> None:
    """The run's own check ends a day before prune begins, so a commit that is long on its way has landed by then."""
    world.clock.moment = datetime(2026, 1, 31, 23, tzinfo=UTC)
    repository = world.open()

    class Slow(Passing):
        """The upload takes until just before the month is closed."""

        def write(self, name: str, content: Content) -> None:
            super().write(name, content)
            if "/pack/" in name:
                world.clock.moment = datetime(2026, 2, 7, 0, 0, 1, tzinfo=UTC)

    repository.store = Slow(world.store)
    with pytest.raises(StoreClockMoved):
        world.take(repository=repository)
    assert world.stored() == []


def test_the_dry_run_tells_all_of_it_and_changes_nothing(world: World) -> None:
    days(world, 31)
    world.say(Verb.PROOF, *world.stored())
    days(world, 5)
    before = world.names()
    plan = world.look(FEW)
    assert world.names() == before
    assert len(plan.judged) == 36
    assert [when for when, _ in plan.later] == sorted(when for when, _ in plan.later)
    january, february = datetime(2026, 2, 8, tzinfo=UTC), datetime(2026, 3, 8, tzinfo=UTC)
    assert {when for when, _ in plan.later} <= {january, february, max(january, plan.now + timedelta(days=7))}
    freed = sum(count for _, count in plan.later)
    packs = sum(stored.size_bytes for stored in world.store.list_under("files/"))
    assert 0 < freed < packs
    world.prune(FEW)
    days(world.after(days=7), 1)
    report = world.prune(FEW)
    assert report.freed_bytes > 0
    kinds = [one.kind for one in world.look(FEW).removals]
    assert kinds == sorted(kinds, key=lambda kind: kind is Kind.STATEMENT)


def plant_index(world: World, label: str, generation: str, source: Source, packs: list[bytes]) -> None:
    """As a thief with this machine's secret could: an index that says of any packs that they need another key."""
    repository = world.open(label=label)
    secret = repository.writer(world.clock.now())
    raw = seal_index(
        Index(source, Class.SHORT, tuple(IndexedPack(pack, bytes(32), 100, b"") for pack in packs)),
        writer=secret.writer,
        catalog_key=secret.catalog_key,
        repository=repository.id,
        generation=generation,
    )
    world.store.write(index_name(secret.writer.hex(), generation, digest(raw)), raw)


@pytest.mark.parametrize(("thief", "honest_index_is_lost"), [("host", False), ("other", False), ("other", True)])
def test_an_index_that_lies_about_keys_costs_no_key(world: World, thief: str, honest_index_is_lost: bool) -> None:
    kept = world.take(keep="before migration")
    world.take({"one": some_bytes(2_000, 5)}, label="other")
    if honest_index_is_lost:
        for name in world.names(f"{kept.writer}/2026-01/index-"):
            world.store.delete(name)
    plant_index(world, thief, "2026-01", Source.FILES, list(kept.packs))
    keys = world.names("keys/2026-01/")
    for _ in range(2):
        world.after(days=30)
        days(world, 8)
        world.prune(FEW)
    assert {name for name in keys if key_of(world, kept) in name} <= world.names("keys/2026-01/")
    if not honest_index_is_lost:
        world.restores([kept])


def key_of(world: World, record: Record) -> str:
    """The name of the data key of a snapshot's packs, from the clear front of one."""
    front = world.store.read(f"files/pack/short/{record.generation}/{record.packs[0].hex()}", (0, 92))
    return front[24:56].hex()


def test_planning_keeps_each_packs_name_once() -> None:
    """A hundred thousand packs in some 40 MB, so a million (24 TB) stay below 500; it once took more than twice as much."""
    script = Path(__file__).with_name("measure_prune.py")
    done = subprocess.run([sys.executable, script, "100000"], capture_output=True, text=True, check=True, timeout=120)
    assert int(done.stdout.split()[0]) < 60, done.stdout
