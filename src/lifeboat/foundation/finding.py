"""One result of a check: what was looked at, what was found, what to do."""

from collections.abc import Iterable
from enum import StrEnum

from lifeboat.foundation.value import Value


class Level(StrEnum):
    """How bad it is. Only ``PROBLEM`` makes a command exit non-zero."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(Value):
    """A result of verify or doctor.

    Args:
        code: Permanent name of this kind of finding, e.g. ``"pack-damaged"``.
        subject: The thing: an object's name, a path, a collection, a setting.
        message: One sentence, lower-case, no full stop.
        hint: What to type or do next; empty when nothing is needed.
        hurts: What it costs: snapshots, collections, files, as ``"snapshot 3f2a: shop.users"``.
    """

    level: Level
    code: str
    subject: str
    message: str
    hint: str = ""
    hurts: tuple[str, ...] = ()


def any_problem(findings: Iterable[Finding]) -> bool:
    """Whether something must be acted on."""
    return any(finding.level is Level.PROBLEM for finding in findings)
