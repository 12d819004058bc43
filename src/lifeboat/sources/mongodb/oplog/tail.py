"""The oplog from a place on, for as long as somebody reads it; and the proof that nothing is missing between two looks.

Each look is a query of its own that begins at the last entry taken and ends where a majority ends. The first entry that comes back must
be that very one, byte for byte. So it makes no difference whether a moment or a week lies between two looks, which member of the set
answers, or whether the primary has changed: a history with a hole, or another history, cannot pass.

Why no cursor that waits: a driver hides from it that the oplog has overtaken it, and at a thousand writes a second it comes back a
thousand times. A look every so often takes them by the thousand (docs/performance.md has both measured).
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from bson import Timestamp
from pymongo.collection import Collection
from pymongo.read_concern import ReadConcern

from lifeboat.foundation.value import Value
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.documents import spans_of
from lifeboat.sources.mongodb.errors import CaptureMoved, DatabaseBusy, OplogRolledBack, OplogRolledOver
from lifeboat.sources.mongodb.meaning import in_our_words
from lifeboat.sources.mongodb.oplog.change import Element, elements_of, read_timestamp
from lifeboat.sources.mongodb.oplog.flatten import LARGER_OPLOG, Position, position_in
from lifeboat.sources.mongodb.oplog.read import majority_point

WAIT_AT_MOST_MILLISECONDS = 20_000
"""For the server, on one look; then the next look goes on from what was taken."""
BATCH_ENTRIES = 10_000
"""As many as fit into the server's 16 MiB; the driver's 101 would cost one more way there and back on each look."""
DOING = "reading the oplog"


class Place(Value):
    """The last entry taken.

    Args:
        is_same: Whether an entry of that time and term is the one that was taken.
    """

    position: Position
    is_same: Callable[[bytes], bool]


class Entry(NamedTuple):
    """One entry, taken apart once for all who look at it."""

    position: Position
    fields: dict[bytes, Element]
    raw: bytes


def look(client: Client, place: Place) -> Iterator[Entry]:
    """Every entry after the place that a majority has, in order.

    Raises:
        OplogRolledOver, OplogRolledBack: Nothing was given: the entry at the place is there no more.
        DatabaseBusy: The server is not as far as the place: a member that lags, or a majority that is down.
    """
    when = place.position.when
    is_first = True
    try:
        with in_our_words(DOING), client.start_session(causal_consistency=True) as session:
            # A member that lags behind must not answer "nothing there".
            session.advance_operation_time(when)
            cursor: Any = _oplog(client).find_raw_batches(
                {"ts": {"$gte": when}},
                session=session,
                batch_size=BATCH_ENTRIES,
                max_time_ms=WAIT_AT_MOST_MILLISECONDS,
            )
            with cursor:
                for batch in cursor:
                    for begin, end in spans_of(batch):
                        raw = batch[begin:end]
                        fields = elements_of(raw)
                        position = position_in(fields)
                        if is_first:
                            is_first = False
                            if position != place.position or not place.is_same(raw):
                                raise _lost(client, place.position)
                            continue
                        yield Entry(position, fields, raw)
    except (
        CaptureMoved
    ) as overtaken:  # code 136: the cursor's own place was overwritten; the next look says what is lost
        raise DatabaseBusy(f"{DOING}: it was overwritten while it was read", "try again in a moment") from overtaken
    if is_first:
        raise _lost(client, place.position)


def oldest_of(client: Client) -> Timestamp | None:
    """The time of the oldest entry that the server still has."""
    with in_our_words(DOING):
        found: Any = _oplog(client).find_raw_batches({}, limit=1, sort=[("$natural", 1)])
        entry = b"".join(found)
    return read_timestamp(elements_of(entry)[b"ts"][1]) if entry else None


def history_differs(client: Client, position: Position) -> OplogRolledBack | None:
    """What to say when the server's newest entry is older than the place, and stays so; None when it is not."""
    newest = majority_point(client)
    if newest >= position.when:
        return None
    return OplogRolledBack(
        f"the server's history ends at {_words(newest)}, before what was archived up to {_words(position.when)}: "
        "another server, one that was set back, or a majority that lost its newest writes",
        _WHICH_SERVER,
    )


def _lost(client: Client, position: Position) -> OplogRolledOver | OplogRolledBack:
    oldest = oldest_of(client)
    if oldest is None or oldest > position.when:
        reach = "the server's oplog is empty" if oldest is None else f"the oplog reaches back to {_words(oldest)} only"
        return OplogRolledOver(
            f"{reach}, and was archived up to {_words(position.when)}: what came between was overwritten before it was read",
            LARGER_OPLOG,
        )
    return OplogRolledBack(
        f"the server tells another history at {_words(position.when)}, up to where it was archived: it was rolled back there, "
        "was restored from a copy of its files, or is another server",
        _WHICH_SERVER,
    )


_WHICH_SERVER = "does MONGODB_URI still name the same set? Was a node forced to become primary?"


def _words(when: Timestamp) -> str:
    return f"{when.as_datetime():%Y-%m-%d %H:%M:%S} UTC ({when.time}.{when.inc})"


def _oplog(client: Client) -> Collection[Any]:
    return client["local"].get_collection("oplog.rs", read_concern=ReadConcern("majority"))
