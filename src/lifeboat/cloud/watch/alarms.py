"""Alarms of CloudWatch over the metrics that Lifeboat sends: the mission's thresholds, and silence counts as trouble.

Data that stays away breaches where it means that nobody backs up, verifies or archives any more. A size, a price and an anomaly are told by
the same machine: when it is dead, the alarms on ages say so, and three more messages would say no more.
"""

from collections.abc import Sequence
from typing import Any

from lifeboat.cloud.errors import in_cloud_words
from lifeboat.cloud.session import Aws
from lifeboat.cloud.steps import Difference, Looked
from lifeboat.cloud.watch.points import (
    AGE,
    ANOMALY,
    ARCHIVE_LAG,
    COST,
    NAMESPACE,
    SUCCESS,
    VERIFY_AGE,
    dimensions,
)
from lifeboat.cloud.watch.topic import Topic
from lifeboat.foundation.sizes import show_seconds
from lifeboat.foundation.value import Value

FREE_ALARMS = 10
PERIOD_SECONDS = 300
"""Metrics are sent as often. Three of them in a row: one that is late does not wake anybody."""
PERIODS = 3
BREACHING, NOT_BREACHING = "breaching", "notBreaching"
HIGHER, LOWER = "GreaterThanThreshold", "LessThanThreshold"


class Alarm(Value):
    """One alarm as it should be. Args: words: what is wrong when it goes off, and what to type: the text of the mail."""

    name: str
    metric: str
    source: str | None
    comparison: str
    threshold: float
    missing: str
    words: str

    @property
    def statistic(self) -> str:
        return "Minimum" if self.comparison == LOWER else "Maximum"


class Limits(Value):
    """The thresholds of ``[alerts]``; seconds and dollars."""

    newest_seconds: float
    verify_seconds: float
    archive_lag_seconds: float
    cost_month: float


def alarm_prefix(repository: str) -> str:
    """Names of all alarms of a repository begin so; one of such a name that is not wanted is removed."""
    return f"Lifeboat {repository.removeprefix('s3://')} "


def alarms(repository: str, sources: Sequence[str], limits: Limits, *, with_archive: bool) -> list[Alarm]:
    """Those that are wanted, at most ``FREE_ALARMS``. Pure."""
    before = alarm_prefix(repository)
    found = [
        Alarm(
            f"{before}age {name}",
            AGE,
            name,
            HIGHER,
            limits.newest_seconds,
            BREACHING,
            f"No copy of {name} is newer than {show_seconds(limits.newest_seconds)}, or the machine that backs up is silent. "
            "Type there: lifeboat status, then lifeboat doctor",
        )
        for name in sources
    ]
    found.append(
        Alarm(
            f"{before}success",
            SUCCESS,
            None,
            LOWER,
            100.0,
            BREACHING,
            "A backup of the last 24 hours failed, or none was tried. Type there: lifeboat alerts check",
        )
    )
    found.append(
        Alarm(
            f"{before}verify",
            VERIFY_AGE,
            None,
            HIGHER,
            limits.verify_seconds,
            BREACHING,
            f"Nothing was verified for {show_seconds(limits.verify_seconds)}. Type: lifeboat verify",
        )
    )
    if with_archive:
        found.append(
            Alarm(
                f"{before}archive",
                ARCHIVE_LAG,
                None,
                HIGHER,
                limits.archive_lag_seconds,
                BREACHING,
                f"Changes of the last {show_seconds(limits.archive_lag_seconds)} are not archived. Type: lifeboat status",
            )
        )
    found.append(
        Alarm(
            f"{before}size",
            ANOMALY,
            None,
            HIGHER,
            0.0,
            NOT_BREACHING,
            "A snapshot is much larger or smaller than usual. Type: lifeboat alerts check, then lifeboat timeline --suspects",
        )
    )
    found.append(
        Alarm(
            f"{before}cost",
            COST,
            None,
            HIGHER,
            limits.cost_month,
            NOT_BREACHING,
            f"The copies cost more than ${limits.cost_month:g} a month. Type: lifeboat cost",
        )
    )
    return found[:FREE_ALARMS]


