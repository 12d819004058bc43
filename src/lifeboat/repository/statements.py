"""Statements: small signed objects that say something about stored snapshots: proved, forgotten, kept on purpose.

Each lies in the catalog of the writer whose snapshots it speaks of (docs/format.md, section 13), because a record itself is never
changed. A few statements a day for each writer; whoever prunes also removes those that no remaining record needs.

Invariant: a statement counts only when somebody who may say it signed it: a recipient anything, a custodian all but ``proof`` and ``doubt``.
A writer's signature counts for nothing here: who steals an application's host can neither prove snapshots nor have them forgotten.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from lifeboat.crypto.identity import Identity, Recipient
from lifeboat.crypto.signed import envelope, open_envelope, to_be_signed
from lifeboat.foundation.value import Value
from lifeboat.repository.description import Description
from lifeboat.repository.errors import NewerFormat, ObjectDamaged
from lifeboat.repository.names import digest, statement_name
from lifeboat.repository.objects import write_named
from lifeboat.repository.record import Record, read_time, show_time
from lifeboat.retention.periods import GRACE
from lifeboat.storage.object_store import ObjectStore

FORMAT = 1
RECORDS_AT_MOST = 10_000
"""In one statement: 670 kB, and every statement stays below the 4 MiB that a reader takes."""
_LABEL = "lifeboat statement 1"


class Verb(StrEnum):
    """What is said."""

    PROOF = "proof"
    """Everything these snapshots need was opened with an identity, whole, after it had been written."""
    DOUBT = "doubt"
    """Takes back a ``proof``: something that these snapshots need was found damaged or gone."""
    FORGET = "forget"
    """The rules keep them no longer: after the grace, prune removes them."""
    KEEP = "keep"
    """Kept on purpose, whatever the rules say; also takes back a ``forget``. ``text`` says why."""
    RELEASE = "release"
    """Takes back a ``keep`` (also one that the record itself states) or a ``forget``: the rules decide again, after the grace."""


CUSTODIANS_MAY_SAY = (Verb.FORGET, Verb.KEEP, Verb.RELEASE)
"""Who opens no content can neither prove nor doubt it."""


class Statement(Value):
    """One statement. Args: records: SHA-256 (hex) of record objects; signer: fingerprint (hex) of who said it."""

    name: str
    verb: Verb
    writer: str
    generation: str
    records: tuple[str, ...]
    text: str
    time: datetime
    signer: str


class Standing(Value):
    """What all statements about one snapshot come to."""

    proved: datetime | None = None
    """When it was last proved; None also when that is in doubt since."""
    forgotten: datetime | None = None
    kept: str | None = None
    """Why it is kept on purpose; None when no statement says so."""
    released: datetime | None = None
    """When it was last released."""
    spoken: datetime | None = None
    """Of the last word on whether it stays, whatever that was: who takes it back has to speak later."""
    forgotten_for: timedelta = timedelta()
    """How long it stood as forgotten at most, before that was taken back."""

    @property
    def may_be_gone(self) -> bool:
        """Whether prune may have removed it by its right: also where that was taken back too late, as it was being removed."""
        return self.forgotten is not None or self.forgotten_for >= GRACE - TAKEN_BACK_WITHIN

    def keep_of(self, record: Record) -> str | None:
        """Why the snapshot is kept on purpose, as a statement or else its own record says; None when the rules decide."""
        if self.kept is not None or self.released is not None:
            return self.kept
        return record.keep


NOTHING_SAID = Standing()
TAKEN_BACK_WITHIN = timedelta(days=1)
"""Between the time that somebody states who takes it back, and the storing of what he says."""


def record_digest(record: Record) -> str:
    """How statements and links call a record: the SHA-256 of its object, hex."""
    return record.object_name.rsplit("-", 1)[-1]


def write_statements(
    store: ObjectStore,
    description: Description,
    signer: Identity,
    verb: Verb,
    records: Iterable[Record],
    text: str,
    now: datetime,
) -> list[str]:
    """Say something about snapshots, one object for each writer and generation among them; returns the objects' names.

    Args:
        now: The store's time.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for record in records:
        groups.setdefault((record.writer, record.generation), []).append(record_digest(record))
    return say_again(store, description, signer, verb, groups, text, now)


