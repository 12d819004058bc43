"""Erasures as the ledger has them: what somebody is known by, from when on older copies alone hold it, what holds it back.

An erasure is recorded once; later entries say what became of it: it was closed (live is clean: copies from then on are left alone), put on hold
(a law or a court wants the data kept), released. Section 19 of docs/format.md.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from lifeboat.crypto.identity import from_base64, to_base64
from lifeboat.foundation.value import Value
from lifeboat.repository.ledger import Entry
from lifeboat.repository.record import read_time, show_time

SLACK = timedelta(minutes=10)
"""Clocks of machines differ by less: copies that are so much younger than the look at live are taken for older ones."""
ANSWER_DAYS = 30
"""PDPL (Implementing Regulation, article 3): within 30 days of the request; 30 more where it takes more, and the person is told."""


class Act(StrEnum):
    """What an entry says of an erasure."""

    RECORD = "record"
    CLOSE = "close"
    HOLD = "hold"
    RELEASE = "release"


class DocumentSelector(Value):
    """Which documents of a collection.

    Args:
        collection: As it was stored: ``database.collection``.
        field: Names with dots between them; ``_id`` for a document that is named by its id.
        mac: Keyed hash (hex) of the canonical value.
        fold: Whatever the case of a text.
        unset: What is taken out of the documents; empty: they go whole.
        shown: Of an id, which says nothing of anybody, its extended JSON; empty for a value, of which only the hash is kept.
    """

    collection: str
    field: str
    mac: str
    fold: bool = False
    unset: tuple[str, ...] = ()
    shown: str = ""

    def words(self) -> str:
        """For people, without the value."""
        known = f"with {self.field} {self.shown}" if self.shown else f"whose {self.field} is known by its hash"
        folded = ", in any case" if self.fold else ""
        what = f"{', '.join(self.unset)} of documents" if self.unset else "documents"
        return f"{self.collection}: {what} {known}{folded}"

    def to_json(self) -> dict[str, Any]:
        return {
            "collection": self.collection,
            "field": self.field,
            "mac": self.mac,
            "fold": self.fold,
            "unset": list(self.unset),
            "shown": self.shown,
        }


class Erasure(Value):
    """One request of somebody to be erased, as it stands now.

    Args:
        number: Of the entry of the ledger that recorded it.
        key: Of its keyed hashes.
        files: Whole paths as they were stored; a folder ends in ``/``.
        until: Copies of instants before it are those that may hold it; None: any copy may, for live was not seen to be clean.
        hold: Why it is not replayed; empty: it is.
    """

    id: str
    number: int
    recorded: datetime
    key: bytes
    documents: tuple[DocumentSelector, ...] = ()
    files: tuple[bytes, ...] = ()
    request: str = ""
    note: str = ""
    until: datetime | None = None
    hold: str = ""

    def applies_to(self, instant: datetime) -> bool:
        """Whether a restore of that instant leaves it out."""
        return not self.hold and self.concerns(instant)

    def concerns(self, instant: datetime) -> bool:
        """Whether a copy of that instant may hold it."""
        return self.until is None or instant < self.until + SLACK

    @property
    def answer_until(self) -> datetime:
        return self.recorded + timedelta(days=ANSWER_DAYS)

    def to_json(self) -> dict[str, Any]:
        """The content of the entry that records it."""
        return {
            "act": str(Act.RECORD),
            "id": self.id,
            "request": self.request,
            "note": self.note,
            "key": to_base64(self.key),
            "documents": [one.to_json() for one in self.documents],
            "files": [path.hex() for path in self.files],
            "until": None if self.until is None else show_time(self.until),
        }


class NotUnderstood(ValueError):
    """An entry says something that this Lifeboat does not know: it must not be passed over."""


def erasures_in(entries: Iterable[Entry]) -> list[Erasure]:
    """How all erasures stand after these entries, in the order in which they were recorded.

    Raises:
        NotUnderstood: Names the entry.
    """
    found: dict[str, Erasure] = {}
    for entry in entries:
        try:
            _follow(found, entry)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise NotUnderstood(entry.name) from error
    return list(found.values())


def _follow(found: dict[str, Erasure], entry: Entry) -> None:
    said = entry.content
    act, name = Act(said["act"]), str(said["id"])
    if act is Act.RECORD:
        recorded = _recorded(entry)
        while recorded.id in found:  # two machines at once may have taken the same id: both count
            recorded = replace(recorded, id=f"{recorded.id}-{entry.number}")
        found[recorded.id] = recorded
        return
    before = found[name]
    if act is Act.CLOSE:
        until = read_time(said["until"])
        # The later look decides: what was found to be live again is closed by the look that found it clean.
        found[name] = replace(before, until=until if before.until is None else max(before.until, until))
    elif act is Act.HOLD:
        found[name] = replace(before, hold=str(said["why"]) or "on hold")
    else:
        found[name] = replace(before, hold="")


def _recorded(entry: Entry) -> Erasure:
    said: Mapping[str, Any] = entry.content
    documents = []
    for one in said["documents"]:
        database, _, collection = str(one["collection"]).partition(".")
        if not (database and collection and one["field"] and len(bytes.fromhex(one["mac"])) == 32):
            raise ValueError("no selector")
        unset = tuple(map(str, one["unset"]))
        documents.append(
            DocumentSelector(
                f"{database}.{collection}",
                str(one["field"]),
                str(one["mac"]),
                bool(one["fold"]),
                unset,
                str(one["shown"]),
            )
        )
    files = tuple(bytes.fromhex(path) for path in said["files"])
    if any(not path.startswith(b"/") for path in files):
        raise ValueError("no whole path")
    return Erasure(
        id=str(said["id"]),
        number=entry.number,
        recorded=entry.time,
        key=from_base64(said["key"]),
        documents=tuple(documents),
        files=files,
        request=str(said["request"]),
        note=str(said["note"]),
        until=None if said["until"] is None else read_time(said["until"]),
    )
