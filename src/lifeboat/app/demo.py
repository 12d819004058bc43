"""The whole way on sample data: fill, back up, go on working, lose everything, restore, compare, damage, refuse.

Everything lies in one folder and in a mongod of its own; nothing of the user's is read or touched.

Invariant: the verdict comes from what was read before the loss and after the restore by ``samples``, never from what
Lifeboat says of itself.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pymongo import MongoClient

from lifeboat.app.demo_damage import DamageShown, show_damage
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
from lifeboat.foundation.secret import Secret
from lifeboat.foundation.sizes import show_bytes, show_seconds
from lifeboat.foundation.value import Value
from lifeboat.foundation.vanishing_folder import vanishing_folder
from lifeboat.operations.reports.checks import VerifyReport
from lifeboat.operations.reports.restores import RestoreReport, RestoreRequest
from lifeboat.operations.reports.snapshots import BackupReport
from lifeboat.sources.mongodb.private_server import PrivateServer, find_mongod

DAMAGED_TARGET = "legal_from_damaged"
SETTINGS_FILE = "lifeboat.toml"
Done = TypeVar("Done")


class DemoFolderTaken(TargetRefused):
    """The folder that should keep the demonstration holds something already."""

    code = "demo-folder-taken"


class Story(Protocol):
    """Hears what is being done, and what each act came to."""

    def begins(self, act: str) -> None: ...

    def ends(self, outcome: str) -> None: ...


class Measured(Value):
    """How much was done in how long."""

    seconds: float
    bytes: int
    """Plain bytes of what it is about."""
    new_bytes: int = 0
    """Plain bytes that were not in the repository before."""
    stored_bytes: int = 0
    """Bytes written to the repository, compressed and encrypted."""

    @property
    def bytes_per_second(self) -> float:
        return self.bytes / self.seconds if self.seconds else 0.0


class DemoReport(Value):
    """What was protected, how fast, what was lost, and whether it came back."""

    collections: int
    indexes: int
    documents: int
    data_bytes: int
    files: int
    file_bytes: int
    first_backup: Measured
    second_backup: Measured
    restore: Measured
    verify: Measured
    lost: tuple[str, ...]
    rpo_seconds: float
    """Measured: how old the newest restorable instant was when everything was lost."""
    rto_seconds: float
    """Measured: from the loss until everything was back and compared."""
    comparisons: tuple[Comparison, ...]
    damage: DamageShown
    equal: bool
    kept: str | None


class Demo:
    """The play.

    Args:
        mongod: The program, where it is not on PATH or in this Python.
    """

    def __init__(self, clock: Clock, story: Story, mongod: str | None = None) -> None:
        self._clock = clock
        self._story = story
        self._mongod = mongod

    def play(self, scale: float = 1.0, keep: Path | None = None) -> DemoReport:
        """Take the whole way.

        Args:
            scale: 1 is about 100 MB of documents and files.
            keep: An empty or new folder that stays; None uses one that is removed.
        """
        program = find_mongod(self._mongod)
        if keep is not None and keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
            raise DemoFolderTaken(f"{keep} holds something already", "name a folder that is empty or not there yet")
        with vanishing_folder("lifeboat-demo-") as temporary:
            folder = temporary / "demo" if keep is None else keep
            make_private_folder(folder)
            with self._server(program, temporary) as server:
                machine = _Machine(folder, server.uri_for(None, None, DATABASE))
                client: MongoClient[dict[str, Any]] = MongoClient(server.uri, tz_aware=True)
                with client:
                    return self._acts(machine, Scene(client, folder), scale, temporary, keep)

    @contextmanager
    def _server(self, program: Path, folder: Path) -> Iterator[PrivateServer]:
        self._story.begins("starting a private MongoDB server")
        with PrivateServer(program, clock=self._clock, within=folder) as server:
            self._story.ends("a replica set of one")
            yield server

    def _acts(self, machine: "_Machine", scene: Scene, scale: float, temporary: Path, keep: Path | None) -> DemoReport:
        self._story.begins("making a law office's data")
        documents, files = scene.fill(scale, self._clock)
        whole_bytes = documents.data_bytes + files.total_bytes
        self._story.ends(f"{documents.documents:,} documents, {files.files:,} files, {show_bytes(whole_bytes)}")

        lifeboat = Lifeboat(machine.set_up(), clock=self._clock)
        self._act(
            "making a repository and a key", lambda: lifeboat.initialise(guarded=False, new_key=None), _initialised
        )
        first, _ = self._act("backing up everything", lambda: lifeboat.backup("all"), _backed_up)
        self._act("working on: messages, an upload", lambda: scene.go_on_working(self._clock), lambda _: "done")
        second, taken = self._act("backing up what changed", lambda: lifeboat.backup("all"), _backed_up)
        _, before = self._act("reading it all, to compare later", scene.look, lambda _: "noted")

        self._story.begins("losing everything")
        lost_at = self._clock.monotonic()
        rpo_seconds = (self._clock.now() - min(one.instant for one in taken.snapshots)).total_seconds()
        lost = (*scene.lose_everything(), machine.lose())
        self._story.ends("database, uploads, configuration, and all that Lifeboat knew")

        # From here on another machine: all there is is the repository and the key somebody kept.
        rescued = Lifeboat(machine.set_up(), clock=self._clock)
        over_live = RestoreRequest("all", over_live=True)
        restore, restored = self._act(
            "restoring from repository and key", lambda: rescued.restore(over_live), _restored
        )
        self._story.begins("comparing with what was lost")
        comparisons = compare(before, scene.look())
        rto_seconds = self._clock.monotonic() - lost_at
        self._story.ends("equal" if all(one.equal for one in comparisons) else "DIFFERENT")

        verify, verified = self._act("verifying every byte", lambda: rescued.verify("full"), _verified)
        sound = not any_problem([*verified.findings, *restored.findings])
        self._story.begins("flipping one bit in a copy")
        damage = show_damage(
            machine.settings(), temporary, DAMAGED_TARGET, lambda: scene.holds_wrong(DAMAGED_TARGET), self._clock
        )
        self._story.ends("named by verify, refused by restore" if damage.held else "NOT HELD")
        own = Comparison("Lifeboat's own checks", "verify --level full, restore --compare full", sound)
        return DemoReport(
            collections=len(documents.collections),
            indexes=documents.indexes,
            documents=documents.documents,
            data_bytes=documents.data_bytes,
            files=files.files,
            file_bytes=files.total_bytes,
            first_backup=first,
            second_backup=second,
            restore=restore,
            verify=verify,
            lost=lost,
            rpo_seconds=rpo_seconds,
            rto_seconds=rto_seconds,
            comparisons=(*comparisons, own),
            damage=damage,
            equal=sound and damage.held and all(one.equal for one in comparisons),
            kept=None if keep is None else str(keep),
        )

    def _act(self, name: str, act: Callable[[], Done], words: Callable[[Done], str]) -> tuple[Measured, Done]:
        self._story.begins(name)
        began = self._clock.monotonic()
        done = act()
        measured = _measured(self._clock.monotonic() - began, done)
        rate = f", {show_bytes(measured.bytes_per_second)}/s" if measured.bytes else ""
        self._story.ends(f"{words(done)} in {show_seconds(measured.seconds)}{rate}")
        return measured, done


class _Machine:
    """The application's machine: settings, key and state as ``init`` would leave them; and one after it, like it."""

    def __init__(self, folder: Path, uri: str) -> None:
        self._folder = folder
        self._uri = uri
        self._key = Identity.generate().to_text()
        self._state = folder / "state"

    def set_up(self) -> Settings:
        """Write settings and key where nothing of them is, so that a kept demo can be looked around in."""
        key_file = self._state / IDENTITY_FILE
        write_private_file(key_file, self._key, "Key of the Lifeboat demonstration; it opens sample data only.")
        settings = self.settings()
        add_to_settings_file(
            self._folder / SETTINGS_FILE,
            {
                ("repository", "location"): str(settings.repository.location),
                ("repository", "key"): f"file:{key_file}",
                ("files", "paths"): [str(one) for one in settings.files.paths],
                ("config", "paths"): [str(one) for one in settings.config.paths],
            },
        )
        return settings

    def settings(self) -> Settings:
        return Settings(
            state=self._state,
            repository=RepositorySettings(location=self._folder / "repository"),
            mongodb=MongodbSettings(uri=Secret(self._uri)),
            files=FilesSettings(paths=(self._folder / UPLOADS,)),
            config=ConfigSettings(paths=(self._folder / CONFIGURATION,)),
            key=self._key,
            key_from="where somebody kept it",
        )

    def lose(self) -> str:
        shutil.rmtree(self._state)
        (self._folder / SETTINGS_FILE).unlink()
        return "Lifeboat's settings, key and memory on that machine"


def _measured(seconds: float, done: object) -> Measured:
    if isinstance(done, BackupReport):
        taken = done.snapshots
        return Measured(
            seconds,
            sum(one.bytes for one in taken),
            sum(one.new_bytes for one in taken),
            sum(one.stored_bytes for one in taken),
        )
    if isinstance(done, RestoreReport):
        return Measured(seconds, sum(part.bytes for part in done.parts))
    return Measured(seconds, done.bytes_read if isinstance(done, VerifyReport) else 0)


def _initialised(_: object) -> str:
    return "done"


def _backed_up(report: BackupReport) -> str:
    measured = _measured(0, report)
    return f"{show_bytes(measured.new_bytes)} new, {show_bytes(measured.stored_bytes)} stored"


def _restored(report: RestoreReport) -> str:
    return f"{show_bytes(sum(part.bytes for part in report.parts))}"


def _verified(report: VerifyReport) -> str:
    return f"{report.objects:,} objects, {report.chunks:,} chunks"
