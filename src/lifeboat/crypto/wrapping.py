"""Small secrets wrapped for recipients by HPKE (docs/format.md, section 2).

Source: RFC 9180; the KEM MLKEM768-X25519 (0x647a) from the IETF's post-quantum HPKE draft.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from lifeboat.crypto.identity import Identity, Recipient
from lifeboat.foundation.errors import RepositoryDamaged

_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def wrap(secret: bytes, recipient: Recipient, info: bytes) -> bytes:
    """Seal a secret for one recipient: encapsulated key (1120 bytes) ‖ ciphertext ‖ tag."""
    return _SUITE.encrypt(secret, recipient.sealing_key, info)


def unwrap(wrapped: bytes, identity: Identity, info: bytes) -> bytes:
    """Open what ``wrap`` sealed; raises ``RepositoryDamaged`` when the bytes or ``info`` are not the same."""
    try:
        return _SUITE.decrypt(wrapped, identity.opening_key, info)
    except (InvalidTag, ValueError) as error:
        raise RepositoryDamaged(
            f"a key that was wrapped for {identity.recipient.fingerprint_short} does not open", "see `lifeboat verify`"
        ) from error
