"""Read ``lifeboat.toml``, and say what is meant when it says something else: by line and setting, with what is allowed there.

Invariant: no message repeats a value from the file.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from msgspec import Struct, ValidationError, convert

from lifeboat.app.settings_tables import IN_THE_CLEAR, NotifyTable, SettingsFile, read_special
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.near_names import did_you_mean


class SettingsFileInvalid(SettingsError):
    """``lifeboat.toml`` or ``.env`` cannot be read, or says something that is not allowed."""

    code = "settings-file-invalid"


class SecretInTheClear(SettingsError):
    """A secret stands in ``lifeboat.toml`` itself, which is made to be shared and versioned."""

    code = "secret-in-the-clear"


def read_settings_file(path: Path) -> SettingsFile:
    """Read and check the file; every mistake is named by line and setting, with what is allowed there."""
    try:
        content = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsFileInvalid(
            f"{path} does not exist", "is the path after --config or in LIFEBOAT_CONFIG right?"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not UTF-8 text"
        raise SettingsFileInvalid(f"{path} cannot be read: {reason[0].lower()}{reason[1:]}", "is it yours?") from None
    try:
        return convert(_toml(content), SettingsFile, dec_hook=read_special)
    except tomllib.TOMLDecodeError as error:
        words = str(error).rstrip(".")
        raise SettingsFileInvalid(
            f"{path} is not TOML: {words[0].lower()}{words[1:]}",
            'texts stand in quotes, lists in brackets: paths = ["/srv/uploads"]',
        ) from None
    except RecursionError:
        raise SettingsFileInvalid(f"{path} is nested too deeply", "no setting needs more than two brackets") from None
    except ValidationError as error:
        said = str(error)
    # Outside the handler, so that msgspec's error, which may repeat a value, is not chained to ours.
    raise _in_our_words(path, content, said)


def _toml(content: str) -> dict[str, Any]:
    try:
        return tomllib.loads(content)
    except tomllib.TOMLDecodeError:
        raise
    except ValueError:
        raise tomllib.TOMLDecodeError("It holds a number without end") from None


def check_table(path: Path | None, said: dict[str, Any]) -> NotifyTable:
    """``[notify]`` alone, whatever the rest of the file says."""
    try:
        return convert({"notify": said}, _Notify, dec_hook=read_special).notify
    except ValidationError as error:
        wrong = str(error)
    content = path.read_text(encoding="utf-8", errors="replace") if path and path.is_file() else ""
    raise _in_our_words(path or Path("lifeboat.toml"), content, wrong)


class _Notify(Struct):
    notify: NotifyTable


_SAID = re.compile(r"(?P<what>.*?)(?: - at `(?P<at>\$[^`]*)`)?", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`")
_EXPECTED = re.compile(r"Expected `(?P<kinds>[a-z| ]+)`(?:, got `(?P<got>\w+)`| (?P<bound>.+))?", re.DOTALL)
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text in quotes",
    "bool": "true or false",
    "array": "a list in brackets",
    "object": "a table",
}
_GOT = {
    "int": "a number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
}
_BOUNDS = ((">= ", "of at least "), ("<= ", "of at most "), ("> ", "of more than "), ("< ", "of less than "))
_LENGTHS = (
    ("of length >= 1", "that is not empty"),
    ("of length <= ", "of a length of at most "),
    ("matching regex ", "of the form "),
)


def _in_our_words(path: Path, content: str, said: str) -> SettingsError:
    """Args: said: the one sentence of msgspec's about the first mistake, which ends with where it is."""
    found = _SAID.fullmatch(said)
    assert found is not None
    what, names = found["what"], re.findall(r"\.([A-Za-z_]+)", found["at"] or "")
    if unknown := _UNKNOWN.fullmatch(what):
        names.append(unknown[1])
    elif missing := _MISSING.fullmatch(what):
        names.append(missing[1])
    setting = ".".join(names) or "what it says"
    line = _find_line(content, names) or _find_line(content, names[:-1])
    where = f"{path}, line {line}" if line else str(path)
    if what == IN_THE_CLEAR:
        return SecretInTheClear(
            f"{where}: {setting} holds a secret in the clear",
            f'say where it is instead: {names[-1]} = "env:NAME" or {names[-1]} = "file:/path"; the default is the '
            "variable of the environment or of .env",
        )
    if unknown:
        allowed = _allowed_beside(names)
        question = did_you_mean(names[-1], allowed)
        place = f"[{'.'.join(names[:-1])}]" if len(names) > 1 else "the file"
        return SettingsFileInvalid(
            f"{where}: {setting} is not a setting", f"{question}{place} takes {', '.join(allowed)}"
        )
    if missing:
        return SettingsFileInvalid(f"{where}: {setting} is missing", f"each [[{'.'.join(names[:-1])}]] needs it")
    return SettingsFileInvalid(f"{where}: {setting} cannot be used", _expected(what, names))


def _expected(what: str, names: list[str]) -> str:
    if what.startswith("Invalid"):  # the only sentences of msgspec's that repeat a value
        return f"one of these is expected: {', '.join(_choices(names))}"
    found = _EXPECTED.fullmatch(what)
    if found is None:
        return what
    kinds = " or ".join(_KINDS.get(one, one) for one in found["kinds"].split(" | ") if one != "null")
    bound = found["bound"] or ""
    for theirs, ours in (*_LENGTHS, *_BOUNDS):
        if bound.startswith(theirs):
            return f"{kinds} {bound.replace(theirs, ours, 1)} is expected"
    if found["got"]:
        return f"{kinds} is expected, not {_GOT.get(found['got'], 'this')}"
    return f"{kinds} is expected"


def _choices(names: list[str]) -> list[str]:
    """The words that may stand there."""
    tables, kind = _tables_at(names[:-1]), names[-1]
    said = [hints[kind] for table in tables if kind in (hints := get_type_hints(table))]
    words = [word for one in said for part in _parts(one) if get_origin(part) is Literal for word in get_args(part)]
    return words or [str(table.__struct_config__.tag) for table in tables]


def _allowed_beside(names: list[str]) -> list[str]:
    return list(dict.fromkeys(field for table in _tables_at(names[:-1]) for field in table.__struct_fields__))


def _tables_at(names: list[str]) -> list[type[Struct]]:
    """The table there; several where its kind decides."""
    tables: list[type[Struct]] = [SettingsFile]
    for name in names:
        parts = (part for table in tables for part in _parts(get_type_hints(table).get(name)))
        tables = [part for part in parts if isinstance(part, type) and issubclass(part, Struct)]
    return tables


def _parts(kind: object) -> Iterator[Any]:
    """A type, and the types it is made of."""
    yield kind
    if get_origin(kind) is not Literal:
        for part in get_args(kind):
            yield from _parts(part)


def _find_line(content: str, names: list[str]) -> int | None:
    """The line that sets the name, found as a reader would: by its table's heading, then by the name."""
    table: list[str] = []
    for number, line in enumerate(content.splitlines(), 1):
        heading = re.match(r"\s*\[\[?([A-Za-z0-9_.\-\s\"']+)\]", line)
        assignment = re.match(r"\s*([A-Za-z0-9_.\-\"']+)\s*=", line)
        if heading:
            table = [part.strip(" \"'") for part in heading.group(1).split(".")]
            if table == names:
                return number
        elif assignment and table + [part.strip("\"'") for part in assignment.group(1).split(".")] == names:
            return number
    return None
