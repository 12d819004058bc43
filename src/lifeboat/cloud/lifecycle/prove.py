"""Do a bucket's age rules leave everything alone that is kept? Promise 4, pure.

A rule may hide or remove an object not before ``needed_until``: the last day that the retention rules promise while backups go on, and in any
case ``NOTICE_DAYS`` from today for what is kept today, for nobody knows that another backup will come. Looked at daily, whatever is about to be
eaten is a problem ``NOTICE_DAYS`` long before it is. Decision 0181.

What lies there is judged group by group (``Group``: objects that every rule treats alike), what will be written from today on rule by rule:
whether an object is eaten hangs on single rules, never on two together.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, time, timedelta

from lifeboat.cloud.lifecycle.course import ARCHIVED, GONE, HIDDEN, course_of, due
from lifeboat.cloud.lifecycle.presets import AT_ONCE_DAYS, NOTICE_DAYS, SLACK_DAYS, longest_days, months_kept
from lifeboat.cloud.lifecycle.rules import SMALL_BYTES, Lifecycle, Rule
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.sizes import show_bytes
from lifeboat.foundation.value import Value
from lifeboat.repository.names import CATALOG, CONFIG, KEYS, LEDGER, PROBES, SEGMENTS, Class, Source
from lifeboat.retention.periods import begin_of, generation_of
from lifeboat.retention.rules import Rules
from lifeboat.retention.window import STILL_READ

FOR_EVER = datetime.max.replace(tzinfo=UTC)
NOTICE = timedelta(days=NOTICE_DAYS)
PACK_AT_MOST = 1 << 30
"""No pack, segment or key is larger."""
EATS, REACHES, SOON, EARLY, VERSIONS, TAGS = (
    *("age-rule-eats", "age-rule-reaches", "age-rule-too-soon"),
    *("age-rule-archives-early", "age-rule-old-versions", "age-rule-by-tags"),
)
_PERIOD_DAYS = {"hour": 1, "day": 1, "week": 7}


class Group(Value):
    """Objects that every rule treats alike.

    Args:
        area: What people call them: ``"files/pack/long"``.
        key: Full key of one of them.
        size_bytes: Of that one.
        created: LastModified of the last, rounded up to midnight, which is all that S3 goes by.
        needed_until: ``FOR_EVER`` for what is kept on purpose.
        at_once_until: Until then none may have to be brought back from an archive first.
        hurts: Snapshots that need one of them.
    """

    area: str
    key: str
    size_bytes: int
    created: datetime
    count: int
    total_bytes: int
    needed_until: datetime
    storage_class: str = "STANDARD"
    at_once_until: datetime | None = None
    hurts: tuple[str, ...] = ()


class Eaten(Value):
    """A group that goes too early. Args: becomes: ``HIDDEN`` or ``GONE``; rules: ids of those that do it."""

    group: Group
    at: datetime
    becomes: str
    rules: tuple[str, ...]


class Place(Value):
    """The repository in its bucket. Args: prefix: without slashes at its ends; rules: of retention."""

    prefix: str
    rules: Rules
    now: datetime
    versions_kept: bool = True
    locked: bool = False
    """Object Lock holds the bytes of packs for a time; what is hidden no restore sees all the same."""

    @property
    def before(self) -> str:
        return f"{self.prefix}/" if self.prefix else ""


def eaten(lifecycle: Lifecycle, groups: Iterable[Group], now: datetime, *, versions_kept: bool = True) -> list[Eaten]:
    """The groups that any rule hides or removes before their day."""
    found = []
    for one in groups:
        events = course_of(
            lifecycle,
            one.key,
            one.size_bytes,
            one.created,
            storage_class=one.storage_class,
            versions_kept=versions_kept,
            not_before=now,
        )
        end = next((event for event in events if event.becomes in (HIDDEN, GONE)), None)
        if end is not None and end.at < one.needed_until:
            found.append(Eaten(one, end.at, end.becomes, tuple(_eaters(lifecycle, one))))
    return found


def prove(lifecycle: Lifecycle, groups: Sequence[Group], place: Place) -> list[Finding]:
    """Everything that rules do to what is kept, to what will be written, and to what must never be touched; nothing when all is well."""
    lost = eaten(lifecycle, groups, place.now, versions_kept=place.versions_kept)
    return [
        *_never(lifecycle, place),
        *_eaten_findings(lost, place),
        *_too_soon(lifecycle, place),
        *_archived_early(lifecycle, groups, place),
        *_by_tags(lifecycle, place),
    ]


def promised(class_: str, finished: datetime, rules: Rules) -> datetime:
    """The last day that the rules promise a snapshot while backups go on and are proved in each period; an upper bound."""
    if class_ == Class.LONG:
        at = finished.year * 12 + finished.month + months_kept(rules)
        return begin_of(f"{min(at // 12, 9999):04d}-{at % 12 + 1:02d}") if rules.takes_long else finished
    days = [(one.count + 1) * _PERIOD_DAYS[one.period] for one in rules.of_class(class_)]
    return finished + timedelta(days=max(days, default=0))


def needed_days(area: str, rules: Rules) -> int:
    """Days for which something written now may be needed at the least, notice included. Args: area: ``"long"``, ``"short"``, ``SEGMENTS``."""
    if area == SEGMENTS:
        return rules.window_days + STILL_READ.days + SLACK_DAYS + NOTICE_DAYS
    now = datetime(2024, 1, 1, tzinfo=UTC)
    kept = (
        longest_days(months_kept(rules) + 1)
        if area == Class.LONG
        else longest_days(1) + (promised(area, now, rules) - now).days
    )
    return kept + NOTICE_DAYS


def restorable_at_once_days(lifecycle: Lifecycle, prefix: str) -> int | None:
    """Up to this age no monthly copy is in an archive; None: never."""
    before = f"{prefix}/" if prefix else ""
    areas = [f"{before}{source}/pack/{Class.LONG}/" for source in Source]
    days = [
        one.days
        for rule in lifecycle.rules
        for one in rule.transitions
        if rule.enabled
        and one.days is not None
        and one.storage_class in ARCHIVED
        and any(_meets(rule, a) for a in areas)
    ]
    return max(min(days) - longest_days(1) - SLACK_DAYS, 0) if days else None


def _eaters(lifecycle: Lifecycle, group: Group) -> Iterator[str]:
    for rule in lifecycle.rules:
        if rule.enabled and rule.is_for(group.key, group.size_bytes):
            ends = _removal(rule, group.created)
            if ends is not None and ends < group.needed_until:
                yield rule.id


def _removal(rule: Rule, created: datetime) -> datetime | None:
    if rule.expire_on is not None:
        return max(datetime.combine(rule.expire_on, time(), UTC), created)
    return None if rule.expire_days is None else due(created, rule.expire_days)


def may_touch(lifecycle: Lifecycle, full: str, oldest: datetime, until: datetime, at_once: datetime | None) -> bool:
    """Whether anything below ``full`` could be hidden or removed before ``until``, or archived before ``at_once``, whatever its name and
    size, if nothing there is older than ``oldest``.
    """
    for rule in lifecycle.rules:
        if not rule.enabled or not _meets(rule, full):
            continue
        ends = _removal(rule, oldest)
        if ends is not None and ends < until:
            return True
        for one in rule.transitions if at_once is not None else ():
            moved = datetime.combine(one.on, time(), UTC) if one.on else due(oldest, one.days or 0)
            if at_once is not None and one.storage_class in ARCHIVED and moved < at_once:
                return True
    return False


def _meets(rule: Rule, area: str) -> bool:
    """Whether an object below ``area`` can be meant: Lifeboat's have no tags, and any size up to ``PACK_AT_MOST``."""
    in_reach = rule.prefix.startswith(area) or area.startswith(rule.prefix)
    smallest = (rule.larger_than or 0) + 1
    largest = min(PACK_AT_MOST, (rule.smaller_than or PACK_AT_MOST + 1) - 1)
    return in_reach and smallest <= largest and not rule.tags


