"""Shows 2, 3 and 5 of the issue: everything lost, and back: by the command, from a directory and from S3, and without it.

Judges: PyMongo, rsync and the official mongorestore.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import bson
import bson.json_util
import pytest
from machine import KEY, PASSWORD, Machine, copied_tree, lose_database, lose_tree, read_database, tree_differences
from mongo_tools import MongoTools
from versitygw import RunningS3

from lifeboat.foundation.clock import SystemClock
from lifeboat.samples.application_database import fill
from lifeboat.samples.uploads_tree import Shape, grow
from lifeboat.sources.mongodb.private_server import PrivateServer

RESCUE_LIBRARIES = ("cryptography", "zstandard", "cffi", "_cffi_backend*", "backports")
RESCUE_RUNNER = "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); sys.argv.pop(0); runpy.run_path(sys.argv[0], run_name='__main__')"


def with_the_application(machine: Machine) -> Machine:
    """The sample application's database and a tree with every odd thing there is."""
    fill(machine.client, machine.database, clock=SystemClock(), scale=0.02)
    grow(machine.uploads, Shape(files=60, total_bytes=3_000_000))
    (machine.folder / ".env").write_text("NODE_ENV=production\n")
    (machine.folder / ".env").chmod(0o600)
    return machine


def loses_everything_and_gets_it_back(machine: Machine, aside: Path) -> None:
    """What the issue types, word for word; then the comparison."""
    before = read_database(machine.client, machine.database)
    assert len(before) > 10
    tree = copied_tree(machine.uploads, aside / "as it was")
    machine.run("init", "--yes")
    machine.run("backup", "all")
    assert {one["source"] for one in machine.snapshots()} == {"mongodb", "files", "config"}
    lose_database(machine.client, machine.database)
    lose_tree(machine.uploads)
    machine.run("restore", "db", "latest", "--over-live", "--yes")
    machine.run("restore", "files", "latest", "--to", str(aside / "restored"))
    assert read_database(machine.client, machine.database) == before
    assert tree_differences(tree, aside / "restored") == ""
    machine.run("restore", "files", "latest", "--over-live", "--yes")
    assert tree_differences(tree, machine.uploads) == ""
    machine.run("restore", "config", "--to", str(aside / "configuration"))
    assert (aside / "configuration" / ".env").read_text() == "NODE_ENV=production\n"


@pytest.fixture(scope="module")
def survivor(make_machine, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A machine that has been through it all with a local repository; its data is as before."""
    machine = with_the_application(make_machine(tmp_path_factory.mktemp("survivor")))
    loses_everything_and_gets_it_back(machine, machine.folder)
    return machine


@pytest.mark.long
def test_everything_lost_comes_back_from_a_local_repository(survivor: Machine) -> None:
    survivor.run("verify", "--level", "full")


def test_everything_lost_comes_back_from_s3(make_machine, s3: RunningS3, tmp_path: Path) -> None:
    s3.make_bucket("whole-way", versioning=True)
    variables = {
        "LIFEBOAT_REPOSITORY": "s3://whole-way/production",
        "AWS_ACCESS_KEY_ID": s3.access_key_id,
        "AWS_SECRET_ACCESS_KEY": s3.secret_access_key,
        "AWS_REGION": s3.region,
        "AWS_ENDPOINT_URL": s3.endpoint_url,
    }
    machine = with_the_application(make_machine(tmp_path / "machine", **variables))
    loses_everything_and_gets_it_back(machine, tmp_path)
    machine.run("verify", "--level", "full")
    machine.run("doctor")


def test_the_mission_s_bucket_variable_is_enough(make_machine, s3: RunningS3, tmp_path: Path) -> None:
    s3.make_bucket("only-a-bucket")
    machine = make_machine(
        tmp_path / "machine",
        S3_BACKUP_BUCKET="only-a-bucket",
        AWS_ACCESS_KEY_ID=s3.access_key_id,
        AWS_SECRET_ACCESS_KEY=s3.secret_access_key,
        AWS_REGION=s3.region,
        AWS_ENDPOINT_URL=s3.endpoint_url,
        LIFEBOAT_REPOSITORY="",
    )
    machine.uploads.mkdir()
    (machine.uploads / "one").write_text("one")
    machine.run("init", "--yes")
    machine.run("backup", "files")
    machine.run("restore", "files", "--to", str(tmp_path / "back"))
    assert tree_differences(machine.uploads, tmp_path / "back") == ""


def rescue(folder: Path, *words: str) -> None:
    """Run the script that lies in the repository's copy, with two libraries and nothing of Lifeboat."""
    libraries = folder / "libraries"
    if not libraries.exists():
        libraries.mkdir()
        for site in {sysconfig.get_path("platlib"), sysconfig.get_path("purelib")}:
            for found in (one for pattern in RESCUE_LIBRARIES for one in Path(site).glob(pattern)):
                (libraries / found.name).symlink_to(found)
    (script,) = (folder / "copy" / "config").glob("rescue-*.py")
    command = [sys.executable, "-I", "-S", "-c", RESCUE_RUNNER, str(libraries), str(script), *words]
    environment = {"LANG": "C", "LIFEBOAT_KEY": KEY}
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    imported = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            "import sys; sys.path.insert(0, sys.argv[1]); import lifeboat",
            str(libraries),
        ],
        capture_output=True,
        check=False,
    )
    assert imported.returncode != 0, "Lifeboat must not be within the script's reach"


