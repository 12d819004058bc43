"""Bring landed collections from the instant they were read at to the end of a window, by ordinary writes.

Limits: only where no unique index but that of ``_id`` exists yet. What was half done is done again without harm. Ordinary collections
take a window of folded writes in any order; a capped one takes them in the order in which its documents were inserted, in
a place whose cap is never reached: else it would push out documents of its own accord. Memory: three folded windows.
"""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bson import Timestamp

from lifeboat.foundation.progress import Progress
from lifeboat.foundation.value import Value
from lifeboat.sources.mongodb.ahead import one_ahead
from lifeboat.sources.mongodb.documents import spans_of
from lifeboat.sources.mongodb.empty_timestamps import has_empty_timestamp
from lifeboat.sources.mongodb.insert_raw import RUN_AT_MOST_BYTES, DocumentRun, batches_of, insert_chunk, not_taken
from lifeboat.sources.mongodb.oplog.change import Change, Element, read_change
from lifeboat.sources.mongodb.oplog.fold import Write, Writes, windows
from lifeboat.sources.mongodb.oplog.statements import delete_statement, statements_apart, update_statement
from lifeboat.sources.mongodb.target_server import MAJORITY, TargetServer

LANES = 2
"""Connections that write a window side by side: a server carries out what comes over one of them one after another, on one core."""
SHARED_FROM_STATEMENTS = 2_000
ID_ALTERED = 66
"""The document that is there has an ``_id`` that is equal to the server and written differently, as ``a`` and ``A`` under a collation."""


class Place(Value):
    """Where the changes of a collection go.

    Args:
        in_order: Inserts stand in the order in which they happened.
        uuid: None for whichever collection has the name.
    """

    database: str
    name: str
    in_order: bool
    uuid: str | None = None


def replay(
    server: TargetServer,
    places: Mapping[bytes, Place],
    chunks: Iterable[bytes],
    progress: Progress,
    births: Mapping[bytes, Timestamp] | None = None,
) -> dict[bytes, int]:
    """Apply the changes of some collections, by UUID; returns how many there were of each.

    Args:
        chunks: Stored changes, whole ones in each chunk; those of other collections are passed over.
        births: By UUID: changes before this are of another collection, and passed over too.

    Raises:
        LandingDiffers: The server does not take a change.
    """
    counts = dict.fromkeys(places, 0)
    for collections in one_ahead(windows(_chosen(chunks, counts, progress, births or {}))):
        for uuid, writes in collections.items():
            _apply(server, places[uuid], writes)
    return counts


def _chosen(
    chunks: Iterable[bytes], counts: dict[bytes, int], progress: Progress, births: Mapping[bytes, Timestamp]
) -> Iterator[Change]:
    for chunk in chunks:
        for begin, end in spans_of(chunk):
            change = read_change(chunk[begin:end])
            if change.uuid in counts and not (change.uuid in births and change.when < births[change.uuid]):
                counts[change.uuid] += 1
                yield change
        progress.advance(len(chunk))


def _apply(server: TargetServer, place: Place, writes: Writes) -> None:
    # Deletes first: an _id that is gone can be equal, to the server, to one that came.
    gone = [key for key, write in writes.items() if write.deleted or _comes_anew(place, write)]
    _delete(server, place, gone)
    changed = [(key, write) for key, write in writes.items() if not write.deleted]
    waiting: list[tuple[Element, Write, bytes]] = []
    for key, write in changed:
        statement = update_statement(key, write)
        if len(statement) <= RUN_AT_MOST_BYTES:
            waiting.append((key, write, statement))
            continue
        if place.in_order:
            _update(server, place, waiting)
            waiting = []
        _update_large(server, place, key, write)
    _update(server, place, waiting)


def _comes_anew(place: Place, write: Write) -> bool:
    """Whether a document must not be written over the one that is there."""
    if place.in_order:
        return write.inserted
    # Secondaries of 6.0 put the clock's time into an empty timestamp of a document that replaces another, and not of one that is inserted.
    return write.whole is not None and has_empty_timestamp(write.whole)


def _delete(server: TargetServer, place: Place, keys: list[Element]) -> None:
    statements = b"".join(map(delete_statement, keys))
    for batch in batches_of(statements):
        answer = server.repeat(lambda batch=batch: _send(server, place, "delete", "deletes", batch))  # type: ignore[misc]
        for error in answer.get("writeErrors") or []:
            raise not_taken(f"{place.database}.{place.name}", "a change", error)
        server.progressed()


def _update(server: TargetServer, place: Place, waiting: list[tuple[Element, Write, bytes]]) -> None:
    if place.in_order or len(waiting) < SHARED_FROM_STATEMENTS:
        _update_one_by_one(server, place, waiting)
        return
    # Each document has one write in a window, so they may come in any order, and beside each other.
    share = -(-len(waiting) // LANES)
    parts = [waiting[begin : begin + share] for begin in range(0, len(waiting), share)]
    with ThreadPoolExecutor(LANES, thread_name_prefix="replay") as pool:
        for lane in [pool.submit(_update_one_by_one, server, place, part) for part in parts]:
            lane.result()


def _update_one_by_one(server: TargetServer, place: Place, waiting: list[tuple[Element, Write, bytes]]) -> None:
    at = 0
    while at < len(waiting):
        for batch in batches_of(b"".join(statement for _, _, statement in waiting[at:])):
            sent = sum(1 for run in batch for _ in spans_of(run))
            answer = server.repeat(lambda batch=batch: _send(server, place, "update", "updates", batch))  # type: ignore[misc]
            server.progressed()
            errors = answer.get("writeErrors") or []
            for error in errors:
                _update_altered(server, place, waiting[at + int(error["index"])], error)
            if place.in_order and errors:
                # Nothing behind the first error was carried out.
                at += int(errors[-1]["index"]) + 1
                break
            at += sent


def _update_altered(
    server: TargetServer, place: Place, one: tuple[Element, Write, bytes], error: Mapping[str, Any]
) -> None:
    """Write a document in place of one whose ``_id`` is equal to the server and written differently; raises other errors."""
    key, write, statement = one
    if error.get("code") != ID_ALTERED or write.whole is None:
        raise not_taken(f"{place.database}.{place.name}", "a change", error)
    _delete(server, place, [key])
    again = server.repeat(lambda: _send(server, place, "update", "updates", [statement]))
    for trouble in again.get("writeErrors") or []:
        raise not_taken(f"{place.database}.{place.name}", "a change", trouble)


def _update_large(server: TargetServer, place: Place, key: Element, write: Write) -> None:
    """A write too large for one statement: the document as it is stored, then its diffs."""
    if write.whole is not None:
        _delete(server, place, [key])
        insert_chunk(server, place.database, place.name, write.whole, uuid=place.uuid)
    _update(server, place, [(key, Write(diffs=[]), statement) for statement in statements_apart(key, write)])


def _send(server: TargetServer, place: Place, command: str, holder: str, batch: list[bytes]) -> Any:
    statements: dict[str, Any] = {holder: [DocumentRun(run) for run in batch]}
    if command == "update":
        statements["bypassDocumentValidation"] = True
    return server.write(
        place.database,
        f"replaying changes into {place.database}.{place.name}",
        command,
        place.name,
        ordered=place.in_order,
        writeConcern=MAJORITY,
        uuid=place.uuid,
        **statements,
    )
