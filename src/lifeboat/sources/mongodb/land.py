"""Bring one collection down beside the live data, and prove that what landed is what was captured.

Order: create empty, insert, then build indexes while the documents are read back and compared. Nothing here
touches a live collection. Memory: one chunk for each inserting thread, one batch for the comparison.
"""

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress, Silent
from lifeboat.foundation.value import Value
from lifeboat.sources.mongodb.any_name import collection_of
from lifeboat.sources.mongodb.blueprint import (
    cap_change,
    create_options,
    differing_indexes,
    indexes_to_build,
    same_options,
    with_room_for,
)
from lifeboat.sources.mongodb.catalog import BUCKETS, CollectionEntry, Document
from lifeboat.sources.mongodb.documents import Tally, count_of, tally_of
from lifeboat.sources.mongodb.errors import DatabaseRefused, LandingDiffers
from lifeboat.sources.mongodb.insert_raw import insert_chunk
from lifeboat.sources.mongodb.landing import Landing
from lifeboat.sources.mongodb.meaning import in_our_words
from lifeboat.sources.mongodb.series_land import count_same_indexes, make_room_for_series
from lifeboat.sources.mongodb.series_shape import series_options
from lifeboat.sources.mongodb.side_by_side import both, together
from lifeboat.sources.mongodb.target_server import MAJORITY, TargetServer, uuid_in

ReadChunks = Callable[[CollectionEntry], Iterator[bytes]]

LANDINGS_AT_MOST = 3
RUN_IT_AGAIN = "nothing live was touched; run the restore again, and if it says so again, do not trust this target"


class How(Value):
    """Args: full: compare every byte, not counts alone; threads: inserting at once (one for capped collections)."""

    full: bool
    threads: int
    progress: Progress


class Landed(Value):
    """What lies beside the live data now, compared. Args: uuid: of the landed collection, as hex."""

    uuid: str
    tally: Tally
    findings: tuple[Finding, ...] = ()


@dataclass(slots=True)
class _Stream:
    """What passed by: its tally, and for a capped collection its order too."""

    count: Callable[[bytes], Tally]
    order: Any = None
    tally: Tally = field(default_factory=Tally)

    @classmethod
    def watch(cls, entry: CollectionEntry, how: How) -> "_Stream":
        in_order = how.full and entry.kind == "capped"
        return cls(tally_of if how.full else count_of, hashlib.sha256() if in_order else None)

    def pass_by(self, block: bytes) -> None:
        self.tally += self.count(block)
        if self.order is not None:
            self.order.update(block)

    def leave_out(self, documents: list[bytes]) -> None:
        """What the target did not take because the stream holds its ``_id`` twice; the order is then not the stream's."""
        if documents:
            self.tally -= self.count(b"".join(documents))
            self.order = None

    def is_like(self, other: "_Stream") -> bool:
        unordered = self.order is None or other.order is None
        return self.tally == other.tally and (unordered or self.order.digest() == other.order.digest())


def land(
    server: TargetServer,
    landing: Landing,
    read_chunks: ReadChunks,
    how: How,
    *,
    documents_only: bool = False,
    may_repeat: bool = False,
) -> Landed:
    """Land one collection.

    Where what landed differs and the server was away meanwhile, it lands once more from the beginning: an order given
    to a server that froze can still be carried out when that wakes up, after the same order was given again.

    Args:
        documents_only: Its changes come next, then ``finish_landing``; with unique indexes these could not come.
        may_repeat: It was read while it changed: the stream may hold a document that was deleted and inserted again twice.

    Raises:
        LandingDiffers: What landed is not what was captured.
    """
    once = _land_documents if documents_only else _land_whole
    for _ in range(LANDINGS_AT_MOST - 1):
        troubles = server.troubles
        try:
            return once(server, landing, read_chunks, how, may_repeat)
        except LandingDiffers as differs:
            if server.troubles == troubles:
                raise
            how.progress.note(f"{differs.message}, and the database was away meanwhile; landing it once more")
    return once(server, landing, read_chunks, how, may_repeat)


def finish_landing(server: TargetServer, landing: Landing, landed: Landed) -> Landed:
    """Build the indexes of what landed without them, compare its options, count it anew."""
    findings = _build_indexes(server, landing)
    _compare_shape(server, landing, landed.uuid, {finding.hurts[0] for finding in findings})
    counted = _read_back(server, landing, How(full=False, threads=1, progress=Silent()))
    return Landed(landed.uuid, replace(landed.tally, documents=counted.tally.documents), tuple(findings))


