"""What a segment says of its changes in short: enough for a timeline, for suspects and for the catalog of an instant, without reading them.

Form (docs/format.md, section 15): one line of canonical JSON, then every command and every change of a view in the stretch, as they
are stored, one after the other in their order. They stand among the segment's changes too.

Limits: pure. ``is_full`` tells the stream to end the segment, so that a summary stays small whatever happens; past
``COLLECTIONS_AT_MOST`` (one large transaction can do that) the rest is counted together, under an empty name.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from lifeboat.crypto.signed import canonical_json
from lifeboat.foundation.sizes import MIB
from lifeboat.foundation.value import Value
from lifeboat.repository.errors import NewerFormat, ObjectDamaged
from lifeboat.repository.record import read_time, show_time
from lifeboat.sources.mongodb.documents import spans_of
from lifeboat.sources.mongodb.errors import BlockUnreadable
from lifeboat.sources.mongodb.oplog.command import Command, Event, read_event

FORMAT = 1
COLLECTIONS_AT_MOST = 10_000
"""About 1 MiB of names; a segment of 8 MiB seldom touches a hundred."""
FULL_EVENTS_BYTES = MIB
OTHERS = ""
"""Name under which the collections past the limit are counted."""
_VIEWS = "system.views"
_PLACES = {"i": 0, "u": 1, "d": 2}


class Counted(Value):
    """Documents of one namespace that were inserted, updated and deleted in the stretch."""

    namespace: str
    inserts: int
    updates: int
    deletes: int

    @property
    def changes(self) -> int:
        return self.inserts + self.updates + self.deletes


class SegmentSummary(Value):
    """Args:
    databases: Those that are followed; None for all but ``admin``, ``local`` and ``config``.
    counts: By namespace; ``OTHERS`` stands for those that are too many to name.
    events: Commands and changes of views, in their order.
    first_wall, last_wall: By the server's clock, of its first and last entry that was followed; None where there was none.
    """

    databases: tuple[str, ...] | None
    counts: tuple[Counted, ...]
    events: tuple[Event, ...]
    first_wall: datetime | None
    last_wall: datetime | None


def is_of_catalog(event: Event) -> bool:
    """Whether it changes what collections and views there are, or their shape."""
    return isinstance(event, Command) or event.namespace.partition(".")[2] == _VIEWS


class SummaryBuilder:
    """The summary of one segment, as it fills."""

    def __init__(self, databases: Sequence[str] | None) -> None:
        self._databases = databases
        self._counts: dict[str, list[int]] = {}
        self._events: list[bytes] = []
        self._event_bytes = 0
        self._first: datetime | None = None
        self._last: datetime | None = None

    def add(self, event: Event, stored: bytes) -> None:
        """Args: stored: The event as it is stored."""
        if is_of_catalog(event):
            self._events.append(stored)
            self._event_bytes += len(stored)
        if isinstance(event, Command):
            return
        counted = self._counts.get(event.namespace)
        if counted is None:
            name = event.namespace if len(self._counts) < COLLECTIONS_AT_MOST else OTHERS
            counted = self._counts.setdefault(name, [0, 0, 0])
        counted[_PLACES[event.kind]] += 1

    def saw(self, wall: datetime | None) -> None:
        """The server's clock at the entry that was just added."""
        if wall is not None:
            self._first = self._first or wall
            self._last = wall

    @property
    def is_full(self) -> bool:
        """Whether the segment should end, whatever its size."""
        return self._event_bytes >= FULL_EVENTS_BYTES or len(self._counts) >= COLLECTIONS_AT_MOST

    def build(self) -> bytes:
        line = {
            "format": FORMAT,
            "databases": None if self._databases is None else list(self._databases),
            "counts": [[name, *counted] for name, counted in sorted(self._counts.items())],
            "first_wall": self._first and show_time(self._first),
            "last_wall": self._last and show_time(self._last),
        }
        return canonical_json(line) + b"\n" + b"".join(self._events)


def read_summary(plain: bytes) -> SegmentSummary:
    """The inverse of ``build``.

    Raises:
        NewerFormat, ObjectDamaged.
    """
    line, _, events = plain.partition(b"\n")
    try:
        value = json.loads(line)
        if value["format"] > FORMAT:
            raise NewerFormat(
                f"a segment's summary has format {value['format']}; this Lifeboat reads up to {FORMAT}",
                "install the newest Lifeboat on this machine",
            )
        named = value["databases"]
        return SegmentSummary(
            databases=None if named is None else tuple(str(one) for one in named),
            counts=tuple(_counted(row) for row in value["counts"]),
            events=tuple(_of_catalog(events[begin:end]) for begin, end in spans_of(events)),
            first_wall=_wall(value["first_wall"]),
            last_wall=_wall(value["last_wall"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError, BlockUnreadable) as error:
        raise ObjectDamaged("a segment's summary is not what Lifeboat wrote", "see `lifeboat verify`") from error


def _counted(row: Sequence[Any]) -> Counted:
    name, *numbers = row
    inserts, updates, deletes = map(int, numbers)
    if min(inserts, updates, deletes) < 0:
        raise ValueError("less than nothing")
    return Counted(str(name), inserts, updates, deletes)


def _of_catalog(stored: bytes) -> Event:
    event = read_event(stored)
    if not is_of_catalog(event):
        raise ValueError("no event of the catalog")
    return event


def _wall(text: object) -> datetime | None:
    return None if text is None else read_time(str(text))
