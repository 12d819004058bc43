"""Whatever is done with a repository, its ledger is neither lost, nor shown, nor written by who may not restore."""

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from policed_store import PolicedStore
from prune_kit import World
from replica_kit import a_world, copy
from repository_kit import make, reopen

from lifeboat.crypto.identity import Identity
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Level
from lifeboat.operations.doctor.erasures import check_erasures
from lifeboat.operations.erasing.entries import Erasure
from lifeboat.operations.erasing.load import ErasuresUnreadable, all_erasures, erased_for, erased_or_refused
from lifeboat.operations.erasing.record import close, find, hold, make_erasure, record, release
from lifeboat.operations.erasing.request import ErasureRequest, by_value
from lifeboat.operations.replicate.order import Phase, phase_of
from lifeboat.operations.undelete.plan import _order
from lifeboat.operations.verify.ledger import check_ledger
from lifeboat.repository.custodians import add_custodian
from lifeboat.repository.errors import KeyMissing, OnlyACustodian
from lifeboat.repository.ledger import Kind, Ledger, make_entry
from lifeboat.repository.names import LEDGER, digest, ledger_name
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.roles import Role, rights_of
from lifeboat.retention.rules import Rules
from lifeboat.storage.errors import StorageDenied
from lifeboat.storage.memory import MemoryStore


def erase(repository: Repository, value: str = "anna@example.org") -> Erasure:
    wanted = ErasureRequest((by_value("shop.users", "email", value),))
    return record(repository, make_erasure(repository, wanted, ()))


def test_years_of_prune_leave_it_alone(tmp_path: Path) -> None:
    world = World(tmp_path)
    erase(world.open())
    names = world.names(LEDGER)
    for _ in range(4):
        world.take({"one": os.urandom(3000)})
        world.after(days=120).prune(Rules(hourly=1, daily=1, monthly=0))
    assert world.names(LEDGER) == names
    assert [one.documents[0].collection for one in all_erasures(world.open())[0]] == ["shop.users"]


def test_a_replica_has_it_before_any_copy_from_which_somebody_could_come_back(tmp_path: Path) -> None:
    world, target = a_world(tmp_path / "source"), MemoryStore(None)  # type: ignore[arg-type]
    written: list[str] = []

    class Noting(MemoryStore):
        def write(self, name, content):  # type: ignore[no-untyped-def]
            written.append(name)
            super().write(name, content)

    target = Noting(world.clock)
    copy(world, target)
    phases = [phase_of(name) for name in written]
    ledger = [n for n, phase in enumerate(phases) if phase is Phase.LEDGER]
    copies = [n for n, phase in enumerate(phases) if phase in (Phase.PACK, Phase.SEGMENT, Phase.RECORD)]
    assert len(ledger) == 2 and max(ledger) < min(copies)
    entries = [name for name in written if name.startswith(LEDGER)]
    assert entries == sorted(entries), "one after the other: never a gap"


def test_undelete_brings_it_back_before_any_snapshot_shows() -> None:
    sha = "a" * 64
    assert _order(ledger_name(1, "erasure", sha)) < _order(f"catalog/{'b' * 32}/2026-11/snapshot-{sha}")


def test_neither_a_writer_nor_a_custodian_may_write_read_or_remove_it(tmp_path: Path) -> None:
    keeper, store, _ = make(tmp_path / "keeper", profile="guarded")
    custodian = Identity.generate()
    add_custodian(keeper, "ci", custodian.recipient)
    erase(keeper)
    [entry] = [one.name for one in store.list_under(LEDGER)]
    for role in (Role.WRITER, Role.CUSTODIAN):
        place = PolicedStore(store, rights_of(role, "a" * 32))
        for act in (
            lambda p=place: p.read(entry),
            lambda p=place: p.delete(entry),
            lambda p=place: p.write(entry, b""),
        ):
            with pytest.raises(StorageDenied):
                act()
    with pytest.raises(StorageDenied):
        PolicedStore(store, rights_of(Role.KEEPER)).delete(entry)
    # By its keys, too: whoever got hold of a host or of a custodian's key has no restore drop anything.
    for key in (None, custodian):
        with pytest.raises((KeyMissing, OnlyACustodian)):
            erase(reopen(store, tmp_path / f"other {key is None}", key))


def test_verify_names_what_is_gone_damaged_or_planted(tmp_path: Path) -> None:
    keeper, store, clock = make(tmp_path / "keeper")
    for value in ("anna@example.org", "ben@example.org", "carla@example.org"):
        erase(keeper, value)
    assert check_ledger(keeper) == []
    names = sorted(one.name for one in store.list_under(LEDGER))
    custodian = Identity.generate()
    add_custodian(keeper, "ci", custodian.recipient)
    watching = reopen(PolicedStore(store, rights_of(Role.CUSTODIAN)), tmp_path / "ci", custodian)
    assert check_ledger(watching) == []

    raw = make_entry(keeper.description, Identity.generate(), 4, "erasure", "", {"all": 1}, clock.now())
    store.write(ledger_name(4, "erasure", digest(raw)), raw)
    assert [(one.level, one.code) for one in check_ledger(keeper)] == [(Level.WARNING, "said-by-nobody")]
    store.damage(names[1], b"x" + store.read(names[1])[1:])
    assert (Level.PROBLEM, names[1]) in [(one.level, one.subject) for one in check_ledger(keeper)]
    store.delete(names[0])
    assert "ledger-entry-missing" in [one.code for one in check_ledger(keeper)]
    assert [one.code for one in check_ledger(watching)] == ["ledger-entry-missing"], "names alone show a gap"
    unread = reopen(store, tmp_path / "hashes alone", None)
    assert names[1] in [one.subject for one in check_ledger(unread)]


