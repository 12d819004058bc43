"""The snapshot that an instant is restored from, found in a real repository; and what is said where there is none."""

import sys
import time
from pathlib import Path

import pytest
from timeline_kit import Archived, at

sys.path.insert(0, str(Path(__file__).parents[1] / "storage"))
from policed_store import PolicedStore

from lifeboat.crypto.identity import Identity
from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.errors import LifeboatError, RepositoryDamaged
from lifeboat.operations.archived import archived_between
from lifeboat.operations.recovery_points import holes_of
from lifeboat.operations.timeline import MomentNotCovered, WriterUnclear, because_of, find_base, read_histories
from lifeboat.operations.timeline_report import look_at_timeline
from lifeboat.repository.custodians import add_custodian
from lifeboat.repository.errors import KeyMissing, OnlyACustodian
from lifeboat.repository.roles import Role, rights_of
from lifeboat.repository.segment_writing import new_chain
from lifeboat.repository.segments import StoredSegment, list_segments
from lifeboat.storage.memory import MemoryStore


@pytest.fixture
def archived(tmp_path: Path) -> Archived:
    return Archived(tmp_path)


def test_the_newest_snapshot_before_the_instant_is_taken(archived: Archived) -> None:
    taken = [archived.snapshot(at(second, 7)) for second in (10, 50, 90)]
    archived.stream(at(0), at(100), 30)
    for goal, expected in ((at(49), 0), (at(50, 6), 0), (at(50, 8), 1), (at(100), 2), (at(95), 2)):
        base, stretch = find_base(archived.opened(), goal)
        assert base.record.snapshot == taken[expected].snapshot and stretch is not None, goal
        assert base.earliest == base.latest < goal and stretch.covers(base.latest, goal)
    base, stretch = find_base(archived.opened(), at(50, 7))
    assert (base.record.snapshot, stretch) == (taken[1].snapshot, None), "its own instant needs no archive"


def test_the_newest_instant_is_the_end_of_the_archive_or_the_last_snapshot(archived: Archived) -> None:
    archived.snapshot(at(10))
    assert find_base(archived.opened(), None)[1] is None
    archived.stream(at(5), at(40), 10)
    assert read_histories(archived.opened()).of[0].newest == at(40)
    base, stretch = find_base(archived.opened(), None)
    assert stretch is not None and stretch.through == at(40)
    last = archived.snapshot(at(41, 3))
    base, stretch = find_base(archived.opened(), None)
    assert (base.record.snapshot, base.latest, stretch) == (last.snapshot, at(41, 3), None)


def test_an_instant_in_a_gap_is_refused_with_the_nearest_on_both_sides(archived: Archived) -> None:
    archived.snapshot(at(10))
    archived.stream(at(5), at(40), 10)
    archived.stream(at(60), at(100), 10, chain=new_chain(), because="the oplog rolled over")
    archived.snapshot(at(61, 4))
    with pytest.raises(MomentNotCovered) as refused:
        find_base(archived.opened(), at(50))
    assert at(40).words() in refused.value.message and at(61, 4).words() in refused.value.message
    assert f"--at {at(40).words()}" in refused.value.hint
    with pytest.raises(MomentNotCovered, match=at(10).words().replace(".", r"\.")):
        find_base(archived.opened(), at(7))
    with pytest.raises(MomentNotCovered, match="nearest before"):
        find_base(archived.opened(), at(101))
    (hole,) = read_histories(archived.opened()).of[0].holes
    assert because_of(archived.opened(), hole.before) == "the oplog rolled over"


def test_a_snapshot_of_the_second_in_which_the_archive_began_is_judged_by_its_exact_time(archived: Archived) -> None:
    archived.stream(at(60, 5), at(100, 1), 10)
    archived.snapshot(at(60, 4))
    with pytest.raises(MomentNotCovered):
        find_base(archived.opened(), at(70))
    second = archived.snapshot(at(60, 5))
    assert find_base(archived.opened(), at(70))[0].record.snapshot == second.snapshot
    history = read_histories(archived.opened()).of[0]
    assert [span.since for span in history.spans if span.stretch] == [at(60, 5)]
    without = read_histories(archived.without_key())
    assert not without.exact and all(span.stretch is None for span in without.of[0].spans), (
        "without the key it is doubtful"
    )


