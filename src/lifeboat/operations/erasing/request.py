"""What somebody asked to have erased, as typed or as a file says it, checked before anything is recorded.

Limits: values are personal data: they live in here until they are hashed, and stand in no error.
"""

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from bson import Int64, ObjectId, decode, encode, json_util
from bson.errors import BSONError

from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.value import Value
from lifeboat.operations.erasing.matching import canonical
from lifeboat.sources.mongodb.catalog import EXACT, JSON_OPTIONS

TYPES = ("text", "number", "objectid", "uuid", "date", "bool", "json")
TEXT_AT_MOST = 300
_FILES_PARTS = (".files", ".chunks", "files_id")
"""GridFS keeps a file's description and its content in two collections."""
_FIELDS = {"collection", "field", "value", "type", "ignore_case", "unset", "id", "file"}


class ErasureUnclear(SettingsError):
    """What is to be erased was not said clearly; nothing was recorded."""

    code = "erasure-unclear"


@dataclass(frozen=True, slots=True)
class WantedDocuments:
    """Args:
    value: What the field holds, or the id: as BSON has it.
    fold: Whatever the case of a text. shown: of an id, its extended JSON.
    """

    collection: str
    path: str
    value: Any = field(repr=False)
    fold: bool = False
    unset: tuple[str, ...] = ()
    shown: str = ""


class ErasureRequest(Value):
    """One person, or one thing, wherever it lies. Args: request: the organisation's own reference; it and note say nothing of the person."""

    documents: tuple[WantedDocuments, ...] = ()
    files: tuple[str, ...] = ()
    request: str = ""
    note: str = ""


def by_value(
    collection: str, name: str, text: str, kind: str = "text", *, fold: bool = False, unset: tuple[str, ...] = ()
) -> WantedDocuments:
    """Documents whose field holds a value. Args: text: as typed; kind: one of ``TYPES``."""
    check_collection(collection)
    _check_path(name)
    _check_unset(unset)
    value = read_value(text, kind)
    if fold and not isinstance(value, str):
        raise ErasureUnclear("only of a text the case can be ignored", "leave --ignore-case out")
    if collection.endswith(_FILES_PARTS[0]) and name != "_id" and not unset:
        raise ErasureUnclear(
            f"{collection} looks like GridFS, which keeps a file's content in another collection, known by its id alone",
            f"name the file by its id: --collection {collection} --id ID; its content is then erased, too",
        )
    return WantedDocuments(collection, name, value, fold, unset)


def by_id(collection: str, text: str, unset: tuple[str, ...] = ()) -> list[WantedDocuments]:
    """One document by its ``_id``; of a GridFS file also the parts of its content."""
    check_collection(collection)
    _check_unset(unset)
    value = read_id(text)
    if canonical(value) is None:
        raise ErasureUnclear(
            "an id that is a document or a list is not taken", "name it by a field with a single value"
        )
    shown = json_util.dumps(value, json_options=JSON_OPTIONS)
    found = [WantedDocuments(collection, "_id", value, False, unset, shown)]
    files, parts, parent = _FILES_PARTS
    if collection.endswith(files) and not unset:
        found.append(WantedDocuments(collection.removesuffix(files) + parts, parent, value, False, (), shown))
    return found


def read_value(text: str, kind: str) -> Any:
    """A typed value as BSON has it; raises ``ErasureUnclear``, in which the value does not stand."""
    try:
        value = _READ[kind](text)
        if kind in ("json", "date"):
            value = decode(encode({"v": value}, codec_options=EXACT), codec_options=EXACT)["v"]
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError, BSONError):
        # `from None`: the cause would show the value.
        raise ErasureUnclear(f"the value is no {kind}", f"--type says what it is: {', '.join(TYPES)}") from None
    if value == "" or (isinstance(value, str) and not value.strip()):
        raise ErasureUnclear("the value is empty", "is the variable in your script unset?")
    if canonical(value) is None:
        raise ErasureUnclear(
            "nobody can be known by null, a document or a list", "name a field that holds a single value"
        )
    return value


def read_id(text: str) -> Any:
    """An id: 24 hex digits are an ObjectId; then numbers, texts in quotes and other extended JSON; the rest is a text."""
    if not text.strip():
        raise ErasureUnclear("the id is empty", "is the variable in your script unset?")
    if re.fullmatch(r"[0-9a-fA-F]{24}", text):
        return ObjectId(text)
    try:
        found = read_value(text, "json")
    except ErasureUnclear:
        if text.lstrip().startswith(("{", "[", '"')):
            raise
        return text
    return found


