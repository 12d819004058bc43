"""A snapshot record as the rest of the program sees it (docs/format.md, section 9)."""

import re
from datetime import UTC, datetime
from typing import Any

from lifeboat.crypto.identity import from_base64, to_base64
from lifeboat.foundation.value import Value
from lifeboat.repository.catalog_format import joined_names, split_names
from lifeboat.repository.errors import ObjectDamaged
from lifeboat.repository.names import Class, Source, packs_prefix


class Record(Value):
    """One snapshot. ``writer`` and ``object_name`` come from where it lies, all else from inside its seal."""

    writer: str
    object_name: str
    snapshot: str
    point: str
    source: str
    class_: str
    generation: str
    label: str
    instant: datetime
    one_instant: bool
    started: datetime
    finished: datetime
    complete: bool
    purpose: str
    """``backup``; ``safety`` for what was there before a restore, or ``import`` for somebody's dump: see ``is_backup``."""
    root: bytes
    packs: tuple[bytes, ...]
    total_bytes: int
    items: int
    new_bytes: int
    stored_bytes: int
    software: str
    keep: str | None = None
    """Why it is to be kept whatever the rules say; None when the rules decide."""

    @property
    def is_backup(self) -> bool:
        """Whether this machine read it from its source to protect it: what ``latest``, objectives and rules go by."""
        return self.purpose == "backup"

    @property
    def believed_instant(self) -> datetime:
        """The recovery point, never after the commit by the store's clock: a source's clock that once ran ahead must not
        make its snapshot the latest for ever.
        """
        return min(self.instant, self.finished)

    @property
    def place(self) -> str:
        """Where its packs lie: a record means the packs of its own source, class and generation and no others."""
        return packs_prefix(Source(self.source), Class(self.class_), self.generation)

    def to_json(self) -> dict[str, Any]:
        """The plain content of the record object."""
        return {
            "format": 1,
            "snapshot": self.snapshot,
            "point": self.point,
            "source": self.source,
            "class": self.class_,
            "generation": self.generation,
            "label": self.label,
            "instant": show_time(self.instant),
            "one_instant": self.one_instant,
            "started": show_time(self.started),
            "finished": show_time(self.finished),
            "complete": self.complete,
            "purpose": self.purpose,
            "root": to_base64(self.root),
            "packs": to_base64(joined_names(self.packs)),
            "totals": {
                "bytes": self.total_bytes,
                "items": self.items,
                "new_bytes": self.new_bytes,
                "stored_bytes": self.stored_bytes,
            },
            "software": self.software,
            **({} if self.keep is None else {"keep": self.keep}),
        }


def record_from_json(value: dict[str, Any], writer: str, object_name: str) -> Record:
    """Read the plain content; raises ``ObjectDamaged`` when a field is missing or of another kind."""
    try:
        totals = value["totals"]
        record = Record(
            writer=writer,
            object_name=object_name,
            snapshot=str(value["snapshot"]),
            point=str(value["point"]),
            source=str(value["source"]),
            class_=str(value["class"]),
            generation=str(value["generation"]),
            label=str(value["label"]),
            instant=read_time(value["instant"]),
            one_instant=bool(value["one_instant"]),
            started=read_time(value["started"]),
            finished=read_time(value["finished"]),
            complete=bool(value["complete"]),
            purpose=str(value.get("purpose", "backup")),
            root=from_base64(value["root"]),
            packs=split_names(value["packs"]),
            total_bytes=int(totals["bytes"]),
            items=int(totals["items"]),
            new_bytes=int(totals["new_bytes"]),
            stored_bytes=int(totals["stored_bytes"]),
            software=str(value["software"]),
            keep=None if value.get("keep") is None else str(value["keep"]),
        )
        _check(record)
        return record
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ObjectDamaged(f"{object_name} opens, but is not a snapshot record", "see `lifeboat verify`") from error


def _check(record: Record) -> None:
    """Refuse values that would lead elsewhere: whoever has a writer's secret can seal any; raises ``ValueError``."""
    Source(record.source), Class(record.class_)
    if not re.fullmatch(r"[0-9a-f]{32}", record.snapshot) or len(record.root) != 32:
        raise ValueError("not an id")
    if min(record.total_bytes, record.items, record.new_bytes, record.stored_bytes) < 0:
        raise ValueError("less than nothing")


def show_time(moment: datetime) -> str:
    """RFC 3339 in UTC, with microseconds only where there are any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def read_time(text: str) -> datetime:
    """The inverse; raises ``ValueError``."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:  # the first or the last day that there is
        raise ValueError("a time that UTC has no day for") from error