def test_a_snapshot_of_another_replica_set_is_no_base_though_the_name_is_the_same(archived: Archived) -> None:
    archived.snapshot(at(10), set_name="other")
    archived.stream(at(5), at(40), 10)
    with pytest.raises(MomentNotCovered, match="another replica set"):
        find_base(archived.opened(), at(20))


def test_a_damaged_snapshot_is_passed_over_for_an_older_one(archived: Archived) -> None:
    older = archived.snapshot(at(10))
    younger = archived.snapshot(at(30))
    archived.stream(at(5), at(40), 10)
    assert find_base(archived.opened(), at(35))[0].record.snapshot == younger.snapshot
    for stored in list(archived.store.list_under("mongodb/")):
        if any(pack.hex() in stored.name for pack in younger.packs):
            archived.store.delete(stored.name)
    assert find_base(archived.opened(), at(35))[0].record.snapshot == older.snapshot


def test_nothing_stored_and_no_key_are_said_to_be(archived: Archived) -> None:
    with pytest.raises(MomentNotCovered, match="nothing of the database"):
        find_base(archived.opened(), at(10))
    archived.stream(at(5), at(40), 10)
    with pytest.raises(MomentNotCovered, match="go on from"):
        find_base(archived.opened(), at(10))
    archived.snapshot(at(10), one_instant=False)
    with pytest.raises(MomentNotCovered, match="one instant"):
        find_base(archived.opened(), at(10))
    with pytest.raises(KeyMissing):
        find_base(archived.without_key(), at(10))


def test_one_machines_archive_does_not_carry_another_ones_snapshot_on(archived: Archived, tmp_path: Path) -> None:
    archived.snapshot(at(10))
    other = archived.opened(label="db2")
    archived.secret, archived.repository = other.writer(archived.clock.now()), other
    archived.stream(at(5), at(40), 10)
    with pytest.raises(MomentNotCovered):
        find_base(archived.opened(), at(20))
    with pytest.raises(MomentNotCovered):
        find_base(archived.opened(), at(20), "db2")


def test_twenty_thousand_segments_and_many_snapshots_are_looked_at_in_seconds(archived: Archived) -> None:
    store = archived.store
    assert isinstance(store, MemoryStore)
    for number in range(150):
        archived.snapshot(at(number * 4000, 3))
    archived.segment(at(0), at(30))
    stored = archived.segment(at(599_970), at(600_000))
    raw = store.read(stored.name)
    for number in range(1, 19_999):
        names = f"{at(number * 30).hex()}-{at(number * 30 + 30).hex()}"
        store.write(stored.name.replace(f"{at(599_970).hex()}-{at(600_000).hex()}", names), raw)
    archived.clock.moment = at(600_010).instant
    repository = archived.opened()
    began = time.monotonic()
    (history,) = read_histories(repository).of
    listed = time.monotonic() - began
    assert [span.since for span in history.spans] == [at(0, 3)] and history.newest == at(600_000)
    assert not holes_of(history.spans, history.stretches, history.bases)
    base, stretch = find_base(repository, at(599_000))
    assert base.latest == at(596_000, 3) and stretch is not None
    assert listed < 10, f"{listed:.1f} s"


def test_a_stray_name_does_not_hide_the_rest(archived: Archived) -> None:
    archived.snapshot(at(10))
    archived.stream(at(5), at(40), 10)
    archived.store.write("mongodb/oplog/2026-11/notes.txt", b"?")
    try:
        assert find_base(archived.opened(), at(20))
    except LifeboatError as error:  # pragma: no cover
        pytest.fail(error.message)


