"""How a cost grows: the slope of a curve where both axes are logarithmic, and what is thought of it.

A slope of 1 is a straight line: twice as much takes twice as long. The lower sizes say how long starting takes, so only the upper
two decades are looked at.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

WORST_SLOPE = 1.1
DECADES = 2
Points = Sequence[tuple[float, float]]
"""Size and cost, the smallest size first."""


def slope(points: Points) -> float:
    """By least squares over the upper two decades; a curve of one point has none, and raises ``ValueError``."""
    largest = max(size for size, _ in points)
    upper = [(size, cost) for size, cost in points if size * 10**DECADES >= largest * 0.999]
    if len(upper) < 2:
        raise ValueError("a slope needs two sizes")
    across = [math.log(size) for size, _ in upper]
    upwards = [math.log(max(cost, 1e-9)) for _, cost in upper]
    middle, height = sum(across) / len(across), sum(upwards) / len(upwards)
    over = sum((x - middle) * (y - height) for x, y in zip(across, upwards, strict=True))
    return over / sum((x - middle) ** 2 for x in across)


def last_step(points: Points) -> float:
    """The slope between the two largest sizes: what grows worse only at the end is averaged away by ``slope``."""
    steps = list(pairwise(sorted(points)))
    (size, cost), (larger, dearer) = steps[-1]
    return math.log(max(dearer, 1e-9) / max(cost, 1e-9)) / math.log(larger / size)


def is_worse(points: Points) -> bool:
    return slope(points) > WORST_SLOPE


def verdict(points: Points) -> str:
    return "worse" if is_worse(points) else "linear or better"
