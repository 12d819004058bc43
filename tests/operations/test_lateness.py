"""When a snapshot is too old: not while the next hourly run is at work, and not much later."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from prune_kit import World

from lifeboat.operations.lateness import allowed_seconds
from lifeboat.operations.status import status

HOUR = 3600.0


@pytest.mark.parametrize(
    ("objective", "run", "allowed"),
    [
        (HOUR, 0, HOUR + 150),
        (HOUR, 240, HOUR + 480 + 150),
        (HOUR, 3 * HOUR, 1.5 * HOUR),
        (HOUR, -HOUR, HOUR + 150),
        (24 * HOUR, 1800, 25 * HOUR + 600),
        (300, 60, 450),
    ],
)
def test_the_goal_and_a_run_and_never_half_as_much_again(
    tmp_path: Path, objective: float, run: float, allowed: float
) -> None:
    record = World(tmp_path).take()
    assert allowed_seconds(replace(record, started=record.finished - timedelta(seconds=run)), objective) == allowed


def test_somebody_who_asks_in_the_middle_of_an_hourly_run_hears_no_alarm(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.take()
    for minutes, good in ((60, True), (62, True), (66, False)):
        world.clock.moment = world.stored()[0].finished + timedelta(minutes=minutes)
        report = status(world.open(), {"files": HOUR}, 10 * HOUR)
        assert report.sources[0].meets_objective is good, minutes
        assert ("snapshot-too-old" in {one.code for one in report.findings}) is not good
