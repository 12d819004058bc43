"""What is found in a dump that another tool wrote, whichever form it has.

Nothing in it is believed: lengths, names and counts are bounded before memory is spent on them, and no name in it
becomes a path on this machine.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from lifeboat.foundation.sizes import MIB
from lifeboat.foundation.value import Value
from lifeboat.sources.mongodb.dump.dumped import OPLOG
from lifeboat.sources.mongodb.errors import DumpUnreadable

DOCUMENT_AT_MOST_BYTES = 16 * MIB + 16 * 1024
"""What a server stores, and the 16 KiB that an entry of the oplog may be larger."""
TAKE_ANOTHER = "was it copied whole? Nothing was stored; take another dump, or copy it again"
_NOT_IN_A_DATABASE_NAME = frozenset('/\\. "$\0')
_NAME_AT_MOST = 255

Passed = Callable[[int], None]
"""Told how many bytes of the dump, as it lies there, have been read."""


class Found(Value):
    """A collection, view or time-series collection that the dump names.

    Args:
        metadata: Text of its ``metadata.json``; empty when there is none.
    """

    database: str
    name: str
    metadata: str


class Piece(Value):
    """Some whole documents, of the collection that holds them (``system.buckets.X`` of a time-series), or its end."""

    database: str
    name: str
    documents: bytes
    ended: bool = False

    @property
    def namespace(self) -> tuple[str, str]:
        return self.database, self.name


class DumpReader(Protocol):
    """A dump being read, once, from its beginning to its end."""

    form: str
    server_version: str

    @property
    def found(self) -> Sequence[Found]:
        """Everything that it names, the oplog excepted; known before the first piece."""
        ...

    def pieces(self) -> Iterator[Piece]:
        """The documents. At most ``OPEN_AT_MOST`` collections are between their first piece and their end.

        Raises:
            DumpUnreadable: It is damaged, cut off, or not what it says; nothing that came before may be used.
        """
        ...


def check_name(database: str, name: str) -> None:
    """Refuse what no server accepts as a name; raises ``DumpUnreadable``."""
    if (database, name) == OPLOG:
        return
    is_sound = (
        database
        and name
        and not _NOT_IN_A_DATABASE_NAME & set(database)
        and "\0" not in name
        and len(database) < 64
        and len(name.encode("utf-8", "surrogatepass")) <= _NAME_AT_MOST
        and not any("\ud800" <= letter <= "\udfff" for letter in database + name)
    )
    if not is_sound:
        raise DumpUnreadable(
            f"the dump names a collection {database[:80]!r}.{name[:80]!r}, which no server has", TAKE_ANOTHER
        )