def _never(lifecycle: Lifecycle, place: Place) -> Iterator[Finding]:
    """What no age rule may touch: keys, catalog, description, ledger."""
    areas = {
        KEYS: "data keys",
        CATALOG: "snapshot records",
        CONFIG: "the repository's description",
        LEDGER: "the ledger of erasures and drills",
    }
    # Packs of the source `config` lie below `config/` too, and probes: a rule that means those alone is none of these.
    spared = (f"{place.before}{Source.CONFIG}/pack/", f"{place.before}{PROBES}")
    for rule in lifecycle.rules:
        if not rule.enabled or rule.prefix.startswith(spared):
            continue
        reached = {area: what for area, what in areas.items() if _meets(rule, place.before + area)}
        if not reached:
            continue
        what, where = _listed(reached.values()), _listed(place.before + area for area in reached)
        verb = None
        if rule.expire_days is not None or rule.expire_on is not None:
            verb = "hides" if place.versions_kept else "removes"
        elif any(one.storage_class in ARCHIVED for one in rule.transitions):
            verb = "archives"
        if verb:
            message = f"{verb} {what} ({where}): without them no snapshot can be opened"
            yield Finding(Level.PROBLEM, REACHES, _subject(rule), message, _mend(rule), ("every snapshot",))
        if rule.noncurrent_days is not None:
            message = (
                f"removes old versions below {where} after {rule.noncurrent_days} days: what somebody deletes or overwrites there "
                "can be brought back no longer than that"
            )
            yield Finding(Level.WARNING, VERSIONS, _subject(rule), message, _mend(rule))


