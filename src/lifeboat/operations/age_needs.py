"""What a bucket's age rules must leave alone: the packs and segments of everything that is kept, with until when.

Limits: listings and catalogs only, so a custodian can do it; no pack is read. Of a million packs no list is held: they are counted into groups
that every rule treats alike, one month at a time.
"""

import bisect
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lifeboat.cloud.lifecycle.course import due
from lifeboat.cloud.lifecycle.future import Habit
from lifeboat.cloud.lifecycle.presets import AT_ONCE_DAYS
from lifeboat.cloud.lifecycle.prove import FOR_EVER, NOTICE, Group, deeper_prefixes, may_touch, promised, size_cuts
from lifeboat.cloud.lifecycle.rules import Lifecycle
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.value import Value
from lifeboat.operations.prune.facts import Facts, gather_said
from lifeboat.operations.prune.plan import Judged, judge_kept
from lifeboat.repository.names import SEGMENTS, Class, Source, packs_prefix, typed
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import Record
from lifeboat.retention.periods import begin_of
from lifeboat.retention.rules import Rules
from lifeboat.retention.verdicts import Because
from lifeboat.storage.object_store import ObjectStore, StoredObject

_NEWEST = {Because.NEWEST, Because.NEWEST_WHOLE, Because.NEWEST_PROVED, Because.BASE}
_BY_COUNT = {Because.RULE, Because.RULE_PROVED, *_NEWEST}
LAST_MONTH = timedelta(days=31)
MADE_UP = (Habit(Source.MONGODB, 1 << 30, 100 << 20), Habit(Source.FILES, 5 << 30, 50 << 20))
HURTS_AT_MOST = 400
"""Snapshots that are named for one group."""


@dataclass(frozen=True)
class Needs:
    """What is kept, in groups.

    Args:
        kept: How many snapshots.
        missing: Of each place how many packs are needed and not there, and who needs them.
        unread: Catalogs that do not open, and why.
    """

    now: datetime
    kept: int
    groups: tuple[Group, ...]
    missing: tuple[tuple[str, int, tuple[str, ...]], ...] = ()
    unread: tuple[tuple[str, str], ...] = ()
    packs: int = 0
    judged: tuple[Judged, ...] = ()


@dataclass(slots=True)
class _Counted:
    """A group while it grows."""

    key: str
    size_bytes: int
    count: int = 0
    total_bytes: int = 0
    needs: set[int] = field(default_factory=set)
    """Numbers of the snapshots that need one of them; -1: nobody can say who."""


class _Kept(Value):
    """A snapshot that is kept, and until when no rule may touch what it needs."""

    name: str
    until: datetime
    at_once: datetime | None
    packs: tuple[bytes, ...]


_Key = tuple[datetime, int, tuple[bool, ...], str]


def needs(
    repository: Repository,
    rules: Rules,
    prefix: str,
    lifecycles: Sequence[Lifecycle],
    progress: Progress,
    *,
    quick: bool = False,
) -> Needs:
    """Read and count.

    Args:
        prefix: Of the repository in its bucket, without slashes at its ends.
        lifecycles: All rules that will be held against it: groups are as fine as these ask for.
        quick: List packs only where one of these rules could do harm to a pack as old as its month; packs that are gone are then not
            seen, which is for ``verify``.
    """
    facts = gather_said(repository, progress)
    return needs_of(facts, repository.store, rules, prefix, lifecycles, progress, quick=quick)


