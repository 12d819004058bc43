"""What can be asked of the application on restored data, as the settings say it (``[[drills.check]]``); and what there is to ask it of."""

from collections.abc import Mapping
from pathlib import Path

from lifeboat.foundation.secret import Secret
from lifeboat.foundation.value import Value, field
from lifeboat.operations.erased import NOTHING_ERASED, Erased

SECONDS = 60.0


class Command(Value):
    """A program that says by its exit status whether it is content. Args: expect_text: Must stand in what it says."""

    name: str
    argv: tuple[str, ...]
    cwd: Path | None = None
    seconds: float = SECONDS
    expect_exit: int = 0
    expect_text: str = ""
    kind: str = "command"


class Service(Value):
    """The application itself, started on the restored data for the checks that follow.

    Args:
        argv: ``{port}`` stands for a free port of this machine, which the variable PORT says too.
        ready: Address that answers once it is up; ``{port}`` in it likewise.
    """

    name: str
    argv: tuple[str, ...]
    ready: str
    cwd: Path | None = None
    seconds: float = SECONDS
    expect_status: int = 200
    kind: str = "service"


class Http(Value):
    """A request and what must come back.

    Args:
        url: ``{port:NAME}`` stands for the port of a service. allow_host: A host besides this machine that may be asked.
        expect_json: Dotted path in the answer to the value that must stand there.
    """

    name: str
    url: str
    method: str = "GET"
    headers: Mapping[str, Secret] = field(default_factory=dict)
    body: str | None = None
    expect_status: int = 200
    expect_text: str = ""
    expect_json: Mapping[str, object] = field(default_factory=dict)
    allow_host: str = ""
    seconds: float = 10.0
    kind: str = "http"


class SignIn(Value):
    """A test user signs in, and what he got opens a second address.

    Args:
        token_field: Dotted path of a bearer token in the answer; empty: cookies are used.
    """

    name: str
    url: str
    user: str
    password: Secret
    form: bool = False
    user_field: str = "email"
    password_field: str = "password"
    expect_status: int = 200
    token_field: str = ""
    then_url: str = ""
    then_status: int = 200
    allow_host: str = ""
    seconds: float = 10.0
    kind: str = "sign-in"


class Query(Value):
    """How many documents fit a filter. Args: collection: as it is stored; filter: Extended JSON."""

    name: str
    collection: str
    filter: str = "{}"
    count: int | None = None
    at_least: int | None = None
    at_most: int | None = None
    seconds: float = SECONDS
    kind: str = "query"


class References(Value):
    """Every file that documents name is there.

    Args:
        field: Dotted; arrays are gone into. root: Folder that relative paths are meant from, as it is live. strip: Taken off the
            front of each value, such as ``/uploads/``.
    """

    name: str
    collection: str
    field: str
    root: Path
    strip: str = ""
    kind: str = "references"


AppCheck = Command | Service | Http | SignIn | Query | References


class Surroundings(Value):
    """What was restored, and where.

    Args:
        uri: Of the server; None: no database was restored.
        folders: Live folder of each tree to where it was restored.
        scratch: A folder for what checks leave behind; it is wiped.
        hidden: Texts that nothing said may repeat.
    """

    uri: Secret | None
    folders: Mapping[Path, Path]
    scratch: Path
    hidden: frozenset[str] = frozenset()
    erased: Erased = NOTHING_ERASED
    ports: Mapping[str, int] = field(default_factory=dict)
