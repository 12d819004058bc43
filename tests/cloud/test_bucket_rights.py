"""``aws setup`` with less than all rights, on a server that enforces them: what is missing is named, and strangers' buckets are left alone.

Limits: moto knows no rights of their own for encryption, ownership, locks and the public access block; which right each call needs is
compared with AWS's names instead.
"""

from pathlib import Path
from typing import Any

import boto3
import pytest
from aws_desk import BUCKET, LOGS, AwsDesk
from botocore.config import Config
from moto_aws import MotoAws

from lifeboat.cloud.bucket.calls import BucketCalls
from lifeboat.cloud.bucket.rights import IN_BUCKETS, LOOK
from lifeboat.cloud.errors import right_of
from lifeboat.cloud.policies import Place, admin_policy

LOOKING_AT_ALL = "s3:HeadBucket"
"""As moto calls what AWS calls ``s3:ListBucket``."""
BOTH = [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{LOGS}"]


@pytest.fixture
def desk(aws: MotoAws, tmp_path: Path) -> AwsDesk:
    return AwsDesk(tmp_path, aws)


def allow(*actions: str, on: list[str] | str = "*") -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": on}]}


def test_the_printed_rights_of_an_administrator_are_enough(desk: AwsDesk, aws: MotoAws) -> None:
    desk.keys = aws.make_user("lifeboat-admin", admin_policy(Place(BUCKET, log_bucket=LOGS)), allow(LOOKING_AT_ALL))
    aws.enforce()
    assert "s3:" not in desk("aws", "setup", "--yes", status=0).replace("s3://", "")
    found = desk.steps("aws", "check", status=0)
    assert {step["state"] for step in found.values() if not step["advice"]} == {"as-wanted"}
    assert (found["root-user"]["state"], found["unusual"]["state"]) == ("as-wanted", "as-wanted")


def test_every_call_needs_a_right_that_is_printed(desk: AwsDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: set[str] = set()
    call = BucketCalls._call

    def noted(self: BucketCalls, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        asked.add("".join(word.capitalize() for word in operation.split("_")))
        return call(self, operation, parameters)

    monkeypatch.setattr(BucketCalls, "_call", noted)
    desk.settings = '[aws]\nobject_lock = "governance"\n'
    desk("aws", "setup", "--yes", status=0)
    assert len(asked) > 18
    needed = {right_of("s3", one) for one in asked - {"ListObjectsV2"}}
    assert needed <= set(IN_BUCKETS)


@pytest.mark.parametrize(
    ("left_out", "step"),
    [
        ("s3:PutBucketVersioning", "versioning"),
        ("s3:PutBucketPolicy", "policy"),
        ("s3:PutBucketTagging", "tags"),
        ("s3:PutBucketLogging", "access-log"),
    ],
)
def test_a_missing_right_is_named_and_the_rest_is_done(desk: AwsDesk, aws: MotoAws, left_out: str, step: str) -> None:
    for bucket in (BUCKET, LOGS):
        aws.make_bucket(bucket, versioning=False)
    if left_out != "s3:PutBucketLogging":
        desk.settings = '[aws]\nlog_bucket = "off"\n'
    desk.keys = aws.make_user("short", allow(LOOKING_AT_ALL, *(one for one in IN_BUCKETS if one != left_out), on=BOTH))
    aws.enforce()
    found = desk.steps("aws", "setup", "--yes", status=3)
    assert {name: one["right"] for name, one in found.items() if one["state"] == "denied" and not one["advice"]} == {
        step: left_out
    }
    assert {"versioning", "encryption", "tags"} - {step} <= {
        name for name, one in found.items() if one["state"] == "changed"
    }


def test_who_may_only_look_can_check(desk: AwsDesk, aws: MotoAws) -> None:
    desk("aws", "setup", "--yes", status=0)
    desk.keys = aws.make_user("auditor", allow(LOOKING_AT_ALL, *LOOK, on=BOTH))
    aws.enforce()
    assert desk.otherwise(status=0) == {}
    said = desk("aws", "check", status=0)
    assert "unknown" in said and "the right iam:GetAccountSummary is missing" in said
    aws.allow_everything()
    aws.client("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})
    aws.enforce()
    assert desk.otherwise() == {"versioning": ["versioning"]}


def test_who_may_not_look_is_told_which_right_is_missing(desk: AwsDesk, aws: MotoAws) -> None:
    desk("aws", "setup", "--yes", status=0)
    nobody, lister = aws.make_user("nobody"), aws.make_user("lister", allow("s3:ListAllMyBuckets"))
    aws.enforce()
    desk.keys = nobody
    said = desk("aws", "check", status=12)
    assert "it is somebody else's, or the right s3:ListBucket is missing" in said and "[cloud-denied]" in said
    desk.keys = lister
    assert f"the right s3:ListBucket in {BUCKET} is missing" in desk("aws", "setup", "--yes", status=12)


def test_somebody_elses_bucket_is_refused_and_nothing_is_asked_of_it(desk: AwsDesk, aws: MotoAws) -> None:
    role = aws.client("sts").assume_role(RoleArn="arn:aws:iam::111122223333:role/x", RoleSessionName="strangers")
    keys = role["Credentials"]
    stranger = boto3.client(
        "s3",
        endpoint_url=aws.endpoint_url,
        region_name=aws.region,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
        config=Config(s3={"addressing_style": "path"}),
    )
    stranger.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": aws.region})
    desk.keys = aws.make_user("admin", allow(*IN_BUCKETS, "s3:ListAllMyBuckets"))
    aws.enforce()
    for arguments in (("aws", "setup", "--yes"), ("aws", "setup", "--dry-run"), ("aws", "check")):
        said = desk(*arguments, status=12)
        assert "somebody else's" in said and "[bucket-of-others]" in said
    aws.allow_everything()
    assert not stranger.get_bucket_versioning(Bucket=BUCKET).get("Status")
    assert [one["Name"] for one in aws.client("s3").list_buckets()["Buckets"]] == []


def test_wrong_keys_are_told_once_not_for_every_step(desk: AwsDesk, aws: MotoAws) -> None:
    aws.make_bucket(BUCKET)
    aws.enforce()
    desk.keys = ("AKIAIOSFODNN7WRONG00", "wrong")
    assert "the credentials are not valid" in desk("aws", "check", status=12)


def test_no_answer_is_told_once(desk: AwsDesk, aws: MotoAws) -> None:
    desk.more = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    said = desk("aws", "check", status=12)
    assert "could not connect" in said and "[cloud-unreachable]" in said and said.count("error:") == 1