def read_file(text: str) -> ErasureRequest:
    """A request in a file, TOML or JSON: ``request``, ``note`` and a list ``erase``, whose entries name a collection or a file."""
    try:
        said: Any = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
        entries = said["erase"]
        if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
            raise TypeError
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ErasureUnclear(
            "the file is neither TOML nor JSON with a list `erase`",
            'each entry: [[erase]] collection = "shop.users", field = "email", value = "..."; or file = "/path"',
        ) from None
    documents: list[WantedDocuments] = []
    files: list[str] = []
    for number, one in enumerate(entries, 1):
        if unknown := sorted(set(one) - _FIELDS):
            raise ErasureUnclear(f"entry {number}: there is no {unknown[0]}", f"it takes {', '.join(sorted(_FIELDS))}")
        if "file" in one:
            files.append(str(one["file"]))
            continue
        documents += _entry(number, one)
    return ErasureRequest(tuple(documents), tuple(files), str(said.get("request", "")), str(said.get("note", "")))


def check_text(text: str, what: str) -> str:
    if len(text) > TEXT_AT_MOST or not text.isprintable():
        raise ErasureUnclear(f"{what} is one line of at most {TEXT_AT_MOST} characters", "shorten it")
    return text


def _entry(number: int, one: Mapping[str, Any]) -> list[WantedDocuments]:
    unset = tuple(map(str, [one["unset"]] if isinstance(one.get("unset"), str) else one.get("unset", ())))
    if "collection" not in one or ("id" in one) == ("field" in one) or ("field" in one) != ("value" in one):
        raise ErasureUnclear(
            f"entry {number} names neither a document nor a file",
            "collection with field and value, or with id; or file",
        )
    collection = str(one["collection"])
    if "id" in one:
        return by_id(collection, str(one["id"]) if isinstance(one["id"], str) else _as_json(number, one["id"]), unset)
    value = one["value"]
    if isinstance(value, datetime | date):  # TOML has them
        value, usual = value.isoformat(), "date"
    else:
        usual = "text" if isinstance(value, str) else "json"
    kind = str(one.get("type", usual))
    if kind not in TYPES:
        raise ErasureUnclear(f"entry {number}: there is no type {kind}", f"one of {', '.join(TYPES)}")
    text = value if isinstance(value, str) else _as_json(number, value)
    return [by_value(collection, str(one["field"]), text, kind, fold=one.get("ignore_case") is True, unset=unset)]


def _as_json(number: int, value: object) -> str:
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        raise ErasureUnclear(
            f"entry {number}: its value is no single value", "write it as a text, and say its type"
        ) from None


def check_collection(name: str) -> None:
    """Raises ``ErasureUnclear``: it does not name a collection of an application."""
    database, _, collection = name.partition(".")
    if not database or not collection or "*" in name or collection.startswith("system."):
        raise ErasureUnclear(f"{name} is no collection", "say --collection DATABASE.COLLECTION, as in shop.users")


def _check_path(name: str) -> None:
    if not name or any(not part or part.startswith("$") for part in name.split(".")):
        raise ErasureUnclear(
            f"{name or 'nothing'} is no name of a field", "names with dots between them: customer.email"
        )


def _check_unset(unset: tuple[str, ...]) -> None:
    for name in unset:
        _check_path(name)
        if name.split(".")[0] == "_id":
            raise ErasureUnclear("no document can be without its _id", "leave --unset out: the document goes whole")
        if any(part.isdecimal() for part in name.split(".")):
            raise ErasureUnclear(
                f"{name}: a place in a list cannot be taken out", "name the field in the list's documents"
            )


def _number(text: str) -> Any:
    try:
        whole = int(text)
        return Int64(whole) if -(2**63) <= whole < 2**63 else float(whole)
    except ValueError:
        return float(text)


def _bool(text: str) -> bool:
    return {"true": True, "false": False}[text.strip().lower()]


def _date(text: str) -> datetime:
    found = datetime.fromisoformat(text.strip())
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC).replace(tzinfo=None)


_READ: dict[str, Callable[[str], Any]] = {
    "text": str,
    "number": _number,
    "objectid": ObjectId,
    "uuid": lambda text: UUID(text.strip()),
    "date": _date,
    "bool": _bool,
    "json": lambda text: json_util.loads(text, json_options=JSON_OPTIONS),
}
