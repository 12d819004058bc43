"""The journal's file: opened for each use, safe from several processes, moved aside when it is damaged.

Invariant: nothing here raises. A journal that cannot be read or written (a full disk, a read-only folder, a damaged file, one of a
newer Lifeboat) costs what it would have remembered and nothing else; ``trouble`` says why.
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

VERSION = 1
BUSY_SECONDS = 5.0
"""Others write for milliseconds; who waits longer than this goes on without."""

_SCHEMA = """
CREATE TABLE runs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, label TEXT NOT NULL, slot TEXT, began TEXT NOT NULL, ended TEXT,
    status INTEGER, error TEXT, report TEXT, process TEXT NOT NULL, begun_by TEXT NOT NULL, origin TEXT UNIQUE);
CREATE INDEX runs_by_time ON runs (began);
CREATE INDEX runs_by_job ON runs (job, began);
CREATE INDEX runs_open ON runs (began) WHERE ended IS NULL;
CREATE TABLE sizes (
    snapshot TEXT PRIMARY KEY, time TEXT NOT NULL, source TEXT NOT NULL, label TEXT NOT NULL, bytes INTEGER NOT NULL, items INTEGER NOT NULL,
    stored INTEGER NOT NULL, complete INTEGER NOT NULL);
CREATE INDEX sizes_by_source ON sizes (source, time);
CREATE TABLE alerts (
    number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, rule TEXT NOT NULL, severity TEXT NOT NULL, subject TEXT NOT NULL,
    facts TEXT NOT NULL, opened TEXT NOT NULL, told TEXT, times_told INTEGER NOT NULL DEFAULT 0, closed TEXT, recovery_told TEXT);
CREATE UNIQUE INDEX alerts_open ON alerts (key) WHERE closed IS NULL;
CREATE INDEX alerts_by_time ON alerts (opened);
CREATE TABLE kept (key TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_DAMAGED = ("malformed", "not a database", "disk image", "no such table", "no such column", "unsupported file format")

Answer = TypeVar("Answer")


class Database:
    """One file. Connections live for one use: so threads, forks and a file that was moved aside need no thought.

    Args:
        path: In a folder of this user alone; made at the first use, 0600.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.trouble: str | None = None
        """Why the last use did nothing; None when it worked."""
        self.notes: list[str] = []
        """What happened to the file, for people."""

    def look(self, work: Callable[[sqlite3.Connection], Answer], otherwise: Answer) -> Answer:
        """Read in one transaction, beside whoever writes."""
        return self.use(work, otherwise, begin="BEGIN")

    def use(
        self, work: Callable[[sqlite3.Connection], Answer], otherwise: Answer, *, begin: str = "BEGIN IMMEDIATE"
    ) -> Answer:
        """Do something in one transaction, or not at all."""
        for is_last in (False, True):
            try:
                answer = self._use(work, begin)
                self.trouble = None
                return answer
            except sqlite3.Error as error:
                self.trouble = f"{self.path}: {error}"
                if is_last or not _is_damage(error) or not self._move_aside():
                    break
            except (OSError, ValueError, TypeError, OverflowError, RecursionError, _Newer) as error:
                # Not only the disk's: what lies in a damaged row may be anything.
                self.trouble = f"{self.path}: {getattr(error, 'strerror', None) or error}"
                break
        return otherwise

    def _use(self, work: Callable[[sqlite3.Connection], Answer], begin: str) -> Answer:
        # sqlite would make it readable for others; its side files take their modes from it.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        with closing(sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = NORMAL")
            if not _is_made(connection):
                # One at a time: the change to WAL does not wait for others, it fails.
                with self._alone():
                    _make_tables(connection)
            connection.execute(begin)
            try:
                answer = work(connection)
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
            return answer

    def _move_aside(self) -> bool:
        """Give way to a new file; the damaged one stays beside it, for whoever wants to look. One such is kept."""
        with self._alone():
            if self._is_sound():
                return True  # another process was faster
            aside = self.path.with_name(f"{self.path.name}.damaged")
            try:
                for end in ("-wal", "-shm"):
                    self.path.with_name(self.path.name + end).unlink(missing_ok=True)
                os.replace(self.path, aside)
            except OSError:
                return False
        self.notes.append(f"the journal was damaged: it lies in {aside} now, and a new one was begun")
        return True

    def _is_sound(self) -> bool:
        try:
            with closing(sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
                (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
                for table in ("runs", "sizes", "alerts", "kept") if _is_made(connection) else ():
                    connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()
                return bool(found == "ok")
        except (sqlite3.Error, OSError):
            return False

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            descriptor = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            yield
            return
        try:
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


class _Newer(Exception):
    pass


def _is_made(connection: sqlite3.Connection) -> bool:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise _Newer(f"written by a newer Lifeboat (journal version {version})")
    return bool(version == VERSION)


def _make_tables(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    if not _is_made(connection):
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _is_damage(error: sqlite3.Error) -> bool:
    return any(word in str(error) for word in _DAMAGED)
