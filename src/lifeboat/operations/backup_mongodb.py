"""Back up a MongoDB server: one instant, every collection a stream of whole documents.

Two collections are read at once, in the order of their names. If a collection is dropped or renamed while the capture
runs, all of it begins anew at a new instant: what was stored already is recognised and costs no second upload.
"""

import json
import struct
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from lifeboat.chunking.cut import Boundary, Cutter, after_document, after_line
from lifeboat.crypto.sealing import Kind
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import SourceError
from lifeboat.foundation.finding import Level
from lifeboat.foundation.progress import Progress
from lifeboat.operations.taking import Taken, Taking, finding_to_json
from lifeboat.repository.streams import StreamWriter, WrittenStream, write_root
from lifeboat.repository.writing import Run, RunAborted
from lifeboat.sources.mongodb.capture import Capture, capture
from lifeboat.sources.mongodb.catalog import CollectionEntry
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.errors import CaptureMoved

TRIES = 4
"""A capture that DDL disturbs begins anew this often; an application that renames every few seconds needs a quiet minute."""
READERS = 2


class DatabaseEmpty(SourceError):
    """There is nothing to back up: more likely a wrong name than an application without data."""

    code = "database-empty"


@dataclass(frozen=True, slots=True)
class _ReadCollection:
    entry: CollectionEntry
    stream: WrittenStream | None
    documents: int


class _CountingBoundary:
    """``after_document`` that also counts the documents of the chunk it just ended."""

    def __init__(self) -> None:
        self.documents = 0

    def __call__(self, buffer: memoryview, start: int, cut: int) -> int:
        stop = after_document(buffer, start, cut)
        if stop >= 0:
            self.documents += count_documents(buffer[start:stop])
        return stop


def count_documents(documents: bytes | memoryview) -> int:
    """How many BSON documents follow each other here."""
    unpack, position, count, end = struct.Struct("<i").unpack_from, 0, 0, len(documents)
    while position < end:
        position += unpack(documents, position)[0]
        count += 1
    return count


def backup_mongodb(
    taking: Taking, client: Client, databases: Sequence[str] | None, *, clock: Clock, progress: Progress
) -> Taken:
    """Take one snapshot of the server.

    Raises:
        SourceError kinds: The server cannot be read, or not as promised.
    """
    for attempt in range(1, TRIES + 1):
        with taking.run() as run:
            try:
                with capture(client, databases, clock=clock) as captured:
                    return _take(taking, run, captured, databases, progress)
            except CaptureMoved as moved:
                if attempt == TRIES:
                    raise
                progress.note(f"{moved.message}; beginning anew at a new instant ({attempt} of {TRIES - 1})")
    raise AssertionError("not reached")


def _take(taking: Taking, run: Run, captured: Capture, databases: Sequence[str] | None, progress: Progress) -> Taken:
    if not captured.collections:
        raise DatabaseEmpty(
            f"there is nothing to back up in {', '.join(databases) if databases else 'this server'}",
            "does MONGODB_URI name the right server and the right database?",
        )
    progress.begin("database", taking.expected_bytes)
    stop = threading.Event()
    with ThreadPoolExecutor(READERS, thread_name_prefix="collection") as pool:
        reading = [
            pool.submit(_read_collection, taking, run, captured, entry, progress, stop)
            for entry in captured.collections
        ]
        collections = _all_or_first_failure(reading, stop)
    streams = [one.stream for one in collections if one.stream is not None]
    streams.append(_write_catalog(taking, run, collections))
    streams.append(_write_documents(run, "users", captured.users()))
    streams.append(_write_documents(run, "roles", captured.roles()))
    details: dict[str, Any] = {
        "server": {
            "version": captured.server.version,
            "set_name": captured.server.set_name,
            "feature_version": captured.server.feature_version,
        },
        "cluster_time": list(captured.cluster_time) if captured.cluster_time else None,
        "databases": sorted({entry.database for entry in captured.collections}),
    }
    findings = captured.findings
    root = write_root(run, streams, details, [finding_to_json(one) for one in findings if one.level is not Level.OK])
    return taking.commit(
        run,
        root,
        instant=captured.instant,
        one_instant=captured.consistent and not any(entry.kind == "capped" for entry in captured.collections),
        total_bytes=sum(stream.total_bytes for stream in streams),
        items=sum(one.documents for one in collections),
        findings=findings,
    )


def _read_collection(
    taking: Taking, run: Run, captured: Capture, entry: CollectionEntry, progress: Progress, stop: threading.Event
) -> _ReadCollection:
    if entry.kind == "view":
        return _ReadCollection(entry, None, 0)
    boundary = _CountingBoundary()
    stream = StreamWriter(run, f"documents/{entry.database}.{entry.stored_as}", Kind.CONTENT)
    for chunk in _cut(taking.cutting_seed, boundary, captured.blocks(entry), progress, stop):
        stream.append(chunk)
    progress.advance(done_items=boundary.documents)
    return _ReadCollection(entry, stream.finish(), boundary.documents)


def _cut(
    seed: int, boundary: Boundary, blocks: Iterator[bytes], progress: Progress, stop: threading.Event
) -> Iterator[memoryview]:
    cutter = Cutter(seed, boundary)
    for block in blocks:
        if stop.is_set():
            raise RunAborted("another collection failed")
        yield from cutter.feed(block)
        progress.advance(len(block))
    yield from cutter.finish()


def write_catalog(
    taking: Taking, run: Run, collections: Sequence[tuple[CollectionEntry, WrittenStream, int]]
) -> WrittenStream:
    """The catalog of collections that were written elsewhere; with each its stream and how many documents are in it."""
    return _write_catalog(taking, run, [_ReadCollection(*one) for one in collections])


def _write_catalog(taking: Taking, run: Run, collections: Sequence[_ReadCollection]) -> WrittenStream:
    stream = StreamWriter(run, "catalog", Kind.LINES)
    cutter = Cutter(taking.cutting_seed, after_line)
    lines = b"".join(_catalog_line(one) for one in collections)
    stream.extend(cutter.feed(lines))
    stream.extend(cutter.finish())
    return stream.finish()


def _catalog_line(one: _ReadCollection) -> bytes:
    value = {
        "database": one.entry.database,
        "collection": one.entry.name,
        "kind": one.entry.kind,
        "documents": one.documents,
        "stream": one.stream.name if one.stream else None,
        "metadata": one.entry.metadata,
    }
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii") + b"\n"


def _write_documents(run: Run, name: str, documents: Sequence[bytes]) -> WrittenStream:
    stream = StreamWriter(run, name, Kind.CONTENT)
    if documents:
        stream.append(b"".join(documents))
    return stream.finish()


def _all_or_first_failure(reading: Sequence["Future[_ReadCollection]"], stop: threading.Event) -> list[_ReadCollection]:
    """All results in order; the first failure ends the others at their next block and is raised."""
    try:
        done, _ = wait(reading, return_when=FIRST_EXCEPTION)
        for one in done:
            one.result()
        return [one.result() for one in reading]
    except BaseException:
        stop.set()
        for one in reading:
            one.cancel()
        raise
