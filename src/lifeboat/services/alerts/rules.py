"""The rules: facts in, conditions out. Pure; each says in words what it means for a recovery."""

import statistics
from collections.abc import Callable, Iterator
from datetime import datetime

from lifeboat.foundation.sizes import show_bytes, show_seconds
from lifeboat.services.alerts.condition import Condition, Severity
from lifeboat.services.alerts.facts import Facts, RunFacts, SaidFinding, SourceFacts
from lifeboat.services.alerts.thresholds import Thresholds

Rule = Callable[[Facts, Thresholds], Iterator[Condition]]
_CALLED = {"db": "the database", "files": "the files", "config": "the configuration"}
_KEY_CODES = ("key-", "recipients-", "identity-", "writer-unknown", "seal-")
_CLOCK_CODES = ("clock", "store-clock")
USUAL_FROM = 5
"""So many snapshots tell what size is usual."""


def conditions(facts: Facts, thresholds: Thresholds | None = None) -> list[Condition]:
    """What is wrong now, the worst first; each key once."""
    found: dict[str, Condition] = {}
    for rule in RULES:
        for one in rule(facts, thresholds or Thresholds()):
            known = found.get(one.key)
            if known is None or one.severity.rank > known.severity.rank:
                found[one.key] = one
    return sorted(found.values(), key=lambda one: (-one.severity.rank, one.key))


def unreachable(facts: Facts, thresholds: Thresholds) -> Iterator[Condition]:
    if facts.unreachable is not None:
        said = facts.unreachable
        yield Condition(
            "unreachable",
            Severity.CRITICAL,
            said.subject,
            said.message,
            "Nothing can be stored or restored while it is so, and how old the copies are is not known.",
            said.hint,
        )


def failed(facts: Facts, thresholds: Thresholds) -> Iterator[Condition]:
    """The newest run of a job did not go well; or an earlier one within the span, and none has gone well since."""
    newest: dict[str, RunFacts] = {}
    for run in facts.runs:
        if run.ok is not None and run.ended is not None and _ago(facts, run.ended) <= thresholds.success_seconds:
            known = newest.get(run.job)
            if known is None or known.ended is None or run.ended > known.ended:
                newest[run.job] = run
    for job, run in sorted(newest.items()):
        if run.ok is False and job != "verify":
            yield Condition(
                "failed",
                Severity.CRITICAL if job.startswith("backup") else Severity.WARNING,
                job,
                f"{job} failed: {run.message or run.error or 'it did not end well'}",
                "No new copy was made by this run; the copies before it are as they were."
                if job.startswith("backup")
                else "The copies are as they were; this job's own work waits.",
                run.hint or f"`lifeboat {job}` by hand shows more",
                {"error": run.error},
            )


def late(facts: Facts, thresholds: Thresholds) -> Iterator[Condition]:
    """Nobody has run a job that was expected."""
    for job, seconds in sorted(facts.expected_jobs.items()):
        since = facts.last_good.get(job) or facts.installed
        if since is None or _ago(facts, since) <= seconds:
            continue
        yield Condition(
            "late",
            Severity.WARNING,
            job,
            f"{job} has not ended well for {show_seconds(_ago(facts, since))}; it is due every {show_seconds(seconds)} at most",
            "The copies grow old: what changed since would be lost.",
            "`lifeboat schedule status` shows what should have started it; `lifeboat doctor` what stands in its way",
        )


def objective_missed(facts: Facts, thresholds: Thresholds) -> Iterator[Condition]:
    """More would be lost than may be."""
    for source in facts.sources:
        called = _CALLED.get(source.name, source.name)
        newest = source.newest_point
        if newest is None:
            if facts.begun is not None and _ago(facts, facts.begun) > source.allowed_seconds:
                yield _missed(source, Severity.CRITICAL, f"there is no copy of {called} at all")
            continue
        age = _ago(facts, newest)
        if age > source.allowed_seconds:
            over_a_day = age > max(thresholds.newest_seconds, source.objective_seconds)
            severity = Severity.CRITICAL if over_a_day else Severity.WARNING
            told = f"the newest copy of {called} is {show_seconds(age)} old; {show_seconds(source.objective_seconds)} are allowed"
            yield _missed(source, severity, told)


def _missed(source: SourceFacts, severity: Severity, told: str) -> Condition:
    return Condition(
        "objective-missed",
        severity,
        source.name,
        told,
        "A disaster now would lose more than may be lost.",
        f"`lifeboat backup {source.name}`; if it fails, `lifeboat doctor` says why",
    )


