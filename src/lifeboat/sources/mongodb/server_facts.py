"""What kind of server this is, and what that means for a backup.

Tried on 6.0 alone; 5.0, 7.0 and 8.0 are kept to by design; older and sharded ones are refused.
"""

from dataclasses import dataclass

from pymongo.errors import OperationFailure

from lifeboat.foundation.finding import Finding, Level
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


@dataclass(frozen=True, slots=True)
class ServerFacts:
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
        DatabaseUnsupported: A sharded cluster, or older than 5.0.
    """
    with in_our_words("asking the server what it is"):
        hello = client.admin.command("hello")
        version = str(client.server_info()["version"])
    if hello.get("msg") == "isdbgrid":
        raise DatabaseUnsupported(
            "this is a sharded cluster (mongos), which is not backed up yet",
            "back up each shard's replica set by itself only if you can stop all writes meanwhile",
        )
    facts = ServerFacts(
        version=version,
        set_name=hello.get("setName"),
        feature_version=_feature_version(client),
    )
    if facts.release < OLDEST:
        raise DatabaseUnsupported(f"MongoDB {version} is too old", "5.0 is the oldest that reads at one instant")
    return facts


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
