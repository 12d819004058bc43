"""Recipients come and go: what is sealed and signed is brought up to who is there now (docs/format.md, sections 4, 19, 20).

Order. Who comes is published first, so that all that is sealed from then on is sealed for him, too; then writers' secrets, the ledger and the
data keys there are are opened to him. Who goes goes last: what counts by his signature alone is signed again by who stays, and only then the
description leaves him out. Killed anywhere, the same command goes on: each step looks at what is there.

Limits: what was once sealed for somebody he can open for ever, if he can get hold of it; and he knows the secrets of the writers of his time,
which open catalogs and sign links. New writers (``backup --new-generation``) end the second.
"""

from collections.abc import Iterable
from dataclasses import replace

from lifeboat.crypto.identity import Recipient
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.value import Value
from lifeboat.repository.carrying import Carry, write_carry
from lifeboat.repository.description import Description, NamedRecipient, read_config
from lifeboat.repository.errors import LastRecipient, RecipientExists, RecipientMissing
from lifeboat.repository.granting import list_keys, not_opened_by, write_grants
from lifeboat.repository.ledger import Ledger
from lifeboat.repository.names import CATALOG, stated_digest
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.statements import Statement, Verb, say_again
from lifeboat.repository.writers import WriterSecret, read_registrations, register_writer


class Opened(Value):
    """What was opened to recipients, or said again for them.

    Args:
        writers: Registrations; entries: of the ledger; keys: data keys, in so many generations.
        statements: Said again, since only who goes had signed them. unsaid: Not said again: proofs and releases of a stolen key.
        closed: What this key does not open itself, so that it could not open it to others.
    """

    writers: int = 0
    entries: int = 0
    keys: int = 0
    generations: int = 0
    statements: int = 0
    unsaid: int = 0
    closed: int = 0

    @property
    def is_nothing(self) -> bool:
        return not (self.writers or self.entries or self.keys or self.statements or self.closed)


def add_recipient(repository: Repository, name: str, recipient: Recipient, progress: Progress) -> Opened:
    """Seal for somebody more from now on, and open to him what is there. Said twice, it does what is missing.

    Raises:
        KeyMissing, IsAReplica.
        RecipientExists: Another key has this name, or this key another name.
    """
    description = repository.description
    for one in description.recipients:
        if (one.name == name) != (one.recipient == recipient):
            raise RecipientExists(
                f"{one.name} is the name of key {one.recipient.fingerprint_short} already",
                "choose another name; `lifeboat recipient list` shows who there is",
            )
    if description.is_custodian(recipient):
        raise RecipientExists(
            f"key {recipient.fingerprint_short} is a custodian's",
            "who opens everything needs a key of its own: `lifeboat keygen`",
        )
    if not description.holds(recipient):
        more = (*description.recipients, NamedRecipient(name, recipient))
        former = tuple(one for one in description.former if one.recipient != recipient)
        repository.publish(replace(description, recipients=more, former=former))
    return open_to_all(repository, repository.description, progress)


def remove_recipient(repository: Repository, leaving: Recipient, progress: Progress, *, stolen: bool) -> Opened:
    """Seal for somebody no longer. What only he signed is signed again first.

    Args:
        stolen: His key is in wrong hands: what he said in anybody's favour is not said again (proofs, releases, what is to be forgotten
            and is still there).

    Raises:
        KeyMissing, IsAReplica.
        LastRecipient: It is the key at hand, or there is no other.
    """
    signer = repository.need_identity()
    if signer.recipient == leaving:
        raise LastRecipient(
            f"key {leaving.fingerprint_short} is the key at hand: another recipient's key has to take it away",
            "`lifeboat recipient replace NAME --by FILE` puts another key in its place",
        )
    staying = tuple(one for one in repository.description.recipients if one.recipient != leaving)
    if len(staying) == len(repository.description.recipients):
        raise RecipientMissing(f"key {leaving.fingerprint_short} is no recipient", "see `lifeboat recipient list`")
    repository.refuse_replica("another description")
    gone = tuple(one for one in repository.description.recipients if one.recipient == leaving)
    after = replace(repository.description, recipients=staying, former=(*repository.description.former, *gone))
    said, unsaid = _say_again(repository, leaving, after, stolen=stolen)
    opened = open_to_all(repository, after, progress)
    repository.publish(after)
    return replace(opened, statements=said, unsaid=unsaid)


