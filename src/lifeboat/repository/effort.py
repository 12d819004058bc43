"""How hard to compress: harder while packs wait for the network and the machine has nothing else to do, and no harder than asked for otherwise.

A level more costs about a third more processor time for a percent or two of size, so it pays only where the time is spare. Whoever seals decides
nothing: a pack that is full either found an upload free or waited for one, and that is looked at once for each pack (24 MiB).
"""

from collections.abc import Callable
from pathlib import Path

MOST_LEVEL = 9
"""From here on zstd's levels cost more than they save in chunks of a few MiB."""
SPARE = 0.5
"""A machine that idles by less than this since the last pack is left alone."""


class Effort:
    """The level for the next chunks. Args: level: the least; idle: see ``idle_and_all``."""

    def __init__(self, level: int, idle: "Callable[[], tuple[int, int] | None] | None" = None) -> None:
        self.level = self._least = level
        self._idle = idle or idle_and_all
        self._before = self._idle()

    def pack_is_full(self, waited: bool) -> None:
        """Args: waited: no upload was free for it."""
        now = self._idle()
        if waited and _share(self._before, now) >= SPARE:
            self.level = max(self._least, min(self.level + 1, MOST_LEVEL))
        else:
            self.level = max(self._least, self.level - 1)
        self._before = now


def idle_and_all() -> tuple[int, int] | None:
    """Ticks that the machine's processors idled, and all ticks, since it started; None where that is not told.

    Source: proc(5), ``/proc/stat``: user nice system idle iowait irq softirq steal.
    """
    try:
        first = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0]
        ticks = [int(one) for one in first.split()[1:9]]
    except (OSError, ValueError):
        return None
    return (ticks[3] + ticks[4], sum(ticks)) if len(ticks) == 8 else None


def _share(before: tuple[int, int] | None, now: tuple[int, int] | None) -> float:
    if before is None or now is None or now[1] <= before[1]:
        return 0.0
    return (now[0] - before[0]) / (now[1] - before[1])
