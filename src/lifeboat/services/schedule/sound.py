"""What of the schedule's memory has the shape that we write; the rest is left out.

The file holds hints. One that a failing disk or somebody's editor has spoilt must neither stop a backup nor its being told of.
"""

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

LONGEST_STEP_SECONDS = 1e9
"""Thirty years: what is longer was never written by us, and no date can be computed with it."""


def sound_memory(said: Any) -> dict[str, Any]:
    """The parts of a remembered object that can be gone by; of the jobs each by itself."""
    if not isinstance(said, dict):
        return {}
    kept = {name: value for name, value in said.items() if name not in _FORMS or _FORMS[name](value)}
    if "jobs" in kept:
        kept["jobs"] = {name: one for name, one in kept["jobs"].items() if _is_job(one)}
    return kept


def _is_instant(value: Any) -> bool:
    """ISO 8601 with a zone: without one it could not be compared."""
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and 0 <= value <= LONGEST_STEP_SECONDS


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _or_none(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value)


def _each(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(fits(one) for one in value.values())


def _parts(**forms: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """An object whose known parts fit; others may stand beside them."""
    return lambda value: (
        isinstance(value, dict) and all(fits(value[name]) for name, fits in forms.items() if name in value)
    )


_is_job = _parts(
    began=_or_none(_is_instant),
    ended=_or_none(_is_instant),
    good=_or_none(_is_instant),
    slot=_or_none(_is_instant),
    tried=_or_none(_is_instant),
    status=_or_none(lambda value: isinstance(value, int)),
    told=lambda value: isinstance(value, bool),
    tries=lambda value: isinstance(value, int) and 0 <= value < 2**31,
    troubles=_each(_or_none(_is_instant)),
)
_is_row = _parts(every_seconds=_is_number, when=_is_text)
_FORMS: dict[str, Callable[[Any], bool]] = {
    "jobs": lambda value: isinstance(value, dict),
    "installed": lambda value: (
        _parts(
            manager=_is_text,
            files=lambda files: isinstance(files, list) and all(map(_is_text, files)),
            jobs=_each(lambda one: _is_row(one) and "every_seconds" in one),
            objectives=_each(_is_number),
            notify=lambda notify: isinstance(notify, dict),
        )(value)
        and _is_instant(value.get("at"))
        and "manager" in value
    ),
    "sources": _each(_is_instant),
    "tested": _or_none(_is_instant),
    "role": _is_text,
}
