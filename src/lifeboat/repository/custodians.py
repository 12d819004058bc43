"""Custodians: who opens every catalog, has snapshots forgotten and deletes what is no longer needed, and opens no content.

A custodian comes by a new revision of the description, signed by a recipient, and by registrations written again that wrap each
writer's catalog key for it too (docs/format.md, sections 4 and 5). Killed in between, ``open_catalogs`` finishes it.
"""

from dataclasses import replace

from lifeboat.crypto.identity import Recipient
from lifeboat.repository.description import NamedRecipient
from lifeboat.repository.errors import WriterExists, WriterMissing
from lifeboat.repository.names import CATALOG, stated_digest
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.statements import Statement, Verb, say_again
from lifeboat.repository.writers import WriterSecret, not_opened_to, register_writer


def add_custodian(repository: Repository, name: str, custodian: Recipient) -> int:
    """Publish the new custodian and open every catalog to it; returns how many. Raises ``KeyMissing``, ``WriterExists``."""
    description = repository.description
    if any(one.name == name for one in description.custodians):
        raise WriterExists(
            f"there is a custodian {name} already",
            f"name it otherwise, or take that one away: `lifeboat writer remove {name}`",
        )
    if description.holds(custodian):
        raise WriterExists(
            f"key {custodian.fingerprint_short} is a recipient's: it opens everything already",
            "a custodian needs a key of its own",
        )
    repository.publish(replace(description, custodians=(*description.custodians, NamedRecipient(name, custodian))))
    return open_catalogs(repository)


def remove_custodian(repository: Repository, name: str) -> Recipient:
    """Its statements count no longer and new writers leave it out; catalogs that it opened it opens for ever.

    Raises:
        WriterMissing: There is none of this name.
    """
    leaving = next((one for one in repository.description.custodians if one.name == name), None)
    if leaving is None:
        known = ", ".join(one.name for one in repository.description.custodians) or "there is none"
        raise WriterMissing(
            f"no custodian is called {name}", f"custodians: {known}; writers are never removed, their snapshots age"
        )
    _repeat_what_was_removed(repository, leaving.recipient)
    staying = tuple(one for one in repository.description.custodians if one is not leaving)
    repository.publish(replace(repository.description, custodians=staying))
    return leaving.recipient


def _repeat_what_was_removed(repository: Repository, leaving: Recipient) -> None:
    """Say again what it had forgotten and prune has removed since: else the chain would miss those snapshots for ever. What it had
    forgotten and is still there is listed again.
    """
    present = {stated_digest(stored.name) for stored in repository.store.list_under(CATALOG)}
    gone: dict[tuple[str, str], set[str]] = {}
    for _, said in repository.statements():
        if isinstance(said, Statement) and said.verb is Verb.FORGET and said.signer == leaving.fingerprint.hex():
            gone.setdefault((said.writer, said.generation), set()).update(set(said.records) - present)
    say_again(
        repository.store,
        repository.description,
        repository.need_identity(),
        Verb.FORGET,
        {place: records for place, records in gone.items() if records},
        "removed before the custodian who had it forgotten was taken away",
        repository.store.time_there(),
    )


def open_catalogs(repository: Repository) -> int:
    """Register again every writer whose catalog some custodian cannot open yet; returns how many that were."""
    signer = repository.need_identity()
    opened = 0
    for one in not_opened_to(repository.registrations.values(), repository.description.custodians):
        secret = repository.secrets.get(one.writer.hex())
        if not isinstance(secret, WriterSecret):
            continue
        register_writer(repository.store, repository.description, secret, one.label, one.created, signer, one.machine)
        opened += 1
    if opened:
        repository.take_registrations()
    return opened
