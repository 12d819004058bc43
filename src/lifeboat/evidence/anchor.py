"""Anchors: entries of the audit log, stored where whoever changes the log cannot change them.

Each anchor names the one before it and is signed by the writer: one that is missing between two others shows in a listing, and in the
chain. Sealed under the writer's catalog key: whoever can read the bucket learns nothing but when, and how many entries.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from lifeboat.crypto.signed import envelope, open_envelope, to_be_signed
from lifeboat.evidence.entry import Entry, read_entry
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.value import Value
from lifeboat.repository.catalog_format import open_anchor, seal_anchor
from lifeboat.repository.errors import ObjectDamaged
from lifeboat.repository.names import CATALOG, anchor_name, catalog_prefix, digest
from lifeboat.repository.objects import read_listed, write_named
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import read_time, show_time
from lifeboat.repository.writers import CatalogKey, WriterSecret
from lifeboat.storage.object_store import ObjectStore, StoredObject

FORMAT = 1
ENTRIES_AT_MOST = 1000
"""In one anchor: a megabyte at most, as a rule some kilobytes."""
KEPT_YEARS = 7
"""``prune`` removes none at all; this is what is promised (decision 0142)."""
_LABEL = "lifeboat audit anchor 1"


class Anchor(Value):
    """Some entries in a row, as the writer signed them. Args: sha256: of the stored object, hex; previous: the same of the one before."""

    name: str
    sha256: str
    writer: str
    number: int
    previous: str | None
    log: str
    time: datetime
    entries: tuple[Entry, ...]
    repairs: str
    """Empty, or why it does not simply go on from the one before: ``began anew``, ``not as anchored``."""
    signed: Mapping[str, Any]
    """Body and signatures, as they were signed."""

    @property
    def first(self) -> int:
        return self.entries[0].seq

    @property
    def last(self) -> int:
        return self.entries[-1].seq


class Anchored(Value):
    """What a machine remembers of its last anchor."""

    sha256: str | None = None
    number: int = 0
    log: str = ""
    last: int = 0
    hash: str = ""
    """Of the last entry in it."""


def write_anchor(
    store: ObjectStore,
    secret: WriterSecret,
    repository: bytes,
    before: Anchored,
    entries: Sequence[Entry],
    now: datetime,
    *,
    repairs: str = "",
) -> Anchored:
    """Store entries of one log as the next anchor of this writer; raises ``LifeboatError``."""
    generation, last = f"{now:%Y-%m}", entries[-1]
    body: dict[str, Any] = {
        "format": FORMAT,
        "repository": repository.hex(),
        "writer": secret.writer.hex(),
        "generation": generation,
        "number": before.number + 1,
        "previous": before.sha256,
        "log": last.log,
        "time": show_time(now),
        "entries": [dict(one.fields) for one in entries],
        "repairs": repairs,
    }
    signed = envelope(body, {"writer": secret.signing_key().sign(to_be_signed(_LABEL, body))})
    raw = seal_anchor(
        signed,
        writer=secret.writer,
        catalog_key=secret.catalog_key,
        repository=repository,
        generation=generation,
    )
    sha256 = digest(raw)
    first, number = entries[0].seq, before.number + 1
    write_named(store, anchor_name(secret.writer.hex(), generation, number, last.log, first, last.seq, sha256), raw)
    return Anchored(sha256, number, last.log, last.seq, last.hash)


def read_anchor(raw: bytes, name: str, secret: CatalogKey, signing_key: bytes, repository: bytes) -> Anchor:
    """Open an anchor and check who signed it; raises ``ObjectDamaged``, ``SealBroken``."""
    generation = name[len(CATALOG) :].split("/")[1]
    signed = open_anchor(
        raw,
        writer=secret.writer,
        catalog_key=secret.catalog_key,
        repository=repository,
        generation=generation,
        name=name,
    )
    body, signatures = open_envelope(signed, name)
    try:
        anchor = _anchor(body, name, json.loads(signed))
        if body["repository"] != repository.hex() or body["generation"] != generation:
            raise ValueError("of another place")
        expected = anchor_name(
            secret.writer.hex(), generation, anchor.number, anchor.log, anchor.first, anchor.last, anchor.sha256
        )
        if name != expected or anchor.writer != secret.writer.hex():
            raise ValueError("of another name")
        Ed25519PublicKey.from_public_bytes(signing_key).verify(signatures["writer"], to_be_signed(_LABEL, body))
    except (
        *(KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError, InvalidSignature),
    ) as error:
        raise ObjectDamaged(
            f"{name} is not an anchor that its writer signed", "somebody may have planted it"
        ) from error
    return anchor


def read_anchors(repository: Repository, writer: str) -> Iterator[tuple[str, Anchor | LifeboatError]]:
    """All anchors of a writer whose catalog opens, by number; what does not open comes out as its error."""
    secret, signing_key = repository.secrets[writer], repository.registrations[writer].signing_key
    for name, raw in read_listed(repository.store, list_anchors(repository.store, writer)):
        try:
            if isinstance(raw, Exception):
                raise raw
            yield name, read_anchor(raw, name, secret, signing_key, repository.id)
        except LifeboatError as error:
            if error.worth_retrying:
                raise
            yield name, error


def list_anchors(store: ObjectStore, writer: str, generation: str = "") -> list[StoredObject]:
    """A writer's anchors in the order of their numbers, oldest month first."""
    listed = store.list_under(catalog_prefix(writer, generation))
    parts = ((stored.name.rsplit("/", 1)[-1], stored) for stored in listed)
    found = [(last, stored.name, stored) for last, stored in parts if last.startswith("audit-")]
    return [stored for _, _, stored in sorted(found, key=lambda one: one[:2])]


def anchor_names(store: ObjectStore, writer: str, generation: str = "") -> list[str]:
    """Their names alone."""
    return [stored.name for stored in list_anchors(store, writer, generation)]


def remembered(said: Mapping[str, Any]) -> Anchored | None:
    """What the state folder has of the last anchor, if it makes sense."""
    try:
        known = Anchored(**{one.name: said[one.name] for one in fields(Anchored)})
        bytes.fromhex(str(known.sha256)), bytes.fromhex(known.hash), bytes.fromhex(known.log)
        is_sound = type(known.number) is type(known.last) is int and min(known.number, known.last) >= 1
        return known if is_sound else None
    except (KeyError, TypeError, ValueError):
        return None


def _anchor(body: Mapping[str, Any], name: str, signed: Mapping[str, Any]) -> Anchor:
    entries = tuple(read_entry(one) for one in body["entries"])
    if not entries or any(one.log != body["log"] for one in entries) or type(body["number"]) is not int:
        raise ValueError("not an anchor")
    previous = body["previous"]
    return Anchor(
        name,
        name.rsplit("-", 1)[-1],
        str(body["writer"]),
        body["number"],
        None if previous is None else str(previous),
        str(body["log"]),
        read_time(body["time"]),
        entries,
        str(body.get("repairs", "")),
        signed,
    )