def open_to_all(repository: Repository, description: Description, progress: Progress) -> Opened:
    """Open to every recipient of this description what one of them does not open yet, or what none of them has signed.

    Args:
        description: The present one, or the one that is to come: signatures of others than its recipients count for nothing.
    """
    writers, closed_writers = _registrations(repository, description)
    entries, closed_entries = _entries(repository, description)
    keys, generations, closed_keys = _data_keys(repository, description, progress)
    closed = closed_writers + closed_entries + closed_keys
    return Opened(writers, entries, keys, generations, closed=closed)


def _registrations(repository: Repository, description: Description) -> tuple[int, int]:
    signer = repository.need_identity()
    wanted = set(description.fingerprints())
    found = {one.writer: one for one in read_registrations(read_config(repository.store), description)[0]}
    again = closed = 0
    for one in list(repository.registrations.values()):
        counts = found.get(one.writer)
        if counts is not None and wanted <= set(counts.wrapped):
            continue
        secret = repository.secrets.get(one.writer.hex())
        if isinstance(secret, WriterSecret):
            register_writer(repository.store, description, secret, one.label, one.created, signer, one.machine)
            again += 1
        else:
            closed += 1
    if again:
        repository.take_registrations()
    return again, closed


def _entries(repository: Repository, description: Description) -> tuple[int, int]:
    return Ledger(repository).say_again(description)


def _data_keys(repository: Repository, description: Description, progress: Progress) -> tuple[int, int, int]:
    """How many keys were opened to somebody, in how many generations, and how many could not be."""
    signer, now = repository.need_identity(), repository.store.time_there()
    months = list_keys(repository.store)
    progress.begin("opening data keys", total_items=sum(len(one.wrapped) for one in months))
    opened, generations, closed = set[tuple[str, bytes]](), set[str](), set[str]()
    for month in months:
        missing = not_opened_by(repository.store, month, description, [one.recipient for one in description.recipients])
        for recipient, names in missing.items():
            keys = {}
            for name in names:
                data_key = bytes.fromhex(name[-64:])
                try:
                    keys[data_key] = repository.raw_data_key(data_key, month.generation)
                except LifeboatError as error:
                    if error.worth_retrying:
                        raise
                    closed.add(name)
            if keys:
                write_grants(repository.store, description, signer, recipient, month.generation, keys, now)
                opened.update((month.generation, one) for one in keys)
                generations.add(month.generation)
        progress.advance(done_items=len(month.wrapped))
    return len(opened), len(generations), len(closed)


def _say_again(repository: Repository, leaving: Recipient, after: Description, *, stolen: bool) -> tuple[int, int]:
    """Statements and carries that count by this signature alone; how many were said again, how many not."""
    signer, fingerprint = repository.need_identity(), leaving.fingerprint.hex()
    present = {stated_digest(stored.name) for stored in repository.store.list_under(CATALOG)} if stolen else set()
    said = unsaid = 0
    for _, one in repository.statements():
        if not isinstance(one, Statement) or one.signer != fingerprint:
            continue
        records = _worth_saying(one, present) if stolen else one.records
        if not records:
            unsaid += 1
            continue
        place = {(one.writer, one.generation): records}
        said += len(say_again(repository.store, after, signer, one.verb, place, one.text, one.time))
    for writer in repository.secrets:
        for _, carry in repository.carries(writer):
            if isinstance(carry, Carry) and carry.signer == fingerprint:
                if stolen:
                    unsaid += 1
                else:
                    said += len(write_carry(repository.store, after, signer, carry.lane, carry.packs, carry.time))
    return said, unsaid


def _worth_saying(said: Statement, present: Iterable[str | None]) -> list[str]:
    """Of a thief's statement what cannot harm: that something be kept or doubted; that it was forgotten, where it is gone."""
    if said.verb in (Verb.KEEP, Verb.DOUBT):
        return list(said.records)
    return sorted(set(said.records) - set(present)) if said.verb is Verb.FORGET else []
