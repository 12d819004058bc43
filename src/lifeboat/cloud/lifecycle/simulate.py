"""Age rules at work, day by day for years. Pure.

Written from S3's documents alone and from the raw JSON, sharing nothing with ``course.py`` or ``rules.py``: that both come to the same end says
something (``tests/cloud/test_simulate.py`` throws random rules at them). Each midnight UTC S3 looks at every object: what is due for good goes,
then what is due moves, then what is due is hidden.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from lifeboat.foundation.value import Value

DAY = timedelta(days=1)
_CHEAPEST_FIRST = ("DEEP_ARCHIVE", "GLACIER", "GLACIER_IR", "ONEZONE_IA", "INTELLIGENT_TIERING", "STANDARD_IA")
_LOWER = {
    "STANDARD": set(_CHEAPEST_FIRST),
    "STANDARD_IA": set(_CHEAPEST_FIRST[:5]),
    "INTELLIGENT_TIERING": set(_CHEAPEST_FIRST[:4]),
    "ONEZONE_IA": {"GLACIER", "DEEP_ARCHIVE"},
    "GLACIER_IR": {"GLACIER", "DEEP_ARCHIVE"},
    "GLACIER": {"DEEP_ARCHIVE"},
}
SLOW = ("GLACIER", "DEEP_ARCHIVE")


class Cohort(Value):
    """Objects that were written together and are needed as long as each other.

    Args:
        copies: Name of the copies that need them.
        needed_until: None: for ever.
        pruned: When prune removes them; None: never.
    """

    key: str
    size_bytes: int
    count: int
    created: datetime
    needed_until: datetime | None
    pruned: datetime | None = None
    storage_class: str = "STANDARD"
    copies: str = ""


class Loss(Value):
    """A cohort that rules hid or removed while it was needed."""

    cohort: Cohort
    at: datetime


class Month(Value):
    """How it stands at the end of a month. Copies: how many can be restored at once, only after an archive was asked, never again."""

    at: datetime
    bytes_in: dict[str, int]
    """By storage class, hidden bytes among them."""
    objects: int
    hidden_bytes: int
    at_once: int
    from_archive: int
    lost: int


class Years(Value):
    """All of it."""

    months: tuple[Month, ...]
    losses: tuple[Loss, ...]


@dataclass(slots=True)
class _Thing:
    """A cohort as it is on some day."""

    cohort: Cohort
    rules: list[Mapping[str, Any]]
    class_: str
    hidden: datetime | None = None
    gone: bool = False
    lost: bool = False

    @property
    def bytes(self) -> int:
        return self.cohort.size_bytes * self.cohort.count


@dataclass(slots=True)
class _World:
    rules: Sequence[Mapping[str, Any]]
    small_stay: bool
    versions_kept: bool
    things: list[_Thing] = field(default_factory=list)


def simulate(
    said: Mapping[str, Any], cohorts: Iterable[Cohort], start: datetime, days: int, *, versions_kept: bool = True
) -> Years:
    """Let so many days pass from a midnight on.

    Args:
        said: Rules as S3 hands them out.
    """
    small_stay = said.get("TransitionDefaultMinimumObjectSize") != "varies_by_storage_class"
    world = _World([one for one in said["Rules"] if one["Status"] == "Enabled"], small_stay, versions_kept)
    coming = sorted(cohorts, key=lambda one: one.created, reverse=True)
    months: list[Month] = []
    losses: list[Loss] = []
    for number in range(days + 1):
        midnight = start + number * DAY
        while coming and coming[-1].created <= midnight:
            one = coming.pop()
            meaning = [rule for rule in world.rules if _means(rule, one.key, one.size_bytes)]
            world.things.append(_Thing(one, meaning, one.storage_class))
        for thing in world.things:
            _pass_midnight(thing, midnight, world)
            if not thing.lost and (thing.gone or thing.hidden is not None) and _is_needed(thing.cohort, midnight):
                thing.lost = True
                losses.append(Loss(thing.cohort, midnight))
        if (midnight + DAY).day == 1 or number == days:
            months.append(_month(world.things, midnight))
        if any(thing.gone for thing in world.things):
            # What was lost is told of for as long as it would have been needed.
            world.things = [
                one for one in world.things if not one.gone or (one.lost and _is_needed(one.cohort, midnight))
            ]
    return Years(tuple(months), tuple(losses))


def _pass_midnight(thing: _Thing, midnight: datetime, world: _World) -> None:
    if thing.gone:
        return
    if thing.hidden is None and thing.cohort.pruned is not None and thing.cohort.pruned <= midnight:
        _delete(thing, midnight, world)
    if thing.hidden is not None:
        _age_hidden(thing, thing.hidden, midnight, world)
        return
    if not thing.rules:
        return
    expires = any(_is_due(rule.get("Expiration"), thing.cohort.created, midnight) for rule in thing.rules)
    if expires and not world.versions_kept:
        thing.gone = True
        return
    wanted = {
        move["StorageClass"]
        for rule in thing.rules
        for move in rule.get("Transitions", ())
        if _is_due(move, thing.cohort.created, midnight) and _is_large_enough(rule, move, thing, world)
    }
    _move(thing, wanted)
    if expires:
        _delete(thing, midnight, world)


def _delete(thing: _Thing, midnight: datetime, world: _World) -> None:
    if world.versions_kept:
        thing.hidden = midnight
    else:
        thing.gone = True


def _age_hidden(thing: _Thing, since: datetime, midnight: datetime, world: _World) -> None:
    """Of an object with one version nothing is newer than that version but the marker."""
    for rule in thing.rules:
        old = rule.get("NoncurrentVersionExpiration")
        if old and not old.get("NewerNoncurrentVersions") and midnight - since >= old["NoncurrentDays"] * DAY:
            thing.gone = True
            return
    wanted = {
        move["StorageClass"]
        for rule in thing.rules
        for move in rule.get("NoncurrentVersionTransitions", ())
        if not move.get("NewerNoncurrentVersions")
        and midnight - since >= move["NoncurrentDays"] * DAY
        and _is_large_enough(rule, move, thing, world)
    }
    _move(thing, wanted)


def _move(thing: _Thing, wanted: set[str]) -> None:
    for class_ in _CHEAPEST_FIRST:
        if class_ in wanted and class_ in _LOWER.get(thing.class_, ()):
            thing.class_ = class_
            return


def _is_due(action: Mapping[str, Any] | None, created: datetime, midnight: datetime) -> bool:
    if action is None:
        return False
    if "Date" in action:
        return midnight >= _date(action["Date"])
    return "Days" in action and midnight - created >= action["Days"] * DAY


def _date(said: object) -> datetime:
    moment = said if isinstance(said, datetime) else datetime.fromisoformat(str(said).replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _conditions(rule: Mapping[str, Any]) -> Mapping[str, Any]:
    chosen: Mapping[str, Any] = rule.get("Filter") or {}
    both: Mapping[str, Any] | None = chosen.get("And")
    return chosen if both is None else both


def _means(rule: Mapping[str, Any], key: str, size_bytes: int) -> bool:
    said = _conditions(rule)
    if "Tag" in said or said.get("Tags"):
        return False
    if not key.startswith(said.get("Prefix") or rule.get("Prefix") or ""):
        return False
    if "ObjectSizeGreaterThan" in said and size_bytes <= said["ObjectSizeGreaterThan"]:
        return False
    return not ("ObjectSizeLessThan" in said and size_bytes >= said["ObjectSizeLessThan"])


def _is_large_enough(rule: Mapping[str, Any], move: Mapping[str, Any], thing: _Thing, world: _World) -> bool:
    said = _conditions(rule)
    if "ObjectSizeGreaterThan" in said or "ObjectSizeLessThan" in said or thing.cohort.size_bytes >= 131_072:
        return True
    return not world.small_stay and move["StorageClass"] in SLOW


def _is_needed(cohort: Cohort, midnight: datetime) -> bool:
    return cohort.needed_until is None or midnight < cohort.needed_until


def _month(things: Iterable[_Thing], midnight: datetime) -> Month:
    bytes_in: dict[str, int] = {}
    objects = hidden = 0
    copies: dict[str, int] = {}
    for one in things:
        if not one.gone:
            bytes_in[one.class_] = bytes_in.get(one.class_, 0) + one.bytes
            objects += one.cohort.count
            hidden += one.bytes if one.hidden is not None else 0
        if _is_needed(one.cohort, midnight) and one.cohort.copies:
            how = 2 if one.lost else 1 if one.class_ in SLOW else 0
            copies[one.cohort.copies] = max(copies.get(one.cohort.copies, 0), how)
    found = list(copies.values())
    return Month(midnight, bytes_in, objects, hidden, found.count(0), found.count(1), found.count(2))