def test_what_a_thief_plants_erases_nobody(tmp_path: Path) -> None:
    keeper, store, clock = make(tmp_path / "keeper")
    erase(keeper)
    other = make(tmp_path / "thief")[0]
    content = erase(other, "everybody").to_json()
    raw = make_entry(keeper.description, other.identity or Identity.generate(), 2, "erasure", "", content, clock.now())
    store.write(ledger_name(2, "erasure", digest(raw)), raw)
    then = erased_or_refused(keeper, clock.now(), anyway=False)
    assert len(then.erasures) == 1
    assert then.erased.collections["shop.users"].erasure_of({"email": "everybody"}) is None
    assert then.erased.collections["shop.users"].erasure_of({"email": "anna@example.org"}) == then.erasures[0].id


def test_a_gap_stops_whoever_asks_and_anyway_is_told(tmp_path: Path) -> None:
    keeper, store, clock = make(tmp_path / "keeper")
    erase(keeper)
    erase(keeper, "ben@example.org")
    store.delete(min(one.name for one in store.list_under(LEDGER)))
    with pytest.raises(ErasuresUnreadable) as caught:
        erased_or_refused(keeper, clock.now(), anyway=False)
    assert "number 1" in caught.value.message
    with pytest.raises(ErasuresUnreadable):
        erase(keeper, "carla@example.org")
    anyway = erased_or_refused(keeper, clock.now(), anyway=True)
    assert not anyway.erased.collections and [one.code for one in anyway.findings] == ["erasures-not-replayed"]


def test_what_a_newer_lifeboat_says_of_an_erasure_is_not_passed_over(tmp_path: Path) -> None:
    keeper, _, clock = make(tmp_path / "keeper")
    erased = erase(keeper)
    Ledger(keeper).append(Kind.ERASURE, {"act": "transfer", "id": erased.id}, clock.now())
    then = erased_for(keeper, clock.now())
    assert [one.code for one in then.findings] == ["erasure-not-understood"]
    assert [one.id for one in then.erasures] == [erased.id]
    with pytest.raises(LifeboatError):
        then.refuse_gaps()


def test_closed_it_is_replayed_on_copies_of_before_alone_and_a_hold_wins(tmp_path: Path) -> None:
    keeper, _, clock = make(tmp_path / "keeper")
    now = clock.now()
    before, after = now - timedelta(days=400), now + timedelta(days=1)

    def replayed() -> list[int]:
        return [len(erased_for(keeper, at).erasures) for at in (before, after)]

    erased = erase(keeper)
    assert replayed() == [1, 1], "open: live is not known to be clean"
    close(keeper, erased, now)
    assert replayed() == [1, 0]
    hold(keeper, find(keeper, erased.id[:5]), "court order")
    assert replayed() == [0, 0]
    assert [one.code for one in erased_for(keeper, before).findings] == ["erasure-on-hold"]
    release(keeper, find(keeper, erased.id))
    assert replayed() == [1, 0]
    close(keeper, erased, now - timedelta(days=900))
    assert replayed() == [1, 0], "an earlier day takes back nothing"


def test_two_machines_that_took_one_id_at_once_both_count(tmp_path: Path) -> None:
    keeper, _, clock = make(tmp_path / "keeper")
    first = erase(keeper)
    second = replace(make_erasure(keeper, ErasureRequest((by_value("shop.users", "email", "ben"),)), ()), id=first.id)
    record(keeper, second)
    eraser = erased_for(keeper, clock.now()).erased.collections["shop.users"]
    assert eraser.erasure_of({"email": "ben"}) and eraser.erasure_of({"email": "anna@example.org"})


def test_doctor_tells_what_is_open_too_long_and_what_restores_would_stumble_over(tmp_path: Path) -> None:
    keeper, store, clock = make(tmp_path / "keeper")
    now = clock.now()
    assert [one.message for one in check_erasures(keeper, now)] == ["none recorded"]
    erased = erase(keeper)
    assert [one.message for one in check_erasures(keeper, now)] == ["1 recorded, 1 open"]
    [late] = check_erasures(keeper, now + timedelta(days=31))
    assert (late.level, late.code, late.subject) == (Level.WARNING, "erasure-open", erased.id)
    close(keeper, erased, now)
    assert [one.level for one in check_erasures(keeper, now + timedelta(days=31))] == [Level.OK]
    store.delete(min(one.name for one in store.list_under(LEDGER)))
    assert Level.PROBLEM in [one.level for one in check_erasures(keeper, now)]
