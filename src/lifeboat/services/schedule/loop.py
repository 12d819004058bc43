"""The clock-driven loop: look what is due, begin it, look again. It runs nothing itself and remembers nothing itself.

The wall clock says what is due; the other clock says how long to wait, so a wall clock that jumps is seen at the next look, which is never
further away than ``LONGEST_WAIT_SECONDS``. A machine that slept looks within that time after it woke.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.value import Value
from lifeboat.services.schedule.due import Past, Timed, Verdict, decide

LONGEST_WAIT_SECONDS = 20.0
SHORTEST_WAIT_SECONDS = 0.05
WHILE_RUNNING_SECONDS = 0.5
"""How soon the end of a run is noticed."""
JUMP = timedelta(seconds=30)
"""A clock that is corrected by less is no news."""


class Runs(Protocol):
    """Begins jobs, and remembers what became of them."""

    def pasts(self) -> Mapping[str, Past]:
        """What is known of every job, by name."""
        ...

    def running(self) -> Collection[str]:
        """The jobs that run now, whoever began them."""
        ...

    def settle(self, job: str, slot: datetime) -> None:
        """Remember that the slot, and all before it, need no run."""
        ...

    def begin(self, job: str, slot: datetime, tries: int) -> None:
        """Remember the slot and the try, then begin the run; returns at once."""
        ...


class Jump(Value):
    """The wall clock moved otherwise than time did. Args: by: Positive: it was set ahead, or the machine slept."""

    at: datetime
    by: timedelta


class Loop:
    """Args: jobs: Those named first begin first. jumped: Hears of a clock that was set, or of a machine that slept."""

    def __init__(self, jobs: Sequence[Timed], runs: Runs, clock: Clock, jumped: Callable[[Jump], None]) -> None:
        self.jobs = tuple(jobs)
        self.verdicts: Mapping[str, Verdict] = {}
        self._runs = runs
        self._clock = clock
        self._jumped = jumped
        self._before: tuple[datetime, float] | None = None

    def go_on_from(self, before: "Loop") -> None:
        """Take over what an earlier loop with other jobs has seen of the clocks."""
        self._before = before._before

    def look(self) -> float:
        """Begin what is due; returns after how many seconds to look again."""
        now = self._clock.now()
        self._notice_jump(now)
        running = set(self._runs.running())
        verdicts = decide(self.jobs, self._runs.pasts(), running, now)
        for verdict in verdicts.values():
            if verdict.settle is not None:
                self._runs.settle(verdict.name, verdict.settle)
            if verdict.start is not None:
                self._runs.begin(verdict.name, verdict.start, verdict.tries)
                running.add(verdict.name)
        self.verdicts = verdicts
        longest = WHILE_RUNNING_SECONDS if running else LONGEST_WAIT_SECONDS
        ahead = [(one.next_at - now).total_seconds() for one in verdicts.values() if one.next_at > now]
        return max(SHORTEST_WAIT_SECONDS, min([longest, *ahead]))

    def _notice_jump(self, now: datetime) -> None:
        steady = self._clock.monotonic()
        if self._before is not None:
            by = now - self._before[0] - timedelta(seconds=steady - self._before[1])
            if abs(by) > JUMP:
                self._jumped(Jump(now, by))
        self._before = (now, steady)
