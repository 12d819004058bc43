"""Writers: one for each installation, each with a secret of its own, registered under a recipient's signature.

The secret is wrapped for every recipient, so that an identity alone restores everything. It opens no content:
it names chunks, opens and makes catalog objects, and signs the chain (docs/format.md, section 5). The part of it that opens the
catalog is wrapped for every custodian as well.
"""

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lifeboat.crypto.identity import Identity, from_base64, to_base64
from lifeboat.crypto.sealing import derive
from lifeboat.crypto.signed import envelope, open_envelope, to_be_signed
from lifeboat.crypto.wrapping import unwrap, wrap
from lifeboat.foundation.errors import LifeboatError, RepositoryDamaged
from lifeboat.foundation.value import Value, field
from lifeboat.repository.description import FORMAT, Description, NamedRecipient
from lifeboat.repository.errors import ObjectDamaged, SaidByFormer
from lifeboat.repository.names import CONFIG, digest, registration_name
from lifeboat.repository.objects import SmallObjects, write_named
from lifeboat.storage.object_store import ObjectStore

_LABEL = "lifeboat writer 1"
SECRET_BYTES = 96
CATALOG_KEY_BYTES = 32


class CatalogKey(Protocol):
    """What opens the catalog of one writer: a custodian has no more, a writer's whole secret is one too."""

    @property
    def writer(self) -> bytes: ...

    @property
    def catalog_key(self) -> bytes: ...


@dataclasses.dataclass(frozen=True)
class CustodiansCatalogKey:
    """The catalog key alone: lists, forgets and prunes snapshots; names no chunk, signs no link."""

    writer: bytes
    catalog_key: bytes = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True)
class WriterSecret:
    """What one installation holds."""

    writer: bytes
    raw: bytes = dataclasses.field(repr=False)

    @classmethod
    def generate(cls) -> "WriterSecret":
        return cls(os.urandom(16), os.urandom(SECRET_BYTES))

    @property
    def id_key(self) -> bytes:
        return self.raw[:32]

    @property
    def catalog_key(self) -> bytes:
        return self.raw[32:64]

    def signing_key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.raw[64:96])

    def cutting_seed(self) -> int:
        """63 bits (what the cutter takes) that make this writer's cuts its own, so that chunk sizes tell a stranger less."""
        return int.from_bytes(derive(self.id_key, bytes(32), b"lifeboat cutting seed 1")[:8], "big") >> 1


class Registration(Value):
    """A writer as the repository knows it."""

    writer: bytes
    label: str
    created: str
    signing_key: bytes
    wrapped: Mapping[str, bytes]
    """The secret, wrapped: fingerprint (hex) of a recipient to what opens with his identity."""
    catalog: Mapping[str, bytes] = field(default_factory=dict)
    """The catalog key alone, wrapped for custodians in the same way."""
    machine: str = ""
    """What tells the machine that it was made on from others of the same name; empty where that is not known."""

    def open_secret(self, identity: Identity, repository: bytes) -> WriterSecret:
        """The writer's secret; raises ``RepositoryDamaged`` when it was not wrapped for this identity or is not its own."""
        fingerprint = identity.recipient.fingerprint
        wrapped = self.wrapped.get(fingerprint.hex())
        if wrapped is None:
            raise RepositoryDamaged(
                f"writer {self.writer.hex()[:8]} ({self.label}) is not registered for key {identity.recipient.fingerprint_short}",
                "another recipient's key opens it",
            )
        raw = unwrap(wrapped, identity, _info(repository, self.writer, fingerprint))
        secret = WriterSecret(self.writer, raw)
        if len(raw) != SECRET_BYTES or secret.signing_key().public_key().public_bytes_raw() != self.signing_key:
            raise ObjectDamaged(f"the secret of writer {self.writer.hex()[:8]} is not the one that was registered")
        return secret

    def open_catalog_key(self, custodian: Identity, repository: bytes) -> CustodiansCatalogKey:
        """The catalog key; raises ``RepositoryDamaged`` when it was not wrapped for this custodian."""
        fingerprint = custodian.recipient.fingerprint
        wrapped = self.catalog.get(fingerprint.hex())
        if wrapped is None:
            raise RepositoryDamaged(
                f"the catalog of writer {self.writer.hex()[:8]} ({self.label}) was not opened to custodian "
                f"{custodian.recipient.fingerprint_short}",
                "`lifeboat doctor` on the machine with the key opens every catalog to every custodian",
            )
        raw = unwrap(wrapped, custodian, _catalog_info(repository, self.writer, fingerprint))
        if len(raw) != CATALOG_KEY_BYTES:
            raise ObjectDamaged(f"the catalog key of writer {self.writer.hex()[:8]} has {len(raw)} bytes")
        return CustodiansCatalogKey(self.writer, raw)


