"""``[[replica]]``: what it takes from the repository, what it refuses, and that it never stops a backup."""

from pathlib import Path

import pytest

from lifeboat.app.read_replicas import as_replica, replicas_meant
from lifeboat.app.read_settings import read_settings
from lifeboat.app.settings import S3Location, Settings
from lifeboat.foundation.errors import LifeboatError, SettingsError
from lifeboat.operations.replicate.errors import ReplicaIsTheSource, ReplicaUnknown

ON_S3 = {
    "LIFEBOAT_REPOSITORY": "s3://first-bucket/shop",
    "AWS_REGION": "eu-central-1",
    "AWS_ENDPOINT_URL": "https://s3.first.example",
    "AWS_ACCESS_KEY_ID": "first-id",
    "AWS_SECRET_ACCESS_KEY": "first-secret",
}


def settings(folder: Path, toml: str, **variables: str) -> Settings:
    (folder / "lifeboat.toml").write_text(toml)
    return read_settings(None, {"HOME": str(folder), **variables}, folder)


def test_what_is_left_out_is_as_for_the_repository(tmp_path: Path) -> None:
    found = settings(tmp_path, '[[replica]]\nname = "two"\nlocation = "s3://second-bucket/shop"\n', **ON_S3)

    place = found.replicas[0].place
    assert place.location == S3Location("second-bucket", "shop")
    assert (place.endpoint_url, place.region) == ("https://s3.first.example", "eu-central-1")
    assert place.secret_access_key is not None and place.secret_access_key.reveal() == "first-secret"


def test_what_is_said_wins_and_is_hidden(tmp_path: Path) -> None:
    toml = """
[[replica]]
name = "two"
location = "s3://second-bucket"
endpoint = "aws"
region = "me-south-1"
access_key_id = "env:SECOND_ID"
secret_access_key = "env:SECOND_SECRET"

[[replica]]
name = "disk"
location = "copies"
follow_prune = true
"""
    found = settings(tmp_path, toml, SECOND_ID="second-id", SECOND_SECRET="second-secret", **ON_S3)

    two, disk = found.replicas
    assert two.place.endpoint_url == "https://s3.me-south-1.amazonaws.com" and not two.follow_prune
    assert disk.place.location == tmp_path / "copies" and disk.follow_prune
    assert {"second-secret", "second-id", "first-secret"} <= set(found.hidden_texts())
    assert "second-secret" not in repr(found)
    there = as_replica(found, "two", tmp_path)
    assert (there.repository, there.as_replica) == (two.place, "two")
    assert "first-secret" in found.hidden_texts() and "second-secret" in there.hidden_texts()


def test_a_machine_without_the_replicas_keys_does_all_but_replicate(tmp_path: Path) -> None:
    toml = '[[replica]]\nname = "two"\nlocation = "s3://second-bucket"\naccess_key_id = "env:NO_ID"\nsecret_access_key = "env:NO_SECRET"\n'
    found = settings(tmp_path, toml, **ON_S3)

    assert found.repository.location == S3Location("first-bucket", "shop")
    with pytest.raises(SettingsError, match="NO_ID"):
        replicas_meant(found, [], tmp_path)


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('[[replica]]\nname = "a b"\nlocation = "/x"\n', "line 2: replica.name"),
        ('[[replica]]\nlocation = "/x"\n', "replica.name"),
        ('[[replica]]\nname = "a"\nlocation = "/x"\nregoin = "x"\n', "line 4: replica.regoin is not a setting"),
        ('[[replica]]\nname = "a"\nlocation = "ftp://x"\n', "replica.location of a"),
        ('[[replica]]\nname = "a"\nlocation = "/x"\n[[replica]]\nname = "a"\nlocation = "/y"\n', "two replicas"),
        ('[[replica]]\nname = "a"\nlocation = "/x"\naccess_key_id = "env:A"\n', "one half"),
        ('[[replica]]\nname = "a"\nlocation = "/x"\nsecret_access_key = "hunter2"\n', "secret in the clear"),
    ],
)
def test_a_mistake_is_named_where_it_stands(tmp_path: Path, toml: str, said: str) -> None:
    with pytest.raises(LifeboatError) as raised:
        settings(tmp_path, toml, **ON_S3)
    assert said in raised.value.message and raised.value.hint
    assert "hunter2" not in f"{raised.value.message} {raised.value.hint}"


def test_a_misspelt_setting_is_asked_about(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        settings(tmp_path, '[[replica]]\nname = "a"\nlocation = "/x"\nregoin = "x"\n', **ON_S3)
    assert "did you mean region?" in raised.value.hint


@pytest.mark.parametrize(
    ("place", "refused"),
    [
        ("s3://first-bucket/shop", True),
        ("s3://first-bucket", True),
        ("s3://first-bucket/shop/copies", True),
        ("s3://first-bucket/shop-2", False),
        ("s3://second-bucket/shop", False),
        ("/somewhere/else", False),
    ],
)
def test_one_place_does_not_lie_in_the_other(tmp_path: Path, place: str, refused: bool) -> None:
    found = settings(tmp_path, "", **ON_S3)
    if refused:
        with pytest.raises(ReplicaIsTheSource):
            replicas_meant(found, [place], tmp_path)
    else:
        assert [one.name for one in replicas_meant(found, [place], tmp_path)] == [place]


def test_folders_are_told_apart_by_where_they_really_are(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "link").symlink_to("first")
    found = settings(tmp_path, "", LIFEBOAT_REPOSITORY=str(tmp_path / "first"))

    for place in ("first", "link", "link/inside", "."):
        with pytest.raises((ReplicaIsTheSource, ReplicaUnknown)):
            replicas_meant(found, [f"./{place}"], tmp_path)
    assert replicas_meant(found, ["./first-2"], tmp_path)


def test_an_unknown_name_says_which_there_are(tmp_path: Path) -> None:
    found = settings(tmp_path, '[[replica]]\nname = "riyadh"\nlocation = "/x"\n', **ON_S3)

    with pytest.raises(ReplicaUnknown) as raised:
        replicas_meant(found, ["riyad"], tmp_path)
    assert "did you mean riyadh?" in raised.value.hint
    with pytest.raises(ReplicaUnknown, match="no replica is set"):
        replicas_meant(settings(tmp_path, "", **ON_S3), [], tmp_path)
