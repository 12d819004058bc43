"""What a bucket's age rules do to one object as time goes by. Pure.

As S3 does it: an action is due at the first midnight UTC that is not before creation plus its days; S3 may be days late, never early.
At one time removal for good comes before a move, and a move before a delete marker; of two moves the lower class wins; a move goes downwards
alone (``can_move``). With versions kept, an expiry hides the object behind a delete marker, and its bytes go by the rules for noncurrent versions.

Source: Amazon S3 User Guide, "Lifecycle and other bucket configurations" and "Expiring objects".
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from lifeboat.cloud.lifecycle.rules import (
    ALL_128K,
    SMALL_BYTES,
    WATERFALL,
    Lifecycle,
    Rule,
    can_move,
    enabled_for,
)

HIDDEN = "hidden"
"""The object is deleted as far as any reader can see; with versions kept its bytes are still paid for."""
GONE = "gone"
ARCHIVED = ("GLACIER", "DEEP_ARCHIVE")
"""Classes out of which an object has to be brought back before it can be read."""


@dataclass(frozen=True, slots=True)
class Event:
    """From ``at`` on the object is in storage class ``becomes``, or ``HIDDEN``, or ``GONE``.

    Args:
        kept_as: The storage class of its bytes from then on, also while it is hidden; empty once they are gone.
    """

    at: datetime
    becomes: str
    kept_as: str = field(default="", compare=False)


def due(created: datetime, days: int) -> datetime:
    """The first midnight UTC that is not before ``created`` plus so many days."""
    moment = created.astimezone(UTC) + timedelta(days=days)
    midnight = datetime.combine(moment.date(), time(), UTC)
    return midnight if midnight == moment else midnight + timedelta(days=1)


def course_of(
    lifecycle: Lifecycle,
    key: str,
    size_bytes: int,
    created: datetime,
    *,
    storage_class: str = "STANDARD",
    versions_kept: bool = True,
    not_before: datetime | None = None,
) -> tuple[Event, ...]:
    """Everything that will happen to an object without tags, in order; nothing for one that no rule means.

    Args:
        key: Full key in the bucket.
        created: Its LastModified.
        storage_class: In which it is now.
        versions_kept: Whether versioning is on: an expiry then hides, and removes later.
        not_before: Rules act from now on at the earliest: what was due before is due then.
    """
    rules = list(enabled_for(lifecycle, key, size_bytes))
    removal = _removal(rules, created, not_before)
    now_class = storage_class
    events: list[Event] = []
    moves = _moves(rules, size_bytes, created, lifecycle.minimum, not_before)
    for at in sorted({when for when, _ in moves}):
        if removal is not None and (at > removal or (at == removal and not versions_kept)):
            break
        reached = [to for when, to in moves if when == at and can_move(now_class, to)]
        if reached:
            now_class = max(reached, key=_rank)
            events.append(Event(at, now_class, now_class))
    if removal is not None:
        events += _after_removal(rules, removal, versions_kept, now_class, size_bytes, lifecycle.minimum)
    return tuple(events)


def class_at(events: tuple[Event, ...], moment: datetime, begins: str = "STANDARD") -> str:
    """The storage class, ``HIDDEN`` or ``GONE`` at a moment."""
    found = begins
    for event in events:
        if event.at > moment:
            break
        found = event.becomes
    return found


def _after_removal(
    rules: list[Rule], removal: datetime, versions_kept: bool, now_class: str, size_bytes: int, minimum: str
) -> list[Event]:
    if not versions_kept:
        return [Event(removal, GONE)]
    # A pack has one version: rules that leave so many newer versions alone never mean it, it has no newer ones than the marker.
    days = [one.noncurrent_days for one in rules if one.noncurrent_days is not None and not one.noncurrent_keep]
    gone = due(removal, min(days)) if days else None
    events = [Event(removal, HIDDEN, now_class)]
    moves = [
        (due(removal, one.days), one.storage_class)
        for rule in rules
        for one in rule.noncurrent_transitions
        if not one.keep and not _too_small(rule, one.storage_class, size_bytes, minimum)
    ]
    for at in sorted({when for when, _ in moves}):
        reached = [to for when, to in moves if when == at and can_move(now_class, to)]
        if reached and (gone is None or at < gone):
            now_class = max(reached, key=_rank)
            events.append(Event(at, HIDDEN, now_class))
    return events if gone is None else [*events, Event(gone, GONE)]


def _removal(rules: list[Rule], created: datetime, not_before: datetime | None) -> datetime | None:
    moments = [_when(created, one.expire_days, one.expire_on) for one in rules]
    wanted = [one for one in moments if one is not None]
    return _late(min(wanted), not_before) if wanted else None


def _moves(
    rules: list[Rule], size_bytes: int, created: datetime, minimum: str, not_before: datetime | None
) -> list[tuple[datetime, str]]:
    found = []
    for rule in rules:
        for one in rule.transitions:
            at = _when(created, one.days, one.on)
            if at is not None and not _too_small(rule, one.storage_class, size_bytes, minimum):
                found.append((_late(at, not_before), one.storage_class))
    return found


def _too_small(rule: Rule, storage_class: str, size_bytes: int, minimum: str) -> bool:
    if rule.states_a_size or size_bytes >= SMALL_BYTES:
        return False
    return minimum == ALL_128K or storage_class not in ARCHIVED


def _when(created: datetime, days: int | None, on: date | None) -> datetime | None:
    if on is not None:
        return max(datetime.combine(on, time(), UTC), due(created, 0))
    return None if days is None else due(created, days)


def _late(at: datetime, not_before: datetime | None) -> datetime:
    return at if not_before is None else max(at, not_before)


def _rank(storage_class: str) -> int:
    return WATERFALL.index(storage_class)
