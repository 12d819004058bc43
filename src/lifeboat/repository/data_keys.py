"""Data keys: one for each run, wrapped for every recipient (docs/format.md, section 6)."""

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from lifeboat.crypto.identity import Identity, Recipient
from lifeboat.crypto.sealing import FORMAT_VERSION, KEY_BYTES, SUITE
from lifeboat.crypto.wrapping import unwrap, wrap
from lifeboat.foundation.value import Value
from lifeboat.repository.errors import KeyNotARecipient, ObjectDamaged
from lifeboat.repository.names import digest, is_generation
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


class WrappedKey(Value):
    """A stored data key, its front and whom it was wrapped for; nothing is opened."""

    repository: bytes
    writer: bytes
    run: bytes
    generation: str
    """In which it was made. One that lies in a later generation came there with packs that were carried forward (section 17)."""
    wrapped_for: dict[bytes, bytes]
    """Fingerprint of a recipient to what only that recipient opens."""


def read_wrapped_key(stored: bytes, repository: bytes, generation: str, name: str) -> WrappedKey:
    """Read a stored data key that lies in this generation; raises ``ObjectDamaged``, ``NewerFormat``."""
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
        if position != len(stored) or stated != repository or not is_generation(label) or label > generation:
            raise ValueError("not of this repository and generation")
    except (ValueError, struct.error) as error:
        raise ObjectDamaged(
            f"{name} is not a data key of this repository and generation", "see `lifeboat verify`"
        ) from error
    return WrappedKey(stated, writer, run, label, wrapped_for)


def open_data_key(stored: bytes, identity: Identity, repository: bytes, generation: str, name: str) -> bytes:
    """Unwrap with one identity; raises ``KeyNotARecipient``, ``RepositoryDamaged`` kinds, ``NewerFormat``.

    Args:
        generation: That of the place where it lies. The key is bound to the one that its own front states, which may be earlier.
    """
    key_object = read_wrapped_key(stored, repository, generation, name)
    fingerprint = identity.recipient.fingerprint
    if fingerprint not in key_object.wrapped_for:
        raise KeyNotARecipient(
            f"the data key {name} was not wrapped for key {identity.recipient.fingerprint_short}",
            "it is older than this recipient: where another recipient's key is, `lifeboat recipient open` opens it",
        )
    info = _info(repository, key_object.writer, key_object.run, fingerprint, key_object.generation)
    key = unwrap(key_object.wrapped_for[fingerprint], identity, info)
    if len(key) != KEY_BYTES:
        raise ObjectDamaged(f"{name} holds a key of {len(key)} bytes", "see `lifeboat verify`")
    return key


def _info(repository: bytes, writer: bytes, run: bytes, fingerprint: bytes, generation: str) -> bytes:
    return b"lifeboat data key 1\x00" + repository + writer + run + fingerprint + generation.encode("ascii")
