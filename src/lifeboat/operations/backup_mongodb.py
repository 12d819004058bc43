"""Back up a MongoDB server: one instant, every collection a stream of whole documents.

If a collection is dropped or renamed while the capture runs and this user may not follow it through the oplog, all of it begins anew
at a new instant: what was stored already is recognised and costs no second upload.
"""

import json
import threading
from collections.abc import Sequence
from typing import Any

from lifeboat.chunking.cut import Cutter, after_line
from lifeboat.crypto.sealing import Kind
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import SourceError
from lifeboat.foundation.finding import Level
from lifeboat.foundation.progress import Progress
from lifeboat.operations.dump_mongodb import Dump, dump
from lifeboat.operations.last_instant import remember_instant
from lifeboat.operations.read_collections import AfterBlock, CollectionReader, ReadCollection, go_on
from lifeboat.operations.taking import Taken, Taking, finding_to_json
from lifeboat.repository.streams import StreamWriter, WrittenStream, write_root
from lifeboat.repository.writing import Run
from lifeboat.sources.mongodb.capture import Capture, capture
from lifeboat.sources.mongodb.catalog import CollectionEntry
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.errors import CaptureMoved
from lifeboat.sources.mongodb.target_server import TargetServer

TRIES = 4
"""A capture that DDL disturbs begins anew this often; an application that renames every few seconds needs a quiet minute."""


class DatabaseEmpty(SourceError):
    """There is nothing to back up: more likely a wrong name than an application without data."""

    code = "database-empty"


def backup_mongodb(
    taking: Taking,
    client: Client,
    databases: Sequence[str] | None,
    *,
    clock: Clock,
    progress: Progress,
    after_block: AfterBlock = go_on,
) -> Taken:
    """Take one snapshot of the server.

    Args:
        after_block: Called after each block of documents that was read.

    Raises:
        SourceError kinds: The server cannot be read, or not as promised.
    """

    def look() -> Capture:
        with capture(client, databases, clock=clock) as captured:
            return captured

    server = TargetServer(client, clock=clock, progress=progress)
    for attempt in range(1, TRIES + 1):
        with taking.run() as run:
            try:
                reader = CollectionReader(taking, run, server, progress, threading.Event(), after_block)
                return _take(taking, run, server.repeat(look), reader)
            except CaptureMoved as moved:
                if attempt == TRIES:
                    raise
                progress.note(f"{moved.message}; beginning anew at a new instant ({attempt} of {TRIES - 1})")
    raise AssertionError("not reached")


def _take(taking: Taking, run: Run, captured: Capture, reader: CollectionReader) -> Taken:
    _refuse_nothing(captured)
    reader.progress.begin("database", taking.expected_bytes)
    done = dump(captured, reader)
    _refuse_nothing(done.capture)  # all of it may have been dropped meanwhile
    streams = [one.stream for one in done.collections if one.stream is not None]
    streams.append(_write_catalog(taking, run, done.collections))
    streams.append(_write_documents(run, "users", done.capture.users()))
    streams.append(_write_documents(run, "roles", done.capture.roles()))
    if done.oplog is not None:
        streams.append(done.oplog)
    findings = done.capture.findings
    said = [finding_to_json(one) for one in findings if one.level is not Level.OK]
    root = write_root(run, streams, _details(done), said)
    taken = taking.commit(
        run,
        root,
        instant=done.capture.instant,
        one_instant=done.one_instant,
        total_bytes=sum(stream.total_bytes for stream in streams),
        items=sum(one.documents for one in done.collections),
        findings=findings,
    )
    remember_instant(taking.repository.state, taken.record, done.capture.cluster_time, captured.databases)
    return taken


def _refuse_nothing(captured: Capture) -> None:
    if all(entry.is_temporary for entry in captured.collections):
        raise DatabaseEmpty(
            f"there is nothing to back up in {', '.join(captured.databases) if captured.databases else 'this server'}",
            "does MONGODB_URI name the right server and the right database?",
        )


def _details(done: Dump) -> dict[str, Any]:
    server, time = done.capture.server, done.capture.cluster_time
    details: dict[str, Any] = {
        "server": {
            "version": server.version,
            "set_name": server.set_name,
            "feature_version": server.feature_version,
        },
        "cluster_time": list(time) if time else None,
        "databases": sorted({one.entry.database for one in done.collections}),
    }
    if done.window_from and time:
        details["window"] = {"from": list(done.window_from), "to": list(time), "changes": done.changes}
    return details


def write_catalog(
    taking: Taking,
    run: Run,
    collections: Sequence[tuple[CollectionEntry, WrittenStream | None, int]],
    *,
    later: bool = False,
) -> WrittenStream:
    """The catalog of collections that were written elsewhere; with each its stream and how many documents are in it.

    Args:
        later: Documents were read while they changed.
    """
    return _write_catalog(
        taking, run, [ReadCollection(*one, later=later and one[1] is not None) for one in collections]
    )


def _write_catalog(taking: Taking, run: Run, collections: Sequence[ReadCollection]) -> WrittenStream:
    stream = StreamWriter(run, "catalog", Kind.LINES)
    cutter = Cutter(taking.cutting_seed, after_line)
    lines = b"".join(_catalog_line(one) for one in collections)
    stream.extend(cutter.feed(lines))
    stream.extend(cutter.finish())
    return stream.finish()


def _catalog_line(one: ReadCollection) -> bytes:
    value = {
        "database": one.entry.database,
        "collection": one.entry.name,
        "kind": one.entry.kind,
        "documents": one.documents,
        "stream": one.stream.name if one.stream else None,
        "metadata": one.entry.metadata,
        **({"later": True} if one.later else {}),
    }
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii") + b"\n"


def _write_documents(run: Run, name: str, documents: Sequence[bytes]) -> WrittenStream:
    stream = StreamWriter(run, name, Kind.CONTENT)
    if documents:
        stream.append(b"".join(documents))
    return stream.finish()
