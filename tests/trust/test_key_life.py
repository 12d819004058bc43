"""Keys come, go, are lost and stolen: who should read everything does, who should not reads nothing new, and nothing said is lost."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from repository_kit import CONTENT, HandClock, back_up, make, read_back, reopen, some_bytes

from lifeboat.crypto.identity import Identity
from lifeboat.foundation.progress import Silent
from lifeboat.operations.verify.structure import check_structure
from lifeboat.repository.errors import (
    KeyNotARecipient,
    LastRecipient,
    ObjectDamaged,
    RecipientExists,
    RecipientsChanged,
)
from lifeboat.repository.granting import list_keys, read_grant, write_grants
from lifeboat.repository.ledger import Kind, Ledger
from lifeboat.repository.names import grant_name
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.recipients import Opened, add_recipient, open_to_all, remove_recipient
from lifeboat.repository.statements import Verb, record_digest, write_statements
from lifeboat.storage.faults import CrashAtCall, Killed, When
from lifeboat.storage.memory import MemoryStore

Tried = Callable[[str, int], None]
LATER = {"a": some_bytes(40_000, 9)}


@dataclass
class World:
    """A repository with snapshots in two months, an erasure, a proof and a keep, all by one key."""

    store: MemoryStore
    clock: HandClock
    owner: Identity
    home: Path

    def open(self, identity: Identity | None, place: str = "") -> Repository:
        """As this machine, or as a machine that never saw it."""
        return reopen(self.store, self.home / place if place else self.home, identity)

    def reads_everything(self, identity: Identity, place: str, damaged: Collection[str] = ()) -> None:
        """Args: damaged: Objects that ``verify`` has to name; no others."""
        repository = self.open(identity, place)
        found = repository.snapshots()
        assert len(found) >= 2
        assert [read_back(repository, one) for one in found[-2:]] == [CONTENT, CONTENT]
        ledger = Ledger(repository)
        assert [one.content for one in ledger.read()] == [{"who": "anna"}, {"passed": True}]
        assert ledger.findings == []
        standings = repository.standings()
        assert sum(one.proved is not None for one in standings.values()) == 1
        assert [one.kept for one in standings.values() if one.kept] == ["a trial"]
        whole = check_structure(repository, Silent())
        assert {one.subject for one in whole.findings if one.level == "problem"} == set(damaged)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    owner = Identity.generate()
    repository, store, clock = make(tmp_path / "home", identities=[owner])
    first = back_up(repository, clock, CONTENT)
    clock.sleep(40 * 86_400)
    second = back_up(repository, clock, CONTENT)
    Ledger(repository).append(Kind.PLAN, {"who": "anna"}, clock.now())
    Ledger(repository).append(Kind.DRILL, {"passed": True}, clock.now())
    write_statements(store, repository.description, owner, Verb.PROOF, [first], "read", clock.now())
    write_statements(store, repository.description, owner, Verb.KEEP, [second], "a trial", clock.now())
    yield World(store, clock, owner, tmp_path / "home")


def test_who_comes_later_reads_all_that_was_stored_before(world: World) -> None:
    safe = Identity.generate()
    done = add_recipient(world.open(world.owner), "safe", safe.recipient, Silent())
    assert (done.keys, done.generations, done.writers, done.entries, done.closed) == (2, 2, 1, 2, 0)
    world.reads_everything(safe, "a safe")
    world.reads_everything(world.owner, "")
    # One of two is lost: the other backs up, and adds a third.
    alone = world.open(safe, "a safe")
    back_up(alone, world.clock, CONTENT)
    third = Identity.generate()
    add_recipient(alone, "third", third.recipient, Silent())
    world.reads_everything(third, "third")
    # Nothing is left to do: said twice, nothing is written.
    before = {one.name for one in world.store.list_under("")}
    assert open_to_all(alone, alone.description, Silent()) == Opened()
    assert {one.name for one in world.store.list_under("")} == before


def test_who_goes_reads_nothing_new_and_what_he_said_stays_said(world: World) -> None:
    safe = Identity.generate()
    add_recipient(world.open(world.owner), "safe", safe.recipient, Silent())
    here = world.open(safe, "a safe")
    done = remove_recipient(here, world.owner.recipient, Silent(), stolen=False)
    assert done.statements == 2 and done.unsaid == 0 and done.closed == 0
    world.reads_everything(safe, "a safe")
    world.reads_everything(safe, "new machine")
    with pytest.raises(KeyNotARecipient):
        world.open(world.owner, "elsewhere")
    # He keeps what he had: the keys of his time. Of what comes, none is wrapped for him, nor granted.
    record = back_up(world.open(safe, "a safe"), world.clock, LATER)
    his = world.owner.recipient.fingerprint
    new = {one for month in list_keys(world.store, record.generation) for one in month.wrapped}
    held = [name for name in new if his in world.store.read(name)]
    assert len(new) - len(held) == 1
    assert not [
        one for one in world.store.list_under("keys/") if f"grant-{world.owner.recipient.fingerprint_short}" in one.name
    ]


def test_a_thief_s_proofs_and_releases_count_no_longer_but_a_keep_and_an_erasure_do(world: World) -> None:
    safe = Identity.generate()
    repository = world.open(world.owner)
    add_recipient(repository, "safe", safe.recipient, Silent())
    kept, other = repository.snapshots()[0], repository.snapshots()[1]
    write_statements(world.store, repository.description, world.owner, Verb.RELEASE, [kept], "", world.clock.now())
    write_statements(world.store, repository.description, world.owner, Verb.FORGET, [other], "gone", world.clock.now())
    here = world.open(safe, "a safe")
    done = remove_recipient(here, world.owner.recipient, Silent(), stolen=True)
    assert (done.statements, done.unsaid) == (1, 3)
    standings = world.open(safe, "a safe").standings()
    assert standings[record_digest(kept)].kept == "a trial"
    assert record_digest(other) not in standings
    assert [one.content for one in Ledger(world.open(safe, "a safe")).read(Kind.PLAN)] == [{"who": "anna"}]


def test_a_writer_without_a_key_stops_until_it_is_told_and_then_seals_for_the_new_one(world: World) -> None:
    host = world.open(None)
    assert host.description.revision == 1
    safe = Identity.generate()
    add_recipient(world.open(world.owner, "keeper"), "safe", safe.recipient, Silent())
    with pytest.raises(RecipientsChanged):
        world.open(None)
    with pytest.raises(RecipientsChanged):
        host.look_again()


@pytest.mark.parametrize("planted", ["thief", "other month", "other recipient", "cut"])
def test_a_planted_grant_opens_nothing_and_hurts_nothing(world: World, planted: str, tried: Tried) -> None:
    safe, thief = Identity.generate(), Identity.generate()
    repository = world.open(world.owner)
    month = list_keys(world.store)[0]
    name = bytes.fromhex(month.wrapped[0][-64:])
    right = repository.raw_data_key(name, month.generation)
    signer = thief if planted in ("thief", "cut") else world.owner
    wrong = {name: bytes(32)}
    write_grants(
        world.store, repository.description, signer, safe.recipient, month.generation, wrong, world.clock.now()
    )
    lying = list_keys(world.store)[0].grants[0]
    raw = world.store.read(lying)
    damaged = lying
    if planted == "other month":
        damaged = grant_name(list_keys(world.store)[-1].generation, safe.recipient.fingerprint_short, lying[-64:])
        world.store.write(damaged, raw)
        with pytest.raises(ObjectDamaged):
            read_grant(raw, damaged, repository.description)
        world.store.delete(lying)
    elif planted == "other recipient":
        damaged = lying.replace(safe.recipient.fingerprint_short, "0" * 16)
        world.store.write(damaged, raw)
        world.store.delete(lying)
    elif planted == "cut":
        world.store.damage(lying, raw[: len(raw) // 2])
    add_recipient(repository, "safe", safe.recipient, Silent())
    assert world.open(safe, "a safe").raw_data_key(name, month.generation) == right
    world.reads_everything(safe, "a safe", [damaged] if planted != "thief" else [])
    tried("attacks", 1)


def test_names_and_keys_are_not_mixed_up_and_the_last_one_stays(world: World) -> None:
    repository, safe = world.open(world.owner), Identity.generate()
    with pytest.raises(LastRecipient):
        remove_recipient(repository, world.owner.recipient, Silent(), stolen=False)
    with pytest.raises(RecipientExists):
        add_recipient(repository, "holder 0", safe.recipient, Silent())
    with pytest.raises(RecipientExists):
        add_recipient(repository, "another name", world.owner.recipient, Silent())
    assert world.open(world.owner).description.revision == 1


@pytest.mark.parametrize(
    ("act", "when"),
    [
        ("add", When.AFTER),
        ("remove", When.BEFORE),
        pytest.param("add", When.BEFORE, marks=pytest.mark.long),
        pytest.param("remove", When.AFTER, marks=pytest.mark.long),
    ],
)
def test_killed_anywhere_everybody_who_stays_reads_everything_and_it_goes_on(
    world: World, act: str, when: When, tried: Tried
) -> None:
    safe = Identity.generate()
    if act == "remove":
        add_recipient(world.open(world.owner), "safe", safe.recipient, Silent())
    before, nth = world.store.copy(), 0
    while True:
        nth += 1
        world.store = before.copy()
        crashing = CrashAtCall(world.store, nth, when)
        place = f"{act} {when} {nth}"
        try:
            if act == "add":
                add_recipient(reopen(crashing, world.home / place, world.owner), "safe", safe.recipient, Silent())
            else:
                here = reopen(crashing, world.home / place, safe)
                remove_recipient(here, world.owner.recipient, Silent(), stolen=False)
        except Killed:
            pass
        staying = world.owner if act == "add" else safe
        world.reads_everything(staying, f"{place} new")
        if not crashing.was_hit:
            break
        again = world.open(staying, f"{place} again")
        if act == "add":
            add_recipient(again, "safe", safe.recipient, Silent())
        elif again.description.holds(world.owner.recipient):
            remove_recipient(again, world.owner.recipient, Silent(), stolen=False)
        world.reads_everything(safe, f"{place} safe")
    assert nth > 12, "the sweep really swept"
    tried("crash points", nth - 1)
