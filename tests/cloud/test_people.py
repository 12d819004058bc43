"""``aws setup --iam`` on moto: users and roles are made, compared, mended; each can do its work and nothing else."""

import json
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_desk import BUCKET, AwsDesk
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from moto_aws import ACCOUNT, MotoAws

from lifeboat.cloud.people.person import LONGEST_CHARACTERS, name_of
from lifeboat.cloud.policies import Place, admin_policy, role_policy
from lifeboat.repository.roles import Role

KEY = "5e" * 32
SIMPLE = f"lifeboat-{BUCKET}-simple"


@pytest.fixture
def desk(tmp_path: Path, aws: MotoAws) -> AwsDesk:
    aws.make_bucket(BUCKET)
    return AwsDesk(tmp_path, aws)


def policy_now(aws: MotoAws, name: str) -> dict[str, Any]:
    iam, arn = aws.client("iam"), f"arn:aws:iam::{ACCOUNT}:policy/{name}"
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    found: dict[str, Any] = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    return found


def test_it_is_shown_made_and_a_second_time_nothing_is_left_to_do(desk: AwsDesk, aws: MotoAws) -> None:
    said = desk("aws", "setup", "--iam", "--dry-run", status=0)
    assert SIMPLE in said and not aws.client("iam").list_users()["Users"]
    first = desk.steps("aws", "setup", "--iam", "--yes", status=0)
    assert {one["state"] for one in first.values()} == {"changed", "as-wanted"}
    assert json.loads(desk("aws", "policy", "simple")) == policy_now(aws, SIMPLE)
    again = desk.steps("aws", "setup", "--iam", "--yes", status=0)
    assert {one["state"] for one in again.values()} == {"as-wanted"}
    assert not aws.client("iam").list_access_keys(UserName=SIMPLE)["AccessKeyMetadata"], (
        "keys are made on request alone"
    )


