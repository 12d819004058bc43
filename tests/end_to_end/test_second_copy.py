"""Second copies between real places, by the command: killed, cut off from the first, brought back from with nothing but the key."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from machine import (
    KEY,
    Machine,
    copied_tree,
    fill_some,
    grow_some,
    lose_database,
    lose_tree,
    read_database,
    tree_differences,
)
from moto_aws import MotoAws, running
from versitygw import RunningS3

BUCKET = "second-copies"
READ_ALL = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{BUCKET}"},
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"},
    ],
}


@pytest.fixture(scope="module")
def aws() -> Iterator[MotoAws]:
    with running() as server:
        yield server


def a_host(folder: Path, repository: str, toml: str = "", **more: str) -> Machine:
    """Uploads, a key, a repository; no database."""
    folder.mkdir()
    uploads = folder / "uploads"
    uploads.mkdir()
    variables = {"UPLOADS_DIR": str(uploads), "LIFEBOAT_REPOSITORY": repository, "BACKUP_ENCRYPTION_KEY": KEY, **more}
    (folder / "lifeboat.toml").write_text(toml)
    machine = Machine(folder, variables, None, "")  # type: ignore[arg-type]
    machine.run("init", "--yes")
    grow_some(uploads)
    machine.run("backup", "files")
    return machine


def elsewhere(machine: Machine, folder: Path, toml: str = "", **more: str | None) -> Machine:
    """Another machine, with another memory, of which nothing is known but these variables."""
    other = machine.elsewhere(folder, UPLOADS_DIR=None, **more)
    (folder / "lifeboat.toml").write_text(toml)
    return other


def comes_back(machine: Machine, to: Path, like: Path, *options: str) -> None:
    machine.run("restore", "files", "latest", "--to", str(to), *options)
    assert tree_differences(like, to) == ""


@pytest.mark.long
def test_killed_again_and_again_the_copy_is_whole_each_time_and_brings_everything_back_without_the_first(
    tmp_path: Path,
) -> None:
    replica = tmp_path / "usb" / "second"
    host = a_host(tmp_path / "host", str(tmp_path / "first"), f'[[replica]]\nname = "usb"\nlocation = "{replica}"\n')
    for number in range(2):
        (host.uploads / f"more {number}.bin").write_bytes(bytes([number]) * 900_000 + str(number).encode() * 50_000)
        host.run("backup", "files")
    before = copied_tree(host.uploads, tmp_path / "before")
    planned = host.json("replicate", "--dry-run")["replicas"][0]
    assert planned["dry_run"] and planned["copied_objects"] > 15 and not replica.exists()

    killed = seen = 0
    while True:
        run = host.start("replicate", "usb")
        deadline, stored = time.monotonic() + 60, _count(replica)
        while run.poll() is None and _count(replica) < stored + 9 and time.monotonic() < deadline:
            time.sleep(0.005)
        if run.poll() is not None:
            break
        run.kill()
        run.wait()
        killed += 1
        # What is listed in it opens and is whole, however far it is.
        told = elsewhere(host, tmp_path / f"look {killed}", LIFEBOAT_REPOSITORY=str(replica)).ends(
            "verify", "--level", "full", "--json"
        )
        codes = {one["code"] for one in _json(told.out).get("findings", []) if one["level"] == "problem"}
        seen += bool(_json(told.out).get("snapshots"))
        assert codes <= {"no-snapshot", "snapshot-too-old"}, told.out
    assert killed >= 2

    host.run("replicate", "usb", "--verify")
    here, there = _names(tmp_path / "first"), _names(replica)
    [mark] = there - here
    assert mark.startswith("config/replica-")
    assert all("audit-" in name for name in here - there), "the record of this very run comes with the next"
    for name in there & here:
        assert (tmp_path / "first" / name).read_bytes() == (replica / name).read_bytes()

    replica.rename(tmp_path / "in a drawer")
    assert "mounted" in host.refuses(10, "replica-gone", "replicate", "usb")
    assert not replica.exists()
    assert [row["as_of"] for row in host.json("status", code=3)["replicas"]] != [None]
    (tmp_path / "in a drawer").rename(replica)

    shutil.rmtree(tmp_path / "first")
    shutil.rmtree(host.folder)
    found = elsewhere(host, tmp_path / "new host", LIFEBOAT_REPOSITORY=str(replica))
    assert len(found.snapshots("files")) == 3
    comes_back(found, tmp_path / "back", before)
    assert "replicate --promote" in found.refuses(10, "is-a-replica", "backup", "files", UPLOADS_DIR=str(before))
    found.run("replicate", "--promote", "--yes")
    found.run("backup", "files", UPLOADS_DIR=str(before))
    assert len(found.snapshots("files")) == 4


def _count(folder: Path) -> int:
    return len(_names(folder)) if folder.exists() else 0


def _names(folder: Path) -> set[str]:
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return {name for name in names if not name.startswith(".~writing/")}


def _json(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


@pytest.mark.long
def test_from_one_provider_to_another_with_keys_of_their_own_that_nobody_sees(
    tmp_path: Path, s3: RunningS3, aws: MotoAws
) -> None:
    s3.make_bucket("first-provider")
    aws.make_bucket("second-provider")
    toml = f"""
