"""``aws setup`` and ``aws check`` on a server: everything is set, once; what somebody changes by hand is named, and mended."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_desk import BUCKET, LOGS, AwsDesk
from moto_aws import ACCOUNT, MotoAws

S3 = Any


@pytest.fixture
def desk(aws: MotoAws, tmp_path: Path) -> AwsDesk:
    return AwsDesk(tmp_path, aws)


@pytest.fixture
def s3(aws: MotoAws) -> S3:
    return aws.client("s3")


def test_a_dry_run_shows_everything_and_changes_nothing(desk: AwsDesk, s3: S3) -> None:
    said = desk("aws", "setup", "--dry-run", status=0)
    assert "made in eu-central-1" in said and "nothing was changed yet" in said and "lifeboat aws setup" in said
    assert s3.list_buckets()["Buckets"] == []
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    states = {name: step["state"] for name, step in desk.steps("aws", "setup", "--dry-run", status=0).items()}
    assert states["versioning"] == states["log-bucket"] == states["access-log"] == states["policy"] == "differs"
    assert s3.get_bucket_versioning(Bucket=BUCKET).get("Status") is None
    assert [one["Name"] for one in s3.list_buckets()["Buckets"]] == [BUCKET]


def test_set_up_it_is_as_wanted_and_a_second_time_nothing_changes(desk: AwsDesk, s3: S3) -> None:
    first = desk.steps("aws", "setup", "--yes", status=0)
    assert {"bucket", "versioning", "encryption", "policy", "log-bucket", "access-log", "tags"} <= {
        name for name, step in first.items() if step["state"] == "changed"
    }
    again = desk.steps("aws", "setup", "--yes", status=0)
    assert not [name for name, step in again.items() if step["state"] == "changed"]
    assert "nothing was to be changed" in desk("aws", "setup", "--yes", status=0)
    assert desk.otherwise(status=0) == {}
    # Read from the server, past all of our code.
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    for bucket in (BUCKET, LOGS):
        block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        assert len(block) == 4 and all(block.values())
        [rule] = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
        assert rule["ObjectOwnership"] == "BucketOwnerEnforced"
        [rule] = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
        statements = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
        # This server is reached by http://, so a policy that asks for TLS would shut everybody out.
        assert statements and not [one for one in statements if "SecureTransport" in json.dumps(one)]
    log = s3.get_bucket_logging(Bucket=BUCKET)["LoggingEnabled"]
    assert (log["TargetBucket"], log["TargetPrefix"]) == (LOGS, f"{BUCKET}/")
    [delivery] = [one for one in statements if one["Effect"] == "Allow"]
    assert delivery["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
    assert delivery["Condition"]["ArnLike"] == {"aws:SourceArn": f"arn:aws:s3:::{BUCKET}"}
    assert not s3.get_bucket_logging(Bucket=LOGS).get("LoggingEnabled")


def _suspend(s3: S3) -> None:
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})


def _access_lists(s3: S3) -> None:
    s3.put_bucket_ownership_controls(
        Bucket=BUCKET, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}
    )


def _one_block_off(s3: S3) -> None:
    block = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration={**block, "RestrictPublicBuckets": False})


def _no_block(s3: S3) -> None:
    s3.delete_public_access_block(Bucket=BUCKET)


def _kms(s3: S3) -> None:
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [rule]})


def _weaker_statement(s3: S3) -> None:
    policy = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
    [once] = [one for one in policy["Statement"] if one["Sid"] == "WrittenOnce"]
    once["Condition"]["Bool"] = {"s3:ObjectCreationOperation": "false"}
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))


def _no_policy(s3: S3) -> None:
    s3.delete_bucket_policy(Bucket=BUCKET)


def _no_tag(s3: S3) -> None:
    s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": [{"Key": "app", "Value": "shop"}]})


def _no_log(s3: S3) -> None:
    s3.put_bucket_logging(Bucket=BUCKET, BucketLoggingStatus={})


def _log_opened(s3: S3) -> None:
    s3.delete_public_access_block(Bucket=LOGS)


def _logs_for_ever(s3: S3) -> None:
    s3.delete_bucket_lifecycle(Bucket=LOGS)


MEDDLED: list[tuple[Callable[[S3], None], str, list[str] | None]] = [
    (_suspend, "versioning", ["versioning"]),
    (_access_lists, "ownership", ["object ownership"]),
    (_one_block_off, "public-access", ["restrict what a public policy allows (RestrictPublicBuckets)"]),
    (_no_block, "public-access", ["public access"]),
    (_kms, "encryption", ["encryption"]),
    (_weaker_statement, "policy", ["refuse to replace what is named by its hash (WrittenOnce)"]),
    (_no_policy, "policy", None),
    (_no_tag, "tags", ["tag app"]),
    (_no_log, "access-log", ["access log"]),
    (_log_opened, "log-bucket", ["public access"]),
    (_logs_for_ever, "log-bucket", ["old logs"]),
]


def test_each_setting_changed_by_hand_is_named_alone_and_mended(desk: AwsDesk, s3: S3) -> None:
    desk("aws", "setup", "--yes", status=0)
    for meddle, step, what in MEDDLED:
        meddle(s3)
        found = desk.otherwise()
        assert list(found) == [step], meddle
        assert what is None or found[step] == what
        mended = desk.steps("aws", "setup", "--yes", status=0)
        assert [name for name, one in mended.items() if one["state"] == "changed"] == [step]
    assert desk.otherwise(status=0) == {}


def test_what_others_put_there_stays(desk: AwsDesk, s3: S3, aws: MotoAws) -> None:
    aws.make_bucket(BUCKET, versioning=False)
    aws.make_bucket(LOGS)
    foreign = {
        "Sid": "Auditors",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/auditor"},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/*",
    }
    rule = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "x/"}, "Expiration": {"Days": 3}}
    for bucket in (BUCKET, LOGS):
        text = json.dumps({"Version": "2012-10-17", "Statement": {**foreign, "Resource": f"arn:aws:s3:::{bucket}/*"}})
        s3.put_bucket_policy(Bucket=bucket, Policy=text)
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "team", "Value": "blue"}]})
        s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    desk("aws", "setup", "--yes", status=0)
    for bucket in (BUCKET, LOGS):
        statements = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
        assert {**foreign, "Resource": f"arn:aws:s3:::{bucket}/*"} in statements and len(statements) > 1
        assert {"Key": "team", "Value": "blue"} in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
        rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        assert {"ID": "theirs", "Days": 3} in [
            {"ID": one["ID"], "Days": one.get("Expiration", {}).get("Days")} for one in rules
        ]
    assert "Auditors" in desk("aws", "check", status=0)


def test_a_statement_that_lets_everybody_in_is_named_and_left_to_a_person(desk: AwsDesk, s3: S3) -> None:
    desk("aws", "setup", "--yes", status=0)
    policy = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
    policy["Statement"].append(
        {"Sid": "Web", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}
    )
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))
    assert desk.otherwise() == {"strangers": ["statement Web"]}
    assert "by hand" in desk("aws", "setup", "--yes", status=3)
    assert "Web" in s3.get_bucket_policy(Bucket=BUCKET)["Policy"]


def test_two_repositories_in_one_bucket_leave_each_other_their_statements(desk: AwsDesk, s3: S3) -> None:
    for place in ("a", "b", "a"):
        desk.where = f"s3://{BUCKET}/{place}"
        desk("aws", "setup", "--yes", status=0)
    text = s3.get_bucket_policy(Bucket=BUCKET)["Policy"]
    assert f"{BUCKET}/a/mongodb" in text and f"{BUCKET}/b/mongodb" in text
    names = [one["Sid"] for one in json.loads(text)["Statement"]]
    assert len(names) == len(set(names))
    for place in ("a", "b"):
        desk.where = f"s3://{BUCKET}/{place}"
        assert desk.otherwise(status=0) == {}


def test_what_else_lies_in_the_bucket_is_said_before_anything_is_set_for_it(
    desk: AwsDesk, s3: S3, aws: MotoAws
) -> None:
    aws.make_bucket(BUCKET)
    for name in ("images/a.png", "readme.txt", "prod/config/x"):
        s3.put_object(Bucket=BUCKET, Key=name, Body=b"x")
    desk.where = f"s3://{BUCKET}/prod"
    said = desk("aws", "setup", "--dry-run", status=0)
    assert "also images/, readme.txt" in said and "holds for these as well" in said


def test_us_east_1_is_made_without_naming_it(desk: AwsDesk, s3: S3) -> None:
    desk.region = "us-east-1"
    desk("aws", "setup", "--yes", status=0)
    assert s3.get_bucket_location(Bucket=BUCKET)["LocationConstraint"] is None
    assert desk.otherwise(status=0) == {}


def test_object_lock_in_a_new_bucket_and_in_one_that_had_no_versions(desk: AwsDesk, s3: S3, aws: MotoAws) -> None:
    desk.settings = '[aws]\nobject_lock = "governance"\n'
    aws.make_bucket(BUCKET, versioning=False)
    assert desk.steps("aws", "setup", "--yes", status=0)["object-lock"]["state"] == "changed"
    desk.where = "s3://brand-new-one"
    desk("aws", "setup", "--yes", status=0)
    for bucket in (BUCKET, "brand-new-one"):
        lock = s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
        assert lock["ObjectLockEnabled"] == "Enabled" and not lock.get("Rule")
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
        assert "PacksAreLocked" in s3.get_bucket_policy(Bucket=bucket)["Policy"]
    desk.settings = ""
    assert "though the settings do not ask for it" in desk("aws", "check", status=0)


def test_a_default_retention_of_somebody_is_left_to_a_person(desk: AwsDesk, s3: S3) -> None:
    desk.settings = '[aws]\nobject_lock = "compliance"\n'
    desk("aws", "setup", "--yes", status=0)
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 3650}}
    s3.put_object_lock_configuration(
        Bucket=BUCKET, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    assert desk.otherwise() == {"object-lock": ["default retention"]}
    desk.settings = ""
    assert "everything written is locked for 3650 days (compliance)" in desk("aws", "check", status=0)


def test_encryption_by_a_kms_key_and_what_becomes_of_it(desk: AwsDesk, s3: S3, aws: MotoAws) -> None:
    key = aws.client("kms").create_key()["KeyMetadata"]
    desk.settings = f'[aws]\nencryption = "kms"\nkms_key = "{key["Arn"]}"\n'
    desk("aws", "setup", "--yes", status=0)
    [rule] = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == key["Arn"] and rule["BucketKeyEnabled"]
    assert "destroys every backup" in desk("aws", "check", status=0)
    aws.client("kms").schedule_key_deletion(KeyId=key["KeyId"])
    found = desk.steps("aws", "check", status=3)["encryption"]
    assert found["by_hand"] and "cancel-key-deletion" in found["hint"]


def test_without_an_access_log(desk: AwsDesk, s3: S3) -> None:
    desk.settings = '[aws]\nlog_bucket = "off"\n'
    desk("aws", "setup", "--yes", status=0)
    assert [one["Name"] for one in s3.list_buckets()["Buckets"]] == [BUCKET]
    desk.settings = f'[aws]\nlog_bucket = "{BUCKET}"\n'
    assert "would go into the bucket itself" in desk("aws", "setup", "--yes", status=10)
    desk.settings, desk.where = "", f"s3://{'x' * 60}"
    assert "log_bucket" in desk("aws", "setup", "--yes", status=10)


def test_a_bucket_with_object_lock_takes_no_logs(desk: AwsDesk, s3: S3) -> None:
    s3.create_bucket(
        Bucket=LOGS,
        CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
        ObjectLockEnabledForBucket=True,
    )
    found = desk.steps("aws", "setup", "--yes", status=3)
    assert found["log-bucket"]["by_hand"] and found["access-log"]["state"] == "waits"
    assert found["versioning"]["state"] == "changed"


def test_nothing_is_changed_where_nobody_can_be_asked(desk: AwsDesk, s3: S3) -> None:
    assert f"this changes the bucket {BUCKET} at AWS, and nobody is here to be asked" in desk("aws", "setup", status=2)
    assert s3.list_buckets()["Buckets"] == []


def test_a_folder_is_no_bucket(desk: AwsDesk, tmp_path: Path) -> None:
    desk.where = str(tmp_path / "repository")
    assert "is a folder" in desk("aws", "check", status=10)
