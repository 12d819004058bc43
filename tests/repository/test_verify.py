"""Verify names every object that is not what it was, and restore never hands out a wrong byte. The checker is tried on broken things."""

from collections.abc import Callable
from pathlib import Path

import pytest
from repository_kit import CONTENT, HandClock, back_up, make, read_back, reopen

from lifeboat.crypto.identity import Identity
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.progress import Silent
from lifeboat.operations.reports.checks import VerifyReport
from lifeboat.operations.verify.run import verify
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import Record
from lifeboat.storage.memory import MemoryStore


def check(repository: Repository, clock: HandClock, level: str = "full") -> VerifyReport:
    return verify(repository, level, objectives={"files": 3600.0}, sample_percent=100, clock=clock, progress=Silent())


def problems(report: VerifyReport) -> list[str]:
    return [finding.subject for finding in report.findings if finding.level == "problem"]


def built(folder: Path) -> tuple[MemoryStore, HandClock, Identity]:
    holder = Identity.generate()
    repository, store, clock = make(folder, identities=[holder])
    back_up(repository, clock, CONTENT)
    back_up(repository, clock, {**CONTENT, "more": b"later " * 9000})
    return store, clock, holder


def test_a_whole_repository_has_no_problem_at_any_level(tmp_path: Path) -> None:
    store, clock, holder = built(tmp_path)
    for level in ("age", "structure", "sample", "full"):
        assert problems(check(reopen(store, tmp_path, holder), clock, level)) == [], level


def test_what_doctor_could_not_remove_is_no_damage(tmp_path: Path) -> None:
    store, clock, holder = built(tmp_path)
    store.write(f"config/probe/ab12/bytes/{'a' * 64}", b"something else")
    report = check(reopen(store, tmp_path, holder), clock)
    assert not [finding for finding in report.findings if "probe" in finding.subject]