[[replica]]
name = "other"
location = "s3://second-provider/copies"
endpoint = "{aws.endpoint_url}"
region = "{aws.region}"
access_key_id = "env:OTHER_ID"
secret_access_key = "env:OTHER_SECRET"
"""
    ours = {
        "AWS_ENDPOINT_URL": s3.endpoint_url,
        "AWS_REGION": s3.region,
        "AWS_ACCESS_KEY_ID": s3.access_key_id,
        "AWS_SECRET_ACCESS_KEY": s3.secret_access_key,
    }
    # The host that backs up has no keys to the second place, and backs up all the same.
    host = a_host(tmp_path / "host", "s3://first-provider/shop", toml, **ours)
    assert "OTHER_ID" in host.refuses(10, "settings-invalid", "replicate")
    status = host.json("status", code=3)["replicas"][0]
    assert status["trouble"] and status["lag_seconds"] is None

    keys = {"OTHER_ID": "root", "OTHER_SECRET": "secret-of-the-second-place"}
    keeper = elsewhere(host, tmp_path / "keeper", toml, BACKUP_ENCRYPTION_KEY=None, **keys)
    seen = keeper.json("status", code=3)["replicas"][0]
    assert seen["missing_snapshots"] == 1 and seen["lag_seconds"] > 0
    done = keeper.json("replicate", "other")["replicas"][0]
    assert done["first"] and done["findings"] == [] and done["copied_objects"] > 8
    stored = aws.client("s3").list_objects_v2(Bucket="second-provider", Prefix="copies/")["Contents"]
    theirs = s3.client().list_objects_v2(Bucket="first-provider", Prefix="shop/")["Contents"]
    sizes = {one["Key"].removeprefix("copies/"): one["Size"] for one in stored if "config/replica-" not in one["Key"]}
    assert sizes == {one["Key"].removeprefix("shop/"): one["Size"] for one in theirs}

    with_key = elsewhere(host, tmp_path / "with key", toml, **keys)
    comes_back(with_key, tmp_path / "back", host.uploads, "--replica", "other")
    assert with_key.json("verify", "--level", "full", "--replica", "other", code=3)["chunks"] > 0
    host.run("backup", "files")
    told = with_key.json("status", code=3)["replicas"][0]
    assert (told["missing_snapshots"], told["by_memory"], told["trouble"]) == (1, False, None)
    everything = "".join((*host.said, *keeper.said, *with_key.said))
    assert "secret-of-the-second-place" not in everything and s3.secret_access_key not in everything


def test_the_application_comes_back_from_the_second_copy_alone(make_machine: Any, tmp_path: Path) -> None:
    machine: Machine = make_machine(tmp_path / "shop")
    machine.uploads.mkdir()
    grow_some(machine.uploads, 3)
    fill_some(machine.collections, 60)
    machine.run("init", "--yes")
    machine.run("backup", "all")
    second = tmp_path / "second"
    machine.run("replicate", str(second))
    files, documents = (
        copied_tree(machine.uploads, tmp_path / "before"),
        read_database(machine.client, machine.database),
    )

    shutil.rmtree(machine.repository)
    lose_tree(machine.uploads)
    lose_database(machine.client, machine.database)
    found = machine.elsewhere(tmp_path / "new host", LIFEBOAT_REPOSITORY=str(second))
    found.run("restore", "db", "latest", "--over-live", "--yes")
    found.run("restore", "files", "latest", "--to", str(machine.uploads))
    assert read_database(machine.client, machine.database) == documents
    # Once there is something to lose again, it is stored first, and not in a replica.
    said = found.refuses(10, "is-a-replica", "restore", "db", "latest", "--over-live", "--yes")
    assert "replicate --promote" in said and "--to" in said
    found.run("replicate", "--promote", "--yes")
    found.run("restore", "db", "latest", "--over-live", "--yes")
    assert read_database(machine.client, machine.database) == documents
    assert tree_differences(files, machine.uploads) == ""


@pytest.mark.long
def test_who_may_only_list_and_read_makes_a_second_copy_without_a_key(tmp_path: Path) -> None:
    with running() as aws:
        aws.make_bucket(BUCKET)
        reader = aws.make_user("reader", READ_ALL)
        writer = aws.make_user(
            "host", {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
        )
        aws.enforce()
        host = a_host(tmp_path / "host", f"s3://{BUCKET}/shop", **aws.environment(writer))
        copier = elsewhere(host, tmp_path / "copier", BACKUP_ENCRYPTION_KEY=None, **aws.environment(reader))

        done = copier.json("replicate", str(tmp_path / "second"))["replicas"][0]
        assert done["findings"] == [] and done["copied_objects"] > 8
        comes_back(host, tmp_path / "back", host.uploads, "--replica", str(tmp_path / "second"))

        host.run("backup", "config")
        packs = aws.client("s3", writer).list_objects_v2(Bucket=BUCKET, Prefix="shop/config/pack/")["Contents"]
        for one in packs:
            place = {"Bucket": BUCKET, "Key": one["Key"]}
            aws.client("s3", writer).copy_object(**place, CopySource=place, StorageClass="GLACIER")
        held = copier.json("replicate", str(tmp_path / "second"))["replicas"][0]
        assert [one["code"] for one in held["findings"]] == ["source-objects-archived", "snapshots-held-back"]
        assert held["missing_objects"] == len(packs) + 1
        for one in packs:
            aws.client("s3", writer).restore_object(Bucket=BUCKET, Key=one["Key"], RestoreRequest={"Days": 1})
        back = copier.json("replicate", str(tmp_path / "second"))["replicas"][0]
        assert back["findings"] == [] and back["missing_objects"] == 0

        said = copier.refuses(12, "storage-denied", "replicate", f"s3://{BUCKET}/elsewhere")
        assert "lists and puts everything in the replica" in said
        assert "key" in copier.refuses(11, "key-missing", "replicate", "--delete", str(tmp_path / "second"))
