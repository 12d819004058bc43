"""``aws setup`` where the server is not Amazon's: what it offers is arranged, what it does not is told, and whose a bucket is counts there, too."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import versitygw
from aws_desk import BUCKET, AwsDesk
from versitygw import RunningS3


@pytest.fixture(scope="module")
def server() -> Iterator[RunningS3]:
    with versitygw.versitygw_for_tests() as running:
        yield running


def desk_at(server: RunningS3, folder: Path, keys: tuple[str, str] | None = None, **said: Any) -> AwsDesk:
    owner = (server.access_key_id, server.secret_access_key)

    def environment(given: tuple[str, str]) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": server.endpoint_url,
            "AWS_ACCESS_KEY_ID": given[0],
            "AWS_SECRET_ACCESS_KEY": given[1],
        }

    return AwsDesk(folder, SimpleNamespace(environment=environment), keys=keys or owner, region=server.region, **said)  # type: ignore[arg-type]


def test_what_is_offered_is_set_and_what_is_not_is_told(server: RunningS3, tmp_path: Path) -> None:
    desk = desk_at(server, tmp_path, settings='[aws]\nobject_lock = "governance"\n')
    first = desk.steps("aws", "setup", "--yes", status=3)
    states = {name: one["state"] for name, one in first.items()}
    assert states["bucket"] == states["tags"] == "changed"
    assert {states[one] for one in ("public-access", "encryption", "policy", "log-bucket")} == {"not-offered"}
    assert states["access-log"] == "waits"
    s3 = server.client()
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    lock = s3.get_object_lock_configuration(Bucket=BUCKET)["ObjectLockConfiguration"]
    assert lock["ObjectLockEnabled"] == "Enabled"
    assert [one["Name"] for one in s3.list_buckets()["Buckets"]] == [BUCKET]
    again = desk("aws", "setup", "--yes", status=3)
    assert "nothing was to be changed" in again and "not offered here" in again


def test_a_bucket_of_another_account_is_refused(server: RunningS3, tmp_path: Path) -> None:
    server.make_bucket("of-the-owner")
    server.make_user("joe", "joes-secret-of-length")
    joe = desk_at(server, tmp_path, keys=("joe", "joes-secret-of-length"), where="s3://of-the-owner")
    assert "[bucket-of-others]" in joe("aws", "setup", "--yes", status=12)
    # The account that the settings name goes with every request, and this server holds to it.
    wrong = desk_at(server, tmp_path, where="s3://of-the-owner", settings='[aws]\naccount = "111122223333"\n')
    assert "of-the-owner" in wrong("aws", "setup", "--yes", status=12)
    assert not server.client().get_bucket_versioning(Bucket="of-the-owner").get("Status")


def test_json_keeps_its_form_where_nothing_is_offered(server: RunningS3, tmp_path: Path) -> None:
    report = json.loads(desk_at(server, tmp_path, where="s3://not-there-yet")("aws", "check", "--json", status=3))
    assert report["action"] == "check" and report["to_change"] >= 3