def _land_documents(
    server: TargetServer, landing: Landing, read_chunks: ReadChunks, how: How, may_repeat: bool
) -> Landed:
    uuid = _begin(server, landing)
    sent = _load(server, landing, uuid, read_chunks, how, may_repeat)
    there = _read_back(server, landing, how)
    if not (there.is_like(sent) if how.full else there.tally.documents == sent.tally.documents):
        raise _differs(landing, sent.tally, there.tally)
    return Landed(uuid, sent.tally)


def _begin(server: TargetServer, landing: Landing, holding: Tally | None = None) -> str:
    server.repeat(lambda: _make_room(server, landing, holding))
    uuid = server.uuid_behind(landing.database, landing.temporary)
    if uuid is None:
        raise LandingDiffers(f"the collection for {landing.namespace} is gone again", "is another restore running?")
    return uuid


def _land_whole(
    server: TargetServer,
    landing: Landing,
    read_chunks: ReadChunks,
    how: How,
    may_repeat: bool,
    holding: Tally | None = None,
) -> Landed:
    """Args: holding: What a capped collection must have room for, when its cap has not: an earlier try pushed out its beginning."""
    uuid = _begin(server, landing, holding)
    sent = _load(server, landing, uuid, read_chunks, how, may_repeat)
    # Building indexes keeps the server busy, comparing keeps us busy: together they take as long as the longer.
    there, findings = both(lambda: _read_back(server, landing, how), lambda: _build_indexes(server, landing))
    pushed_out = landing.entry.kind == "capped" and there.tally.documents < sent.tally.documents
    if pushed_out and holding is None:
        # It was read while it was written to, or its cap was lowered: servers keep what is too much until the next insert.
        return _land_whole(server, landing, read_chunks, how, may_repeat, sent.tally)
    if not (there.is_like(sent) if how.full else there.tally.documents == sent.tally.documents):
        raise _differs(landing, sent.tally, there.tally)
    if holding is not None:
        _lower_cap(server, landing)
    failed = {finding.hurts[0] for finding in findings}
    _compare_shape(server, landing, uuid, failed)
    return Landed(uuid, sent.tally, tuple(findings))


def _lower_cap(server: TargetServer, landing: Landing) -> None:
    """To what it was; nothing is pushed out by this."""
    doing = f"capping {landing.namespace}"
    try:
        server.tell(landing.database, doing, "collMod", landing.temporary, **cap_change(landing.entry))
    except DatabaseRefused as refusal:
        raise LandingDiffers(
            f"{landing.namespace} held more than its cap takes, and this server cannot be given it so: {refusal.message}",
            "restore it to a server of 6.0 or newer; the other collections come with --ns",
        ) from refusal


def _make_room(server: TargetServer, landing: Landing, holding: Tally | None) -> None:
    """Both steps are repeated together: a create whose answer was lost has made what the drop then takes away."""
    if landing.is_series:
        make_room_for_series(server, landing)
        return
    doing = f"making room for {landing.namespace}"
    server.drop(landing.database, landing.temporary)
    if buckets := server.listed(landing.database, BUCKETS + landing.temporary):
        # Left by another restore, of a time-series of this name: the server would send our inserts there.
        server.drop(landing.database, *buckets)
    options = create_options(landing.entry)
    if holding is not None:
        options = with_room_for(options, holding.documents, holding.size_bytes)
    server.send(landing.database, doing, "create", landing.temporary, **options, writeConcern=MAJORITY)


def _load(
    server: TargetServer, landing: Landing, uuid: str, read_chunks: ReadChunks, how: How, may_repeat: bool
) -> _Stream:
    """Insert all chunks, several at once; a chunk is taken from the stream by one thread at a time."""
    stream = _Stream.watch(landing.entry, how)
    in_order = landing.entry.kind == "capped"
    chunks = read_chunks(landing.entry)
    taking, counting = threading.Lock(), threading.Lock()
    failed = threading.Event()

    def work() -> None:
        try:
            while not failed.is_set():
                with taking:
                    chunk = next(chunks, None)
                if chunk is None:
                    return
                left_out = insert_chunk(
                    server,
                    landing.database,
                    landing.temporary,
                    chunk,
                    uuid=uuid,
                    may_repeat=may_repeat,
                    in_order=in_order,
                )
                seen = _watch_chunk(stream, chunk, counting)
                with counting:
                    stream.leave_out(left_out)
                how.progress.advance(done_bytes=seen.size_bytes, done_items=seen.documents)
        except BaseException:
            failed.set()
            raise

    threads = 1 if in_order else how.threads
    try:
        together(*[work] * threads)
    except BaseException:  # Ctrl-C too: they finish their chunk and no more
        failed.set()
        raise
    return stream