def incomplete(facts: Facts, thresholds: Thresholds) -> Iterator[Condition]:
    for source in facts.sources:
        if source.incomplete:
            yield Condition(
                "incomplete",
                Severity.WARNING,
                source.name,
                f"the newest snapshot of {_CALLED.get(source.name, source.name)} lacks something that could not be read",
                "What it lacks cannot be restored from it; the rest can.",
                "`lifeboat snapshots` marks it; `lifeboat backup` says again what it cannot read",
            )


def archive(facts: Facts, thresholds: Thresholds) -> Iterator[Condition]:
    """Gaps, and a stream that stands still."""
    for one in facts.archives:
        if one.gaps:
            spans = "a gap" if one.gaps == 1 else f"{one.gaps} gaps"
            yield Condition(
                "archive-gap",
                Severity.WARNING,
                one.label,
                f"the archive of the last seven days has {spans}"
                + (f" of {show_seconds(one.gap_seconds)} together" if one.gap_seconds else ""),
                "No moment inside a gap can be restored, but for the snapshots in it; every other one can.",
                "`lifeboat timeline` shows where, and why",
                {"gaps": one.gaps},
            )
        lag = one.lag_seconds
        if one.stalled or (lag is not None and lag > thresholds.archive_lag_seconds):
            behind = "" if lag is None else f" for {show_seconds(lag)}"
            waiting = f": {one.waiting_for}" if one.waiting_for else ""
            yield Condition(
                "archive-stalled",
                Severity.CRITICAL,
                one.label,
                f"nothing was archived{behind}{waiting}",
                "What changed since can be restored from the next snapshot only; the server's oplog holds it for now.",
                "`lifeboat stream` must run; `lifeboat status` says what it waits for",
            )


def verification(facts: Facts, thresholds: Thresholds) -> Iterator[Condition]:
    if facts.verify_problems:
        count = facts.verify_problems
        yield Condition(
            "verify-failed",
            Severity.CRITICAL,
            "repository",
            f"the last verification found {'a problem' if count == 1 else f'{count} problems'}",
            "Some of what is stored may not be restorable.",
            "`lifeboat verify --level full` says what, and which snapshots it hurts; `lifeboat backup all` stores it anew",
        )
    since = facts.verified or facts.begun
    if since is not None and _ago(facts, since) > thresholds.verify_seconds:
        yield Condition(
            "verify-late",
            Severity.WARNING,
            "repository",
            f"nothing was verified for {show_seconds(_ago(facts, since))}",
            "Whether what is stored can be read is not known for that long.",
            "`lifeboat verify`, every day; `lifeboat schedule install` does it",
        )


def size(facts: Facts, thresholds: Thresholds) -> Iterator[Condition]:
    """A snapshot much larger or much smaller than the usual: something fills up, or something was deleted."""
    for source in facts.sources:
        *before, newest = source.sizes or [0]
        if len(before) < USUAL_FROM:
            continue
        usual = statistics.median(before[-30:])
        if abs(newest - usual) < thresholds.growth_at_least_bytes:
            continue
        if newest > usual * thresholds.growth_factor or newest * thresholds.growth_factor < usual:
            larger = newest > usual
            yield Condition(
                "size-anomaly",
                Severity.WARNING,
                source.name,
                f"the newest snapshot of {_CALLED.get(source.name, source.name)} holds {show_bytes(newest)}; {show_bytes(int(usual))} is usual",
                "Something fills the disk, and the bill."
                if larger
                else "Much was deleted: if nobody meant to, the snapshots before still have it.",
                "`lifeboat snapshots latest` shows what is in it"
                + ("" if larger else "; `lifeboat timeline --suspects` what was deleted"),
                {"bytes": newest, "usual": int(usual)},
            )


def keys_and_clock(facts: Facts, thresholds: Thresholds) -> Iterator[Condition]:
    for one in facts.findings:
        if one.code.startswith(_KEY_CODES) or one.code.startswith(_CLOCK_CODES):
            rule = "key-trouble" if one.code.startswith(_KEY_CODES) else "clock-trouble"
            means = (
                "Without the right key no copy can be read."
                if rule == "key-trouble"
                else "How old copies are, and which may go, is judged by the clock."
            )
            yield _from_finding(rule, one, means)


