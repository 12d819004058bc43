"""Metrics in Prometheus' text form. Pure: facts in, text out.

Names and units by its conventions: base units, ``_seconds``, ``_bytes``, ``_timestamp_seconds`` since 1970. What is not known has no
sample, so that an age never seems to be that of 1970.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from prometheus_client.core import CollectorRegistry, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from lifeboat.foundation.value import Value, field

CONTENT_TYPE = CONTENT_TYPE_LATEST
Table = Sequence[tuple[str, str, Sequence[float | int | None]]]


class SourceMetrics(Value):
    """One source; times are None where there is none."""

    name: str
    snapshot: datetime | None
    point: datetime | None
    proved: datetime | None
    objective_seconds: float
    meets_objective: bool
    snapshots: int
    bytes: int | None
    items: int | None


class JobMetrics(Value):
    """The newest run of one job that ended. Args: good: When one last ended well."""

    name: str
    ended: datetime
    seconds: float
    ok: bool
    good: datetime | None


class ArchiveMetrics(Value):
    label: str
    newest: datetime | None
    lag_seconds: float | None
    stalled: bool
    gaps: int | None


class ReplicaMetrics(Value):
    """A second copy. Args: as_of: the last run of this machine that went to its end."""

    name: str
    as_of: datetime | None
    behind_seconds: float | None
    missing_snapshots: int | None
    problems: int


class MetricsFacts(Value):
    """Args: up: Whether the repository could be looked at; else most is empty. alerts: Open ones by severity."""

    up: bool
    version: str
    repository_id: str = ""
    profile: str = ""
    sources: Sequence[SourceMetrics] = ()
    jobs: Sequence[JobMetrics] = ()
    archives: Sequence[ArchiveMetrics] = ()
    replicas: Sequence[ReplicaMetrics] = ()
    alerts: Mapping[str, int] = field(default_factory=dict)
    stored_bytes: int | None = None
    verified: datetime | None = None
    verify_problems: int | None = None
    restore_seconds: float | None = None
    disk_free_bytes: int | None = None
    cost_month_dollars: float | None = None
    cost_year_dollars: float | None = None
    drill_passed: datetime | None = None
    """End of the newest drill, where that passed."""
    drill_seconds: float | None = None
    rto_predicted_seconds: float | None = None
    rto_objective_seconds: float | None = None


def render(facts: MetricsFacts) -> bytes:
    """The whole page."""
    registry = CollectorRegistry()
    registry.register(_Once(list(families(facts))))
    return generate_latest(registry)


def families(facts: MetricsFacts) -> Iterable[Metric]:
    """One family after another; those without a sample are left out."""
    yield _gauge("lifeboat_up", "Whether the repository could be looked at.", [((), float(facts.up))])
    info = InfoMetricFamily("lifeboat", "What is looked at.")
    info.add_metric([], {"version": facts.version, "repository": facts.repository_id[:8], "profile": facts.profile})
    yield info
    yield from _of_sources(facts.sources)
    yield from _of_jobs(facts.jobs)
    yield from _of_archives(facts.archives)
    yield from _of_replicas(facts.replicas)
    open_now = [((severity,), float(facts.alerts.get(severity, 0))) for severity in ("critical", "warning", "info")]
    yield _gauge("lifeboat_alerts_open", "Open alerts.", open_now, ["severity"])
    single = [
        ("lifeboat_stored_bytes", "Bytes in the store, everything of the repository.", facts.stored_bytes),
        ("lifeboat_verify_timestamp_seconds", "End of the last verification by this machine.", _time(facts.verified)),
        ("lifeboat_verify_problems", "Problems that it found.", facts.verify_problems),
        ("lifeboat_restore_duration_seconds", "How long the last restore of everything took.", facts.restore_seconds),
        ("lifeboat_drill_last_success_timestamp_seconds", "End of the newest drill, where it passed.", _time(facts.drill_passed)),
        ("lifeboat_drill_last_rto_seconds", "How long it took until everything was back.", facts.drill_seconds),
        ("lifeboat_rto_predicted_seconds", "How long that would take at today's size, by the drills.", facts.rto_predicted_seconds),
        ("lifeboat_rto_objective_seconds", "How long it may take.", facts.rto_objective_seconds),
        ("lifeboat_disk_free_bytes", "Free bytes where this machine keeps repository or state.", facts.disk_free_bytes),
        ("lifeboat_cost_month_dollars", "Projected dollars of this month, requests and all.", facts.cost_month_dollars),
        ("lifeboat_projected_cost_dollars", "Projected dollars of the month in a year.", facts.cost_year_dollars),
    ]  # fmt: skip
    for name, words, value in single:
        if value is not None:
            yield _gauge(name, words, [((), float(value))])


def _of_sources(sources: Sequence[SourceMetrics]) -> Iterable[Metric]:
    table: Table = [
        ("snapshot_timestamp_seconds", "The instant that the newest snapshot is of.", [_time(one.snapshot) for one in sources]),
        ("recovery_point_timestamp_seconds", "The newest instant that can be restored.", [_time(one.point) for one in sources]),
        ("proved_timestamp_seconds", "The instant of the newest snapshot that was proved readable.", [_time(one.proved) for one in sources]),
        ("objective_seconds", "How much may be lost at most.", [one.objective_seconds for one in sources]),
        ("objective_met", "Whether no more would be lost.", [float(one.meets_objective) for one in sources]),
        ("snapshots", "Snapshots of the source.", [float(one.snapshots) for one in sources]),
        ("snapshot_bytes", "Bytes in the newest snapshot.", [one.bytes for one in sources]),
        ("snapshot_items", "Documents or files in the newest snapshot.", [one.items for one in sources]),
    ]  # fmt: skip
    for name, words, values in table:
        samples = [((one.name,), float(value)) for one, value in zip(sources, values, strict=True) if value is not None]
        if samples:
            yield _gauge(f"lifeboat_{name}", words, samples, ["source"])


def _of_jobs(jobs: Sequence[JobMetrics]) -> Iterable[Metric]:
    table: Table = [
        ("run_timestamp_seconds", "End of the job's last run.", [_time(one.ended) for one in jobs]),
        ("run_duration_seconds", "How long it took.", [one.seconds for one in jobs]),
        ("run_success", "Whether it ended well.", [float(one.ok) for one in jobs]),
        ("run_success_timestamp_seconds", "End of the job's last run that ended well.", [_time(one.good) for one in jobs]),
    ]  # fmt: skip
    for name, words, values in table:
        samples = [((one.name,), float(value)) for one, value in zip(jobs, values, strict=True) if value is not None]
        if samples:
            yield _gauge(f"lifeboat_{name}", words, samples, ["job"])


def _of_archives(archives: Sequence[ArchiveMetrics]) -> Iterable[Metric]:
    table: Table = [
        ("archive_timestamp_seconds", "Up to where every change is archived.", [_time(one.newest) for one in archives]),
        ("archive_lag_seconds", "How far that is behind.", [one.lag_seconds for one in archives]),
        ("archive_stalled", "Whether nothing was archived for longer than a stream that runs is silent.", [float(one.stalled) for one in archives]),
        ("archive_gaps", "Gaps that touch the last seven days.", [one.gaps for one in archives]),
    ]  # fmt: skip
    for name, words, values in table:
        pairs = zip(archives, values, strict=True)
        samples = [((one.label,), float(value)) for one, value in pairs if value is not None]
        if samples:
            yield _gauge(f"lifeboat_{name}", words, samples, ["writer"])


def _of_replicas(replicas: Sequence[ReplicaMetrics]) -> Iterable[Metric]:
    table: Table = [
        ("replica_timestamp_seconds", "Up to when the second copy is complete, by this machine's last run.", [_time(one.as_of) for one in replicas]),
        ("replica_lag_seconds", "How far the second copy is behind.", [one.behind_seconds for one in replicas]),
        ("replica_missing_snapshots", "Snapshots that are not in it.", [one.missing_snapshots for one in replicas]),
        ("replica_problems", "Problems that the last run found.", [one.problems for one in replicas]),
    ]  # fmt: skip
    for name, words, values in table:
        pairs = zip(replicas, values, strict=True)
        samples = [((one.name,), float(value)) for one, value in pairs if value is not None]
        if samples:
            yield _gauge(f"lifeboat_{name}", words, samples, ["replica"])


def _gauge(
    name: str, words: str, samples: Sequence[tuple[tuple[str, ...], float]], labels: Sequence[str] = ()
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=list(labels))
    for values, value in samples:
        family.add_metric(list(values), value)
    return family


def _time(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


class _Once:
    """What a registry asks for its families."""

    def __init__(self, found: list[Metric]) -> None:
        self._found = found

    def collect(self) -> Iterable[Metric]:
        return self._found
