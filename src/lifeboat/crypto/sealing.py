"""Chunks and catalog objects: identified, compressed elsewhere, sealed here (docs/format.md, sections 7 to 9).

Invariant: a valid tag proves nothing about who wrote; so every reader recomputes the chunk id, which needs the writer's secret.
Stateless: no counters, so any number of threads seal at once.
"""

import hmac
import os
import struct
from enum import IntEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from lifeboat.foundation.errors import RepositoryDamaged

FORMAT_VERSION = 1
SUITE = 1
KEY_BYTES = 32
ID_BYTES = 32
SALT_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
SEALED_EXTRA_BYTES = NONCE_BYTES + TAG_BYTES
LARGEST_CHUNK_BYTES = 64 * 1024 * 1024
"""Two documents of 16 MiB and a chunk of 4 fit; what claims more is refused before memory is given to it."""

_CHUNK_AAD = struct.Struct(">4sHBBB32sI")
_ZERO_NONCE = bytes(NONCE_BYTES)


class Kind(IntEnum):
    """What a chunk holds; part of its id and of its seal, so that one is never taken for the other."""

    CONTENT = 1
    LIST = 2
    LINES = 3
    ROOT = 4
    SUMMARY = 5
    EVENTS = 6


class Compression(IntEnum):
    """How the body of a sealed chunk is packed."""

    NONE = 0
    ZSTD = 1


class SealBroken(RepositoryDamaged):
    """Stored bytes fail their authentication: flipped, cut, swapped, or of another key."""

    code = "seal-broken"


def chunk_id(id_key: bytes, kind: Kind, plain: bytes | memoryview) -> bytes:
    """Name a chunk by its content: HMAC-SHA256 over the kind and the plain bytes, 32 bytes."""
    state = hmac.new(id_key, bytes((kind,)), "sha256")
    state.update(plain)
    return state.digest()


def seal_chunk(
    data_key: AESGCM, kind: Kind, compression: Compression, name: bytes, plain_bytes: int, body: bytes | memoryview
) -> bytes:
    """Encrypt one chunk under a fresh random nonce; returns nonce ‖ ciphertext ‖ tag."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + data_key.encrypt(nonce, body, _chunk_aad(kind, compression, name, plain_bytes))


def open_chunk(
    data_key: AESGCM, kind: Kind, compression: Compression, name: bytes, plain_bytes: int, sealed: bytes | memoryview
) -> bytes:
    """Decrypt what ``seal_chunk`` made; raises ``SealBroken``. The id is still to be recomputed."""
    try:
        return data_key.decrypt(
            bytes(sealed[:NONCE_BYTES]), sealed[NONCE_BYTES:], _chunk_aad(kind, compression, name, plain_bytes)
        )
    except (InvalidTag, ValueError) as error:
        raise SealBroken(f"chunk {name.hex()[:16]} fails its authentication") from error


def derive(key: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA256 to 32 bytes: long-lived keys never encrypt, what is derived from them does, once."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=info).derive(key)


def seal_once(key: bytes, plain: bytes, aad: bytes) -> bytes:
    """Encrypt under a key that is used for this one message (derived with a random salt), hence nonce zero."""
    return AESGCM(key).encrypt(_ZERO_NONCE, plain, aad)


def open_once(key: bytes, sealed: bytes | memoryview, aad: bytes, what: str) -> bytes:
    """Decrypt what ``seal_once`` made; ``what`` names it in the message of ``SealBroken``."""
    try:
        return AESGCM(key).decrypt(_ZERO_NONCE, sealed, aad)
    except (InvalidTag, ValueError) as error:
        raise SealBroken(f"{what} fails its authentication") from error


def _chunk_aad(kind: Kind, compression: Compression, name: bytes, plain_bytes: int) -> bytes:
    return _CHUNK_AAD.pack(b"LBCH", FORMAT_VERSION, SUITE, kind, compression, name, plain_bytes)
