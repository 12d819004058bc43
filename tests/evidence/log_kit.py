"""Logs of some length, and everything that somebody could do to one."""

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lifeboat.crypto.signed import canonical_json
from lifeboat.evidence.entry import Entry, hash_of, make_entry
from lifeboat.evidence.examine import Head, examine_lines
from lifeboat.evidence.log import AuditLog
from lifeboat.foundation.finding import Finding
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.writers import WriterSecret

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


def content(number: int, act: str = "restore") -> dict[str, Any]:
    when = (NOON + timedelta(minutes=number)).isoformat()
    return {
        "time": when,
        "who": {"user": "anna"},
        "from": {"host": "db1"},
        "act": act,
        "words": f"{act} db {number}",
        "phase": "done",
        "result": {"status": 0, "error": None},
        "subject": {"snapshots": [f"{number:08d}"]},
    }


def state_in(folder: Path) -> LocalState:
    return LocalState(folder, "/srv/backups")


def fill(state: LocalState, count: int, secret: WriterSecret | None, *, begin: int = 1) -> list[bytes]:
    log = AuditLog(state)
    for number in range(begin, begin + count):
        log.append(content(number), secret)
    return lines_of(state)


def lines_of(state: LocalState) -> list[bytes]:
    return AuditLog(state).path.read_bytes().splitlines()


def put(state: LocalState, lines: list[bytes]) -> None:
    AuditLog(state).path.write_bytes(b"".join(line + b"\n" for line in lines))


def examined(state: LocalState, *secrets: WriterSecret, with_head: bool = True) -> list[Finding]:
    log = AuditLog(state)
    head = log.head() if with_head else None
    return examine_lines(list(log.lines()), {one.writer.hex(): one for one in secrets}, Head(*head) if head else None)


def codes(found: list[Finding]) -> set[str]:
    return {one.code for one in found}


def named(found: list[Finding]) -> set[int]:
    """Numbers of all entries that the findings are about."""
    return {int(one.subject.split()[1]) for one in found if one.subject.startswith("entry ")}


def read(line: bytes) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(line)
    return value


def changed_only(line: bytes, **to: Any) -> bytes:
    """As an editor would: the hash stays."""
    return canonical_json({**read(line), **to})


def changed_with_hash(line: bytes, **to: Any) -> bytes:
    """By somebody who knows the format and has no secret: the hash is made anew, the mac cannot be."""
    fields = {**read(line), **to}
    return canonical_json({**fields, "hash": hash_of(fields)})


def rewritten_from(lines: list[bytes], at: int, **to: Any) -> list[bytes]:
    """One entry changed and all later ones chained anew, without the secret."""
    made: list[bytes] = lines[:at]
    previous = read(lines[at])["previous"]
    for number, line in enumerate(lines[at:]):
        fields = {**read(line), "previous": previous, **(to if number == 0 else {})}
        fields["hash"] = previous = hash_of(fields)
        made.append(canonical_json(fields))
    return made


Harm = Callable[[list[bytes], random.Random], tuple[list[bytes], set[int]]]
"""Lines and chance in; lines out, and the numbers of which at least one must be named."""


def change(lines: list[bytes], chance: random.Random) -> tuple[list[bytes], set[int]]:
    at = chance.randrange(len(lines))
    name, value = chance.choice(
        [
            ("act", "status"),
            ("time", "2020-01-01T00:00:00Z"),
            ("who", {"user": "eve"}),
            ("subject", {}),
            ("result", {"status": 12}),
        ]
    )
    return [*lines[:at], changed_only(lines[at], **{name: value}), *lines[at + 1 :]], {at + 1}


def flip(lines: list[bytes], chance: random.Random) -> tuple[list[bytes], set[int]]:
    at = chance.randrange(len(lines))
    spoilt = bytearray(lines[at])
    place = chance.randrange(len(spoilt))
    spoilt[place] = chance.choice([one for one in range(33, 127) if one != spoilt[place]])
    return [*lines[:at], bytes(spoilt), *lines[at + 1 :]], {at, at + 1, at + 2}


def swap(lines: list[bytes], chance: random.Random) -> tuple[list[bytes], set[int]]:
    one, other = sorted(chance.sample(range(len(lines)), 2))
    moved = list(lines)
    moved[one], moved[other] = moved[other], moved[one]
    return moved, {one + 1, other + 1}


def remove(lines: list[bytes], chance: random.Random) -> tuple[list[bytes], set[int]]:
    at = chance.randrange(len(lines) - 1)
    return [*lines[:at], *lines[at + 1 :]], {at + 1}


def cut(lines: list[bytes], chance: random.Random) -> tuple[list[bytes], set[int]]:
    at = chance.randrange(1, len(lines))
    return lines[:at], {at + 1}


def copy(lines: list[bytes], chance: random.Random) -> tuple[list[bytes], set[int]]:
    source, to = chance.randrange(len(lines)), chance.randrange(len(lines))
    return [*lines[:to], lines[source], *lines[to:]], {source + 1}


def insert_forged(lines: list[bytes], chance: random.Random) -> tuple[list[bytes], set[int]]:
    """A line of somebody who has no secret, chained to the one before."""
    at = chance.randrange(len(lines))
    before = read(lines[at])
    forged: Entry = make_entry(
        content(999), seq=before["seq"] + 1, log=before["log"], previous=before["hash"], secret=None
    )
    return [*lines[: at + 1], forged.line(), *lines[at + 1 :]], {at + 2}


HARMS: dict[str, Harm] = {
    "change": change,
    "flip": flip,
    "swap": swap,
    "remove": remove,
    "cut": cut,
    "copy": copy,
    "insert": insert_forged,
}
