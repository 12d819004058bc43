"""Which writers carry on for which: one that takes another's place under the same label continues its count.

Two machines that live beside each other under one label (containers often have one host name) do not: neither must push out the other's.
"""

from collections.abc import Iterable
from datetime import datetime

from lifeboat.foundation.value import Value


class Life(Value):
    """One writer: the label and the day of its registration, which a recipient signed, and its newest snapshot by the store's clock."""

    writer: str
    label: str
    registered: datetime
    last: datetime


def counted_together(lives: Iterable[Life]) -> dict[str, str]:
    """Each writer's name for the count: its label, or the label and the beginning of the first writer's id where another lived beside it. Pure."""
    by_label: dict[str, list[Life]] = {}
    for one in sorted(lives, key=lambda one: (one.registered, one.writer)):
        by_label.setdefault(one.label, []).append(one)
    names: dict[str, str] = {}
    for label, writers in by_label.items():
        lines: list[list[Life]] = []
        for one in writers:
            before = next((line for line in lines if all(other.last <= one.registered for other in line)), None)
            if before is None:
                lines.append([one])
            else:
                before.append(one)
        for line in lines:
            name = label if len(lines) == 1 else f"{label} ({line[0].writer[:8]})"
            names.update((one.writer, name) for one in line)
    return names
