"""Who does what: which jobs this machine's keys and rights permit, and where the others are due. Pure but for the time zone.

One table says it for ``serve``, ``status`` and the dashboard.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from lifeboat.app.settings import Settings
from lifeboat.foundation.value import Value
from lifeboat.repository.roles import Role
from lifeboat.services.schedule.due import Timed, jitter_of
from lifeboat.services.schedule.jobs import ARGUMENTS, DAY, HOUR, MINUTE, step_within
from lifeboat.services.schedule.slots import ScheduleUnreadable, Slots, zone_named

OFF = "off"
STREAM = "stream"
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_HOSTS = frozenset({Role.SIMPLE, Role.WRITER, Role.KEEPER})
"""Who may store snapshots. A keeper does when it is given something to protect."""
_READERS = frozenset({Role.SIMPLE, Role.KEEPER})
_PRUNERS = frozenset({Role.SIMPLE, Role.CUSTODIAN})
_ON_KEEPER = "on the keeper's machine, which has the key"
_ON_CUSTODIAN = "where a custodian's key is: `lifeboat writer add --custodian`"


class _Rule(Value):
    """Args: roles: Who can do it. elsewhere: Where it is due else. works_on: See ``Timed``."""

    title: str
    roles: frozenset[Role]
    elsewhere: str
    time: str
    works_on: frozenset[str]
    done_by: tuple[str, ...] = ()


_SOURCES, _READING = frozenset({"sources"}), frozenset({"reading"})
_RULES = {
    # Before the backups: one that is due in the same minute must find what was carried.
    "carry": _Rule(
        "carry-forward",
        frozenset({Role.SIMPLE, Role.KEEPER, Role.CUSTODIAN}),
        _ON_KEEPER,
        OFF,
        _SOURCES | _READING,
    ),
    "all": _Rule("backup of everything", _HOSTS, "", "0 2 * * *", _SOURCES),
    "db": _Rule("backup of the database", _HOSTS, "", "0 * * * *", _SOURCES, ("all",)),
    "files": _Rule("backup of the files", _HOSTS, "", OFF, _SOURCES, ("all",)),
    "config": _Rule("backup of the configuration", _HOSTS, "", OFF, _SOURCES, ("all",)),
    "age": _Rule("look at the ages", frozenset({Role.WRITER}), _ON_KEEPER, "0 8 * * *", frozenset()),
    "verify": _Rule(
        "verification", frozenset({Role.SIMPLE, Role.KEEPER, Role.CUSTODIAN}), _ON_KEEPER, "0 8 * * *", _READING
    ),
    "scrub": _Rule("rolling scrub", _READERS, _ON_KEEPER, "30 3 * * *", _READING),
    "replicate": _Rule("second copies", _READERS, _ON_KEEPER, "30 4 * * *", _READING),
    # Only for who asks for it: it takes room and a mongod on this machine, for a copy of everything.
    "drill": _Rule("drill", _READERS, _ON_KEEPER, OFF, _READING),
    "prune": _Rule("prune", _PRUNERS, _ON_CUSTODIAN, "30 5 * * 0", _READING),
}
"""In the order in which they begin when several are due."""


class Duty(Value):
    """One job of the installation.

    Args:
        time: When, as it is written in ``[serve.jobs]``; ``always`` for the stream.
        here: Whether this machine does it.
        why: Where it is due else, or why nobody does it; empty when it is done here.
    """

    job: str
    title: str
    command: str
    time: str
    here: bool
    why: str


def duties(settings: Settings, role: Role, *, replica_set: bool | None = None) -> list[Duty]:
    """Every job, those of this machine and those that are due elsewhere.

    Args:
        replica_set: Whether the database is one; None when that is not known.
    """
    said = dict(settings.serve.jobs)
    times = _default_times(settings) | said
    rows = []
    for job, rule in _RULES.items():
        why = _why_not(job, rule, settings, role, times[job])
        if why is None:
            continue
        rows.append(Duty(job, rule.title, " ".join(ARGUMENTS[job]), times[job], not why, why))
    rows.append(_stream(settings, role, replica_set))
    return [row for row in rows if row.job != "age" or role is Role.WRITER]


def timetable(settings: Settings, role: Role, installation: str) -> list[Timed]:
    """The jobs of this machine with their times; raises ``ScheduleUnreadable``."""
    zone = zone_named(settings.serve.timezone)
    jobs = []
    for duty in duties(settings, role):
        if not duty.here or duty.job == STREAM:
            continue
        slots, rule = Slots(duty.time, zone), _RULES[duty.job]
        jitter = timedelta()
        if settings.serve.jitter:
            # Two machines of one name that start in the same second would both think nobody has done it.
            jitter = jitter_of(installation, duty.job, _step(slots))
        jobs.append(
            Timed(duty.job, slots, rule.works_on, rule.done_by, at_once=rule.works_on == _SOURCES, jitter=jitter)
        )
    return jobs


def check_times(settings: Settings) -> None:
    """Read all times and the zone; raises ``ScheduleUnreadable`` that names the setting."""
    zone = zone_named(settings.serve.timezone)
    for job, time in settings.serve.jobs:
        if time == OFF:
            continue
        try:
            Slots(time, zone)
        except ScheduleUnreadable as error:
            raise ScheduleUnreadable(f"serve.jobs.{job}: {error.message}", error.hint) from None


def _default_times(settings: Settings) -> dict[str, str]:
    """The objectives move them, as they move those of systemd and cron."""
    goals = settings.objectives
    moved = {"db": goals.db_seconds, "files": goals.files_seconds, "config": goals.config_seconds}
    return {job: rule.time for job, rule in _RULES.items()} | {job: _time_within(goal) for job, goal in moved.items()}


def _time_within(objective_seconds: float) -> str:
    """A job of its own for what may be no older; a day is the backup of everything, which has it too."""
    step = step_within(objective_seconds)
    if step >= DAY:
        return OFF
    if step < HOUR:
        return f"*/{step // MINUTE} * * * *"
    return "0 * * * *" if step == HOUR else f"0 */{step // HOUR} * * *"


def _why_not(job: str, rule: _Rule, settings: Settings, role: Role, time: str) -> str | None:
    """Empty: it is done here. None: there is nothing to be done at all."""
    protects: Mapping[str, Callable[[], bool]] = {
        "db": lambda: settings.mongodb.uri is not None,
        "files": lambda: bool(settings.files.paths),
        "config": lambda: bool(settings.config.paths),
        "all": lambda: settings.mongodb.uri is not None or bool(settings.files.paths),
        "replicate": lambda: bool(settings.replicas),
    }
    if job in protects and not protects[job]():
        return None
    if rule.time == OFF == time and job not in protects and job not in dict(settings.serve.jobs):
        return None  # only for who asks for it
    if role not in rule.roles:
        return f"due elsewhere: {rule.elsewhere}" if rule.elsewhere else "due elsewhere: on the application's machine"
    if time == OFF:
        return None if dict(settings.serve.jobs).get(job) != OFF else "turned off in lifeboat.toml"
    return ""


def _stream(settings: Settings, role: Role, replica_set: bool | None) -> Duty:
    why = ""
    if settings.mongodb.uri is None:
        why = "no database is named here" if role is Role.SIMPLE else "due elsewhere: on the application's machine"
    elif role not in _HOSTS:
        why = "due elsewhere: on the application's machine"
    elif not settings.serve.stream:
        why = "turned off in lifeboat.toml"
    elif replica_set is False:
        why = "the database is no replica set and has no oplog; docs/operations.md says how to make it one"
    return Duty(STREAM, "archive of every change", STREAM, "always", not why, why)


def _step(slots: Slots) -> timedelta:
    return slots.step_after(slots.first_after(_SOME_DAY))
