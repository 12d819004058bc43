"""``writer``, ``init --writer`` and ``aws policy``: words in, words out; the whole way stands in ``tests/end_to_end``."""

import json
import re
import stat
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from pretend_shell import KEY

from lifeboat.cli.main import carry_out
from lifeboat.cli.run import Run
from lifeboat.cloud.policies import (
    ADMIN,
    BUCKET,
    KINDS,
    LARGEST_BUCKET_POLICY_BYTES,
    LARGEST_CHARACTERS,
    Place,
    admin_policy,
    bucket_policy,
    role_policy,
)
from lifeboat.foundation.clock import SystemClock
from lifeboat.repository import names
from lifeboat.repository.locking import LockPeriods
from lifeboat.repository.roles import Role


class Machine:
    """The real command in this process, on a folder of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], **variables: str) -> None:
        self.folder, self.capsys = folder, capsys
        (folder / "uploads").mkdir(parents=True)
        (folder / "uploads" / "a.txt").write_text("a" * 5000)
        self.variables = {"HOME": str(folder), "UPLOADS_DIR": str(folder / "uploads"), **variables}

    def __call__(self, *arguments: str, code: int = 0) -> str:
        run = Run(self.variables, self.folder, SystemClock())
        status = carry_out(run, arguments)
        out, err = self.capsys.readouterr()
        assert status == code, out + err
        assert "Traceback" not in err
        return out + err


@pytest.fixture
def keeper(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Machine:
    place = str(tmp_path / "repository")
    machine = Machine(tmp_path / "keeper", capsys, LIFEBOAT_REPOSITORY=place, BACKUP_ENCRYPTION_KEY=KEY)
    machine("init", "--guarded", "--yes")
    return machine


def test_a_writers_file_is_private_holds_no_key_and_names_the_place(keeper: Machine, tmp_path: Path) -> None:
    said = keeper("writer", "add", "shop-1", "--to", "w")
    file = keeper.folder / "w"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert KEY not in file.read_text() and "LIFEBOAT1" not in file.read_text()
    secret = json.loads(file.read_text())["secret"]
    assert secret not in said and "lifeboat init --writer FILE" in said
    host = Machine(tmp_path / "host", keeper.capsys)
    said = host("init", "--writer", str(file))
    assert "destroy the file" in said and secret not in said
    assert str(tmp_path / "repository") in (host.folder / "lifeboat.toml").read_text()
    assert "stored whole" in host("backup", "files")
    rows = json.loads(host("writer", "list", "--json"))["writers"]
    assert [one["snapshots"] for one in rows if one["this_machine"]] == [1]
    file.chmod(0o644)
    assert "open to other users" in host("init", "--writer", str(file), code=10)


def test_what_is_asked_wrongly_is_answered_with_what_to_type(keeper: Machine) -> None:
    assert "--to" in keeper("writer", "add", "x", code=2)
    assert "NAME" in keeper("writer", "add", code=2)
    assert "letters, digits" in keeper("writer", "add", "\x1b[2J", "--to", "f", code=10)
    assert "exclude each other" in keeper("writer", "add", "x", "--again", "--new", "--to", "f", code=2)
    assert "there is no writer x" in keeper("writer", "add", "x", "--again", "--to", "f", code=10)
    assert "no custodian is called x" in keeper("writer", "remove", "x", code=10)
    assert not (keeper.folder / "f").exists()
    keeper("writer", "add", "x", "--to", "f")
    # A file that exists is not overwritten, and then nobody is registered either.
    assert "exists already" in keeper("writer", "add", "y", "--to", "f", code=10)
    assert "y" not in [one["name"] for one in json.loads(keeper("writer", "list", "--json"))["writers"]]


def test_a_machine_without_the_key_makes_no_writers(keeper: Machine, tmp_path: Path) -> None:
    keeper("writer", "add", "shop-1", "--to", "w")
    host = Machine(tmp_path / "host", keeper.capsys, LIFEBOAT_REPOSITORY=str(tmp_path / "repository"))
    host("init", "--writer", str(keeper.folder / "w"))
    for words in (("add", "thief", "--to", "t"), ("add", "thief", "--custodian", "--to", "t"), ("remove", "x")):
        host("writer", *words, code=11 if words[0] == "add" else 10)
    assert not (host.folder / "t").exists()
    assert "writer add shop-1 --new" in host("backup", "files", "--new-generation", code=11)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prefix", ["", "shop/production", "a" * 60])
@pytest.mark.parametrize("locks", [None, LockPeriods()])
def test_policies_are_json_of_the_form_that_iam_takes(kind: str, prefix: str, locks: LockPeriods | None) -> None:
    place = Place("my-backups", prefix, locks, kms_key="arn:aws:kms:eu-central-1:123456789012:key/1", log_bucket="logs")
    policy = made(kind, place)
    text = re.sub(r"\s", "", json.dumps(policy))
    assert policy["Version"] == "2012-10-17"
    assert len(text) <= (LARGEST_BUCKET_POLICY_BYTES if kind == BUCKET else LARGEST_CHARACTERS)
    names = [one["Sid"] for one in policy["Statement"]]
    assert len(set(names)) == len(names) and all(name.isalnum() for name in names)
    for one in policy["Statement"]:
        assert set(one) <= {"Sid", "Effect", "Action", "Resource", "Condition", "Principal"}
        assert ("Principal" in one) == (kind == BUCKET) and one["Resource"] and one["Action"]
        of_objects = [name for name in one["Resource"] if name.startswith("arn:aws:s3:::my-backups/")]
        assert kind == BUCKET or all(name.startswith(f"{place.arn}/{prefix}") for name in of_objects)
        if kind not in (BUCKET, ADMIN) and "*" in one["Resource"]:  # nothing but metrics is granted everywhere
            assert one["Action"] == ["cloudwatch:PutMetricData"] and one["Condition"]


def made(kind: str, place: Place, writer: str = "ab" * 16) -> dict[str, Any]:
    if kind == BUCKET:
        return bucket_policy(place, ["arn:aws:iam::123456789012:user/ci"])
    return admin_policy(place) if kind == ADMIN else role_policy(Role(kind), place, writer)


def statement(policy: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in policy["Statement"] if one["Sid"] == name)


def granted(policy: dict[str, Any]) -> set[str]:
    return {action for one in policy["Statement"] if one["Effect"] == "Allow" for action in one["Action"]}


def test_only_the_simple_role_and_the_custodian_delete_what_is_stored() -> None:
    for role in (Role.WRITER, Role.KEEPER):
        delete = statement(role_policy(role, Place("b"), "ab" * 16), "Delete")
        assert delete["Resource"] == ["arn:aws:s3:::b/config/probe/*"]


@pytest.mark.parametrize("kind", [one for one in KINDS if one != BUCKET])
@pytest.mark.parametrize("locks", [None, LockPeriods()])
def test_no_role_may_do_what_makes_a_theft_final(kind: str, locks: LockPeriods | None) -> None:
    """Removing versions, ending locks, deleting the bucket; and but for who sets it up, changing when versions expire."""
    actions = granted(made(kind, Place("b", "", locks)))
    final = {"s3:DeleteObjectVersion", "s3:BypassGovernanceRetention", "s3:DeleteBucket", "s3:PutObjectLegalHold"}
    assert not actions & final and not any(one.endswith(":*") for one in actions)
    arranging = {
        one for one in actions if one.startswith(("s3:PutBucket", "s3:PutLifecycle", "iam:", "s3:DeleteBucket"))
    }
    assert (arranging != set()) is (kind == ADMIN)
    if kind == ADMIN:  # who arranges everything reads nothing
        assert not actions & {"s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject"}
    else:
        assert ("s3:PutObjectRetention" in actions) is (locks is not None)


def test_a_custodian_makes_packs_by_copying_others_of_the_repository_alone() -> None:
    policy = role_policy(Role.CUSTODIAN, Place("b", "prod"))
    assert statement(policy, "Copy")["Condition"] == {
        "StringLike": {
            "s3:x-amz-copy-source": [
                *(f"b/prod/{source}/pack/*" for source in ("mongodb", "files", "config")),
                "b/prod/keys/*",
            ]
        }
    }
    assert not any("pack" in name or "keys" in name for name in statement(policy, "Write")["Resource"])
    assert not any("oplog" in name for name in statement(policy, "Read")["Resource"])


def test_what_is_locked_is_said_in_the_policies_and_bounded() -> None:
    place = Place("b", "prod", LockPeriods(days=35, window_days=7))
    locked = statement(role_policy(Role.WRITER, place, "ab" * 16), "Lock")
    assert locked["Resource"] == [
        f"arn:aws:s3:::b/prod/{rest}"
        for rest in (
            *("keys/*", f"catalog/{'ab' * 16}/*", "mongodb/pack/*", "files/pack/*", "config/pack/*", "mongodb/oplog/*"),
            *("config/repository-*", "config/writer-*", "config/rescue-*", "config/README-*", "config/probe/*"),
        )
    ]
    bucket = bucket_policy(place)
    longest = statement(bucket, "NoEndlessLocks")
    assert longest["Condition"] == {"NumericGreaterThan": {"s3:object-lock-remaining-retention-days": "67"}}
    assert {"s3:PutObject", "s3:PutObjectRetention"} == set(longest["Action"])
    assert statement(bucket, "PacksAreLocked")["Condition"]["Null"] == {"s3:object-lock-mode": "true"}
    assert all(one["Sid"] not in ("NoEndlessLocks", "PacksAreLocked") for one in bucket_policy(Place("b"))["Statement"])


def test_write_once_holds_for_every_name_that_carries_a_hash_and_for_no_scratch() -> None:
    sha, writer, month = "c" * 64, "d" * 32, "2026-11"
    carrying = [
        names.description_name(sha),
        names.registration_name(writer, sha),
        names.rescue_name(sha),
        names.readme_name(sha),
        names.key_name(month, sha),
        names.segment_name(month, sha, "1", "2", "3", writer, sha),
        names.index_name(writer, month, sha),
        names.snapshot_name(writer, month, sha),
        names.link_name(writer, month, 1, sha),
        names.statement_name("keep", writer, month, sha),
        *(names.pack_name(source, class_, month, sha) for source in names.Source for class_ in names.Class),
    ]
    covered = statement(bucket_policy(Place("b", "prod")), "WrittenOnce")["Resource"]

    def is_covered(name: str) -> bool:
        return any(fnmatchcase(f"arn:aws:s3:::b/prod/{name}", pattern) for pattern in covered)

    assert [one for one in carrying if not is_covered(one)] == []
    assert not is_covered(f"{names.PROBES}abc/once/x")


def test_nobody_but_the_custodians_named_deletes_and_nobody_at_all_removes_versions() -> None:
    ci = "arn:aws:iam::123456789012:user/ci"
    policy = bucket_policy(Place("b"), [ci])
    assert statement(policy, "CustodiansDelete")["Condition"] == {"ArnNotLike": {"aws:PrincipalArn": [ci]}}
    assert "Condition" not in statement(policy, "VersionsStay")
    assert "VersionsStay" not in [one["Sid"] for one in bucket_policy(Place("b"))["Statement"]]


def test_a_policy_is_printed_for_this_machine_for_a_named_writer_and_refused_for_a_folder(
    keeper: Machine, tmp_path: Path
) -> None:
    assert "is a folder" in keeper("aws", "policy", "keeper", code=2)
    keeper.variables |= {"LIFEBOAT_REPOSITORY": "s3://my-backups/prod"}
    assert json.loads(keeper("aws", "policy", "keeper"))["Version"] == "2012-10-17"
    assert "this machine is no writer" in keeper("aws", "policy", "writer", code=10)
    assert "a NAME goes with the role writer" in keeper("aws", "policy", "keeper", "x", code=2)
    arn = "arn:aws:iam::123456789012:user/ci"
    assert arn in keeper("aws", "policy", "bucket", "--custodian", arn)
    assert "goes with bucket" in keeper("aws", "policy", "keeper", "--custodian", arn, code=2)
    assert "no ARN" in keeper("aws", "policy", "bucket", "--custodian", "ci", code=2)
    assert "PutObjectRetention" not in keeper("aws", "policy", "keeper")
    (keeper.folder / "lifeboat.toml").write_text('[aws]\nobject_lock = "governance"\n')
    assert "PutObjectRetention" in keeper("aws", "policy", "keeper")
    assert "NoEndlessLocks" in keeper("aws", "policy", "bucket")
    (keeper.folder / "lifeboat.toml").write_text(f'[aws]\ncustodians = ["{arn}"]\n')
    assert arn in keeper("aws", "policy", "bucket")
    (keeper.folder / "lifeboat.toml").write_text('[aws]\ncustodians = ["ci"]\n')
    assert "a user or role of IAM is meant" in keeper("aws", "policy", "bucket", code=10)
    (keeper.folder / "lifeboat.toml").write_text('[aws]\nobject_lock = "governance"\nlock_days = 7\n')
    assert "lock_days = 8 or more" in keeper("aws", "policy", "bucket", code=10)
