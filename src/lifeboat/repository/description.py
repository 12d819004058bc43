"""What a repository is and for whom it is sealed (docs/format.md, section 4): revisions, the newest validly signed one counts."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lifeboat.crypto.identity import Identity, Recipient
from lifeboat.crypto.signed import envelope, open_envelope, to_be_signed
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.value import Value
from lifeboat.repository.errors import (
    DescriptionDoubtful,
    NewerFormat,
    NoRepository,
    ObjectDamaged,
    SaidByFormer,
    SaidByNobody,
)
from lifeboat.repository.names import CONFIG, description_name, digest
from lifeboat.repository.objects import SmallObjects, read_small, write_named
from lifeboat.storage.object_store import ObjectStore

FORMAT = 1
_LABEL = "lifeboat description 1"
_DESCRIPTION, _REGISTRATION = "repository-", "writer-"
"""How the last parts of their names begin."""


class NamedRecipient(Value):
    """A recipient and what people call its holder."""

    name: str
    recipient: Recipient


class Description(Value):
    """One revision."""

    repository: bytes
    """Id, 16 random bytes."""
    revision: int
    created: str
    profile: str
    recipients: tuple[NamedRecipient, ...]
    signers: tuple[str, ...] = ()
    """Fingerprints (hex) of those of its recipients whose signatures hold."""
    custodians: tuple[NamedRecipient, ...] = ()
    """Who opens every catalog and may have snapshots forgotten, and opens no content."""
    former: tuple[NamedRecipient, ...] = ()
    """Recipients who were taken away: what they signed counts no longer, and was not planted by a stranger."""

    def fingerprints(self) -> tuple[str, ...]:
        return tuple(sorted(named.recipient.fingerprint.hex() for named in self.recipients))

    def holds(self, recipient: Recipient) -> bool:
        return any(named.recipient == recipient for named in self.recipients)

    def signer_of(self, message: bytes, signatures: Mapping[str, bytes]) -> str | None:
        """Fingerprint (hex) of the first recipient whose signature of this message holds; None: nobody's does."""
        for named in self.recipients:
            fingerprint = named.recipient.fingerprint.hex()
            if fingerprint in signatures and named.recipient.has_signed(message, signatures[fingerprint]):
                return fingerprint
        return None

    def signed_by_nobody(self, name: str, message: bytes, signatures: Mapping[str, bytes], else_: str) -> SaidByNobody:
        """The error for an object that nobody who may has signed. Args: else_: the hint, where it was no former recipient."""
        for one in self.former:
            fingerprint = one.recipient.fingerprint.hex()
            if fingerprint in signatures and one.recipient.has_signed(message, signatures[fingerprint]):
                who = f"{one.name}, a recipient who was taken away"
                return SaidByFormer(f"{name} is signed by {who}", "what counts of it was said again when that was done")
        return SaidByNobody(f"{name} is signed by nobody who may say that", else_)

    def named(self, name: str) -> NamedRecipient | None:
        """The recipient whom people call so, or whose fingerprint begins so (8 hex digits or more)."""
        for one in self.recipients:
            if one.name == name or (len(name) >= 8 and one.recipient.fingerprint.hex().startswith(name.lower())):
                return one
        return None

    def is_custodian(self, recipient: Recipient) -> bool:
        return any(named.recipient == recipient for named in self.custodians)


def write_description(store: ObjectStore, description: Description, signers: Sequence[Identity]) -> str:
    """Sign and store a revision; returns the object's name."""
    body: dict[str, Any] = {
        "format": FORMAT,
        "repository": description.repository.hex(),
        "revision": description.revision,
        "created": description.created,
        "profile": description.profile,
        "recipients": _named_to_json(description.recipients),
    }
    if description.custodians:
        body["custodians"] = _named_to_json(description.custodians)
    if description.former:
        body["former"] = _named_to_json(description.former)
    message = to_be_signed(_LABEL, body)
    raw = envelope(body, {signer.recipient.fingerprint.hex(): signer.sign(message) for signer in signers})
    name = description_name(digest(raw))
    write_named(store, name, raw)
    return name


def read_config(store: ObjectStore) -> SmallObjects:
    """What describes the repository and registers its writers."""
    return read_small(store, CONFIG, (_DESCRIPTION, _REGISTRATION))


