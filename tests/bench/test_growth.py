"""Whoever makes something quadratic is told; what only starts slowly is not called so."""

import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

sys.path.append(str(Path(__file__).parents[2] / "bench"))

from plot import plot
from slope import last_step, slope, verdict

SIZES = (100, 1_000, 10_000, 100_000)


def test_what_is_quadratic_is_worse_and_what_is_linear_is_not() -> None:
    assert verdict([(n, 1e-6 * n * n) for n in SIZES]) == "worse"
    assert slope([(n, 1e-6 * n * n) for n in SIZES]) == pytest.approx(2)
    assert verdict([(n, 0.002 * n) for n in SIZES]) == "linear or better"
    assert verdict([(n, 3.0) for n in SIZES]) == "linear or better"


def test_the_time_of_starting_hides_no_square() -> None:
    assert verdict([(n, 0.5 + 1e-7 * n * n) for n in SIZES]) == "worse"
    assert verdict([(n, 0.5 + 1e-4 * n) for n in SIZES]) == "linear or better"


def test_only_the_upper_two_decades_are_looked_at() -> None:
    assert slope([(10, 1e9), (1_000, 1.0), (10_000, 10.0), (100_000, 100.0)]) == pytest.approx(1)


def test_what_turns_worse_only_at_the_end_is_seen_by_the_last_step() -> None:
    points = [(1_000, 1.0), (10_000, 1.0), (100_000, 100.0)]
    assert last_step(points) == pytest.approx(2)


def test_one_size_has_no_slope() -> None:
    with pytest.raises(ValueError):
        slope([(10, 1.0)])


def test_a_picture_names_every_curve() -> None:
    drawn = plot("a < b", "files", "seconds", {"one": [(10, 1.0), (100, 9.0)], "a & b": [(10, 2.0), (100, 2.5)]})
    texts = [one.text for one in ElementTree.fromstring(drawn).iter() if one.tag.endswith("text")]
    assert {"a < b", "one", "a & b", "files", "seconds"} <= set(texts)
