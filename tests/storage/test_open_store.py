"""Words that name a place, and the words that do not."""

import subprocess
import sys

import pytest

from lifeboat.foundation.errors import SettingsError
from lifeboat.storage.errors import BucketMissing
from lifeboat.storage.open_store import open_store


@pytest.mark.parametrize("form", ["{}", "file://{}", "file://localhost{}", "FILE://{}"])
def test_a_path_and_a_file_address_name_the_same_directory(tmp_path, clock, form):
    folder = tmp_path / "my backup"
    folder.mkdir()
    location = form.format(folder if form == "{}" else str(folder).replace(" ", "%20"))
    assert open_store(location, clock=clock).describe() == str(folder)


def test_a_directory_is_made_only_when_asked(tmp_path, clock):
    with pytest.raises(BucketMissing):
        open_store(str(tmp_path / "new"), clock=clock)
    open_store(str(tmp_path / "new"), clock=clock, create=True).write("a", b"1")
    assert open_store(str(tmp_path / "new"), clock=clock).read("a") == b"1"


@pytest.mark.parametrize(
    ("location", "described"),
    [
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/", "s3://bucket"),
        ("s3://bucket/a/b/", "s3://bucket/a/b"),
        ("S3://bucket/a", "s3://bucket/a"),
    ],
)
def test_a_bucket_and_its_prefix_are_understood_and_nothing_is_asked_of_the_network(clock, location, described):
    assert open_store(location, clock=clock, region="eu-west-1").describe() == described


@pytest.mark.parametrize(
    "location", ["", "  ", "s3://", "s3:///x", "s3://b/../c", "s3://b/a//c", "s3://b/ä", "http://x/y", "file://host/x"]
)
def test_what_names_no_place_is_refused_with_a_hint(clock, location):
    with pytest.raises(SettingsError) as refusal:
        open_store(location, clock=clock)
    assert refusal.value.hint


def test_an_address_that_holds_a_password_is_refused_without_showing_it(clock):
    with pytest.raises(SettingsError) as refusal:
        open_store("s3://bucket", clock=clock, region="x", endpoint_url="https://me:hunter2@store.example")
    assert "hunter2" not in refusal.value.message + refusal.value.hint


def test_an_endpoint_that_is_no_address_is_refused_as_a_setting(clock):
    with pytest.raises(SettingsError):
        open_store("s3://bucket", clock=clock, region="x", endpoint_url="not an address")


def test_starting_with_a_directory_does_not_pay_for_s3():
    script = "import sys, lifeboat.storage.open_store, lifeboat.storage.conformance; print('boto3' in sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
    )
    assert said.stdout.strip() == "False"
