"""A year of snapshots: the dry run explains each, prune lets go and removes, and what is left is whole to the last byte."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prune_kit import World, some_bytes

from lifeboat.cli.show.console import render
from lifeboat.cli.show.prune import draw_prune
from lifeboat.operations.prune.run import report_of
from lifeboat.repository.names import Class, Source
from lifeboat.repository.record import Record
from lifeboat.repository.statements import Verb
from lifeboat.retention.rules import Rules

BEGIN = datetime(2026, 1, 1, 2, tzinfo=UTC)
END = datetime(2027, 1, 1, 12, tzinfo=UTC)


def a_year(world: World) -> dict[str, Record]:
    """Files and configuration once a day, every hour in the last four days, whole on the first of a month; verified each Sunday; one kept."""
    world.clock.moment = BEGIN
    taken: list[Record] = []
    repository = world.open()
    long_of: set[tuple[str, int, int]] = set()
    while world.clock.moment < END:
        now = world.clock.moment
        for source in (Source.FILES, Source.CONFIG):
            month = (str(source), now.year, now.month)
            is_long = month not in long_of and now - BEGIN >= timedelta(days=1)
            if is_long:
                long_of.add(month)
            content = {"same": some_bytes(4_000, 1), "own": some_bytes(1_500, int(now.timestamp()))}
            keep = "before migration" if (now.month, now.day, now.hour) == (5, 17, 2) else None
            class_ = Class.LONG if is_long else Class.SHORT
            taken.append(world.take(content, source=source, class_=class_, keep=keep, repository=repository))
        if now.weekday() == 6 and now.hour == 2:
            world.say(Verb.PROOF, *taken[-14:])
        world.after(hours=1 if END - now < timedelta(days=4) else 24)
    return {one.snapshot: one for one in taken}


@pytest.mark.long
def test_after_a_year_every_verdict_is_explained_and_what_is_left_is_whole(tmp_path: Path) -> None:
    world = World(tmp_path)
    taken = a_year(world)
    before = sum(stored.size_bytes for stored in world.store.list_under(""))

    plan = world.look()
    assert {one.stored.record.snapshot for one in plan.judged} == set(taken)
    assert all(one.verdict.reason for one in plan.judged)
    because = Counter(str(one.verdict.because) for one in plan.judged if one.stored.record.source == Source.FILES)
    assert because["beyond-the-rules"] > 200 and because["rule"] > 24 + 30 and because["kept-on-purpose"] == 1
    shown = render(draw_prune(report_of(plan, Rules(), dry_run=True, removed=plan.removals), False), False, 200, {})
    for words in ("the newest 24 hours", "the newest 35 days", "the newest 84 months", "before migration", "let go"):
        assert words in shown
    assert len(shown.splitlines()) < 60, "a person reads it"
    print(shown)

    first = world.prune()
    world.after(days=7, hours=1)
    world.take()
    second = world.prune()
    assert len(first.forgotten) > 400 and second.snapshots_removed > 400 and second.findings == ()
    after = sum(stored.size_bytes for stored in world.store.list_under(""))
    assert after < before / 2
    kept = {one.snapshot for one in world.stored()}
    assert {one.stored.record.snapshot for one in plan.judged if one.verdict.kept} <= kept
    world.restores()
    assert world.problems() == []
