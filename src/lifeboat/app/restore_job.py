"""One source's restore, planned: its steps, what stops it, what protects what it replaces, how it is carried out."""

from collections.abc import Callable
from dataclasses import dataclass

from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.operations.reports.restores import ErasureReplayed, PlanStep, PointRow, RestoredPart
from lifeboat.operations.shards import Shard
from lifeboat.repository.record import Record


class TargetMissing(SettingsError):
    """A restore was asked for without saying where to."""

    code = "target-missing"


@dataclass
class Job:
    """One source's restore, planned: its steps, and how to carry it out."""

    record: Record
    target: str
    steps: tuple[PlanStep, ...]
    findings: tuple[Finding, ...]
    refuse: Callable[[], None]
    protect: Callable[[str], str | None]
    """Take the safety snapshot of a recovery point; returns its id, or None when there is nothing to protect."""
    has_begun: bool
    """Whether an earlier run of the same restore may have replaced something already."""
    begun: frozenset[str] | None
    """Of a database: the collections for which that is so; None where it is not known one by one."""
    carry_out: Callable[[], tuple[tuple[RestoredPart, ...], tuple[Finding, ...]]]
    undo_notes: Callable[[], dict[str, object]]
    """What ``undo`` must know of how things are now, before anything is written."""
    carry_out_share: Callable[[Shard], tuple[int, int]] | None = None
    """Of files beside the live ones: write what falls to one of several processes; returns how many files and bytes."""
    point: PointRow | None = None
    """Of a database: the instant, where it is none of a snapshot."""
    replays: tuple[str, ...] = ()
    """Ids of the erasures that are replayed."""
    replayed: Callable[[], tuple[ErasureReplayed, ...]] = tuple
    """After ``carry_out``: what of them was there."""


def incomplete(record: Record) -> tuple[Finding, ...]:
    """What must be known before a snapshot that lacks something takes the place of anything."""
    if record.complete:
        return ()
    return (
        Finding(
            Level.WARNING,
            "snapshot-incomplete",
            record.snapshot[:8],
            "something that should be in this snapshot could not be read when it was taken",
            "an older snapshot may have it: `lifeboat snapshots`",
        ),
    )