def say_again(
    store: ObjectStore,
    description: Description,
    signer: Identity,
    verb: Verb,
    groups: Mapping[tuple[str, str], Iterable[str]],
    text: str,
    now: datetime,
) -> list[str]:
    """The same of records that may be gone, by their digests under writer and generation."""
    names = []
    for (writer, generation), said_of in sorted(groups.items()):
        digests = sorted(said_of)
        for start in range(0, len(digests), RECORDS_AT_MOST):
            body: dict[str, Any] = {
                "format": FORMAT,
                "repository": description.repository.hex(),
                "verb": str(verb),
                "writer": writer,
                "generation": generation,
                "records": digests[start : start + RECORDS_AT_MOST],
                "text": text,
                "time": show_time(now),
            }
            raw = envelope(body, {signer.recipient.fingerprint.hex(): signer.sign(to_be_signed(_LABEL, body))})
            name = statement_name(verb, writer, generation, digest(raw))
            write_named(store, name, raw)
            names.append(name)
    return names


def open_statement(raw: bytes, name: str, description: Description) -> Statement:
    """Parse a statement and check that somebody who may say it signed it; raises ``ObjectDamaged``, ``NewerFormat``."""
    body, signatures = open_envelope(raw, name)
    try:
        if int(body["format"]) > FORMAT:
            raise NewerFormat(f"{name} was written by a newer Lifeboat", "install the newest Lifeboat on this machine")
        statement = Statement(
            name=name,
            verb=Verb(body["verb"]),
            writer=str(body["writer"]),
            generation=str(body["generation"]),
            records=tuple(str(record) for record in body["records"]),
            text=str(body["text"]),
            time=read_time(body["time"]),
            signer="",
        )
        if body["repository"] != description.repository.hex():
            raise ValueError("of another repository")
        place = statement_name(statement.verb, statement.writer, statement.generation, name.rsplit("-", 1)[-1])
        if place != name:
            raise ValueError("of another place than the one it lies in")
        message = to_be_signed(_LABEL, body)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ObjectDamaged(f"{name} is not a statement", "somebody may have planted it") from error
    signer = _signer(message, signatures, _may_say(statement.verb, description))
    if signer is None:
        raise description.signed_by_nobody(
            name, message, signatures, "was it a custodian who was removed? Else somebody planted it"
        )
    return replace(statement, signer=signer)


def standings(statements: Iterable[Statement]) -> dict[str, Standing]:
    """What the statements come to, by the digest of the record; later ones win, but what is kept on purpose is not forgotten
    before it is released: whoever decides what to forget may have looked just before it was kept.

    At one time ``doubt`` wins over ``proof``.
    """
    order = [Verb.FORGET, Verb.RELEASE, Verb.KEEP, Verb.PROOF, Verb.DOUBT]
    found: dict[str, Standing] = {}
    for statement in sorted(statements, key=lambda one: (one.time, order.index(one.verb))):
        for record in statement.records:
            found[record] = _after(found.get(record, NOTHING_SAID), statement)
    return found


def _after(before: Standing, said: Statement) -> Standing:
    if said.verb is Verb.PROOF:
        return replace(before, proved=said.time)
    if said.verb is Verb.DOUBT:
        return replace(before, proved=None)
    if said.verb is Verb.KEEP:
        return _taken_back(replace(before, kept=said.text, released=None, spoken=said.time), said.time)
    if said.verb is Verb.RELEASE:
        return _taken_back(replace(before, kept=None, released=said.time, spoken=said.time), said.time)
    if before.kept is not None:
        return replace(before, spoken=said.time)
    # The first forgetting counts: saying it again must not put off the removal for ever.
    return replace(before, forgotten=before.forgotten or said.time, spoken=said.time)


def _taken_back(before: Standing, now: datetime) -> Standing:
    stood = now - before.forgotten if before.forgotten is not None else timedelta()
    return replace(before, forgotten=None, forgotten_for=max(stood, before.forgotten_for))


def _may_say(verb: Verb, description: Description) -> Sequence[Recipient]:
    recipients = [named.recipient for named in description.recipients]
    if verb in CUSTODIANS_MAY_SAY:
        recipients += [named.recipient for named in description.custodians]
    return recipients


def _signer(message: bytes, signatures: Mapping[str, bytes], allowed: Iterable[Recipient]) -> str | None:
    for recipient in allowed:
        fingerprint = recipient.fingerprint.hex()
        if fingerprint in signatures and recipient.has_signed(message, signatures[fingerprint]):
            return fingerprint
    return None
