"""Entries of a server's oplog, raw and in order, each seen by a majority; and the certainty that none is missing.

Each look is a query of its own, not a cursor that follows: a tailable cursor that the oplog has overtaken ends
like one that is idle. A look begins at the last entry that was seen; when the first one returned is not that one, the
oplog was overwritten or the server went back behind it.
"""

from collections.abc import Iterator
from typing import Any

from bson import Timestamp
from pymongo.collection import Collection
from pymongo.errors import OperationFailure
from pymongo.read_concern import ReadConcern

from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.documents import spans_of
from lifeboat.sources.mongodb.errors import CaptureMoved, OplogGap
from lifeboat.sources.mongodb.meaning import UNAUTHORIZED, in_our_words
from lifeboat.sources.mongodb.oplog.change import elements_of, read_timestamp
from lifeboat.sources.mongodb.oplog.flatten import LARGER_OPLOG, Position, position_of

WAIT_AT_MOST_MILLISECONDS = 10_000
"""For a majority to have what is asked for; then the look is repeated."""
DOING = "reading the oplog"


def may_read_oplog(client: Client) -> bool:
    """Whether this user has the right; a standalone has no oplog and gives False too."""
    with in_our_words(DOING):
        try:
            return _oplog(client).find_one({}, projection={"ts": 1}) is not None
        except OperationFailure as refusal:
            if refusal.code != UNAUTHORIZED:
                raise
            return False


def majority_point(client: Client) -> Timestamp:
    """The newest instant that a majority has; needs no right."""
    with in_our_words("asking the server for its time"):
        answer = client.admin.command("hello")
        point: Timestamp = answer["lastWrite"]["majorityOpTime"]["ts"]
        return point


def entries_from(
    client: Client, start: Timestamp, seen: Position | None, until: Timestamp | None
) -> Iterator[tuple[Position, bytes]]:
    """Entries after ``seen`` (or from ``start`` on, when nothing was seen yet) as far as a majority has them.

    Args:
        until: No entry after this; the look then waits for a majority to have it, so that all up to it are given.

    Raises:
        OplogGap: ``seen``, or the time of ``start``, is no longer in the oplog.
    """
    first = seen.when if seen else start
    span: dict[str, Any] = {"$gte": first}
    if until is not None:
        span["$lte"] = until
    is_first = True
    try:
        with in_our_words(DOING), client.start_session(causal_consistency=True) as session:
            # A node that lags behind must not answer "nothing there".
            session.advance_operation_time(until or first)
            cursor: Any = _oplog(client).find_raw_batches(
                {"ts": span}, session=session, max_time_ms=WAIT_AT_MOST_MILLISECONDS
            )
            with cursor:
                for batch in cursor:
                    for begin, end in spans_of(batch):
                        entry = batch[begin:end]
                        position = position_of(entry)
                        if is_first:
                            is_first = False
                            _check_first(client, start, seen, position)
                            if seen is not None:
                                continue
                        yield position, entry
            if is_first:
                _check_first(client, start, seen, None)
    except CaptureMoved as overtaken:  # code 136: the cursor's place in the oplog was overwritten
        raise _overwritten() from overtaken


def entry_at(client: Client, when: Timestamp) -> bytes | None:
    """The entry of exactly this time."""
    with in_our_words(DOING), client.start_session(causal_consistency=True) as session:
        session.advance_operation_time(when)  # as above: "not there" must not come from a node that lags behind
        found: Any = _oplog(client).find_raw_batches(
            {"ts": when}, limit=1, session=session, max_time_ms=WAIT_AT_MOST_MILLISECONDS
        )
        return b"".join(found) or None


def _check_first(client: Client, start: Timestamp, seen: Position | None, found: Position | None) -> None:
    if seen is not None:
        if found == seen:
            return
        if found is not None and found.when == seen.when:
            raise OplogGap(
                "the server went back behind what it had confirmed (a rollback) while the backup ran",
                "run the backup again; was a node forced to become primary?",
            )
        raise _overwritten()
    # Nothing seen yet: there need not be an entry of exactly that time, but the oplog must reach back to it.
    with in_our_words(DOING):
        batches: Any = _oplog(client).find_raw_batches({}, limit=1).sort("$natural", 1)
        oldest = b"".join(batches)
    if not oldest or read_timestamp(elements_of(oldest)[b"ts"][1]) > start:
        raise _overwritten()


def _overwritten() -> OplogGap:
    return OplogGap("the oplog was overwritten before it was copied: it is too small for this backup", LARGER_OPLOG)


def _oplog(client: Client) -> Collection[Any]:
    return client["local"].get_collection("oplog.rs", read_concern=ReadConcern("majority"))