def register_writer(
    store: ObjectStore,
    description: Description,
    secret: WriterSecret,
    label: str,
    created: str,
    signer: Identity,
    machine: str = "",
) -> str:
    """Wrap the writer's secret for every recipient, its catalog key for every custodian, and store the signed registration;
    returns its name.
    """
    body: dict[str, Any] = {
        "format": FORMAT,
        "repository": description.repository.hex(),
        "writer": secret.writer.hex(),
        "label": label,
        "created": created,
        "signing_key": to_base64(secret.signing_key().public_key().public_bytes_raw()),
        "secret": {
            named.recipient.fingerprint.hex(): to_base64(
                wrap(
                    secret.raw,
                    named.recipient,
                    _info(description.repository, secret.writer, named.recipient.fingerprint),
                )
            )
            for named in description.recipients
        },
    }
    if description.custodians:
        body["catalog"] = {
            named.recipient.fingerprint.hex(): to_base64(
                wrap(
                    secret.catalog_key,
                    named.recipient,
                    _catalog_info(description.repository, secret.writer, named.recipient.fingerprint),
                )
            )
            for named in description.custodians
        }
    if machine:
        body["machine"] = machine
    raw = envelope(body, {signer.recipient.fingerprint.hex(): signer.sign(to_be_signed(_LABEL, body))})
    name = registration_name(secret.writer.hex(), digest(raw))
    write_named(store, name, raw)
    return name


def read_registrations(
    config: SmallObjects, description: Description
) -> tuple[list[Registration], list[LifeboatError]]:
    """One registration for each writer, oldest first, and what was wrong with others.

    A writer may be registered several times (a custodian came later): each opens for those it names.
    """
    found: list[Registration] = []
    former: list[tuple[str, LifeboatError]] = []
    trouble: list[LifeboatError] = [*config.refused]
    for name, raw in config.of_kind(CONFIG + "writer-"):
        if isinstance(raw, LifeboatError):
            trouble.append(raw)
            continue
        try:
            found.append(open_registration(raw, name, description))
        except SaidByFormer as error:
            former.append((name, error))
        except LifeboatError as error:
            trouble.append(error)
    sound = {one.writer.hex() for one in found}
    trouble += [error for name, error in former if name.split("-")[1] not in sound]
    return _joined(sorted(found, key=lambda one: one.created), trouble), trouble


def _joined(found: Iterable[Registration], trouble: list[LifeboatError]) -> list[Registration]:
    joined: dict[bytes, Registration] = {}
    for one in found:
        first = joined.setdefault(one.writer, one)
        if first.signing_key != one.signing_key:
            trouble.append(
                ObjectDamaged(
                    f"two registrations of writer {one.writer.hex()[:8]} contradict each other", "which is ours?"
                )
            )
        elif first is not one:
            joined[one.writer] = dataclasses.replace(
                first, wrapped={**first.wrapped, **one.wrapped}, catalog={**first.catalog, **one.catalog}
            )
    return list(joined.values())


def open_registration(raw: bytes, name: str, description: Description) -> Registration:
    """Parse one registration and check that a recipient signed it; raises ``ObjectDamaged``."""
    body, signatures = open_envelope(raw, name)
    try:
        registration = Registration(
            writer=bytes.fromhex(body["writer"]),
            label=str(body["label"]),
            created=str(body["created"]),
            signing_key=from_base64(body["signing_key"]),
            wrapped={str(who): from_base64(wrapped) for who, wrapped in body["secret"].items()},
            catalog={str(who): from_base64(wrapped) for who, wrapped in body.get("catalog", {}).items()},
            machine=str(body.get("machine", "")),
        )
        if len(registration.writer) != 16:
            raise ValueError("not a writer's id")
        message = to_be_signed(_LABEL, body)
        ours = body["repository"] == description.repository.hex()
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ObjectDamaged(f"{name} is not the registration of a writer") from error
    if not ours:
        raise ObjectDamaged(f"{name} registers a writer of another repository")
    if description.signer_of(message, signatures) is None:
        raise description.signed_by_nobody(name, message, signatures, "somebody may have planted it")
    return registration


def not_opened_to(registrations: Iterable[Registration], custodians: Sequence[NamedRecipient]) -> list[Registration]:
    """The writers whose catalog some custodian cannot open yet."""
    wanted = {named.recipient.fingerprint.hex() for named in custodians}
    return [one for one in registrations if wanted - set(one.catalog)]


def _catalog_info(repository: bytes, writer: bytes, fingerprint: bytes) -> bytes:
    return b"lifeboat catalog key 1\x00" + repository + writer + fingerprint


def _info(repository: bytes, writer: bytes, fingerprint: bytes) -> bytes:
    return b"lifeboat writer secret 1\x00" + repository + writer + fingerprint
