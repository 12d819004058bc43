"""What a repository is and for whom it is sealed (docs/format.md, section 4): revisions, the newest validly signed one counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lifeboat.crypto.identity import Identity, Recipient
from lifeboat.crypto.signed import envelope, open_envelope, to_be_signed
from lifeboat.foundation.errors import LifeboatError
from lifeboat.repository.errors import NewerFormat, NoRepository, ObjectDamaged
from lifeboat.repository.names import CONFIG, description_name, digest
from lifeboat.repository.objects import read_verified, write_named
from lifeboat.storage.object_store import ObjectStore

FORMAT = 1
_LABEL = "lifeboat description 1"


@dataclass(frozen=True, slots=True)
class NamedRecipient:
    """A recipient and what people call its holder."""

    name: str
    recipient: Recipient


@dataclass(frozen=True, slots=True)
class Description:
    """One revision."""

    repository: bytes
    """Id, 16 random bytes."""
    revision: int
    created: str
    profile: str
    recipients: tuple[NamedRecipient, ...]

    def fingerprints(self) -> tuple[str, ...]:
        return tuple(sorted(named.recipient.fingerprint.hex() for named in self.recipients))

    def holds(self, recipient: Recipient) -> bool:
        return any(named.recipient == recipient for named in self.recipients)


def write_description(store: ObjectStore, description: Description, signers: Sequence[Identity]) -> str:
    """Sign and store a revision; returns the object's name."""
    body: dict[str, Any] = {
        "format": FORMAT,
        "repository": description.repository.hex(),
        "revision": description.revision,
        "created": description.created,
        "profile": description.profile,
        "recipients": [
            {"name": named.name, "recipient": named.recipient.to_text()} for named in description.recipients
        ],
    }
    message = to_be_signed(_LABEL, body)
    raw = envelope(body, {signer.recipient.fingerprint.hex(): signer.sign(message) for signer in signers})
    name = description_name(digest(raw))
    write_named(store, name, raw)
    return name


def read_description(store: ObjectStore) -> Description:
    """The newest valid revision; raises ``NoRepository`` where there is none.

    A revision that is damaged or not signed by one of its own recipients is passed over; ``verify`` names it.
    """
    newest: Description | None = None
    trouble: LifeboatError | None = None
    for stored in store.list_under(CONFIG):
        if not stored.name.startswith(CONFIG + "repository-"):
            continue
        try:
            found = open_description(read_verified(store, stored.name), stored.name)
        except NewerFormat:
            raise
        except LifeboatError as error:
            if error.worth_retrying:
                raise
            trouble = error
            continue
        if newest is None or found.revision > newest.revision:
            newest = found
    if newest is None:
        if trouble is not None:
            raise trouble
        raise NoRepository(
            f"there is no repository at {store.describe()}",
            "make one with `lifeboat init`, or is another bucket, prefix or directory meant?",
        )
    return newest


def open_description(raw: bytes, name: str) -> Description:
    """Parse and check one revision; raises ``ObjectDamaged`` kinds or ``NewerFormat``."""
    body, signatures = open_envelope(raw, name)
    try:
        if body["format"] > FORMAT:
            raise NewerFormat(
                f"the repository has format {body['format']}; this Lifeboat reads up to {FORMAT}",
                "install the newest Lifeboat on this machine",
            )
        description = Description(
            repository=bytes.fromhex(body["repository"]),
            revision=int(body["revision"]),
            created=str(body["created"]),
            profile=str(body["profile"]),
            recipients=tuple(
                NamedRecipient(str(entry["name"]), Recipient.from_text(entry["recipient"]))
                for entry in body["recipients"]
            ),
        )
        message = to_be_signed(_LABEL, body)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ObjectDamaged(f"{name} is not a description of a repository", "see `lifeboat verify`") from error
    for named in description.recipients:
        signature = signatures.get(named.recipient.fingerprint.hex())
        if signature is not None and named.recipient.has_signed(message, signature):
            return description
    raise ObjectDamaged(
        f"{name} is signed by none of its recipients", "somebody may have planted it; see `lifeboat verify`"
    )
