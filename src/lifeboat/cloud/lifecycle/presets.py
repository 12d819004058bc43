"""Sets of age rules by name, for one repository: which classes ``long`` passes through, and the day it ends at the latest. Pure.

Limits: ``short``, segments, keys, catalog and ``config/`` get no age rule at all. What is kept of them depends on what comes later (the newest
proved copy stays while backups stop), which no number of days can say; prune removes them. Decisions 0180, 0181.
"""

import re
from collections.abc import Callable
from datetime import date
from hashlib import sha256

from lifeboat.cloud.lifecycle.rules import Lifecycle, Rule, Transition
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.value import Value
from lifeboat.repository.names import SEGMENTS, Source
from lifeboat.retention.rules import Rules

OWN = "lifeboat-"
"""How the ids of our rules begin; whose they are is said by the whole id (``own_ids``)."""
MISSION_DAYS = 2555
NOTICE_DAYS = 90
"""An age rule leaves what is kept today alone for so long at least: time to hear of it, and to act."""
SLACK_DAYS = 2
ABORT_DAYS = 7
"""A pack is stored in minutes; a run gives up after days."""
AT_ONCE_DAYS = 30
"""The age up to which a copy must not have to be brought back from an archive first."""
MINIMUM_DAYS = {
    "STANDARD_IA": 30,
    "ONEZONE_IA": 30,
    "GLACIER_IR": 90,
    "GLACIER": 90,
    "DEEP_ARCHIVE": 180,
}
"""Billed at least, however soon an object goes. Source: Amazon S3 pricing."""
_SLUG_AT_MOST = 60


class Preset(Value):
    """One set. Args: expires_at_least: days; the retention rules may ask for more."""

    words: str
    transitions: Callable[[], tuple[Transition, ...]]
    expires_at_least: int = 0


PRESETS = {
    "mission": Preset(
        "infrequent access at 30 days, Glacier at 365, expiry at 2555 or when the last rule lets go",
        lambda: (Transition("STANDARD_IA", 30), Transition("GLACIER", 365)),
        MISSION_DAYS,
    ),
    "hours": Preset(
        "Glacier Instant Retrieval at 30 days: every copy can be restored at once",
        lambda: (Transition("GLACIER_IR", 30),),
    ),
    "cheapest": Preset(
        "Deep Archive as soon as the month's copy need not be restored at once: then it takes 12 to 48 hours",
        lambda: (Transition("DEEP_ARCHIVE", archive_from(AT_ONCE_DAYS)),),
    ),
}


class PresetMissing(SettingsError):
    """No set of age rules is called so."""

    code = "preset-missing"


def preset(name: str, prefix: str, rules: Rules, noncurrent_days: int, *, expires: bool = True) -> Lifecycle:
    """The rules of a set.

    Args:
        prefix: Of the repository in the bucket, without slashes at its ends; may be empty.
        noncurrent_days: How long what was deleted or overwritten can be brought back.
        expires: False leaves the expiry of ``long`` out: prune alone removes then.

    Raises:
        PresetMissing
    """
    if name not in PRESETS:
        raise PresetMissing(f"no set of age rules is called {name}", f"there are: {', '.join(PRESETS)}")
    chosen, before, own = PRESETS[name], f"{prefix}/" if prefix else "", _own(prefix)
    expire_days = max(chosen.expires_at_least, expiry_days(rules))
    transitions = tuple(one for one in chosen.transitions() if not expires or _pays(one, expire_days))
    found = [
        Rule(
            f"{own}long-{source}",
            prefix=f"{before}{source}/pack/long/",
            transitions=transitions,
            expire_days=expire_days if expires else None,
            noncurrent_days=noncurrent_days,
        )
        for source in Source
    ]
    found += [
        Rule(f"{own}short-{source}", prefix=f"{before}{source}/pack/short/", noncurrent_days=noncurrent_days)
        for source in Source
    ]
    found.append(Rule(f"{own}oplog", prefix=f"{before}{SEGMENTS}", noncurrent_days=noncurrent_days))
    found.append(Rule(f"{own}leftovers", prefix=before, expire_marker=True, abort_days=ABORT_DAYS))
    return Lifecycle(tuple(found))


def own_ids(prefix: str) -> frozenset[str]:
    """Ids of all rules that any set has for this repository; other rules in the bucket are somebody else's."""
    return frozenset(one.id for one in preset("mission", prefix, Rules(), 1).rules)


def expiry_days(rules: Rules) -> int:
    """Days after its writing at which a pack of ``long`` may go: no rule keeps a snapshot in it then, and notice was given.

    A pack is written in the month of its snapshot, and that goes at the latest at the end of the month (year) that pushes it out.
    """
    return longest_days(months_kept(rules) + 1) + SLACK_DAYS + NOTICE_DAYS


def months_kept(rules: Rules) -> int:
    """How many months after its own the rules may still keep a snapshot of ``long``; of a year, the first may be the last."""
    return max(rules.monthly, (rules.yearly + 1) * 12 - 1 if rules.yearly else 0)


def archive_from(at_once_days: int) -> int:
    """Days after its writing at which a pack may be archived, so that no snapshot younger than ``at_once_days`` needs it."""
    return longest_days(1) + at_once_days + SLACK_DAYS


def longest_days(months: int) -> int:
    """The most days that so many months on end can have."""
    starts = [(year, month) for year in range(2024, 2032) for month in range(1, 13)]
    return max((_after(year, month, months) - date(year, month, 1)).days for year, month in starts)


def _after(year: int, month: int, months: int) -> date:
    number = year * 12 + month - 1 + months
    return date(min(number // 12, date.max.year), number % 12 + 1, 1)


def _pays(transition: Transition, expire_days: int) -> bool:
    """Whether an object stays in the class for as long as is billed for it."""
    return (transition.days or 0) + MINIMUM_DAYS.get(transition.storage_class, 0) <= expire_days


def _own(prefix: str) -> str:
    if not prefix:
        return OWN
    slug = re.sub(r"[^A-Za-z0-9_-]", ".", prefix)
    if slug != prefix or len(slug) > _SLUG_AT_MOST:
        # Two prefixes must not share ids: what was replaced tells them apart.
        slug = f"{slug[:_SLUG_AT_MOST]}-{sha256(prefix.encode()).hexdigest()[:8]}"
    return f"{OWN}{slug}-"
