"""The guarded profile for real: a host, a keeper and a custodian as processes of their own, on an S3 that holds each to its role.

The server is versitygw with the policies that ``lifeboat aws policy`` prints, each bound to one user.
"""

import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from machine import KEY, Machine, fill_some, grow_some, lose_database, read_database, tree_differences

BUCKET, PREFIX = "town", "s/p"
"""Short: the server keeps the policies of all three machines in the 4 kB of one attribute of a file."""
SECRETS = {"host": "secret-of-the-host", "keeper": "secret-of-the-keeper", "ci": "secret-of-the-custodian"}


@dataclass
class Town:
    """Three machines, the bucket, and whoever owns it."""

    host: Machine
    keeper: Machine
    ci: Machine
    server: Any

    def allow(self, user: str, policy: dict[str, Any]) -> None:
        """Attach what ``aws policy`` printed to a user, as the bucket's owner does, as far as this server knows what it says."""
        client = self.server.client()
        try:
            said = json.loads(client.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
        except ClientError:
            said = []
        # The server keeps a policy in 4 kB, and refuses what it does not know: only what it can be held to here.
        mine = [
            {**{k: v for k, v in one.items() if k != "Sid"}, "Principal": {"AWS": [user]}}
            for one in policy["Statement"]
            if one.get("Sid", "List") in ("List", "Read", "Write", "Delete", "Unarchive")
        ]
        others = [one for one in said if one["Principal"] != {"AWS": [user]}]
        text = json.dumps({"Version": "2012-10-17", "Statement": [*others, *mine]}, separators=(",", ":"))
        client.put_bucket_policy(Bucket=BUCKET, Policy=text)

    def as_user(self, user: str) -> Any:
        """What a thief of that machine has in hand."""
        return boto3.client(
            "s3",
            endpoint_url=self.server.endpoint_url,
            region_name=self.server.region,
            aws_access_key_id=user,
            aws_secret_access_key=SECRETS[user],
        )

    def names(self, part: str) -> list[str]:
        pages = self.server.client().get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{PREFIX}/")
        return [row["Key"] for page in pages for row in page.get("Contents", []) if part in row["Key"]]


def credentials(user: str) -> dict[str, str]:
    return {"AWS_ACCESS_KEY_ID": user, "AWS_SECRET_ACCESS_KEY": SECRETS[user]}


@pytest.fixture(scope="module")
def town(make_machine, s3, tmp_path_factory: pytest.TempPathFactory) -> Town:
    s3.make_bucket(BUCKET, versioning=True)
    for user, secret in SECRETS.items():
        s3.make_user(user, secret)
    folder = tmp_path_factory.mktemp("town")
    owner = {"AWS_ACCESS_KEY_ID": s3.access_key_id, "AWS_SECRET_ACCESS_KEY": s3.secret_access_key}
    place = {
        "LIFEBOAT_REPOSITORY": f"s3://{BUCKET}/{PREFIX}",
        "AWS_ENDPOINT_URL": s3.endpoint_url,
        "AWS_REGION": s3.region,
    }
    host = make_machine(folder / "host", **place, **owner, LIFEBOAT_LABEL="shop-1")
    fill_some(host.collections)
    grow_some(host.uploads)
    host.run("init", "--guarded", "--yes")
    del host.variables["BACKUP_ENCRYPTION_KEY"]
    keeper = host.elsewhere(
        folder / "keeper", **credentials("keeper"), BACKUP_ENCRYPTION_KEY=KEY, LIFEBOAT_LABEL=None, UPLOADS_DIR=None
    )
    ci = host.elsewhere(folder / "ci", **credentials("ci"), LIFEBOAT_LABEL=None, UPLOADS_DIR=None, MONGODB_URI=None)
    for machine, gone in (
        (keeper, ("LIFEBOAT_LABEL", "UPLOADS_DIR")),
        (ci, ("LIFEBOAT_LABEL", "UPLOADS_DIR", "MONGODB_URI")),
    ):
        for name in gone:
            machine.variables.pop(name, None)
    made = Town(host, keeper, ci, s3)
    made.allow("host", host.json("aws", "policy", "writer"))
    made.allow("keeper", host.json("aws", "policy", "keeper"))
    made.allow("ci", host.json("aws", "policy", "custodian"))
    host.variables |= credentials("host")
    key = ci.folder / "ci.key"
    keeper.run("writer", "add", "ci", "--custodian", "--to", str(key))
    ci.variables["LIFEBOAT_KEY_FILE"] = str(key)
    host.run("backup", "all")
    return made


def denied(attempt: Any) -> bool:
    try:
        attempt()
    except ClientError as error:
        return error.response["Error"]["Code"] in ("AccessDenied", "403")
    return False


def rights(machine: Machine) -> list[tuple[str, str]]:
    """What doctor has to say about rights: its own checks of them, and promises of the store that it was not let try."""
    found = []
    for check in json.loads(machine.ends("doctor", "--json").out)["checks"]:
        for one in check["findings"] or ():
            of_rights = check["check"] in ("rights-store", "rescue-kit", "repository", "custodians")
            if one["level"] != "ok" and (of_rights or "could not be tried" in one["message"]):
                found.append((one["code"], one["message"]))
    return found


def test_the_host_does_its_every_day_with_a_writers_rights(town: Town) -> None:
    (town.host.uploads / "new.bin").write_bytes(os.urandom(50_000))
    report = town.host.json("backup", "all")
    files = next(one for one in report["snapshots"] if one["source"] == "files")
    assert files["complete"] and files["new_bytes"] < 200_000
    town.host.run("verify", "--level", "age")
    assert town.host.json("status")["stored_bytes"] is None
    assert len(town.host.snapshots("files")) >= 2
    assert rights(town.host) == []


def test_what_a_writer_may_not_it_says_and_where_it_can_be_done(town: Town, tmp_path: Path) -> None:
    said = town.host.refuses(12, "storage-denied", "verify", "--level", "structure")
    assert "s3:ListBucket" in said and "keeper" in said
    town.host.refuses(11, "key-missing", "restore", "files", "latest", "--to", str(tmp_path / "stolen"))
    said = town.host.refuses(11, "key-missing", "backup", "files", "--new-generation")
    assert "lifeboat writer add shop-1 --new --to FILE" in said


def test_a_thief_of_the_host_can_neither_read_nor_destroy(town: Town) -> None:
    thief = town.as_user("host")
    stored = [
        *town.names("/pack/"),
        *town.names("/keys/"),
        *town.names("/snapshot-"),
        *town.names("config/repository-"),
    ]
    assert len(stored) > 6
    for key in stored:
        assert denied(lambda key=key: thief.delete_object(Bucket=BUCKET, Key=key)), key
    for key in (*town.names("/pack/"), *town.names("/keys/")):
        assert denied(lambda key=key: thief.get_object(Bucket=BUCKET, Key=key)), key
    for name in ("config/writer-x.json", "config/repository-x.json", f"catalog/{'f' * 32}/2026-11/forget-x"):
        assert denied(lambda name=name: thief.put_object(Bucket=BUCKET, Key=f"{PREFIX}/{name}", Body=b"forged")), name


@pytest.mark.long
def test_the_keeper_restores_proves_and_deletes_nothing(town: Town, tmp_path: Path) -> None:
    assert rights(town.keeper) == []
    town.keeper.run("verify", "--level", "full")
    town.keeper.run("restore", "files", "latest", "--to", str(tmp_path / "files"))
    assert tree_differences(town.host.uploads, tmp_path / "files") == ""
    before = read_database(town.host.client, town.host.database)
    lose_database(town.host.client, town.host.database)
    town.keeper.run("restore", "db", "latest", "--over-live", "--yes")
    assert read_database(town.host.client, town.host.database) == before
    key = town.names("/snapshot-")[0]
    assert denied(lambda: town.as_user("keeper").delete_object(Bucket=BUCKET, Key=key))
    # The safety snapshot was taken under a writer of the keeper's own.
    writers = town.keeper.json("writer", "list")["writers"]
    assert [one["name"] == "shop-1" for one in writers if one["this_machine"] and one["kind"] == "writer"] == [False]


@pytest.mark.long
def test_the_host_archives_every_change_and_the_keeper_restores_any_moment(town: Town) -> None:
    """With put alone on the archive, and without the key; killed in between."""
    cases = town.host.collections["cases"]
    town.host.run("stream", "--once")
    stream = town.host.start("stream", "--every", "1")
    for number in range(30):
        cases.update_one({"_id": number}, {"$set": {"archived": number}})
        time.sleep(0.1)
    stream.kill()
    stream.communicate()
    before = read_database(town.host.client, town.host.database, accounts=False)
    town.host.run("stream", "--once")
    cases.drop()
    town.host.run("stream", "--once")
    assert town.names("mongodb/oplog/")
    said = town.keeper.json("timeline", "--suspects")
    dropped = [
        one for one in said["suspects"] if one["kind"] == "drop" and any("cases" in name for name in one["namespaces"])
    ]
    drop = max(dropped, key=lambda one: tuple(map(int, one["op"].split("."))))  # others dropped it before
    town.keeper.run("restore", "db", "--before-op", drop["op"], "--over-live", "--yes")
    assert read_database(town.host.client, town.host.database, accounts=False) == before


@pytest.mark.long
def test_the_custodian_sees_every_snapshot_and_opens_none(town: Town, tmp_path: Path) -> None:
    assert rights(town.ci) == []
    assert {one["snapshot"] for one in town.host.snapshots()} <= {one["snapshot"] for one in town.ci.snapshots()}
    town.ci.run("verify", "--level", "structure")
    town.ci.run("prune", "--dry-run")
    town.ci.run("prune", "--yes")
    town.host.refuses(11, "key-missing", "prune", "--yes")
    carried = town.ci.json("carry-forward")
    assert carried["rows"] and carried["packs"] == 0 and "us-east-1" in carried["prices"]
    assert {one["why"] for one in carried["rows"]} <= {
        "its first backup of this month is stored already",
        "too little to be worth it",
    }
    town.host.refuses(11, "key-missing", "carry-forward")
    said = town.ci.refuses(11, "only-a-custodian", "restore", "files", "latest", "--to", str(tmp_path / "x"))
    assert "prunes snapshots" in said
    town.ci.refuses(11, "only-a-custodian", "snapshots", "latest")
    ours = town.as_user("ci")
    for key in (*town.names("/oplog/"), *town.names("/pack/")[:3]):
        assert denied(lambda key=key: ours.put_object(Bucket=BUCKET, Key=f"{key}0", Body=b"forged")), key
    assert denied(lambda: ours.put_object(Bucket=BUCKET, Key=f"{PREFIX}/catalog/x/2026-11/proof-x", Body=b"forged"))


@pytest.mark.long
def test_a_host_that_lost_its_memory_goes_on_and_one_that_lost_all_comes_back_by_a_file(town: Town) -> None:
    state = next(town.host.folder.glob(".local/state/lifeboat/*"))
    for file in state.iterdir():
        if file.name not in ("writer.json", "pins.json"):
            file.unlink()
    again = town.host.json("backup", "all")
    assert all(one["new_bytes"] < 300_000 for one in again["snapshots"]), again

    shutil.rmtree(state)
    said = town.host.refuses(11, "writer-unknown", "backup", "all")
    assert "lifeboat writer add shop-1 --again --to FILE" in said
    town.keeper.run("writer", "add", "shop-1", "--again", "--to", "shop-1.writer")
    file = shutil.move(town.keeper.folder / "shop-1.writer", town.host.folder)
    assert "destroy the file" in town.host.run("init", "--writer", str(file))
    Path(file).unlink()
    back = town.host.json("backup", "all")
    assert all(one["new_bytes"] < 20_000 for one in back["snapshots"]), back
    report = town.keeper.json("verify", "--level", "structure")
    assert [one for one in report["findings"] if one["level"] == "problem"] == []


@pytest.mark.long
def test_a_new_generation_without_a_key_is_a_new_writer_and_stores_everything_anew(town: Town) -> None:
    town.keeper.run("writer", "add", "shop-1", "--new", "--to", "new.writer")
    policy = town.keeper.json("aws", "policy", "writer", "shop-1")
    town.host.run("init", "--writer", str(town.keeper.folder / "new.writer"))
    # The rights go with the writer: those of the old one do not do, and that is said.
    assert "s3:" in town.host.refuses(12, "storage-denied", "backup", "files")
    town.allow("host", policy)
    anew = town.host.json("backup", "files")["snapshots"][0]
    assert anew["new_bytes"] > 3_000_000  # the large file is there once more
    assert rights(town.host) == []
    assert town.ci.json("snapshots")["snapshots"][0]["snapshot"] == anew["snapshot"]


def test_rights_that_are_too_wide_are_told_plainly(town: Town) -> None:
    wide = {
        "Statement": [
            {"Effect": "Allow", "Action": "s3:*", "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]}
        ]
    }
    town.allow("host", wide)
    found = json.loads(town.host.ends("doctor", "--json").out)["findings"]
    told = {one["code"]: one for one in found}
    assert "this machine can delete backups" in told["can-delete"]["message"]
    assert "list everything" in told["rights-wider"]["message"]
