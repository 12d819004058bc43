"""A database and its history against a dictionary of documents for each instant: snapshots, segments of two chains, gaps, overlaps, prune."""

import os
import re
import shutil
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import hypothesis.strategies as st
import pytest
from clients_watch import MEMORY, held
from documents_kit import DATABASE, Database, Documents, Recorder, State
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.errors import LifeboatError
from lifeboat.operations import timeline
from lifeboat.operations.timeline import MomentNotCovered
from lifeboat.repository.names import Class
from lifeboat.repository.segments import StoredSegment, Stretch
from lifeboat.repository.statements import Verb
from lifeboat.retention.rules import Rules
from lifeboat.sources.mongodb.oplog.command import Command

EXAMPLES = int(os.environ.get("LIFEBOAT_MODEL_EXAMPLES", "150"))
RULES = Rules(hourly=1, daily=2, monthly=1, window_days=1)
PICKS = st.integers(0, 99)
NAMES = st.sampled_from(["orders", "users", "log"])
KEYS = st.sampled_from([1, 2, 3, "a", b"x"])
FIELDS = st.dictionaries(
    st.sampled_from(["n", "m", "text"]),
    st.none()
    | st.integers(-2, 2)
    | st.text("ab", max_size=3)
    | st.just("long " * 60)
    | st.lists(st.integers(0, 2), max_size=2),
    min_size=1,
    max_size=3,
)
WORK = st.lists(
    st.tuples(st.sampled_from(["put", "put", "alter", "alter", "remove"]), NAMES, KEYS, FIELDS), min_size=1, max_size=8
)