@pytest.mark.long
def test_a_copy_of_the_repository_and_the_key_are_enough_for_the_files(survivor: Machine, tmp_path: Path) -> None:
    shutil.copytree(survivor.repository, tmp_path / "copy")
    rescue(tmp_path, "check", "copy")
    rescue(tmp_path, "files", "copy", "latest", "files", "--owners")
    assert tree_differences(survivor.uploads, tmp_path / "files" / str(survivor.uploads).lstrip("/")) == ""
    rescue(tmp_path, "files", "copy", "latest-config", "configuration")
    found = tmp_path / "configuration" / str(survivor.folder).lstrip("/") / ".env"
    assert found.read_text() == "NODE_ENV=production\n"


def test_a_copy_of_the_repository_and_the_key_give_readable_bson(survivor: Machine, tmp_path: Path) -> None:
    shutil.copytree(survivor.repository, tmp_path / "copy")
    rescue(tmp_path, "dump", "copy", "latest", "dump")
    dump = tmp_path / "dump" / survivor.database
    for entry in survivor.collections.list_collections():
        name = entry["name"]
        if name.startswith("system."):
            continue
        metadata = bson.json_util.loads((dump / f"{name}.metadata.json").read_text("utf-8"))
        if entry["type"] == "view":
            assert metadata["options"]["viewOn"] == entry["options"]["viewOn"]
            continue
        stored = f"system.buckets.{name}" if entry["type"] == "timeseries" else name
        dumped = sorted(bson.decode_file_iter((dump / f"{stored}.bson").open("rb")), key=lambda one: repr(one["_id"]))
        live = sorted(survivor.collections[stored].find(), key=lambda one: repr(one["_id"]))
        assert bson.encode({"all": dumped}) == bson.encode({"all": live}), name
        indexes = {one["name"] for one in survivor.collections[name].list_indexes() if not one.get("clustered")}
        assert {one["name"] for one in metadata["indexes"]} == indexes


def test_the_official_mongorestore_takes_the_dump(
    survivor: Machine, server: PrivateServer, mongo_tools: MongoTools, tmp_path: Path
) -> None:
    before = read_database(survivor.client, survivor.database, accounts=False)
    shutil.copytree(survivor.repository, tmp_path / "copy")
    rescue(tmp_path, "dump", "copy", "latest", "dump")
    lose_database(survivor.client, survivor.database)
    try:
        uri = server.uri_for("owner", PASSWORD)
        config = tmp_path / "mongorestore.yaml"
        config.write_text(f"uri: {uri}\n")
        command = [str(mongo_tools.mongorestore), "--config", str(config), "--restoreDbUsersAndRoles"]
        command += ["--db", survivor.database, str(tmp_path / "dump" / survivor.database)]
        done = subprocess.run(command, capture_output=True, text=True, env={"PATH": os.environ["PATH"]}, check=False)
        assert done.returncode == 0, done.stderr
        assert read_database(survivor.client, survivor.database, accounts=False) == before
    finally:
        survivor.run("restore", "db", "latest", "--over-live", "--yes")
