"""Read users and roles, with their credentials, as of the same instant as the data.

Which: none named, all. Databases named: the users and roles of those; users elsewhere (mostly ``admin``) who hold a
role of those; roles elsewhere with a privilege on those, and every role that such a user or role holds,
so that what is restored also works. Users who reach the data only by a role over everything (``root``) stay out.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import bson
from bson import Timestamp
from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection
from pymongo.errors import OperationFailure

from lifeboat.foundation.finding import Finding, Level
from lifeboat.sources.mongodb.catalog import EXACT
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.errors import ROLE_HINT
from lifeboat.sources.mongodb.meaning import UNAUTHORIZED, in_our_words
from lifeboat.sources.mongodb.snapshot_read import session_if

_RAW: bson.CodecOptions[RawBSONDocument] = bson.CodecOptions(document_class=RawBSONDocument)


def read_users(
    client: Client, databases: Sequence[str] | None, time: Timestamp | None
) -> tuple[list[bytes], list[bytes], list[Finding]]:
    """Raw documents of users, of roles, and a finding where the right to read them is missing."""
    with in_our_words("reading users and roles"):
        try:
            if databases is None:
                return _find(client, "users", {}, time), _find(client, "roles", {}, time), []
            return _of_databases(client, list(databases), time)
        except OperationFailure as refusal:
            if refusal.code != UNAUTHORIZED:
                raise
            return [], [], [_not_allowed()]


def _of_databases(
    client: Client, databases: list[str], time: Timestamp | None
) -> tuple[list[bytes], list[bytes], list[Finding]]:
    among = {"$in": databases}
    users = _find(client, "users", {"$or": [{"db": among}, {"roles.db": among}]}, time)
    reaching = {"$or": [{"db": among}, {"roles.db": among}, {"privileges.resource.db": among}]}
    chosen = {_name_of(role): role for role in _find(client, "roles", reaching, time)}
    wanted = _held_by(users) | _held_by(list(chosen.values()))
    while missing := sorted(wanted - chosen.keys()):
        found = _find(client, "roles", {"_id": {"$in": missing}}, time)
        chosen |= {_name_of(role): role for role in found}
        wanted = _held_by(found)
    return users, [chosen[name] for name in sorted(chosen)], []


def _find(client: Client, kind: str, query: Mapping[str, Any], time: Timestamp | None) -> list[bytes]:
    with session_if(client, time) as session:
        collection: Collection[Any] = client["admin"].get_collection(f"system.{kind}", codec_options=_RAW)
        return [bytes(document.raw) for document in collection.find(query, session=session)]


def _name_of(document: bytes) -> str:
    return str(bson.decode(document, codec_options=EXACT)["_id"])


def _held_by(documents: list[bytes]) -> set[str]:
    """The ``_id`` of every role that these users or roles hold."""
    held = (bson.decode(document, codec_options=EXACT).get("roles") or () for document in documents)
    return {f"{role['db']}.{role['role']}" for roles in held for role in roles}


def _not_allowed() -> Finding:
    message = "users and roles are not in this backup: the user may not read admin.system.users and admin.system.roles"
    return Finding(Level.WARNING, "users-not-captured", "users and roles", message, ROLE_HINT)
