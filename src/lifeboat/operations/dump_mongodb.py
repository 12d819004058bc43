"""Read all of a server into streams, as of one instant: T if all can be read at T, else the end of a window (``sources/mongodb/window``).

Rounds: the collections of the catalog at T; then, if anything was read later than T or could not be read, those
that the catalog of a later instant names and that were not read yet; until nothing is missing. Two collections are read at
once; a third thread copies the oplog as soon as, and only if, a window is needed.
"""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from lifeboat.chunking.cut import Cutter, after_document
from lifeboat.crypto.sealing import Kind
from lifeboat.foundation.value import Value
from lifeboat.operations.read_collections import CollectionReader, ReadCollection
from lifeboat.repository.streams import StreamWriter, WrittenStream
from lifeboat.sources.mongodb.capture import Capture
from lifeboat.sources.mongodb.catalog import CollectionEntry
from lifeboat.sources.mongodb.errors import CaptureMoved, CaptureTooSlow
from lifeboat.sources.mongodb.meaning import OPLOG_HINT
from lifeboat.sources.mongodb.oplog.read import may_read_oplog
from lifeboat.sources.mongodb.window import Window

READERS = 2
ROUNDS_AT_MOST = 30
MOVES_AT_MOST = 20
"""A collection that is renamed or replaced more often than this while it is read once needs a quiet minute."""
LOOK_EVERY_SECONDS = 1.0
HELD_AT_MOST_SECONDS = 30.0
"""The copying stands still while what a later catalog adds is read, so that its instant can be the end; not for
long, because the oplog does not stand still."""


class Dump(Value):
    """All that was read.

    Args:
        capture: What is the instant of all of it: of T, or of the end of the window.
        window_from: T, when there was a window. oplog: The changes since; None when there were none.
    """

    capture: Capture
    collections: tuple[ReadCollection, ...]
    window_from: tuple[int, int] | None = None
    oplog: WrittenStream | None = None
    changes: int = 0

    @property
    def one_instant(self) -> bool:
        if not self.capture.consistent:
            return False
        return self.window_from is not None or not any(one.entry.kind == "capped" for one in self.collections)


def dump(captured: Capture, reader: CollectionReader) -> Dump:
    """Read everything the capture names.

    Raises:
        CaptureMoved, CaptureTooSlow: It cannot be read at T, and this user may not follow the oplog.
        OplogGap, OplogNotFollowed.
    """
    return _Dumping(captured, reader).all_of_it()


