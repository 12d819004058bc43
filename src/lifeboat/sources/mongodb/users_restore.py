"""Put users and roles back, credentials included, without touching the ones that are there.

How: the server's own ``_mergeAuthzCollections`` with ``drop: false``, which leaves an existing user or role of the
same name as it is, its newer password too. (``drop: true`` without a database would remove everybody not in the list,
the caller among them.) So the whole of it may be repeated. A missing right costs a finding, not the restore of the data.
"""

from collections.abc import Sequence

import bson
from bson.raw_bson import RawBSONDocument

from lifeboat.foundation.finding import Finding, Level
from lifeboat.sources.mongodb.catalog import EXACT
from lifeboat.sources.mongodb.errors import DatabaseRefused, DatabaseRightMissing
from lifeboat.sources.mongodb.target_server import MAJORITY, TargetServer

_NOT_FOUND: tuple[int, ...] = (11, 31)
"""UserNotFound, RoleNotFound."""
Account = tuple[str, str, str]
"""``("user" or "role", database, name)``."""

TEMPORARY = {"users": "tempusers", "roles": "temproles"}
"""In ``admin``; the names that the official tools use too, and that the built-in role ``restore`` may write."""


def names_of(documents: Sequence[bytes]) -> tuple[str, ...]:
    """``"shop.app"`` for each user or role."""
    return tuple(sorted(str(bson.decode(document, codec_options=EXACT)["_id"]) for document in documents))


def restore_users(server: TargetServer, users: Sequence[bytes], roles: Sequence[bytes]) -> list[Finding]:
    """Add those that are missing; say by name which ones were offered."""
    if not users and not roles:
        return []
    try:
        server.repeat(lambda: _merge(server, users, roles))
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


def missing_accounts(server: TargetServer, users: Sequence[bytes], roles: Sequence[bytes]) -> list[Account]:
    """Which of them are not on the server; none where one may not look, because then none can be removed either."""
    missing: list[Account] = []
    for kind, documents in (("user", users), ("role", roles)):
        wanted = [bson.decode(document, codec_options=EXACT) for document in documents]
        if not wanted:
            continue
        names = [{kind: one[kind], "db": one["db"]} for one in wanted]
        try:
            found = server.ask("admin", f"looking for {kind}s", f"{kind}sInfo", names)[f"{kind}s"]
        except (DatabaseRightMissing, DatabaseRefused):
            continue
        there = {(str(one["db"]), str(one[kind])) for one in found}
        missing += [
            (kind, str(one["db"]), str(one[kind])) for one in wanted if (str(one["db"]), str(one[kind])) not in there
        ]
    return missing


def remove_accounts(server: TargetServer, accounts: Sequence[Account]) -> None:
    """Take back what a restore had added; what is gone already is no error."""
    for kind, database, name in accounts:
        doing = f"removing {kind} {database}.{name}"
        server.tell(database, doing, f"drop{kind.title()}", name, allowable_errors=list(_NOT_FOUND))


def _merge(server: TargetServer, users: Sequence[bytes], roles: Sequence[bytes]) -> None:
    held = {kind: documents for kind, documents in (("users", users), ("roles", roles)) if documents}
    doing = "restoring users and roles"
    try:
        for kind, documents in held.items():
            _drop(server, kind)
            raw = [RawBSONDocument(document) for document in documents]
            answer = server.send("admin", doing, "insert", TEMPORARY[kind], documents=raw, writeConcern=MAJORITY)
            for error in answer.get("writeErrors") or ():
                raise DatabaseRefused(f"{doing}: the server did not take one ({error.get('errmsg')})")
        collections = {f"temp{kind.title()}Collection": f"admin.{TEMPORARY[kind]}" for kind in held}
        command = "_mergeAuthzCollections"
        server.send("admin", doing, command, 1, **collections, db="", drop=False, writeConcern=MAJORITY)
    finally:
        for kind in held:
            _drop(server, kind)


def _drop(server: TargetServer, kind: str) -> None:
    """They hold what passwords are checked with: never left behind."""
    server.drop("admin", TEMPORARY[kind])
