"""The steps of ``lifeboat aws alarms`` and ``aws budget``, for these settings."""

from collections.abc import Sequence

from lifeboat.app.build import build_aws
from lifeboat.app.cloudwatch import repository_named, tell_cloudwatch
from lifeboat.app.settings import S3Location, Settings
from lifeboat.app.source_names import set_up
from lifeboat.cloud.errors import CloudMissing, in_cloud_words
from lifeboat.cloud.steps import Difference, Looked, Step
from lifeboat.cloud.watch.alarms import AlarmStep, Limits, OldAlarmsStep, alarm_prefix, alarms, find_alarms
from lifeboat.cloud.watch.budget import BudgetStep, NoticesStep
from lifeboat.cloud.watch.topic import ListenersStep, Topic, TopicStep
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.value import Value
from lifeboat.services.alerts.rules import conditions


def alarm_steps(settings: Settings) -> list[Step]:
    """Metrics are sent, the topic, who hears of it, each alarm. Raises ``SettingsError``, ``CloudError``."""
    repository, aws = repository_named(settings), build_aws(settings)
    topic, said = _topic(settings), settings.alerts.thresholds
    limits = Limits(said.newest_seconds, said.verify_seconds, said.archive_lag_seconds, said.cost_month)
    with_archive = settings.serve.stream and settings.mongodb.uri is not None
    wanted = alarms(repository, set_up(settings), limits, with_archive=with_archive)
    return [
        MetricsAreSent(settings.aws.cloudwatch),
        TopicStep(topic),
        ListenersStep(topic, _addresses(settings)),
        *(AlarmStep(aws, repository, one, topic) for one in wanted),
        OldAlarmsStep(aws, repository, wanted),
    ]


def budget_steps(settings: Settings) -> list[Step]:
    """The topic, the budget, what it tells. Raises ``SettingsError``, ``CloudError``."""
    repository_named(settings)
    location, aws = settings.need_repository(), build_aws(settings)
    assert isinstance(location, S3Location)
    topic, addresses = _topic(settings), _addresses(settings)
    return [
        TopicStep(topic),
        BudgetStep(aws, location.bucket, settings.alerts.thresholds.cost_month, topic, addresses),
        NoticesStep(aws, location.bucket, topic, addresses),
    ]


class MetricsAreSent:
    """``[aws] cloudwatch`` is on: an alarm over metrics that nobody sends goes off for ever."""

    name = "metrics"
    title = "metrics are sent"
    why = "alarms look at what this machine sends every five minutes, and take its silence for trouble"
    after: tuple[str, ...] = ()

    def __init__(self, is_on: bool) -> None:
        self._is_on = is_on

    def look(self) -> Looked:
        if self._is_on:
            return Looked(
                said="cloudwatch = true in [aws]; `lifeboat serve` or `lifeboat alerts check` from cron sends them"
            )
        hint = "set cloudwatch = true under [aws] in lifeboat.toml on each machine that backs up or verifies"
        return Looked((Difference("cloudwatch in [aws]", "off", "on"),), only_by_hand=hint)

    def carry_out(self) -> None:
        """Nothing: only a person can."""


class AlarmTried(Value):
    """Args: metrics: names of what was sent just now. alarm: which one was let go off. topic: whom it tells."""

    metrics: tuple[str, ...]
    alarm: str
    topic: str


def try_alarm(settings: Settings, clock: Clock) -> AlarmTried:
    """Send the metrics as they are now, and let the first alarm go off; CloudWatch takes it back at its next look.

    Raises:
        CloudMissing: There is no alarm yet.
    """
    from lifeboat.app.alerting import Alerting

    repository, aws = repository_named(settings), build_aws(settings)
    there = find_alarms(aws, alarm_prefix(repository), prefix=True)
    if not there:
        raise CloudMissing(f"there are no alarms of {repository}", "make them first: `lifeboat aws alarms apply`")
    facts = Alerting(settings, clock).facts(clock.now())
    sent = tell_cloudwatch(settings, facts, conditions(facts, settings.alerts.thresholds), at_once=True)
    name = sorted(one["AlarmName"] for one in there)[0]
    with in_cloud_words("cloudwatch", f"let the alarm {name} go off"):
        aws.client("cloudwatch").set_alarm_state(
            AlarmName=name, StateValue="ALARM", StateReason="tried by `lifeboat aws alarms test`: nothing is wrong"
        )
    return AlarmTried(tuple(dict.fromkeys(one.name for one in sent)), name, _topic(settings).arn())


def _topic(settings: Settings) -> Topic:
    """``alarm_topic``, else the topic that notices go to, else one that is made."""
    sns = settings.notify.sns
    return Topic(build_aws(settings), settings.aws.alarm_topic or (sns.topic if sns else None))


def _addresses(settings: Settings) -> Sequence[str]:
    return settings.notify.mail.to if settings.notify.mail else ()