def _eaten_findings(lost: Iterable[Eaten], place: Place) -> Iterator[Finding]:
    together: dict[tuple[tuple[str, ...], str], list[Eaten]] = {}
    for one in lost:
        together.setdefault((one.rules, one.group.area), []).append(one)
    for (rules, area), several in together.items():
        count, size = sum(one.group.count for one in several), sum(one.group.total_bytes for one in several)
        first = min(several, key=lambda one: one.at)
        hurts = dict.fromkeys(hurt for one in sorted(several, key=lambda one: one.at) for hurt in one.group.hurts)
        verb = "hides" if first.becomes == HIDDEN else "removes"
        when = "now" if first.at <= place.now else f"from {first.at:%Y-%m-%d}"
        last = max(one.group.needed_until for one in several)
        until = "for good: kept on purpose" if last == FOR_EVER else f"until {last:%Y-%m-%d} at least"
        things = "segment" if area.endswith(SEGMENTS.rstrip("/")) else "pack"
        message = f"{verb} {count:,} {things}{'' if count == 1 else 's'} of {area} ({show_bytes(size)}) {when}; they are needed {until}"
        if place.locked and verb == "hides":
            message += "; Object Lock keeps the bytes, but no restore sees them"
        subject = f"age rule {' and '.join(rules)}"
        hint = "take it off, or let it act later; `lifeboat aws lifecycle plan` shows rules that are safe"
        yield Finding(Level.PROBLEM, EATS, subject, message, hint, tuple(hurts))


def _too_soon(lifecycle: Lifecycle, place: Place) -> Iterator[Finding]:
    """Rules that will eat what is written from today on."""
    areas = [(f"{source}/pack/{class_}", str(class_)) for source in Source for class_ in Class]
    for rule in lifecycle.rules:
        if not rule.enabled or (rule.expire_days is None and rule.expire_on is None):
            continue
        short_of: dict[str, int] = {}
        for area, kind in (*areas, (SEGMENTS.rstrip("/"), SEGMENTS)):
            full, days = f"{place.before}{area}/", needed_days(kind, place.rules)
            over = rule.expire_on is not None or (rule.expire_days or 0) < days
            if over and _meets(rule, full) and not _of_the_past(rule, full, place.now):
                short_of["archive of changes" if kind == SEGMENTS else f"packs of `{kind}`"] = days
        if short_of:
            when = f"on {rule.expire_on}" if rule.expire_on else f"after {rule.expire_days} days"
            needs = _listed(f"{what} {days} days" for what, days in short_of.items())
            message = f"expires {when} what may be needed longer, the more so when backups stop: {needs} at the least"
            yield Finding(Level.PROBLEM, SOON, _subject(rule), message, _mend(rule))


def _of_the_past(rule: Rule, full: str, now: datetime) -> bool:
    """Whether a rule means only months that are over: what lies there is judged group by group."""
    month = rule.prefix[len(full) :].split("/")[0]
    return rule.prefix.startswith(full) and len(month) >= len("2026-01") and month[:7] < generation_of(now)


