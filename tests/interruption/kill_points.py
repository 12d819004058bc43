"""The process that is killed: a real one, which counts everything that leaves a trace and dies by SIGKILL at a chosen count.

What counts, before and after each: a call of the store, a command that writes to the database, a rename, link or removal of a file.
Nothing of Lifeboat is replaced: its store is held by one that counts, the driver's own events and the system calls are listened to.

Limits: imported in a fork server, so that a kill costs a fork and not a start of the interpreter.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from botocore.client import BaseClient
from kill_actions import ACTIONS
from pymongo import monitoring

import lifeboat.app.build as build
import lifeboat.app.restoring  # noqa: F401  (imported once here instead of in every child)
from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.read_settings import read_settings
from lifeboat.storage.faults import Call, Passing
from lifeboat.storage.object_store import Content, ObjectStore, StoredObject

SERVER_WRITES = {
    "insert",
    "update",
    "delete",
    "findAndModify",
    "create",
    "createIndexes",
    "collMod",
    "drop",
    "dropIndexes",
    "dropDatabase",
    "renameCollection",
    "applyOps",
    "convertToCapped",
    "_mergeAuthzCollections",
    "createUser",
    "dropUser",
    "dropRole",
}
FILE_ACTS = ("rename", "replace", "link", "symlink", "unlink", "remove", "rmdir", "mkdir")


@dataclass(frozen=True)
class Doing:
    """What the process does.

    Args:
        kill_at: Dies at this point, counted from 1; None: never.
        log: Gets a line for each point that was reached.
        ahead: How far the store's clock is ahead of this machine's.
    """

    action: str
    environment: Mapping[str, str]
    folder: Path
    kill_at: int | None
    log: Path
    ahead: timedelta = timedelta()


class Points:
    """Counts the points and dies at the chosen one."""

    def __init__(self, kill_at: int | None, log: Path) -> None:
        self._kill_at = kill_at
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._count = 0
        self._lock = threading.Lock()

    def reach(self, name: str) -> None:
        with self._lock:
            self._count += 1
            os.write(self._log, f"{name}\n".encode("utf-8", "surrogateescape"))
            if self._count == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(60)  # not reached: the signal takes the whole process


class StoreAhead(Passing):
    """A directory whose clock is ahead of this machine's: months pass without waiting."""

    def __init__(self, inner: ObjectStore, ahead: timedelta) -> None:
        super().__init__(inner)
        self._ahead = ahead

    def write(self, name: str, content: Content) -> None:
        super().write(name, content)
        self._stamp(name)

    def copy_within(self, name: str, to_name: str) -> str | None:
        told = super().copy_within(name, to_name)
        self._stamp(to_name)
        return told

    def _stamp(self, name: str) -> None:
        if self._ahead:
            stamp = time.time() + self._ahead.total_seconds()
            os.utime(Path(self.inner.describe()) / name, (stamp, stamp))

    def time_there(self) -> datetime:
        return super().time_there() + self._ahead


class CountedStore(Passing):
    """A store whose every call is two points."""

    def __init__(self, inner: ObjectStore, points: Points) -> None:
        super().__init__(inner)
        self._points = points

    def _around(self, call: Call, effect: Callable[[], Any]) -> Any:
        self._points.reach(f"before store {call.kind} {call.name}")
        answer = effect()
        self._points.reach(f"after store {call.kind} {call.name}")
        return answer

    def _around_list(self, call: Call, effect: Callable[[], Iterator[StoredObject]]) -> Iterator[StoredObject]:
        self._points.reach(f"before store list {call.name}")
        yield from effect()


class ServerWrites(monitoring.CommandListener):
    """Two points for every command that writes."""

    def __init__(self, points: Points) -> None:
        self._points = points

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name in SERVER_WRITES:
            self._points.reach(f"before server {event.command_name}")

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        if event.command_name in SERVER_WRITES:
            self._points.reach(f"after server {event.command_name}")

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        self.succeeded(event)  # type: ignore[arg-type]


def run(doing: Doing) -> None:
    """The child's whole life."""
    points = Points(doing.kill_at, doing.log)
    real_open = build.open_store

    def open_counted(*arguments: Any, **named: Any) -> ObjectStore:
        return CountedStore(StoreAhead(real_open(*arguments, **named), doing.ahead), points)

    os.environ.update({name: value for name, value in doing.environment.items() if name.startswith("LIFEBOAT_TEST_")})
    build.open_store = open_counted
    monitoring.register(ServerWrites(points))
    for act in FILE_ACTS:
        _count_act(points, act)
    if "AWS_ENDPOINT_URL" in doing.environment:
        _count_requests(points)
    lifeboat = Lifeboat(read_settings(None, doing.environment, doing.folder))
    ACTIONS[doing.action](lifeboat)


def _count_requests(points: Points) -> None:
    """Two points for every request to S3: what reads versions goes past the store's own calls."""
    real = BaseClient._make_api_call

    def counted(self: Any, operation: str, arguments: Any) -> Any:
        points.reach(f"before s3 {operation} {arguments.get('Key', '')}")
        answer = real(self, operation, arguments)
        points.reach(f"after s3 {operation} {arguments.get('Key', '')}")
        return answer

    BaseClient._make_api_call = counted


def _count_act(points: Points, act: str) -> None:
    real = getattr(os, act)
    said = "rename" if act == "replace" else act

    def counted(*arguments: Any, **named: Any) -> Any:
        points.reach(f"before file {said} {arguments[0]!r}")
        answer = real(*arguments, **named)
        points.reach(f"after file {said} {arguments[0]!r}")
        return answer

    setattr(os, act, counted)
