"""``lifeboat alerts check`` on a real repository, with a mail server that is real: what somebody gets, and when it ends."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from post import mail_server
from test_more_channels import check_server

from lifeboat.app.alerting import Alerting
from lifeboat.app.build import build_store
from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.read_settings import read_settings
from lifeboat.app.schedule_run import ScheduledRuns
from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.errors import SettingsError
from lifeboat.journal.journal import NAME
from lifeboat.repository.local_state import LocalState

HOWEVER_FULL = "[alerts]\ndisk_free_percent = 0.000001\n"
"""The disk of the machine that runs this is no trouble."""


class Ahead(SystemClock):
    """The machine's clock, moved on by hand."""

    def __init__(self) -> None:
        self.by = timedelta()

    def now(self) -> Any:
        return super().now() + self.by


def place(folder: Path, port: int, more: str = "") -> dict[str, str]:
    uploads = folder / "uploads"
    uploads.mkdir()
    (uploads / "one").write_text("1")
    (folder / "lifeboat.toml").write_text(
        f'[notify]\nemail = ["ops@example.com"]\nsmtp_host = "127.0.0.1"\nsmtp_port = {port}\n{more}'
    )
    return {
        "UPLOADS_DIR": str(uploads),
        "BACKUP_ENCRYPTION_KEY": "5e" * 32,
        "LIFEBOAT_REPOSITORY": str(folder / "repository"),
        "LIFEBOAT_STATE": str(folder / "state"),
    }


def test_a_repository_that_is_gone_is_told_and_its_return_too(tmp_path: Path) -> None:
    with mail_server() as mail:
        settings = read_settings(None, place(tmp_path, mail.port, HOWEVER_FULL), tmp_path)
        clock = Ahead()
        lifeboat = Lifeboat(settings, clock=clock)
        lifeboat.initialise(guarded=False, new_key=None)
        lifeboat.backup("files")
        alerting = Alerting(settings, clock)
        assert alerting.check().open == ()
        os.rename(tmp_path / "repository", tmp_path / "away")
        found = alerting.check()
        assert [one.rule for one in found.open] == ["unreachable"] and found.reached == ("e-mail to ops@example.com",)
        assert alerting.check().told == (), "once"
        os.rename(tmp_path / "away", tmp_path / "repository")
        assert alerting.check().open == ()
        clock.by += timedelta(minutes=5)
        alerting.check()
        subjects = [one["Subject"] for one in mail.messages]
    assert len(subjects) == 2 and "critical: unreachable" in subjects[0] and "over: unreachable" in subjects[1]


def test_a_copy_that_grows_old_is_told_with_what_it_means_and_what_to_type(tmp_path: Path) -> None:
    with mail_server() as mail:
        settings = read_settings(None, place(tmp_path, mail.port), tmp_path)
        clock = Ahead()
        lifeboat = Lifeboat(settings, clock=clock)
        lifeboat.initialise(guarded=False, new_key=None)
        lifeboat.backup("files")
        clock.by = timedelta(hours=40)
        found = Alerting(settings, clock).check()
        assert ("objective-missed", "files") in [(one.rule, one.subject) for one in found.open]
        assert any("lifeboat backup files" in text and "lose more than may be lost" in text for text in mail.texts())


def test_alerts_stand_in_the_journal_also_where_nobody_is_set_to_be_told(tmp_path: Path) -> None:
    environment = place(tmp_path, 1)
    (tmp_path / "lifeboat.toml").write_text("")
    settings = read_settings(None, environment, tmp_path)
    found = Alerting(settings, SystemClock()).check()
    assert found.nobody and [one.rule for one in found.open] == ["unreachable"]
    assert [row.rule for row in Alerting(settings, SystemClock()).history(SystemClock().now() - timedelta(days=1))]


@pytest.mark.parametrize(
    "table",
    [
        'quiet_from = "25:00"',
        'quiet_from = "22:00"\nquiet_until = "07:00"\nquiet_zone = "Mars/Olympus"',
        'newest = "soon"',
    ],
)
def test_what_settings_say_wrongly_is_named(tmp_path: Path, table: str) -> None:
    with pytest.raises(SettingsError):
        read_settings(None, place(tmp_path, 1, f"[alerts]\n{table}\n"), tmp_path)


@pytest.mark.parametrize("where", ["folder", "s3://bucket", "s3://bucket/some/prefix"])
@pytest.mark.parametrize("endpoint", ["", "http://127.0.0.1:9"])
def test_alerts_are_kept_where_the_runs_of_that_repository_are(tmp_path: Path, where: str, endpoint: str) -> None:
    environment = place(tmp_path, 1)
    environment |= {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "me-south-1"}
    environment |= {"AWS_ENDPOINT_URL": endpoint} if endpoint else {}
    environment["LIFEBOAT_REPOSITORY"] = str(tmp_path) if where == "folder" else where
    settings = read_settings(None, environment, tmp_path)
    store = build_store(settings, SystemClock())
    alerting = Alerting(settings, SystemClock())
    assert alerting.journal().alerts.open("x", SystemClock().now(), rule="r", severity="info", subject="s")
    assert (LocalState(settings.state, store.describe()).directory / NAME).exists()


def test_who_waits_for_a_jobs_pings_hears_its_beginning_and_its_end(tmp_path: Path) -> None:
    with check_server() as (url, pings):
        environment = place(tmp_path, 1) | {"HC_URL": url}
        (tmp_path / "lifeboat.toml").write_text('[notify.healthchecks]\nfiles = "env:HC_URL"\n')
        Lifeboat(read_settings(None, environment, tmp_path)).initialise(guarded=False, new_key=None)
        heard: list[str] = []
        runs = ScheduledRuns(None, {**os.environ, **environment}, tmp_path, SystemClock(), heard.append)
        assert runs.run("files") == 0
        (tmp_path / "uploads").rename(tmp_path / "elsewhere")
        assert runs.run("files") != 0
    ends = [path.removeprefix("/Planted-uuid") for path, _ in pings]
    assert ends == ["/start", "", "/start", "/fail"] and "uploads" in pings[3][1]
    assert not any("Planted-uuid" in line for line in heard)
