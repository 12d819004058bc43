"""When the next drill is due: planned, done, overdue. Pure.

A drill that did not pass is none; what failed is to be made again within thirty days, or when the next one is due, whichever is sooner. A drill of
everything is a restore, too.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from lifeboat.foundation.value import Value
from lifeboat.operations.drill.book import EXERCISE, DrillSummary
from lifeboat.operations.drill.scenario import RULES, Scenario

AGAIN_WITHIN = timedelta(days=30)
RESTORE, FULL, PEOPLE = "restore to staging", "full drill", "exercise of people"


class Every(Value):
    """How often, in seconds; as ``[drills]`` says."""

    restore: float
    full: float
    exercise: float


class Due(Value):
    """One of the three.

    Args:
        command: What makes it, without ``lifeboat``. last: When it was last done; None: never. failed: When it failed since.
        due: By when the next one; None where nothing could be drilled yet.
    """

    what: str
    every_seconds: float
    command: str
    last: datetime | None
    failed: datetime | None
    due: datetime | None

    def is_overdue(self, now: datetime) -> bool:
        return self.due is not None and self.due < now


def due_of(drills: Iterable[DrillSummary], every: Every, since: datetime | None) -> tuple[Due, ...]:
    """All three.

    Args:
        since: When there first was something to drill: counted from where nothing was ever done.
    """
    known = sorted(drills, key=lambda one: one.ended)
    full = {str(name) for name, rules in RULES.items() if rules.is_full}
    restores = [one for one in known if one.scenario != EXERCISE]
    kinds = (
        (RESTORE, every.restore, f"drill --scenario {Scenario.DATABASE_LOSS}", restores),
        (
            FULL,
            every.full,
            f"drill --scenario {Scenario.SERVER_LOSS}",
            [one for one in restores if one.scenario in full],
        ),
        (PEOPLE, every.exercise, "drill exercise", [one for one in known if one.scenario == EXERCISE]),
    )
    return tuple(_due(what, seconds, command, of_kind, since) for what, seconds, command, of_kind in kinds)


def _due(what: str, seconds: float, command: str, drills: list[DrillSummary], since: datetime | None) -> Due:
    last = next((one.ended for one in reversed(drills) if one.has_passed), None)
    failed = next((one.ended for one in drills if not one.has_passed and (last is None or one.ended > last)), None)
    begins = last or since
    due = None if begins is None else begins + timedelta(seconds=seconds)
    if failed is not None:
        again = failed + AGAIN_WITHIN
        due = again if due is None else min(due, again)
    return Due(what, seconds, command, last, failed, due)
