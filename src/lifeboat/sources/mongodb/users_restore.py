"""Put users and roles back, credentials included, without touching the ones that are there.

How: the server's own ``_mergeAuthzCollections`` with ``drop: false``, which leaves an existing user or role of the
same name as it is, its newer password too. (``drop: true`` without a database would remove everybody not in the list,
the caller among them.) A missing right costs a finding, not the restore of the data.
"""

from collections.abc import Sequence

import bson
from bson.raw_bson import RawBSONDocument

from lifeboat.foundation.finding import Finding, Level
from lifeboat.sources.mongodb.catalog import EXACT
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.errors import DatabaseRefused, DatabaseRightMissing
from lifeboat.sources.mongodb.on_primary import MAJORITY, run

TEMPORARY = {"users": "tempusers", "roles": "temproles"}
"""In ``admin``; the names that the official tools use too, and that the built-in role ``restore`` may write."""


def names_of(documents: Sequence[bytes]) -> tuple[str, ...]:
    """``"shop.app"`` for each user or role."""
    return tuple(sorted(str(bson.decode(document, codec_options=EXACT)["_id"]) for document in documents))


def restore_users(client: Client, users: Sequence[bytes], roles: Sequence[bytes]) -> list[Finding]:
    """Add those that are missing; say by name which ones were offered."""
    if not users and not roles:
        return []
    try:
        _merge(client, users, roles)
    except (DatabaseRightMissing, DatabaseRefused) as refusal:
        return [
            Finding(
                Level.WARNING,
                "users-not-restored",
                "users and roles",
                f"users and roles were not restored: {refusal.message}",
                "run the restore as a user with the built-in role `restore`, or create them by hand: "
                + ", ".join((*names_of(users), *names_of(roles))),
            )
        ]
    named = ", ".join((*names_of(users), *names_of(roles)))
    message = f"users and roles are there (existing ones stayed as they were): {named}"
    return [Finding(Level.OK, "users-restored", "users and roles", message)]


def _merge(client: Client, users: Sequence[bytes], roles: Sequence[bytes]) -> None:
    held = {kind: documents for kind, documents in (("users", users), ("roles", roles)) if documents}
    doing = "restoring users and roles"
    try:
        for kind, documents in held.items():
            _drop(client, kind)
            raw = [RawBSONDocument(document) for document in documents]
            run(client, "admin", doing, "insert", TEMPORARY[kind], documents=raw, writeConcern=MAJORITY)
        collections = {f"temp{kind.title()}Collection": f"admin.{TEMPORARY[kind]}" for kind in held}
        run(
            client,
            "admin",
            doing,
            "_mergeAuthzCollections",
            1,
            **collections,
            db="",
            drop=False,
            writeConcern=MAJORITY,
        )
    finally:
        for kind in held:
            _drop(client, kind)


def _drop(client: Client, kind: str) -> None:
    run(client, "admin", "clearing temporary users", "drop", TEMPORARY[kind], check=False)
