"""Something that is not as it should be, as long as it is so."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from lifeboat.foundation.value import Value, field


class Severity(StrEnum):
    """``critical``: a recovery is endangered now, wake somebody. ``warning``: within days. ``info``: when there is time."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """Higher is worse."""
        return {"critical": 2, "warning": 1, "info": 0}[self]


class Condition(Value):
    """Args:
    rule: Its permanent name. subject: What it is about: a source, a job, a place. Together they tell it from others.
    happened, means, to_do: In words: what it is, what it means for a recovery, what to type.
    """

    rule: str
    severity: Severity
    subject: str
    happened: str
    means: str
    to_do: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return f"{self.rule} {self.subject}"
