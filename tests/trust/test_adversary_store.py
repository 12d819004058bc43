"""What an adversary does to a store as a whole: objects of gigabytes, an older state, what is taken away, a replica."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from adversary_kit import GOOD, Attempts, all_come_back, findings, looked_at, proved_world
from prune_kit import World, some_bytes
from replica_kit import a_world, copy

from lifeboat.foundation.finding import Finding
from lifeboat.foundation.progress import Silent
from lifeboat.foundation.sizes import GIB, MIB
from lifeboat.operations.prune.run import look, prune
from lifeboat.operations.replicate.copying import End, copy_all
from lifeboat.operations.replicate.waiting import Row
from lifeboat.repository.ledger import Ledger
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.names import (
    Class,
    Source,
    anchor_name,
    carry_name,
    index_name,
    key_name,
    ledger_name,
    link_name,
    pack_name,
    segment_name,
    snapshot_name,
    statement_name,
)
from lifeboat.repository.objects import largest_bytes
from lifeboat.repository.open_repository import open_repository
from lifeboat.repository.statements import Verb
from lifeboat.retention.rules import Rules
from lifeboat.storage.faults import Passing
from lifeboat.storage.memory import MemoryStore
from lifeboat.storage.object_store import ObjectStore, StoredObject

Tried = Callable[[str, int], None]
SHA = "ab" * 32


@pytest.fixture
def world(tmp_path: Path) -> World:
    return proved_world(tmp_path)


# ---- Objects of gigabytes, and such as grow ------------------------------------------------------------------------


class Huge(Passing):
    """A store in which somebody put objects of gigabytes, some in the place of ours; who reads one of them whole has lost."""

    def __init__(self, inner: ObjectStore, sizes: dict[str, int]) -> None:
        super().__init__(inner)
        self._sizes = sizes

    def list_under(self, prefix: str) -> Iterator[StoredObject]:
        rows = {one.name: one for one in self.inner.list_under(prefix)}
        for name, size in self._sizes.items():
            if name.startswith(prefix):
                rows[name] = StoredObject(name, size, self.inner.time_there())
        yield from (rows[name] for name in sorted(rows))

    def read(self, name: str, span: tuple[int, int] | None = None) -> bytes:
        if name in self._sizes:
            assert span is not None and span[1] <= 64 * MIB, f"read whole: {name}"
            return os.urandom(min(span[1], 4096)).ljust(span[1], b"\0")
        return super().read(name, span)


def every_kind(world: World) -> dict[str, str]:
    """A name of each kind that somebody could plant an object under, by what it is."""
    first = world.open().snapshots()[0]
    month, writer = first.generation, first.writer
    return {
        "a description": f"config/repository-{SHA}.json",
        "a registration": f"config/writer-{writer}-{SHA}.json",
        "a mark of a replica": f"config/replica-{SHA}.json",
        "a data key": key_name(month, SHA),
        "a grant": f"keys/{month}/grant-{world.owner.recipient.fingerprint_short}-{SHA}",
        "an entry": ledger_name(1, "erasure", SHA),
        "a pack": pack_name(Source.FILES, Class.SHORT, month, SHA),
        "a link": link_name(writer, month, 99, SHA),
        "a record": snapshot_name(writer, month, SHA),
        "an index": index_name(writer, month, SHA),
        "an anchor": anchor_name(writer, month, 9, "cd" * 16, 1, 2, SHA),
        "a carry": carry_name(writer, month, SHA),
        **{f"a {verb}": statement_name(verb, writer, month, SHA) for verb in Verb},
        "a segment": segment_name(month, SHA, "0" * 16, "1" * 16, "2" * 16, writer, SHA),
    }


def test_objects_of_eight_gigabytes_are_not_read(world: World, tried: Tried) -> None:
    attempts, kinds = Attempts(), every_kind(world)
    huge = Huge(world.store, dict.fromkeys(kinds.values(), 8 * GIB))
    repository = world.open(huge, "careful machine")
    assert {one.snapshot for one in repository.snapshots()} == set(world.contents)
    Ledger(repository).read()
    told = findings(world, repository)
    for what, name in kinds.items():
        if what.split()[-1] in ("record", "index", "link", *Verb):
            attempts.told(f"{what} of eight gigabytes", told, "object-damaged", name)
        else:
            attempts.append(f"{what} of eight gigabytes: not read")
    world.take(GOOD, store=huge)
    prune(world.open(huge), Rules(), Silent())
    copied = list(
        copy_all(huge, MemoryStore(world.clock), [Row(name, 8 * GIB) for name in kinds.values()], in_order=False)
    )
    assert [one.end for one in copied] == [End.DAMAGED] * len(kinds)
    attempts += [f"{what} is to be copied" for what in kinds]
    tried("attacks", len(attempts))


class Grows(Passing):
    """A store whose objects have grown since they were listed: whatever is asked for is there. Counts what is given out."""

    def __init__(self, inner: ObjectStore, grown: int) -> None:
        super().__init__(inner)
        self._grown, self.given = grown, 0

    def read(self, name: str, span: tuple[int, int] | None = None) -> bytes:
        sound = self.inner.read(name)
        size = span[1] if span is not None else self._grown
        self.given += size
        return b"\0" * size if size != len(sound) else b"\1" * size


def test_of_what_grew_since_it_was_listed_no_more_is_read_than_was_listed(world: World, tried: Tried) -> None:
    rows = [Row(one.name, one.size_bytes) for one in world.store.list_under("")]
    grows, target = Grows(world.store, 8 * GIB), MemoryStore(world.clock)
    copied = list(copy_all(grows, target, rows, in_order=False))
    assert [one.end for one in copied] == [End.DAMAGED] * len(rows)
    assert list(target.list_under("")) == []
    assert 0 < grows.given <= 2 * sum(row.size_bytes for row in rows)
    tried("attacks", len(rows))


def test_small_kinds_that_were_blown_up_are_not_read_and_a_true_one_of_each_kind_is_copied(
    tmp_path: Path, tried: Tried
) -> None:
    """200 MiB under the name of a key or link: less than any pack may have, and no sound key or link has it."""
    world = a_world(tmp_path)
    stored = list(world.store.list_under(""))
    assert all(one.size_bytes <= largest_bytes(one.name) for one in stored)
    small = [one.name for one in stored if largest_bytes(one.name) < 200 * MIB]
    assert {name.rpartition("/")[2].split("-")[0] for name in small} >= {
        "repository",
        "writer",
        "snapshot",
        "link",
        "proof",
        "keep",
    }
    huge = Huge(world.store, dict.fromkeys(small, 200 * MIB))
    copied = list(copy_all(huge, MemoryStore(world.clock), [Row(name, 200 * MIB) for name in small], in_order=True))
    assert [one.end for one in copied] == [End.DAMAGED] * len(small)
    tried("attacks", len(small))


# ---- An older state, and what is taken away ------------------------------------------------------------------------


def test_a_catalog_that_was_rolled_back_is_named_by_who_wrote_it_and_shows_another_head(
    world: World, tried: Tried
) -> None:
    attempts = Attempts()
    older = world.store.copy()
    head = world.open(None, "keeper").head()
    world.after(hours=1).take(GOOD)
    assert world.open(None, "keeper").head() != head
    told = looked_at(world, world.open(older)).findings
    attempts.told("an older state is put back", told, "catalog-rolled-back", "link 4")
    # Who has not seen the newer one sees nothing but the head: that is the stated limit.
    assert "catalog-rolled-back" not in {one.code for one in looked_at(world, world.open(older, "stranger")).findings}
    assert world.open(older, "stranger").head() == head
    attempts.append("an older state is shown to a stranger: another head")
    # The chain goes on from it, and the hole stays.
    world.store = older
    world.take({"later": some_bytes(3_000, 9)})
    attempts.told("the chain goes on from it", looked_at(world, world.open()).findings, "catalog-rolled-back", "link 4")
    tried("attacks", len(attempts))


def closed_month(folder: Path) -> tuple[World, list[str]]:
    """January with ten snapshots that nobody keeps, one that is kept on purpose and one that is proved; it is March. Returns records."""
    world = World(folder)
    names = []
    for day in range(10):
        names.append(world.take({"own": some_bytes(4_000, day)}, keep="court case" if day == 4 else None).object_name)
        world.after(days=2)
    world.say(Verb.PROOF, *world.stored())
    for _ in range(3):
        world.after(days=14).take({"own": some_bytes(4_000, 99)})
    world.say(Verb.PROOF, *world.stored())
    return world, names


RULES = Rules(hourly=1, daily=1, weekly=0, monthly=0, yearly=0, window_days=1)


def test_beside_a_record_that_somebody_took_away_prune_removes_nothing_that_it_may_have_needed(
    tmp_path: Path, tried: Tried
) -> None:
    attempts = Attempts()
    world, names = closed_month(tmp_path)
    world.prune(RULES)
    world.after(days=8).take({"own": some_bytes(4_000, 99)})
    packs = world.names("files/pack/short/2026-01/")
    kept = world.store.read(names[4])
    world.store.delete(names[4])
    attempts.told("a record is deleted in the store", findings(world), "snapshot-gone", names[4][-64:])
    for label in ("host", "a custodian's machine"):
        repository = world.open(None, label)
        report = prune(repository, RULES, Silent())
        attempts.told(f"prune follows, {label}", report.findings, "catalog-not-whole", "2026-01")
        assert names[4][-64:][:16] in report.findings[0].message
        assert world.names("files/pack/short/2026-01/") == packs
    # Back from a version or replica, it restores; and prune goes on.
    world.store.write(names[4], kept)
    report = world.prune(RULES)
    assert report.findings == () and report.snapshots_removed > 5
    world.restores()
    assert len(world.names("files/pack/short/2026-01/")) < len(packs)
    tried("attacks", len(attempts))


def test_neither_does_it_when_the_link_went_too_and_on_demand_it_counts_the_loss(tmp_path: Path, tried: Tried) -> None:
    attempts = Attempts()
    world, names = closed_month(tmp_path)
    world.prune(RULES)
    world.after(days=8).take({"own": some_bytes(4_000, 99)})
    (link,) = world.names("/link-00000005-")
    packs = world.names("files/pack/short/2026-01/")
    world.store.delete(names[4])
    world.store.delete(link)
    report = world.prune(RULES)
    attempts.told("a record and its link are deleted", report.findings, "catalog-not-whole", "2026-01")
    assert "link 5" in report.findings[0].message and world.names("files/pack/short/2026-01/") == packs
    assert prune(world.open(), RULES, Silent(), despite_loss=True).snapshots_removed > 5
    world.restores()
    tried("attacks", len(attempts))


def test_what_a_pack_needs_that_somebody_took_away_stays_until_it_is_brought_back(tmp_path: Path, tried: Tried) -> None:
    """Its index and its key: else prune would finish what the thief began."""
    world, names = closed_month(tmp_path)
    record = next(one for one in world.stored() if one.object_name == names[4])
    world.prune(RULES)
    world.after(days=8).take({"own": some_bytes(4_000, 99)})
    kept = {record.place + pack.hex(): world.store.read(record.place + pack.hex()) for pack in record.packs}
    for name in kept:
        world.store.delete(name)
    attempts = Attempts()
    attempts.told(
        "the packs of a kept snapshot are deleted", findings(world), "pack-missing", "files/pack/short/2026-01/"
    )
    assert world.prune(RULES).snapshots_removed > 5
    for name, content in kept.items():
        world.store.write(name, content)
    assert findings(world) == []
    world.restores()
    tried("attacks", len(attempts))


def test_a_release_that_came_too_late_is_no_theft_and_one_in_time_hides_none(tmp_path: Path, tried: Tried) -> None:
    world, names = closed_month(tmp_path)
    attempts, other = Attempts(), next(one for one in world.stored() if one.object_name == names[4])
    doomed = next(one for one in world.stored() if one.object_name == names[2])
    world.prune(RULES)
    world.after(days=8).take({"own": some_bytes(4_000, 99)})
    world.prune(RULES)
    assert doomed.object_name not in world.names()
    world.say(Verb.RELEASE, doomed)  # as somebody says it while prune removes it
    assert findings(world) == []
    assert [one.code for one in world.prune(RULES).findings] == []
    # Forgotten and taken back within the grace: nobody may have removed it.
    world.say(Verb.RELEASE, other)
    world.after(hours=1).say(Verb.FORGET, other)
    world.after(days=2).say(Verb.KEEP, other, text="no")
    world.after(days=9).take({"own": some_bytes(4_000, 99)})
    world.store.delete(other.object_name)
    attempts.told(
        "what was taken back in time is deleted in the store", findings(world), "snapshot-gone", names[4][-64:]
    )
    attempts.told("and prune follows", world.look(RULES).findings, "catalog-not-whole", "2026-01")
    tried("attacks", len(attempts))


def test_what_prune_itself_removed_stops_no_later_prune(tmp_path: Path) -> None:
    """Also a record that was linked late, in the month after its own: its run died before the link."""
    world, _ = closed_month(tmp_path)
    world.prune(RULES)
    world.after(days=8).take({"own": some_bytes(4_000, 99)})
    assert world.prune(RULES).snapshots_removed > 5
    for _ in range(3):
        world.after(days=10).take({"own": some_bytes(4_000, 99)})
        world.say(Verb.PROOF, *world.stored())
        assert [one.code for one in world.prune(RULES).findings] == []
    world.restores()


def test_months_between_which_nothing_is_removed_are_no_gap(tmp_path: Path) -> None:
    """Only the links of the months in question are read: those between them are not missed."""
    world = World(tmp_path)
    for month in range(8):
        for day in range(3):
            taken = world.take(
                {"own": some_bytes(4_000, month * 10 + day)}, keep="kept" if month in (2, 3, 4, 5) else None
            )
            world.after(days=8)
        world.say(Verb.PROOF, taken)
        world.after(days=7)
    world.prune(RULES)
    world.after(days=8).take({"own": some_bytes(4_000, 99)})
    report = world.prune(RULES)
    assert report.findings == () and report.snapshots_removed > 3
    assert {one.generation for one in report.verdicts if not one.kept} >= {"2026-01", "2026-07"}
    world.restores()


def test_a_first_record_that_was_linked_months_later_is_missed_in_its_own(tmp_path: Path, tried: Tried) -> None:
    """Its month has no link at all."""
    world, attempts = World(tmp_path), Attempts()
    late = world.take({"own": some_bytes(4_000, 50)}, keep="court case")
    other = world.take({"own": some_bytes(4_000, 51)})
    for name in world.names("/link-"):
        world.store.delete(name)
    (world.open().state.directory / "linked.json").unlink()
    for _ in range(5):
        world.after(days=35).take({"own": some_bytes(4_000, 99)})
    world.say(Verb.PROOF, *world.stored())
    world.say(Verb.FORGET, other)
    world.after(days=8).take({"own": some_bytes(4_000, 99)})
    assert findings(world) == []
    world.store.delete(late.object_name)
    report = world.prune(RULES)
    attempts.told("a record linked much later is deleted", report.findings, "catalog-not-whole", "2026-01")
    assert world.names("files/pack/short/2026-01/") >= {late.place + pack.hex() for pack in late.packs}
    tried("attacks", len(attempts))


def test_a_record_that_was_linked_in_the_month_after_is_missed_in_its_own(tmp_path: Path, tried: Tried) -> None:
    world = World(tmp_path)
    for day in range(8):
        world.take({"own": some_bytes(4_000, day)})
        world.after(days=3)
    late = world.take({"own": some_bytes(4_000, 50)}, keep="court case")
    # As if its run had died before the link; the next run catches up.
    newest = max(world.names("/link-"), key=lambda name: name.rpartition("/")[2])
    world.store.delete(newest)
    (world.open().state.directory / "linked.json").unlink()
    assert late.generation == "2026-01"
    for _ in range(3):
        world.after(days=14).take({"own": some_bytes(4_000, 99)})
    world.say(Verb.PROOF, *world.stored())
    world.prune(RULES)
    world.after(days=8).take({"own": some_bytes(4_000, 99)})
    assert findings(world) == []
    world.store.delete(late.object_name)
    plan = look(world.open(), RULES, Silent())
    attempts = Attempts()
    attempts.told("a record linked late is deleted", plan.findings, "catalog-not-whole", "2026-01")
    assert not {one.name[-64:] for one in plan.removals} & {pack.hex() for pack in late.packs}
    tried("attacks", len(attempts))


# ---- The replica ---------------------------------------------------------------------------------------------------


def test_a_replica_that_is_attacked_in_the_repositorys_place_is_told_and_mended_and_harms_nothing(
    tmp_path: Path, tried: Tried
) -> None:
    attempts = Attempts()
    world = a_world(tmp_path)
    target = MemoryStore(world.clock)
    copy(world, target)
    before = {one.name: world.store.read(one.name) for one in world.store.list_under("")}
    pack = max(target.list_under("files/pack/"), key=lambda one: one.size_bytes).name
    link = max(one.name for one in target.list_under("catalog/") if "/link-" in one.name)
    record = next(one.name for one in target.list_under("catalog/") if "/snapshot-" in one.name)
    planted = pack_name(Source.FILES, Class.SHORT, "2026-01", SHA)

    def at_replica() -> list[Finding]:
        state = LocalState(tmp_path / f"look {len(attempts)}", "r")
        repository = open_repository(target, identity=world.owner, state=state, label="r")
        return list(looked_at(world, repository).findings)

    target.damage(pack, os.urandom(len(before[pack])))
    attempts.told("a pack there is overwritten", at_replica(), "pack-damaged", pack)
    target.damage(pack, before[pack][:-1])
    assert copy(world, target, repair=True).repaired_objects == 1
    attempts.append("a pack there is cut: mended from the repository")
    target.delete(record)
    attempts.told("a record there is deleted", at_replica(), "snapshot-gone", record[-64:])
    target.delete(link)
    target.write(planted, b"garbage")
    attempts.told("garbage is planted there", at_replica(), "pack-damaged", planted)
    target.delete(planted)
    report = copy(world, target)
    assert report.findings == ()
    attempts.append("a link there is deleted: copied again")
    assert {one.name: world.store.read(one.name) for one in world.store.list_under("")} == before, (
        "the repository is as it was"
    )
    assert {name: target.read(name) for name in before} == before
    assert [one for one in at_replica() if one.level == "problem"] == []
    # Seen from the repository: what the replica says of itself never comes back into it.
    all_come_back(world)
    tried("attacks", len(attempts))
