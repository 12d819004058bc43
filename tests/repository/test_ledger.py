"""What was put down for good is read by whoever can restore, missed when it is gone, and believed of nobody else."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from repository_kit import HandClock, make, reopen

from lifeboat.crypto.identity import Identity
from lifeboat.crypto.signed import envelope, open_envelope, to_be_signed
from lifeboat.foundation.finding import Level
from lifeboat.repository.errors import IsAReplica, KeyMissing
from lifeboat.repository.ledger import LEDGER, Kind, Ledger, LedgerTooLarge, make_entry
from lifeboat.repository.names import digest, ledger_name
from lifeboat.repository.replica import write_mark
from lifeboat.storage.memory import MemoryStore


@pytest.fixture
def owner() -> Iterator[Identity]:
    yield Identity.generate()


def codes(ledger: Ledger) -> list[tuple[Level, str]]:
    return [(one.level, one.code) for one in ledger.findings]


def test_every_recipient_reads_what_one_of_them_put_down(tmp_path: Path, owner: Identity) -> None:
    other = Identity.generate()
    repository, store, clock = make(tmp_path / "home", identities=[owner, other])
    Ledger(repository).append(Kind.ERASURE, {"who": "anna"}, clock.now())
    Ledger(repository).append(Kind.DRILL, {"outcome": "passed", "seconds": 1.5}, clock.now())

    ledger = Ledger(reopen(store, tmp_path / "laptop", other))
    assert [(one.number, one.kind, one.content) for one in ledger.read()] == [
        (1, "erasure", {"who": "anna"}),
        (2, "drill", {"outcome": "passed", "seconds": 1.5}),
    ]
    assert [one.number for one in ledger.read(Kind.DRILL)] == [2]
    assert ledger.findings == []
    assert b"anna" not in b"".join(store.read(one.name) for one in store.list_under(""))
    with pytest.raises(KeyMissing):
        Ledger(reopen(store, tmp_path / "host", None)).read()


def test_a_removed_entry_is_missed(tmp_path: Path, owner: Identity) -> None:
    repository, store, clock = make(tmp_path / "home", identities=[owner])
    entries = [Ledger(repository).append(Kind.ERASURE, {"n": n}, clock.now()) for n in range(3)]
    store.delete(entries[1].name)
    elsewhere = Ledger(reopen(store, tmp_path / "new", owner))
    assert [one.content["n"] for one in elsewhere.read()] == [0, 2]
    assert codes(elsewhere) == [(Level.PROBLEM, "ledger-entry-missing")]
    # The last one: only who has seen it can miss it.
    store.delete(entries[2].name)
    here = Ledger(repository)
    here.read()
    assert "number 2, 3" in here.findings[0].message


def test_a_damaged_entry_is_a_problem(tmp_path: Path, owner: Identity) -> None:
    repository, store, clock = make(tmp_path / "home", identities=[owner])
    entry = Ledger(repository).append(Kind.ERASURE, {}, clock.now())
    raw = bytearray(store.read(entry.name))
    raw[len(raw) // 2] ^= 1
    store.damage(entry.name, bytes(raw))
    ledger = Ledger(repository)
    assert ledger.read() == []
    assert codes(ledger) == [(Level.PROBLEM, "object-damaged")]


def test_what_somebody_planted_counts_for_nothing(tmp_path: Path, owner: Identity) -> None:
    """Who may write to the bucket can neither have a person erased nor make the ledger look cut."""
    repository, store, clock = make(tmp_path / "home", identities=[owner])
    Ledger(repository).append(Kind.ERASURE, {"n": 1}, clock.now())
    thief = Identity.generate()
    for number in (1, 2, 90_000_000):
        raw = make_entry(repository.description, thief, number, "erasure", "", {"n": "all"}, clock.now())
        store.write(ledger_name(number, "erasure", digest(raw)), raw)
    store.write(ledger_name(90_000_001, "erasure", digest(b"x")), b"x")
    store.write(ledger_name(90_000_002, "erasure", digest(b"x")), b"y")
    store.write(f"{LEDGER}notes.txt", b"x")
    ledger = Ledger(reopen(store, tmp_path / "new", owner))
    assert [one.content for one in ledger.read()] == [{"n": 1}]
    assert {level for level, _ in codes(ledger)} == {Level.WARNING}
    assert ledger.append(Kind.DRILL, {}, clock.now()).number == 2


def test_an_entry_counts_only_in_its_own_place(tmp_path: Path, owner: Identity) -> None:
    repository, store, clock = make(tmp_path / "home", identities=[owner])
    entry = Ledger(repository).append(Kind.DRILL, {"outcome": "failed"}, clock.now())
    body, signatures = open_envelope(store.read(entry.name), entry.name)
    body["number"] = 2
    for forged in (
        signatures,
        {owner.recipient.fingerprint.hex(): owner.sign(to_be_signed("lifeboat ledger 1", body))},
    ):
        raw = envelope(body, forged)
        name = ledger_name(2, "drill", digest(raw))
        store.write(name, raw)
        ledger = Ledger(reopen(store, tmp_path / name[-8:], owner))
        assert [one.number for one in ledger.read()] == [1]  # the seal is of number 1, whatever was signed later
        assert ledger.findings
        store.delete(name)


def test_two_machines_at_once_lose_nothing(tmp_path: Path, owner: Identity) -> None:
    repository, store, clock = make(tmp_path / "home", identities=[owner])
    Ledger(repository).append(Kind.ERASURE, {"n": 0}, clock.now())
    before = next(iter(store.list_under(LEDGER))).name[-64:]
    for n in (1, 2):
        raw = make_entry(repository.description, owner, 2, "erasure", before, {"n": n}, clock.now())
        store.write(ledger_name(2, "erasure", digest(raw)), raw)
    ledger = Ledger(repository)
    assert {one.content["n"] for one in ledger.read()} == {0, 1, 2}
    assert ledger.findings == []
    assert ledger.append(Kind.ERASURE, {}, clock.now()).number == 3


def test_a_second_copy_takes_no_entries(tmp_path: Path, owner: Identity) -> None:
    repository, store, clock = make(tmp_path / "home", identities=[owner])
    write_mark(store, repository.description.repository, "s3://elsewhere", clock.now())
    with pytest.raises(IsAReplica):
        Ledger(reopen(store, tmp_path / "laptop", owner)).append(Kind.ERASURE, {}, clock.now())


def test_what_is_too_large_is_refused_before_it_is_stored(tmp_path: Path, owner: Identity) -> None:
    repository, store, clock = make(tmp_path / "home", identities=[owner])
    noise = Identity.generate().sign(b"x").hex()
    with pytest.raises(LedgerTooLarge):
        Ledger(repository).append(
            Kind.DRILL, {"x": [noise[n % 97 :] + str(n * n) for n in range(400_000)]}, clock.now()
        )
    assert list(store.list_under(LEDGER)) == []


@settings(max_examples=20, deadline=None)
@given(
    st.dictionaries(
        st.text(), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=8)
    )
)
def test_whatever_json_is_put_down_comes_back(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, object]
) -> None:
    repository, store, _ = make(tmp_path_factory.mktemp("home"), identities=[Identity.generate()])
    Ledger(repository).append(Kind.PLAN, content, HandClock().now())
    (entry,) = Ledger(repository).read(Kind.PLAN)
    assert entry.content == content
    assert isinstance(store, MemoryStore)