class _Dumping:
    """The state of one dump."""

    def __init__(self, captured: Capture, reader: CollectionReader) -> None:
        self._first = captured
        self._reader = reader
        self._note = reader.progress.note
        self._read: dict[bytes, ReadCollection] = {}
        self._window: Window | None = None
        self._copying: Future[WrittenStream] | None = None
        self._opening = threading.Lock()
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="oplog")

    def all_of_it(self) -> Dump:
        with self._stopping_on_failure():
            capped = [entry for entry in self._first.collections if entry.kind == "capped"]
            if capped and self._first.time and may_read_oplog(self._first.client):
                self._open_window()
            # Those that only a window makes exact come first: then it is short where nothing else needs one.
            others = [entry for entry in self._first.collections if entry.kind not in ("capped", "view")]
            self._read_together([*capped, *others], self._first)
            captured = self._first if self._window is None else self._until_nothing_is_missing(self._window)
            collections = tuple(self._as_it_is_called(entry) for entry in captured.collections)
            if self._window is None or self._copying is None:
                return Dump(captured, collections)
            self._window.copy.end()
            oplog = self._copying.result()
            start = self._window.start
            changes = self._window.copy.changes
            return Dump(captured, collections, (start.time, start.inc), oplog if changes else None, changes)

    def _until_nothing_is_missing(self, window: Window) -> Capture:
        for _ in range(ROUNDS_AT_MOST):
            captured = self._reader.server.repeat(window.capture_again)
            missing = [entry for entry in captured.collections if entry.uuid and entry.uuid not in self._read]
            if self._read_together(missing, captured):
                return captured
            window.go_on(missing)
        raise CaptureMoved(
            "collections are being created or replaced all the time: the backup never has all of them",
            "does a job recreate collections without pause? Run the backup when it rests",
        )

    def _read_together(self, entries: Sequence[CollectionEntry], captured: Capture) -> bool:
        """Read them, two at a time; whether each was read as of the capture's instant, and that can be the end."""
        with ThreadPoolExecutor(READERS, thread_name_prefix="collection") as pool:
            reading = [pool.submit(self._read_one, entry, captured) for entry in entries]
            try:
                exact = self._watch(reading, entries)
            except BaseException:
                self._reader.stop.set()
                for one in reading:
                    one.cancel()
                raise
        results = [one.result() for one in reading]
        for entry, result in zip(entries, results, strict=True):
            if result is not None:
                self._read[entry.uuid] = result
        return exact and all(result is not None and not result.later for result in results)

    def _watch(self, reading: Sequence["Future[ReadCollection | None]"], entries: Sequence[CollectionEntry]) -> bool:
        """Wait for them; the first failure is raised. False if the copying could not stand still for so long."""
        pending: set[Future[Any]] = set(reading)
        began, exact = self._reader.server.clock.monotonic(), True
        while pending:
            watched = pending | ({self._copying} if self._copying else set())
            done, _ = wait(watched, timeout=LOOK_EVERY_SECONDS, return_when=FIRST_COMPLETED)
            for one in done:
                one.result()
            pending -= done
            is_held = self._window is not None and self._window.copy.is_held
            if (
                self._window is not None
                and is_held
                and self._reader.server.clock.monotonic() - began > HELD_AT_MOST_SECONDS
            ):
                self._window.go_on(entries)
                exact = False
        return exact

    def _read_one(self, entry: CollectionEntry, captured: Capture) -> ReadCollection | None:
        """None when it was dropped meanwhile: what has its name then is another, and named by a later catalog."""
        if entry.kind == "capped" and captured.time:
            if self._window is None:
                return self._reader.read(entry, lambda: captured.blocks(entry), later=False)
            return self._read_later(entry, self._window)
        try:
            return self._reader.read(entry, lambda: captured.blocks(entry), later=False)
        except CaptureTooSlow as trouble:
            window = self._window_because_of(trouble)
            self._note(
                f"{entry.namespace}: the server's history does not reach back to the beginning any more; "
                "reading it again as it is, and following it through the oplog"
            )
            return self._read_later(entry, window)
        except CaptureMoved as trouble:
            window = self._window_because_of(trouble)
            present = self._reader.server.repeat(lambda: window.now_called(entry))
            self._note(_what_happened(entry, present))
            return self._read_later(present, window) if present else None

    def _read_later(self, entry: CollectionEntry, window: Window) -> ReadCollection | None:
        present: CollectionEntry | None = entry
        for _ in range(MOVES_AT_MOST):
            if present is None:
                return None
            try:
                return self._reader.read(present, lambda present=present: window.blocks(present), later=True)  # type: ignore[misc]
            except CaptureMoved:
                before = present
                present = self._reader.server.repeat(lambda before=before: window.now_called(before))  # type: ignore[misc]
                self._note(_what_happened(before, present))
        raise CaptureMoved(
            f"{entry.namespace} is renamed or overtaken all the time: it could not be read once from beginning to end",
            "does a job rename it without pause, or is it a capped collection too small for what is written to it?",
        )

    def _window_because_of(self, trouble: CaptureMoved | CaptureTooSlow) -> Window:
        may_follow = self._first.time and self._reader.server.repeat(lambda: may_read_oplog(self._first.client))
        if not may_follow:
            hint = OPLOG_HINT if self._first.time else trouble.hint
            if isinstance(trouble, CaptureTooSlow):
                hint = f"{hint}; or {trouble.hint}"
            raise type(trouble)(trouble.message, hint) from trouble
        with self._opening:
            return self._window or self._open_window()

    def _open_window(self) -> Window:
        window = Window(self._first, clock=self._reader.server.clock)
        self._copying = self._beside.submit(self._copy, window)
        self._window = window
        return window

    def _copy(self, window: Window) -> WrittenStream:
        stream = StreamWriter(self._reader.run, "oplog", Kind.CONTENT)
        cutter = Cutter(self._reader.taking.cutting_seed, after_document)
        try:
            for block in window.copy.blocks():
                stream.extend(cutter.feed(block))
            stream.extend(cutter.finish())
            return stream.finish()
        except BaseException as failure:
            self._reader.stop.set()
            window.copy.fail(failure)
            raise

    def _as_it_is_called(self, entry: CollectionEntry) -> ReadCollection:
        """What was read of a collection, under the name and with the options of the end."""
        if not entry.uuid:
            return ReadCollection(entry, None, 0)
        read = self._read[entry.uuid]
        assert read.stream is not None
        return replace(
            read, entry=entry, stream=replace(read.stream, name=f"documents/{entry.database}.{entry.stored_as}")
        )

    @contextmanager
    def _stopping_on_failure(self) -> Iterator[None]:
        """However it ends, no thread goes on; a copy that failed is the reason, not that others were stopped for it."""
        try:
            yield
        except BaseException:
            self._reader.stop.set()
            if self._copying is not None and self._copying.done() and (cause := self._copying.exception()) is not None:
                raise cause from None
            raise
        finally:
            if self._window is not None:
                self._window.copy.end()
            self._beside.shutdown(wait=True)


def _what_happened(entry: CollectionEntry, present: CollectionEntry | None) -> str:
    if present is None:
        return f"{entry.namespace} was dropped or replaced while it was read; what has its name at the end is backed up"
    if present.name != entry.name:
        return f"{entry.namespace} was renamed to {present.name} while it was read; following it through the oplog"
    return f"{entry.namespace} was changed while it was read; reading it again, and following it through the oplog"
