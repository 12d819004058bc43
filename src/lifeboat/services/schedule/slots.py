"""When a job is due, as instants: five fields of cron in a time zone, or ``every 90s``. Pure.

APScheduler's trigger does the arithmetic of the fields, on a clock that is never changed; what daylight saving does to it stands here:

* a time that does not exist on a day (02:30 when the clock goes from 02:00 to 03:00) is the instant of the jump, once;
* a time that exists twice is the first of the two; where the hour is a ``*`` both count, or an hourly job would leave out an hour.

Unlike APScheduler's own reading of a crontab, 0 and 7 are Sunday, and a day of the month beside a day of the week means either.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from lifeboat.foundation.errors import SettingsError

WIDEST_JUMP = timedelta(hours=3)
"""No zone has changed its clock by more since 1970, but for whole days at the date line, which no cron can do right."""
FURTHEST_BACK = timedelta(days=8 * 366)
"""The 29th of February comes once in eight years at the least; what has no slot in that time has none."""
_EVERY = re.compile(r"every\s+(\d{1,9})\s*(s|m|h|d)")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_SECOND = timedelta(seconds=1)


class ScheduleUnreadable(SettingsError):
    """A time in ``[serve.jobs]`` is neither five fields of cron nor ``every 30m``, or the time zone is unknown."""

    code = "schedule-unreadable"


@dataclass
class Slots:
    """The instants at which one job is due, in UTC. Args: text: As somebody wrote it. zone: Whose clock is meant."""

    text: str
    zone: tzinfo
    _triggers: tuple[CronTrigger, ...] = field(init=False, repr=False)
    _every: timedelta | None = field(init=False, repr=False)
    _both: bool = field(init=False, repr=False)
    _around: tuple[datetime, datetime] | None = field(default=None, init=False, repr=False)
    """A slot and the next one: most questions are about the time between the two."""

    def __post_init__(self) -> None:
        text = " ".join(self.text.split()).lower()
        self._triggers, self._every, self._both = (), None, False
        if every := _EVERY.fullmatch(text):
            seconds = int(every[1]) * _UNIT_SECONDS[every[2]]
            if not 1 <= seconds <= 366 * 86_400:
                raise _unreadable(self.text)
            self._every = timedelta(seconds=seconds)
            return
        self._triggers = _read_cron(text, self.text)
        self._both = text.split()[1].startswith("*")
        if self._next_wall(datetime(2001, 1, 1)) is None:
            raise ScheduleUnreadable(
                f"{self.text!r} never comes", "is the day in the month? minute hour day month weekday"
            )

    def first_after(self, instant: datetime) -> datetime:
        """The first slot later than the instant."""
        instant = instant.astimezone(UTC)
        if self._every:
            return _floor(instant, self._every) + self._every
        if self._around and self._around[0] <= instant < self._around[1]:
            return self._around[1]
        return self._search(instant)

    def last_until(self, instant: datetime) -> datetime:
        """The newest slot that is not later than the instant."""
        instant = instant.astimezone(UTC)
        if self._every:
            return _floor(instant, self._every)
        if self._around and self._around[0] <= instant < self._around[1]:
            return self._around[0]
        behind = timedelta(minutes=1)
        while (found := self._search(instant - behind)) > instant:
            behind *= 2
            if behind > FURTHEST_BACK:
                raise ScheduleUnreadable(f"{self.text!r} never comes", "minute hour day month weekday")
        early, late = found, instant
        # The last one lies between a slot and the instant: halve what is between.
        while (following := self._search(early)) <= instant:
            middle = early + (late - early) / 2
            jumped = self._search(middle) if middle > following else following
            if jumped <= instant:
                early = jumped
            else:
                early, late = following, middle
        self._around = (early, following)
        return early

    def step_after(self, slot: datetime) -> timedelta:
        """From a slot to the next one."""
        return self.first_after(slot) - slot

    def _search(self, instant: datetime) -> datetime:
        here = instant.astimezone(self.zone)
        wall = self._next_wall(here.replace(tzinfo=None, fold=0) + timedelta(microseconds=1))
        assert wall is not None
        found = wall.replace(tzinfo=self.zone).astimezone(UTC)
        if self._is_even(instant) and self._is_even(found):
            return found
        return self._search_around_a_change(here, instant)

    def _search_around_a_change(self, here: datetime, instant: datetime) -> datetime:
        """Times of the clock are no longer in the order of instants: look at all that could be the one."""
        best: datetime | None = None
        wall: datetime | None = here.replace(tzinfo=None, fold=0) - WIDEST_JUMP
        while wall is not None:
            wall = self._next_wall(wall)
            if wall is None:
                break
            instants = _instants_of(wall, self.zone, both=self._both)
            if best is not None and instants[0] > best + WIDEST_JUMP:
                break
            for one in instants:
                if one > instant and (best is None or one < best):
                    best = one
            wall += _SECOND
        assert best is not None
        return best

    def _is_even(self, instant: datetime) -> bool:
        before, after = ((instant + by).astimezone(self.zone).utcoffset() for by in (-WIDEST_JUMP, WIDEST_JUMP))
        return before == after

    def _next_wall(self, wall: datetime) -> datetime | None:
        """The first time of the clock from this one on, as if the clock were never changed."""
        utc = wall.replace(tzinfo=UTC)
        found = [trigger.get_next_fire_time(None, utc) for trigger in self._triggers]
        times: list[datetime] = [one.replace(tzinfo=None) for one in found if one is not None]
        return min(times, default=None)


def zone_named(name: str) -> tzinfo:
    """The time zone of that name; empty: this machine's. Raises ``ScheduleUnreadable``."""
    if not name:
        from tzlocal import get_localzone

        return get_localzone()
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError, RecursionError):
        raise ScheduleUnreadable(f"there is no time zone {name[:60]!r}", "Asia/Riyadh, Europe/Berlin, UTC") from None


