"""The whole way on sample data: fill, back up, go on working, lose everything, restore, compare.

Everything lies in one folder, which is removed afterwards, and in a mongod of its own; nothing of the user's is touched.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pymongo import MongoClient

from lifeboat.app.demo_scene import CONFIGURATION, DATABASE, UPLOADS, Comparison, Scene, compare
from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.private_files import make_private_folder, write_private_file
from lifeboat.app.settings import (
    IDENTITY_FILE,
    ConfigSettings,
    FilesSettings,
    MongodbSettings,
    RepositorySettings,
    Settings,
)
from lifeboat.app.write_settings import add_to_settings_file
from lifeboat.crypto.identity import Identity
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import TargetRefused
from lifeboat.foundation.finding import any_problem
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.secret import Secret
from lifeboat.operations.reports import BackupReport, RestoreRequest
from lifeboat.sources.mongodb.private_server import PrivateServer, find_mongod

Done = TypeVar("Done")


class DemoFolderTaken(TargetRefused):
    """The folder that should keep the demonstration holds something already."""

    code = "demo-folder-taken"


@dataclass(frozen=True, slots=True)
class DemoReport:
    """What was protected, how fast, what was lost, and whether it came back."""

    documents: int
    collections: int
    indexes: int
    data_bytes: int
    files: int
    file_bytes: int
    first_backup_seconds: float
    first_stored_bytes: int
    second_backup_seconds: float
    second_stored_bytes: int
    verify_seconds: float
    lost: tuple[str, ...]
    restore_seconds: float
    """Measured RTO: from the order to restore until everything was back and compared."""
    lost_seconds: float
    """Measured RPO: how old the newest restorable instant was when everything was lost."""
    comparisons: tuple[Comparison, ...]
    equal: bool
    kept: str | None


class Demo:
    """The play.

    Args:
        mongod: The program, where it is not on PATH or in this Python.
    """

    def __init__(self, clock: Clock, progress: Progress, mongod: str | None = None) -> None:
        self._clock = clock
        self._progress = progress
        self._mongod = mongod

    def play(self, scale: float = 1.0, keep: Path | None = None) -> DemoReport:
        """Take the whole way.

        Args:
            scale: 1 is about 100 MB of documents and files.
            keep: An empty or new folder that stays; None uses one that is removed.
        """
        program = find_mongod(self._mongod)
        with _stage(keep) as folder, PrivateServer(program, clock=self._clock) as server:
            settings = _settings(folder, server.uri_for(None, None, DATABASE))
            lifeboat = Lifeboat(settings, clock=self._clock, progress=self._progress)
            client: MongoClient[dict[str, Any]] = MongoClient(server.uri, tz_aware=True)
            with client:
                return self._acts(lifeboat, Scene(client, folder), scale, None if keep is None else str(folder))

    def _acts(self, lifeboat: Lifeboat, scene: Scene, scale: float, kept: str | None) -> DemoReport:
        self._progress.begin("making the sample application")
        documents, files = scene.fill(scale, self._clock)
        lifeboat.initialise(guarded=False, new_key=None)
        first_seconds, first = self._timed(lambda: lifeboat.backup("all"))
        scene.go_on_working(self._clock)
        second_seconds, second = self._timed(lambda: lifeboat.backup("all"))
        verify_seconds, verified = self._timed(lambda: lifeboat.verify("full"))
        self._progress.begin("reading everything before it is lost")
        before = scene.look()
        lost_seconds = (self._clock.now() - min(one.instant for one in second.snapshots)).total_seconds()
        lost = scene.lose_everything()
        over_live = RestoreRequest("all", over_live=True)
        restore_seconds, restored = self._timed(lambda: lifeboat.restore(over_live))
        self._progress.begin("comparing with what was lost")
        comparisons = compare(before, scene.look())
        sound = not any_problem([*verified.findings, *restored.findings])
        return DemoReport(
            documents=documents.documents,
            collections=len(documents.collections),
            indexes=documents.indexes,
            data_bytes=documents.data_bytes,
            files=files.files,
            file_bytes=files.total_bytes,
            first_backup_seconds=first_seconds,
            first_stored_bytes=_stored_bytes(first),
            second_backup_seconds=second_seconds,
            second_stored_bytes=_stored_bytes(second),
            verify_seconds=verify_seconds,
            lost=lost,
            restore_seconds=restore_seconds,
            lost_seconds=lost_seconds,
            comparisons=(
                *comparisons,
                Comparison("Lifeboat's own checks", "verify full, restore --compare full", sound),
            ),
            equal=sound and all(one.equal for one in comparisons),
            kept=kept,
        )

    def _timed(self, act: Callable[[], Done]) -> tuple[float, Done]:
        began = self._clock.monotonic()
        done = act()
        return self._clock.monotonic() - began, done


@contextmanager
def _stage(keep: Path | None) -> Iterator[Path]:
    """The folder of the play: one that stays, or one that goes whatever happens."""
    if keep is not None:
        if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
            raise DemoFolderTaken(f"{keep} holds something already", "name a folder that is empty or not there yet")
        make_private_folder(keep)
        yield keep
        return
    folder = Path(tempfile.mkdtemp(prefix="lifeboat-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _settings(folder: Path, uri: str) -> Settings:
    """Settings as init would leave them, in the folder itself, so that a kept demo can be looked around in."""
    state, repository = folder / "state", folder / "repository"
    key = Identity.generate().to_text()
    key_file = state / IDENTITY_FILE
    write_private_file(key_file, key, "Key of the Lifeboat demonstration; it opens sample data only.")
    uploads, configuration = folder / UPLOADS, folder / CONFIGURATION
    add_to_settings_file(
        folder / "lifeboat.toml",
        {
            ("repository", "location"): str(repository),
            ("repository", "key"): f"file:{key_file}",
            ("files", "paths"): [str(uploads)],
            ("config", "paths"): [str(configuration)],
        },
    )
    return Settings(
        state=state,
        repository=RepositorySettings(location=repository),
        mongodb=MongodbSettings(uri=Secret(uri)),
        files=FilesSettings(paths=(uploads,)),
        config=ConfigSettings(paths=(configuration,)),
        key=key,
        key_from=str(key_file),
    )


def _stored_bytes(report: BackupReport) -> int:
    return sum(one.stored_bytes for one in report.snapshots)
