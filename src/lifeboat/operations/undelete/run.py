"""Carry out a plan: take markers off where that is allowed, else copy the right version on top; and say what came of it.

Taking markers off leaves each object's age as it was, and needs the most dangerous right there is; copying needs those that a keeper has
anyway. Killed at any moment, the next run goes on: it looks at what is there.
"""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.value import Value
from lifeboat.operations.undelete.plan import AT_ONCE, Lost, UndeletePlan
from lifeboat.storage.errors import StorageDenied
from lifeboat.storage.versions import KeepsVersions

TOLD_AT_MOST = 10


class LostThen(Value):
    """What was lost in one hour, by the store's clock."""

    hour: datetime
    hidden: int
    overwritten: int
    bytes: int
    gone: int
    """Of which no version is left that is right."""


class UndeleteReport(Value):
    """What was brought back, or with ``dry_run`` would be."""

    dry_run: bool
    place: str
    lost: tuple[LostThen, ...]
    objects: int
    """That can be brought back."""
    bytes: int
    brought_back: int
    by_copy: int
    """Of those: copied on top, since markers may not be removed here; they count as new, and take their room twice for a while."""
    whole: int
    findings: tuple[Finding, ...] = ()


def carry_out(place: KeepsVersions, plan: UndeletePlan, progress: Progress) -> tuple[int, int, list[Finding]]:
    """Returns how many came back, how many of those by copying, and what did not."""
    progress.begin("bringing back", total_items=len(plan.coming))
    copied: list[str] = []
    failed: list[tuple[Lost, LifeboatError]] = []
    may_remove = [True]

    def bring(one: Lost) -> None:
        try:
            if not (one.markers and may_remove[0] and _uncovered(place, one, may_remove)):
                assert one.back is not None
                place.renew_version(one.name, one.back.id, over=not one.hidden)
                copied.append(one.name)
        except LifeboatError as error:
            if error.worth_retrying:
                raise
            failed.append((one, error))
        progress.advance(done_items=1)

    # In the plan's order, batch by batch: what names others comes after them.
    for batch in _alike(plan.coming):
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="undelete") as pool:
            list(pool.map(bring, batch))
    findings = [
        Finding(Level.PROBLEM, "not-brought-back", one.name, error.message, error.hint)
        for one, error in failed[:TOLD_AT_MOST]
    ]
    if len(failed) > TOLD_AT_MOST:
        more = f"{len(failed) - TOLD_AT_MOST} more objects could not be brought back"
        findings.append(
            Finding(Level.PROBLEM, "not-brought-back", "", more, "mend what stands above, then type it again")
        )
    return len(plan.coming) - len(failed), len(copied), findings


def report_of(
    plan: UndeletePlan,
    place: str,
    *,
    dry_run: bool,
    brought_back: int = 0,
    by_copy: int = 0,
    findings: Sequence[Finding] = (),
) -> UndeleteReport:
    """As people and programs read it."""
    return UndeleteReport(
        dry_run=dry_run,
        place=place,
        lost=_by_hour(plan.lost),
        objects=len(plan.coming),
        bytes=sum(one.back.size_bytes for one in plan.coming if one.back is not None),
        brought_back=brought_back,
        by_copy=by_copy,
        whole=plan.whole,
        findings=(*_gone(plan), *_unsure(plan), *findings),
    )


def _uncovered(place: KeepsVersions, one: Lost, may_remove: list[bool]) -> bool:
    """Take its markers off; False where that right is missing, which is then believed for all of them."""
    try:
        for marker in reversed(one.markers):  # the newest last: until then readers see no half of it
            place.remove_marker(one.name, marker)
    except StorageDenied:
        may_remove[0] = False
        return False
    return True


def _alike(coming: Sequence[Lost]) -> list[list[Lost]]:
    """The plan cut where catalogs begin."""
    rest = [one for one in coming if not one.name.startswith("catalog/")]
    return [rest, [one for one in coming if one.name.startswith("catalog/")]]


def _by_hour(lost: Sequence[Lost]) -> tuple[LostThen, ...]:
    hours = sorted({_hour(one) for one in lost})
    hidden = Counter(_hour(one) for one in lost if one.hidden)
    over = Counter(_hour(one) for one in lost if not one.hidden)
    gone = Counter(_hour(one) for one in lost if one.back is None)
    sizes: Counter[datetime] = Counter()
    for one in lost:
        sizes[_hour(one)] += one.back.size_bytes if one.back is not None else 0
    return tuple(LostThen(hour, hidden[hour], over[hour], sizes[hour], gone[hour]) for hour in hours)


def _hour(one: Lost) -> datetime:
    return one.since.replace(minute=0, second=0, microsecond=0)


def _gone(plan: UndeletePlan) -> list[Finding]:
    if not plan.gone:
        return []
    message = f"of {len(plan.gone):,} objects no version with the hash in the name is left"
    hint = "a second copy has them, if there is one; of what prune removed long ago that is as it should be. `lifeboat verify` says what is hurt"
    return [Finding(Level.WARNING, "version-gone", plan.gone[0].name, message, hint)]


def _unsure(plan: UndeletePlan) -> list[Finding]:
    unsure = [one for one in plan.coming if not one.sure]
    if not unsure:
        return []
    message = f"{len(unsure):,} objects come back without their hash having been compared"
    return [
        Finding(
            Level.WARNING, "version-not-compared", unsure[0].name, message, "afterwards: `lifeboat verify --level full`"
        )
    ]