def needs_of(
    facts: Facts,
    store: ObjectStore,
    rules: Rules,
    prefix: str,
    lifecycles: Sequence[Lifecycle],
    progress: Progress,
    *,
    quick: bool = False,
) -> Needs:
    """The same, of what was read already; packs are listed."""
    judged, archives = judge_kept(facts, rules)
    kept = [one for one in judged if one.verdict.kept]
    before, cuts = f"{prefix}/" if prefix else "", size_cuts(lifecycles)
    groups: list[Group] = []
    missing: list[tuple[str, int, tuple[str, ...]]] = []
    packs = 0
    progress.begin("looking at packs")
    for place, several in sorted(_by_place(kept, facts).items()):
        deeper = deeper_prefixes(lifecycles, before + place)
        snapshots = [_kept(one, rules, facts.now) for one in several]
        of_unread = not several or _is_unread(place, facts)
        if quick and not _in_danger(lifecycles, before + place, snapshots, facts.now):
            packs += len({pack for one in snapshots for pack in one.packs})
            continue
        counted, left = _count(store, place, before, snapshots, of_unread, deeper, cuts)
        if left:
            hurts = (one.name for one in snapshots if not left.isdisjoint(one.packs))
            missing.append((place, len(left), tuple(hurts)))
        groups += _groups(counted, place, snapshots, facts.now)
    segments = [(one.label, segment) for one in archives for segment in one.staying]
    stored = ((label, StoredObject(one.name, one.size_bytes, one.modified)) for label, one in segments)
    deeper = deeper_prefixes(lifecycles, before + SEGMENTS)
    groups += _segment_groups(stored, before, facts.now, deeper, cuts)
    unread = tuple(
        (f"catalog of writer {writer[:8]}, {month}", why) for (writer, month), why in sorted(facts.unread.items())
    )
    packs += sum(one.count for one in groups)
    return Needs(facts.now, len(kept), tuple(groups), tuple(missing), unread, packs, judged)


def habits_of(needed: Needs) -> tuple[list[Habit], bool]:
    """What each source stores anew and in a day, as its last month was; made up, and said to be, where nothing is stored yet."""
    found = []
    for source in Source:
        records = [one.stored.record for one in needed.judged if one.stored.record.source == source]
        recent = [one for one in records if needed.now - one.finished < LAST_MONTH and one.is_backup]
        if not recent:
            continue
        days = max((needed.now - min(one.finished for one in recent)).days, 1)
        firsts = {id(one) for one in _first_of_each(recent)}
        daily = sum(one.stored_bytes for one in recent if id(one) not in firsts) // days
        found.append(Habit(source, max(one.stored_bytes for one in recent), daily))
    return (found, True) if found else (list(MADE_UP), False)


def _first_of_each(records: Iterable[Record]) -> Iterator[Record]:
    """Those that stored everything anew: the first of its place."""
    seen: set[tuple[str, str]] = set()
    for one in sorted(records, key=lambda one: one.finished):
        if (one.writer, one.place) not in seen:
            seen.add((one.writer, one.place))
            yield one


def _by_place(kept: Iterable[Judged], facts: Facts) -> dict[str, list[Judged]]:
    """Where packs lie that are needed, and by which snapshots; of months with something unreadable all places."""
    found: dict[str, list[Judged]] = {}
    for _, month in facts.unread:
        for source in Source:
            for class_ in Class:
                found.setdefault(packs_prefix(source, class_, month), [])
    for one in kept:
        found.setdefault(one.stored.place, []).append(one)
    return found


def _in_danger(lifecycles: Iterable[Lifecycle], full: str, snapshots: Sequence[_Kept], now: datetime) -> bool:
    """Whether a rule could touch too early what lies in a place, were it as old as it can be: of the first day of its month."""
    until = max([one.until for one in snapshots], default=now + NOTICE)
    at_once = max([one.at_once for one in snapshots if one.at_once is not None], default=None)
    oldest = begin_of(full.rstrip("/").rsplit("/", 1)[-1]) - timedelta(days=1)
    return any(may_touch(one, full, oldest, until, at_once) for one in lifecycles)


def _is_unread(place: str, facts: Facts) -> bool:
    return any(month == place.split("/")[3] for _, month in facts.unread)


def needed_until(because: Because, class_: str, finished: datetime, rules: Rules, now: datetime) -> datetime:
    """Until when no age rule may touch what a snapshot needs that is kept today, for this reason. Pure."""
    if because is Because.ON_PURPOSE:
        return FOR_EVER
    if because in _BY_COUNT:
        return max(now, promised(class_, finished, rules)) + NOTICE
    return now + NOTICE


