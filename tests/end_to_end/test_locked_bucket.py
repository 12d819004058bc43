"""The worst day, in a bucket with Object Lock: a thief with all rights deletes every object and every version that he can, and all comes back."""

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from machine import Machine, fill_some, grow_some, lose_database, lose_tree, read_database, tree_differences

BUCKET, PREFIX = "locked-town", "shop"
SETTINGS = '[aws]\nobject_lock = "{}"\n'


@pytest.fixture(scope="module", params=["compliance"])
def machine(
    request: pytest.FixtureRequest, make_machine: Any, s3: Any, tmp_path_factory: pytest.TempPathFactory
) -> Machine:
    bucket = f"{BUCKET}-{request.param}"
    s3.client().create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    folder = tmp_path_factory.mktemp(request.param)
    made: Machine = make_machine(
        folder / "shop",
        LIFEBOAT_REPOSITORY=f"s3://{bucket}/{PREFIX}",
        AWS_ENDPOINT_URL=s3.endpoint_url,
        AWS_REGION=s3.region,
        AWS_ACCESS_KEY_ID=s3.access_key_id,
        AWS_SECRET_ACCESS_KEY=s3.secret_access_key,
    )
    (made.folder / "lifeboat.toml").write_text(SETTINGS.format(request.param))
    fill_some(made.collections, 60)
    grow_some(made.uploads, 5)
    made.run("init", "--yes")
    made.run("backup", "all")
    return made


def bucket_of(machine: Machine) -> str:
    return machine.variables["LIFEBOAT_REPOSITORY"].split("/")[2]


def versions(machine: Machine, s3: Any, kind: str = "Versions") -> list[dict[str, Any]]:
    pages = s3.client().get_paginator("list_object_versions").paginate(Bucket=bucket_of(machine))
    return [row for page in pages for row in page.get(kind, []) if "/config/probe/" not in row["Key"]]


def test_everything_but_scratch_is_locked_until_its_month_is_long_over(machine: Machine, s3: Any) -> None:
    mode = bucket_of(machine).rpartition("-")[2].upper()
    months = set()
    for row in versions(machine, s3):
        lock = s3.client().get_object_retention(Bucket=bucket_of(machine), Key=row["Key"], VersionId=row["VersionId"])
        assert lock["Retention"]["Mode"] == mode, row["Key"]
        until = lock["Retention"]["RetainUntilDate"]
        assert 35 <= (until - row["LastModified"]).days <= 66, row["Key"]
        months.add(until)
    assert len(months) == 1


def test_a_thief_with_all_rights_removes_nothing_and_undelete_brings_all_of_it_back(
    machine: Machine, s3: Any, tmp_path: Path
) -> None:
    thief, bucket = s3.client(), bucket_of(machine)
    before = {(row["Key"], row["VersionId"]) for row in versions(machine, s3)}
    documents = read_database(machine.client, machine.database)
    for key, version in before:
        thief.delete_object(Bucket=bucket, Key=key)
        with pytest.raises(ClientError, match="object lock"):
            thief.delete_object(Bucket=bucket, Key=key, VersionId=version)
    description = [key for key, _ in before if "/config/repository-" in key]
    for key in [key for key, _ in sorted(before) if key not in description][:5]:
        thief.put_object(Bucket=bucket, Key=key, Body=b"garbage")
    machine.refuses(10, "no-repository", "snapshots")
    for key in description:
        thief.put_object(Bucket=bucket, Key=key, Body=b"garbage")
    machine.refuses(14, "object-damaged", "snapshots")
    lose_database(machine.client, machine.database)
    kept = machine.folder / "kept"
    machine.uploads.rename(kept)

    report = machine.json("aws", "undelete", "--yes")
    assert report["brought_back"] == report["objects"] >= len({key for key, _ in before})
    found = machine.json("verify", "--level", "full", code=0)
    assert [one for one in found["findings"] if one["level"] == "problem"] == []
    machine.run("restore", "db", "latest", "--over-live", "--yes")
    assert read_database(machine.client, machine.database) == documents
    machine.run("restore", "files", "latest", "--to", str(tmp_path / "uploads"))
    assert tree_differences(kept, tmp_path / "uploads") == ""
    lose_tree(kept)


def test_backups_go_on_afterwards_and_the_locks_of_the_description_are_prolonged_once(
    machine: Machine, s3: Any
) -> None:
    machine.uploads.mkdir(exist_ok=True)
    report = machine.json("backup", "files")
    assert "locks-not-prolonged" not in [one["code"] for one in report["findings"]]
    [state] = machine.folder.glob(".local/state/lifeboat/*/locks.json")
    before = state.stat().st_mtime_ns
    machine.run("backup", "files")
    assert state.stat().st_mtime_ns == before


def test_a_bucket_without_object_lock_is_refused_before_anything_is_stored(
    machine: Machine, s3: Any, tmp_path: Path
) -> None:
    s3.make_bucket("not-locked-" + bucket_of(machine), versioning=True)
    other = machine.elsewhere(tmp_path / "other", LIFEBOAT_REPOSITORY=f"s3://not-locked-{bucket_of(machine)}/x")
    (other.folder / "lifeboat.toml").write_text(SETTINGS.format("governance"))
    said = other.refuses(12, "lock-not-offered", "init", "--yes")
    assert "lifeboat aws setup" in said
