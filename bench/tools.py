"""What a tool is to the bench: the commands it takes for the same steps. Which there are: ``file_tools.py``, ``database_tools.py``.

Each step answers with one command line; ``Workplace`` gives every tool a folder of its own, new for each repeat.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

KEY = "00112233445566778899aabbccddeeff" * 2
PASSWORD = "not-a-real-password"
BARE = Path(__file__).parent / "pipeline.py"


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
    helped: Callable[[Workplace], AbstractContextManager[Sequence[int]]] = lambda place: nullcontext(())
    """Starts what works for it in the background, ready when the clock runs; its processes count as the tool."""


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


def bare_pipeline(kind: str) -> Tool:
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
