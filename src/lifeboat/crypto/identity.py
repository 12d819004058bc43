"""Identities and recipients: who can read a repository.

An identity is a 32-byte seed; everything else is derived from it, because the composite key classes have no
serialisation of their own. The mission's shared key is such a seed that everybody holds. See docs/format.md, section 2.
"""

import base64
import hashlib
import os
import re
from dataclasses import dataclass
from functools import cached_property

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey

from lifeboat.foundation.errors import KeyTrouble
from lifeboat.foundation.secret import Secret

SEED_BYTES = 32
TEXT_PREFIX = "LIFEBOAT1"
RECIPIENT_PREFIX = "lifeboat-recipient-1:"
_ML_KEM_PUBLIC_BYTES = 1184
RECIPIENT_BYTES = _ML_KEM_PUBLIC_BYTES + 32 + 32
_CHECK_BYTES = 4


class KeyMalformed(KeyTrouble):
    """What was given is not a key: mistyped, cut, or something else altogether."""

    code = "key-malformed"


@dataclass(frozen=True)
class Recipient:
    """The public half of an identity: may seal for it and check its signatures."""

    public: bytes
    """ML-KEM-768 (1184) ‖ X25519 (32) ‖ Ed25519 (32)."""

    def __post_init__(self) -> None:
        if len(self.public) != RECIPIENT_BYTES:
            raise KeyMalformed(
                f"a recipient has {RECIPIENT_BYTES} bytes, not {len(self.public)}",
                "copy the whole line that `lifeboat keygen --recipient` prints",
            )

    @classmethod
    def from_text(cls, text: str) -> "Recipient":
        """Read the line that ``to_text`` writes; raises ``KeyMalformed``."""
        compact = "".join(text.split())
        if not compact.startswith(RECIPIENT_PREFIX):
            raise KeyMalformed(
                f"a recipient starts with {RECIPIENT_PREFIX!r}",
                "make it from a key with `lifeboat keygen --recipient`",
            )
        try:
            public = from_base64(compact[len(RECIPIENT_PREFIX) :])
        except ValueError:
            raise KeyMalformed("the recipient's text is damaged", "copy the whole line again") from None
        return cls(public)

    def to_text(self) -> str:
        return RECIPIENT_PREFIX + to_base64(self.public)

    @cached_property
    def fingerprint(self) -> bytes:
        """SHA-256 of the labelled public bytes, 32 bytes."""
        return hashlib.sha256(b"lifeboat recipient" + self.public).digest()

    @property
    def fingerprint_short(self) -> str:
        """What people see and compare: 16 hex digits."""
        return self.fingerprint.hex()[:16]

    @cached_property
    def sealing_key(self) -> MLKEM768X25519PublicKey:
        try:
            return MLKEM768X25519PublicKey(
                MLKEM768PublicKey.from_public_bytes(self.public[:_ML_KEM_PUBLIC_BYTES]),
                X25519PublicKey.from_public_bytes(self.public[_ML_KEM_PUBLIC_BYTES : _ML_KEM_PUBLIC_BYTES + 32]),
            )
        except ValueError as error:
            raise KeyMalformed("the recipient is not a valid public key", "copy the whole line again") from error

    def has_signed(self, message: bytes, signature: bytes) -> bool:
        """Whether the identity of this recipient made the Ed25519 signature over the message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public[-32:]).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


class Identity:
    """The private half. Opens everything that was ever sealed for its recipient."""

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_BYTES:
            raise KeyMalformed(f"a key has {SEED_BYTES} bytes, not {len(seed)}", "make one with `lifeboat keygen`")
        self._seed = seed
        derived = hashlib.shake_256(seed).digest(96)
        self._ml_kem = MLKEM768PrivateKey.from_seed_bytes(derived[:64])
        self._x25519 = X25519PrivateKey.from_private_bytes(derived[64:])
        self._ed25519 = Ed25519PrivateKey.from_private_bytes(
            hashlib.shake_256(b"lifeboat identity signing key" + seed).digest(32)
        )
        self.opening_key = MLKEM768X25519PrivateKey(self._ml_kem, self._x25519)
        self.recipient = Recipient(
            self._ml_kem.public_key().public_bytes_raw()
            + self._x25519.public_key().public_bytes_raw()
            + self._ed25519.public_key().public_bytes_raw()
        )

    @classmethod
    def generate(cls) -> "Identity":
        return cls(os.urandom(SEED_BYTES))

    @classmethod
    def from_text(cls, text: str) -> "Identity":
        """Read the checksummed text of ``to_text``, or 64 hex digits; raises ``KeyMalformed``."""
        compact = re.sub(r"[\s-]", "", text).upper()
        if re.fullmatch(r"[0-9A-F]{64}", compact):
            return cls(bytes.fromhex(compact))
        if not compact.startswith(TEXT_PREFIX):
            raise KeyMalformed(
                f"a key is 64 hex digits or starts with {TEXT_PREFIX}-; this has {len(compact)} characters",
                "was it cut when it was copied? A new one is made with `lifeboat keygen`",
            )
        body = compact[len(TEXT_PREFIX) :]
        try:
            raw = base64.b32decode(body + "=" * (-len(body) % 8))
        except ValueError:  # also what is not ASCII
            raw = b""
        seed, check = raw[:SEED_BYTES], raw[SEED_BYTES:]
        if base64.b32encode(raw).decode("ascii").rstrip("=") != body:
            raw = b""  # the last character has two bits to spare, which a slip could change unnoticed
        if len(raw) != SEED_BYTES + _CHECK_BYTES or check != _check(seed):
            raise KeyMalformed("the key's checksum is wrong: a character is mistyped or missing", "copy it again")
        return cls(seed)

    def to_text(self) -> Secret:
        """The key as people store it: 58 base32 characters in groups of 6 after ``LIFEBOAT1-``."""
        body = base64.b32encode(self._seed + _check(self._seed)).decode("ascii").rstrip("=")
        groups = [body[start : start + 6] for start in range(0, len(body), 6)]
        return Secret("-".join([TEXT_PREFIX, *groups]))

    def sign(self, message: bytes) -> bytes:
        return self._ed25519.sign(message)

    def __repr__(self) -> str:
        return f"Identity({self.recipient.fingerprint_short})"


def to_base64(raw: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def from_base64(text: str) -> bytes:
    """The inverse; raises ``ValueError`` on anything that is not exactly such text."""
    raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if to_base64(raw) != text:
        raise ValueError("not canonical base64url")
    return raw


def _check(seed: bytes) -> bytes:
    return hashlib.sha256(b"lifeboat identity checksum" + seed).digest()[:_CHECK_BYTES]
