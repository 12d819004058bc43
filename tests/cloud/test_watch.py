"""Alarms, topic and budget on AWS's services as moto plays them: what drifts is named and mended, and silence alarms."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import warm
from bare import BARE
from hypothesis import given
from hypothesis import strategies as st
from moto_aws import ACCOUNT, MotoAws

from lifeboat.app.cloudwatch import seen_of
from lifeboat.cloud.session import Aws, AwsAccess
from lifeboat.cloud.steps import State, carry_out, look_at
from lifeboat.cloud.watch.alarms import AlarmStep, Limits, OldAlarmsStep, alarm_prefix, alarms
from lifeboat.cloud.watch.budget import BudgetStep, NoticesStep, find_budget
from lifeboat.cloud.watch.points import FREE_METRICS, Seen, SourceSeen, points, send
from lifeboat.cloud.watch.topic import ListenersStep, Topic, TopicStep
from lifeboat.foundation.secret import Secret
from lifeboat.services.alerts.facts import ArchiveFacts, Facts, RunFacts, SourceFacts
from lifeboat.services.alerts.rules import conditions

REPOSITORY = "s3://town/shop"
LIMITS = Limits(86_400, 2 * 86_400, 900, 50.0)
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.fixture
def there(aws: MotoAws) -> Aws:
    return Aws(AwsAccess(aws.region, aws.endpoint_url, Secret("root"), Secret("root-secret")))


def all_steps(there: Aws, *, addresses: tuple[str, ...] = ("ops@example.com",), said: str | None = None) -> list[Any]:
    topic = Topic(there, said)
    wanted = alarms(REPOSITORY, ["db", "files"], LIMITS, with_archive=True)
    return [
        TopicStep(topic),
        ListenersStep(topic, addresses),
        *(AlarmStep(there, REPOSITORY, one, topic) for one in wanted),
        OldAlarmsStep(there, REPOSITORY, wanted),
        BudgetStep(there, "town", 50.0, topic, addresses),
        NoticesStep(there, "town", topic, addresses),
    ]


def states(reports: Any) -> dict[str, State]:
    return {one.name: one.state for one in reports}


def test_everything_is_made_once_and_then_left_alone(there: Aws, aws: MotoAws) -> None:
    assert set(states(look_at(all_steps(there))).values()) <= {State.DIFFERS, State.WAITS, State.AS_WANTED}
    assert not aws.client("cloudwatch").describe_alarms()["MetricAlarms"], "looking made something"
    made = states(carry_out(all_steps(there)))
    assert set(made.values()) <= {State.CHANGED, State.AS_WANTED}, made
    again = look_at(all_steps(there))
    assert {one.state for one in again} == {State.AS_WANTED}, again
    before = aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert states(carry_out(all_steps(there))) == states(again)
    assert aws.client("cloudwatch").describe_alarms()["MetricAlarms"] == before


def test_silence_alarms_and_each_tells_the_topic_both_ways(there: Aws, aws: MotoAws) -> None:
    carry_out(all_steps(there))
    topic = f"arn:aws:sns:{aws.region}:{ACCOUNT}:lifeboat-alarms"
    found = {one["AlarmName"]: one for one in aws.client("cloudwatch").describe_alarms()["MetricAlarms"]}
    assert all(one["AlarmActions"] == one["OKActions"] == [topic] for one in found.values())
    silent = {name for name, one in found.items() if one["TreatMissingData"] == "breaching"}
    assert silent == {
        f"Lifeboat town/shop {short}" for short in ("age db", "age files", "success", "verify", "archive")
    }
    assert found["Lifeboat town/shop success"]["Threshold"] == 100
    assert found["Lifeboat town/shop cost"]["Threshold"] == 50
    assert found["Lifeboat town/shop age db"]["Threshold"] == 86_400


def test_an_alarm_watches_exactly_what_is_sent(there: Aws, aws: MotoAws) -> None:
    """An alarm on a name or dimension that nobody sends would be silent, or go off, for ever."""
    seen = Seen(
        REPOSITORY,
        (SourceSeen("db", 60.0, 1000), SourceSeen("files", 60.0, 1000)),
        24,
        24,
        0,
        10**9,
        1.5,
        3600.0,
        30.0,
    )
    send(there, REPOSITORY, points(seen), NOW)
    carry_out(all_steps(there))
    cloudwatch = aws.client("cloudwatch")
    sent = {
        (one["MetricName"], frozenset((d["Name"], d["Value"]) for d in one["Dimensions"]))
        for one in cloudwatch.list_metrics(Namespace="Lifeboat")["Metrics"]
    }
    for one in cloudwatch.describe_alarms()["MetricAlarms"]:
        key = (one["MetricName"], frozenset((d["Name"], d["Value"]) for d in one["Dimensions"]))
        assert key in sent, f"{one['AlarmName']} watches what nobody sends"


DRIFTS = {
    "Threshold": 1e9,
    "TreatMissingData": "notBreaching",
    "AlarmActions": [],
    "OKActions": [],
    "Statistic": "Average",
    "Period": 60,
    "EvaluationPeriods": 30,
    "ComparisonOperator": "LessThanThreshold",
    "MetricName": "Something",
    "Dimensions": [],
    "ActionsEnabled": False,
}


@pytest.mark.parametrize("field", DRIFTS)
def test_an_alarm_that_somebody_changed_is_named_and_mended(there: Aws, aws: MotoAws, field: str) -> None:
    topic = Topic(there, None)
    TopicStep(topic).carry_out()
    wanted = alarms(REPOSITORY, ["db"], LIMITS, with_archive=False)[0]
    step = AlarmStep(there, REPOSITORY, wanted, topic)
    step.carry_out()
    assert not step.look().differences
    cloudwatch = aws.client("cloudwatch")
    kept = (*DRIFTS, "AlarmName", "AlarmDescription", "Namespace")
    [now] = cloudwatch.describe_alarms(AlarmNames=[wanted.name])["MetricAlarms"]
    cloudwatch.put_metric_alarm(**{name: now[name] for name in kept if name in now} | {field: DRIFTS[field]})
    [difference] = step.look().differences
    assert difference.wanted
    [report] = carry_out([_AfterNothing(step)])
    assert report.state is State.CHANGED


class _AfterNothing:
    """The same step, which waits for none."""

    def __init__(self, step: Any) -> None:
        self._step = step

    def __getattr__(self, name: str) -> Any:
        return () if name == "after" else getattr(self._step, name)


def test_an_alarm_of_a_source_that_is_gone_is_removed_and_a_strangers_stays(there: Aws, aws: MotoAws) -> None:
    carry_out(all_steps(there))
    cloudwatch = aws.client("cloudwatch")
    like = {
        "Namespace": "x", "MetricName": "y", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0, "Statistic": "Sum",
        "ComparisonOperator": "GreaterThanThreshold",
    }  # fmt: skip
    for name in (f"{alarm_prefix(REPOSITORY)}age config", "Lifeboat town/shop2 age db", "theirs"):
        cloudwatch.put_metric_alarm(AlarmName=name, **like)
    reports = {one.name: one for one in look_at(all_steps(there))}
    assert [one.what for one in reports["alarms-left"].differences] == ["alarm Lifeboat town/shop age config"]
    carry_out(all_steps(there))
    left = {one["AlarmName"] for one in cloudwatch.describe_alarms()["MetricAlarms"]}
    assert {"Lifeboat town/shop2 age db", "theirs"} <= left and f"{alarm_prefix(REPOSITORY)}age config" not in left


def test_the_topic_lets_cloudwatch_and_budgets_in_and_keeps_what_others_said(there: Aws, aws: MotoAws) -> None:
    sns = aws.client("sns")
    arn = sns.create_topic(Name="lifeboat-alarms")["TopicArn"]
    theirs = {
        "Sid": "Theirs",
        "Effect": "Allow",
        "Principal": {"AWS": ACCOUNT},
        "Action": "sns:Subscribe",
        "Resource": arn,
    }
    sns.set_topic_attributes(
        TopicArn=arn,
        AttributeName="Policy",
        AttributeValue=json.dumps({"Version": "2012-10-17", "Statement": [theirs]}),
    )
    step = TopicStep(Topic(there, None))
    assert step.look().differences
    step.carry_out()
    assert not step.look().differences
    said = json.loads(sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"])["Statement"]
    assert theirs in said
    [ours] = [one for one in said if one["Sid"] == "LifeboatTellers"]
    assert ours["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    step.carry_out()
    assert len(json.loads(sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"])["Statement"]) == 2


def test_somebody_elses_topic_is_never_changed(there: Aws, aws: MotoAws) -> None:
    arn = aws.client("sns").create_topic(Name="ops")["TopicArn"]
    before = aws.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]
    [report] = carry_out([TopicStep(Topic(there, arn))])
    assert report.by_hand and "budgets.amazonaws.com" in report.hint
    assert aws.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"] == before


def test_a_topic_that_nobody_hears_is_said(there: Aws) -> None:
    reports = {one.name: one for one in carry_out(all_steps(there, addresses=()))}
    assert reports["listeners"].by_hand and "LIFEBOAT_NOTIFY_EMAIL" in reports["listeners"].hint


def test_the_budget_tells_at_80_at_100_and_beforehand(there: Aws, aws: MotoAws) -> None:
    carry_out(all_steps(there))
    found = find_budget(there, "Lifeboat town")
    assert found is not None and found["BudgetLimit"] == {"Amount": "50", "Unit": "USD"}
    assert found["CostFilters"] == {"Service": ["Amazon Simple Storage Service"]}
    budgets = aws.client("budgets", region="us-east-1")
    told = budgets.describe_notifications_for_budget(AccountId=ACCOUNT, BudgetName="Lifeboat town")["Notifications"]
    assert {(one["NotificationType"], one["Threshold"]) for one in told} == {
        ("ACTUAL", 80.0),
        ("ACTUAL", 100.0),
        ("FORECASTED", 100.0),
    }


def test_a_notice_that_was_taken_away_is_named_and_mended(there: Aws, aws: MotoAws) -> None:
    carry_out(all_steps(there))
    budgets = aws.client("budgets", region="us-east-1")
    gone = {
        "NotificationType": "FORECASTED",
        "ComparisonOperator": "GREATER_THAN",
        "Threshold": 100.0,
        "ThresholdType": "PERCENTAGE",
    }
    budgets.delete_notification(AccountId=ACCOUNT, BudgetName="Lifeboat town", Notification=gone)
    reports = {one.name: one for one in look_at(all_steps(there))}
    assert [one.what for one in reports["budget-notices"].differences] == ["100 % expected"]
    assert states(carry_out(all_steps(there)))["budget-notices"] is State.CHANGED


def test_a_budget_of_another_amount_is_named(there: Aws) -> None:
    topic = Topic(there, None)
    BudgetStep(there, "town", 50.0, topic, ()).carry_out()
    [difference] = BudgetStep(there, "town", 80.0, topic, ()).look().differences
    assert (difference.now, difference.wanted) == ("50 USD", "80 USD")


def test_a_missing_right_is_named(there: Aws, aws: MotoAws) -> None:
    keys = aws.make_user("nobody")
    aws.enforce()
    poor = Aws(AwsAccess(aws.region, aws.endpoint_url, Secret(keys[0]), Secret(keys[1])))
    topic = Topic(poor, f"arn:aws:sns:{aws.region}:{ACCOUNT}:ops")
    wanted = alarms(REPOSITORY, ["db"], LIMITS, with_archive=False)[0]
    [report] = look_at([AlarmStep(poor, REPOSITORY, wanted, topic)])
    assert report.state is State.DENIED and report.right == "cloudwatch:DescribeAlarms"


SOURCES = st.lists(
    st.builds(
        SourceSeen,
        st.sampled_from(["db", "files", "config", "x"]),
        st.none() | st.floats(-10, 1e9),
        st.none() | st.integers(0, 10**15),
    ),
    max_size=4,
    unique_by=lambda one: one.name,
)


@given(SOURCES, st.integers(0, 30), st.none() | st.integers(0, 4), st.none() | st.floats(0, 1e6))
def test_never_more_than_is_free_and_ages_come_first(
    sources: list[SourceSeen], runs: int, anomalies: int | None, cost: float | None
) -> None:
    found = points(Seen(REPOSITORY, sources, runs // 2, runs, anomalies, 5, cost, 6.0, 7.0))
    assert len(found) <= FREE_METRICS
    assert len({(one.name, one.source) for one in found}) == len(found)
    assert {one.source for one in found if one.name == "BackupAgeSeconds"} == {
        one.name for one in sources if one.age_seconds is not None
    }
    assert all(one.value >= 0 for one in found)


def run(job: str, hours_ago: float, ok: bool | None) -> RunFacts:
    ended = NOW - timedelta(hours=hours_ago)
    return RunFacts(job, ended - timedelta(minutes=1), ended if ok is not None else None, ok)


def test_success_is_of_backups_of_the_last_day_alone() -> None:
    facts = Facts(
        NOW,
        sources=[SourceFacts("db", NOW, NOW - timedelta(hours=2), 3600, 3600, [10, 20])],
        runs=[
            *(run("backup db", 1, True), run("backup files", 2, False), run("backup db", 30, False)),
            *(run("verify", 3, False), run("backup db", 0, None)),
        ],
        archives=[ArchiveFacts("a", 5.0, False, 0), ArchiveFacts("b", None, False, 0)],
    )
    seen = seen_of(REPOSITORY, facts, conditions(facts))
    assert (seen.runs_ok, seen.runs) == (1, 2)
    assert seen.sources == (SourceSeen("db", 7200.0, 20),)
    assert seen.archive_lag_seconds == 5.0


def test_without_a_run_no_success_is_claimed() -> None:
    found = points(seen_of(REPOSITORY, Facts(NOW), []))
    assert "BackupSuccessPercent" not in {one.name for one in found}


@pytest.fixture
def machine(aws: MotoAws, tmp_path: Path) -> Callable[..., tuple[int, dict[str, Any]]]:
    """The command, as a process, on a repository in S3 with one backup."""
    aws.make_bucket("town")
    (tmp_path / "up").mkdir()
    (tmp_path / "up" / "a").write_text("x")
    (tmp_path / "lifeboat.toml").write_text("[aws]\ncloudwatch = true\n")
    said = {
        "S3_BACKUP_BUCKET": "town/shop",
        "UPLOADS_DIR": "up",
        "LIFEBOAT_STATE": str(tmp_path / "state"),
        "LIFEBOAT_NOTIFY_EMAIL": "ops@example.com",
        "BACKUP_ENCRYPTION_KEY": "ab" * 32,
    }
    environment = {**BARE, "HOME": str(tmp_path), **aws.environment(), **said}

    def run(*words: str) -> tuple[int, dict[str, Any]]:
        done = warm.run([*words, "--json"], tmp_path, environment)
        return done.returncode, json.loads(done.stdout)

    assert run("init", "--yes")[0] == 0
    return run


def test_the_commands(machine: Any, aws: MotoAws) -> None:
    assert machine("backup", "files")[0] == 0
    assert machine("aws", "alarms", "plan")[0] == 0 and not aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert machine("aws", "alarms", "check")[0] == 3
    assert machine("aws", "alarms", "test")[1]["error"]["code"] == "cloud-missing"
    assert machine("aws", "alarms", "apply")[0] == 2, "nobody was asked"
    assert machine("aws", "alarms", "apply", "--yes")[0] == 0
    status, report = machine("aws", "alarms", "check")
    assert status == 0 and report["to_change"] == 0
    status, tried = machine("aws", "alarms", "test")
    assert status == 0 and "BackupAgeSeconds" in tried["metrics"] and "RepositoryBytes" in tried["metrics"]
    states_there = {
        one["AlarmName"]: one["StateValue"] for one in aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    }
    assert states_there[tried["alarm"]] == "ALARM"
    aws.client("cloudwatch").delete_alarms(AlarmNames=["Lifeboat town/shop cost"])
    status, report = machine("aws", "alarms", "check")
    assert status == 3 and [one["name"] for one in report["steps"] if one["state"] != "as-wanted"] == ["alarm-cost"]
    assert machine("aws", "budget", "plan")[0] == 0
    assert machine("aws", "budget", "apply", "--yes")[0] == 0
    assert machine("aws", "budget", "check")[0] == 0


def test_alerts_check_sends_them_every_five_minutes_at_most(machine: Any, aws: MotoAws) -> None:
    machine("backup", "files")

    def sent() -> float:
        answer = aws.client("cloudwatch").get_metric_statistics(
            Namespace="Lifeboat",
            MetricName="RepositoryBytes",
            Dimensions=[{"Name": "Repository", "Value": "s3://town/shop"}],
            StartTime=datetime.now(UTC) - timedelta(hours=1),
            EndTime=datetime.now(UTC) + timedelta(hours=1),
            Period=86_400,
            Statistics=["SampleCount"],
        )
        return sum(one["SampleCount"] for one in answer["Datapoints"])

    machine("alerts", "check")
    assert sent() == 1
    machine("alerts", "check")
    assert sent() == 1, "every minute would cost, and tell no more"
