"""Bring one collection down beside the live data, and prove that what landed is what was captured.

Order: create empty, insert, then build indexes while the documents are read back and compared. Nothing here
touches a live collection. Memory: one chunk for each inserting thread, one batch for the comparison.
"""

import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from bson import SON

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress
from lifeboat.sources.mongodb.blueprint import create_options, differing_indexes, indexes_to_build, same_options
from lifeboat.sources.mongodb.catalog import CollectionEntry, Document
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.documents import Tally, count_of, tally_of
from lifeboat.sources.mongodb.errors import DatabaseRefused, LandingDiffers
from lifeboat.sources.mongodb.insert_raw import insert_chunk
from lifeboat.sources.mongodb.meaning import in_our_words
from lifeboat.sources.mongodb.on_primary import MAJORITY, drop, listed, on_primary, patiently, run, uuid_behind
from lifeboat.sources.mongodb.restore_plan import Landing

ReadChunks = Callable[[CollectionEntry], Iterator[bytes]]

RUN_IT_AGAIN = "nothing live was touched; run the restore again, and if it says so again, do not trust this target"


@dataclass(frozen=True, slots=True)
class How:
    """Args: full: compare every byte, not counts alone; threads: inserting at once (one for capped collections)."""

    full: bool
    threads: int
    clock: Clock
    progress: Progress


@dataclass(frozen=True, slots=True)
class Landed:
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

    def is_like(self, other: "_Stream") -> bool:
        same_order = self.order is None or self.order.digest() == other.order.digest()
        return self.tally == other.tally and same_order


def land(client: Client, landing: Landing, read_chunks: ReadChunks, how: How) -> Landed:
    """Land one collection.

    Raises:
        LandingDiffers: What landed is not what was captured.
    """
    patiently(how.clock, lambda: _make_room(client, landing))
    uuid = uuid_behind(client, landing.database, landing.temporary)
    if uuid is None:
        raise LandingDiffers(f"the collection for {landing.namespace} is gone again", "is another restore running?")
    sent = _load(client, landing, read_chunks, how)
    # Building indexes keeps the server busy, comparing keeps us busy: together they take as long as the longer.
    with ThreadPoolExecutor(1) as beside:
        building = beside.submit(_build_indexes, client, landing, how.clock)
        there = _read_back(client, landing, how)
        findings = building.result()
    if not (there.is_like(sent) if how.full else there.tally.documents == sent.tally.documents):
        raise _differs(landing, sent.tally, there.tally)
    failed = {finding.hurts[0] for finding in findings}
    _compare_shape(client, landing, failed)
    return Landed(uuid, sent.tally, tuple(findings))


def drop_leftover(client: Client, database: str, name: str, clock: Clock) -> None:
    """Drop a collection of ours from a dead run; none there is no error."""
    patiently(clock, lambda: drop(client, database, name))


def _make_room(client: Client, landing: Landing) -> None:
    doing = f"making room for {landing.namespace}"
    drop(client, landing.database, landing.temporary)
    run(
        client,
        landing.database,
        doing,
        "create",
        landing.temporary,
        **create_options(landing.entry),
        writeConcern=MAJORITY,
    )


def _load(client: Client, landing: Landing, read_chunks: ReadChunks, how: How) -> _Stream:
    """Insert all chunks, several at once; a chunk is taken from the stream by one thread at a time."""
    stream = _Stream.watch(landing.entry, how)
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
                insert_chunk(client, how.clock, landing.database, landing.temporary, chunk)
                seen = _watch_chunk(stream, chunk, counting)
                how.progress.advance(done_bytes=seen.size_bytes, done_items=seen.documents)
        except BaseException:
            failed.set()
            raise

    threads = 1 if landing.entry.kind == "capped" else how.threads
    with ThreadPoolExecutor(threads) as pool:
        working = [pool.submit(work) for _ in range(threads)]
        try:
            for each in working:
                each.result()
        except BaseException:  # Ctrl-C too: the others finish their chunk and no more
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


def _read_back(client: Client, landing: Landing, how: How) -> _Stream:
    def read() -> _Stream:
        stream = _Stream.watch(landing.entry, how)
        with in_our_words(f"reading back {landing.namespace}"):
            collection = on_primary(client, landing.database)[landing.temporary]
            if not how.full:
                stream.tally = Tally(documents=collection.count_documents({}))
                return stream
            with collection.aggregate_raw_batches([]) as cursor:
                for block in cursor:
                    stream.pass_by(block)
        return stream

    return patiently(how.clock, read)


def _build_indexes(client: Client, landing: Landing, clock: Clock) -> list[Finding]:
    """Build all at once; where that fails, one by one, so that one bad index does not cost the others."""
    wanted = indexes_to_build(landing.entry)
    if not wanted:
        return []
    try:
        patiently(clock, lambda: _create_indexes(client, landing, wanted))
        return []
    except DatabaseRefused:
        findings = []
        for index in wanted:
            try:
                patiently(clock, lambda index=index: _create_indexes(client, landing, [index]))  # type: ignore[misc]
            except DatabaseRefused as refusal:
                findings.append(_index_not_built(landing, str(index["name"]), refusal.message))
        return findings


def _create_indexes(client: Client, landing: Landing, indexes: list[Document]) -> None:
    doing = f"building indexes of {landing.namespace}"
    # By default a build waits for every voting node, for ever if one is down.
    in_a_set = "setName" in run(client, "admin", doing, "hello", 1)
    quorum = {"commitQuorum": "majority"} if in_a_set else {}
    run(
        client,
        landing.database,
        doing,
        "createIndexes",
        landing.temporary,
        indexes=indexes,
        ignoreUnknownIndexOptions=True,
        **quorum,
        writeConcern=MAJORITY,
    )


def _compare_shape(client: Client, landing: Landing, failed: set[str]) -> None:
    there = listed(client, landing.database, landing.temporary).get(landing.temporary, SON(options=SON()))
    if not same_options(landing.entry.options, there["options"], armed=False):
        raise LandingDiffers(f"the options of {landing.namespace} did not come back as they were", RUN_IT_AGAIN)
    with in_our_words(f"comparing the indexes of {landing.namespace}"):
        have = list(on_primary(client, landing.database)[landing.temporary].list_indexes())
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