def test_what_somebody_changed_is_named_and_mended_and_what_he_added_is_named(desk: AwsDesk, aws: MotoAws) -> None:
    desk("aws", "setup", "--iam", "--yes", status=0)
    iam, arn = aws.client("iam"), f"arn:aws:iam::{ACCOUNT}:policy/{SIMPLE}"
    wide = {"Version": "2012-10-17", "Statement": [{"Sid": "All", "Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(wide), SetAsDefault=True)
    iam.detach_user_policy(UserName=SIMPLE, PolicyArn=arn)
    iam.put_user_policy(UserName=SIMPLE, PolicyName="hurry", PolicyDocument=json.dumps(wide))
    found = desk.steps("aws", "setup", "--iam", "--dry-run")
    assert {"statement All", "statement Read"} <= {one["what"] for one in found["policy-simple"]["differences"]}
    assert [one["what"] for one in found["user-simple"]["differences"]] == [f"its policy {SIMPLE}"]
    mended = desk.steps("aws", "setup", "--iam", "--yes", status=3)
    assert mended["policy-simple"]["state"] == mended["user-simple"]["state"] == "changed"
    assert [one["what"] for one in mended["nothing-else-simple"]["differences"]] == ["inline policy hurry"]
    assert json.loads(desk("aws", "policy", "simple")) == policy_now(aws, SIMPLE)
    iam.delete_user_policy(UserName=SIMPLE, PolicyName="hurry")
    for _ in range(6):  # a policy has five versions at most
        iam_versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
        if len(iam_versions) < 5:
            iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(wide), SetAsDefault=True)
    desk("aws", "setup", "--iam", "--yes", status=0)
    assert json.loads(desk("aws", "policy", "simple")) == policy_now(aws, SIMPLE)


def test_a_key_goes_into_a_private_file_is_never_shown_and_never_replaced(desk: AwsDesk, aws: MotoAws) -> None:
    said = desk("aws", "setup", "--iam", "--keys", "keys", "--yes", status=0)
    file = desk.folder / "keys" / f"{SIMPLE}.env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    [secret] = re.findall("SECRET_ACCESS_KEY=(.+)", file.read_text())
    assert secret not in said and str(file) in said
    before = file.read_text()
    again = desk("aws", "setup", "--iam", "--keys", "keys", "--yes", status=0)
    assert file.read_text() == before and secret not in again
    [one] = aws.client("iam").list_access_keys(UserName=SIMPLE)["AccessKeyMetadata"]
    aws.client("iam").delete_access_key(UserName=SIMPLE, AccessKeyId=one["AccessKeyId"])
    said = desk("aws", "setup", "--iam", "--keys", "keys", "--yes", status=3)
    assert "exists already" in said and not aws.client("iam").list_access_keys(UserName=SIMPLE)["AccessKeyMetadata"]


def test_a_role_is_taken_on_by_whom_was_said_and_by_nobody_else(desk: AwsDesk, aws: MotoAws) -> None:
    words = ("aws", "setup", "--iam", "--as", "role", "--trust", "ec2.amazonaws.com")
    desk(*words, "--yes", status=0)
    desk(*words, "--yes", status=0)
    iam = aws.client("iam")
    thief = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
    iam.update_assume_role_policy(RoleName=SIMPLE, PolicyDocument=json.dumps({"Version": "2012-10-17", **thief}))
    assert "who may take it on" in desk(*words, "--dry-run")
    desk(*words, "--yes", status=0)
    now = iam.get_role(RoleName=SIMPLE)["Role"]["AssumeRolePolicyDocument"]
    assert now["Statement"][0]["Principal"] == {"Service": "ec2.amazonaws.com"}


def test_what_does_not_go_together_is_said(desk: AwsDesk) -> None:
    assert "go with --iam" in desk("aws", "setup", "--keys", "x", status=2)
    assert "nobody is named" in desk("aws", "setup", "--iam", "--as", "role", "--yes", status=10)
    assert "goes with --as role" in desk("aws", "setup", "--iam", "--trust", "x", "--yes", status=2)
    assert "no keys of its own" in desk("aws", "setup", "--iam", "--as", "role", "--keys", "x", "--yes", status=2)
    assert "has nobody of the role keeper" in desk("aws", "setup", "--iam", "--only", "keeper", "--yes", status=10)


@given(
    st.from_regex(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", fullmatch=True),
    st.from_regex(r"([A-Za-z0-9._-]{1,60}(/[A-Za-z0-9._-]{1,60})?)?", fullmatch=True),
    st.text(max_size=64),
)
def test_names_are_taken_by_iam_and_tell_writers_apart(bucket: str, prefix: str, machine: str) -> None:
    place = Place(bucket, prefix)
    names = {name_of(place, role) for role in Role} | {
        name_of(place, Role.WRITER, one) for one in (machine + "1", machine + "2")
    }
    assert len(names) == len(Role) + 2
    for name in names:
        assert re.fullmatch(r"lifeboat-[A-Za-z0-9.-]+", name) and len(name) <= LONGEST_CHARACTERS


def refused(attempt: Callable[[], Any]) -> bool:
    try:
        attempt()
    except ClientError as error:
        return error.response["Error"]["Code"] in ("AccessDenied", "403")
    return False


def rights_found(desk: AwsDesk) -> list[tuple[str, str]]:
    """What doctor has to say of the rights in the store; this server ignores conditions, so all can list and write more widely."""
    checks = json.loads(desk("doctor", "--json"))["checks"]
    [found] = [one["findings"] for one in checks if one["check"] == "rights-store"]
    ignored = ("rights-wider", "can-overwrite")
    return [(one["code"], one["message"]) for one in found if one["level"] != "ok" and one["code"] not in ignored]


@pytest.fixture
def town(tmp_path: Path, aws: MotoAws) -> dict[str, AwsDesk]:
    """Host, keeper and custodian of a guarded repository, each with the keys that ``aws setup --iam`` made, and rights enforced."""
    aws.make_bucket(BUCKET)
    desks = {}
    for name in ("host", "keeper", "ci"):
        (tmp_path / name).mkdir()
        desks[name] = AwsDesk(tmp_path / name, aws)
    host, keeper, ci = desks["host"], desks["keeper"], desks["ci"]
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "a.txt").write_text("a contract " * 5000)
    host.more = {"UPLOADS_DIR": str(tmp_path / "uploads"), "BACKUP_ENCRYPTION_KEY": KEY, "LIFEBOAT_LABEL": "shop-1"}
    host("init", "--guarded", "--yes", status=0)
    del host.more["BACKUP_ENCRYPTION_KEY"]
    keeper.more = {"BACKUP_ENCRYPTION_KEY": KEY}
    keeper("writer", "add", "ci", "--custodian", "--to", str(tmp_path / "ci.key"), status=0)
    ci.more = {"LIFEBOAT_KEY_FILE": str(tmp_path / "ci.key")}
    keeper("aws", "setup", "--iam", "--keys", "keys", "--yes", status=0)
    for name, role in (("host", "writer-shop-1"), ("keeper", "keeper"), ("ci", "custodian")):
        text = (keeper.folder / "keys" / f"lifeboat-{BUCKET}-{role}.env").read_text()
        desks[name].keys = tuple(re.findall("=(.+)", text))  # type: ignore[assignment]
    aws.enforce()
    return desks


def test_each_machine_does_its_work_with_the_keys_made_for_it_and_nothing_else(
    town: dict[str, AwsDesk], aws: MotoAws, tmp_path: Path
) -> None:
    host, keeper, ci = town["host"], town["keeper"], town["ci"]
    (tmp_path / "uploads" / "b.txt").write_text("b")
    host("backup", "all", status=0)
    host("verify", "--level", "age", status=0)
    keeper("verify", "--level", "full", status=0)
    keeper("restore", "files", "latest", "--to", str(tmp_path / "back"), status=0)
    assert (tmp_path / "back" / "b.txt").read_text() == "b"
    assert (tmp_path / "back" / "a.txt").read_bytes() == (tmp_path / "uploads" / "a.txt").read_bytes()
    ci("prune", "--yes", status=0)
    ci("verify", "--level", "structure", status=0)

    for name, desk in town.items():
        assert rights_found(desk) == [], name

    aws.allow_everything()
    rows = aws.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
    aws.enforce()
    names = [row["Key"] for row in rows]
    [pack, *_] = [one for one in names if "/pack/" in one]
    [key, *_] = [one for one in names if one.startswith("keys/")]
    [record, *_] = [one for one in names if "/snapshot-" in one]
    rule = {"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    for name, desk in town.items():
        s3, iam = aws.client("s3", desk.keys), aws.client("iam", desk.keys)
        never = {
            "remove a version": lambda s3=s3: s3.delete_object(Bucket=BUCKET, Key=pack, VersionId="null"),
            "end a lock": lambda s3=s3: s3.delete_object(
                Bucket=BUCKET, Key=pack, VersionId="null", BypassGovernanceRetention=True
            ),
            "change age rules": lambda s3=s3: s3.put_bucket_lifecycle_configuration(
                Bucket=BUCKET, LifecycleConfiguration={"Rules": [rule]}
            ),
            "change the policy": lambda s3=s3: s3.put_bucket_policy(Bucket=BUCKET, Policy="{}"),
            "stop versions": lambda s3=s3: s3.put_bucket_versioning(
                Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"}
            ),
            "delete the bucket": lambda s3=s3: s3.delete_bucket(Bucket=BUCKET),
            "make a user": lambda iam=iam: iam.create_user(UserName="thief"),
            "make a key": lambda iam=iam: iam.create_access_key(UserName=SIMPLE),
            "use another bucket": lambda s3=s3: s3.list_objects_v2(Bucket="of-others"),
        }
        assert [what for what, attempt in never.items() if not refused(attempt)] == [], name
    writers, keepers, custodians = (aws.client("s3", town[name].keys) for name in ("host", "keeper", "ci"))
    for one in (pack, key, record):
        assert refused(lambda one=one: writers.delete_object(Bucket=BUCKET, Key=one)), one
        assert refused(lambda one=one: keepers.delete_object(Bucket=BUCKET, Key=one)), one
    for one in (pack, key):
        assert refused(lambda one=one: writers.get_object(Bucket=BUCKET, Key=one)), one
    assert refused(lambda: writers.put_object(Bucket=BUCKET, Key="config/writer-x.json", Body=b"forged"))
    assert refused(lambda: writers.list_object_versions(Bucket=BUCKET))
    assert refused(lambda: custodians.put_object(Bucket=BUCKET, Key="catalog/x/2026-11/proof-x", Body=b"forged"))
    assert not refused(lambda: keepers.get_object(Bucket=BUCKET, Key=pack))


def test_the_administrators_rights_are_enough_for_all_that_is_arranged_and_read_nothing_that_is_stored(
    tmp_path: Path, aws: MotoAws
) -> None:
    place = Place(BUCKET, log_bucket=f"{BUCKET}-logs")
    aws.make_bucket(BUCKET)
    policy = admin_policy(place)
    # This server tells resources apart for S3 alone: elsewhere only the names of rights are tried.
    elsewhere = [one for one in policy["Statement"] if one["Sid"] != "Bucket"]
    wider = {"Version": "2012-10-17", "Statement": [{**one, "Resource": "*"} for one in elsewhere]}
    wider = json.loads(json.dumps(wider).replace("cloudwatch:", "monitoring:"))  # as moto calls it
    desk = AwsDesk(tmp_path, aws, keys=aws.make_user("boss", policy, wider))
    desk.settings = "[aws]\ncloudwatch = true\n"
    aws.enforce()  # of the bucket itself: test_bucket_rights.py
    for words in (
        ("setup", "--iam", "--keys", "keys"),
        ("alarms", "apply"),
    ):  # budgets: this server has names of its own for their rights
        steps = desk.steps("aws", *words, "--yes")
        denied = {name: (one["state"], one["right"]) for name, one in steps.items() if one["state"] == "denied"}
        assert denied == {}, words
    s3 = aws.client("s3", desk.keys)
    assert refused(lambda: s3.get_object(Bucket=BUCKET, Key="keys/2026-11/x"))
    assert refused(lambda: s3.put_object(Bucket=BUCKET, Key="keys/2026-11/x", Body=b"x"))
    assert refused(lambda: aws.client("iam", desk.keys).delete_user(UserName=SIMPLE))


def test_a_keeper_that_could_not_help_on_the_worst_day_is_told_so_before(
    town: dict[str, AwsDesk], aws: MotoAws
) -> None:
    aws.allow_everything()
    policy = role_policy(Role.KEEPER, Place(BUCKET))
    policy["Statement"] = [one for one in policy["Statement"] if one["Sid"] != "Unarchive"]
    policy["Statement"][0]["Action"] = ["s3:ListBucket"]
    town["keeper"].keys = aws.make_user("old-keeper", policy)
    aws.enforce()
    [(code, message)] = rights_found(town["keeper"])
    assert code == "right-missing" and "older versions" in message and "archive class" in message


def test_the_bucket_itself_lets_nobody_delete_but_the_custodians_of_the_settings(tmp_path: Path, aws: MotoAws) -> None:
    ci = f"arn:aws:iam::{ACCOUNT}:user/ci"
    desk = AwsDesk(tmp_path, aws, settings=f'[aws]\ncustodians = ["{ci}"]\n')
    desk("aws", "setup", "--yes")
    said = json.loads(aws.client("s3").get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
    named = {one["Sid"]: one for one in said}
    assert named["CustodiansDelete"]["Condition"] == {"ArnNotLike": {"aws:PrincipalArn": [ci]}}
    assert "s3:DeleteObjectVersion" in named["VersionsStay"]["Action"]
    aws.client("s3").put_bucket_policy(
        Bucket=BUCKET,
        Policy=json.dumps(
            {"Version": "2012-10-17", "Statement": [one for one in said if one["Sid"] != "VersionsStay"]}
        ),
    )
    assert "let nobody at all remove older versions" in desk("aws", "check")
