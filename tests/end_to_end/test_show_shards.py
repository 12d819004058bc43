"""One verification by four processes on a real S3 server, of which some are killed at random: complete, right, and damage named once."""

import os
import random
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from drawn import drawn_seed
from machine import KEY, Machine, tree_differences
from shard_engine import run_shards
from versitygw import RunningS3

MB = 1_000_000


def a_host(folder: Path, s3: RunningS3, bucket: str, megabytes: int) -> Machine:
    s3.make_bucket(bucket)
    uploads = folder / "uploads"
    uploads.mkdir(parents=True)
    for number in range(megabytes // 4):
        (uploads / f"video{number}.mp4").write_bytes(os.urandom(4 * MB))
    variables = {
        "UPLOADS_DIR": str(uploads),
        "BACKUP_ENCRYPTION_KEY": KEY,
        "LIFEBOAT_REPOSITORY": f"s3://{bucket}",
        "AWS_ENDPOINT_URL": s3.endpoint_url,
        "AWS_ACCESS_KEY_ID": s3.access_key_id,
        "AWS_SECRET_ACCESS_KEY": s3.secret_access_key,
        "AWS_REGION": s3.region,
        "LIFEBOAT_STATE": str(folder / "state"),
    }
    machine = Machine(folder, variables, None, "")  # type: ignore[arg-type]
    machine.run("init", "--yes")
    machine.run("backup", "files")
    return machine


def four_verify(machine: Machine, run: str, chance: random.Random, kills: int) -> Any:
    """Four processes, some killed and started again, as an engine does; returns the report of the last one."""

    state, known = Path(machine.variables["LIFEBOAT_STATE"]), len(list(machine.folder.rglob("0.lock")))

    def start(number: int) -> "Popen[str]":
        words = ("verify", "--level", "full", "--shard", f"{number}/4", "--shard-wait", "3min", "--json")
        return machine.start(*words, LIFEBOAT_SHARD_RUN=run)

    def reads(number: int) -> bool:
        return len(list(state.rglob(f"{number}.lock"))) > known

    ended = run_shards(start, 4, chance, kills, is_at_work=reads)
    print(f"killed: {ended.killed}")
    assert len(ended.killed) == kills
    assert [ended.codes[number] for number in range(3)] == [0, 0, 0]
    assert all(ended.reports[number]["task"] == "verify" for number in range(3))
    return ended.reports[3]


@pytest.mark.long
@pytest.mark.parametrize("megabytes, kills", [(80, 2), (800, 8)])
def test_a_verification_by_four_of_which_some_are_killed_is_complete_and_right(
    s3: RunningS3, tmp_path: Path, megabytes: int, kills: int
) -> None:
    chance = random.Random(drawn_seed())
    bucket = f"shards{megabytes}"
    machine = a_host(tmp_path / "host", s3, bucket, megabytes)
    whole = four_verify(machine, "whole", chance, kills)
    assert [one for one in whole["findings"] if one["level"] == "problem"] == []
    assert len(whole["proved"]) == 1, "all of it was opened, whoever opened it"

    client = s3.client()
    packs = [one["Key"] for one in client.list_objects_v2(Bucket=bucket, Prefix="files/pack/")["Contents"]]
    victim = chance.choice(packs)
    raw = bytearray(client.get_object(Bucket=bucket, Key=victim)["Body"].read())
    raw[chance.randrange(200, len(raw) - 40)] ^= 1
    client.delete_object(Bucket=bucket, Key=victim)
    client.put_object(Bucket=bucket, Key=victim, Body=bytes(raw))

    four = four_verify(machine, "harmed", chance, kills)
    one = machine.json("verify", "--level", "full", code=3)
    named = [finding for finding in four["findings"] if finding["code"] == "pack-damaged"]
    assert [finding["subject"] for finding in named] == [victim]
    assert four["findings"] == one["findings"]
    assert (four["chunks"], four["rotation"]["checked_packs"]) == (one["chunks"], len(packs))
    runs = machine.json("verify", "--level", "full", "--shard", "3/4", "--shard-run", "harmed", code=3)
    assert runs["findings"] == four["findings"], "started once more it says what it found then"


@pytest.mark.long
def test_a_second_copy_by_four_of_which_some_are_killed_is_whole(s3: RunningS3, tmp_path: Path) -> None:
    chance = random.Random(drawn_seed())
    machine = a_host(tmp_path / "host", s3, "shards-replicated", 120)
    copy = tmp_path / "copy"

    def start(number: int) -> "Popen[str]":
        return machine.start("replicate", str(copy), "--shard", f"{number}/4", "--shard-run", "first", "--json")

    ended = run_shards(start, 4, chance, 3, is_at_work=lambda number: any(copy.rglob("*")))
    report = ended.reports[3]["replicas"][0]
    here = {one["Key"] for one in s3.client().list_objects_v2(Bucket="shards-replicated")["Contents"]}
    there = {str(one.relative_to(copy)) for one in copy.rglob("*") if one.is_file()}
    kinds = ("/pack/", "keys/", "/snapshot-", "/index-", "/link-")  # what the run notes of itself comes after it
    assert {name for name in here if any(one in name for one in kinds)} <= there
    assert report["missing_objects"] == 0 and ended.codes == dict.fromkeys(range(4), 0)
    assert len(machine.json("verify", "--level", "full", LIFEBOAT_REPOSITORY=str(copy))["proved"]) <= 1
    (tmp_path / "back").mkdir()
    machine.run("restore", "files", "latest", "--to", str(tmp_path / "back" / "up"), LIFEBOAT_REPOSITORY=str(copy))
    assert tree_differences(machine.uploads, next((tmp_path / "back").rglob("video0.mp4")).parent) == ""
