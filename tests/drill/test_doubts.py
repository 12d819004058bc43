"""A drill that compared nothing has not passed, and one on another version of the server says so."""

import pytest

from lifeboat.app.drilling import _doubts
from lifeboat.foundation.finding import Level

SOMETHING = [object()]


def test_a_drill_that_compared_nothing_is_a_problem() -> None:
    (found,) = _doubts([], "6.0.5", "6.0.5")
    assert (found.level, found.code) == (Level.PROBLEM, "drill-compared-nothing")
    assert _doubts(SOMETHING, "6.0.5", "6.0.5") == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("copied", "restored", "told"), [("7.0.2", "6.0.5", True), ("6.0.16", "6.0.5", False), ("", "6.0.5", False)]
)
def test_another_version_of_the_server_is_told(copied: str, restored: str, told: bool) -> None:
    found = _doubts(SOMETHING, copied, restored)  # type: ignore[arg-type]
    assert [one.code for one in found] == (["drill-other-version"] if told else [])
    assert all(one.level is Level.WARNING and copied in one.message for one in found)
