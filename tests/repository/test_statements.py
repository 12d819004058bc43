"""What is said about snapshots counts only from those who may say it."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from pathlib import Path

import pytest
from repository_kit import CONTENT, HandClock, back_up, make, reopen

from lifeboat.crypto.identity import Identity
from lifeboat.crypto.signed import envelope, open_envelope, to_be_signed
from lifeboat.repository.description import NamedRecipient
from lifeboat.repository.errors import ObjectDamaged, SaidByNobody
from lifeboat.repository.names import digest, statement_name
from lifeboat.repository.statements import (
    NOTHING_SAID,
    Statement,
    Verb,
    open_statement,
    record_digest,
    standings,
    write_statements,
)


def said(verb: Verb, minutes: int, text: str = "") -> Statement:
    moment = HandClock().moment + timedelta(minutes=minutes)
    return Statement(f"{verb}-{minutes}", verb, "w", "2026-11", ("r",), text, moment, "somebody")


def test_what_a_recipient_says_is_read_on_another_machine(tmp_path: Path) -> None:
    owner = Identity.generate()
    repository, store, clock = make(tmp_path / "home", identities=[owner])
    record, other = back_up(repository, clock, CONTENT), back_up(repository, clock, CONTENT)
    (name,) = write_statements(store, repository.description, owner, Verb.PROOF, [record], "", clock.now())
    write_statements(store, repository.description, owner, Verb.KEEP, [other], "before migration", clock.now())

    found = reopen(store, tmp_path / "laptop", owner, label="laptop").standings()

    assert found[record_digest(record)].proved == clock.now()
    assert found[record_digest(other)].kept == "before migration"
    assert digest(store.read(name)) == name.rsplit("-", 1)[-1]


def test_a_stranger_and_a_writer_can_neither_prove_nor_have_snapshots_forgotten(tmp_path: Path) -> None:
    repository, store, clock = make(tmp_path)
    record = back_up(repository, clock, CONTENT)
    for verb in Verb:
        write_statements(store, repository.description, Identity.generate(), verb, [record], "", clock.now())
    writer = repository.writer(clock.now())
    (name,) = (name for name, _ in repository.statements() if "/forget-" in name)
    body, _ = open_envelope(store.read(name), name)
    signature = writer.signing_key().sign(to_be_signed("lifeboat statement 1", body))
    for who in ("writer", repository.need_identity().recipient.fingerprint.hex()):
        raw = envelope(body, {who: signature})
        store.write(statement_name("forget", record.writer, record.generation, digest(raw)), raw)

    assert repository.standings() == {}
    assert [type(one) for _, one in repository.statements()] == [SaidByNobody] * (len(Verb) + 2)


def test_a_custodian_can_have_snapshots_forgotten_and_cannot_prove_them(tmp_path: Path) -> None:
    custodian = Identity.generate()
    repository, store, clock = make(tmp_path)
    record = back_up(repository, clock, CONTENT)
    described = replace(repository.description, custodians=(NamedRecipient("ci", custodian.recipient),))
    for verb, may in (
        (Verb.FORGET, True),
        (Verb.KEEP, True),
        (Verb.RELEASE, True),
        (Verb.PROOF, False),
        (Verb.DOUBT, False),
    ):
        (name,) = write_statements(store, described, custodian, verb, [record], "", clock.now())
        if may:
            assert open_statement(store.read(name), name, described).verb is verb
        else:
            with pytest.raises(ObjectDamaged):
                open_statement(store.read(name), name, described)


def test_a_statement_counts_nowhere_but_in_its_own_place(tmp_path: Path) -> None:
    owner = Identity.generate()
    repository, store, clock = make(tmp_path / "one", identities=[owner])
    other, _, _ = make(tmp_path / "two", identities=[owner])
    record = back_up(repository, clock, CONTENT)
    (name,) = write_statements(store, repository.description, owner, Verb.FORGET, [record], "", clock.now())
    raw = store.read(name)
    for moved in (
        name.replace("forget-", "keep-"),
        name.replace(record.generation, "2026-12"),
        name.replace(record.writer, "0" * 32),
    ):
        with pytest.raises(ObjectDamaged):
            open_statement(raw, moved, repository.description)
    with pytest.raises(ObjectDamaged):
        open_statement(raw, name, other.description)


def test_statements_come_to_the_same_in_whatever_order_they_are_read() -> None:
    story = [
        said(Verb.PROOF, 1),
        said(Verb.KEEP, 2, "why"),
        said(Verb.RELEASE, 3),
        said(Verb.FORGET, 4),
        said(Verb.FORGET, 9),
    ]
    for order in permutations(story):
        standing = standings(order)["r"]
        assert (standing.proved, standing.kept, standing.forgotten) == (story[0].time, None, story[3].time)


def test_keeping_takes_back_a_forgetting_and_wins_at_the_same_time() -> None:
    assert standings([said(Verb.FORGET, 1), said(Verb.KEEP, 2, "wanted")])["r"].forgotten is None
    assert standings([said(Verb.KEEP, 1, "wanted"), said(Verb.FORGET, 1)])["r"].kept == "wanted"
    assert standings([said(Verb.KEEP, 1, "wanted"), said(Verb.FORGET, 2)])["r"].forgotten is None
    released = standings([said(Verb.KEEP, 1, "x"), said(Verb.RELEASE, 2)])["r"]
    assert (released.kept, released.released) == (None, said(Verb.RELEASE, 2).time)


def test_a_release_takes_back_a_forgetting_and_a_record_s_own_keep(tmp_path: Path) -> None:
    repository, _, clock = make(tmp_path)
    record = replace(back_up(repository, clock, {"one": b"x"}), keep="before migration")
    assert NOTHING_SAID.keep_of(record) == "before migration"
    released = standings([said(Verb.FORGET, 1), said(Verb.RELEASE, 2)])["r"]
    assert (released.forgotten, released.keep_of(record)) == (None, None)
    again = standings([said(Verb.RELEASE, 2), said(Verb.FORGET, 3), said(Verb.KEEP, 4, "again")])["r"]
    assert (again.forgotten, again.keep_of(record)) == (None, "again")


def test_a_doubt_takes_back_a_proof_until_the_next_one() -> None:
    doubted = [said(Verb.PROOF, 1), said(Verb.DOUBT, 2)]
    assert standings(doubted)["r"].proved is None
    again = said(Verb.PROOF, 3)
    assert standings([again, *doubted])["r"].proved == again.time
    assert standings([said(Verb.DOUBT, 1), said(Verb.PROOF, 1)])["r"].proved is None


def test_many_records_are_said_in_statements_small_enough_to_read(tmp_path: Path) -> None:
    repository, store, clock = make(tmp_path)
    record = back_up(repository, clock, {"one": b"x"})
    many = [replace(record, object_name=f"{record.object_name[:-64]}{n:064x}") for n in range(25_000)]

    names = write_statements(
        store, repository.description, repository.need_identity(), Verb.FORGET, many, "", clock.now()
    )

    assert len(names) == 3 and max(len(store.read(name)) for name in names) < 4 * 1024 * 1024
    assert len(repository.standings()) == 25_000
