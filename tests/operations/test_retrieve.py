"""What lies in Glacier or Deep Archive comes back: once asked for, waited for or not, killed or not, and until it is gone again."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from archiving_store import ArchivingStore, Killed
from prune_kit import MovedClock, World, some_bytes

from lifeboat.cloud.prices.load import load_prices
from lifeboat.operations.retrieve.needs import Wanted
from lifeboat.operations.retrieve.run import Retrieval, TierRefused, Waiting
from lifeboat.operations.retrieve.whereabouts import with_whereabouts
from lifeboat.operations.status import row_of
from lifeboat.repository.errors import RetrievalNeeded
from lifeboat.repository.record import Record
from lifeboat.storage.archive import ExpeditedUnavailable, Tier
from lifeboat.storage.errors import StorageBusy, StorageDenied
from lifeboat.storage.retrying import PAUSES_SECONDS


class Vault(World):
    """A world whose store has archive classes."""

    store: ArchivingStore  # type: ignore[assignment]

    def retrieval(self, *records: Record, days: int = 7) -> Retrieval:
        return Retrieval(self.open(), [Wanted(one) for one in records], self.clock, days=days)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path, clock=MovedClock(), make_store=ArchivingStore)


def test_time_and_cost_are_told_before_anything_is_asked_for(vault: Vault) -> None:
    record = vault.take({"one": some_bytes(60_000, 1)})
    packs = vault.store.freeze("/pack/")
    report = vault.retrieval(record).look()

    assert (report.objects, report.away_objects, report.readable, report.coming) == (len(packs), len(packs), 0, 0)
    assert report.bytes == sum(len(vault.store._objects[name][0]) for name in packs)
    told = {one.tier: one.seconds for one in report.offers}
    assert told == {"bulk": 48 * 3600, "standard": 12 * 3600, "expedited": None}
    assert report.offer("expedited").refused_for == "DEEP_ARCHIVE"
    assert 0 < (report.offer("bulk").dollars or 0) < (report.offer("standard").dollars or 0)
    assert vault.store.asked == []


def test_all_of_it_comes_back_and_is_asked_for_once(vault: Vault) -> None:
    record = vault.take({"one": some_bytes(60_000, 1)})
    packs = vault.store.freeze("/pack/")
    retrieval = vault.retrieval(record)
    began = vault.clock.now()
    requested = retrieval.request(Tier.STANDARD)
    assert (requested.requested, requested.coming, requested.tier) == (len(packs), len(packs), "standard")
    assert requested.ready_at == began + timedelta(hours=12)

    looks: list[Waiting] = []
    done = retrieval.wait(looks.append)
    assert done.is_readable and done.readable == len(packs)
    assert timedelta(hours=11.5) <= vault.clock.now() - began < timedelta(hours=12)
    assert [one.next_look_seconds for one in looks[:3]] == [2.0, 3.0, 4.5]
    assert len(looks) < 200 and looks[-1].next_look_seconds == 300  # 12 hours, and a look is a listing
    assert Counter(name for name, _, _ in vault.store.asked) == Counter(packs)
    vault.restores([record])


def test_only_what_the_snapshot_needs_is_asked_for(vault: Vault) -> None:
    old = vault.take({"one": some_bytes(30_000, 1)})
    vault.take({"two": some_bytes(30_000, 2)})
    vault.store.freeze("/pack/", "GLACIER")
    vault.retrieval(old).request(Tier.EXPEDITED)
    assert {name.rsplit("/", 1)[1] for name, _, _ in vault.store.asked} == {pack.hex() for pack in old.packs}


def test_killed_at_any_request_the_next_run_asks_for_nothing_twice(tmp_path: Path) -> None:
    died = 0
    for nth in range(1, 100):
        vault = Vault(tmp_path / str(nth), clock=MovedClock(), make_store=ArchivingStore)
        record = vault.take({"one": some_bytes(24_000, 1)})
        packs = vault.store.freeze("/pack/")
        vault.store.dies_at = nth
        try:
            vault.retrieval(record).request(Tier.BULK)
        except Killed:
            died += 1
        else:
            break
        vault.after(hours=1)
        again = vault.retrieval(record)
        report = again.request(Tier.BULK)
        assert report.coming == len(packs) and report.away == ()
        assert Counter(name for name, _, _ in vault.store.asked) == Counter(packs)
        assert vault.retrieval(record).request(Tier.BULK).requested == 0
        again.wait()
        vault.restores([record])
    assert died >= len(packs) > 3  # the sweep really swept (how many packs there are differs by one or two)


def test_expedited_is_not_to_be_had_from_deep_archive_and_nothing_is_asked_for(vault: Vault) -> None:
    record = vault.take({"one": some_bytes(30_000, 1)})
    names = vault.store.freeze("/pack/", "GLACIER")
    vault.store.freeze(names[0], "DEEP_ARCHIVE")
    with pytest.raises(TierRefused, match="Deep Archive nothing can be had at the tier expedited") as refused:
        vault.retrieval(record).request(Tier.EXPEDITED)
    assert "--tier standard (12 h 0 min) or --tier bulk (2 d 0 h)" in refused.value.hint
    assert vault.store.tried == 0


def test_a_missing_right_is_missed_once_and_not_for_each_object(vault: Vault) -> None:
    record = vault.take({"one": some_bytes(30_000, 1)})
    vault.store.freeze("/pack/")
    vault.store.denies = True
    with pytest.raises(StorageDenied, match="s3:RestoreObject"):
        vault.retrieval(record).request(Tier.BULK)
    assert vault.store.tried == 1


def test_a_store_that_is_busy_is_asked_again_and_one_without_room_is_not(vault: Vault) -> None:
    record = vault.take({"one": some_bytes(30_000, 1)})
    packs = vault.store.freeze("/pack/", "GLACIER")
    vault.store.busy_times = len(PAUSES_SECONDS)
    assert vault.retrieval(record).request(Tier.STANDARD).requested == len(packs)
    vault.store.busy_times = 1_000
    vault.store.freeze("/pack/", "GLACIER")
    vault.after(hours=1)
    with pytest.raises(StorageBusy):
        vault.retrieval(record).request(Tier.STANDARD)
    vault.store.busy_times, vault.store.is_full = 0, True
    vault.after(hours=1)
    with pytest.raises(ExpeditedUnavailable):
        vault.retrieval(record).request(Tier.EXPEDITED)


def test_what_is_coming_slowly_is_asked_for_again_only_where_a_faster_tier_is_wanted(vault: Vault) -> None:
    record = vault.take({"one": some_bytes(30_000, 1)})
    packs = vault.store.freeze("/pack/")
    vault.retrieval(record).request(Tier.BULK)
    vault.after(hours=2)
    assert vault.retrieval(record).request(Tier.BULK, upgrade=True).requested == 0
    assert vault.retrieval(record).request(Tier.STANDARD).requested == 0
    upgraded = vault.retrieval(record).request(Tier.STANDARD, upgrade=True)
    assert upgraded.requested == len(packs) and upgraded.ready_at == vault.clock.now() + timedelta(hours=12)
    assert vault.retrieval(record).request(Tier.BULK, upgrade=True).requested == 0


def test_a_copy_that_is_gone_again_is_said_to_be_and_asked_for_anew(vault: Vault) -> None:
    record = vault.take({"one": some_bytes(30_000, 1)})
    packs = vault.store.freeze("/pack/")
    vault.retrieval(record, days=3).request(Tier.STANDARD)
    vault.retrieval(record).wait()
    assert vault.retrieval(record).make_sure().prolonged == 0
    vault.after(days=3, hours=1)
    with pytest.raises(RetrievalNeeded, match=f"{len(packs)} of the objects it needs lie in Deep Archive"):
        vault.retrieval(record).make_sure()
    assert vault.retrieval(record).request(Tier.STANDARD).requested == len(packs)
    vault.retrieval(record).wait()
    vault.restores([record])


def test_a_copy_that_would_go_during_the_restore_is_made_to_last(vault: Vault) -> None:
    record = vault.take({"one": some_bytes(30_000, 1)})
    packs = vault.store.freeze("/pack/")
    vault.retrieval(record, days=3).request(Tier.STANDARD)
    vault.retrieval(record).wait()
    vault.after(days=2)
    assert vault.retrieval(record).make_sure().prolonged == len(packs)
    vault.after(days=5)
    vault.restores([record])


def test_what_is_archived_while_it_is_read_is_told_with_the_way_out(vault: Vault) -> None:
    record = vault.take({"one": some_bytes(30_000, 1)})
    vault.store.freeze("/pack/")
    with pytest.raises(RetrievalNeeded, match=f"snapshot {record.snapshot[:8]} lies at least partly") as needed:
        vault.restores([record])
    assert f"`lifeboat retrieve {record.snapshot[:8]}`" in needed.value.hint and not needed.value.worth_retrying


def test_who_may_read_and_not_list_restores_and_is_told_by_what_cannot_be_read(vault: Vault) -> None:
    record = vault.take({"one": some_bytes(30_000, 1)})
    vault.store.hides = True
    assert vault.retrieval(record).make_sure().is_readable
    vault.restores([record])
    vault.store.freeze("/pack/")
    with pytest.raises(RetrievalNeeded):
        vault.restores([record])


def test_keys_that_an_age_rule_took_along_come_back_too(vault: Vault) -> None:
    record = vault.take({"one": some_bytes(30_000, 1)})
    keys = vault.store.freeze("keys/", "GLACIER")
    with pytest.raises(RetrievalNeeded):
        vault.restores([record])
    assert vault.retrieval(record).request(Tier.EXPEDITED).requested == len(keys) == 1
    vault.retrieval(record).wait()
    vault.restores([record])


def test_a_lost_journal_costs_the_times_and_asks_for_nothing_twice(vault: Vault) -> None:
    record = vault.take({"one": some_bytes(30_000, 1)})
    packs = vault.store.freeze("/pack/")
    vault.retrieval(record).request(Tier.BULK)
    (journal,) = (vault.folder / "host").rglob("retrievals.jsonl")
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-20])  # cut off while it was written
    report = vault.retrieval(record).request(Tier.BULK)
    assert (report.requested, report.coming) == (0, len(packs))
    journal.unlink()
    report = vault.retrieval(record).request(Tier.BULK)
    assert (report.requested, report.coming, report.ready_at) == (0, len(packs), None)


def test_a_store_without_archive_classes_is_asked_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    record = world.take()
    report = Retrieval(world.open(), [Wanted(record)], world.clock).make_sure()
    assert report.is_readable and report.objects == 0


# --- verify ---------------------------------------------------------------------------------------------------------


def test_verify_does_not_take_archived_packs_for_damaged_and_says_what_it_did_not_read(vault: Vault) -> None:
    vault.take({"one": some_bytes(30_000, 1)})
    packs = vault.store.freeze("/pack/")
    for level in ("structure", "sample", "full"):
        report = vault.verify(level)
        assert [one.code for one in report.findings if one.level != "ok" and one.code != "rescue-kit-missing"] == []
        assert report.archived == (0 if level == "structure" else len(packs))
        assert report.proved == () and report.unproved == 1  # nobody has opened it


def test_a_sample_is_taken_of_what_can_be_read(vault: Vault) -> None:
    vault.take({"one": some_bytes(30_000, 1)})
    vault.store.freeze("/pack/")
    vault.after(days=1)
    new = vault.take({"two": some_bytes(30_000, 2)})
    report = vault.verify("sample", sample_percent=100)
    assert report.objects == len(new.packs) and report.chunks > 0
    assert report.proved == (new.snapshot,)


def test_archived_packs_that_were_brought_back_are_read(vault: Vault) -> None:
    record = vault.take({"one": some_bytes(30_000, 1)})
    vault.store.freeze("/pack/")
    vault.retrieval(record).request(Tier.STANDARD)
    vault.retrieval(record).wait()
    report = vault.verify("full")
    assert (report.archived, report.proved) == (0, (record.snapshot,))
    vault.after(days=9)
    assert vault.verify("full").archived == len(record.packs)
    assert vault.verify("full").unproved == 0  # a proof stays one


def test_damage_among_archived_packs_is_still_seen(vault: Vault) -> None:
    """The checker itself, on something broken: one pack gone, one cut, one in the standard class with a flipped bit."""
    vault.take({"one": some_bytes(60_000, 1)})
    packs = sorted(vault.names("/pack/"))
    (record,) = vault.names("/snapshot-")
    vault.store.freeze("/pack/")
    flipped = bytearray(vault.store._objects[packs[2]][0])
    flipped[-1] ^= 1
    vault.store.damage(packs[2], bytes(flipped))
    del vault.store.classes[packs[2]]
    vault.store.delete(packs[0])
    vault.store.damage(packs[1], vault.store._objects[packs[1]][0][:-1])
    found = {one.subject: one.code for one in vault.problems("full")}
    found.pop(record, None)  # told as well where the flipped bit is in what lists its content, which is chance
    assert found == {packs[0]: "pack-missing", packs[1]: "pack-cut", packs[2]: "pack-damaged"}


def test_a_list_says_which_snapshots_can_be_read_now(vault: Vault) -> None:
    old = vault.take({"one": some_bytes(30_000, 1)})
    vault.store.freeze("/pack/")
    vault.after(days=1)
    slow = vault.take({"two": some_bytes(30_000, 2)})
    vault.store.freeze(slow.packs[0].hex(), "GLACIER")
    vault.retrieval(slow).request(Tier.BULK)
    vault.after(days=1)
    new = vault.take({"three": some_bytes(30_000, 3)})
    rows = with_whereabouts(vault.open(), map(row_of, (old, slow, new)), vault.clock, load_prices)
    assert [(one.where, one.away_seconds) for one in rows] == [
        *(("archived", 12 * 3600), ("at-hand", None), ("at-hand", None))
    ]
    vault.after(days=8)
    vault.retrieval(slow).request(Tier.BULK)
    (row,) = with_whereabouts(vault.open(), [row_of(slow)], vault.clock, load_prices)
    assert row.where == "coming"
