"""The rules: the mission's thresholds, and no false alarm on a healthy day."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lifeboat.services.alerts.condition import Severity
from lifeboat.services.alerts.facts import (
    ArchiveFacts,
    DrillFacts,
    Facts,
    ReplicaFacts,
    RunFacts,
    SaidFinding,
    SourceFacts,
)
from lifeboat.services.alerts.rules import RULES, conditions
from lifeboat.services.alerts.thresholds import Thresholds

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
HOUR = 3600.0


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def source(name: str = "db", **changes: object) -> SourceFacts:
    healthy = SourceFacts(
        name, ago(minutes=30), ago(minutes=1), HOUR, 1.25 * HOUR, [100_000_000 + n for n in range(20)]
    )
    return replace(healthy, **changes)  # type: ignore[arg-type]


HEALTHY = Facts(
    NOW,
    sources=(source(), source("files", newest=ago(hours=10), newest_point=ago(hours=10), objective_seconds=24 * HOUR, allowed_seconds=25 * HOUR)),
    runs=(RunFacts("backup db", ago(minutes=31), ago(minutes=30), True), RunFacts("verify", ago(hours=4), ago(hours=3), True)),
    expected_jobs={"backup db": 1.5 * HOUR, "backup files": 30 * HOUR},
    last_good={"backup db": ago(minutes=30), "backup files": ago(hours=10)},
    installed=ago(days=100),
    archives=(ArchiveFacts("app", 20.0, False, 0),),
    verified=ago(hours=3),
    verify_problems=0,
    rehearsed=ago(days=30),
    begun=ago(days=100),
    disk_free=50_000_000_000,
    disk_bytes=100_000_000_000,
    cost_month=12.0,
    replicas=(ReplicaFacts("riyadh", 25 * HOUR), ReplicaFacts("not seen", None)),
)  # fmt: skip


def told(facts: Facts) -> list[tuple[str, str, Severity]]:
    return [(one.rule, one.subject, one.severity) for one in conditions(facts)]


def test_a_healthy_day_is_a_quiet_one() -> None:
    assert told(HEALTHY) == []


def test_the_first_minutes_of_a_repository_are_quiet_too() -> None:
    assert told(Facts(NOW, sources=(source("files", newest=None, newest_point=None),), begun=ago(minutes=5))) == []


FAILED = RunFacts("backup db", ago(minutes=6), ago(minutes=5), False, "database-unreachable", "no answer", "is it up?")
CASES = [
    ("failed", "backup db", Severity.CRITICAL, {"runs": (*HEALTHY.runs, FAILED)}),
    ("failed", "prune", Severity.WARNING, {"runs": (RunFacts("prune", ago(hours=2), ago(hours=1), False, "x"),)}),
    ("late", "backup db", Severity.WARNING, {"last_good": {"backup files": ago(hours=1), "backup db": ago(hours=2)}}),
    ("objective-missed", "db", Severity.WARNING, {"sources": (source(newest_point=ago(hours=2)),)}),
    ("objective-missed", "db", Severity.CRITICAL, {"sources": (source(newest_point=ago(hours=25)),)}),
    ("objective-missed", "files", Severity.CRITICAL, {"sources": (source("files", newest=None, newest_point=None),)}),
    ("incomplete", "files", Severity.WARNING, {"sources": (source("files", incomplete=True),)}),
    ("archive-gap", "app", Severity.WARNING, {"archives": (ArchiveFacts("app", 20.0, False, 2, 90.0),)}),
    ("archive-stalled", "app", Severity.CRITICAL, {"archives": (ArchiveFacts("app", 5000.0, True, 0),)}),
    ("verify-failed", "repository", Severity.CRITICAL, {"verify_problems": 3}),
    ("verify-late", "repository", Severity.WARNING, {"verified": ago(days=3)}),
    ("verify-late", "repository", Severity.WARNING, {"verified": None}),
    ("size-anomaly", "db", Severity.WARNING, {"sources": (source(sizes=[100_000_000] * 20 + [220_000_000]),)}),
    ("size-anomaly", "db", Severity.WARNING, {"sources": (source(sizes=[100_000_000] * 20 + [9]),)}),
    ("budget", "repository", Severity.WARNING, {"cost_month": 50.01}),
    ("disk-filling", "disk", Severity.WARNING, {"disk_free": 9_000_000_000}),
    ("disk-filling", "disk", Severity.CRITICAL, {"disk_free": 1_000_000_000}),
    ("replica-late", "riyadh", Severity.WARNING, {"replicas": (ReplicaFacts("riyadh", 27 * HOUR),)}),
    ("replica-problems", "riyadh", Severity.WARNING, {"replicas": (ReplicaFacts("riyadh", 5.0, 2),)}),
    ("drill-overdue", "restore", Severity.INFO, {"rehearsed": ago(days=93)}),
    ("drill-overdue", "full drill", Severity.INFO, {"drills": DrillFacts([("full drill", ago(days=1))], 60, 70, 4 * HOUR)}),
    ("drill-failed", "3f2a91c0", Severity.WARNING, {"drills": DrillFacts([], None, 70, 4 * HOUR, "3f2a91c0")}),
    ("rto-above-objective", "restore", Severity.WARNING, {"drills": DrillFacts([], 5 * HOUR, 70, 4 * HOUR)}),
    ("rto-above-objective", "restore", Severity.WARNING, {"drills": DrillFacts([], 60, 5 * HOUR, 4 * HOUR)}),
    ("key-trouble", "key", Severity.CRITICAL, {"findings": (SaidFinding("key-not-a-recipient", "key", "m", "h", True),)}),
    ("clock-trouble", "s3", Severity.WARNING, {"findings": (SaidFinding("clock-apart", "s3", "m", "h", False),)}),
    ("unreachable", "s3", Severity.CRITICAL, {"unreachable": SaidFinding("storage-unreachable", "s3", "m", "h", True)}),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "subject", "severity", "changes"), CASES)
def test_each_thing_that_goes_wrong_is_told_alone(
    rule: str, subject: str, severity: Severity, changes: dict[str, object]
) -> None:
    facts = replace(HEALTHY, **changes)  # type: ignore[arg-type]
    assert told(facts) == [(rule, subject, severity)]
    (one,) = conditions(facts)
    assert one.happened and one.means and one.to_do, "what it is, what it means for a recovery, what to type"


def test_every_rule_speaks_in_some_case() -> None:
    spoken = {rule for rule, *_ in CASES}
    found = {one.rule for rule in RULES for case in CASES for one in rule(replace(HEALTHY, **case[3]), Thresholds())}  # type: ignore[arg-type]
    assert found == spoken and len(spoken) >= len(RULES)


def test_a_failure_that_was_followed_by_a_good_run_is_over() -> None:
    good = RunFacts("backup db", ago(minutes=2), ago(minutes=1), True)
    assert told(replace(HEALTHY, runs=(FAILED, good))) == []


def test_small_databases_may_double_without_an_alarm() -> None:
    assert told(replace(HEALTHY, sources=(source(sizes=[1000] * 20 + [900_000]),))) == []
