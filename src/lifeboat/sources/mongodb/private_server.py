"""A mongod of our own: for the demo, for drills, and for the tests.

Limits: loopback only, one machine. Own data folder, own port, no socket file, no output to the terminal.

Invariant: nothing is left behind. The processes die with the thread that started them (Linux) and at the latest when
the interpreter ends; the data folder goes when the server is stopped, or with us, however we end. Start it from the main thread.
"""

import atexit
import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote_plus

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from lifeboat.foundation.clock import Clock, SystemClock
from lifeboat.foundation.value import Value, field
from lifeboat.foundation.vanishing_folder import vanishing_folder
from lifeboat.sources.mongodb.errors import MongodFailed, MongodMissing

START_SECONDS = 60.0
"""A cold disk needs some; a healthy start takes 0.7 s."""
POLL_SECONDS = 0.05
_PR_SET_PDEATHSIG = 1


def find_mongod(explicit: str | None) -> Path:
    """Find a ``mongod`` program: the one named, on PATH, or inside an installed wheel.

    Args:
        explicit: What the caller was told (``LIFEBOAT_MONGOD``); wins, and must then exist.
    """
    if explicit:
        named = Path(explicit)
        if os.access(named, os.X_OK) and named.is_file():
            return named
        raise MongodMissing(f"{explicit} is not a program", "does LIFEBOAT_MONGOD name a mongod that can be executed?")
    on_path = shutil.which("mongod")
    if on_path:
        return Path(on_path)
    for folder in dict.fromkeys((sysconfig.get_path("platlib"), sysconfig.get_path("purelib"))):
        for found in sorted(Path(folder).glob("*/**/bin/mongod")):
            if os.access(found, os.X_OK):
                return found
    raise MongodMissing(
        "no mongod found on PATH or in this Python",
        "install MongoDB, or run `make install` in a clone of Lifeboat (Linux x86-64: it brings one), "
        "or set LIFEBOAT_MONGOD to the program",
    )


class TlsFiles(Value):
    """Certificates in PEM; the server's holds its private key too."""

    server: Path
    authority: Path


class ServerOptions(Value):
    """What kind of server.

    Args:
        nodes: Members of the replica set; 0 is a standalone.
        authentication: With access control; the URI then carries a root user with a random password.
        cache_mib: WiredTiger's cache per node; 256 is the smallest it takes.
        oplog_mib: The oplog's size; the default of 5 % of the disk is too much for a guest.
        parameters: More ``--setParameter``, such as ``{"ttlMonitorSleepSecs": "1"}``.
    """

    nodes: int = 1
    authentication: bool = False
    tls: TlsFiles | None = None
    cache_mib: int = 256
    oplog_mib: int = 1024
    parameters: Mapping[str, str] = field(default_factory=dict)


