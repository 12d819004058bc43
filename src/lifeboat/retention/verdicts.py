"""Each snapshot's verdict, with its reason in words.

Invariants: the newest snapshot of a source and the newest proved one are always kept; what was not proved never pushes out what was; and dropping
everything that is dropped changes no verdict on the rest, so that prune may stop anywhere and be run again.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from lifeboat.foundation.value import Value
from lifeboat.retention.candidate import Candidate, last_of_each
from lifeboat.retention.periods import GRACE, SAFETY
from lifeboat.retention.rules import Rules
from lifeboat.retention.window import bases

AHEAD = timedelta(minutes=5)
"""Clocks of a store's machines differ by less than this; what is further ahead of the store's clock is from the future."""


class Because(StrEnum):
    """Why a snapshot is kept or not, for programs and for the table that groups them."""

    FUTURE = "from-the-future"
    ON_PURPOSE = "kept-on-purpose"
    RELEASED = "released"
    NEWEST = "newest"
    NEWEST_WHOLE = "newest-complete"
    NEWEST_PROVED = "newest-proved"
    RULE = "rule"
    RULE_PROVED = "rule-among-proved"
    BASE = "base-of-the-archive"
    """Moments of the window are reached from it, through the archive."""
    NOT_PROVED = "not-proved-yet"
    SAFETY = "safety"
    SAFETY_OVER = "safety-over"
    BEYOND = "beyond-the-rules"
    UNKNOWN = "beside-damage"
    """Would go, but for something beside it that cannot be read (said by prune, not by ``judge``)."""


class Verdict(Value):
    """What becomes of one snapshot; ``until`` is set where the reason ends on a day that is known."""

    key: str
    kept: bool
    because: Because
    reason: str
    until: datetime | None = None


def judge(
    candidates: Iterable[Candidate], rules: Rules, now: datetime, window: datetime | None = None
) -> list[Verdict]:
    """A verdict on each, in the order given. Pure.

    Args:
        now: By the store's clock.
        window: Since when any moment must be within reach of the archive; None: as long ago as the rules say.
    """
    given = list(candidates)
    reasons: dict[str, Verdict] = {}
    groups: dict[tuple[str, str], list[Candidate]] = {}
    for one in given:
        special = _special(one, now)
        if special is not None:
            reasons[one.key] = special
        if not one.safety and not one.imported and one.finished <= now + AHEAD:
            groups.setdefault((one.label, one.source), []).append(one)
    for group in groups.values():
        # What is kept for a reason of its own still takes its place among the newest: as if nothing had been said of it.
        for verdict in _of_group(group, rules, now - rules.window if window is None else window):
            reasons.setdefault(verdict.key, verdict)
    return [reasons.get(one.key) or _by_age(one, rules, now) for one in given]


def _special(one: Candidate, now: datetime) -> Verdict | None:
    """What is kept whatever the others are."""
    if one.finished > now + AHEAD:
        reason = f"from the future: finished {_day(one.finished)} by the store's clock, which says {_day(now)}"
        return Verdict(one.key, True, Because.FUTURE, reason)
    if one.kept is not None:
        return Verdict(one.key, True, Because.ON_PURPOSE, f"kept on purpose: {one.kept}")
    return None


def _of_group(group: Sequence[Candidate], rules: Rules, window: datetime) -> Iterable[Verdict]:
    """Those that one label's snapshots of one source keep among themselves, the strongest reason first."""
    newest_first = sorted(group, key=lambda one: (one.finished, one.key), reverse=True)
    proved = [one for one in newest_first if one.proved]
    yield Verdict(newest_first[0].key, True, Because.NEWEST, "the newest of its source")
    for one in newest_first:
        if one.complete:
            yield Verdict(one.key, True, Because.NEWEST_WHOLE, "the newest that lacks nothing")
            break
    if proved:
        yield Verdict(proved[0].key, True, Because.NEWEST_PROVED, "the newest proved")
    classes = sorted({one.class_ for one in group})
    for among, because, words in (
        (newest_first, Because.RULE, ""),
        (proved, Because.RULE_PROVED, " with a proved one"),
    ):
        for class_ in classes:
            of_class = [one for one in among if one.class_ == class_]
            for rule in rules.of_class(class_):
                for number, one in enumerate(last_of_each(of_class, rule), start=1):
                    yield Verdict(one.key, True, because, f"number {number} of {rule.words}{words}")
    for one in bases(newest_first, window):
        reason = f"moments of the last {rules.window_days} days are reached from it"
        yield Verdict(one.key, True, Because.BASE, reason)


def _by_age(one: Candidate, rules: Rules, now: datetime) -> Verdict:
    """What none of the others keeps: by its age, and if that is over, why it goes."""
    if one.released is not None and now < one.released + GRACE:
        until = one.released + GRACE
        return Verdict(
            one.key, True, Because.RELEASED, f"released on {_day(one.released)}: kept until {_day(until)}", until
        )
    if not one.proved and now < one.not_proved_until:
        reason = f"not proved yet: kept until {_day(one.not_proved_until)}"
        return Verdict(one.key, True, Because.NOT_PROVED, reason, one.not_proved_until)
    if one.safety:
        until = one.finished + SAFETY
        if now < until:
            reason = f"taken before a restore: kept until {_day(until)}"
            return Verdict(one.key, True, Because.SAFETY, reason, until)
        return Verdict(one.key, False, Because.SAFETY_OVER, f"taken before a restore, more than {SAFETY.days} days ago")
    if one.imported:
        return Verdict(one.key, False, Because.BEYOND, "imported, and kept no longer")
    words = " and ".join(rule.words for rule in rules.of_class(one.class_))
    reason = f"not the last of any of {words}" if words else f"no rule keeps snapshots of class {one.class_}"
    return Verdict(one.key, False, Because.BEYOND, reason)


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}"
