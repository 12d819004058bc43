"""Settings: which source wins, what is refused and how it is said, and that no secret shows."""

import re
from pathlib import Path

import pytest

from lifeboat.app import build
from lifeboat.app.read_settings import read_location, read_settings
from lifeboat.app.settings import S3Location, Settings, passwords_in_uri
from lifeboat.app.settings_tables import read_span
from lifeboat.foundation.errors import LifeboatError, SettingsError

KEY = "ab" * 32


class Place:
    """A working folder with its settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {"HOME": str(folder / "home")}

    def toml(self, content: str, name: str = "lifeboat.toml") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path

    def dotenv(self, content: str) -> None:
        (self.folder / ".env").write_text(content)
        (self.folder / ".env").chmod(0o600)

    def private(self, name: str, content: str, mode: int = 0o600) -> Path:
        path = self.folder / name
        path.write_text(content)
        path.chmod(mode)
        return path

    def read(self, config: Path | None = None, **environment: str) -> Settings:
        return read_settings(config, {**self.environment, **environment}, self.folder)

    def refusal(self, **environment: str) -> LifeboatError:
        with pytest.raises(LifeboatError) as caught:
            self.read(**environment)
        assert caught.value.hint
        assert not caught.value.message.endswith(".")
        return caught.value


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return Place(tmp_path)


def test_the_missions_variables_work_as_they_stand(place: Place) -> None:
    place.dotenv(
        f"MONGODB_URI=mongodb://app:pw@db/shop\nAWS_ACCESS_KEY_ID=AKIA1\nAWS_SECRET_ACCESS_KEY=s3cret\n"
        f"AWS_REGION=us-east-1\nS3_BACKUP_BUCKET=traf3li-backups\nBACKUP_ENCRYPTION_KEY={KEY}\nUPLOADS_DIR=uploads\n"
    )
    settings = place.read()
    assert settings.need_repository() == S3Location("traf3li-backups")
    assert settings.repository.region == "us-east-1"
    assert settings.repository.secret_access_key is not None
    assert settings.repository.secret_access_key.reveal() == "s3cret"
    assert settings.need_mongodb().reveal() == "mongodb://app:pw@db/shop"
    assert settings.need_key().reveal() == KEY
    assert settings.key_from == "BACKUP_ENCRYPTION_KEY in .env, line 6"
    assert settings.need_files().paths == (place.folder / "uploads",)
    assert settings.need_config().paths == (place.folder / ".env",)


def test_the_environment_beats_dotenv_and_dotenv_beats_the_file(place: Place) -> None:
    place.toml('[repository]\nlocation = "from-toml"\n')
    assert place.read().repository.location == place.folder / "from-toml"
    place.dotenv("LIFEBOAT_REPOSITORY=from-dotenv\n")
    assert place.read().repository.location == place.folder / "from-dotenv"
    assert place.read(LIFEBOAT_REPOSITORY="/from/environment").repository.location == Path("/from/environment")


def test_a_named_repository_beats_the_bucket_wherever_each_stands(place: Place) -> None:
    place.dotenv("LIFEBOAT_REPOSITORY=s3://mine/prod/\n")
    assert place.read(S3_BACKUP_BUCKET="other-bucket").repository.location == S3Location("mine", "prod")


def test_an_empty_variable_counts_as_unset(place: Place) -> None:
    place.dotenv("MONGODB_URI=mongodb://h/d\n")
    assert place.read(MONGODB_URI="", S3_BACKUP_BUCKET=" ").need_mongodb().reveal() == "mongodb://h/d"


def test_the_older_region_variable_is_known_and_the_newer_wins(place: Place) -> None:
    assert place.read(AWS_DEFAULT_REGION="eu-west-1").repository.region == "eu-west-1"
    assert place.read(AWS_DEFAULT_REGION="eu-west-1", AWS_REGION="me-south-1").repository.region == "me-south-1"


def test_a_path_in_the_file_is_meant_from_where_the_file_lies(place: Place) -> None:
    path = place.toml('[files]\npaths = ["uploads", "/srv/more"]\n', "elsewhere/lifeboat.toml")
    assert place.read(path).files.paths == (place.folder / "elsewhere/uploads", Path("/srv/more"))


def test_every_setting_of_the_file_arrives(place: Place) -> None:
    place.toml(
        """
        [repository]
        location = "s3://bucket/a/b"
        endpoint = "http://127.0.0.1:9000"
        region = "eu"
        checksums = "when_supported"
        key = "env:MY_KEY"
        recipients = ["lifeboat-recipient-1:abc"]
        [mongodb]
        uri = "env:MY_URI"
        databases = ["shop", "crm"]
        [files]
        paths = ["/u"]
        include = ["*.pdf"]
        exclude = ["*.tmp"]
        one_filesystem = true
        [config]
        paths = ["/etc/app.conf"]
        [objectives]
        db = "15min"
        files = "1d 12h"
        config = "1w"
        [limits]
        threads = 4
        compression_level = 7
        """
    )
    settings = place.read(MY_KEY=KEY, MY_URI="mongodb://h/d")
    assert settings.repository.location == S3Location("bucket", "a/b")
    assert (settings.repository.endpoint_url, settings.repository.region) == ("http://127.0.0.1:9000", "eu")
    assert settings.repository.checksum_mode == "when_supported"
    assert settings.repository.recipients == ("lifeboat-recipient-1:abc",)
    assert settings.need_key().reveal() == KEY
    assert settings.need_mongodb().reveal() == "mongodb://h/d"
    assert settings.mongodb.databases == ("shop", "crm")
    assert settings.files.include == ("*.pdf",)
    assert settings.files.exclude == ("*.tmp",)
    assert settings.files.one_filesystem
    assert settings.config.paths == (Path("/etc/app.conf"),)
    objectives = settings.objectives
    assert (objectives.db_seconds, objectives.files_seconds, objectives.config_seconds) == (900, 129_600, 604_800)
    assert (settings.limits.threads, settings.limits.compression_level) == (4, 7)


def test_without_any_settings_each_need_says_what_to_set(place: Place) -> None:
    settings = place.read()
    for need, variable in (
        (settings.need_repository, "LIFEBOAT_REPOSITORY"),
        (settings.need_mongodb, "MONGODB_URI"),
        (settings.need_files, "UPLOADS_DIR"),
        (settings.need_config, "[config]"),
        (settings.need_key, "BACKUP_ENCRYPTION_KEY"),
    ):
        with pytest.raises(LifeboatError) as caught:
            need()
        assert variable in caught.value.hint


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[files]\n\nexclud = []", ["line 3: files.exclud is not a setting", "did you mean exclude?"]),
        ("[fils]\npaths = []", ["line 1: fils is not a setting", "did you mean files?"]),
        ("[limits]\nthreads = 0", ["line 2: limits.threads", "a whole number of at least 1 is expected"]),
        ('[limits]\nthreads = "4"', ["line 2: limits.threads", "a whole number is expected, not a text"]),
        ("[limits]\nthreads = true", ["line 2: limits.threads", "a whole number is expected, not true or false"]),
        ("[limits]\ncompression_level = 20", ["a whole number of at most 19 is expected"]),
        ("[stream]\noutage_hours = 0", ["line 2: stream.outage_hours", "a number of more than 0"]),
        ("[alerts]\ndisk_free_percent = nan", ["line 2: alerts.disk_free_percent", "a number"]),
        ("[alerts]\ndisk_free_percent = 100", ["line 2: alerts.disk_free_percent", "of less than 100"]),
        ('[files]\npaths = "/srv"', ["line 2: files.paths", "a list in brackets is expected, not a text"]),
        ("[files]\none_filesystem = 1", ["line 2: files.one_filesystem", "true or false is expected, not a number"]),
        ("files = 1", ["line 1: files cannot", "a table is expected, not a number"]),
        ('[objectives]\ndb = "soon"', ["line 2: objectives.db", '"1h"']),
        ("[objectives]\ndb = true", ["line 2: objectives.db", "number"]),
        ("[objectives]\ndb = -1", ["line 2: objectives.db", "number"]),
        ("[objectives]\ndb = inf", ["line 2: objectives.db", "number"]),
        ('[repository]\nchecksums = "md5"', ["line 2: repository.checksums", "when_required"]),
        ("[repository]\nlabel = 1", ["line 2: repository.label", "a text in quotes"]),
        ('[serve]\nhosts = ["a b"]', ["line 2: serve.hosts", "of the form"]),
        ('[serve]\nlisten = "here"', ["line 2: serve.listen", '"127.0.0.1:8765"']),
        (
            "[serve.jobs]\nverfy = ''",
            ["line 2: serve.jobs.verfy is not a setting", "did you mean verify?", "[serve.jobs] takes db,"],
        ),
        ("[[replica]]\nname = 'a'", ["line 1: replica.location is missing"]),
        ("[[contact]]\nname = 'a'\nfone = '1'", ["line 3: contact.fone", "did you mean phone?"]),
        ("[[drills.check]]\nname = 'a'\nkind = 'htpp'", ["line 3: drills.check.kind", "command", "sign-in"]),
        ("[[drills.check]]\nname = 'a'", ["line 1: drills.check.kind is missing"]),
        ("[[drills.check]]\nkind = 'http'\nname = ''\nurl = ''", ["line 3: drills.check.name", "that is not empty"]),
        ("[[drills.check]]\nkind = 'http'\nname = 'a'\nulr = ''", ["line 4: drills.check.ulr", "did you mean url?"]),
        ("[log]\nform = 'xml'", ["line 2: log.form", "one of these is expected: json, console"]),
        ("[notify.healthchecks]\ndb = 'https://secret'", ["notify.healthchecks", "secret in the clear"]),
        ("[repository", ["not TOML"]),
        ("repository.locatoin = 'x'", ["line 1: repository.locatoin"]),
    ],
)
def test_a_mistake_in_the_file_is_named_by_its_line_with_what_is_allowed(
    place: Place, content: str, said: list[str]
) -> None:
    place.toml(content)
    refusal = place.refusal()
    assert isinstance(refusal, SettingsError)
    for words in ["lifeboat.toml", *said]:
        assert words in f"{refusal.message} {refusal.hint}"


@pytest.mark.parametrize(
    "content",
    [
        f'[repository]\nkey = "{KEY}"',
        '[repository]\nsecret_access_key = "pl4nted"',
        '[mongodb]\nuri = "mongodb://app:pl4nted@db/shop"',
        '[mongodb]\nuri = "pl4nted"',
    ],
)
def test_a_secret_in_the_clear_is_refused_and_not_repeated(place: Place, content: str) -> None:
    place.toml(content)
    refusal = place.refusal()
    assert refusal.code == "secret-in-the-clear"
    assert "line 2" in refusal.message
    assert "env:NAME" in refusal.hint
    seen: BaseException | None = refusal
    while seen is not None:
        assert "pl4nted" not in str(seen)
        assert KEY not in str(seen)
        seen = seen.__cause__ or seen.__context__


def test_a_uri_without_a_password_may_stand_in_the_file(place: Place) -> None:
    place.toml('[mongodb]\nuri = "mongodb://localhost/shop"')
    assert place.read().need_mongodb().reveal() == "mongodb://localhost/shop"


def test_a_key_in_a_file_is_found_and_its_comments_are_not_part_of_it(place: Place) -> None:
    path = place.private("my.key", f"# made today\n{KEY}\n")
    settings = place.read(LIFEBOAT_KEY_FILE=str(path))
    assert settings.need_key().reveal() == KEY
    assert str(path) in settings.key_from


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620])
def test_a_key_file_open_to_others_is_refused(place: Place, mode: int) -> None:
    path = place.private("my.key", KEY, mode)
    refusal = place.refusal(LIFEBOAT_KEY_FILE=str(path))
    assert f"{mode:04o}" in refusal.message
    assert "chmod 600" in refusal.hint


def test_a_key_file_that_is_missing_or_empty_is_named(place: Place) -> None:
    assert "no such file" in place.refusal(LIFEBOAT_KEY_FILE="none.key").message
    assert "is empty" in place.refusal(LIFEBOAT_KEY_FILE=str(place.private("e.key", "# only\n"))).message


def test_two_keys_named_in_one_place_are_not_chosen_between(place: Place) -> None:
    path = place.private("my.key", KEY)
    refusal = place.refusal(LIFEBOAT_KEY_FILE=str(path), BACKUP_ENCRYPTION_KEY=KEY)
    assert "two keys" in refusal.message
    place.dotenv(f"BACKUP_ENCRYPTION_KEY={'cd' * 32}\n")
    assert place.read(LIFEBOAT_KEY_FILE=str(path)).need_key().reveal() == KEY


def test_the_key_init_made_is_used_when_nothing_else_is_named(place: Place) -> None:
    state = place.folder / "state"
    state.mkdir()
    place.private("state/identity.key", KEY)
    assert place.read(LIFEBOAT_STATE=str(state)).need_key().reveal() == KEY
    assert place.read(LIFEBOAT_STATE=str(state), BACKUP_ENCRYPTION_KEY="cd" * 32).need_key().reveal() == "cd" * 32


def test_half_a_key_pair_is_noticed(place: Place) -> None:
    assert "AWS_SECRET_ACCESS_KEY is not" in place.refusal(AWS_ACCESS_KEY_ID="AKIA1").message
    assert "AWS_ACCESS_KEY_ID is not" in place.refusal(AWS_SECRET_ACCESS_KEY="s").message


@pytest.mark.parametrize("text", ["gs://b", "https://host/b", "sftp://h/x", "s3://", "s3://Upper", "s3://a"])
def test_an_address_that_cannot_be_a_repository_is_refused(place: Place, text: str) -> None:
    refusal = place.refusal(LIFEBOAT_REPOSITORY=text)
    assert refusal.code == "repository-name-invalid"
    assert "LIFEBOAT_REPOSITORY in the environment" in refusal.message


@pytest.mark.parametrize("endpoint", ["localhost:9000", "ftp://h", "http://user:pw@h"])
def test_an_endpoint_that_is_no_address_is_refused_without_repeating_it(place: Place, endpoint: str) -> None:
    refusal = place.refusal(AWS_ENDPOINT_URL=endpoint)
    assert "pw" not in f"{refusal.message}{refusal.hint}"


def test_folders_are_understood_as_people_write_them(tmp_path: Path) -> None:
    assert read_location("backups/../b", tmp_path, "x") == tmp_path / "b"
    assert read_location("file:///srv/b", tmp_path, "x") == Path("/srv/b")
    assert read_location("s3://bucket//a//b/", tmp_path, "x") == S3Location("bucket", "a/b")
    assert str(S3Location("bucket", "a/b")) == "s3://bucket/a/b"
    assert str(S3Location("bucket")) == "s3://bucket"


def test_a_named_settings_file_must_exist(place: Place) -> None:
    assert "does not exist" in place.refusal(LIFEBOAT_CONFIG="none.toml").message


def test_a_reference_to_an_unset_variable_is_named(place: Place) -> None:
    place.toml('[repository]\nkey = "env:NOT_SET"')
    assert "NOT_SET is set neither" in place.refusal().message


def test_an_open_dotenv_is_a_finding_not_a_failure(place: Place) -> None:
    place.dotenv("X=1")
    assert place.read().findings == ()
    (place.folder / ".env").chmod(0o644)
    assert [one.code for one in place.read().findings] == ["settings-open-to-others"]


def test_no_secret_shows_when_settings_are_printed(place: Place) -> None:
    place.toml('[mongodb]\nuri = "env:URI"')
    settings = place.read(
        URI="mongodb://app:pl4nted@db/shop",
        BACKUP_ENCRYPTION_KEY="pl4nted-key",
        AWS_ACCESS_KEY_ID="pl4nted-id",
        AWS_SECRET_ACCESS_KEY="pl4nted-secret",
        AWS_SESSION_TOKEN="pl4nted-token",
    )
    assert "pl4nted" not in repr(settings)
    assert {"pl4nted", "pl4nted-key", "pl4nted-secret", "pl4nted-token"} <= set(settings.hidden_texts())


@pytest.mark.parametrize(
    ("uri", "passwords"),
    [
        ("mongodb://u:p%40ss@h/d", ("p%40ss", "p@ss")),
        ("mongodb://u:a/b@h/d", ("a/b",)),
        ("mongodb://u@h/d", ()),
        ("mongodb://h/d?x=a@b", ()),
        ("mongodb://h:27017/d?x=a@b", ()),
        ("mongodb+srv://u:pw@h", ("pw",)),
    ],
)
def test_the_password_of_a_uri_is_found_as_it_stands_and_as_it_is(uri: str, passwords: tuple[str, ...]) -> None:
    assert passwords_in_uri(uri) == passwords


@pytest.mark.parametrize(
    ("text", "seconds"), [("1h", 3600), ("90 min", 5400), ("1d 12h", 129_600), ("0.5h", 1800), ("2 weeks", 1_209_600)]
)
def test_spans_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert read_span(text) == seconds


@pytest.mark.parametrize("text", ["", "1", "h", "1x", "1h and more", "0s", "-1h"])
def test_a_span_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=re.compile("span")):
        read_span(text)


def test_a_label_is_taken_from_the_environment_before_the_file_and_is_a_name(place: Place) -> None:
    assert place.read().repository.label is None
    place.toml('[repository]\nlabel = "shop-1"')
    assert place.read().repository.label == "shop-1"
    assert place.read(LIFEBOAT_LABEL="متجر 2").repository.label == "متجر 2"
    for text in ("\x1b[2J", "a\tb", "x" * 65, "-x", "a/b"):
        with pytest.raises(SettingsError, match="no name for an installation"):
            place.read(LIFEBOAT_LABEL=text)


def test_a_chosen_label_says_who_this_is_and_a_hosts_name_needs_the_machine(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    known = tmp_path / "machine-id"
    known.write_text("3d1219c7c4c5404a\n")
    monkeypatch.setattr(build, "MACHINE_ID", known)
    here = build.machine(place.read())
    assert here and "3d1219" not in here
    assert build.machine(place.read(LIFEBOAT_STATE=str(tmp_path / "other"))) != here
    assert build.machine(place.read(LIFEBOAT_LABEL="shop-1")) is None
    known.write_text("another\n")
    assert build.machine(place.read()) != here
    known.unlink()
    assert build.machine(place.read()) == ""
