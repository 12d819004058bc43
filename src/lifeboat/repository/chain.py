"""The chain: small signed links, one for each commit, kept for ever (docs/format.md, section 10).

It makes omission and rollback visible: a link that is missing in the middle, two with one number, a head that is older than one seen before.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from lifeboat.crypto.signed import envelope, open_envelope, to_be_signed
from lifeboat.foundation.value import Value
from lifeboat.repository.errors import ObjectDamaged
from lifeboat.repository.names import link_name
from lifeboat.repository.writers import WriterSecret

_LABEL = "lifeboat link 1"


class Link(Value):
    """One link; ``name`` is the SHA-256 of the stored object in hex."""

    name: str
    writer: str
    generation: str
    sequence: int
    previous: str | None
    records: tuple[str, ...]
    heads: Mapping[str, str]
    time: str


def make_link(
    secret: WriterSecret,
    repository: bytes,
    generation: str,
    previous: Link | None,
    records: Sequence[str],
    heads: Mapping[str, str],
    time: str,
) -> tuple[int, bytes]:
    """Sign the next link; returns its sequence and the bytes to be stored."""
    sequence = previous.sequence + 1 if previous else 1
    body: dict[str, Any] = {
        "format": 1,
        "repository": repository.hex(),
        "writer": secret.writer.hex(),
        "generation": generation,
        "sequence": sequence,
        "previous": previous.name if previous else None,
        "records": list(records),
        "heads": dict(heads),
        "time": time,
    }
    return sequence, envelope(body, {"writer": secret.signing_key().sign(to_be_signed(_LABEL, body))})


def open_link(raw: bytes, name: str, signing_key: bytes, repository: bytes) -> Link:
    """Parse a link and check its signature; raises ``ObjectDamaged``."""
    body, signatures = open_envelope(raw, name)
    try:
        link = Link(
            name=name.rsplit("-", 1)[-1],
            writer=str(body["writer"]),
            generation=str(body["generation"]),
            sequence=int(body["sequence"]),
            previous=body["previous"],
            records=tuple(str(record) for record in body["records"]),
            heads={str(writer): str(head) for writer, head in body["heads"].items()},
            time=str(body["time"]),
        )
        if body["repository"] != repository.hex():
            raise ValueError("of another repository")
        place = link_name(link.writer, link.generation, link.sequence, link.name)
        if not place.endswith(name) or link.sequence < 1:
            raise ValueError("of another place than the one it lies in")
        if link.previous is not None and not isinstance(link.previous, str):
            raise TypeError("previous")
        Ed25519PublicKey.from_public_bytes(signing_key).verify(signatures["writer"], to_be_signed(_LABEL, body))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, InvalidSignature) as error:
        raise ObjectDamaged(f"{name} is not a link that its writer signed", "somebody may have planted it") from error
    return link


def newest(links: Iterable[Link]) -> Link | None:
    """The link with the highest sequence."""
    return max(links, key=lambda link: link.sequence, default=None)


def head_of_catalog(heads: Mapping[str, str]) -> str:
    """One hash over the newest link of every writer: what ``status`` and every report show.

    Args:
        heads: writer (hex) to the SHA-256 of its newest link (hex).
    """
    state = sha256(b"lifeboat head 1")
    for writer in sorted(heads):
        state.update(bytes.fromhex(writer) + bytes.fromhex(heads[writer]))
    return state.hexdigest()


def faults_in_chain(links: Sequence[Link]) -> list[str]:
    """What is wrong with one writer's links, in words; empty when they form one unbroken chain."""
    faults = []
    by_sequence: dict[int, Link] = {}
    for link in links:
        other = by_sequence.setdefault(link.sequence, link)
        if other is not link:
            faults.append(f"two links have sequence {link.sequence}: the writer was cloned or its machine rolled back")
    last = 0
    for sequence, link in sorted(by_sequence.items()):
        if sequence > last + 1:
            gone = f"link {last + 1} is" if sequence == last + 2 else f"links {last + 1} to {sequence - 1} are"
            faults.append(f"{gone} missing: a part of the history was removed")
        before = by_sequence.get(sequence - 1)
        if before is not None and link.previous != before.name:
            faults.append(f"link {sequence} does not continue link {sequence - 1}")
        last = sequence
    return faults
