"""``writer``, ``init --writer`` and ``aws policy``: words in, words out; the whole way stands in ``tests/end_to_end``."""

import json
import re
import stat
from pathlib import Path

import pytest
from pretend_shell import KEY

from lifeboat.cli.main import carry_out
from lifeboat.cli.run import Run
from lifeboat.cloud.policies import KINDS, LARGEST_CHARACTERS, bucket_policy, role_policy
from lifeboat.foundation.clock import SystemClock
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
@pytest.mark.parametrize("place", ["my-backups", "my-backups/shop/production"])
def test_policies_are_json_of_the_form_that_iam_takes(kind: str, place: str, tmp_path: Path) -> None:
    bucket, _, prefix = place.partition("/")
    policy = bucket_policy(bucket, prefix) if kind == "bucket" else role_policy(Role(kind), bucket, prefix, "ab" * 16)
    text = json.dumps(policy)
    assert policy["Version"] == "2012-10-17"
    assert len(re.sub(r"\s", "", text)) <= LARGEST_CHARACTERS
    names = [one["Sid"] for one in policy["Statement"]]
    assert len(set(names)) == len(names) and all(name.isalnum() for name in names)
    for one in policy["Statement"]:
        assert set(one) <= {"Sid", "Effect", "Action", "Resource", "Condition", "Principal"}
        assert ("Principal" in one) == (kind == "bucket")
        resources = [one["Resource"]] if isinstance(one["Resource"], str) else one["Resource"]
        assert all(re.fullmatch(rf"arn:aws:s3:::{bucket}(/.+)?", name) for name in resources)
        objects = [name for name in resources if "/" in name]
        assert kind == "bucket" or all(name.startswith(f"arn:aws:s3:::{place}/") for name in objects)


def test_only_the_simple_role_and_the_custodian_delete_what_is_stored() -> None:
    for role in (Role.WRITER, Role.KEEPER):
        delete = next(one for one in role_policy(role, "b", "", "ab" * 16)["Statement"] if one["Sid"] == "Delete")
        assert delete["Resource"] == ["arn:aws:s3:::b/config/probe/*"]


def test_a_policy_is_printed_for_this_machine_for_a_named_writer_and_refused_for_a_folder(
    keeper: Machine, tmp_path: Path
) -> None:
    assert "is a folder" in keeper("aws", "policy", "keeper", code=2)
    keeper.variables |= {"LIFEBOAT_REPOSITORY": "s3://my-backups/prod"}
    assert json.loads(keeper("aws", "policy", "keeper"))["Version"] == "2012-10-17"
    assert "this machine is no writer" in keeper("aws", "policy", "writer", code=10)
    assert "a NAME goes with the role writer" in keeper("aws", "policy", "keeper", "x", code=2)
