"""What kind of server this is, and what that means for a backup.

Tried on 6.0 alone; 5.0, 7.0 and 8.0 are kept to by design; older and sharded ones are refused.
"""

from typing import Any

from pymongo.errors import OperationFailure

from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.value import Value
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.errors import DatabaseUnsupported
from lifeboat.sources.mongodb.meaning import in_our_words

OLDEST = (5, 0)
"""Snapshot reads outside transactions came with 5.0."""
TRIED = ((6, 0),)

MAKE_A_SET = (
    "three commands make it a set of one node, with the data it has: "
    "(1) `printf 'replication:\\n  replSetName: rs0\\n' | sudo tee -a /etc/mongod.conf` "
    "(2) `sudo systemctl restart mongod` (3) `mongosh --eval 'rs.initiate()'`; "
    "a server with access control also needs `security.keyFile` in that file"
)


class ServerFacts(Value):
    """Args: set_name: None on a standalone; feature_version: None when the user may not ask for it."""

    version: str
    set_name: str | None
    feature_version: str | None

    @property
    def release(self) -> tuple[int, int]:
        major, minor = self.version.split(".")[:2]
        return int(major), int(minor)

    @property
    def in_a_set(self) -> bool:
        return self.set_name is not None

    @property
    def checks_collection_uuid(self) -> bool:
        """Whether commands take ``collectionUUID`` and the catalog can be read at an instant: not while held to 5.0."""
        if self.release < (6, 0):
            return False
        held_to = (self.feature_version or self.version).partition(".")[0]
        return int(held_to) >= 6


def look_at_server(client: Client) -> ServerFacts:
    """Ask the server what it is; needs no rights.

    Raises:
        DatabaseUnsupported: A sharded cluster or a part of one, or older than 5.0.
    """
    with in_our_words("asking the server what it is"):
        hello = client.admin.command("hello")
        version = str(client.server_info()["version"])
    _refuse_sharded(client, hello)
    facts = ServerFacts(
        version=version,
        set_name=hello.get("setName"),
        feature_version=_feature_version(client),
    )
    if facts.release < OLDEST:
        raise DatabaseUnsupported(f"MongoDB {version} is too old", "5.0 is the oldest that reads at one instant")
    return facts


def _refuse_sharded(client: Client, hello: dict[str, Any]) -> None:
    """Refuse a router, a config server and a shard.

    A shard holds a part of the data, which moves to other shards while it is read; and what is written to it past the router is not
    where the cluster looks for it.
    """
    if hello.get("msg") == "isdbgrid":
        what = "this is the router (mongos) of a sharded cluster: there is no oplog behind it that tells of all shards in one order"
    elif hello.get("configsvr"):
        what = "this is a config server of a sharded cluster: the data lie on its shards"
    elif _is_a_shard(client, hello):
        what = "this is a shard of a sharded cluster: it holds a part of the data, and parts move between shards at any time"
    else:
        return
    raise DatabaseUnsupported(
        what, 'sharded clusters are neither backed up nor restored: docs/operations.md, "Atlas and sharded clusters"'
    )


def _is_a_shard(client: Client, hello: dict[str, Any]) -> bool:
    """Whether a set belongs to a sharded cluster.

    No field says so to everybody. But once it does (not before), the set tells in every answer up to where it has committed, as routers
    need it: seen on 6.0 of a set, a shard of no cluster yet, and a shard. Who may read ``admin.system.version`` finds there what it was
    told to be.
    """
    if "lastCommittedOpTime" not in hello:
        return False
    try:
        return client.admin["system.version"].find_one({"_id": "shardIdentity"}) is not None
    except OperationFailure:
        return True


def findings_about(facts: ServerFacts) -> list[Finding]:
    """What to tell about it before a backup."""
    found = []
    if not facts.in_a_set:
        message = "a standalone server: the backup is not one instant, collections are read one after another"
        found.append(Finding(Level.WARNING, "not-one-instant", "server", message, MAKE_A_SET))
    if facts.release not in TRIED:
        message = f"MongoDB {facts.version} is supported by design but was not tried; tried: 6.0"
        found.append(Finding(Level.WARNING, "version-untried", "server", message, "run a drill before you rely on it"))
    return found


def _feature_version(client: Client) -> str | None:
    try:
        answer = client.admin.command("getParameter", featureCompatibilityVersion=1)
    except OperationFailure:
        return None
    return str(answer["featureCompatibilityVersion"]["version"])
