"""Where a drill restores to: a folder and a mongod of its own, or a server that somebody gave for it.

Invariants: nothing is written to a server that is the source's, or that holds anything. What was made is gone in the end, however the drill
ends: folder and mongod vanish with this process (``vanishing_folder``), a given server's databases are dropped by a small process that waits for
our end (``sweeper``). That it is gone is looked at afterwards, not believed.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.secret import Secret
from lifeboat.foundation.vanishing_folder import vanishing_folder
from lifeboat.operations.drill.report import Wiped
from lifeboat.operations.drill.request import StagingRefused
from lifeboat.operations.drill.sweeper import Sweeper, drop_databases
from lifeboat.sources.mongodb.connect import address_of, connect
from lifeboat.sources.mongodb.meaning import in_our_words
from lifeboat.sources.mongodb.private_server import PrivateServer, ServerOptions, find_mongod

NOT_OURS = ("admin", "local", "config")
CACHE_MIB = (256, 1024)
"""A quarter of the memory, within these."""


class Place:
    """A scratch folder, and a server once one is needed. ``wipe`` ends it; so does the end of the process.

    Args:
        within: Where the folder is made; None: where temporary files go.
    """

    def __init__(self, within: Path | None) -> None:
        self._rooms = ExitStack()
        try:
            self.folder = self._rooms.enter_context(vanishing_folder("lifeboat-drill-", within))
        except OSError as error:
            raise StagingRefused(
                f"no scratch folder can be made in {within}: {(error.strerror or str(error)).lower()}",
                "--dir or [drills] folder names a folder that is there, and yours to write",
            ) from error
        self.uri: Secret | None = None
        self.is_private = False
        self.version = ""
        self._server: PrivateServer | None = None
        self._sweeper: Sweeper | None = None
        self._databases: tuple[str, ...] = ()
        self._wiped: list[Wiped] | None = None

    @property
    def files(self) -> Path:
        return self.folder / "files"

    @property
    def described(self) -> str:
        """For people; without a password."""
        if self.uri is None:
            return str(self.folder)
        server = "a mongod of the drill's own" if self.is_private else address_of(self.uri)
        return f"{server}, {self.folder}"

    def start_server(self, mongod: str | None, clock: Clock) -> None:
        """Start a mongod of the drill's own; raises ``MongodMissing``, ``MongodFailed``."""
        self._server = PrivateServer(find_mongod(mongod), _options(), clock=clock, within=self.folder)
        self._rooms.callback(self._server.stop)
        self.uri = Secret(self._server.uri)
        self.is_private = True
        self._look()

    def use_server(self, uri: Secret, source: Secret | None) -> None:
        """Take a server that somebody gave.

        Args:
            source: The server that is protected; None: none is known here.

        Raises:
            StagingRefused: It is the source under whatever name, or holds a database.
        """
        with connect(uri) as client, in_our_words("looking at the server for the drill"):
            hello = client.admin.command("hello")
            found = [name for name in client.list_database_names() if name not in NOT_OURS]
        if source is not None and _same_server(hello, source):
            raise StagingRefused(
                f"{address_of(uri)} is the server that is protected, or one of its set",
                "a drill restores to another server: leave out --to, and one is started for it",
            )
        if found:
            raise StagingRefused(
                f"{address_of(uri)} holds databases: {', '.join(found[:5])}",
                "a drill needs an empty server, which is empty again afterwards; drop what a stopped drill left there, if that is what it is",
            )
        self.uri = uri
        self._look()

    def expect(self, databases: tuple[str, ...]) -> None:
        """These are going to be made on a given server: from now on they are dropped however we end."""
        self._databases = databases
        if self.uri is not None and not self.is_private:
            self._sweeper = Sweeper(self.uri, databases)

    def wipe(self) -> list[Wiped]:
        """Take everything away, look whether it is gone, and say so. May be called again."""
        if self._wiped is None:
            self._wiped = list(self._wipe())
        return self._wiped

    def _wipe(self) -> Iterator[Wiped]:
        items, size = _held(self.folder)
        if self.uri is not None and not self.is_private and self._databases:
            yield self._wipe_given(self.uri)
        server = self._server
        processes, port = ([], 0) if server is None else (server.process_ids, server.ports[0])
        self._rooms.close()
        if server is not None:
            alive = [one for one in processes if _lives(one)]
            answers = _answers(port)
            evidence = f"process {', '.join(map(str, processes))} is {'still there' if alive else 'gone'}, "
            evidence += f"port {port} {'still answers' if answers else 'is closed'}"
            yield Wiped("the drill's own mongod", len(processes), 0, not alive and not answers, evidence)
        gone = not self.folder.exists()
        yield Wiped(str(self.folder), items, size, gone, "the folder is gone" if gone else "the folder is still there")

    def _wipe_given(self, uri: Secret) -> Wiped:
        try:
            left = drop_databases(uri, self._databases)
            evidence = f"listed afterwards: {', '.join(left) if left else 'none of them is there'}"
            return Wiped(f"databases on {address_of(uri)}", len(self._databases), 0, not left, evidence)
        except LifeboatError as error:
            return Wiped(f"databases on {address_of(uri)}", len(self._databases), 0, False, error.message)
        finally:
            if self._sweeper is not None:
                self._sweeper.end()

    def _look(self) -> None:
        assert self.uri is not None
        with connect(self.uri) as client, in_our_words("looking at the server for the drill"):
            self.version = str(client.server_info()["version"])


def _options() -> ServerOptions:
    """With access control: real data lies on it for a while, and other users of this machine must not get in."""
    memory_mib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // (1 << 20)
    return ServerOptions(authentication=True, cache_mib=min(max(memory_mib // 4, CACHE_MIB[0]), CACHE_MIB[1]))


def _same_server(hello: dict[str, Any], source: Secret) -> bool:
    """By what the servers say of themselves: the running process, or the set and its members. Not by names that people gave them."""
    try:
        with connect(source, wait_seconds=5) as client, in_our_words("looking at the protected server"):
            other = client.admin.command("hello")
    except LifeboatError:
        return False  # it cannot be reached; if it is the same, it is not empty
    if hello.get("topologyVersion", {}).get("processId") == other.get("topologyVersion", {}).get("processId"):
        return "topologyVersion" in hello
    one, two = ({*it.get("hosts", ()), *it.get("passives", ())} for it in (hello, other))
    return hello.get("setName") is not None and hello.get("setName") == other.get("setName") and bool(one & two)


def _held(folder: Path) -> tuple[int, int]:
    items = size = 0
    for where, _, names in os.walk(folder):
        for name in names:
            items += 1
            try:
                size += os.lstat(os.path.join(where, name)).st_size
            except OSError:
                continue
    return items, size


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return bool(port) and probe.connect_ex(("127.0.0.1", port)) == 0
