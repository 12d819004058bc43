"""What attacks are tried on, and what is asked afterwards: does all of it come back, and is it told under its own name?"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from bare import BARE
from botocore.exceptions import ClientError
from prune_kit import World, some_bytes
from repository_kit import read_back

from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.read_settings import read_settings
from lifeboat.foundation.finding import Finding
from lifeboat.foundation.progress import Silent
from lifeboat.operations.drill.report import DrillReport
from lifeboat.operations.drill.request import DrillRequest
from lifeboat.operations.drill.scenario import Scenario
from lifeboat.operations.reports.checks import VerifyReport
from lifeboat.operations.reports.restores import RestoreRequest
from lifeboat.operations.verify.run import verify
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.statements import Verb
from lifeboat.repository.writers import WriterSecret
from lifeboat.storage.object_store import ObjectStore

GOOD = {"contracts": some_bytes(20_000, 3)}
DENIED = ("AccessDenied", "403", "Forbidden", "UnauthorizedOperation")


class Attempts(list[str]):
    """Every attack that was tried and met as it should be: what the closing lines count."""

    def denied(self, what: str, act: Callable[[], object]) -> None:
        """The store says no."""
        try:
            act()
        except ClientError as error:
            assert error.response["Error"]["Code"] in DENIED, f"{what}: {error}"
        else:
            raise AssertionError(f"{what} was not refused")
        self.append(what)

    def told(self, what: str, findings: Iterable[Finding], code: str, subject: str = "") -> None:
        """A finding of this code is about this subject."""
        every = list(findings)
        met = [one for one in every if one.code == code and subject in f"{one.subject} {one.message}"]
        assert met, f"{what} is not told as {code}: {[(one.code, one.subject) for one in every if one.level != 'ok']}"
        assert all(one.level != "ok" for one in met)
        self.append(what)


def proved_world(folder: Path) -> World:
    """A repository with three snapshots, the first of them proved."""
    made = World(folder)
    first = made.take(GOOD)
    made.say(Verb.PROOF, first)
    made.after(days=1).take(GOOD)
    made.after(days=1).take(GOOD)
    return made


def looked_at(world: World, repository: Repository | None = None, level: str = "full") -> VerifyReport:
    """A full verification of a copy: what it proves or remembers is not in the way."""
    repository = repository or world.open(world.store.copy(), "checker")
    return verify(
        repository,
        level,
        objectives={"files": 86_400.0 * 400},
        sample_percent=100,
        clock=world.clock,
        progress=Silent(),
    )


def findings(world: World, repository: Repository | None = None) -> list[Finding]:
    """What is told, what belongs to the scene left out."""
    return [
        one for one in looked_at(world, repository).findings if one.level != "ok" and one.code != "rescue-kit-missing"
    ]


def problems(world: World, repository: Repository | None = None) -> list[str]:
    return [f"{one.code} {one.subject}" for one in findings(world, repository) if one.level == "problem"]


def all_come_back(world: World, label: str = "a new machine", store: ObjectStore | None = None) -> None:
    """Every snapshot that was honestly taken is listed, and gives back what was put into it."""
    repository = world.open(store, label)
    listed = {one.snapshot: one for one in repository.snapshots()}
    assert set(world.contents) <= set(listed)
    for snapshot, content in world.contents.items():
        assert read_back(repository, listed[snapshot]) == content


def stolen(world: World) -> WriterSecret:
    """What lies on the application's host."""
    secret = world.open().state.load_writer()
    assert secret is not None
    return secret


class Host:
    """An application's host with uploads alone, and whoever sits at it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.uploads = folder, folder / "uploads"
        self.uploads.mkdir(parents=True)
        for number in range(2):
            self.upload(number)
        self.lifeboat().initialise(guarded=False, new_key=None)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "UPLOADS_DIR": str(self.uploads),
            "BACKUP_ENCRYPTION_KEY": "5e" * 32,
            "LIFEBOAT_REPOSITORY": str(self.folder / "repository"),
            "LIFEBOAT_STATE": str(self.folder / "state"),
            "HOME": str(self.folder),
            **BARE,
        }

    def lifeboat(self) -> Lifeboat:
        return Lifeboat(read_settings(None, self.environment, self.folder))

    def upload(self, number: int) -> None:
        # Random, so that it lies as it is; large, so that it shares its chunks with no other file.
        (self.uploads / f"{number}.pdf").write_bytes(b"contract %d" % number + os.urandom(3_000_000))

    def back_up(self, *, new_generation: bool = False) -> str:
        (row,) = self.lifeboat().backup("files", new_generation=new_generation).snapshots
        return str(row.snapshot)

    def drill(self) -> DrillReport:
        return self.lifeboat().drilling().run(DrillRequest(Scenario.FILE_LOSS, folder=self.folder, notify=False))

    def told(self) -> list[Finding]:
        expected = {"same-machine", "no-snapshot", "snapshot-too-old"}
        found = self.lifeboat().verify("full", sample_percent=100).findings
        return [one for one in found if one.level != "ok" and one.code not in expected]

    def restored(self, snapshot: str) -> dict[str, bytes]:
        out = self.folder / f"restored {snapshot}"
        self.lifeboat().restore(RestoreRequest(source="files", snapshot=snapshot, to=str(out)))
        return contents(out)


def contents(tree: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in tree.iterdir()}
