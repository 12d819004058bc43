"""The stand-alone reader on a directory that was pruned: it lists what is kept, the month's copy too, and finds nothing wrong."""

import sys
from datetime import UTC, datetime
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "operations"))

from in_process import rescue_here
from prune_kit import World, some_bytes
from rescue_alone import SEED
from test_rescue_and_package import ME

from lifeboat.repository.names import Class
from lifeboat.repository.statements import Verb
from lifeboat.retention.rules import Rules
from lifeboat.storage.open_store import open_store


def test_a_pruned_repository_is_whole_for_who_has_only_the_script(tmp_path: Path) -> None:
    place = tmp_path / "repository"
    world = World(
        tmp_path / "state",
        owner=ME,
        make_store=lambda clock: open_store(str(place), clock=clock, create=True),  # type: ignore[arg-type, return-value]
    )
    long = world.take({"one": some_bytes(4_000, 1)}, class_=Class.LONG)
    for day in range(10):
        world.after(days=1)
        world.take({"one": some_bytes(4_000, 1), "own": some_bytes(2_000, 100 + day)})
    world.say(Verb.PROOF, *world.stored())
    rules = Rules(hourly=1, daily=2)
    world.clock.moment = datetime(2026, 2, 2, tzinfo=UTC)
    world.take()
    world.prune(rules)
    world.after(days=8)
    world.take()
    assert world.prune(rules).snapshots_removed == 8

    listed, checked = (rescue_here(SEED, command, place) for command in ("list", "check"))
    assert (listed.code, checked.code) == (0, 0), listed.err + checked.err
    for record in world.stored():
        assert record.snapshot[:8] in listed.out
    assert long.snapshot in {one.snapshot for one in world.stored()}
