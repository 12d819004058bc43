"""The tools that are compared, each as the commands it takes for the same steps.

Each step answers with one command line; ``Workplace`` gives every tool a folder of its own, new for each repeat.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

KEY = "00112233445566778899aabbccddeeff" * 2
PASSWORD = "not-a-real-password"
BARE = Path(__file__).parent / "bare.py"


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where one tool works in one repeat.

    Args:
        source: The folder to back up, or the URI of the server with the database's name in its path.
        target: Where to restore to: a folder, or a URI likewise.
    """

    folder: Path
    source: str
    target: str

    @property
    def repository(self) -> Path:
        return self.folder / "repository"


Step = Callable[[Workplace], Sequence[str | Path]]


@dataclass(frozen=True, slots=True)
class Tool:
    """One row of the table.

    Args:
        prepare: Commands before the clock runs.
        steps: By name of the column.
        missing: Why it cannot take part here; empty if it can.
    """

    name: str
    steps: Mapping[str, Step]
    prepare: Callable[[Workplace], Sequence[Sequence[str | Path]]] = lambda place: ()
    environment: Callable[[Workplace], Mapping[str, str]] = lambda place: {}
    missing: str = ""
    in_target: frozenset[str] = field(default_factory=frozenset)
    """Steps that run with the target as their working folder."""


def lifeboat_program() -> Path:
    return Path(sys.executable).parent / "lifeboat"


def lifeboat_environment(place: Workplace, kind: str) -> dict[str, str]:
    source = {"UPLOADS_DIR": place.source} if kind == "files" else {"MONGODB_URI": place.source}
    return {
        **source,
        "LIFEBOAT_REPOSITORY": str(place.repository),
        "BACKUP_ENCRYPTION_KEY": KEY,
        "XDG_STATE_HOME": str(place.folder / "state"),
    }


def file_tools() -> list[Tool]:
    return [_lifeboat_files(), _restic(), _borg(), _bare("files")]


def database_tools() -> list[Tool]:
    return [_lifeboat_database(), _mongodump(), _bare("database")]


def _lifeboat_files() -> Tool:
    program = lifeboat_program()
    return Tool(
        "lifeboat",
        {
            "first backup": lambda place: [program, "backup", "files"],
            "unchanged": lambda place: [program, "backup", "files"],
            "restore": lambda place: [program, "restore", "files", "latest", "--to", place.target, "--yes"],
            "verify all": lambda place: [program, "verify", "--level", "full"],
        },
        lambda place: [[program, "init", "--yes"]],
        lambda place: lifeboat_environment(place, "files"),
    )


def _restic() -> Tool:
    restic: Sequence[str] = ("restic", "--quiet", "--no-lock")
    return Tool(
        f"restic {_version('restic', 1)}",
        {
            "first backup": lambda place: ["restic", "--quiet", "backup", place.source],
            "unchanged": lambda place: ["restic", "--quiet", "backup", place.source],
            "restore": lambda place: [*restic, "restore", "latest", "--target", place.target],
            "verify all": lambda place: [*restic, "check", "--read-data"],
        },
        lambda place: [["restic", "--quiet", "init"]],
        lambda place: {
            "RESTIC_REPOSITORY": str(place.repository),
            "RESTIC_PASSWORD": PASSWORD,
            "RESTIC_CACHE_DIR": str(place.folder / "cache"),
        },
        _not_on_path("restic"),
    )


def _borg() -> Tool:
    return Tool(
        f"borg {_version('borg', 1)} (lz4)",
        {
            "first backup": lambda place: ["borg", "create", "::first", place.source],
            "unchanged": lambda place: ["borg", "create", "::second", place.source],
            "restore": lambda place: ["borg", "extract", "::second"],
            "verify all": lambda place: ["borg", "check", "--verify-data"],
        },
        lambda place: [["borg", "init", "--encryption", "repokey"]],
        lambda place: {
            "BORG_REPO": str(place.repository),
            "BORG_PASSPHRASE": PASSWORD,
            "BORG_BASE_DIR": str(place.folder / "base"),
        },
        _not_on_path("borg"),
        frozenset({"restore"}),
    )


def _lifeboat_database() -> Tool:
    program = lifeboat_program()
    restore = [program, "restore", "db", "latest", "--yes", "--to"]
    return Tool(
        "lifeboat",
        {
            "first backup": lambda place: [program, "backup", "db"],
            "unchanged": lambda place: [program, "backup", "db"],
            "restore": lambda place: [*restore, place.target, "--compare", "counts"],
            "restore, all compared": lambda place: [*restore, with_database(place.target, "restored_too")],
            "verify all": lambda place: [program, "verify", "--level", "full"],
        },
        lambda place: [[program, "init", "--yes"]],
        lambda place: lifeboat_environment(place, "database"),
    )


def _mongodump() -> Tool:
    try:
        sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "servers"))
        from mongo_tools import CannotBuild, find_or_build

        tools = find_or_build()
    except CannotBuild as error:
        return Tool("mongodump --gzip", {}, missing=str(error))
    archive = "--archive"
    return Tool(
        "mongodump --gzip",
        {
            "first backup": lambda place: [
                *(tools.mongodump, "--quiet", "--gzip"),
                *(f"{archive}={place.repository}", f"--uri={place.source}"),
            ],
            "restore": lambda place: [
                *(tools.mongorestore, "--quiet", "--gzip", f"{archive}={place.repository}"),
                *(
                    f"--uri={_without_database(place.target)}",
                    "--nsFrom=bench.*",
                    f"--nsTo={database_of(place.target)}.*",
                ),
            ],
        },
    )


def _bare(kind: str) -> Tool:
    """The same work with nothing around it: what the libraries can do on this machine, today, in this run."""

    def step(act: str) -> Step:
        return lambda place: [sys.executable, BARE, kind, act, place.source, place.repository, place.target]

    steps = {"first backup": step("backup")} | ({"restore": step("restore")} if kind == "database" else {})
    return Tool("bare pipeline (no catalog, no safety)", steps, lambda place: [["mkdir", "-p", place.repository]])


def database_of(uri: str) -> str:
    return uri.split("://", 1)[1].split("/", 1)[1].split("?")[0]


def with_database(uri: str, name: str) -> str:
    address, _, options = uri.partition("?")
    return f"{address.rsplit('/', 1)[0]}/{name}" + (f"?{options}" if options else "")


def _without_database(uri: str) -> str:
    return with_database(uri, "")


def _version(program: str, word: int) -> str:
    if _not_on_path(program):
        return ""
    argument = "version" if program == "restic" else "--version"
    return subprocess.run([program, argument], capture_output=True, text=True, check=True).stdout.split()[word]


def _not_on_path(program: str) -> str:
    return "" if shutil.which(program, path=os.environ.get("PATH")) else f"{program} is not installed"
