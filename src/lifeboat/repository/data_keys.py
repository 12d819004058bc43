"""Data keys: one for each run, wrapped for every recipient (docs/format.md, section 6)."""

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from lifeboat.crypto.identity import Identity, Recipient
from lifeboat.crypto.sealing import FORMAT_VERSION, KEY_BYTES, SUITE
from lifeboat.crypto.wrapping import unwrap, wrap
from lifeboat.repository.errors import KeyNotARecipient, ObjectDamaged
from lifeboat.repository.names import digest
from lifeboat.repository.pack_format import refuse_newer

MAGIC = b"LBKY"
_HEADER = struct.Struct(">4sHBB16s16s16sB")
_WRAPPED = struct.Struct(">32sH")
_WRAPPED_BYTES = 1168


@dataclass(frozen=True)
class DataKey:
    """A key and the object it is stored as."""

    name: bytes
    """SHA-256 of the stored object, 32 bytes."""
    raw: bytes = field(repr=False)
    stored: bytes = field(repr=False)


def make_data_key(
    repository: bytes, writer: bytes, run: bytes, generation: str, recipients: Sequence[Recipient]
) -> DataKey:
    """A fresh key, wrapped for all; nothing is stored yet."""
    key = os.urandom(KEY_BYTES)
    label = generation.encode("ascii")
    stored = bytearray(_HEADER.pack(MAGIC, FORMAT_VERSION, SUITE, 0, repository, writer, run, len(label)))
    stored += label + struct.pack(">H", len(recipients))
    for recipient in recipients:
        wrapped = wrap(key, recipient, _info(repository, writer, run, recipient.fingerprint, generation))
        stored += _WRAPPED.pack(recipient.fingerprint, len(wrapped)) + wrapped
    return DataKey(bytes.fromhex(digest(bytes(stored))), key, bytes(stored))


def open_data_key(stored: bytes, identity: Identity, repository: bytes, generation: str, name: str) -> bytes:
    """Unwrap with one identity; raises ``KeyNotARecipient``, ``RepositoryDamaged`` kinds, ``NewerFormat``."""
    try:
        magic, version, suite, _, stated, writer, run, length = _HEADER.unpack_from(stored)
        if magic != MAGIC:
            raise ValueError("magic")
        refuse_newer(version, suite, name)
        position = _HEADER.size
        label = stored[position : position + length].decode("ascii")
        (count,) = struct.unpack_from(">H", stored, position + length)
        position += length + 2
        wrapped_for = {}
        for _ in range(count):
            fingerprint, wrapped_bytes = _WRAPPED.unpack_from(stored, position)
            position += _WRAPPED.size
            wrapped_for[fingerprint] = stored[position : position + wrapped_bytes]
            position += wrapped_bytes
        if position != len(stored) or stated != repository or label != generation:
            raise ValueError("not of this repository and generation")
    except (ValueError, struct.error) as error:
        raise ObjectDamaged(
            f"{name} is not a data key of this repository and generation", "see `lifeboat verify`"
        ) from error
    fingerprint = identity.recipient.fingerprint
    if fingerprint not in wrapped_for:
        raise KeyNotARecipient(
            f"the data key {name} was not wrapped for key {identity.recipient.fingerprint_short}",
            "it is older or newer than this recipient; use another recipient's key",
        )
    key = unwrap(wrapped_for[fingerprint], identity, _info(repository, writer, run, fingerprint, generation))
    if len(key) != KEY_BYTES:
        raise ObjectDamaged(f"{name} holds a key of {len(key)} bytes", "see `lifeboat verify`")
    return key


def _info(repository: bytes, writer: bytes, run: bytes, fingerprint: bytes, generation: str) -> bytes:
    return b"lifeboat data key 1\x00" + repository + writer + run + fingerprint + generation.encode("ascii")