class Instants(RuleBasedStateMachine):
    """The dictionary: what the pretended server held at each instant."""

    DATABASE: type[Database] = Database
    reached: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="lifeboat-instants-", dir=MEMORY if MEMORY.is_dir() else None))
        self.database = self.DATABASE(self.folder)
        self.world, self.server = self.database.world, self.database.server
        self.recorders = [Recorder(self.server), Recorder(self.server)]
        self.bases: dict[str, ClusterTime] = {}
        self.segments: dict[str, StoredSegment] = {}
        self.taken: dict[str, Any] = {}
        """What somebody took away of the archive."""
        self.count = 0
        self._reckoned_of: frozenset[str] = frozenset()
        self._ways: list[tuple[ClusterTime, ClusterTime]] = []

    def teardown(self) -> None:
        try:
            self.put_back()
            for time in self.server.times[:: max(1, len(self.server.times) // 8)]:
                self.comes_back(time)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    @initialize(work=WORK)
    def it_begins(self, work: list[Any]) -> None:
        when = self.server.tick()
        self.server.did(when, *[self.server.create(when, name) for name in ("orders", "users")])
        self.clients_work(work, True)
        self.recorders[0].begin("the stream began here")
        self.recorders[1].begin("the stream began here")
        self.backed_up(0, Class.SHORT)

    # What happens

    @rule(work=WORK, together=st.booleans())
    def clients_work(self, work: list[Any], together: bool) -> None:
        """Args: together: In one transaction."""
        self.step("worked")
        when, events = self.server.tick(), []
        for number, (act, name, key, fields) in enumerate(work):
            if not together:
                when = self.server.tick(number % 2)
            uuid = self.server.named(name)
            if uuid is None:
                continue
            documents = self.server.held[uuid][1]
            if act == "put":
                events.append(
                    self.server.put(when, uuid, key, {one: value for one, value in fields.items() if value is not None})
                )
            elif key in documents:
                changed = self.server.alter(when, uuid, key, fields) if act == "alter" else None
                events.append(changed or self.server.remove(when, uuid, key))
            if not together:
                self.server.did(when, *events)
                events = []
        self.server.did(when, *events)

    @rule(name=NAMES, to=NAMES, act=st.sampled_from(["create", "drop", "rename"]))
    def the_catalog_changes(self, name: str, to: str, act: str) -> None:
        when, uuid = self.server.tick(), self.server.named(name)
        if act == "create" and uuid is None:
            self.server.did(when, self.server.create(when, name))
        elif act == "drop" and uuid is not None and len(self.server.held) > 1:
            self.server.did(when, self.server.drop(when, uuid))
        elif act == "rename" and uuid is not None and name != to:
            self.server.did(when, self.server.rename(when, uuid, to))
        else:
            return
        self.step("catalog changed")

    @rule(back=st.sampled_from([0, 0, 3, 10]), class_=st.sampled_from([Class.SHORT, Class.SHORT, Class.LONG]))
    def backed_up(self, back: int, class_: Class) -> None:
        """Args: back: So many events ago the documents began to be read."""
        self.step("backed up")
        since = len(self.server.oplog) - back
        if since <= 0 or any(isinstance(one, Command) for one in self.server.oplog[since:]):
            since = len(self.server.oplog)
        record, time = self.database.back_up(since if back else None, class_)
        self.world.say(Verb.PROOF, record)
        self.bases[record.object_name] = time

    @rule(which=st.sampled_from([0, 0, 1]), back=st.sampled_from([0, 0, 2, 9]), in_parts=st.booleans())
    def archived(self, which: int, back: int, in_parts: bool) -> None:
        self.step("archived")
        stored = self.recorders[which].store(self.database.writer, back, in_parts=in_parts)
        self.segments[stored.name] = stored

    @rule(which=st.sampled_from([0, 1]))
    def a_stream_stops_for_a_while(self, which: int) -> None:
        self.step("gap")
        self.recorders[which].begin()

    @rule(days=st.integers(1, 3), pick=PICKS)
    def some_days_as_they_should_be(self, days: int, pick: int) -> None:
        for day in range(days):
            for hour in (8, 16):
                self.world.after(hours=hour)
                self.clients_work([("put", "orders", day, {"n": hour}), ("alter", "users", 1, {"n": pick})], False)
                self.archived(0, pick % 3, False)
            self.backed_up(0, Class.SHORT)
            self.the_archive_is_pruned()

    @rule(first=st.sampled_from([0, 1]), pick=PICKS)
    def a_stream_takes_over_from_another(self, first: int, pick: int) -> None:
        """It begins before the other ends, and still does not continue it: what it holds is reached from a snapshot of its own time."""
        second = 1 - first
        self.recorders[second].begin("another machine streams now")
        self.clients_work([("put", "orders", 1, {"n": pick})], True)
        self.archived(first, 0, False)
        self.clients_work([("put", "orders", 2, {"n": pick}), ("put", "users", 2, {"n": pick})], False)
        self.archived(second, 0, False)
        self.comes_back(self.server.times[-1])

    @rule(hours=st.sampled_from([1, 6, 20]))
    def hours_pass(self, hours: int) -> None:
        self.world.after(hours=hours)

    @rule()
    def the_archive_is_pruned(self) -> None:
        """What was within reach of the window still is, with the same documents."""
        if self.taken:
            return
        self.step("pruned")
        self.world.after(minutes=1)
        begin = self.world.clock.moment - timedelta(days=RULES.window_days)
        within = [
            one for one in self.server.times if one.seconds >= begin.timestamp() and self.reachable(one, alone=False)
        ]
        before = len(self.there())
        self.database.prune(RULES)
        self.reached["segments pruned"] += before - len(self.there())
        for time in within:
            held(self.reachable(time), "prune took the way to", time.words())
        for time in within[:: max(1, len(within) // 2)]:
            self.comes_back(time)

    @rule(pick=PICKS)
    def a_segment_is_taken_away(self, pick: int) -> None:
        """What others hold comes back by them; the rest is refused, and never wrong."""
        there = self.there()
        if self.taken or not there:
            return
        self.step("taken")
        name = there[pick % len(there)].name
        self.taken = {name: self.world.store._objects[name]}
        self.world.store.delete(name)
        after, through = self.segments[name].after, self.segments[name].through
        for time in [one for one in self.server.times if after < one <= through][:4]:
            self.comes_back(time)

    @rule()
    def it_is_brought_back(self) -> None:
        self.put_back()

    @rule(picks=st.lists(PICKS, min_size=1, max_size=4), between=st.booleans())
    def moments_come_back(self, picks: list[int], between: bool) -> None:
        self.step("looked")
        for pick in picks:
            time = self.server.times[pick * len(self.server.times) // 100]
            self.comes_back(ClusterTime(time.seconds, time.increment + 7) if between else time)

    @rule()
    def the_newest_comes_back(self) -> None:
        self.step("newest")
        found = self.database.documents_at(None, 4_000)
        newest = max(one for one in self.ends() if self.reachable(one))
        held(found == self.server.state_at(newest), "the newest is not what it was at", newest.words())

    # What must hold

    def step(self, what: str) -> None:
        self.reached["steps"] += 1
        self.reached[what] += 1

    def put_back(self) -> None:
        for name, stored in self.taken.items():
            self.world.store._objects[name] = stored
        self.taken = {}

    def comes_back(self, goal: ClusterTime) -> None:
        """Every document of every collection, byte for byte, where the archive leads there; else it is refused in words."""
        self.count += 1
        try:
            found = self.database.documents_at(goal, (600, 4_000, 1 << 27)[self.count % 3])
        except LifeboatError as error:
            held(not self.reachable(goal), "refused, and within reach:", goal.words(), error.message)
            held(isinstance(error, MomentNotCovered) or self.taken, "refused for another reason", error.message)
            self.reached["refused"] += 1
            return
        held(self.reachable(goal), "given, and beyond reach:", goal.words())
        wanted = self.server.state_at(goal)
        held(found.keys() == wanted.keys(), "collections", sorted(found), "instead of", sorted(wanted))
        for name, documents in wanted.items():
            held(found[name] == documents, f"{DATABASE}.{name} is not what it was at", goal.words())
        self.reached["given"] += 1

    def there(self) -> list[StoredSegment]:
        names = self.world.names("mongodb/oplog/")
        return [one for name, one in self.segments.items() if name in names]

    def ends(self) -> Iterator[ClusterTime]:
        yield from self.stored_bases()
        for one in self.there():
            yield one.through

    def stored_bases(self) -> list[ClusterTime]:
        names = self.world.names("/snapshot-")
        forgotten = {one.object_name for one, _ in self.world.open().forgotten_snapshots()}
        return [time for name, time in self.bases.items() if name in names and name not in forgotten]

    def reachable(self, goal: ClusterTime, *, alone: bool = True) -> bool:
        """By hand: from a snapshot, through segments of one chain without a hole. Args: alone: Also as a snapshot's own instant."""
        return any(base < goal <= reach or (alone and base == goal) for base, reach in self.ways())

    def ways(self) -> list[tuple[ClusterTime, ClusterTime]]:
        """How far each snapshot reaches; reckoned anew when anything came or went."""
        names = frozenset(self.world.store._objects)
        if names != self._reckoned_of:
            self._reckoned_of, there = names, self.there()
            chains = [[one for one in there if one.chain == chain] for chain in {one.chain for one in there}]
            for chain in chains:
                chain.sort(key=lambda one: one.after)
            self._ways = [
                (base, max([base, *(_reach(base, chain) for chain in chains)])) for base in self.stored_bases()
            ]
        return self._ways


def _reach(base: ClusterTime, chain: list[StoredSegment]) -> ClusterTime:
    reached = base
    for one in chain:
        if one.after <= reached:
            reached = max(reached, one.through)
    return reached


def run(machine: type[Instants], examples: int, steps: int) -> Counter[str]:
    fresh = type(machine.__name__, (machine,), {"reached": Counter()})
    how = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
        report_multiple_bugs=False,
    )
    run_state_machine_as_test(fresh, settings=how)  # type: ignore[no-untyped-call]
    reached: Counter[str] = fresh.reached  # type: ignore[attr-defined]
    return reached


def test_every_instant_comes_back_or_is_refused(tried: Callable[[str, int], None]) -> None:
    reached = run(Instants, 8, 20)
    assert reached["given"] > 10 and reached["refused"]
    tried("model steps", reached["steps"])


@pytest.mark.long
def test_every_instant_of_thousands_comes_back_or_is_refused(tried: Callable[[str, int], None]) -> None:
    reached = run(Instants, EXAMPLES, 50)
    assert reached["given"] > 5 * EXAMPLES and reached["refused"] > EXAMPLES // 4 and reached["segments pruned"]
    tried("model steps", reached["steps"])


class OneInstantLater(Database):
    """An instant takes in what came with the next one."""

    def documents_at(self, goal: ClusterTime | None, held_at_most_bytes: int) -> State:
        later = min((one for one in self.server.times if goal and one > goal), default=goal)
        try:
            return super().documents_at(later, held_at_most_bytes)
        except MomentNotCovered:
            return super().documents_at(goal, held_at_most_bytes)


class OneSegmentTooMany(Database):
    """Prune takes one more of the archive."""

    def prune(self, rules: Rules) -> None:
        super().prune(rules)
        for name in sorted(self.world.names("mongodb/oplog/"))[-1:]:
            self.world.store.delete(name)


class StaleRead(Database):
    """A snapshot stores what was there at the beginning of the run, and not what changed meanwhile."""

    def read(self, uuid: bytes, documents: Documents, since: int | None) -> Iterator[bytes]:
        return super().read(uuid, self.server.copies[-3 % len(self.server.copies)][1].get(uuid, documents), None)


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (OneInstantLater, "is not what it was at|beyond reach"),
        pytest.param(OneSegmentTooMany, "prune took the way to", marks=pytest.mark.long),
        pytest.param(StaleRead, "is not what it was at", marks=pytest.mark.long),
    ],
)
def test_a_loss_that_was_planted_is_found(plant: type[Database], said: str) -> None:
    with pytest.raises(BaseException) as found:
        run(type("Planted", (Instants,), {"DATABASE": plant}), 30, 20)
    assert re.search(said, "".join(traceback.format_exception(found.value)))


@pytest.mark.long
def test_chains_that_are_taken_for_one_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments of two chains never continue each other."""
    real = timeline.stretches

    def joined(listed: Iterable[StoredSegment]) -> list[Stretch]:
        found: list[Stretch] = []
        for one in sorted(real(listed), key=lambda one: one.after):
            last = found[-1] if found else None
            if last is None or one.after > last.through:
                found.append(one)
            else:
                both, through = (*last.segments, *one.segments), max(last.through, one.through)
                found[-1] = replace(last, through=through, segments=tuple(sorted(both, key=lambda one: one.after)))
        return found

    monkeypatch.setattr(timeline, "stretches", joined)
    with pytest.raises(BaseException) as found:
        run(Instants, 30, 20)
    assert "beyond reach" in "".join(traceback.format_exception(found.value))