def _kept(one: Judged, rules: Rules, now: datetime) -> _Kept:
    record, because = one.stored.record, one.verdict.because
    until = needed_until(because, record.class_, record.finished, rules, now)
    young = record.finished + timedelta(days=AT_ONCE_DAYS)
    at_once = now + NOTICE if because in _NEWEST else young if young > now and record.is_backup else None
    return _Kept(_named(record), until, at_once, record.packs)


def _named(record: Record) -> str:
    kind = " monthly" if record.class_ == Class.LONG else ""
    return f"snapshot {record.snapshot[:8]}: {typed(record.source)}{kind} of {record.label}, {record.finished:%Y-%m-%d %H:%M}"


def _count(
    store: ObjectStore,
    place: str,
    before: str,
    snapshots: Sequence[_Kept],
    of_unread: bool,
    deeper: tuple[str, ...],
    cuts: Sequence[int],
) -> tuple[dict[_Key, _Counted], set[bytes]]:
    """The packs of one place that are needed, in groups; and those that are needed and not there."""
    needed = {pack: -1 for one in snapshots for pack in one.packs}
    groups: dict[_Key, _Counted] = {}
    numbers: dict[_Key, int] = {}
    order: list[_Counted] = []
    for stored in store.list_under(place):
        name = _hash(stored.name)
        if name in needed or of_unread:
            key = _key(before + stored.name, stored, deeper, cuts)
            if key not in groups:
                groups[key] = _Counted(before + stored.name, stored.size_bytes)
                numbers[key] = len(order)
                order.append(groups[key])
            groups[key].count += 1
            groups[key].total_bytes += stored.size_bytes
            if name in needed:
                needed[name] = numbers[key]
            else:
                groups[key].needs.add(-1)
    for number, snapshot in enumerate(snapshots):
        for place_in in {needed[pack] for pack in snapshot.packs} - {-1}:
            order[place_in].needs.add(number)
    return groups, {pack for pack, group in needed.items() if group < 0}


def _hash(name: str) -> bytes:
    try:
        return bytes.fromhex(name[-64:])
    except ValueError:
        return b""


def _key(full: str, stored: StoredObject, deeper: tuple[str, ...], cuts: Sequence[int]) -> _Key:
    where = tuple(full.startswith(one) for one in deeper) if deeper else ()
    return (
        due(stored.modified, 0),
        bisect.bisect_right(cuts, stored.size_bytes),
        where,
        sys.intern(stored.storage_class),
    )


def _groups(counted: dict[_Key, _Counted], place: str, snapshots: Sequence[_Kept], now: datetime) -> Iterator[Group]:
    area = "/".join(place.split("/")[:3])
    for (midnight, _, _, class_), one in counted.items():
        known = [snapshots[number] for number in sorted(one.needs) if number >= 0]
        at_once = [each.at_once for each in known if each.at_once is not None]
        names = [each.name for each in known[:HURTS_AT_MOST]]
        yield Group(
            area,
            one.key,
            one.size_bytes,
            midnight,
            one.count,
            one.total_bytes,
            max([each.until for each in known], default=now + NOTICE),
            class_,
            max(at_once, default=None),
            tuple(names or [f"whatever a catalog of {place.split('/')[3]} that does not open names"]),
        )


def _segment_groups(
    segments: Iterable[tuple[str, StoredObject]],
    before: str,
    now: datetime,
    deeper: tuple[str, ...],
    cuts: Sequence[int],
) -> Iterator[Group]:
    counted: dict[tuple[str, _Key], _Counted] = {}
    for label, stored in segments:
        full = before + stored.name
        one = counted.setdefault((label, _key(full, stored, deeper, cuts)), _Counted(full, stored.size_bytes))
        one.count += 1
        one.total_bytes += stored.size_bytes
    for (label, (midnight, _, _, _)), one in counted.items():
        hurts = (f"moments of {midnight - timedelta(days=1):%Y-%m-%d} in the archive of {label}",)
        area = SEGMENTS.rstrip("/")
        yield Group(
            area,
            one.key,
            one.size_bytes,
            midnight,
            one.count,
            one.total_bytes,
            now + NOTICE,
            at_once_until=now + NOTICE,
            hurts=hurts,
        )