class PrivateServer:
    """A running mongod, or a replica set of them; a context manager.

    Args:
        within: Where the folder with its data is made; else where temporary files go.
    """

    def __init__(
        self,
        mongod: Path,
        options: ServerOptions | None = None,
        *,
        clock: Clock | None = None,
        within: Path | None = None,
    ) -> None:
        self._mongod = mongod
        self._options = options or ServerOptions()
        self._clock = clock or SystemClock()
        self._password = os.urandom(16).hex()
        self._set_name = "lifeboat" if self._options.nodes else None
        self._room = ExitStack()
        self._folder = self._room.enter_context(vanishing_folder("lifeboat-mongod-", within))
        self._nodes: list[_Node] = []
        try:
            self._start_anew()
        except BaseException:
            self.stop()
            raise

    @property
    def uri(self) -> str:
        """Where it listens; with the root user's password when it has access control."""
        return self.uri_for("root", self._password) if self._options.authentication else self.uri_for(None, None)

    @property
    def ports(self) -> list[int]:
        return [node.port for node in self._nodes]

    @property
    def process_ids(self) -> list[int]:
        return [node.process_id for node in self._nodes]

    def uri_for(self, user: str | None, password: str | None, database: str = "") -> str:
        """The address for another user, who is looked up in ``admin``."""
        who = f"{quote_plus(user)}:{quote_plus(password or '')}@" if user else ""
        where = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        options = [f"replicaSet={self._set_name}"] if self._set_name else ["directConnection=true"]
        if user:
            options.append("authSource=admin")
        if self._options.tls:
            options += ["tls=true", f"tlsCAFile={quote_plus(str(self._options.tls.authority))}"]
        return f"mongodb://{who}{where}/{database}?{'&'.join(options)}"

    def kill(self, node: int | None = None) -> None:
        """SIGKILL one node, or all: as if the power had failed."""
        for victim in self._nodes if node is None else [self._nodes[node]]:
            victim.kill()

    def restart(self, node: int | None = None) -> None:
        """Bring back what was killed, with its data, on its port; a running node is ended cleanly first."""
        for again in self._nodes if node is None else [self._nodes[node]]:
            again.end(self._clock)
            again.start()
        for each in self._nodes:
            self._await_answer(each)
        self._await_primary()

    def stop(self) -> None:
        """End it and remove its data; harmless when already stopped."""
        for node in self._nodes:
            node.kill()  # the data goes with it: nothing is worth a clean shutdown
        self._room.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start_anew(self) -> None:
        key_file = self._folder / "keyfile"
        key_file.write_text(os.urandom(32).hex())
        key_file.chmod(0o600)
        for number in range(max(1, self._options.nodes)):
            node = _Node(self._folder / f"node{number}", lambda node: self._command(node, key_file))
            self._nodes.append(node)
            node.start()
        for node in self._nodes:
            self._await_answer(node)
        if self._set_name:
            self._initiate()
        self._await_primary()
        if self._options.authentication:
            self._create_root()

    def _command(self, node: "_Node", key_file: Path) -> list[str]:
        options = self._options
        command = [str(self._mongod), "--dbpath", str(node.data), "--port", str(node.port)]
        command += ["--bind_ip", "127.0.0.1", "--nounixsocket", "--logpath", str(node.log), "--logappend"]
        command += ["--wiredTigerCacheSizeGB", f"{options.cache_mib / 1024:.3f}"]
        parameters = {"diagnosticDataCollectionEnabled": "false", **options.parameters}
        for name, value in parameters.items():
            command += ["--setParameter", f"{name}={value}"]
        if self._set_name:
            command += ["--replSet", self._set_name, "--oplogSize", str(options.oplog_mib)]
        if options.authentication:
            command += ["--keyFile", str(key_file)] if self._set_name else ["--auth"]
        if options.tls:
            command += ["--tlsMode", "requireTLS", "--tlsCertificateKeyFile", str(options.tls.server)]
            command += ["--tlsCAFile", str(options.tls.authority), "--tlsAllowConnectionsWithoutCertificates"]
        return command

    def _client(self, node: "_Node", **more: Any) -> MongoClient[dict[str, Any]]:
        tls = self._options.tls
        if tls:
            more |= {"tls": True, "tlsCAFile": str(tls.authority)}
        return MongoClient(
            "127.0.0.1", node.port, directConnection=True, serverSelectionTimeoutMS=300, socketTimeoutMS=10_000, **more
        )

    def _await_answer(self, node: "_Node") -> None:
        def answers() -> bool:
            if not node.lives():
                raise MongodFailed(f"the private mongod ended at once: {node.last_words()}", _hint_for(node))
            with self._client(node) as client:
                return bool(client.admin.command("ping")["ok"])

        self._wait_until(answers, node)

    def _initiate(self) -> None:
        members = [{"_id": number, "host": f"127.0.0.1:{port}"} for number, port in enumerate(self.ports)]
        settings = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500}
        with self._client(self._nodes[0]) as client:
            client.admin.command("replSetInitiate", {"_id": self._set_name, "members": members, "settings": settings})

    def _await_primary(self) -> None:
        def is_ready() -> bool:
            states = []
            for node in self._nodes:
                with self._client(node) as client:
                    states.append(client.admin.command("hello"))
            return any(state["isWritablePrimary"] for state in states) and all(
                state["isWritablePrimary"] or state.get("secondary") for state in states
            )

        self._wait_until(is_ready, self._nodes[0])

    def _create_root(self) -> None:
        # Until the first user exists, loopback may create it.
        def created() -> bool:
            for node in self._nodes:
                with self._client(node) as client:
                    if client.admin.command("hello")["isWritablePrimary"]:
                        client.admin.command("createUser", "root", pwd=self._password, roles=["root"])
                        return True
            return False

        self._wait_until(created, self._nodes[0])

    def _wait_until(self, reached: Callable[[], bool], node: "_Node") -> None:
        deadline = self._clock.monotonic() + START_SECONDS
        while True:
            try:
                if reached():
                    return
            except PyMongoError:
                pass
            if self._clock.monotonic() > deadline:
                raise MongodFailed(f"the private mongod is not ready after {START_SECONDS:.0f} s", node.last_words())
            self._clock.sleep(POLL_SECONDS)


class _Node:
    """One mongod process and its folder."""

    def __init__(self, folder: Path, command: Callable[["_Node"], list[str]]) -> None:
        self.data = folder / "data"
        self.data.mkdir(parents=True)
        self.log = folder / "mongod.log"
        self.port = _free_port()
        self._said = folder / "said"
        self._make_command = command
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process_id(self) -> int:
        return self._process.pid if self._process else 0

    def start(self) -> None:
        with self._said.open("ab") as said:
            self._process = subprocess.Popen(
                self._make_command(self),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C at the terminal is for us, not for it
                preexec_fn=_die_with_parent,
            )
        atexit.register(self.kill)

    def lives(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            self._process.wait()
        atexit.unregister(self.kill)

    def end(self, clock: Clock) -> None:
        if self._process and self.lives():
            self._process.terminate()
            deadline = clock.monotonic() + START_SECONDS
            while self.lives() and clock.monotonic() < deadline:
                clock.sleep(POLL_SECONDS)
        self.kill()

    def last_words(self) -> str:
        """What it said on its way out: the last line of its output, else of its log."""
        for file in (self._said, self.log):
            with contextlib.suppress(OSError):
                lines = [line for line in file.read_text(errors="replace").splitlines() if line.strip()]
                if lines:
                    return lines[-1][:500]
        return "it said nothing"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _hint_for(node: _Node) -> str:
    if "error while loading shared libraries" in node.last_words():
        return "install the named library (Debian: `apt-get install libcurl4 libssl3 liblzma5`)"
    return "is the disk full, or the folder for temporary files not writable?"


_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
"""Loaded here: between fork and exec is no place for it."""


def _die_with_parent() -> None:
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
