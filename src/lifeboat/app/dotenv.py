"""Read a ``.env`` file the way the application beside us reads it.

The file belongs to the application, so lines we do not understand are passed over. Nothing is expanded: a ``$`` in a
password is a dollar sign.

Invariant: a name Lifeboat asks for is either read as it stands or refused by its line; it is never half read.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from lifeboat.foundation.errors import SettingsError

_ASSIGNMENT = re.compile(r"^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.]*)[ \t]*=[ \t]*(.*)$")
_NAME_FIRST = re.compile(r"^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)\b")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$"}


@dataclass(frozen=True, slots=True, repr=False)
class DotenvValue:
    """A value and the line it starts on. Never printed whole: most of them are secrets."""

    text: str
    line: int


def read_dotenv(content: str, asked: Collection[str] = (), where: str = ".env") -> dict[str, DotenvValue]:
    """Every name the text sets, the last setting of a name winning.

    Args:
        asked: Names that must not be passed over when their line is not an assignment or its quote is never closed.
        where: How the file is called in messages.
    """
    values: dict[str, DotenvValue] = {}
    lines = content.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    at = 0
    while at < len(lines):
        line, number = lines[at], at + 1
        at += 1
        assignment = _ASSIGNMENT.match(line)
        if assignment is None:
            _refuse_if_asked(line, number, asked, where)
            continue
        name, rest = assignment.groups()
        if rest[:1] in ("'", '"', "`"):
            closed = _read_quoted("\n".join([rest, *lines[at:]]))
            if closed is not None:
                text, lines_more = closed
                values[name] = DotenvValue(text, number)
                at += lines_more
                continue
            if name in asked:
                raise SettingsError(
                    f"{where}, line {number}: the quote that opens {name} is never closed",
                    f"close it, or leave both quotes away: {name}=value",
                )
        values[name] = DotenvValue(_without_comment(rest), number)
    return values


def _read_quoted(text: str) -> tuple[str, int] | None:
    """The value of quoted text and how many further lines it took; None if the quote never closes."""
    quote, at = text[0], 1
    out: list[str] = []
    while at < len(text):
        character = text[at]
        if character == quote:
            return "".join(out), text.count("\n", 0, at)
        if character == "\\" and quote == '"' and text[at + 1 : at + 2] in _ESCAPES:
            character = _ESCAPES[text[at + 1]]
            at += 1
        out.append(character)
        at += 1
    return None


def _without_comment(rest: str) -> str:
    """A comment begins at a ``#`` after a blank; inside a word it belongs to the value, as in a password."""
    return re.sub(r"(^|[ \t])#.*$", "", rest).strip()


def _refuse_if_asked(line: str, number: int, asked: Collection[str], where: str) -> None:
    first = _NAME_FIRST.match(line)
    if first and first.group(1) in asked:
        name = first.group(1)
        raise SettingsError(f"{where}, line {number}: {name} has no value", f"write it as {name}=value")
