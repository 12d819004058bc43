"""Who can write to the bucket can publish descriptions and registrations; he must not become a recipient by that."""

from dataclasses import replace
from pathlib import Path

import pytest
from repository_kit import CONTENT, back_up, make, read_back, reopen

from lifeboat.crypto.identity import Identity
from lifeboat.repository.description import NamedRecipient, read_description, write_description
from lifeboat.repository.errors import DescriptionDoubtful, RecipientsChanged
from lifeboat.repository.writers import WriterSecret, register_writer
from lifeboat.storage.memory import MemoryStore


def forged(store: MemoryStore, victim: Identity, thief: Identity, revision: int = 99) -> None:
    """What a thief with write access can do: a later revision for the victim and himself, signed by himself."""
    real = read_description(store, own=victim.recipient)
    recipients = (*real.recipients, NamedRecipient("auditor", thief.recipient))
    write_description(store, replace(real, revision=revision, recipients=recipients), [thief])


def test_a_description_that_a_stranger_signed_is_not_believed_on_a_fresh_machine(tmp_path: Path) -> None:
    victim, thief = Identity.generate(), Identity.generate()
    repository, store, clock = make(tmp_path / "home", identities=[victim])
    record = back_up(repository, clock, CONTENT)
    forged(store, victim, thief)
    fresh = reopen(store, tmp_path / "fresh", victim)
    assert not fresh.description.holds(thief.recipient)
    assert read_back(fresh, record) == CONTENT


def test_a_machine_that_knows_the_recipients_keeps_to_them_without_a_key(tmp_path: Path) -> None:
    victim, thief = Identity.generate(), Identity.generate()
    _, store, _ = make(tmp_path, identities=[victim])
    forged(store, victim, thief)
    assert not reopen(store, tmp_path, None).description.holds(thief.recipient)


def test_a_writer_that_a_stranger_registered_is_not_believed(tmp_path: Path) -> None:
    victim, thief = Identity.generate(), Identity.generate()
    repository, store, _ = make(tmp_path, identities=[victim])
    register_writer(store, repository.description, WriterSecret.generate(), "host", "2026-11-23T12:00:00Z", thief)
    again = reopen(store, tmp_path, victim)
    assert len(again.registrations) == 1
    assert again.trouble


def test_a_second_recipient_takes_the_only_description_and_refuses_to_choose_between_two(tmp_path: Path) -> None:
    first, second, thief = Identity.generate(), Identity.generate(), Identity.generate()
    _, store, _ = make(tmp_path / "home", identities=[first, second])
    assert reopen(store, tmp_path / "laptop", second, label="laptop").description.signers == (
        first.recipient.fingerprint.hex(),
    )
    forged(store, first, thief)
    with pytest.raises(DescriptionDoubtful):
        reopen(store, tmp_path / "another", second, label="another")


def test_recipients_added_by_a_recipient_are_followed_but_stop_a_machine_that_pinned_others(tmp_path: Path) -> None:
    first, added = Identity.generate(), Identity.generate()
    repository, store, _ = make(tmp_path / "home", identities=[first])
    recipients = (*repository.description.recipients, NamedRecipient("new", added.recipient))
    write_description(store, replace(repository.description, revision=2, recipients=recipients), [first])
    assert reopen(store, tmp_path / "fresh", first).description.holds(added.recipient)
    with pytest.raises(RecipientsChanged):
        reopen(store, tmp_path / "home", first)
