"""The jobs of one installation, made from what it protects and how much may be lost. Pure.

Every hour the database; at 02:00 everything as one recovery point; at 03:30 an hour's share of reading and opening all that is stored;
at 04:30 second copies, if any are set; at 08:00 a verification of its structure; on Sundays a prune. An objective that is shorter or longer
moves the first; one of the files that is shorter than a day gives them a job of their own. A machine without a key can do no more than look at ages.
"""

from lifeboat.foundation.value import Value

MINUTE, HOUR, DAY, WEEK = 60, 3600, 86_400, 604_800
STEPS_SECONDS = tuple(
    [minutes * MINUTE for minutes in (5, 10, 15, 20, 30)] + [hours * HOUR for hours in (1, 2, 3, 4, 6, 8, 12)] + [DAY]
)
"""Those that divide an hour or a day: cron can say no others."""
SCRUB_MINUTES = 60
"""A night's share of a rolling verification."""


class Job(Value):
    """Args: name: Also that of its lock and its unit. every_seconds: From one run to the next."""

    name: str
    title: str
    every_seconds: int
    cron: str
    """Five fields of a crontab."""
    calendar: str
    """The same for ``OnCalendar=``."""
    when: str
    """The same for people."""


ARGUMENTS = {
    "db": ("backup", "db"),
    "files": ("backup", "files"),
    "config": ("backup", "config"),
    "all": ("backup", "all"),
    "age": ("verify", "--level", "age"),
    "verify": ("verify", "--level", "structure"),
    "scrub": ("verify", "--level", "full", "--max-minutes", str(SCRUB_MINUTES)),
    "prune": ("prune", "--yes"),
    "carry": ("carry-forward",),
    "replicate": ("replicate",),
    "drill": ("drill",),
}
"""What each job types; a unit or a crontab names the job only, so that a newer Lifeboat may type something better."""


class SharedJob(Value):
    """A job that several processes do together, each with a number. Args: arguments: What each types, before ``--shard``."""

    name: str
    title: str
    every_seconds: int
    cron: str
    arguments: tuple[str, ...]


SHARED_VERIFY = SharedJob(
    "verify-shards", "verification of everything", WEEK, "30 12 * * 6", ("verify", "--level", "full")
)
"""Every byte once a week; the rolling scrub of the nights goes on."""


def plan_shared_jobs(files_seconds: float | None, *, can_read: bool) -> list[SharedJob]:
    """Those worth sharing out. Args: can_read: Whether there is a key that opens what is stored."""
    jobs = []
    if files_seconds is not None:
        one = _backup("files", "the files", step_within(files_seconds), skips=())
        cron = "0 2 * * *" if one.every_seconds == DAY else one.cron
        jobs.append(SharedJob("files-shards", one.title, one.every_seconds, cron, ARGUMENTS["files"]))
    return [*jobs, SHARED_VERIFY] if can_read else jobs


def plan_jobs(
    db_seconds: float | None,
    files_seconds: float | None,
    *,
    can_prune: bool,
    has_replicas: bool = False,
    files_are_shared: bool = False,
    has_config: bool = False,
) -> list[Job]:
    """The jobs for these objectives; None for what is not protected.

    Args:
        can_prune: Whether this machine has a key that may: in the guarded profile somebody else prunes.
        has_replicas: Whether there are second copies to be kept up to date.
        files_are_shared: Several processes back up the files, by ``plan_shared_jobs``: nothing here does it too.
        has_config: Whether there are files of configuration; asked for where the files are shared.
    """
    jobs = []
    if files_are_shared:
        if db_seconds is not None:
            jobs.append(_backup("db", "the database", step_within(db_seconds), skips=()))
        if has_config:
            jobs.append(
                Job("config", "backup of the configuration", DAY, "0 2 * * *", "*-*-* 02:00:00", "every day at 02:00")
            )
        db_seconds = files_seconds = None
    for name, title, objective in (("db", "the database", db_seconds), ("files", "the files", files_seconds)):
        if objective is not None and objective < DAY:
            jobs.append(_backup(name, title, step_within(objective)))
    if db_seconds is not None or files_seconds is not None:  # else this is a keeper's machine: it proves and prunes
        jobs.append(Job("all", "backup of everything", DAY, "0 2 * * *", "*-*-* 02:00:00", "every day at 02:00"))
    if not can_prune:
        jobs.append(Job("age", "look at the ages", DAY, "0 8 * * *", "*-*-* 08:00:00", "every day at 08:00"))
    else:
        jobs.append(Job("scrub", "rolling scrub", DAY, "30 3 * * *", "*-*-* 03:30:00", "every day at 03:30"))
        if has_replicas:
            jobs.append(Job("replicate", "second copies", DAY, "30 4 * * *", "*-*-* 04:30:00", "every day at 04:30"))
        jobs.append(Job("verify", "verification", DAY, "0 8 * * *", "*-*-* 08:00:00", "every day at 08:00"))
        jobs.append(Job("prune", "prune", WEEK, "30 5 * * 0", "Sun *-*-* 05:30:00", "Sundays at 05:30"))
    return jobs


def step_within(objective: float) -> int:
    """The longest step that keeps the objective; five minutes where none does."""
    fitting = [step for step in STEPS_SECONDS if step <= objective]
    return fitting[-1] if fitting else STEPS_SECONDS[0]


def _backup(name: str, title: str, step: int, skips: tuple[int, ...] = (2,)) -> Job:
    """Not at 02:00, when the backup of everything has it too. Args: skips: Hours at which another job does it."""
    if step < HOUR:
        minutes = step // MINUTE
        cron, calendar = f"*/{minutes} * * * *", f"*-*-* *:00/{minutes}:00"
        when = f"every {minutes} minutes"
    else:
        hours = [hour for hour in range(0, 24, step // HOUR) if hour not in skips]
        when = "every hour" if step == HOUR else f"every {step // HOUR} hours"
        cron = f"0 {','.join(map(str, hours))} * * *"
        calendar = f"*-*-* {','.join(f'{hour:02}' for hour in hours)}:00:00"
    return Job(name, f"backup of {title}", step, cron, calendar, when)
