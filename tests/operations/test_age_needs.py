"""What age rules must leave alone, out of a real repository: which packs, until when, and who would be hurt."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from prune_kit import MovedClock, World, some_bytes

from lifeboat.app.aws_lifecycle import AwsLifecycle
from lifeboat.app.read_settings import read_settings
from lifeboat.cloud.lifecycle.bucket import BucketRules
from lifeboat.cloud.lifecycle.presets import preset
from lifeboat.cloud.lifecycle.prove import FOR_EVER, Place, eaten, prove
from lifeboat.cloud.lifecycle.rules import Lifecycle, Rule, Transition
from lifeboat.foundation.finding import Level
from lifeboat.foundation.progress import Silent
from lifeboat.operations.age_needs import MADE_UP, Needs, habits_of, needs
from lifeboat.repository.names import Class
from lifeboat.repository.statements import Verb
from lifeboat.retention.rules import Rules
from lifeboat.storage.memory import MemoryStore
from lifeboat.storage.object_store import StoredObject

MISSION = preset("mission", "shop", Rules(), 35)


def needed(world: World, *rules: Rule, keeping: Rules | None = None) -> Needs:
    return needs(world.open(), keeping or Rules(), "shop", [Lifecycle(rules), MISSION], Silent())


def lost(world: World, *rules: Rule) -> list[tuple[str, datetime, tuple[str, ...]]]:
    """Area, day and snapshots of what these rules eat."""
    found = eaten(Lifecycle(rules), needed(world, *rules).groups, world.clock.now())
    return [(one.group.area, one.at, tuple(hurt[9:17] for hurt in one.group.hurts)) for one in found]


def test_every_pack_of_what_is_kept_is_in_a_group_and_its_snapshots_are_named(tmp_path: Path) -> None:
    world = World(tmp_path)
    short, long = world.take(), world.after(hours=30).take(class_=Class.LONG)
    packs = {stored.name: stored.size_bytes for stored in world.store.list_under("files/pack/")}
    found = needed(world)
    assert (
        sum(one.count for one in found.groups) == len(packs) == found.packs and found.kept == 2 and found.missing == ()
    )
    assert sum(one.total_bytes for one in found.groups) == sum(packs.values())
    assert {one.area for one in found.groups} == {"files/pack/short", "files/pack/long"}
    assert all(one.key.startswith("shop/files/pack/") for one in found.groups)
    assert lost(world, Rule("r", prefix="shop/files/pack/short/", expire_days=60)) == [
        ("files/pack/short", datetime(2026, 3, 3, tzinfo=UTC), (short.snapshot[:8],)),
    ]
    [(area, _, hurt)] = lost(world, Rule("r", prefix="shop/files/pack/long/", expire_days=2500))
    assert (area, hurt) == ("files/pack/long", (long.snapshot[:8],))


def test_what_the_rules_let_go_is_needed_no_more(tmp_path: Path) -> None:
    world = World(tmp_path)
    for _ in range(4):
        world.take({"own": some_bytes(3_000, world.clock.moment.day)})
        world.after(hours=24)
    brief = Rules(hourly=1, daily=1, monthly=0)
    world.say(Verb.PROOF, *world.open().snapshots())
    world.after(days=100)
    assert needed(world, keeping=brief).kept == 1 and needed(world).kept == 4
    assert needed(world, keeping=brief).packs < needed(world).packs


def test_when_backups_stop_the_newest_is_in_danger_ninety_days_before_it_is_gone(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.take()
    rule = Rule("net", prefix="shop/files/pack/short/", expire_days=400)
    assert lost(world, rule) == [], "nobody knows yet that this was the last"
    world.after(days=309)
    assert lost(world, rule) == []
    world.after(days=2)
    assert [day for _, day, _ in lost(world, rule)] == [datetime(2027, 2, 6, tzinfo=UTC)]


def test_what_is_kept_on_purpose_is_needed_for_ever(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.take(class_=Class.LONG, keep="before migration")
    assert {one.needed_until for one in needed(world).groups} == {FOR_EVER}
    assert lost(world, *MISSION.rules)


def test_beside_a_catalog_that_does_not_open_every_pack_of_its_month_is_needed(tmp_path: Path) -> None:
    world = World(tmp_path)
    record = world.take()
    world.store._objects[record.object_name] = (b"spoilt", world.store._objects[record.object_name][1])
    found = needed(world)
    assert found.unread and found.packs == len(list(world.store.list_under("files/pack/")))
    assert lost(world, Rule("r", expire_days=10))


def test_what_a_rule_has_hidden_already_is_no_reason_to_call_it_safe(tmp_path: Path) -> None:
    """A hidden pack is in no listing: what is left would pass the proof."""
    world = World(tmp_path)
    record = world.take()
    gone = f"{record.place}{record.packs[0].hex()}"
    world.store.delete(gone)
    [(place, count, hurts)] = needed(world).missing
    assert (place, count) == (record.place, 1) and record.snapshot[:8] in hurts[0]
    found = composed(world, tmp_path).proof(MISSION, BucketRules(MISSION))
    assert [(one.level, one.code) for one in found] == [(Level.PROBLEM, "packs-missing")]
    assert "delete markers" in found[0].hint


class Listening(MemoryStore):
    """Remembers what was listed."""

    def __init__(self, clock: MovedClock) -> None:
        super().__init__(clock)
        self.listed: list[str] = []

    def list_under(self, prefix: str) -> Iterator[StoredObject]:
        self.listed.append(prefix)
        return iter(super().list_under(prefix))


@pytest.mark.parametrize(
    "rule",
    [
        Rule("a", expire_days=60),
        Rule("a", prefix="shop/files/pack/short/", expire_days=200),
        Rule("a", prefix="shop/files/pack/long/", expire_days=2400),
        Rule("a", prefix="shop/files/pack/long/2026-01/", larger_than=2_000, expire_days=90),
        Rule("a", prefix="shop/files/pack/", expire_on=date(2026, 4, 1)),
        Rule("a", prefix="shop/files/pack/short/2026-03/", smaller_than=3_000, expire_days=1),
        Rule("a", prefix="shop/files/pack/", transitions=(Transition("GLACIER", 20),)),
        Rule("a", prefix="shop/files/pack/", transitions=(Transition("GLACIER_IR", 20),)),
    ],
)
def test_the_quick_look_finds_what_the_thorough_one_finds(tmp_path: Path, rule: Rule) -> None:
    world = World(tmp_path)
    for month in (1, 2, 3):
        world.clock.moment = datetime(2026, month, 2, 2, tzinfo=UTC)
        world.take({"a": some_bytes(12_000, month)}, class_=Class.LONG)
        world.after(hours=25).take()
    rules = Lifecycle((*MISSION.rules, rule))
    looks = [needs(world.open(), Rules(), "shop", [rules], Silent(), quick=quick) for quick in (False, True)]
    found = [set(prove(rules, one.groups, Place("shop", Rules(), one.now))) for one in looks]
    assert found[0] == found[1] and looks[0].packs == looks[1].packs


def test_the_quick_look_lists_no_pack_where_our_rules_stand_alone(tmp_path: Path) -> None:
    store: list[Listening] = []

    def make(clock: MovedClock) -> Listening:
        store.append(Listening(clock))
        return store[0]

    world = World(tmp_path, make_store=make)
    world.take()
    world.after(days=40).take(class_=Class.LONG)
    store[0].listed.clear()
    found = needs(world.open(), Rules(), "shop", [MISSION], Silent(), quick=True)
    assert found.kept == 2 and found.packs > 2 and not [one for one in store[0].listed if "/pack/" in one]


def test_rules_that_tell_objects_apart_find_them_apart(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.take({"a": some_bytes(30_000, 1)})
    packs = list(world.store.list_under("files/pack/short/"))
    assert len(packs) > 3
    sizes = sorted(one.size_bytes for one in packs)
    by_size = Rule("size", larger_than=sizes[0], expire_days=5)
    found = eaten(Lifecycle((by_size,)), needed(world, by_size).groups, world.clock.now())
    assert sum(one.group.count for one in found) == sum(one > sizes[0] for one in sizes) < len(packs)
    deep = "shop/" + packs[0].name[:-62]
    by_name = Rule("name", prefix=deep, expire_days=5)
    found = eaten(Lifecycle((by_name,)), needed(world, by_name).groups, world.clock.now())
    assert (
        sum(one.group.count for one in found)
        == sum(("shop/" + one.name).startswith(deep) for one in packs)
        < len(packs)
    )


def test_what_a_day_stores_is_measured_or_said_to_be_made_up(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert habits_of(needed(world)) == (list(MADE_UP), False)
    first = world.take({"a": some_bytes(20_000, 1)})
    for day in range(4):
        world.after(days=1).take({"a": some_bytes(20_000, 1), "b": some_bytes(2_000, day)})
    [habit], measured = habits_of(needed(world))
    assert measured and habit.whole_bytes >= first.stored_bytes and 2_000 < habit.daily_bytes < 6_000


def composed(world: World, tmp_path: Path) -> AwsLifecycle:
    variables = {"S3_BACKUP_BUCKET": "town", "LIFEBOAT_REPOSITORY": "s3://town/shop", "AWS_REGION": "eu-central-1"}
    return AwsLifecycle(read_settings(None, variables, tmp_path), world.clock, opened=world.open())


def test_our_own_expiry_is_left_out_where_it_would_eat_what_is_kept(tmp_path: Path) -> None:
    """Backups stopped seven years ago: the copies of that time are still the newest, and stay."""
    world = World(tmp_path)
    world.take()
    long = world.after(hours=30).take(class_=Class.LONG)
    there = BucketRules(Lifecycle())
    before = composed(world, tmp_path).wanted(there)
    assert before is not None and before.lifecycle == MISSION and before.without_expiry == ()
    world.after(days=2600)
    rules = composed(world, tmp_path)
    wanted = rules.wanted(there)
    assert wanted is not None and all(one.expire_days is None for one in wanted.lifecycle.rules)
    assert wanted.lifecycle.rules[0].transitions == MISSION.rules[0].transitions
    assert any(long.snapshot[:8] in hurt for one in wanted.without_expiry for hurt in one.hurts)
    assert all(one.level is not Level.PROBLEM for one in rules.proof(wanted.lifecycle, there))


def test_a_year_of_daily_work_raises_no_false_alarm(tmp_path: Path) -> None:
    world = World(tmp_path)
    for month in range(1, 13):
        world.clock.moment = datetime(2026, month, 1, 2, tzinfo=UTC)
        world.take(class_=Class.LONG)
        for _ in range(3):
            world.after(days=1).take()
        found = needed(world)
        assert prove(MISSION, found.groups, Place("shop", Rules(), found.now)) == []
        world.after(days=timedelta(days=20).days)
