"""``aws undelete``: after somebody deleted or overwrote everything, what was stored is there again, byte for byte, and nothing else is."""

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
from aws_desk import BUCKET, AwsDesk
from moto_aws import MotoAws

from lifeboat.app.build import build_store
from lifeboat.app.read_settings import read_settings
from lifeboat.cloud.policies import Place, role_policy
from lifeboat.foundation.clock import SystemClock
from lifeboat.repository.roles import Role
from lifeboat.storage.conformance.hooks import unwrapped

KEY = "5e" * 32


@pytest.fixture(scope="module")
def made(aws_server: MotoAws, tmp_path_factory: pytest.TempPathFactory) -> tuple[AwsDesk, dict[str, bytes]]:
    """A machine with a repository that holds a snapshot of some files, and all that lies in its bucket."""
    folder = tmp_path_factory.mktemp("desk")
    aws_server.clear()
    aws_server.make_bucket(BUCKET)
    (folder / "uploads").mkdir()
    for number in range(3):
        (folder / "uploads" / f"{number}.txt").write_text(f"contract {number} " * 900)
    desk = AwsDesk(folder, aws_server, more={"UPLOADS_DIR": str(folder / "uploads"), "BACKUP_ENCRYPTION_KEY": KEY})
    desk("init", "--yes", status=0)
    desk("backup", "files", status=0)
    return desk, stored(aws_server)


@pytest.fixture
def desk(made: tuple[AwsDesk, dict[str, bytes]], aws: MotoAws) -> AwsDesk:
    """The same machine, with a fresh bucket of the same content."""
    desk, content = made
    aws.make_bucket(BUCKET)
    for name, raw in content.items():
        aws.client("s3").put_object(Bucket=BUCKET, Key=name, Body=raw, ChecksumAlgorithm="SHA256")
    return AwsDesk(desk.folder, aws, more=dict(desk.more))


def stored(aws: MotoAws) -> dict[str, bytes]:
    """All but scratch, and what is noted of acts: undelete is one."""
    s3 = aws.client("s3")
    names = [row["Key"] for row in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]
    wanted = [name for name in names if "/probe/" not in name and "/audit-" not in name]
    return {name: s3.get_object(Bucket=BUCKET, Key=name)["Body"].read() for name in wanted}


def delete_all(aws: MotoAws) -> None:
    s3 = aws.client("s3")
    for row in s3.list_objects_v2(Bucket=BUCKET)["Contents"]:
        s3.delete_object(Bucket=BUCKET, Key=row["Key"])


def restored(desk: AwsDesk, folder: str) -> bool:
    back = desk.folder / folder
    desk("restore", "files", "latest", "--to", str(back), status=0)
    names = [f"{number}.txt" for number in range(3)]
    return all((back / one).read_bytes() == (desk.folder / "uploads" / one).read_bytes() for one in names)


