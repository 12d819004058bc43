"""Copy objects from store to store, several beside each other, each checked against the hash in its name before it is written.

Limits: an object passes through this machine's memory whole; ``IN_FLIGHT_BYTES`` bounds what is there at once. A copy within one store
would be cheaper, and would carry a flipped bit along unseen (docs/decisions/0201).

Invariant: of an object no more is read than was listed, and nothing at all of one that is larger than any sound one of its kind.
Nothing is written to the target but the bytes that its name promises, and nothing there is ever replaced.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from enum import StrEnum

from lifeboat.foundation.byte_budget import ByteBudget
from lifeboat.foundation.sizes import MIB
from lifeboat.foundation.value import Value
from lifeboat.operations.replicate.waiting import Row
from lifeboat.repository.errors import ObjectDamaged
from lifeboat.repository.names import digest, stated_digest
from lifeboat.repository.objects import largest_bytes, write_named
from lifeboat.storage.errors import ObjectArchived, ObjectMissing, ObjectTooShort
from lifeboat.storage.object_store import ObjectStore

AT_ONCE = 8
IN_FLIGHT_BYTES = 96 * MIB
"""Four packs of the usual size, or eight small ones."""
AHEAD = 4 * AT_ONCE
"""Objects handed out before the first of them is done."""


class End(StrEnum):
    """What became of one object."""

    COPIED = "copied"
    GONE = "gone"
    """Not in the source any more: prune was there meanwhile."""
    DAMAGED = "damaged"
    """In the source: its bytes are not those of its name, or more than any sound object has."""
    ARCHIVED = "archived"
    """In the source it lies in an archive class, and was not brought back."""
    OTHER_THERE = "other-there"
    """In the target other bytes lie under its name."""


class Copied(Value):
    """One object and what became of it."""

    row: Row
    end: End


def copy_all(source: ObjectStore, target: ObjectStore, rows: Iterable[Row], *, in_order: bool) -> Iterator[Copied]:
    """Copy; yields what became of each, in the order of the rows.

    Args:
        in_order: Write one after the other; reading goes ahead all the same.

    Raises:
        StorageError: A store does not do what it should; what was begun is finished or not there at all.
    """
    budget = ByteBudget(IN_FLIGHT_BYTES)
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="copy")

    def work(row: Row) -> Copied | bytes:
        content = read_row(source, row)
        return content if in_order or isinstance(content, Copied) else write_row(target, row, content)

    def begin(row: Row) -> Future[Copied | bytes]:
        budget.take(row.size_bytes)
        future = pool.submit(work, row)
        if not in_order:
            future.add_done_callback(lambda _: budget.give_back(row.size_bytes))
        return future

    def finish(row: Row, done: Copied | bytes) -> Copied:
        ended = done if isinstance(done, Copied) else write_row(target, row, done)
        if in_order:
            budget.give_back(row.size_bytes)
        return ended

    begun: deque[tuple[Row, Future[Copied | bytes]]] = deque()
    try:
        for row in rows:
            # In order, what was read waits for its turn: it must be taken before more is let in, or both wait for ever.
            while begun and (len(begun) >= AHEAD or (in_order and not budget.has_room(row.size_bytes))):
                first, future = begun.popleft()
                yield finish(first, future.result())
            begun.append((row, begin(row)))
        while begun:
            first, future = begun.popleft()
            yield finish(first, future.result())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def read_row(source: ObjectStore, row: Row) -> bytes | Copied:
    """The bytes that the name promises, or why there are none."""
    if row.size_bytes > largest_bytes(row.name):
        return Copied(row, End.DAMAGED)
    listed = (0, row.size_bytes)  # it may have grown since: what is larger than the budget was told would not fit
    try:
        content = source.read(row.name, listed)
        if digest(content) != stated_digest(row.name):
            content = source.read(row.name, listed)  # was it flipped on the way?
    except ObjectTooShort:
        return Copied(row, End.DAMAGED)
    except ObjectMissing:
        return Copied(row, End.GONE)
    except ObjectArchived:
        return Copied(row, End.ARCHIVED)
    return content if digest(content) == stated_digest(row.name) else Copied(row, End.DAMAGED)


def write_row(target: ObjectStore, row: Row, content: bytes) -> Copied:
    """Store what was read."""
    try:
        write_named(target, row.name, content)
    except ObjectDamaged:
        return Copied(row, End.OTHER_THERE)
    return Copied(row, End.COPIED)
