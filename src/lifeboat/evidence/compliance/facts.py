"""What was found out, each with when and where it is from. A claim rests on such facts, or it is a gap.

Invariant: a fact that could not be looked at is ``holds=None``, and supports nothing.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lifeboat.foundation.value import Value, field


class Fact(Value):
    """One thing that was looked at.

    Args:
        name: Permanent, of small letters and dashes: what articles refer to.
        said: What was found, in one sentence.
        at: When it was so, or was looked at.
        source: Who says so: a command, a setting, an API.
        holds: Whether it supports what is claimed; None: it could not be looked at, ``said`` says why.
        raw: The plain values behind it.
    """

    name: str
    said: str
    at: datetime
    source: str
    holds: bool | None
    raw: Mapping[str, Any] = field(default_factory=dict)


class Declared(Value):
    """What only people can say, from ``[compliance]`` in the settings; empty where nobody said it."""

    controller: str = ""
    data_protection_officer: str = ""
    purposes: tuple[str, ...] = ()
    data_categories: tuple[str, ...] = ()
    data_subjects: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    transfers: tuple[str, ...] = ()
    legal_basis: str = ""
    impact_assessment: str = ""
    retention_reason: str = ""
