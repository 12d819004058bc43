"""Small phrases several reports share."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lifeboat.operations.reports.snapshots import SnapshotRow

SHORT_ID = 8
_TYPED = {"mongodb": "db"}
_ITEMS = {"db": ("document", "documents")}
_ENTRIES = ("entry", "entries")
"""Folders and links count, too."""


def short_id(snapshot: str) -> str:
    """What people type."""
    return snapshot[:SHORT_ID]


def typed_source(source: str) -> str:
    """The source as the command line calls it."""
    return _TYPED.get(source, source)


def count_items(source: str, number: int) -> str:
    """``"12,345 documents"``, ``"1 entry"``."""
    return f"{number:,} {_ITEMS.get(typed_source(source), _ENTRIES)[number != 1]}"


def count(number: int, one: str) -> str:
    """``"1 snapshot"``, ``"12 snapshots"``."""
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def state_of(row: "SnapshotRow") -> str:
    """What is not perfect about a snapshot; empty when nothing."""
    said = [] if row.complete else ["incomplete"]
    if not row.one_instant and row.source == "mongodb":
        said.append("not one instant")  # files never are; only of a database it is worth a word
    if row.snapshot_class == "long":
        said.append("month's copy")
    if row.keep is not None:
        said.append(f"kept: {row.keep}")
    if row.purpose == "safety":
        said.append("before a restore")
    if row.purpose == "import" and row.keep is None:  # else its reason says so
        said.append("imported")
    return ", ".join(said)
