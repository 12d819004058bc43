"""What the rules have to know of a snapshot, and how a rule picks."""

from collections.abc import Sequence
from datetime import datetime

from lifeboat.foundation.value import Value
from lifeboat.retention.rules import Rule


class Candidate(Value):
    """What the rules have to know of one snapshot.

    Args:
        key: Names it; unique.
        label: Of the writer's registration, which a recipient signed: a writer that takes another's place carries on its label.
        finished: By the store's clock.
        proved: Somebody with an identity has opened all of it.
        kept: Why it is kept on purpose, or None.
        released: When somebody took back that it is kept, or that it was forgotten.
        not_proved_until: Until then it is kept although nobody has proved it.
    """

    key: str
    label: str
    source: str
    class_: str
    finished: datetime
    complete: bool
    safety: bool
    proved: bool
    kept: str | None
    released: datetime | None
    not_proved_until: datetime
    imported: bool = False
    """Taken in from a dump: no rule counts it, and it takes nobody's place."""
    archived: bool = False
    """Of one instant, and somebody of its label archives what happens after it."""
    leads: bool = False
    """Moments of the window are reached from it that are reached from no other that stays for certain: it stands where a stretch begins."""


def last_of_each(newest_first: Sequence[Candidate], rule: Rule) -> list[Candidate]:
    """Of each of the newest periods that have any the last one; in a period, one that lacks nothing comes before one that does."""
    periods: dict[tuple[int, ...], Candidate] = {}
    for one in newest_first:
        period = rule.key(one.finished)
        if period not in periods:
            if len(periods) == rule.count:
                break
            periods[period] = one
        elif one.complete and not periods[period].complete:
            periods[period] = one
    return list(periods.values())
