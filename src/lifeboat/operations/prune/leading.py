"""Which snapshots lead into the archive: from each unbroken stretch of it the one from which its moments of the window are reached. Pure.

The last snapshot of each day does not do: behind a gap, and on the first day, what happened before that snapshot is reached from an earlier one.
Names and times decide, as in ``archive``. What was planted was stored later than the chain began: it can keep a snapshot, and hide no beginning.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime

from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.operations.prune.facts import Facts, StoredRecord
from lifeboat.repository.names import Source
from lifeboat.repository.segments import StoredSegment, Stretch, stretches
from lifeboat.retention.periods import LOCK


def leading(facts: Facts, begin: datetime) -> frozenset[str]:
    """Keys of those snapshots. Args: begin: Of the window."""
    of_label: dict[str | None, list[StoredRecord]] = {}
    for one in sorted(facts.records, key=lambda one: (one.record.instant, one.key)):
        if _is_base(one, facts.now):
            of_label.setdefault(facts.plain_labels.get(one.record.writer), []).append(one)
    found: set[str] = set()
    for stretch in stretches(facts.segments):
        if max(segment.modified for segment in stretch.segments) >= begin:
            bases = of_label.get(facts.plain_labels.get(stretch.writer), [])
            proved = [one for one in bases if one.proved and one.record.finished > begin - LOCK]
            found |= {one.key for among in (bases, proved) for one in _into(stretch, among, begin)}
    return frozenset(found)


def _is_base(one: StoredRecord, now: datetime) -> bool:
    record = one.record
    fits = record.source == Source.MONGODB and record.one_instant and record.complete and record.is_backup
    return fits and record.finished <= now


def _into(stretch: Stretch, oldest_first: Sequence[StoredRecord], begin: datetime) -> list[StoredRecord]:
    """From each beginning on the newest that is old enough for the window's, else the oldest."""
    found: list[StoredRecord] = []
    for after in _beginnings(stretch.segments):
        covered = [one for one in oldest_first if after.seconds < _second(one) <= stretch.through.seconds]
        old_enough = [one for one in covered if one.record.finished <= begin]
        # Of the second in which a stretch begins it is not known here whether the snapshot lies before that or behind.
        doubtful = [one for one in oldest_first if _second(one) == after.seconds]
        found += old_enough[-1:] or [*covered[:1], *doubtful]
    return found


def _beginnings(segments: Sequence[StoredSegment]) -> list[ClusterTime]:
    """Where the archive began, or began anew, in the order of storing: nothing that was there by then led to it."""
    found: list[ClusterTime] = []
    starts: list[ClusterTime] = []
    ends: list[ClusterTime] = []
    for one in sorted(segments, key=lambda one: (one.modified, one.after)):
        at = bisect_right(starts, one.after)
        if at == 0 or ends[at - 1] < one.after:
            found.append(one.after)
            starts.insert(at, one.after)
            ends.insert(at, one.through)
            at += 1
        ends[at - 1] = max(ends[at - 1], one.through)
        while at < len(starts) and starts[at] <= ends[at - 1]:
            ends[at - 1] = max(ends[at - 1], ends.pop(at))
            del starts[at]
    return found


def _second(one: StoredRecord) -> int:
    return int(one.record.instant.timestamp())
