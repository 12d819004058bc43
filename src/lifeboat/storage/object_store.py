"""The one interface to any place where a repository can lie.

Promises, kept by every store and tested by ``conformance.py`` on each, the customer's bucket included:

1. All or nothing: an object is there whole or not at all, whatever dies.
2. Seen at once: what ``write`` has returned for is read and listed by everybody from then on, and survives a power cut.
3. A name is written once: a second ``write`` raises ``ObjectExists`` and changes nothing, when
   ``Abilities.create_once`` says so. (Names carry the hash of their
   content: readers tell right from wrong even where not.)
4. Only our errors come out: ``ObjectMissing``, ``ObjectExists``, ``StorageError`` and its kinds in ``errors.py``.

Names are ASCII segments joined by ``/``; each segment matches ``[A-Za-z0-9._-]+`` and is neither ``.`` nor ``..``
(``names.py``); no name is a folder of another.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from lifeboat.foundation.value import Value

Content = bytes | Sequence[bytes | bytearray | memoryview]
"""One buffer, or the buffers that follow each other: a 32 MiB pack is never joined in memory."""


class StoredObject(Value):
    """A row of a listing."""

    name: str
    size_bytes: int
    modified: datetime
    """By the store's clock, UTC."""
    storage_class: str = "STANDARD"
    """As S3 names it; ``GLACIER`` and ``DEEP_ARCHIVE`` have to be brought back before they are read."""


class Abilities(Value):
    """What this place can do, as found out by trying; what it lacks is refused loudly, not assumed."""

    create_once: bool
    """A second write to a name is refused."""
    checks_hash: bool
    """A body that does not match the hash sent with it is refused."""
    keeps_versions: bool
    """An overwritten or deleted object can be brought back."""
    same_machine: bool
    """The repository lies on the machine that it protects."""


class ObjectStore(Protocol):
    """A flat set of named, immutable objects. Safe to call from many threads."""

    def write(self, name: str, content: Content) -> None:
        """Store an object durably; raises ``ObjectExists`` if the name is taken."""
        ...

    def read(self, name: str, span: tuple[int, int] | None = None) -> bytes:
        """Return an object, or ``span = (offset, length)`` of it; raises ``ObjectMissing``.

        A span that reaches past the end raises ``ObjectTooShort``.
        """
        ...

    def list_under(self, prefix: str) -> Iterator[StoredObject]:
        """Every object whose name starts with ``prefix`` (ends in ``/`` or is empty), sorted by name, however many."""
        ...

    def delete(self, name: str) -> None:
        """Remove an object, durably: it does not come back after a power cut. A missing one is no error."""
        ...

    def time_there(self) -> datetime:
        """Now by the store's own clock, UTC (S3: the ``Date`` header)."""
        ...

    def describe(self) -> str:
        """Where this is, for messages: ``"s3://bucket/prefix"``, ``"/srv/backup"``. Never a secret."""
        ...


@runtime_checkable
class CopiesWithin(Protocol):
    """A store that makes a second object of one it holds, without the bytes going through this machine."""

    def copy_within(self, name: str, to_name: str) -> str | None:
        """Store the bytes of ``name`` as ``to_name`` too, durably; it is as old as this moment, not as its original.

        Returns:
            Hex SHA-256 of the copied bytes, where whoever copied them computed it of the bytes; None: it was not told.

        Raises:
            ObjectMissing: There is no such object. ObjectExists: The name is taken; nothing was changed.
            ObjectArchived: It has to be brought back first.
        """
        ...
