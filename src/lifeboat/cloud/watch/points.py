"""How everything stands, as data points of CloudWatch. Pure, apart from ``send``.

CloudWatch counts each name with its dimensions as a metric of its own; ten are free (https://aws.amazon.com/cloudwatch/pricing, as of
2026). So at most ``FREE_METRICS`` are sent, the weightiest first, and none has a dimension that changes.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from lifeboat.cloud.errors import in_cloud_words
from lifeboat.cloud.session import Aws
from lifeboat.foundation.value import Value

NAMESPACE = "Lifeboat"
FREE_METRICS = 10
AGE, SUCCESS, ANOMALY, BYTES, COST = (
    *("BackupAgeSeconds", "BackupSuccessPercent", "BackupSizeAnomaly", "RepositoryBytes", "ProjectedMonthlyUSD"),
)
VERIFY_AGE, ARCHIVE_LAG, SIZE = "VerifyAgeSeconds", "ArchiveLagSeconds", "BackupSizeBytes"


class SourceSeen(Value):
    """Args: name: as people type it; age_seconds: of the newest moment that can be restored; size_bytes: of the newest snapshot."""

    name: str
    age_seconds: float | None
    size_bytes: int | None


class Seen(Value):
    """What one look found; a None is not sent, so that its alarm sees data missing.

    Args:
        repository: Which one, for the dimension: ``"s3://bucket/prefix"``.
        runs_ok, runs: Backups that ended within the last day, those that went well and all.
        anomalies: Sources whose newest snapshot has an unusual size.
    """

    repository: str
    sources: Sequence[SourceSeen] = ()
    runs_ok: int = 0
    runs: int = 0
    anomalies: int | None = None
    stored_bytes: int | None = None
    cost_month: float | None = None
    verify_age_seconds: float | None = None
    archive_lag_seconds: float | None = None


class Point(Value):
    """One value. Args: source: None for what is of the whole repository; unit: as CloudWatch names it."""

    name: str
    value: float
    unit: str
    source: str | None = None


def points(seen: Seen) -> list[Point]:
    """What is sent, the weightiest first, at most ``FREE_METRICS``."""
    found = [
        Point(AGE, max(0.0, one.age_seconds), "Seconds", one.name)
        for one in seen.sources
        if one.age_seconds is not None
    ]
    if seen.runs:
        found.append(Point(SUCCESS, 100.0 * seen.runs_ok / seen.runs, "Percent"))
    single: list[tuple[str, float | None, str]] = [
        (ANOMALY, seen.anomalies, "Count"),
        (BYTES, seen.stored_bytes, "Bytes"),
        (COST, seen.cost_month, "None"),
        (VERIFY_AGE, seen.verify_age_seconds, "Seconds"),
        (ARCHIVE_LAG, seen.archive_lag_seconds, "Seconds"),
    ]
    found += [Point(name, float(value), unit) for name, value, unit in single if value is not None]
    found += [Point(SIZE, one.size_bytes, "Bytes", one.name) for one in seen.sources if one.size_bytes is not None]
    return found[:FREE_METRICS]


def dimensions(repository: str, source: str | None) -> list[dict[str, str]]:
    """As alarms and metrics both have to name them, or they never meet."""
    named = [{"Name": "Repository", "Value": repository[:255]}]
    return [*named, {"Name": "Source", "Value": source}] if source else named


def send(aws: Aws, repository: str, some: Sequence[Point], at: datetime) -> None:
    """One request. Raises ``CloudError``; needs cloudwatch:PutMetricData."""
    data: list[dict[str, Any]] = [
        {
            "MetricName": one.name,
            "Dimensions": dimensions(repository, one.source),
            "Timestamp": at,
            "Value": one.value,
            "Unit": one.unit,
        }
        for one in some
    ]
    if data:
        with in_cloud_words("cloudwatch", "send metrics to CloudWatch"):
            aws.client("cloudwatch").put_metric_data(Namespace=NAMESPACE, MetricData=data)