class AlarmStep:
    """One alarm. Args: topic: ARN, asked for when it is needed: the topic may be made by the step before."""

    after: tuple[str, ...] = ("topic",)

    def __init__(self, aws: Aws, repository: str, alarm: Alarm, topic: Topic) -> None:
        self._aws = aws
        self._repository = repository
        self._alarm = alarm
        self._topic = topic
        short = alarm.name.removeprefix(alarm_prefix(repository))
        self.name = f"alarm-{short.replace(' ', '-')}"
        self.title = f"alarm: {short}"
        self.why = f"goes off when: {alarm.words.partition('. Type')[0]}"

    def look(self) -> Looked:
        there = find_alarms(self._aws, self._alarm.name)
        wanted = self._wanted()
        if not there:
            return Looked((Difference("the alarm", "nothing", _words(self._alarm)),))
        found = there[0]
        differences = [
            Difference(words, _show(found.get(name)), _show(wanted[name]))
            for name, words in _COMPARED.items()
            if found.get(name) != wanted[name]
        ]
        if found.get("ActionsEnabled") is False:
            differences.append(Difference("actions", "switched off", "on"))
        return Looked(tuple(differences), f"{_words(self._alarm)}; now {found.get('StateValue', 'unknown')}")

    def carry_out(self) -> None:
        with in_cloud_words("cloudwatch", f"set the alarm {self._alarm.name}"):
            self._aws.client("cloudwatch").put_metric_alarm(AlarmName=self._alarm.name, **self._wanted())

    def _wanted(self) -> dict[str, Any]:
        one = self._alarm
        topic = self._topic.arn()
        return {
            "AlarmDescription": one.words,
            "ActionsEnabled": True,
            "AlarmActions": [topic],
            "OKActions": [topic],
            "Namespace": NAMESPACE,
            "MetricName": one.metric,
            "Dimensions": dimensions(self._repository, one.source),
            "Statistic": one.statistic,
            "Period": PERIOD_SECONDS,
            "EvaluationPeriods": PERIODS,
            "ComparisonOperator": one.comparison,
            "Threshold": one.threshold,
            "TreatMissingData": one.missing,
        }


class OldAlarmsStep:
    """Alarms of this repository that nobody wants any more: of a source that is gone, of another threshold's name."""

    name = "alarms-left"
    title = "alarms of before"
    why = "an alarm on a metric that nobody sends goes off for ever, and is then not listened to"
    after: tuple[str, ...] = ()

    def __init__(self, aws: Aws, repository: str, wanted: Sequence[Alarm]) -> None:
        self._aws = aws
        self._before = alarm_prefix(repository)
        self._wanted = {one.name for one in wanted}

    def look(self) -> Looked:
        return Looked(tuple(Difference(f"alarm {name}", "there", "gone") for name in self._left()))

    def carry_out(self) -> None:
        if left := self._left():
            with in_cloud_words("cloudwatch", "remove alarms"):
                self._aws.client("cloudwatch").delete_alarms(AlarmNames=left)

    def _left(self) -> list[str]:
        there = find_alarms(self._aws, self._before, prefix=True)
        return sorted(one["AlarmName"] for one in there if one["AlarmName"] not in self._wanted)


def find_alarms(aws: Aws, name: str, *, prefix: bool = False) -> list[dict[str, Any]]:
    """Metric alarms of this name, or whose names begin so."""
    asked: dict[str, Any] = {"AlarmNamePrefix": name} if prefix else {"AlarmNames": [name]}
    found: list[dict[str, Any]] = []
    with in_cloud_words("cloudwatch", "look at alarms"):
        for page in aws.client("cloudwatch").get_paginator("describe_alarms").paginate(**asked):
            found += page.get("MetricAlarms", [])
    return found


_UNITS = {SUCCESS: "{} %", COST: "${} a month"}
_COMPARED = {
    "AlarmDescription": "text",
    "AlarmActions": "whom it tells",
    "OKActions": "whom it tells when it is over",
    "Namespace": "namespace",
    "MetricName": "metric",
    "Dimensions": "dimensions",
    "Statistic": "statistic",
    "Period": "period",
    "EvaluationPeriods": "periods",
    "ComparisonOperator": "comparison",
    "Threshold": "threshold",
    "TreatMissingData": "missing data",
}


def _words(alarm: Alarm) -> str:
    side = "over" if alarm.comparison == HIGHER else "under"
    limit = f"{alarm.threshold:g}"
    if alarm.metric.endswith("Seconds"):
        limit = show_seconds(alarm.threshold)
    elif alarm.metric in _UNITS:
        limit = _UNITS[alarm.metric].format(limit)
    silence = "; silence counts, too" if alarm.missing == BREACHING else ""
    return f"{side} {limit}{silence}"


def _show(value: object) -> str:
    if value in (None, [], ""):
        return "nothing"
    if isinstance(value, list):
        return ", ".join(
            f"{one['Name']}={one['Value']}" if isinstance(one, dict) else str(one).rpartition(":")[2] for one in value
        )
    return f"{value:g}" if isinstance(value, float) else str(value)