def budget(facts: Facts, thresholds: Thresholds) -> Iterator[Condition]:
    if facts.cost_month is not None and facts.cost_month > thresholds.cost_month:
        grows = f", ${facts.cost_year:.0f} in a year" if facts.cost_year and facts.cost_year > facts.cost_month else ""
        yield Condition(
            "budget",
            Severity.WARNING,
            "repository",
            f"the copies cost about ${facts.cost_month:.0f} a month{grows}; ${thresholds.cost_month:.0f} are meant",
            "No copy is endangered.",
            "`lifeboat cost --compare` says what would change most; [retention] in lifeboat.toml how much is kept",
        )


def disk(facts: Facts, thresholds: Thresholds) -> Iterator[Condition]:
    if facts.disk_free is None or not facts.disk_bytes:
        return
    share = facts.disk_free / facts.disk_bytes
    if share < thresholds.disk_free_share:
        yield Condition(
            "disk-filling",
            Severity.CRITICAL if share < thresholds.disk_free_share / 4 else Severity.WARNING,
            "disk",
            f"{show_bytes(facts.disk_free)} are free of {show_bytes(facts.disk_bytes)} ({share:.0%})",
            "When it is full no new copy can be made.",
            "make room; `lifeboat prune --dry-run` says what of the copies could go",
        )


def drills(facts: Facts, thresholds: Thresholds) -> Iterator[Condition]:
    told = facts.drills
    if told is None:
        return
    for what, due in told.overdue:
        yield Condition(
            "drill-overdue",
            Severity.INFO,
            what,
            f"the {what} was due {show_seconds(_ago(facts, due))} ago",
            "How long a recovery takes, and whether the team can do it, is not known any more.",
            "`lifeboat drill calendar` says what is due; `lifeboat drill` makes it",
        )
    if told.last_failed is not None:
        yield Condition(
            "drill-failed",
            Severity.WARNING,
            told.last_failed,
            f"the last drill ({told.last_failed}) did not pass",
            "On the day of a disaster this would be so, too.",
            f"`lifeboat drill show {told.last_failed}` says why; mend it, and make the drill again",
        )
    measured = (("took", told.rto_seconds), ("would take, at today's size,", told.predicted_seconds))
    slow = next(((words, one) for words, one in measured if one is not None and one > told.objective_seconds), None)
    if slow is not None:
        yield Condition(
            "rto-above-objective",
            Severity.WARNING,
            "restore",
            f"a restore of everything {slow[0]} {show_seconds(slow[1])}; {show_seconds(told.objective_seconds)} are allowed",
            "After a disaster the service would be back later than was promised.",
            "`lifeboat report drill` shows where the time goes; [objectives] rto says what is allowed",
        )


def rehearsal(facts: Facts, thresholds: Thresholds) -> Iterator[Condition]:
    if facts.drills is not None:
        return  # the calendar of drills knows better
    since = facts.rehearsed or facts.begun
    if since is not None and _ago(facts, since) > thresholds.rehearsal_seconds:
        yield Condition(
            "drill-overdue",
            Severity.INFO,
            "restore",
            f"nothing was restored for {show_seconds(_ago(facts, since))}",
            "How long a recovery takes, and whether the team can do it, is not known.",
            "`lifeboat restore db latest --to rehearsal`, and drop it again",
        )


def replica(facts: Facts, thresholds: Thresholds) -> Iterator[Condition]:
    for one in facts.replicas:
        if one.behind_seconds is not None and one.behind_seconds > thresholds.replica_seconds:
            yield Condition(
                "replica-late",
                Severity.WARNING,
                one.name,
                f"the replica is {show_seconds(one.behind_seconds)} behind; {show_seconds(thresholds.replica_seconds)} are meant",
                "If the repository were lost now, what was stored since would be lost with it.",
                f"`lifeboat replicate {one.name}`; `lifeboat serve` does it every day",
            )
        if one.problems:
            yield Condition(
                "replica-problems",
                Severity.WARNING,
                one.name,
                f"the last run of the replica found {'a problem' if one.problems == 1 else f'{one.problems} problems'}",
                "Something in the repository or in its second copy is damaged or gone; the other one may still have it.",
                f"`lifeboat replicate {one.name}` says what",
            )


def _from_finding(rule: str, one: SaidFinding, means: str) -> Condition:
    severity = Severity.CRITICAL if one.is_problem else Severity.WARNING
    return Condition(rule, severity, one.subject, one.message, means, one.hint, {"code": one.code})


def _ago(facts: Facts, moment: datetime) -> float:
    return (facts.now - moment).total_seconds()


RULES: tuple[Rule, ...] = (
    unreachable,
    failed,
    late,
    objective_missed,
    incomplete,
    archive,
    verification,
    size,
    keys_and_clock,
    budget,
    disk,
    rehearsal,
    drills,
    replica,
)
