"""Read a database independently of what backs it up, and say what differs between two readings.

Limits: reads every document once; nothing is held but a sum per collection. Shares no code with ``sources``.

Invariant: two readings are equal only if documents (byte for byte, of capped collections in their order), options, indexes, views, users with
their credentials, and roles are.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import bson
from bson import json_util
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.database import Database

from lifeboat.foundation.value import Value

_SUM_MODULUS = 1 << 256
_RAW = bson.CodecOptions(document_class=RawBSONDocument)


class CollectionPrint(Value):
    """One collection or view.

    Args:
        digest: Sum of the documents' SHA-256 modulo 2**256: the same in any order; of a capped collection one that its
            order changes. Zero for a view.
        options: As the server lists them, as JSON.
        indexes: Each index's whole specification as JSON, by name.
    """

    documents: int
    digest: int
    kind: str
    options: str
    indexes: Mapping[str, str]


class DatabasePrint(Value):
    collections: Mapping[str, CollectionPrint]
    users: Mapping[str, str]
    roles: Mapping[str, str]

    @property
    def documents(self) -> int:
        return sum(collection.documents for collection in self.collections.values())


def fingerprint(client: MongoClient[dict[str, Any]], database: str, *, accounts: bool = True) -> DatabasePrint:
    """Read everything there is in a database.

    Args:
        accounts: Also users and roles; needs the rights ``viewUser`` and ``viewRole``.
    """
    target = client[database]
    collections = {
        entry["name"]: _collection_print(target, entry)
        for entry in target.list_collections()
        if not entry["name"].startswith("system.")
    }
    return DatabasePrint(
        collections,
        _by_name(target.command("usersInfo", showCredentials=True)["users"], "user") if accounts else {},
        _by_name(target.command("rolesInfo", 1, showPrivileges=True)["roles"], "role") if accounts else {},
    )


def differences(before: DatabasePrint, after: DatabasePrint) -> tuple[str, ...]:
    """Say each difference in a phrase that names the thing; empty when the two are equal."""
    return tuple(_differences(before, after))


def _differences(before: DatabasePrint, after: DatabasePrint) -> Iterator[str]:
    for name in sorted(before.collections.keys() | after.collections.keys()):
        old, new = before.collections.get(name), after.collections.get(name)
        if new is None:
            yield f"{name} is missing"
        elif old is None:
            yield f"{name} is new"
        else:
            yield from _collection_differences(name, old, new)
    yield from _table_differences("user", before.users, after.users)
    yield from _table_differences("role", before.roles, after.roles)


def _collection_differences(name: str, old: CollectionPrint, new: CollectionPrint) -> Iterator[str]:
    if old.kind != new.kind:
        yield f"{name} was a {old.kind} and is a {new.kind}"
    if old.documents != new.documents:
        yield f"{name} had {old.documents} documents and has {new.documents}"
    elif old.digest != new.digest:
        yield f"{name} has as many documents, but not the same"
    if old.options != new.options:
        yield f"{name} has other options: {old.options} became {new.options}"
    yield from _table_differences(f"index of {name}", old.indexes, new.indexes)


def _table_differences(what: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(old.keys() | new.keys()):
        if name not in new:
            yield f"{what} is missing: {name}"
        elif name not in old:
            yield f"{what} is new: {name}"
        elif old[name] != new[name]:
            yield f"{what} differs: {name}"


def _collection_print(database: Database[dict[str, Any]], entry: Mapping[str, Any]) -> CollectionPrint:
    name, kind, options = entry["name"], entry["type"], _as_json(entry["options"])
    if kind == "view":
        return CollectionPrint(0, 0, kind, options, {})
    documents = total = 0
    # Multiplied before each, so that the order counts.
    factor = 3 if entry["options"].get("capped") else 1
    batches: Iterator[Any] = database[name].find_raw_batches(batch_size=20_000)
    for batch in batches:
        for document in bson.decode_all(batch, _RAW):
            total = total * factor % _SUM_MODULUS + int.from_bytes(hashlib.sha256(document.raw).digest(), "big")
            documents += 1
    indexes = {index["name"]: _as_json(index) for index in database[name].list_indexes()}
    return CollectionPrint(documents, total % _SUM_MODULUS, kind, options, indexes)


def _by_name(entries: list[dict[str, Any]], key: str) -> dict[str, str]:
    # userId is an identity of the entry, drawn anew when a user is created again; lists of rights have no order.
    return {entry[key]: _as_json(_ordered({k: v for k, v in entry.items() if k != "userId"})) for entry in entries}


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _ordered(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return sorted((_ordered(item) for item in value), key=_as_json)
    return value


def _as_json(value: Any) -> str:
    """In the order given: in an index key or a validator the order matters."""
    return json_util.dumps(value, json_options=json_util.CANONICAL_JSON_OPTIONS)
