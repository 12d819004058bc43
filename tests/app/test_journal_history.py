"""The journal catches up with what it did not see: other machines' backups, a lost file, runs that were killed."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lifeboat.app.build import build_journal, build_state, build_store
from lifeboat.app.journal_history import EVERY, catch_up
from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.settings import FilesSettings, RepositorySettings, S3Location, Settings
from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.secret import Secret

KEY = Secret("ab" * 32)


class MovedClock(SystemClock):
    def __init__(self) -> None:
        self.moment = datetime.now(UTC)

    def now(self) -> datetime:
        return self.moment


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "a").write_text("a")
    made = Settings(
        tmp_path / "state",
        RepositorySettings(tmp_path / "backups", label="app"),
        files=FilesSettings((tmp_path / "uploads",)),
        key=KEY,
    )
    Lifeboat(made).initialise(guarded=False, new_key=None)
    Lifeboat(made).backup("files")
    return made


def test_a_keeper_knows_the_runs_of_machines_that_it_never_visits(settings: Settings, tmp_path: Path) -> None:
    keeper = replace(settings, state=tmp_path / "keeper", repository=replace(settings.repository, label="keeper"))
    clock, journal = MovedClock(), build_journal(keeper)
    catch_up(keeper, clock, journal)
    assert [(one.job, one.label, one.status) for one in journal.runs()] == [("backup files", "app", 0)]
    Lifeboat(settings).backup("files")
    catch_up(keeper, clock, journal)
    assert len(journal.runs()) == 1, "not every minute: all records are read for it"
    clock.moment += EVERY
    catch_up(keeper, clock, journal)
    assert len(journal.runs()) == 2
    assert [(one.source, one.items) for one in journal.sizes("files")] == [("files", 2), ("files", 2)]


def test_a_run_that_was_killed_is_ended_when_somebody_looks(settings: Settings) -> None:
    journal = build_journal(settings)
    code = (
        "import sys, os; from datetime import *; from pathlib import Path; from lifeboat.journal.journal import Journal"
    )
    code += "; Journal(Path(sys.argv[1])).begin_run('verify', datetime.now(UTC)); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code, str(build_state(settings).directory / "journal.sqlite3")], check=False)
    catch_up(settings, SystemClock(), journal)
    assert {one.job: one.error for one in journal.runs()} == {"verify": "killed", "backup files": None}


def test_a_store_that_is_away_loses_nothing(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "backups").rename(tmp_path / "away")
    journal = build_journal(settings)
    catch_up(settings, SystemClock(), journal)
    assert journal.lacks_history
    (tmp_path / "away").rename(tmp_path / "backups")
    catch_up(settings, SystemClock(), journal)
    assert len(journal.runs()) == 1


@pytest.mark.parametrize(
    "repository",
    [
        RepositorySettings(S3Location("bucket", "some/where")),
        RepositorySettings(S3Location("bucket")),
        RepositorySettings(S3Location("bucket"), endpoint_url="http://127.0.0.1:9000"),
    ],
)
def test_the_state_of_a_repository_is_found_without_opening_the_store(
    repository: RepositorySettings, tmp_path: Path
) -> None:
    settings = Settings(
        tmp_path, replace(repository, access_key_id=Secret("a"), secret_access_key=Secret("b"), region="r")
    )
    store = build_store(settings, SystemClock())
    from lifeboat.repository.local_state import LocalState

    assert build_state(settings).directory == LocalState(tmp_path, store.describe()).directory