def read_description(
    store: ObjectStore,
    *,
    own: Recipient | None = None,
    pinned: Collection[str] | None = None,
    config: SmallObjects | None = None,
) -> Description:
    """The newest revision that can be trusted; raises ``NoRepository`` where there is none.

    Anybody who can write to the bucket can publish a description signed by himself. So trust begins at a revision that our own identity
    signed, or whose recipients are those this machine has pinned, and goes on only to a later revision signed by a recipient of the
    trusted one. Who has neither takes what is there, if it all hangs together: the first use of a second recipient.

    Args:
        own: The recipient of the identity at hand.
        config: From ``read_config``, when that was just done.
        pinned: Fingerprints (hex) of the recipients that this machine knows.

    Raises:
        DescriptionDoubtful: There are several descriptions, and nothing at hand says which one is ours.
    """
    valid, newer, trouble = _valid_descriptions(config or read_config(store))
    if not valid:
        if newer:
            raise newer[0].error
        if trouble is not None:
            raise trouble
        raise NoRepository(
            f"there is no repository at {store.describe()}",
            "make one with `lifeboat init`, or is another bucket, prefix or directory meant? In a bucket that keeps versions "
            "`lifeboat aws undelete --dry-run` tells whether there was one",
        )
    starts = [
        one
        for one in valid
        if (own is not None and own.fingerprint.hex() in one.signers)
        or (pinned is not None and set(one.fingerprints()) == set(pinned))
    ]
    trusted = _follow(min(starts or valid, key=lambda one: one.revision), valid)
    _obey_newer(newer, trusted)
    if not starts and any(one != trusted and not _leads_to(one, trusted, valid) for one in valid):
        signers = ", ".join(sorted({signer[:16] for one in valid for signer in one.signers}))
        raise DescriptionDoubtful(
            f"{store.describe()} holds descriptions that do not belong together, signed by {signers}",
            "somebody may have planted one: open it once with the key that made the repository, or ask its holder",
        )
    return trusted


def strange_descriptions(store: ObjectStore, trusted: Description) -> list[Description]:
    """Valid revisions that do not lead to the trusted one: planted, or left by a recipient who was removed."""
    valid, _, _ = _valid_descriptions(read_config(store))
    return [one for one in valid if one != trusted and not _leads_to(one, trusted, valid)]


class _Newer(Value):
    """A description of a format that only a later Lifeboat can read: all we can know is who signed it."""

    error: NewerFormat
    message: bytes
    signatures: Mapping[str, bytes]


def _obey_newer(newer: Sequence[_Newer], trusted: Description) -> None:
    """Stop when a recipient of the trusted description has moved on to a newer format; what strangers plant stops nobody."""
    for one in newer:
        for named in trusted.recipients:
            signature = one.signatures.get(named.recipient.fingerprint.hex())
            if signature is not None and named.recipient.has_signed(one.message, signature):
                raise one.error


def _valid_descriptions(
    config: SmallObjects,
) -> tuple[list[Description], list[_Newer], LifeboatError | None]:
    """Every revision that is whole and signed by one of its own recipients; those of newer formats; what was wrong with another."""
    valid: list[Description] = []
    newer: list[_Newer] = []
    trouble: LifeboatError | None = next((one for one in config.refused if CONFIG + _DESCRIPTION in one.message), None)
    for name, raw in config.of_kind(CONFIG + _DESCRIPTION):
        try:
            if isinstance(raw, LifeboatError):
                raise raw
            try:
                valid.append(open_description(raw, name))
            except NewerFormat as error:
                body, signatures = open_envelope(raw, name)
                newer.append(_Newer(error, to_be_signed(_LABEL, body), signatures))
        except LifeboatError as error:
            trouble = error
    return valid, newer, trouble


def _follow(start: Description, valid: Iterable[Description]) -> Description:
    """The last revision that a chain of trusted signatures leads to."""
    current = start
    for later in sorted(valid, key=lambda one: one.revision):
        known = set(current.fingerprints())
        if later.revision > current.revision and later.repository == current.repository and known & set(later.signers):
            current = later
    return current


def _leads_to(start: Description, end: Description, valid: Iterable[Description]) -> bool:
    return start.revision < end.revision and _follow(start, valid) == end


def open_description(raw: bytes, name: str) -> Description:
    """Parse and check one revision; raises ``ObjectDamaged`` kinds or ``NewerFormat``."""
    body, signatures = open_envelope(raw, name)
    try:
        if int(body["format"]) > FORMAT:
            raise NewerFormat(
                f"the repository has format {body['format']}; this Lifeboat reads up to {FORMAT}",
                "install the newest Lifeboat on this machine",
            )
        description = Description(
            repository=bytes.fromhex(body["repository"]),
            revision=int(body["revision"]),
            created=str(body["created"]),
            profile=str(body["profile"]),
            recipients=_named_from_json(body["recipients"]),
            custodians=_named_from_json(body.get("custodians", [])),
            former=_named_from_json(body.get("former", [])),
        )
        message = to_be_signed(_LABEL, body)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ObjectDamaged(f"{name} is not a description of a repository", "see `lifeboat verify`") from error
    signers = tuple(
        fingerprint
        for fingerprint, named in ((one.recipient.fingerprint.hex(), one) for one in description.recipients)
        if fingerprint in signatures and named.recipient.has_signed(message, signatures[fingerprint])
    )
    if not signers:
        raise ObjectDamaged(
            f"{name} is signed by none of its recipients", "somebody may have planted it; see `lifeboat verify`"
        )
    return replace(description, signers=signers)


def _named_to_json(people: Sequence[NamedRecipient]) -> list[dict[str, str]]:
    return [{"name": named.name, "recipient": named.recipient.to_text()} for named in people]


def _named_from_json(entries: Iterable[Mapping[str, Any]]) -> tuple[NamedRecipient, ...]:
    """Raises what malformed JSON raises; the caller words it."""
    return tuple(NamedRecipient(str(entry["name"]), Recipient.from_text(entry["recipient"])) for entry in entries)
