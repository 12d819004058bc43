"""Carry-forward: what it spares, that it loses nothing, and what becomes of a carry that lies."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prune_kit import MovedClock, World, some_bytes
from replica_kit import assert_same, copy, problems_of
from test_prune_custodian import Limited, custodian_of

from lifeboat.crypto.identity import Identity
from lifeboat.foundation.progress import Silent
from lifeboat.operations.carry import run as carry
from lifeboat.operations.carry.plan import MOSTLY_DEAD, Worth
from lifeboat.operations.reports.carrying import CarryReport
from lifeboat.repository.carrying import Lane, write_carry
from lifeboat.repository.custodians import remove_custodian
from lifeboat.repository.description import NamedRecipient, write_description
from lifeboat.repository.errors import IsAReplica, KeyMissing
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.names import Class, Source
from lifeboat.repository.open_repository import Repository, open_repository
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.record import Record
from lifeboat.repository.roles import Role, rights_of
from lifeboat.repository.statements import Verb
from lifeboat.retention.rules import Rules
from lifeboat.storage.errors import StorageDenied
from lifeboat.storage.faults import CountingStore, CrashAtCall, Killed, Passing, RecordingStore, When
from lifeboat.storage.memory import MemoryStore
from lifeboat.storage.object_store import ObjectStore

ANY = Worth(living_short=0.3, living_long=0.3, smallest_pack_bytes=0, smallest_lot_bytes=0)
"""Packs of these tests have 4 kB."""
RULES = Rules(hourly=1, daily=3, monthly=0)


def carried(world: World, store: ObjectStore | None = None, rules: Rules = RULES, worth: Worth = ANY) -> CarryReport:
    return carry.carry_forward(world.open(store), rules, Silent(), worth)


def january(folder: Path) -> World:
    """Two snapshots in the last days of January, and then it is the first of February."""
    world = World(folder, MovedClock(datetime(2026, 1, 30, 12, tzinfo=UTC)))
    world.take({"one": some_bytes(40_000, 1), "two": some_bytes(9_000, 2)})
    world.after(days=1).take({"one": some_bytes(40_000, 1), "two": some_bytes(9_000, 3)})
    return world.after(hours=12.2)


NEXT = {"one": some_bytes(40_000, 1), "two": some_bytes(9_000, 4)}


def test_the_first_backup_of_a_month_stores_little_after_a_carry_and_outlives_the_month_before(tmp_path: Path) -> None:
    without = january(tmp_path / "without")
    counting = CountingStore(without.store)
    whole = without.take(NEXT, store=counting)
    assert whole.new_bytes > 49_000 and counting.written_bytes > 49_000

    world = january(tmp_path / "with")
    report = carried(world)
    (row,) = report.rows
    assert (row.source, row.snapshot_class, row.from_generation, row.counted) == ("files", "short", "2026-01", True)
    assert report.generation == "2026-02" and row.packs > 8 and 40_000 < row.live_bytes <= row.bytes
    counting = CountingStore(world.store)
    record = world.take(NEXT, store=counting)
    assert record.generation == "2026-02"
    assert record.new_bytes < 16_000 and counting.written_bytes < 26_000, "only what is new is sealed and sent"
    second = world.after(hours=1).take(NEXT)
    assert second.new_bytes == 0
    assert world.problems() == []
    world.restores()
    for day in range(3, 70):
        world.after(days=1)
        if day % 2:
            world.take(NEXT | {"two": some_bytes(9_000, day)})
        if day % 7 == 0:
            world.say(Verb.PROOF, *world.stored())
            world.prune(RULES)
    assert not world.names("/2026-01/") - world.names("/forget-") - world.names("/link-"), (
        "January is gone, keys and all"
    )
    assert world.problems() == []
    world.restores()


def test_without_the_months_before_every_carried_snapshot_opens(tmp_path: Path) -> None:
    world = january(tmp_path)
    carried(world)
    record = world.take(NEXT)
    for name in world.names("/2026-01/"):
        world.store.delete(name)
    world.restores([record])


def test_what_was_carried_is_carried_again_month_after_month(tmp_path: Path) -> None:
    world = january(tmp_path)
    for month in range(3):
        carried(world)
        record = world.take(NEXT | {"two": some_bytes(9_000, 50 + month)})
        assert record.new_bytes < 16_000
        world.after(days=27)
        world.take(NEXT | {"two": some_bytes(9_000, 80 + month)})
        world.clock.moment = datetime(2026, 3 + month, 1, 0, 10, tzinfo=UTC)
    for name in world.names("/2026-01/") | world.names("/2026-02/") | world.names("/2026-03/"):
        world.store.delete(name)
    world.restores([one for one in world.stored() if one.generation == "2026-04"])


def test_the_months_copy_and_then_the_others_find_it_all(tmp_path: Path) -> None:
    world = january(tmp_path)
    rules = Rules(hourly=1, daily=3, monthly=12)
    report = carried(world, rules=rules)
    assert [row.snapshot_class for row in report.rows] == ["long", "short"]
    long = world.take(NEXT, class_=Class.LONG)
    assert long.new_bytes < 16_000
    again = carried(world, rules=rules)
    assert [(row.snapshot_class, row.from_class, row.from_generation) for row in again.rows] == [
        ("long", "long", "2026-02"),
        ("short", "long", "2026-02"),
    ]
    short = world.after(hours=1).take(NEXT)
    # Where content is cut is the writer's secret: now and then its last few bytes lie in a pack that is not worth carrying.
    assert short.new_bytes < 100, "what the month's copy stored new was carried to the others, too"
    assert world.problems() == []
    world.restores()


def test_what_is_mostly_dead_small_or_too_little_is_left(tmp_path: Path) -> None:
    world = World(tmp_path, MovedClock(datetime(2026, 1, 30, 12, tzinfo=UTC)))
    mixed = some_bytes(60_000, 1)
    world.take({"one": mixed})
    # Every second kilobyte is another now: of each pack about half is needed still.
    world.take(
        {"one": b"".join(mixed[at : at + 1500] if at % 3000 else some_bytes(1500, at) for at in range(0, 60_000, 1500))}
    )
    world.after(days=2)
    (row,) = carried(world, worth=Worth(0.99, 0.99, 0, 0)).rows
    assert MOSTLY_DEAD in {one.why for one in row.left}
    (row,) = carried(world, worth=Worth(0.3, 0.3, 10_000_000, 0)).rows
    assert row.packs == 0 and row.why == "nothing of it is worth a copy"
    (row,) = carried(world, worth=Worth(0.3, 0.3, 0, 10_000_000)).rows
    assert row.packs == 0 and row.why == "too little to be worth it"
    assert not world.names("/2026-02/")


def test_nothing_is_carried_where_it_would_serve_nobody(tmp_path: Path) -> None:
    world = january(tmp_path / "late")
    world.take(NEXT)
    (row,) = carried(world).rows
    assert (row.packs, row.why) == (0, "its first backup of this month is stored already")
    idle = january(tmp_path / "idle").after(days=9)
    assert carried(idle).rows == ()
    anew = january(tmp_path / "anew")
    carried(anew)
    record = anew.take(NEXT, new_writer=True)
    assert record.new_bytes > 49_000, "a new writer has another secret: what was carried is not its own"
    anew.restores()


def test_a_pack_sealed_for_other_recipients_than_todays_is_left(tmp_path: Path) -> None:
    world = january(tmp_path)
    repository, other = world.open(), Identity.generate()
    before = repository.description
    after = replace(before, revision=2, recipients=(*before.recipients, NamedRecipient("new", other.recipient)))
    write_description(world.store, after, [world.owner])
    fresh = open_repository(
        world.store, identity=world.owner, state=LocalState(tmp_path / "fresh", world.store.describe()), label="keeper"
    )
    (row,) = carry.carry_forward(fresh, RULES, Silent(), ANY).rows
    assert row.packs == 0
    assert {one.why for one in row.left} == {"sealed for other recipients than today's"}


def test_who_has_no_key_is_refused(tmp_path: Path) -> None:
    world = january(tmp_path)
    writer = open_repository(
        world.store, identity=None, state=LocalState(tmp_path / "host", world.store.describe()), label="host"
    )
    with pytest.raises(KeyMissing):
        carry.look(writer, RULES, Silent())


class Untold(Passing):
    """A store that copies and tells no hash."""

    def copy_within(self, name: str, to_name: str) -> str | None:
        super().copy_within(name, to_name)
        return None


@pytest.mark.parametrize("tells", [True, False])
def test_a_damaged_pack_is_never_carried(tmp_path: Path, tells: bool) -> None:
    world = january(tmp_path)
    (choice,) = carry.look(world.open(), RULES, Silent(), ANY)[1]
    name = choice.lot.lane.origin + max(choice.carried, key=lambda one: one.live_bytes).name.hex()
    whole = world.store.read(name)
    world.store.damage(name, whole[:-1] + bytes([whole[-1] ^ 1]))
    report = carried(world, None if tells else Untold(world.store))
    assert [(one.code, one.subject) for one in report.findings] == [("pack-damaged", name)]
    assert not world.names(name[-64:]) - {name}
    record = world.take(NEXT)
    world.restores([record])
    assert 3_000 < record.new_bytes < 24_000, "what it held is stored again: the month heals"


def guarded(world: World) -> Repository:
    """As the writer without a key, who may neither list nor read packs."""
    writer = world.open().state.load_writer()
    assert writer is not None
    store = Limited(world.store, rights_of(Role.WRITER, writer.writer.hex()))
    return open_repository(
        store, identity=None, state=LocalState(world.folder / "host", world.store.describe()), label="host"
    )


def test_a_guarded_writer_leans_on_what_a_recipient_said(tmp_path: Path) -> None:
    world = january(tmp_path)
    carried(world)
    record = world.take(NEXT, repository=guarded(world))
    assert record.new_bytes < 16_000
    assert world.problems() == []
    world.restores()


def test_a_custodian_carries_with_the_rights_of_its_role_and_guesses(tmp_path: Path) -> None:
    world = january(tmp_path)
    office = custodian_of(world)
    with pytest.raises(StorageDenied):
        office.store.write("files/pack/short/2026-02/" + "0" * 64, b"anything")
    (row,) = carry.carry_forward(office, RULES, Silent(), ANY).rows
    assert not row.counted and row.packs and 49_000 < row.live_bytes <= row.bytes, "where the cuts lie is chance"
    record = world.take(NEXT, repository=guarded(world))
    assert record.new_bytes < 16_000
    assert world.problems() == []
    world.restores()
    remove_custodian(world.open(), "backup office")
    again = world.after(hours=1).take(NEXT, repository=guarded(world))
    assert again.new_bytes == 0, "what a writer has taken in is its own"
    world.restores()


def lie(world: World, signer: Identity, packs: list[bytes], writer: str = "") -> None:
    (record, *_) = world.stored()
    lane = Lane(writer or record.writer, Source.FILES, Class.SHORT, "2026-02", Class.SHORT, "2026-01")
    write_carry(world.store, world.open().description, signer, lane, packs, world.clock.now())


def newest(world: World) -> Record:
    return max(world.stored(), key=lambda one: one.finished)


def test_a_carry_signed_by_nobody_counts_for_nothing(tmp_path: Path) -> None:
    world = january(tmp_path)
    lie(world, Identity.generate(), list(newest(world).packs))
    record = world.take(NEXT, repository=guarded(world))
    assert record.new_bytes > 49_000
    assert [one.code for one in world.problems()] == ["said-by-nobody"]
    world.restores()


def test_a_carry_that_lies_is_found_and_mended_and_loses_nothing(tmp_path: Path) -> None:
    world = january(tmp_path)
    lie(world, world.owner, list(newest(world).packs))
    assert {one.code for one in world.problems("structure")} == {"carried-missing"}
    # Who may look is not taken in.
    before = world.store.copy()
    assert world.take(NEXT).new_bytes > 49_000
    rewind(world, before)
    # A guarded writer is; its snapshot lacks what was never copied, and that is told.
    record = world.take(NEXT, repository=guarded(world))
    assert record.new_bytes < 16_000
    codes = {one.code for one in world.problems("structure")}
    assert {"carried-missing", "pack-missing", "data-key-missing"} <= codes
    with pytest.raises(Exception, match="is gone"):
        world.restores([record])
    report = carried(world)
    assert [row.again for row in report.rows if row.packs] == [True]
    assert world.problems() == []
    world.restores([record])
    for key in world.names("keys/2026-01/"):
        world.store.delete(key.replace("2026-01", "2026-02"))
    assert {"carried-missing", "data-key-missing"} <= {one.code for one in world.problems("structure")}
    carried(world)
    world.restores([record])


def test_of_packs_that_are_not_its_own_a_writer_takes_in_nothing(tmp_path: Path) -> None:
    world = january(tmp_path)
    other = world.take({"secret": some_bytes(40_000, 77)}, label="other")
    world.after(days=2)
    lie(world, world.owner, list(other.packs), writer=newest_of(world, "host").writer)
    record = world.take({"secret": some_bytes(40_000, 77)}, repository=guarded(world))
    assert record.new_bytes > 40_000
    world.restores([record])


def newest_of(world: World, label: str) -> Record:
    return max((one for one in world.stored() if one.label == label), key=lambda one: one.finished)


def test_other_bytes_under_a_carried_name_are_found_and_no_proof_is_inherited(tmp_path: Path) -> None:
    world = january(tmp_path)
    assert world.verify("full").proved
    carried(world)
    record = world.take(NEXT)
    name = max((f"{record.place}{one.hex()}" for one in record.packs), key=lambda one: len(world.store.read(one)))
    whole = world.store.read(name)
    world.store.damage(name, bytes(len(whole)))
    report = world.verify("full")
    assert {one.subject for one in report.findings if one.code == "pack-damaged"} == {name}
    assert record.snapshot not in report.proved, "that it was opened where it came from proves nothing here"
    for one in world.stored():
        if one.generation == "2026-01":
            assert world.open().standings()[one.object_name[-64:]].proved is not None, "January is whole"
    healed = world.after(hours=1).take(NEXT)
    world.restores([healed])


def rewind(world: World, store: MemoryStore) -> None:
    """Another course of the world: what this machine remembers of its links is of the course before."""
    world.store = store
    for path in world.folder.rglob("linked.json"):
        path.unlink()


def test_killed_at_any_call_nothing_is_lost_and_the_next_run_and_backup_go_on(tmp_path: Path) -> None:
    world = january(tmp_path)
    original = world.store
    before = world.stored()
    recording = RecordingStore(original.copy())
    carried(world, recording)
    assert {"copy", "write", "read", "list"} <= {call.kind for call in recording.calls}
    copies, writes = recording.names("copy"), recording.names("write")
    order = [call.name for call in recording.calls if call.kind in ("copy", "write")]
    said = [number for number, name in enumerate(order) if "/carry-" in name]
    assert len(said) == 1 and said[0] == len(order) - 1, "keys, packs, and then the word"
    swept = 0
    for when in When:
        nth = 1
        while True:
            rewind(world, original.copy())
            crashing = CrashAtCall(world.store, nth, when, frozenset({"write", "copy"}))
            try:
                carried(world, crashing)
            except Killed:
                swept += 1
            if not crashing.was_hit:
                break
            assert world.problems("structure") == [], (when, nth)
            world.restores(before)
            if nth % 5 == 1:
                # A backup that does not wait for the next carry, and then one that does.
                done = world.store
                rewind(world, done.copy())
                record = world.take(NEXT)
                world.restores([*before, record])
                assert world.problems("structure") == []
                rewind(world, done)
                carried(world)
                record = world.take(NEXT)
                assert record.new_bytes < 16_000, (when, nth)
                assert world.problems("structure") == []
                world.restores([*before, record])
            nth += 1
    assert swept == 2 * (len(copies) + len(writes)) > 20


def test_a_backup_killed_at_any_call_after_a_carry_leaves_nothing_half(tmp_path: Path) -> None:
    world = january(tmp_path)
    carried(world)
    original, before = world.store, world.stored()
    for nth in range(1, 40):
        rewind(world, original.copy())
        crashing = CrashAtCall(world.store, nth, When.BEFORE, frozenset({"write"}))
        try:
            world.take(NEXT, store=crashing)
        except BaseException as stop:
            if not isinstance(stop, Killed) and not isinstance(stop.__cause__, Killed):
                raise
        if not crashing.was_hit:
            break
        assert [one for one in world.problems("structure") if one.level == "problem"] == [], nth
        world.restores(before)
        record = world.take(NEXT)
        world.restores([*before, record])
    else:
        pytest.fail("it never survived")


def test_prune_of_the_closed_month_takes_what_nobody_came_to_need(tmp_path: Path) -> None:
    world = january(tmp_path)
    carried(world)
    copies = world.names("files/pack/short/2026-02/")
    record = world.take({"two": some_bytes(9_000, 3)})
    assert 0 < len(record.packs) < len(copies)
    for day in range(60):
        world.after(days=1).take({"two": some_bytes(9_000, 3)}) if day % 3 == 0 else world.after(days=1)
    world.say(Verb.PROOF, *world.stored())
    world.prune(RULES)
    world.after(days=8)
    world.prune(RULES)
    assert not world.names("files/pack/short/2026-02/") and not world.names("keys/2026-02/")
    assert not world.names("/2026-02/carry-")
    assert world.problems() == []
    world.restores()


def test_a_reader_of_one_month_needs_nothing_of_another(tmp_path: Path) -> None:
    world = january(tmp_path)
    carried(world)
    record = world.take(NEXT)
    recording = RecordingStore(world.store)
    repository = world.open(recording)
    with SnapshotReader(repository, record) as reader:
        for stream in reader.streams().values():
            assert b"".join(reader.stream(stream)) == NEXT[stream.name]
    packs_and_keys = [name for name in recording.names("read") if "/pack/" in name or name.startswith("keys/")]
    assert packs_and_keys and all("/2026-02/" in name for name in packs_and_keys)


def test_a_replica_has_what_was_carried_and_takes_no_carry_of_its_own(tmp_path: Path) -> None:
    world = january(tmp_path)
    carried(world)
    record = world.take(NEXT)
    target = MemoryStore(world.clock)
    copy(world, target)
    assert_same(world, target)
    elsewhere = open_repository(
        target, identity=world.owner, state=LocalState(tmp_path / "elsewhere", "replica"), label="elsewhere"
    )
    assert problems_of(elsewhere, world) == []
    with pytest.raises(IsAReplica):
        carry.carry_forward(elsewhere, RULES, Silent(), ANY)
    for name in [one.name for one in target.list_under("") if "/2026-01/" in one.name]:
        target.delete(name)
    with SnapshotReader(elsewhere, record) as reader:
        for stream in reader.streams().values():
            assert b"".join(reader.stream(stream)) == NEXT[stream.name]
