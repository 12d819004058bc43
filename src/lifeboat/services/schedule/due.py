"""What is due now: pure rules over the jobs' slots, what became of their last runs, and the time.

* Of the slots that were missed, because the machine slept, was off or a run took long, only the newest is made up for: one run.
* A run that failed is tried again after a pause that doubles, within its slot; the next slot begins anew.
* A job is not started while it runs, nor while one runs that works on the same.
* A slot that another job, or another machine of this name, has done is done.
* The wall clock decides, because a backup at 02:00 means 02:00. Set back, it would have every job wait until it has caught up: a slot
  done that lies in the future is therefore taken for the newest one that does not. Set ahead, the newest slot is due, once.

Invariant: a slot once begun is never begun again but as a counted try.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from lifeboat.foundation.value import Value
from lifeboat.services.schedule.slots import Slots

TRIES_AT_MOST = 5
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=15)
SET_BACK_LITTLE = timedelta(minutes=5)
"""So much a clock is corrected by without a slot being done twice for it."""
MOST_JITTER = timedelta(minutes=10)


class Timed(Value):
    """A job and when it is due; those named first are started first.

    Args:
        works_on: What no two running jobs may have in common.
        done_by: Jobs that do this one's work too, such as ``all``.
        at_once: A new installation does not wait for the first slot.
        jitter: So much later than its slots, to spread many installations.
    """

    name: str
    slots: Slots
    works_on: frozenset[str] = frozenset()
    done_by: tuple[str, ...] = ()
    at_once: bool = False
    jitter: timedelta = timedelta()


class Past(Value):
    """What is known of a job.

    Args:
        slot: The newest that was begun, or need not be.
        tries: How many runs it took so far.
        ended: When the last run ended; None: it never did, though nobody runs it.
        good: Whether it ended well.
        seen: When the newest work of this kind began that somebody else has done: another machine of this name, a person.
        behind: Another machine of this name is at work: only what it leaves undone for so long is ours.
    """

    slot: datetime | None = None
    tries: int = 0
    began: datetime | None = None
    ended: datetime | None = None
    good: bool = True
    seen: datetime | None = None
    behind: timedelta = timedelta()


class Verdict(Value):
    """How a job stands.

    Args:
        next_at: When it has to be looked at again at the latest; its next run if it is not due now.
        start: The slot to run now.
        settle: The slot from which on it counts as done, to be remembered.
        why: In words, for people.
    """

    name: str
    next_at: datetime
    why: str
    start: datetime | None = None
    tries: int = 0
    settle: datetime | None = None


def decide(
    jobs: Sequence[Timed], pasts: Mapping[str, Past], running: Collection[str], now: datetime
) -> dict[str, Verdict]:
    """A verdict on every job, by name; those with ``start`` are to be begun."""
    verdicts: dict[str, Verdict] = {}
    busy: set[str] = set()
    for job in jobs:
        if job.name in running:
            busy |= job.works_on
    for job in jobs:
        verdict = _judge(job, pasts, now)
        others = [one for one in jobs if one.name in job.done_by]
        if verdict.start and any(_will_do(one, verdict.start, pasts, running, now) for one in others):
            verdict = replace(verdict, start=None, why="another job does it too", next_at=now)
        if job.name in running:
            verdict = replace(verdict, start=None, settle=None, why="running", next_at=_next(job, now))
        elif verdict.start and job.works_on & busy:
            verdict = replace(verdict, start=None, why="waits for another job to end", next_at=now)
        elif verdict.start:
            busy |= job.works_on
        verdicts[job.name] = verdict
    return verdicts


def pause_after(tries: int, step: timedelta) -> timedelta:
    """How long to wait after so many tries that failed: doubling, and so that most of them fit into the slot."""
    doublings = min(max(tries - 1, 0), TRIES_AT_MOST)
    return min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE, step / 4)


def jitter_of(installation: str, job: str, step: timedelta) -> timedelta:
    """The same for one installation for ever: up to a thirtieth of the step, ten minutes at most, in milliseconds."""
    share = int.from_bytes(hashlib.sha256(f"{installation}\n{job}".encode()).digest()[:8], "big") / 2**64
    return timedelta(milliseconds=int(min(step / 30, MOST_JITTER) / timedelta(milliseconds=1) * share))


def _judge(job: Timed, pasts: Mapping[str, Past], now: datetime) -> Verdict:
    past = pasts.get(job.name, Past())
    newest = job.slots.last_until(now - job.jitter)
    done, settle = past.slot, None
    if done is None:
        if not job.at_once:
            return Verdict(job.name, _next(job, now), "waits for its first slot", settle=newest)
    elif done > now:
        if done - now > min(SET_BACK_LITTLE, job.slots.step_after(done) / 2):
            return Verdict(job.name, _next(job, now), "the clock was set back", settle=newest)
        return Verdict(job.name, done + job.jitter, "done")
    done_elsewhere = max((one for one in (past.seen, *_covers(job, pasts)) if one), default=None)
    is_open = done is None or done < newest or not past.good
    if is_open and done_elsewhere and newest <= done_elsewhere <= now + SET_BACK_LITTLE:
        return Verdict(job.name, _next(job, now), "done elsewhere", settle=newest)
    if done is None or newest > done:
        ready = newest + job.jitter + past.behind
        if now < ready:
            return Verdict(job.name, ready, "left to the other machine", settle=settle)
        return Verdict(job.name, _next(job, now), "due", start=newest, tries=1)
    if past.good:
        return Verdict(job.name, _next(job, now), "done")
    if past.tries >= TRIES_AT_MOST:
        return Verdict(job.name, _next(job, now), f"failed {past.tries} times, waits for the next slot")
    ended = past.ended or past.began or now
    again = ended + pause_after(past.tries, job.slots.step_after(done))
    if now < again and ended <= now:
        return Verdict(job.name, again, "failed, waits to try again")
    return Verdict(job.name, _next(job, now), "tried again", start=done, tries=past.tries + 1)


def _covers(job: Timed, pasts: Mapping[str, Past]) -> list[datetime]:
    """When those began that do this job's work too, and ended well."""
    runs = [pasts[name] for name in job.done_by if name in pasts]
    return [past.began for past in runs if past.began and past.ended and past.good]


def _will_do(other: Timed, slot: datetime, pasts: Mapping[str, Past], running: Collection[str], now: datetime) -> bool:
    """Whether that job has the same slot, and has neither done it nor given it up."""
    past = pasts.get(other.name, Past())
    if other.slots.last_until(now) != slot:
        return False
    if other.name in running or past.slot is None:
        return True
    return past.slot < slot or (past.slot == slot and not past.good and past.tries < TRIES_AT_MOST)


def _next(job: Timed, now: datetime) -> datetime:
    return job.slots.first_after(now - job.jitter) + job.jitter