def flip(raw: bytes, at: int) -> bytes:
    return raw[:at] + bytes((raw[at] ^ 1,)) + raw[at + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "first byte": lambda raw: flip(raw, 0),
    "header": lambda raw: flip(raw, min(30, len(raw) - 1)),
    "middle": lambda raw: flip(raw, len(raw) // 2),
    "last byte": lambda raw: flip(raw, len(raw) - 1),
    "cut": lambda raw: raw[:-7],
    "emptied": lambda raw: b"",
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_every_damaged_object_is_named_and_nothing_wrong_is_restored(tmp_path: Path, kind: str) -> None:
    store, clock, holder = built(tmp_path)
    good = {
        record.snapshot: read_back(reopen(store, tmp_path, holder), record)
        for record in snapshots(store, tmp_path, holder)
    }
    for one in list(store.list_under("")):
        broken = store.copy()
        broken.damage(one.name, DAMAGES[kind](store.read(one.name)))
        try:
            repository = reopen(broken, tmp_path, holder)
        except LifeboatError as error:
            assert one.name.startswith("config/repository-"), error
            assert one.name in error.message
            continue
        report = check(repository, clock)
        named = " ".join(
            f"{finding.subject} {finding.message}" for finding in report.findings if finding.level == "problem"
        )
        assert one.name.rsplit("/", 1)[-1] in named, (one.name, report.findings)
        for record in repository.snapshots():
            try:
                restored = read_back(repository, record)
            except LifeboatError:
                continue
            assert restored == good[record.snapshot], one.name


def snapshots(store: MemoryStore, folder: Path, holder: Identity) -> list[Record]:
    return reopen(store, folder, holder).snapshots()


def test_a_deleted_object_is_named(tmp_path: Path) -> None:
    store, clock, holder = built(tmp_path)
    for one in list(store.list_under("")):
        if one.name.startswith("config/"):
            continue
        broken = store.copy()
        broken.delete(one.name)
        repository = reopen(broken, tmp_path, holder)
        found = problems(check(repository, clock, "structure"))
        assert found, one.name


def test_a_writer_whose_registration_was_deleted_is_missed(tmp_path: Path) -> None:
    """With it its snapshots go from every list, so nothing else would say that they are gone."""
    store, clock, holder = built(tmp_path)
    [registration] = [one.name for one in store.list_under("config/") if "/writer-" in one.name]
    writer = registration.split("-")[1]
    store.delete(registration)
    keeper = reopen(store, tmp_path / "elsewhere", holder)
    assert keeper.snapshots() == []
    told = [one for one in check(keeper, clock, "structure").findings if one.code == "writer-not-registered"]
    assert [one.subject for one in told] == [f"catalog/{writer}/"] and "2 snapshots" in told[0].message


def test_a_damaged_pack_is_named_with_the_snapshots_and_streams_it_hurts(tmp_path: Path) -> None:
    store, clock, holder = built(tmp_path)
    repository = reopen(store, tmp_path, holder)
    for one in list(store.list_under("files/pack/")):
        broken = store.copy()
        broken.damage(one.name, flip(store.read(one.name), one.size_bytes - 20))
        report = check(reopen(broken, tmp_path, holder), clock)
        finding = next(finding for finding in report.findings if finding.subject == one.name)
        pack = bytes.fromhex(one.name.rsplit("/", 1)[-1])
        hurt = [record for record in repository.snapshots() if pack in record.packs]
        named = " ".join(finding.hurts)
        assert any(record.snapshot[:8] in named for record in hurt), finding
        for record in hurt:
            if record.snapshot[:8] in named:
                with pytest.raises(LifeboatError):
                    read_back(reopen(broken, tmp_path, holder), record)
            else:
                assert read_back(reopen(broken, tmp_path, holder), record)


def test_two_packs_swapped_are_both_named(tmp_path: Path) -> None:
    store, clock, holder = built(tmp_path)
    first, second = [one.name for one in store.list_under("files/pack/")][:2]
    swapped = store.copy()
    swapped.damage(first, store.read(second))
    swapped.damage(second, store.read(first))
    found = problems(check(reopen(swapped, tmp_path, holder), clock))
    assert {first, second} <= set(found)


def test_a_repository_put_back_to_an_older_state_is_noticed(tmp_path: Path) -> None:
    holder = Identity.generate()
    repository, store, clock = make(tmp_path, identities=[holder])
    back_up(repository, clock, CONTENT)
    older = store.copy()
    back_up(repository, clock, {**CONTENT, "more": b"x" * 5000})
    report = check(reopen(older, tmp_path, holder), clock, "structure")
    assert "catalog-rolled-back" in {finding.code for finding in report.findings}


def test_a_cloned_writer_is_noticed(tmp_path: Path) -> None:
    holder = Identity.generate()
    repository, store, clock = make(tmp_path / "one", identities=[holder])
    back_up(repository, clock, CONTENT)
    clone_view = store.copy()
    clone = reopen(clone_view, tmp_path / "clone", holder)
    back_up(clone, clock, {"x": b"1" * 4000})
    back_up(repository, clock, {"y": b"2" * 4000})
    for one in clone_view.list_under(""):
        if all(one.name != here.name for here in store.list_under("")):
            store.write(one.name, clone_view.read(one.name))
    report = check(reopen(store, tmp_path / "one", holder), clock, "structure")
    assert any("cloned" in finding.message for finding in report.findings)


def test_an_old_snapshot_fails_the_age_level(tmp_path: Path) -> None:
    store, clock, holder = built(tmp_path)
    clock.sleep(3700)
    assert check(reopen(store, tmp_path, holder), clock, "age").findings == (), "the next run may be under way"
    clock.sleep(100)
    report = check(reopen(store, tmp_path, holder), clock, "age")
    assert [finding.code for finding in report.findings] == ["snapshot-too-old"]


def test_an_object_of_a_newer_format_says_so(tmp_path: Path) -> None:
    store, clock, holder = built(tmp_path)
    name = next(one.name for one in store.list_under("catalog/") if "/snapshot-" in one.name)
    raw = store.read(name)
    store.damage(name, raw[:4] + b"\x00\x02" + raw[6:])
    report = check(reopen(store, tmp_path, holder), clock)
    assert name in problems(report)
