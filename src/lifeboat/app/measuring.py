"""How everything stands, gathered for Prometheus."""

import os
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from lifeboat import __version__
from lifeboat.app.alerting import ENDED_AS_MEANT, SIZE_MAY_BE_SECONDS, Alerting
from lifeboat.app.costing import Costing
from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.settings import Settings
from lifeboat.app.source_names import TYPED
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError, SettingsError
from lifeboat.journal.journal import Journal
from lifeboat.operations.replicate.lag import behind_seconds
from lifeboat.operations.reports.standing import DrillStanding
from lifeboat.services.metrics.exposition import (
    ArchiveMetrics,
    JobMetrics,
    MetricsFacts,
    ReplicaMetrics,
    SourceMetrics,
    render,
)

RUNS_OF = timedelta(days=35)


def metrics_page(settings: Settings, clock: Clock) -> bytes:
    """The page at ``/metrics``; never raises for a repository that is away: that is what it then says."""
    return render(gather(settings, clock))


def gather(settings: Settings, clock: Clock) -> MetricsFacts:
    alerting, now = Alerting(settings, clock), clock.now()
    try:
        journal: Journal | None = alerting.journal()
    except LifeboatError:
        journal = None
    jobs = () if journal is None else tuple(_jobs(journal, now))
    alerts: dict[str, int] = {}
    for row in () if journal is None else journal.alerts.open_alerts():
        alerts[row.severity] = alerts.get(row.severity, 0) + 1
    try:
        report = Lifeboat(settings, clock=clock).status(size_may_be_seconds=SIZE_MAY_BE_SECONDS)
    except LifeboatError:
        return MetricsFacts(False, __version__, jobs=jobs, alerts=alerts)
    verify = report.last_verify
    cost = Costing(settings, clock).remembered()
    return MetricsFacts(
        up=True,
        version=__version__,
        repository_id=report.repository_id,
        profile=report.profile,
        sources=tuple(
            SourceMetrics(
                TYPED.get(one.source, one.source),
                one.newest.instant if one.newest else None,
                None if one.age_seconds is None else now - timedelta(seconds=one.age_seconds),
                one.newest_proved.instant if one.newest_proved else None,
                one.objective_seconds,
                one.meets_objective,
                one.snapshots,
                one.newest.bytes if one.newest else None,
                one.newest.items if one.newest else None,
            )
            for one in report.sources
        ),
        jobs=jobs,
        archives=tuple(
            ArchiveMetrics(one.label, one.newest, one.lag_seconds, one.stalled, one.gaps) for one in report.archives
        ),
        replicas=tuple(
            ReplicaMetrics(one.name, one.as_of, behind_seconds(one, now), one.missing_snapshots, one.problems)
            for one in report.replicas
        ),
        alerts=alerts,
        stored_bytes=report.stored_bytes,
        verified=verify.at if verify else None,
        verify_problems=verify.problems if verify else None,
        restore_seconds=report.last_restore_seconds,
        **_of_drills(report.drills),
        disk_free_bytes=alerting.disk()[0],
        cost_month_dollars=None if cost is None else cost.month,
        cost_year_dollars=None if cost is None else cost.year,
    )


def _jobs(journal: Journal, now: datetime) -> list[JobMetrics]:
    newest: dict[str, JobMetrics] = {}
    good: dict[str, datetime] = {}
    for row in journal.runs(since=now - RUNS_OF, limit=20_000):
        if row.ended is None:
            continue
        ok = row.status in ENDED_AS_MEANT
        if ok:
            good.setdefault(row.job, row.ended)
        newest.setdefault(row.job, JobMetrics(row.job, row.ended, row.seconds or 0.0, ok, None))
    return [
        JobMetrics(one.name, one.ended, one.seconds, one.ok, good.get(name)) for name, one in sorted(newest.items())
    ]


class TextfileNotWritten(SettingsError):
    """The file for the node exporter cannot be written."""

    code = "textfile-not-written"


def write_textfile(path: Path, page: bytes) -> None:
    """Replace it in one step: whoever collects never sees half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(page)
        temporary.chmod(0o644)
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise TextfileNotWritten(
            f"{path} cannot be written: {(error.strerror or str(error)).lower()}",
            "it belongs into the folder that node_exporter's --collector.textfile.directory names",
        ) from error


def _of_drills(drills: DrillStanding | None) -> dict[str, Any]:
    if drills is None:
        return {}
    return {
        "drill_passed": drills.last_ended if drills.last_outcome == "passed" else None,
        "drill_seconds": drills.last_seconds,
        "rto_predicted_seconds": drills.predicted_seconds,
        "rto_objective_seconds": drills.rto_objective_seconds,
    }