def _watch_chunk(stream: _Stream, chunk: bytes, counting: threading.Lock) -> Tally:
    """Digest outside the lock, add inside it."""
    if stream.order is not None:
        stream.pass_by(chunk)  # one thread only: the order is the stream's
        return count_of(chunk)
    seen = stream.count(chunk)
    with counting:
        stream.tally += seen
    return seen


def _read_back(server: TargetServer, landing: Landing, how: How) -> _Stream:
    """From the beginning again when it breaks off: a cursor belongs to its node."""

    def read() -> _Stream:
        stream = _Stream.watch(landing.entry, how)
        collection = collection_of(server.database(landing.database), landing.temporary)
        with (
            in_our_words(f"reading back {landing.namespace}"),
            server.client.start_session(causal_consistency=True) as session,
        ):
            # A primary just elected knows late what a majority has, and would show less than has landed.
            server.confirm(landing.database, landing.temporary, session)
            if not how.full:
                stream.tally = Tally(documents=collection.count_documents({}, session=session))
                return stream
            with collection.aggregate_raw_batches([], session=session) as cursor:
                for block in cursor:
                    stream.pass_by(block)
                    server.progressed()
        return stream

    return server.repeat(read)


def _build_indexes(server: TargetServer, landing: Landing) -> list[Finding]:
    """Build all at once; where that fails, one by one, so that one bad index does not cost the others."""
    wanted = landing.entry.bucket_indexes if landing.is_series else indexes_to_build(landing.entry)
    if not wanted:
        return []
    try:
        _create_indexes(server, landing, wanted)
        return []
    except DatabaseRefused:
        findings = []
        for index in wanted:
            try:
                _create_indexes(server, landing, [index])
            except DatabaseRefused as refusal:
                findings.append(_index_not_built(landing, str(index["name"]), refusal.message))
        return findings


def _create_indexes(server: TargetServer, landing: Landing, indexes: list[Document]) -> None:
    """Asked again for an index it has, the server does nothing; for one it is building, it waits for that."""
    doing = f"building indexes of {landing.namespace}"
    # By default a build waits for every voting node, for ever if one is down.
    in_a_set = "setName" in server.ask("admin", doing, "hello", 1)
    quorum = {"commitQuorum": "majority"} if in_a_set else {}
    server.tell(
        landing.database,
        doing,
        "createIndexes",
        landing.temporary,
        indexes=indexes,
        ignoreUnknownIndexOptions=True,
        **quorum,
    )


def _compare_shape(server: TargetServer, landing: Landing, uuid: str, failed: set[str]) -> None:
    there = server.listed(landing.database, landing.temporary).get(landing.temporary)
    if there is None or uuid_in(there) != uuid:
        raise LandingDiffers(f"what had landed for {landing.namespace} was replaced", "is another restore running?")
    options = series_options(there["options"]) if landing.is_series else there["options"]
    if not same_options(landing.entry.options, options, armed=False):
        raise LandingDiffers(f"the options of {landing.namespace} did not come back as they were", RUN_IT_AGAIN)
    if landing.is_series:
        count_same_indexes(server, landing, [one for one in landing.entry.bucket_indexes if one["name"] not in failed])
        return
    have = server.indexes_of(landing.database, landing.temporary)
    differing = [name for name in differing_indexes(landing.entry.indexes, have, armed=False) if name not in failed]
    if differing:
        named = ", ".join(differing)
        raise LandingDiffers(f"indexes of {landing.namespace} did not come back as they were: {named}", RUN_IT_AGAIN)


def _differs(landing: Landing, sent: Tally, there: Tally) -> LandingDiffers:
    what = (
        f"{there.documents} documents landed for {landing.namespace} instead of {sent.documents}"
        if there.documents != sent.documents
        else f"the documents that landed for {landing.namespace} are not the ones that were captured"
    )
    return LandingDiffers(what, RUN_IT_AGAIN)


def _index_not_built(landing: Landing, index: str, why: str) -> Finding:
    return Finding(
        Level.PROBLEM,
        "index-not-built",
        f"{landing.namespace} {index}",
        f"the index {index} of {landing.namespace} could not be built: {why}",
        "mend the data, then create the index by hand",
        (index,),
    )