def test_each_role_sees_as_much_as_its_rights_show_and_is_told_what_it_does_not_see(archived: Archived) -> None:
    archived.snapshot(at(10))
    archived.stream(at(5), at(40), 10)
    archived.stream(at(60), at(100), 10, chain=new_chain(), because="the oplog rolled over")
    archived.snapshot(at(70, 4))
    now = archived.clock
    now.moment = at(110).instant
    custodian = Identity.generate()
    add_custodian(archived.repository, "ci", custodian.recipient)

    keeper = look_at_timeline(archived.opened(store=PolicedStore(archived.store, rights_of(Role.KEEPER))))
    assert keeper.archive_seen and keeper.exact and keeper.histories[0].gaps[0].why == "the oplog rolled over"

    policed = PolicedStore(archived.store, rights_of(Role.WRITER, archived.secret.writer.hex()))
    writer = look_at_timeline(archived.without_key(policed))
    assert not writer.archive_seen and not writer.exact
    assert len(writer.histories[0].snapshots) == 2 and not writer.histories[0].spans

    there = archived.opened(custodian, PolicedStore(archived.store, rights_of(Role.CUSTODIAN)))
    seen = look_at_timeline(there)
    (gap,) = seen.histories[0].gaps
    assert seen.archive_seen and not seen.exact and len(seen.histories[0].spans) == 2
    assert gap.why is None, "why is in the archive, which a custodian does not read"
    with pytest.raises(OnlyACustodian):
        find_base(there, at(20))


def plant(archived: Archived, like: StoredSegment, after: ClusterTime, through: ClusterTime) -> str:
    """The bytes of a segment under a name that covers more."""
    raw = archived.store.read(like.name)
    name = like.name.replace(f"{like.after.hex()}-{like.through.hex()}", f"{after.hex()}-{through.hex()}")
    archived.store.write(name, raw)
    return name


def test_what_is_planted_or_damaged_is_passed_over_where_others_hold_the_same(archived: Archived) -> None:
    archived.snapshot(at(10))
    archived.stream(at(5), at(100), 10)
    twice = archived.segment(at(45), at(75))  # as after a kill: stored by two runs
    planted = [plant(archived, twice, at(0), at(end)) for end in (60, 80, 100)]
    inner = next(one for one in list_segments(archived.repository) if one.after == at(55))
    archived.store.delete(inner.name)
    archived.store.write(inner.name, b"not what was stored")
    base, stretch = find_base(archived.opened(), at(95))
    assert stretch is not None
    found = archived_between(archived.opened(), stretch, base.latest, at(95))
    used = [stored.name for stored, _ in found.segments]
    assert twice.name in used and inner.name not in used and not set(planted) & set(used)

    archived.store.delete(twice.name)
    base, stretch = find_base(archived.opened(), at(95))
    assert stretch is not None
    with pytest.raises(RepositoryDamaged):
        archived_between(archived.opened(), stretch, base.latest, at(95))


def test_of_several_machines_databases_none_is_taken_for_another_one(archived: Archived) -> None:
    archived.snapshot(at(10))
    archived.stream(at(5), at(40), 10)
    first = archived.secret
    keeper = archived.opened(label="keeper")
    archived.secret, archived.repository = keeper.writer(archived.clock.now()), keeper
    archived.snapshot(at(20), purpose="safety")
    reader = archived.opened(label="keeper")
    assert reader.own_label() == "keeper"
    assert find_base(reader, at(30))[0].record.writer == first.writer.hex(), (
        "what lies there from a restore is no database of ours"
    )

    other = archived.opened(label="db2")
    archived.secret, archived.repository = other.writer(archived.clock.now()), other
    second = archived.snapshot(at(12))
    archived.stream(at(5), at(50), 10, chain=new_chain())
    with pytest.raises(WriterUnclear, match="db1, db2"):
        find_base(archived.opened(label="keeper"), at(30))
    assert find_base(archived.opened(label="keeper"), at(30), "db2")[0].record.snapshot == second.snapshot
    assert find_base(archived.opened(label="db1"), at(30))[0].record.writer == first.writer.hex()