def undelete(desk: AwsDesk, *more: str, status: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(desk("aws", "undelete", *more, "--json", status=status))
    return found


def test_after_a_thief_deleted_everything_all_of_it_comes_back(desk: AwsDesk, aws: MotoAws) -> None:
    before = stored(aws)
    assert "nothing was deleted" in desk("aws", "undelete", "--dry-run", status=0)
    delete_all(aws)
    for name in before:
        aws.client("s3").delete_object(Bucket=BUCKET, Key=name)  # a second marker on each
    assert "there is no repository" in desk("snapshots", status=10)
    assert f"{len(before)} objects can be brought back" in desk("aws", "undelete", "--dry-run", status=0)
    assert stored(aws) == {}, "a dry run changes nothing"
    report = undelete(desk, "--yes")
    assert (report["brought_back"] >= len(before), report["by_copy"]) == (True, 0)
    assert stored(aws) == before and restored(desk, "back")
    assert undelete(desk, "--yes")["objects"] == 0


def test_what_was_overwritten_comes_back_and_the_bytes_written_over_it_do_not(desk: AwsDesk, aws: MotoAws) -> None:
    before = stored(aws)
    s3 = aws.client("s3")
    for number, name in enumerate(before):
        s3.put_object(Bucket=BUCKET, Key=name, Body=b"worthless")
        if number % 3 == 0:
            s3.delete_object(Bucket=BUCKET, Key=name)
        if number % 3 == 1:
            s3.put_object(Bucket=BUCKET, Key=name, Body=b"x" * len(before[name]))
    report = undelete(desk, "--yes")
    assert report["brought_back"] == len(before) == report["by_copy"]
    assert stored(aws) == before and restored(desk, "after overwriting")


def test_with_a_keepers_rights_it_copies_and_with_a_writers_it_says_what_is_missing(
    desk: AwsDesk, aws: MotoAws
) -> None:
    before = stored(aws)
    keeper = aws.make_user("keeper", role_policy(Role.KEEPER, Place(BUCKET)))
    writer = aws.make_user("writer", role_policy(Role.WRITER, Place(BUCKET), "ab" * 16))
    delete_all(aws)
    aws.enforce()
    desk.keys = writer
    assert "s3:ListBucketVersions" in desk("aws", "undelete", "--yes", status=12)
    desk.keys = keeper
    report = undelete(desk, "--yes")
    assert report["brought_back"] == report["by_copy"] == len(before)
    aws.allow_everything()
    assert stored(aws) == before


def test_what_is_gone_for_good_is_named_and_the_rest_comes_back(desk: AwsDesk, aws: MotoAws) -> None:
    before = stored(aws)
    delete_all(aws)
    s3 = aws.client("s3")
    pack = next(name for name in before if name.startswith("files/pack/"))
    for row in s3.list_object_versions(Bucket=BUCKET, Prefix=pack)["Versions"]:
        s3.delete_object(Bucket=BUCKET, Key=pack, VersionId=row["VersionId"])
    report = undelete(desk, "--yes")
    assert [(one["code"], one["subject"]) for one in report["findings"]] == [("version-gone", pack)]
    assert stored(aws) == {name: raw for name, raw in before.items() if name != pack}


def test_what_was_deleted_before_a_time_stays_deleted(desk: AwsDesk, aws: MotoAws) -> None:
    delete_all(aws)
    assert undelete(desk, "--since", "1 minute ago", "--dry-run")["objects"] == len(hidden_names(aws))
    time.sleep(2.1)
    assert undelete(desk, "--dry-run", "--since", "1 second ago")["objects"] == 0


def hidden_names(aws: MotoAws) -> set[str]:
    markers = aws.client("s3").list_object_versions(Bucket=BUCKET)["DeleteMarkers"]
    return {one["Key"] for one in markers}


def test_a_folder_and_nobody_to_ask_are_refused_with_a_sentence(desk: AwsDesk, tmp_path: Path) -> None:
    assert "nobody is here to be asked" in desk("aws", "undelete", status=2)
    desk.where = str(tmp_path / "folder")
    assert "is a folder" in desk("aws", "undelete", "--dry-run", status=10)


def test_hundreds_of_versions_of_one_name_are_seen_over_the_ends_of_pages(desk: AwsDesk, aws: MotoAws) -> None:
    s3, body = aws.client("s3"), b"the right one"
    name = f"keys/2026-11/{hashlib.sha256(body).hexdigest()}"
    s3.put_object(Bucket=BUCKET, Key=name, Body=body)
    for number in range(30):
        s3.put_object(Bucket=BUCKET, Key=name, Body=b"wrong %d" % number)
    variables = {**aws.environment(), "LIFEBOAT_REPOSITORY": desk.where, "LIFEBOAT_STATE": str(desk.folder / "state")}
    place: Any = unwrapped(build_store(read_settings(None, variables, desk.folder), SystemClock()))
    listing = place._client.list_object_versions
    place._client.list_object_versions = lambda **words: listing(**words, MaxKeys=7)
    found = {one.name: one for one in place.versions_under("")}
    assert len(found[name].versions) == 31
    assert undelete(desk, "--yes")["brought_back"] == 1
    assert s3.get_object(Bucket=BUCKET, Key=name)["Body"].read() == body


def test_where_markers_may_be_removed_no_version_is_added_and_none_removed(aws: MotoAws, desk: AwsDesk) -> None:
    s3 = aws.client("s3")

    def versions() -> set[tuple[str, str]]:
        rows = s3.list_object_versions(Bucket=BUCKET)["Versions"]
        return {(one["Key"], one["VersionId"]) for one in rows if "/audit-" not in one["Key"]}

    before = versions()
    delete_all(aws)
    undelete(desk, "--yes")
    assert versions() == before
