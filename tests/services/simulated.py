"""Weeks of schedule in moments: a machine whose clock may be set, which may sleep, be switched off, and run jobs that take long or fail.

Real time is what a bystander's watch shows: the promises are about it. The loop sees only the machine's wall clock and its steady one.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from lifeboat.services.schedule.due import Past, Timed
from lifeboat.services.schedule.loop import Jump, Loop

BEGIN = datetime(2026, 10, 19, 12, 0, tzinfo=UTC)
HASTE = timedelta(minutes=10)


@dataclass
class Ran:
    """One run, by the watch. Args: slot: By the machine's clock. ended: None while it runs, and if it was killed."""

    job: str
    slot: datetime
    began: datetime
    ended: datetime | None = None
    good: bool = True


class MachineClock:
    def __init__(self) -> None:
        self.watch = BEGIN
        self.wrong_by = timedelta()
        self.steady = 0.0

    def now(self) -> datetime:
        return self.watch + self.wrong_by

    def monotonic(self) -> float:
        return self.steady

    def sleep(self, seconds: float) -> None:
        self.watch += timedelta(seconds=seconds)
        self.steady += seconds


@dataclass
class Machine:
    """Args: takes: How long a run of the job takes. fails: Asked whether a run fails."""

    jobs: Iterable[Timed]
    takes: dict[str, timedelta] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    history: list[Ran] = field(default_factory=list)
    jumps: list[Jump] = field(default_factory=list)
    in_haste: bool = True

    def __post_init__(self) -> None:
        self.clock = MachineClock()
        self.remembered: dict[str, Past] = {}
        self.now_running: dict[str, Ran] = {}
        self.start()

    def start(self) -> None:
        """The program starts: what it knows is what was remembered."""
        self.loop = Loop(list(self.jobs), self, self.clock, self.jumps.append)

    def kill(self) -> None:
        """Power off: nothing that runs comes to its end."""
        self.now_running.clear()

    def live(self, span: timedelta) -> None:
        until = self.clock.watch + span
        while self.clock.watch < until:
            self._end_runs()
            wait = timedelta(seconds=self.loop.look())
            ends = [ran.began + self._time_of(ran.job) - self.clock.watch for ran in self.now_running.values()]
            if self.in_haste:  # nothing happens before the next slot or end of a run, so the looks between are left out
                now = self.clock.now()
                ahead = [one.next_at - now for one in self.loop.verdicts.values() if one.next_at > now]
                wait = min([HASTE, *ahead])
            wait = min([wait, until - self.clock.watch, *ends])
            self.clock.sleep(max(wait.total_seconds(), 0.001))
        self._end_runs()

    def suspend(self, span: timedelta) -> None:
        """Asleep: the watch goes on and so, once awake, has the wall clock; the steady one did not."""
        self.clock.watch += span
        for ran in self.now_running.values():
            ran.began += span

    def set_clock(self, by: timedelta) -> None:
        self.clock.wrong_by += by

    def runs_of(self, job: str) -> list[Ran]:
        return [ran for ran in self.history if ran.job == job]

    # What the loop asks for.
    def pasts(self) -> Mapping[str, Past]:
        return self.remembered

    def running(self) -> Collection[str]:
        return set(self.now_running)

    def settle(self, job: str, slot: datetime) -> None:
        self.remembered[job] = replace(self.remembered.get(job, Past()), slot=slot, tries=0, good=True)

    def begin(self, job: str, slot: datetime, tries: int) -> None:
        assert job not in self.now_running, "two of one job at once"
        self.remembered[job] = Past(slot, tries, self.clock.now(), None, good=False)
        ran = Ran(job, slot, self.clock.watch)
        self.history.append(ran)
        self.now_running[job] = ran

    def _end_runs(self) -> None:
        for job, ran in list(self.now_running.items()):
            if self.clock.watch >= ran.began + self._time_of(job):
                ran.ended, ran.good = self.clock.watch, job not in self.failing
                self.remembered[job] = replace(self.remembered[job], ended=self.clock.now(), good=ran.good)
                del self.now_running[job]

    def _time_of(self, job: str) -> timedelta:
        return self.takes.get(job, timedelta(seconds=20))


def slots_run_twice(history: Iterable[Ran]) -> list[Ran]:
    """Runs of a slot for which an earlier one had ended well."""
    done, twice = set(), []
    for ran in history:
        if (ran.job, ran.slot) in done:
            twice.append(ran)
        if ran.ended and ran.good:
            done.add((ran.job, ran.slot))
    return twice


def slots_lost(jobs: Iterable[Timed], history: Iterable[Ran], since: datetime, until: datetime) -> list[datetime]:
    """Slots between the two for which nothing ran from then to the next one, whose clock was right throughout."""
    lost, history = [], list(history)
    for job in jobs:
        slot = job.slots.first_after(since)
        while (following := job.slots.first_after(slot)) <= until:
            late = following + job.jitter
            if not any(ran.job == job.name and slot <= ran.began < late for ran in history):
                lost.append(slot)
            slot = following
    return lost
