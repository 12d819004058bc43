"""Random histories of a stream, its snapshots and prune: whatever could be brought back when it was archived still can, as long as the window is."""

import shutil
import tempfile
from datetime import datetime
from pathlib import Path

import hypothesis.strategies as st
from archive_kit import Streaming, archived, reachable, read_back, segments
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, rule
from prune_kit import World

from lifeboat.repository.names import Class, Source
from lifeboat.repository.statements import Verb
from lifeboat.retention.periods import closes
from lifeboat.retention.rules import Rules
from lifeboat.storage.faults import CrashAtCall, Killed, When

RULES = Rules(hourly=1, daily=1, monthly=1, window_days=3)
HOURS = st.sampled_from([0.5, 1, 4, 9, 20])


class Weeks(RuleBasedStateMachine):
    """The model: moments that were within reach when they were archived."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="lifeboat-archive-"))
        self.world = World(self.folder)
        self.stream = Streaming(self.world)
        self.promised: set[datetime] = set()
        self.take(1, prove=True, complete=True, class_=Class.SHORT)

    def teardown(self) -> None:
        try:
            self.what_was_promised_is_within_reach()
            self.in_the_end_nothing_is_left()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    @rule(spans=st.lists(HOURS, min_size=1, max_size=6), parts=st.booleans())
    def archive(self, spans: list[float], parts: bool) -> None:
        for hours in spans:
            before = self.world.clock.moment
            self.world.after(hours=hours)
            self.stream.segment(b"what happened", (b"a large one",) if parts else ())
            for moment in (before + (self.world.clock.moment - before) / 2, self.world.clock.moment):
                if reachable(self.world, moment):
                    self.promised.add(moment)

    @rule(
        hours=HOURS,
        prove=st.sampled_from([True, True, True, False]),
        complete=st.sampled_from([True, True, False]),
        class_=st.sampled_from([Class.SHORT, Class.SHORT, Class.LONG]),
    )
    def take(self, hours: float, prove: bool, complete: bool, class_: Class) -> None:
        self.world.after(hours=hours)
        record = self.world.take({"one": b"documents" * 9}, source=Source.MONGODB, complete=complete, class_=class_)
        if prove:
            self.world.say(Verb.PROOF, record)

    @rule()
    def a_day_as_it_should_be(self) -> None:
        self.archive([9, 9, 4], parts=False)
        self.take(0.5, prove=True, complete=True, class_=Class.SHORT)
        self.world.prune(RULES)

    @rule()
    def the_stream_stops_for_a_while(self) -> None:
        self.world.after(hours=3)
        self.stream.gap()

    @rule()
    def the_stream_dies_within_a_transaction(self) -> None:
        self.stream.part(b"a beginning without an end")

    @rule()
    def another_writer_takes_its_place(self) -> None:
        self.world.take({"one": b"documents" * 9}, source=Source.MONGODB, new_writer=True)
        self.stream = Streaming(self.world, contents=self.stream.contents)

    @rule()
    def prune(self) -> None:
        self.world.prune(RULES)
        self.what_was_promised_is_within_reach()

    @rule(nth=st.integers(1, 30), when=st.sampled_from(list(When)))
    def prune_is_killed(self, nth: int, when: When) -> None:
        try:
            self.world.prune(RULES, store=CrashAtCall(self.world.store, nth, when, frozenset({"write", "delete"})))
        except Killed:
            self.what_was_promised_is_within_reach()

    def what_was_promised_is_within_reach(self) -> None:
        begin = self.world.clock.moment - RULES.window
        self.promised = {one for one in self.promised if one >= begin}
        for moment in self.promised:
            assert reachable(self.world, moment), moment
        for stored in segments(self.world):
            assert read_back(self.world, stored) == self.stream.contents[stored.name]

    def in_the_end_nothing_is_left(self) -> None:
        """The stream is switched off; weeks of snapshots later its archive is gone, and so are its keys."""
        for _ in range(70):
            self.world.after(days=1)
            self.world.say(Verb.PROOF, self.world.take({"one": b"documents" * 9}, source=Source.MONGODB))
        self.world.prune(RULES)
        assert archived(self.world) == set()
        named = {pack.hex() for one in self.world.stored() for pack in one.packs}
        for name in self.world.names("/pack/"):
            if closes(name.split("/")[3]) <= self.world.clock.moment:
                assert name.rsplit("/", 1)[-1] in named
        assert self.world.prune(RULES).objects_removed == 0


Weeks.TestCase.settings = settings(
    max_examples=4, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestWhateverTheWeeksBring = Weeks.TestCase
