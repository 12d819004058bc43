"""What a user of the server may do, against what each command needs; and the roles that give just that.

The privileges come from ``connectionStatus``, which every user may ask for his own. ``tests/mongodb/roles.json`` holds the same
roles, tried command by command on a real server.

Limits: a privilege on one collection is not counted for its database; who grants collection by collection is told that it is missing.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lifeboat.foundation.value import Value
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.meaning import in_our_words

Resource = Mapping[str, Any]
Privilege = Mapping[str, Any]

_FIND = ["find"]
_READ = ["find", "listCollections", "listIndexes"]
_CLUSTER: Resource = {"cluster": True}
_WRITE = [
    *("createCollection", "convertToCapped", "createIndex", "insert", "bypassDocumentValidation", "update"),
    *("remove", "find", "listCollections", "listIndexes", "collMod", "dropCollection", "renameCollectionSameDB"),
]
_WRITE_BUCKETS = [
    *("createCollection", "createIndex", "insert", "bypassDocumentValidation", "update", "remove", "find"),
    "dropCollection",
]
_TEMPORARY = ["createCollection", "insert", "find", "dropCollection"]

CAPTURE_ALL: tuple[Privilege, ...] = (
    {"resource": _CLUSTER, "actions": ["listDatabases", "getParameter", "serverStatus"]},
    {"resource": {"anyResource": True}, "actions": ["listCollections", "listIndexes"]},
    {"resource": {"db": "", "collection": ""}, "actions": _FIND},
    {"resource": {"system_buckets": ""}, "actions": _FIND},
    {"resource": {"db": "", "collection": "system.js"}, "actions": _FIND},
    {"resource": {"db": "", "collection": "system.views"}, "actions": _FIND},
    {"resource": {"db": "admin", "collection": "system.users"}, "actions": _FIND},
    {"resource": {"db": "admin", "collection": "system.roles"}, "actions": _FIND},
    {"resource": {"db": "admin", "collection": "system.version"}, "actions": _FIND},
    {"resource": {"db": "local", "collection": "oplog.rs"}, "actions": _FIND},
)
RESTORE_USERS: tuple[Privilege, ...] = (
    {
        "resource": {"db": "", "collection": ""},
        "actions": ["createUser", "createRole", "grantRole", "revokeRole", "dropUser", "dropRole"],
    },
    {"resource": {"db": "admin", "collection": "tempusers"}, "actions": _TEMPORARY},
    {"resource": {"db": "admin", "collection": "temproles"}, "actions": _TEMPORARY},
)
STREAM: tuple[Privilege, ...] = ({"resource": {"db": "local", "collection": "oplog.rs"}, "actions": _FIND},)


def capture_one(database: str) -> tuple[Privilege, ...]:
    """To back up one database."""
    return (
        {"resource": {"db": database, "collection": ""}, "actions": _READ},
        {"resource": {"db": database, "system_buckets": ""}, "actions": _READ},
        {"resource": {"db": database, "collection": "system.js"}, "actions": _READ},
        {"resource": {"db": database, "collection": "system.views"}, "actions": _READ},
    )


def restore_one(database: str) -> tuple[Privilege, ...]:
    """To restore one database over live, compare and swap."""
    return (
        {"resource": {"db": database, "collection": ""}, "actions": _WRITE},
        {"resource": {"db": database, "system_buckets": ""}, "actions": _WRITE_BUCKETS},
        {
            "resource": {"db": database, "collection": "system.js"},
            "actions": ["createCollection", "insert", "update", "remove", "find"],
        },
        {"resource": _CLUSTER, "actions": ["applyOps"]},
    )


class Missing(Value):
    """Actions that are lacking on one resource."""

    resource: Resource
    actions: tuple[str, ...]

    def __str__(self) -> str:
        return f"{', '.join(self.actions)} on {name_of(self.resource)}"


class Account(Value):
    """Who we are to the server. Args: names: As ``user@database``; empty where nobody signed in."""

    names: tuple[str, ...]
    privileges: tuple[Privilege, ...]

    def lacks(self, needed: Iterable[Privilege]) -> list[Missing]:
        """What of it this account may not do."""
        found = []
        for privilege in needed:
            actions = tuple(one for one in privilege["actions"] if not self._may(one, privilege["resource"]))
            if actions:
                found.append(Missing(privilege["resource"], actions))
        return found

    def _may(self, action: str, resource: Resource) -> bool:
        return any(action in one["actions"] and _covers(one["resource"], resource) for one in self.privileges)


def look_at_account(client: Client) -> Account:
    """Ask the server who we are; needs no rights."""
    with in_our_words("asking the server what this user may do"):
        said = client.admin.command("connectionStatus", showPrivileges=True)["authInfo"]
    return Account(
        tuple(f"{one['user']}@{one['db']}" for one in said["authenticatedUsers"]),
        tuple(said.get("authenticatedUserPrivileges", ())),
    )


def needed_for_backup(databases: Sequence[str] | None) -> tuple[list[Privilege], list[Privilege]]:
    """What a backup cannot do without, and what it leaves something out without."""
    if databases is None:
        wanted = [CAPTURE_ALL[index] for index in (3, 4, 6, 7, 9)]
        return [{"resource": _CLUSTER, "actions": ["listDatabases"]}, CAPTURE_ALL[1], CAPTURE_ALL[2]], wanted
    needed = [capture_one(database)[0] for database in databases]
    wanted = [
        {"resource": privilege["resource"], "actions": _FIND}
        for database in databases
        for privilege in capture_one(database)[1:3]
    ]
    return needed, [*wanted, *CAPTURE_ALL[6:8], *STREAM]


def needed_for_restore(databases: Sequence[str] | None) -> tuple[list[Privilege], list[Privilege]]:
    """The same for a restore."""
    named = list(databases) if databases is not None else [""]
    needed = [restore_one(database)[0] for database in named]
    return needed, [privilege for database in named for privilege in restore_one(database)[1:]]


def role_in_mongosh(kind: str, databases: Sequence[str] | None) -> str:
    """The text an administrator pastes into ``mongosh``: roles and user for ``backup``, ``restore`` or ``users``."""
    name, privileges = _role(kind, databases)
    rows = ",\n".join(f"    {json.dumps(one)}" for one in privileges)
    user = "lifeboat" if kind == "backup" else "lifeboat_restore"
    return (
        f'db.getSiblingDB("admin").createRole({{"role": "{name}", "roles": [], "privileges": [\n{rows} ]}})\n'
        f'db.getSiblingDB("admin").createUser({{"user": "{user}", "pwd": passwordPrompt(), "roles": ["{name}"]}})\n'
        f'// the user exists already: db.getSiblingDB("admin").grantRolesToUser("{user}", ["{name}"])'
    )


def name_of(resource: Resource) -> str:
    """As people say it: ``"shop"``, ``"shop's time-series"``, ``"every database"``, ``"the cluster"``."""
    if resource.get("cluster"):
        return "the cluster"
    if resource.get("anyResource"):
        return "everything"
    database = resource.get("db", "")
    if "system_buckets" in resource:
        return f"{database or 'every database'}'s time-series"
    collection = resource.get("collection", "")
    if not database:
        return f"{collection} of every database" if collection else "every database"
    return f"{database}.{collection}" if collection else str(database)


def _role(kind: str, databases: Sequence[str] | None) -> tuple[str, list[Privilege]]:
    if kind == "users":
        return "lifeboatUsers", list(RESTORE_USERS)
    name, of_one = ("lifeboatCapture", capture_one) if kind == "backup" else ("lifeboatRestore", restore_one)
    if databases is None:
        return name, list(CAPTURE_ALL if kind == "backup" else restore_one(""))
    return f"{name}One", [privilege for database in databases for privilege in of_one(database)]


def _covers(held: Resource, wanted: Resource) -> bool:
    """Whether a privilege on ``held`` is one on ``wanted``."""
    if held.get("anyResource"):
        return True
    if wanted.get("cluster") or wanted.get("anyResource") or held.get("cluster"):
        return bool(wanted.get("cluster") and held.get("cluster"))
    if held.get("db", "") not in ("", wanted.get("db", "")):
        return False
    if "system_buckets" in wanted:
        return "system_buckets" in held and held["system_buckets"] in ("", wanted["system_buckets"])
    if "system_buckets" in held:
        return False
    # A privilege on all collections is one on the ordinary ones only: those of the system want their own.
    everywhere = held["collection"] == "" and not str(wanted["collection"]).startswith("system.")
    if wanted.get("db") == "local" and held.get("db", "") == "" and wanted["collection"] == "oplog.rs":
        everywhere = False
    return bool(held["collection"] == wanted["collection"] or everywhere)
