"""What an entry of the oplog changes: a transaction becomes its changes, at its commit; everything else is told apart.

A transaction of more than 16 MiB is a chain of entries. They are not held until the commit comes: at the commit the chain
is walked back (``prevOpTime``) and read again, one entry after the other. So memory is that of one entry, and a transaction
that began before the first entry ever seen is whole too. What was prepared counts when it is committed.

Commands that change the catalog need no replay where the catalog is read at the end and documents are followed by their
collection's UUID. That holds for every command in ``FOLLOWED``: each of them either leaves the documents of a UUID alone,
or tells of each document it writes or removes (``convertToCapped``, ``$out`` and renames across databases copy into a new UUID).
Those in ``EMPTYING`` tell of no document, and still can be followed: what the UUID held before counts no more (``events_of``).
Any other command is refused rather than believed. Who needs the catalog of each instant gets the commands too.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from bson import Timestamp

from lifeboat.foundation.value import Value
from lifeboat.sources.mongodb.errors import OplogGap, OplogNotFollowed
from lifeboat.sources.mongodb.oplog.change import (
    ARRAY,
    DOCUMENT,
    KINDS,
    Change,
    Element,
    elements_of,
    read_timestamp,
    text_of,
    uuid_of,
    value_of,
    with_id_first,
)
from lifeboat.sources.mongodb.oplog.command import Command, Event

ReadEntry = Callable[[Timestamp], bytes | None]
"""Gives the entry of exactly that timestamp again; None when it is there no more."""

FOLLOWED = frozenset(
    {
        "create",
        "drop",
        "dropDatabase",
        "renameCollection",
        "collMod",
        "createIndexes",
        "startIndexBuild",
        "commitIndexBuild",
        "abortIndexBuild",
        "dropIndexes",
        "deleteIndexes",
        "deleteIndex",
        "dropIndex",
        "setMultikeyMetadata",
        "dropIdent",
        "dbCheck",
    }
)
EMPTYING = frozenset({"create", "emptycapped"})
"""After which a UUID holds nothing, whatever it held: of ``create``, where a dropped collection is made again."""
PASSED_OVER = frozenset({"n", "cd", "ci", "cu", "km", "xi", "xd"})
"""No-ops, and what newer servers write about their own storage and indexes."""
_TRUE = b"\x01"
LARGER_OPLOG = (
    "make the oplog larger: `db.adminCommand({replSetResizeOplog: 1, size: MEGABYTES})`; "
    "`rs.printReplicationInfo()` tells how far back it reaches. Then run the backup again"
)


class Position(NamedTuple):
    """Where an entry stands; after a rollback the same time can come again in another term."""

    when: Timestamp
    term: bytes


def position_of(entry: bytes) -> Position:
    return position_in(elements_of(entry))


def position_in(fields: dict[bytes, Element]) -> Position:
    """Of an entry that was taken apart already."""
    return Position(read_timestamp(value_of(fields, b"ts")), fields[b"t"][1] if b"t" in fields else bytes(8))


class Flattener(Value):
    """Args:
    is_wanted: Whether a database is followed; what is said of others is passed over.
    read_entry: For the earlier entries of a transaction.
    """

    is_wanted: Callable[[str], bool]
    read_entry: ReadEntry

    def changes_of(self, entry: bytes) -> Iterator[Change]:
        """As ``events_of``, without the commands."""
        return (event for event in self.events_of(entry) if isinstance(event, Change))

    def events_of(self, entry: bytes) -> Iterator[Event]:
        """The changes and commands that count from this entry on, in their order.

        Raises:
            BlockUnreadable: It is no entry of an oplog.
            OplogNotFollowed: It does something to documents that this version does not know.
            OplogGap: An earlier entry of its transaction is gone.
        """
        fields = elements_of(entry)
        return self.events_in(fields, position_in(fields))

    def events_in(self, fields: dict[bytes, Element], stamp: Position) -> Iterator[Event]:
        """``events_of`` an entry that was taken apart already."""
        if text_of(fields.get(b"op")) != "c":
            yield from self._operation(fields, stamp)
            return
        o = elements_of(value_of(fields, b"o"))
        command = _command_in(o)
        if command == "commitTransaction":
            yield from self._chain(fields, stamp)
        elif command == "applyOps":
            if _is_set(o.get(b"prepare")) or _is_set(o.get(b"partialTxn")):
                return  # counts when its transaction is committed
            if _is_of_a_transaction(fields):
                yield from self._chain(fields, stamp)
            yield from self._inner(o, stamp)
        elif command != "abortTransaction":
            yield from self._catalog_command(command, fields, stamp)

    def _inner(self, o: dict[bytes, Element], stamp: Position) -> Iterator[Event]:
        """The operations inside an ``applyOps``, those of one inside it among them."""
        kind, array = o.get(b"applyOps", (0, b""))
        if kind != ARRAY:
            raise OplogNotFollowed("an applyOps in the oplog holds no operations", "is the server newer than 8.0?")
        for kind_of_item, raw in elements_of(array).values():
            yield from self._operation(elements_of(raw) if kind_of_item == DOCUMENT else {}, stamp)

    def _operation(self, fields: dict[bytes, Element], stamp: Position) -> Iterator[Event]:
        kind = text_of(fields.get(b"op"))
        namespace = text_of(fields.get(b"ns"))
        if kind == "c":
            o = elements_of(value_of(fields, b"o"))
            if _command_in(o) == "applyOps":
                yield from self._inner(o, stamp)
            else:
                yield from self._catalog_command(_command_in(o), fields, stamp)
            return
        if kind in PASSED_OVER or not self.is_wanted(namespace.partition(".")[0]):
            return
        uuid = uuid_of(fields.get(b"ui"))
        if kind not in KINDS or not uuid:
            raise OplogNotFollowed(
                f"the oplog says something about {namespace} that this version does not understand (op {kind!r})",
                "run the backup again when it is quiet; a server newer than 8.0 may need a newer Lifeboat",
            )
        o2 = fields.get(b"o2")
        yield Change(
            stamp.when, stamp.term, kind, namespace, uuid, with_id_first(value_of(fields, b"o")), o2[1] if o2 else None
        )

    def _chain(self, last: dict[bytes, Element], stamp: Position) -> Iterator[Event]:
        """The changes of the earlier entries of a transaction."""
        of_whom = (last.get(b"lsid"), last.get(b"txnNumber"))
        earlier: list[Timestamp] = []
        previous = _previous(last)
        while previous is not None:
            fields = elements_of(self._again(previous))
            before = _previous(fields)
            # One that names itself or a later one would be walked round for ever.
            if (fields.get(b"lsid"), fields.get(b"txnNumber")) != of_whom or (before and before >= previous):
                raise _beginning_gone()
            earlier.append(previous)
            previous = before
        for when in reversed(earlier):
            yield from self._inner(elements_of(value_of(elements_of(self._again(when)), b"o")), stamp)

    def _again(self, when: Timestamp) -> bytes:
        entry = self.read_entry(when)
        if entry is None:
            raise _beginning_gone()
        return entry

    def _catalog_command(self, command: str, fields: dict[bytes, Element], stamp: Position) -> Iterator[Command]:
        namespace = text_of(fields.get(b"ns"))
        database = namespace.partition(".")[0]
        if not self.is_wanted(database):
            return
        if command not in FOLLOWED and command not in EMPTYING:
            raise OplogNotFollowed(
                f"the command {command} ran in {database}, and what it did to documents cannot be followed",
                "run the backup again; keep that command away from it",
            )
        o2 = fields.get(b"o2")
        uuid = uuid_of(fields.get(b"ui"))
        yield Command(stamp.when, stamp.term, namespace, uuid, value_of(fields, b"o"), o2[1] if o2 else None)


def _command_in(o: dict[bytes, Element]) -> str:
    return next(iter(o), b"").decode("utf-8", "replace")


def _previous(fields: dict[bytes, Element]) -> Timestamp | None:
    link = fields.get(b"prevOpTime")
    if link is None:
        return None
    when = read_timestamp(value_of(elements_of(link[1]), b"ts"))
    return when if when.time else None


def _is_of_a_transaction(fields: dict[bytes, Element]) -> bool:
    """Retryable inserts of 8.0 are an ``applyOps`` too, with ``multiOpType`` 1: each of those counts by itself."""
    if b"txnNumber" not in fields or b"lsid" not in fields:
        return False
    several = fields.get(b"multiOpType")
    return several is None or int.from_bytes(several[1][:4], "little") != 1


def _is_set(element: Element | None) -> bool:
    return element is not None and element[1] == _TRUE


def _beginning_gone() -> OplogGap:
    return OplogGap("the beginning of a large transaction is no longer in the oplog", LARGER_OPLOG)
