"""Grants: data keys opened afterwards to a recipient who was not there when they were wrapped (docs/format.md, section 20).

A wrapped data key is named by its bytes, so nobody can be added to it. A grant lies beside the keys of its generation, signed by a recipient,
and holds those keys once more, for one recipient alone. It lies there so that who deletes a generation's keys deletes it with them; and it
opens nothing of which the wrapped key itself is gone.

Invariant: a grant counts only when a present recipient signed it: else anybody could plant keys that open nothing.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from lifeboat.crypto.identity import Identity, Recipient, from_base64, to_base64
from lifeboat.crypto.sealing import KEY_BYTES, open_once, seal_once
from lifeboat.crypto.signed import envelope, open_envelope, to_be_signed
from lifeboat.crypto.wrapping import unwrap, wrap
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.value import Value
from lifeboat.repository.data_keys import read_wrapped_key
from lifeboat.repository.description import Description
from lifeboat.repository.errors import NewerFormat, ObjectDamaged
from lifeboat.repository.names import KEYS, digest, grant_name
from lifeboat.repository.objects import SMALL_OBJECT_BYTES, read_many, write_named
from lifeboat.repository.record import show_time
from lifeboat.storage.object_store import ObjectStore

FORMAT = 1
KEYS_AT_MOST = 10_000
"""In one grant: less than 1 MB, and a reader takes 4."""
NAME_BYTES = 32
_LABEL = "lifeboat grant 1"
_NAME = re.compile(rf"{KEYS}([^/]+)/(?:grant-([0-9a-f]{{16}})-)?([0-9a-f]{{64}})")


class Grant(Value):
    """One grant, not opened. Args: keys: names of the data keys that it holds, in the order in which they are sealed."""

    name: str
    generation: str
    recipient: str
    keys: tuple[bytes, ...]
    wrapped: bytes
    sealed: bytes


class KeysIn(Value):
    """What a listing of ``keys/`` shows of one generation: names of wrapped keys and of grants."""

    generation: str
    wrapped: tuple[str, ...]
    grants: tuple[str, ...]


def list_keys(store: ObjectStore, generation: str = "") -> list[KeysIn]:
    """The generations that have data keys, or one of them, oldest first; what is neither key nor grant is passed over."""
    wrapped: dict[str, list[str]] = {}
    grants: dict[str, list[str]] = {}
    for stored in store.list_under(f"{KEYS}{generation}/" if generation else KEYS):
        found = _NAME.fullmatch(stored.name)
        if found is not None and stored.size_bytes <= SMALL_OBJECT_BYTES:
            (grants if found[2] else wrapped).setdefault(found[1], []).append(stored.name)
    return [
        KeysIn(one, tuple(wrapped.get(one, ())), tuple(grants.get(one, ()))) for one in sorted(wrapped.keys() | grants)
    ]


def write_grants(
    store: ObjectStore,
    description: Description,
    signer: Identity,
    recipient: Recipient,
    generation: str,
    keys: Mapping[bytes, bytes],
    now: datetime,
) -> list[str]:
    """Open these data keys to a recipient; returns the names of the objects. Args: keys: name to key, 32 bytes each."""
    names, every = [], sorted(keys)
    for start in range(0, len(every), KEYS_AT_MOST):
        part = every[start : start + KEYS_AT_MOST]
        key = os.urandom(KEY_BYTES)
        fingerprint = recipient.fingerprint
        body: dict[str, Any] = {
            "format": FORMAT,
            "repository": description.repository.hex(),
            "generation": generation,
            "recipient": fingerprint.hex(),
            "time": show_time(now),
            "keys": to_base64(b"".join(part)),
            "key": to_base64(wrap(key, recipient, _info(description.repository, generation, fingerprint))),
            "sealed": to_base64(
                seal_once(
                    key,
                    b"".join(keys[one] for one in part),
                    _info(description.repository, generation, fingerprint),
                )
            ),
        }
        raw = envelope(body, {signer.recipient.fingerprint.hex(): signer.sign(to_be_signed(_LABEL, body))})
        name = grant_name(generation, recipient.fingerprint_short, digest(raw))
        write_named(store, name, raw)
        names.append(name)
    return names


def read_grant(raw: bytes, name: str, description: Description) -> Grant:
    """Parse one and check that a recipient signed it; raises ``ObjectDamaged``, ``SaidByNobody``, ``NewerFormat``."""
    body, signatures = open_envelope(raw, name)
    try:
        if int(body["format"]) > FORMAT:
            raise NewerFormat(f"{name} was written by a newer Lifeboat", "install the newest Lifeboat on this machine")
        joined = from_base64(body["keys"])
        keys = tuple(joined[at : at + NAME_BYTES] for at in range(0, len(joined), NAME_BYTES))
        grant = Grant(
            name,
            str(body["generation"]),
            str(body["recipient"]),
            keys,
            from_base64(body["key"]),
            from_base64(body["sealed"]),
        )
        if body["repository"] != description.repository.hex() or any(len(one) != NAME_BYTES for one in keys):
            raise ValueError("of another repository, or cut")
        if grant_name(grant.generation, grant.recipient[:16], name[-64:]) != name or len(grant.recipient) != 64:
            raise ValueError("of another place than the one it lies in")
        message = to_be_signed(_LABEL, body)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ObjectDamaged(f"{name} is not a grant of data keys", "somebody may have planted it") from error
    if description.signer_of(message, signatures) is None:
        raise description.signed_by_nobody(name, message, signatures, "somebody planted it: it counts for nothing")
    return grant


def open_grant(grant: Grant, identity: Identity, repository: bytes) -> dict[bytes, bytes]:
    """Data keys by name; raises ``RepositoryDamaged`` kinds."""
    info = _info(repository, grant.generation, identity.recipient.fingerprint)
    opened = open_once(unwrap(grant.wrapped, identity, info), grant.sealed, info, grant.name)
    if len(opened) != KEY_BYTES * len(grant.keys):
        raise ObjectDamaged(f"{grant.name} holds another number of keys than it says")
    return {one: opened[at * KEY_BYTES : (at + 1) * KEY_BYTES] for at, one in enumerate(grant.keys)}


def granted_to(
    store: ObjectStore, names: Iterable[str], description: Description, recipient: Recipient
) -> Iterator[Grant]:
    """Of these grants those for one recipient that count; what is damaged or planted opens nothing and is passed over."""
    ours = [one for one in names if f"/grant-{recipient.fingerprint_short}-" in one]
    for name, raw in read_many(store, ours):
        try:
            if isinstance(raw, Exception):
                raise raw
            grant = read_grant(raw, name, description)
        except LifeboatError as error:
            if error.worth_retrying:
                raise
            continue
        if grant.recipient == recipient.fingerprint.hex():
            yield grant


def not_opened_by(
    store: ObjectStore, listed: KeysIn, description: Description, recipients: Sequence[Recipient]
) -> dict[Recipient, list[str]]:
    """The wrapped keys of a generation that each of these recipients opens neither by itself nor by a grant; who opens all is left out.
    Damaged ones open for nobody, and are left to ``verify``.
    """
    granted = {
        one: {key for grant in granted_to(store, listed.grants, description, one) for key in grant.keys}
        for one in recipients
    }
    everywhere = set.intersection(*granted.values()) if granted else set()
    closed: dict[Recipient, list[str]] = {}
    for name, raw in read_many(store, [one for one in listed.wrapped if bytes.fromhex(one[-64:]) not in everywhere]):
        try:
            if isinstance(raw, Exception):
                raise raw
            wrapped = read_wrapped_key(raw, description.repository, listed.generation, name).wrapped_for
        except LifeboatError as error:
            if error.worth_retrying:
                raise
            continue
        for one in recipients:
            if one.fingerprint not in wrapped and bytes.fromhex(name[-64:]) not in granted[one]:
                closed.setdefault(one, []).append(name)
    return closed


def _info(repository: bytes, generation: str, fingerprint: bytes) -> bytes:
    return b"lifeboat grant 1\x00" + repository + fingerprint + generation.encode("ascii", "replace")
