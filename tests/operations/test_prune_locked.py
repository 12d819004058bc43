"""Prune in a bucket with Object Lock: it waits until locks are over, says what is hidden only, and leaves in peace what is locked."""

from pathlib import Path

import pytest
from prune_kit import MovedClock, World, some_bytes

from lifeboat.cli.show.prune import draw_prune
from lifeboat.repository.locking import LockPeriods
from lifeboat.repository.statements import Verb
from lifeboat.retention.periods import lock_end
from lifeboat.retention.rules import Rules
from lifeboat.storage.memory import MemoryStore
from lifeboat.storage.object_store import Content

DAYS = 20
LOCKED = Rules(hourly=1, daily=2, monthly=2, lock_days=DAYS, locked=True, versions_days=35)


class DeletesTooEarly(AssertionError):
    """What was deleted is locked still: it would only be hidden, and what it takes is paid on."""


class LockingStore(MemoryStore):
    """Remembers until when each object is locked, as a bucket does."""

    def __init__(self, clock: MovedClock) -> None:
        super().__init__(clock)
        self._moved = clock
        self.until: dict[str, object] = {}

    def write(self, name: str, content: Content) -> None:
        super().write(name, content)
        until = LockPeriods(DAYS, LOCKED.window_days).until(name, self._moved.now)
        if until is not None:
            self.until[name] = until

    def delete(self, name: str) -> None:
        if name in self.until and self.until[name] > self._moved.now():  # type: ignore[operator]
            raise DeletesTooEarly(name)
        super().delete(name)


def a_life(world: World, rules: Rules) -> int:
    """Ten weeks of a snapshot every other day, proved, and pruned; returns what was removed."""
    removed = 0
    for _ in range(35):
        taken = world.take({"own": some_bytes(2_000, world.clock.moment.toordinal()), "shared": some_bytes(3_000, 1)})
        world.say(Verb.PROOF, taken)
        removed += world.prune(rules).objects_removed
        world.after(days=2)
    return removed


def test_nothing_is_deleted_while_it_is_locked_and_in_the_end_all_goes(tmp_path: Path) -> None:
    world = World(tmp_path, make_store=LockingStore)
    assert a_life(world, LOCKED) > 30
    assert world.problems() == []
    world.restores()


def test_the_store_of_this_test_notices_a_prune_that_does_not_wait(tmp_path: Path) -> None:
    with pytest.raises(DeletesTooEarly):
        a_life(World(tmp_path, make_store=LockingStore), Rules(hourly=1, daily=2, monthly=2))


def test_what_can_go_later_is_told_for_the_day_on_which_the_lock_is_over(tmp_path: Path) -> None:
    world = World(tmp_path)
    for day in range(5):
        world.say(Verb.PROOF, world.take({"own": some_bytes(2_000, day)}))
        world.after(days=1)
    world.prune(LOCKED)
    told = world.prune(LOCKED).later
    assert {one.when for one in told} == {lock_end("2026-01", DAYS)}


def test_what_is_removed_is_called_hidden_with_the_day_on_which_it_is_gone(tmp_path: Path) -> None:
    world = World(tmp_path)
    for day in range(5):
        world.say(Verb.PROOF, world.take({"own": some_bytes(2_000, day)}))
        world.after(days=1)
    world.prune(LOCKED)
    world.after(days=46).say(Verb.PROOF, world.take())  # a clock is doubted after a pause of 40 days
    world.clock.moment = lock_end("2026-01", DAYS)
    assert world.prune(LOCKED).objects_removed == 0, "the clock is doubted"
    for _ in range(5):
        world.after(days=2).say(Verb.PROOF, world.take())
    report = world.prune(LOCKED)
    assert report.objects_removed > 0 and report.hidden_until is not None
    assert (report.hidden_until - report.now).days == 35
    drawn = " ".join(str(one) for one in draw_prune(report, False))
    assert "hidden now" in drawn and f"{report.hidden_until:%Y-%m-%d}" in drawn and "freed now" not in drawn
    unlocked = Rules(hourly=1, daily=2, monthly=2)
    assert world.prune(unlocked).hidden_until is None


def test_lock_days_also_say_until_when_what_nobody_proved_is_kept(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.take({"own": some_bytes(2_000, 1)})
    world.after(hours=2).take({"own": some_bytes(2_000, 2)})
    world.after(days=3).take({"own": some_bytes(2_000, 3)})
    world.after(days=3).take({"own": some_bytes(2_000, 4)})
    kept = [one for one in world.look(Rules(daily=1, hourly=0, lock_days=60)).judged if one.verdict.until is not None]
    assert kept and {one.verdict.until for one in kept} == {lock_end("2026-01", 60)}
