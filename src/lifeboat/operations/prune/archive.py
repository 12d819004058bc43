"""Which segments of the archive prune removes: those from which no moment of the window is reached any more. Pure.

Names and the store's times decide, so a custodian can do it; a name that lies can keep segments, never cost one. Where no base is old enough,
everything stays.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from lifeboat.foundation.value import Value
from lifeboat.operations.prune.facts import Facts, StoredRecord
from lifeboat.repository.segments import StoredSegment
from lifeboat.retention.candidate import Candidate
from lifeboat.retention.periods import GRACE
from lifeboat.retention.rules import Rules
from lifeboat.retention.window import STILL_READ, bases, begin_of_window, first_bases


class ArchiveOf(Value):
    """The archive of one writer's name. Args: base: From which the window's beginning is reached; None: no snapshot is old enough."""

    label: str
    base: StoredRecord | None
    staying: tuple[StoredSegment, ...]
    going: tuple[StoredSegment, ...]
    """In the order of removal: the oldest first, parts after the segment that names them."""
    later: tuple[tuple[datetime, int], ...]
    """From when on how many bytes of those that stay can go, if the kept bases are all there will be."""


def window_of(facts: Facts, rules: Rules) -> datetime:
    """Since when any moment is to be within reach."""
    return begin_of_window(facts.now, _stays(rules), facts.committed_at)


def _stays(rules: Rules) -> timedelta:
    """How long a segment stays that nothing else keeps: where it is locked, until its lock is over (``repository/locking.py``)."""
    return rules.window + (max(STILL_READ, GRACE) if rules.locked else STILL_READ)


def plan_archive(facts: Facts, candidates: Iterable[Candidate], rules: Rules) -> list[ArchiveOf]:
    """What becomes of each writer's segments.

    Args:
        candidates: Of all snapshots that are kept.
    """
    begin = window_of(facts, rules)
    by_key = {one.key: one for one in facts.records}
    groups: dict[str, list[Candidate]] = {}
    for one in sorted(candidates, key=lambda one: (one.finished, one.key), reverse=True):
        if one.archived:
            groups.setdefault(one.label, []).append(one)
    of_label: dict[str, list[StoredSegment]] = {}
    for segment in facts.segments:
        of_label.setdefault(facts.labels.get(segment.writer, segment.writer), []).append(segment)
    found = []
    for label, segments in sorted(of_label.items()):
        plain = {facts.plain_labels.get(one.writer) for one in segments}
        near = [groups[label]] if label in groups else _of_others(facts, groups, plain)
        first = [by_key[one.key] for group in near for one in first_bases(group, begin)]
        enough = first if all(first_bases(group, begin) for group in near) else []
        base = min(enough, key=lambda one: one.record.believed_instant, default=None)
        staying, going = _parted(segments, base, begin, facts, rules)
        coming = [by_key[one.key] for group in near for one in bases(group, begin)]
        found.append(ArchiveOf(label, base, staying, going, _later(staying, coming, rules)))
    return found


def _of_others(facts: Facts, groups: dict[str, list[Candidate]], plain: set[str | None]) -> list[list[Candidate]]:
    """A machine that only streams goes by the snapshots of all that share its name: the oldest base among them counts."""
    counted = {facts.labels[writer] for writer, label in facts.plain_labels.items() if label in plain}
    return [groups[label] for label in sorted(counted & groups.keys())]


def _parted(
    segments: Sequence[StoredSegment], base: StoredRecord | None, begin: datetime, facts: Facts, rules: Rules
) -> tuple[tuple[StoredSegment, ...], tuple[StoredSegment, ...]]:
    """Those that stay and those that go."""
    whole = [one for one in segments if not one.is_part]
    going = [one for one in whole if base is not None and _is_over(one, base.record.believed_instant, begin)]
    gone = {one.name for one in going}
    begun = {_begin(one) for one in whole if one.name not in gone}
    ended = {_begin(one) for one in going}
    half_written = begin_of_window(facts.now, max(GRACE, _stays(rules)) if rules.locked else GRACE, facts.committed_at)
    for one in segments:
        if one.is_part and _begin(one) not in begun and (_begin(one) in ended or one.modified < half_written):
            going.append(one)
            gone.add(one.name)
    # Parts begin and end where their segment begins: sorted by that, they would come before it.
    order = sorted(going, key=lambda one: (one.after, one.is_part, one.through, one.name))
    return tuple(one for one in segments if one.name not in gone), tuple(order)


def _is_over(segment: StoredSegment, base: datetime, begin: datetime) -> bool:
    """Whether all in it happened before the base, by the database's clock, and was stored before the window, by the store's."""
    return segment.through.seconds < int(base.timestamp()) and segment.modified < begin


def _begin(segment: StoredSegment) -> tuple[str, str, object]:
    return segment.writer, segment.chain, segment.after


def _later(
    staying: Sequence[StoredSegment], coming: Sequence[StoredRecord], rules: Rules
) -> tuple[tuple[datetime, int], ...]:
    in_order = sorted(coming, key=lambda one: one.record.believed_instant)
    freed: dict[datetime, int] = {}
    for segment in staying:
        until = next(
            (one for one in in_order if segment.through.seconds < one.record.believed_instant.timestamp()), None
        )
        if until is not None:
            when = max(until.record.finished, segment.modified) + _stays(rules)
            when = when.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
            freed[when] = freed.get(when, 0) + segment.size_bytes
    return tuple(sorted(freed.items()))