def _archived_early(lifecycle: Lifecycle, groups: Iterable[Group], place: Place) -> Iterator[Finding]:
    together: dict[str, list[tuple[datetime, str, Group]]] = {}
    for one in groups:
        if one.at_once_until is None:
            continue
        events = course_of(
            lifecycle, one.key, one.size_bytes, one.created, storage_class=one.storage_class, not_before=place.now
        )
        if one.storage_class in ARCHIVED:
            together.setdefault(one.area, []).append((place.now, one.storage_class, one))
            continue
        first = next((event for event in events if event.becomes in ARCHIVED), None)
        if first is not None and first.at < one.at_once_until:
            together.setdefault(one.area, []).append((first.at, first.becomes, one))
    for area, several in together.items():
        at, class_, _ = min(several, key=lambda row: row[0])
        when = "are" if at <= place.now else f"will be from {at:%Y-%m-%d} on"
        hurts = dict.fromkeys(hurt for _, _, group in several for hurt in group.hurts)
        count, size = sum(group.count for _, _, group in several), sum(group.total_bytes for _, _, group in several)
        message = (
            f"{count:,} pack{'' if count == 1 else 's'} ({show_bytes(size)}) of copies that must be restorable at once {when} in {class_}: "
            "a restore has to wait for hours"
        )
        hint = f"archive {area} later: {longest_days(1) + AT_ONCE_DAYS + SLACK_DAYS} days after writing at the least"
        yield Finding(Level.WARNING, EARLY, area, message, hint, tuple(hurts))
    rules = [
        (rule, one.days)
        for rule in lifecycle.rules
        for one in rule.transitions
        if rule.enabled and one.storage_class in ARCHIVED and one.days is not None
    ]
    for source in Source:
        for class_ in Class:
            full = f"{place.before}{source}/pack/{class_}/"
            least = longest_days(1) + AT_ONCE_DAYS + SLACK_DAYS
            for rule, days in rules:
                if _meets(rule, full) and days < least and not _of_the_past(rule, full, place.now):
                    message = (
                        f"archives packs of {source}/pack/{class_} {days} days after their writing: copies younger than "
                        f"{AT_ONCE_DAYS} days need them, and would have to wait for hours"
                    )
                    yield Finding(Level.WARNING, EARLY, _subject(rule), message, f"{least} days or more")


def _by_tags(lifecycle: Lifecycle, place: Place) -> Iterator[Finding]:
    for rule in lifecycle.rules:
        near = rule.prefix.startswith(place.before) or place.before.startswith(rule.prefix)
        if rule.enabled and rule.tags and near and (rule.expire_days is not None or rule.expire_on is not None):
            said = ", ".join(f"{name}={value}" for name, value in rule.tags)
            message = f"expires what somebody tags {said}; Lifeboat's objects have no tags, so it touches none of them as they are"
            yield Finding(
                Level.WARNING, TAGS, _subject(rule), message, "who may set tags here may have backups removed"
            )


def _listed(words: Iterable[str]) -> str:
    """``"a, b and c"``."""
    *rest, last = words
    return f"{', '.join(rest)} and {last}" if rest else last


def _subject(rule: Rule) -> str:
    return f"age rule {rule.id}"


def _mend(rule: Rule) -> str:
    if rule.prefix:
        return "take it off, or let it act later; `lifeboat aws lifecycle plan` shows rules that are safe"
    return "it means the whole bucket: give it the prefix that is meant, or give backups a bucket of their own"


def size_cuts(lifecycles: Iterable[Lifecycle]) -> list[int]:
    """Sizes at which some rule begins or ceases to mean an object: between two of them all are treated alike."""
    cuts = {SMALL_BYTES}
    for one in lifecycles:
        for rule in one.rules:
            cuts |= {rule.larger_than + 1} if rule.larger_than is not None else set()
            cuts |= {rule.smaller_than} if rule.smaller_than is not None else set()
    return sorted(cuts)


def deeper_prefixes(lifecycles: Iterable[Lifecycle], full: str) -> tuple[str, ...]:
    """Prefixes of rules that mean a part only of what lies below ``full``."""
    found = {
        rule.prefix for one in lifecycles for rule in one.rules if rule.prefix.startswith(full) and rule.prefix != full
    }
    return tuple(sorted(found))


def is_finer(lifecycles: Sequence[Lifecycle], known: Sequence[Lifecycle]) -> bool:
    """Whether rules tell objects apart that groups made for others do not."""
    prefixes = {rule.prefix for one in lifecycles for rule in one.rules} - {
        rule.prefix for one in known for rule in one.rules
    }
    return bool(prefixes) or not set(size_cuts(lifecycles)) <= set(size_cuts(known))
