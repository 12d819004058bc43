"""Carry statements: which packs of an earlier month (or of the other class) were copied into a month, so that its first backup need not
store again what they hold (docs/format.md, section 17).

Invariant: a statement is stored after the copies and their data keys are, and it counts only when a recipient or a custodian signed it. It says
where packs lie and nothing of what is in them: that the writer takes from its own indexes, which nobody else writes. So whoever lies here can
name a pack that is not where he says, but its content still lies where the writer put it, and no chunk is ever taken for another one.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from lifeboat.crypto.identity import Identity, to_base64
from lifeboat.crypto.signed import envelope, open_envelope, to_be_signed
from lifeboat.foundation.value import Value
from lifeboat.repository.catalog_format import joined_names, split_names
from lifeboat.repository.description import Description
from lifeboat.repository.errors import NewerFormat, ObjectDamaged
from lifeboat.repository.names import Class, Source, carry_name, digest, is_generation, packs_prefix
from lifeboat.repository.objects import write_named
from lifeboat.repository.record import read_time, show_time
from lifeboat.storage.object_store import ObjectStore

FORMAT = 1
PACKS_AT_MOST = 20_000
"""In one statement: 0.9 MB of the 4 MiB that a reader takes."""
_LABEL = "lifeboat carry 1"


class Lane(Value):
    """From where to where packs of one writer and source are carried."""

    writer: str
    source: Source
    class_: Class
    generation: str
    from_class: Class
    from_generation: str

    @property
    def place(self) -> str:
        """Where the copies lie."""
        return packs_prefix(self.source, self.class_, self.generation)

    @property
    def origin(self) -> str:
        """Where they were copied from."""
        return packs_prefix(self.source, self.from_class, self.from_generation)

    def leads_on(self) -> bool:
        """Whether it leads to another place, and not back in time."""
        return self.from_generation <= self.generation and self.place != self.origin


class Carry(Value):
    """One statement. Args: signer: fingerprint (hex) of who said it."""

    name: str
    lane: Lane
    packs: tuple[bytes, ...]
    time: datetime
    signer: str


def write_carry(
    store: ObjectStore, description: Description, signer: Identity, lane: Lane, packs: Iterable[bytes], now: datetime
) -> list[str]:
    """Say that these packs, and their data keys, lie where the lane leads; returns the objects' names.

    Args:
        now: The store's time.
    """
    names, every = [], sorted(packs)
    for start in range(0, len(every), PACKS_AT_MOST):
        body: dict[str, Any] = {
            "format": FORMAT,
            "repository": description.repository.hex(),
            "writer": lane.writer,
            "generation": lane.generation,
            "source": str(lane.source),
            "class": str(lane.class_),
            "from": {"class": str(lane.from_class), "generation": lane.from_generation},
            "packs": to_base64(joined_names(every[start : start + PACKS_AT_MOST])),
            "time": show_time(now),
        }
        raw = envelope(body, {signer.recipient.fingerprint.hex(): signer.sign(to_be_signed(_LABEL, body))})
        name = carry_name(lane.writer, lane.generation, digest(raw))
        write_named(store, name, raw)
        names.append(name)
    return names


def open_carry(raw: bytes, name: str, description: Description) -> Carry:
    """Parse a statement and check that a recipient or a custodian signed it; raises ``ObjectDamaged``, ``NewerFormat``."""
    body, signatures = open_envelope(raw, name)
    try:
        if int(body["format"]) > FORMAT:
            raise NewerFormat(f"{name} was written by a newer Lifeboat", "install the newest Lifeboat on this machine")
        origin = body["from"]
        lane = Lane(
            str(body["writer"]),
            Source(body["source"]),
            Class(body["class"]),
            str(body["generation"]),
            Class(origin["class"]),
            str(origin["generation"]),
        )
        carry = Carry(name, lane, split_names(body["packs"]), read_time(body["time"]), "")
        if body["repository"] != description.repository.hex():
            raise ValueError("of another repository")
        if carry_name(lane.writer, lane.generation, name.rsplit("-", 1)[-1]) != name:
            raise ValueError("of another place than the one it lies in")
        if not is_generation(lane.from_generation) or not lane.leads_on():
            raise ValueError("leads nowhere")
        message = to_be_signed(_LABEL, body)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ObjectDamaged(f"{name} is not a carry statement", "somebody may have planted it") from error
    for named in (*description.recipients, *description.custodians):
        fingerprint = named.recipient.fingerprint.hex()
        if fingerprint in signatures and named.recipient.has_signed(message, signatures[fingerprint]):
            return replace(carry, signer=fingerprint)
    raise description.signed_by_nobody(
        name, message, signatures, "was it a custodian who was removed? Else somebody planted it"
    )
