"""What goes in comes out, once, for those who hold a key."""

from pathlib import Path

import pytest
from repository_kit import CONTENT, back_up, make, read_back, reopen

from lifeboat.crypto.identity import Identity
from lifeboat.repository.errors import KeyMissing, KeyNotARecipient, RecipientsChanged, SnapshotUnknown
from lifeboat.repository.names import digest, stated_digest


def test_what_was_backed_up_comes_back_byte_for_byte(tmp_path: Path) -> None:
    repository, _, clock = make(tmp_path)
    record = back_up(repository, clock, CONTENT)
    assert read_back(repository, record) == CONTENT


def test_an_unchanged_backup_stores_no_pack_again(tmp_path: Path) -> None:
    repository, store, clock = make(tmp_path)
    back_up(repository, clock, CONTENT)
    before = {one.name for one in store.list_under("files/")}
    second = back_up(repository, clock, CONTENT)
    assert {one.name for one in store.list_under("files/")} == before
    assert second.new_bytes == 0
    assert read_back(repository, second) == CONTENT


def test_a_small_change_stores_little(tmp_path: Path) -> None:
    repository, _, clock = make(tmp_path)
    back_up(repository, clock, CONTENT)
    changed = {**CONTENT, "one": CONTENT["one"][:60_000] + b"INSERTED" + CONTENT["one"][60_000:]}
    second = back_up(repository, clock, changed)
    assert second.new_bytes < 40_000
    assert read_back(repository, second) == changed


def test_each_of_several_recipients_restores_alone(tmp_path: Path) -> None:
    holders = [Identity.generate() for _ in range(3)]
    repository, store, clock = make(tmp_path / "writer", identities=holders)
    record = back_up(repository, clock, CONTENT)
    for number, holder in enumerate(holders):
        theirs = reopen(store, tmp_path / f"holder{number}", holder, label=f"laptop {number}")
        assert read_back(theirs, theirs.find_snapshot(record.snapshot[:8])) == CONTENT


def test_a_writer_without_any_key_makes_incremental_backups_it_cannot_read(tmp_path: Path) -> None:
    holder = Identity.generate()
    repository, store, clock = make(tmp_path, identities=[holder])
    back_up(repository, clock, CONTENT)
    blind = reopen(store, tmp_path, None)
    second = back_up(blind, clock, {**CONTENT, "three": b"new" * 1000})
    assert second.new_bytes < 8000
    with pytest.raises(KeyMissing):
        read_back(blind, second)
    assert read_back(repository, second)["three"] == b"new" * 1000


def test_a_strangers_key_is_refused_by_name(tmp_path: Path) -> None:
    _, store, _ = make(tmp_path / "writer")
    stranger = Identity.generate()
    with pytest.raises(KeyNotARecipient, match=stranger.recipient.fingerprint_short):
        reopen(store, tmp_path / "other", stranger)


def test_a_repository_that_was_replaced_stops_the_run(tmp_path: Path) -> None:
    holder = Identity.generate()
    _, store, _ = make(tmp_path / "a", identities=[holder])
    _, replaced, _ = make(tmp_path / "b", identities=[holder])
    reopen(store, tmp_path / "state", holder)
    with pytest.raises(RecipientsChanged):
        reopen(replaced, tmp_path / "state", holder)


def test_a_machine_that_lost_its_state_goes_on_as_the_same_writer(tmp_path: Path) -> None:
    holder = Identity.generate()
    repository, store, clock = make(tmp_path / "before", identities=[holder])
    first = back_up(repository, clock, CONTENT)
    again = reopen(store, tmp_path / "after", holder)
    second = back_up(again, clock, CONTENT)
    assert second.writer == first.writer
    assert second.new_bytes == 0


def test_two_machines_have_two_writers_and_see_each_others_snapshots(tmp_path: Path) -> None:
    holder = Identity.generate()
    repository, store, clock = make(tmp_path / "one", identities=[holder])
    back_up(repository, clock, CONTENT)
    other = reopen(store, tmp_path / "two", holder, label="other host")
    second = back_up(other, clock, CONTENT)
    seen = reopen(store, tmp_path / "one", holder).snapshots()
    assert len({record.writer for record in seen}) == 2
    assert second.snapshot in {record.snapshot for record in seen}


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_name_chooses_none_even_where_there_is_only_one(tmp_path: Path, empty: str) -> None:
    repository, _, clock = make(tmp_path)
    back_up(repository, clock, CONTENT)
    with pytest.raises(SnapshotUnknown, match="an empty name"):
        repository.find_snapshot(empty)


def test_every_object_carries_the_hash_of_its_bytes(tmp_path: Path) -> None:
    repository, store, clock = make(tmp_path)
    back_up(repository, clock, CONTENT)
    for one in store.list_under(""):
        assert digest(store.read(one.name)) == stated_digest(one.name), one.name


def test_nothing_of_the_content_lies_in_the_clear(tmp_path: Path) -> None:
    repository, store, clock = make(tmp_path)
    back_up(repository, clock, {"secret name": b"the client's secret " * 500})
    everything = b"".join(store.read(one.name) for one in store.list_under(""))
    assert b"the client" not in everything
    assert b"secret name" not in everything


def test_an_unknown_snapshot_and_an_ambiguous_one_are_told_apart(tmp_path: Path) -> None:
    repository, _, clock = make(tmp_path)
    with pytest.raises(SnapshotUnknown, match="no snapshot"):
        repository.find_snapshot("latest")
    digits: set[str] = set()
    while (digit := back_up(repository, clock, CONTENT).snapshot[0]) not in digits:  # the seventeenth at the latest
        digits.add(digit)
    with pytest.raises(SnapshotUnknown, match="begin with"):
        repository.find_snapshot(digit)
    with pytest.raises(SnapshotUnknown, match="empty name"):
        repository.find_snapshot("")


def test_a_new_month_is_a_new_generation_and_stores_all_again(tmp_path: Path) -> None:
    repository, _, clock = make(tmp_path)
    first = back_up(repository, clock, CONTENT)
    clock.moment = clock.moment.replace(month=12)
    second = back_up(repository, clock, CONTENT)
    assert (first.generation, second.generation) == ("2026-11", "2026-12")
    assert not set(first.packs) & set(second.packs)
    assert read_back(repository, second) == CONTENT
