"""How long a restore of everything would take today, from the drills that were. Pure.

Model: a fixed part (starting a server, looking, checking) and a rate. With drills of clearly different sizes both are estimated, by the median of the
slopes between each two of them (Theil and Sen), which one slow drill does not bend; else the time of what was measured grows with the size,
and never shrinks below what was measured.
"""

from collections.abc import Iterable, Sequence
from itertools import combinations
from statistics import median

from lifeboat.foundation.value import Value
from lifeboat.operations.drill.book import EXERCISE, DrillSummary
from lifeboat.operations.drill.scenario import RULES

LAST = 12
"""Older drills were of another machine, another version, another size."""
APART = 1.3
"""Sizes closer together say nothing of the rate."""
UNSURE = 0.3
"""Of a prediction from a single drill."""


class Prediction(Value):
    """Seconds until everything is back, without finding out and deciding. Args: drills: How many it is from."""

    seconds: float
    low: float
    high: float
    drills: int
    bytes: int


def predict(drills: Iterable[DrillSummary], today_bytes: int) -> Prediction | None:
    """None where no drill of everything has passed. Args: drills: newest first."""
    full = {str(name) for name, rules in RULES.items() if rules.is_full}
    known = [
        (one.restored_bytes, one.technical_seconds)
        for one in drills
        if one.has_passed and one.scenario != EXERCISE and one.scenario in full and one.restored_bytes > 0
    ][:LAST]
    measured = [(float(size), seconds) for size, seconds in known if seconds is not None and seconds > 0]
    if not measured or today_bytes <= 0:
        return None
    fixed, per_byte = _line(measured)
    seconds = max(fixed + per_byte * today_bytes, 0.0)
    ratios = [actual / max(fixed + per_byte * size, 1e-9) for size, actual in measured]
    if len(measured) == 1:
        ratios = [1 - UNSURE, 1 + UNSURE]
    return Prediction(seconds, seconds * min(1.0, *ratios), seconds * max(1.0, *ratios), len(measured), today_bytes)


def _line(measured: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The fixed seconds and the seconds for each byte; neither is negative."""
    slopes = [
        (later - earlier) / (large - small)
        for (small, earlier), (large, later) in combinations(sorted(measured), 2)
        if large > APART * small
    ]
    if slopes and (slope := median(slopes)) > 0:
        fixed = median(seconds - slope * size for size, seconds in measured)
        if fixed >= 0:
            return fixed, slope
    return 0.0, median(seconds / size for size, seconds in measured)
