"""What one look at one object found, and the form in which one process leaves it for another.

Format, of what was found whole, 41 bytes a row: first half of the SHA-256 of the object's whole name (16) ‖ ``Unit.mark`` of what was opened
(8, zero where nothing is) ‖ u32 seconds since 1970 by the store's clock ‖ u64 bytes read ‖ u32 chunks opened ‖ u8 flags (1: every chunk
opened). What is not whole is left in words.

Limits: only between shards of one run, which are of one version: nothing of this is kept.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lifeboat.foundation.finding import Finding, Level
from lifeboat.operations.verify.memory import NEVER_OPENED
from lifeboat.operations.verify.rolling import Unit
from lifeboat.repository.pack_format import ROW_BYTES as TABLE_ROW_BYTES
from lifeboat.repository.pack_format import unpack_row

_ROW = struct.Struct(">16s8sIQIB")
ROW_BYTES = _ROW.size
KEY_BYTES = 16
_OPENED = 1


@dataclass
class Outcome:
    """What was found."""

    unit: Unit
    size: int = 0
    chunks: int = 0
    opened: bool = False
    """Every chunk of the pack opened, by the chunk table that the index states."""
    hash_is_right: bool = False
    bad: list[bytes] = field(default_factory=list)
    trouble: Finding | None = None
    away: bool = False
    """It lies in an archive class: neither right nor wrong."""
    seconds: int = 0
    """When it was looked at, since 1970 by the store's clock; 0: now."""


def code_of(unit: Unit) -> str | None:
    """What damage to it is called; None: as damage is called anywhere."""
    if unit.segment is not None:
        return "segment-damaged"
    return "pack-damaged" if unit.is_pack else None


def to_row(outcome: Outcome) -> bytes:
    """Of one without trouble."""
    unit = outcome.unit
    mark, flags = unit.mark or NEVER_OPENED, _OPENED * outcome.opened
    return _ROW.pack(unit.key[:KEY_BYTES], mark, outcome.seconds, outcome.size, outcome.chunks, flags)


def from_row(row: bytes, unit: Unit) -> Outcome | None:
    """None where it is of something else: another object, or a pack of which the index says something else by now."""
    key, mark, seconds, size, chunks, flags = _ROW.unpack(row)
    opened = bool(flags & _OPENED)
    if key != unit.key[:KEY_BYTES] or mark != (unit.mark or NEVER_OPENED) or (unit.can_be_opened and not opened):
        return None
    return Outcome(unit, size, chunks, opened, hash_is_right=True, seconds=seconds)


def to_words(outcome: Outcome) -> dict[str, Any]:
    """Of one with trouble."""
    trouble = outcome.trouble
    assert trouble is not None
    every = _chunks_of(outcome.unit)
    return {
        "name": outcome.unit.name,
        "mark": (outcome.unit.mark or NEVER_OPENED).hex(),
        "seconds": outcome.seconds,
        "size": outcome.size,
        "chunks": outcome.chunks,
        "hash_is_right": outcome.hash_is_right,
        # A damaged front leaves no chunk that opens: no need to write a million names.
        "bad": None if every and outcome.bad == every else [one.hex() for one in outcome.bad],
        "code": trouble.code,
        "message": trouble.message,
        "hint": trouble.hint,
        "hurts": list(trouble.hurts),
    }


def from_words(said: Mapping[str, Any], unit: Unit) -> Outcome | None:
    """None as for ``from_row``."""
    if said["mark"] != (unit.mark or NEVER_OPENED).hex():
        return None
    bad = _chunks_of(unit) if said["bad"] is None else [bytes.fromhex(one) for one in said["bad"]]
    trouble = Finding(Level.PROBLEM, said["code"], unit.name, said["message"], said["hint"], tuple(said["hurts"]))
    return Outcome(
        unit,
        said["size"],
        said["chunks"],
        hash_is_right=said["hash_is_right"],
        bad=bad,
        trouble=trouble,
        seconds=said["seconds"],
    )


def _chunks_of(unit: Unit) -> list[bytes]:
    rows = unit.indexed.rows if unit.indexed is not None else b""
    return [unpack_row(rows, number).chunk for number in range(len(rows) // TABLE_ROW_BYTES)]