def _read_cron(text: str, said: str) -> tuple[CronTrigger, ...]:
    fields = text.split()
    if len(fields) != 5:
        raise _unreadable(said)
    minute, hour, day, month, weekday = fields
    try:
        weekdays = _weekdays(weekday)

        def trigger(day: str, weekdays: str) -> CronTrigger:
            return CronTrigger(
                minute=minute, hour=hour, day=day, month=month, day_of_week=weekdays, second=0, timezone=UTC
            )

        if not day.startswith("*") and not weekday.startswith("*"):
            return trigger(day, "*"), trigger("*", weekdays)
        return (trigger(day, weekdays),)
    except (ValueError, TypeError, KeyError):
        raise _unreadable(said) from None


def _weekdays(text: str) -> str:
    """A crontab's days of the week as a list of names: in its numbers a week begins with Sunday, in APScheduler's with Monday."""
    if text == "*":
        return text
    chosen: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        low, high = (0, 6) if first == "*" else (_weekday(first), _weekday(last or first))
        if dash and high == 0:
            high = 7
        if low > high or (step and int(step) < 1):
            raise ValueError(text)
        if step and not dash and first != "*":
            high = 6
        chosen |= {number % 7 for number in range(low, high + 1, int(step or 1))}
    return ",".join(_DAYS[number] for number in sorted(chosen))


def _weekday(text: str) -> int:
    number = int(text) if text.isdigit() else _DAYS.index(text)
    if number > 7:
        raise ValueError(text)
    return number


@lru_cache(maxsize=4096)
def _instants_of(wall: datetime, zone: tzinfo, *, both: bool) -> tuple[datetime, ...]:
    """When the clock shows this time: once, twice, or never, which is then the instant at which it jumps over it."""
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return (first,)
    if first.astimezone(zone).replace(tzinfo=None, fold=0) == wall:
        return (first, second) if both else (first,)
    return (_jump_between(second, first, zone),)


def _jump_between(early: datetime, late: datetime, zone: tzinfo) -> datetime:
    """The first second of the new offset; ``early`` has the old one."""
    old = early.astimezone(zone).utcoffset()
    while late - early > _SECOND:
        middle = early + (late - early) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == old:
            early = middle
        else:
            late = middle
    return late


def _floor(instant: datetime, step: timedelta) -> datetime:
    begin = datetime(2001, 1, 1, tzinfo=UTC)  # a Monday
    return begin + (instant - begin) // step * step


def _unreadable(said: str) -> ScheduleUnreadable:
    return ScheduleUnreadable(
        f"{said!r} is no time for a job",
        'five fields, "0 2 * * *": minute hour day month weekday; or "every 15m", "every 30s"',
    )
