"""A plan that lies in a file already: what people wrote into it, which version it is, whether somebody changed what is ours. Pure.

The last line of the file is a comment that says so; it is also the proof that the file is whole.

Invariant: nothing that people wrote is lost. A file that cannot be read for certain is refused, with the line; it is never taken for empty.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lifeboat.evidence.paper.markdown import yours_in
from lifeboat.evidence.plan.stable import Parts
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.value import Value

FORMAT = 1
_TRAILER = re.compile(r"<!-- lifeboat plan: (\{.*\}) -->")
_BEGIN = re.compile(r"<!-- yours: (.*?) -->[ \t]*")
_END = re.compile(r"<!-- end: (.*?) -->[ \t]*")
_NAME = re.compile(r"[a-z][a-z0-9-]*")
_ALMOST = re.compile(r"<!--\s*(yours|end)\b", re.IGNORECASE)


class PlanFileDoubtful(SettingsError):
    """The file of the plan cannot be read for certain, so what people wrote into it might be lost: nothing is written."""

    code = "plan-file-doubtful"


class KeptPlan(Value):
    """What lies in a file, or in the ledger.

    Args:
        yours: What people wrote, by the name of the part; without empty ones.
        is_edited: Whether somebody changed what stands outside of those parts.
    """

    version: int
    made: datetime
    parts: Parts
    yours: Mapping[str, str]
    is_edited: bool = False


def read_kept(raw: bytes, name: str) -> KeptPlan:
    """Read what was written before; raises ``PlanFileDoubtful``.

    Args:
        name: Of the file, for messages.
    """
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise _doubtful(name, "is not UTF-8 text", "save it as UTF-8") from None
    lines = text.split("\n")
    trailers = [(number, found) for number, line in enumerate(lines) if (found := _TRAILER.fullmatch(line.strip()))]
    if not trailers:
        if _ALMOST.search(text):
            raise _doubtful(name, "has no last line of ours: it is not whole", "bring it back whole")
        raise _doubtful(name, "was not written by Lifeboat", "name another place with --out")
    if len(trailers) > 1:
        raise _doubtful(name, f"holds two plans, the second from line {trailers[0][0] + 2} on", "leave one of them")
    number, trailer = trailers[0]
    _check_marks(lines, name)
    said = _trailer(trailer[1], name, number + 1)
    written = {key: part for key, part in yours_in(text).items() if part}
    behind = "\n".join(lines[number + 1 :]).strip()
    return KeptPlan(
        int(said["version"]),
        datetime.fromisoformat(said["made"]),
        said["parts"],
        written,
        is_edited=bool(behind) or said["text"] != ours_digest("\n".join(lines[:number])),
    )


def write_kept(markdown: str, version: int, made: datetime, parts: Parts) -> str:
    """The text of the file: the document and the line that says what it is."""
    said = {
        "format": FORMAT,
        "version": version,
        "made": made.isoformat(),
        "parts": parts,
        "text": ours_digest(markdown),
    }
    # A comment ends at its first "-->", wherever that stands.
    plain = json.dumps(said, separators=(",", ":"), ensure_ascii=True).replace(">", "\\u003e")
    return f"{markdown.rstrip()}\n\n<!-- lifeboat plan: {plain} -->\n"


def ours_digest(markdown: str) -> str:
    """SHA-256 (hex) of what is not people's; blanks at the end of lines do not count, since editors take them away."""
    kept, inside = [], False
    for line in markdown.split("\n"):
        if _END.fullmatch(line):
            inside = False
        if not inside:
            kept.append(line.rstrip())
        if _BEGIN.fullmatch(line):
            inside = True
    return hashlib.sha256("\n".join(kept).strip().encode()).hexdigest()


def _check_marks(lines: list[str], name: str) -> None:
    """Every part begins and ends once, and none lies in another."""
    inside, seen = "", set()
    for number, line in enumerate(lines, 1):
        begin, end = _BEGIN.fullmatch(line), _END.fullmatch(line)
        if begin is None and end is None:
            if _ALMOST.search(line) and (_ALMOST.match(line.lstrip())):
                raise _doubtful(
                    name, f"line {number} is almost a mark of ours: {line.strip()[:60]}", "write it as it was"
                )
            continue
        if begin is not None:
            if inside:
                raise _doubtful(name, f"line {number} begins a part inside of {inside}", f"end {inside} before it")
            if not _NAME.fullmatch(begin[1]):
                raise _doubtful(name, f"line {number} names no part: {begin[1][:40]}", "write the mark as it was")
            if begin[1] in seen:
                raise _doubtful(name, f"line {number} begins {begin[1]} a second time", "leave one of the two")
            inside = begin[1]
            seen.add(inside)
        elif end is not None:
            if end[1] != inside:
                raise _doubtful(
                    name,
                    f"line {number} ends {end[1][:40]}, which does not begin before it",
                    "write the mark that begins it where it was",
                )
            inside = ""
    if inside:
        raise _doubtful(name, f"the part {inside} has no end", f"write <!-- end: {inside} --> behind it")


def _trailer(text: str, name: str, number: int) -> dict[str, Any]:
    try:
        said = json.loads(text)
        if int(said["format"]) > FORMAT:
            raise _doubtful(name, "was written by a newer Lifeboat", "install the newest on this machine")
        version, made, parts, digest = int(said["version"]), said["made"], said["parts"], said["text"]
        datetime.fromisoformat(made)
        if version < 1 or not isinstance(parts, dict) or not isinstance(digest, str):
            raise ValueError(text)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise _doubtful(
            name, f"line {number}, which says what the file is, is damaged", "bring it back whole"
        ) from None
    return dict(said)


def _doubtful(name: str, what: str, act: str) -> PlanFileDoubtful:
    return PlanFileDoubtful(
        f"{name} {what}" if not what.startswith(("line", "the part")) else f"{name}: {what}",
        f"{act}, or move it away: then a new plan is made, with what the ledger has of what people wrote",
    )
