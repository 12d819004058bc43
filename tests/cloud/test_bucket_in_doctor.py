"""``doctor`` tells of the bucket in a line: drift as a warning, what this machine may not look at as no fault of its own."""

from pathlib import Path
from typing import Any

import pytest
from aws_desk import BUCKET, AwsDesk
from moto_aws import MotoAws

from lifeboat.app.diagnosis import Diagnosis
from lifeboat.app.read_settings import read_settings
from lifeboat.cloud.bucket.place import BucketOfOthers
from lifeboat.cloud.errors import CloudDenied
from lifeboat.cloud.steps import Difference, State, StepReport
from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.finding import Finding, Level
from lifeboat.operations.doctor.bucket import check_bucket, judge_bucket


def only(findings: list[Finding]) -> Finding:
    [found] = findings
    return found


def step(name: str, state: State, **more: Any) -> StepReport:
    return StepReport(name, f"the {name}", "why", state, **more)


OFF = step("versioning", State.DIFFERS, differences=(Difference("versioning", "off", "on"),))
GOOD = step("tags", State.AS_WANTED)


def test_what_differs_is_one_warning_and_advice_none() -> None:
    found = only(judge_bucket([GOOD, OFF, step("root-user", State.DIFFERS, advice=True)], "town"))
    assert (found.level, found.code) == (Level.WARNING, "bucket-differs")
    assert "1 of its settings is otherwise" in found.message and "versioning: off" in found.message


@pytest.mark.parametrize(
    "reports", [[GOOD], [GOOD, step("policy", State.DENIED)], [step("public-access", State.NOT_OFFERED), OFF]]
)
def test_what_cannot_be_looked_at_or_is_not_offered_is_no_warning(reports: list[StepReport]) -> None:
    assert only(judge_bucket(reports, "town")).level is Level.OK


@pytest.mark.parametrize(
    ("error", "is_amazon", "level"),
    [
        (CloudDenied("no"), True, Level.OK),
        (BucketOfOthers("theirs"), True, Level.WARNING),
        (BucketOfOthers("theirs"), False, Level.OK),
    ],
)
def test_a_bucket_that_cannot_be_asked_about(error: Exception, is_amazon: bool, level: Level) -> None:
    def look() -> list[StepReport]:
        raise error

    assert only(check_bucket(look, "town", is_amazon)).level is level


def test_on_a_server(aws: MotoAws, tmp_path: Path) -> None:
    desk = AwsDesk(tmp_path, aws)
    desk("aws", "setup", "--yes", status=0)

    def doctor(keys: tuple[str, str] = ("root", "root-secret")) -> Finding:
        variables = {**aws.environment(keys), "HOME": str(tmp_path), "LIFEBOAT_REPOSITORY": f"s3://{BUCKET}"}
        settings = read_settings(None, {**variables, "UPLOADS_DIR": str(tmp_path)}, tmp_path)
        [result] = Diagnosis(settings, SystemClock()).run(["bucket"])
        return only(list(result.findings or ()))

    assert doctor().message == "as the settings want it"
    aws.client("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})
    assert doctor().code == "bucket-differs" and "suspended" in doctor().message
    writer = aws.make_user("writer")
    aws.enforce()
    assert doctor(writer).level is Level.OK and "not to be looked at from here" in doctor(writer).message
