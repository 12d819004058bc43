"""The sample application that the demo protects, loses and gets back: database, uploads, configuration.

Limits: works only in the folder and on the server it was given; both were made for it.

Invariant: what is compared is read by ``samples.fingerprint``, which shares no code with what backs up and restores.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pymongo import MongoClient, WriteConcern

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.sizes import show_bytes
from lifeboat.foundation.value import Value
from lifeboat.samples import application_database, uploads_tree
from lifeboat.samples.configuration import write_configuration
from lifeboat.samples.damage import lose_database, lose_files
from lifeboat.samples.fingerprint import DatabasePrint, differences, fingerprint
from lifeboat.samples.fingerprint_tree import TreePrint, differences_tree, fingerprint_tree
from lifeboat.sources.mongodb.landing_names import is_ours

DATABASE = "legal_demo"
UPLOADS = "uploads"
CONFIGURATION = "configuration"
MESSAGES_READ = 200
DIFFERENCES_TOLD = 3


class Comparison(Value):
    """One part, before the loss and after the restore."""

    what: str
    content: str
    """How much of it was compared, or what differs."""
    equal: bool


class Look(Value):
    """Everything there is at one moment."""

    database: DatabasePrint
    uploads: TreePrint
    configuration: TreePrint


class Scene:
    """The application's data, and what happens to it."""

    def __init__(self, client: MongoClient[dict[str, Any]], folder: Path) -> None:
        self._client = client
        self._before: DatabasePrint | None = None
        self.uploads = folder / UPLOADS
        self.configuration = folder / CONFIGURATION

    def fill(self, scale: float, clock: Clock) -> tuple[application_database.Summary, uploads_tree.Summary]:
        documents = application_database.fill(self._client, DATABASE, clock=clock, scale=scale)
        usual = uploads_tree.DEMO
        shape = replace(
            usual, files=max(1, round(usual.files * scale)), total_bytes=max(1, round(usual.total_bytes * scale))
        )
        files = uploads_tree.grow(self.uploads, shape)
        write_configuration(self.configuration)
        return documents, files

    def go_on_working(self, clock: Clock) -> None:
        """Somebody reads the newest messages and uploads a file, as in every hour of a day."""
        majority = WriteConcern("majority")
        messages = self._client[DATABASE].get_collection("messages", write_concern=majority)
        some = [one["_id"] for one in messages.find({}, {"_id": 1}).sort("$natural", -1).limit(MESSAGES_READ)]
        messages.update_many({"_id": {"$in": some}}, {"$set": {"read": True, "readAt": clock.now()}})
        (self.uploads / "uploaded between the two backups.txt").write_text("a new file\n" * 1000)

    def look(self) -> Look:
        seen = Look(
            fingerprint(self._client, DATABASE),
            fingerprint_tree(self.uploads),
            fingerprint_tree(self.configuration),
        )
        self._before = self._before or seen.database
        return seen

    def holds_wrong(self, database: str) -> bool:
        """Whether another database holds a collection that is not like the one first looked at.

        What a stopped restore leaves under its own temporary names does not count: nobody reads it.
        """
        assert self._before is not None
        there = fingerprint(self._client, database, accounts=False).collections
        return any(self._before.collections.get(name) != one for name, one in there.items() if not is_ours(name))

    def lose_everything(self) -> tuple[str, ...]:
        collections = lose_database(self._client, DATABASE)
        uploads, configuration = lose_files(self.uploads), lose_files(self.configuration)
        self.uploads.rmdir()
        self.configuration.rmdir()
        return (
            f"the database ({collections} collections, with its users and roles)",
            f"all {uploads:,} entries of the uploads",
            f"all {configuration} of the configuration",
        )


def compare(before: Look, after: Look) -> tuple[Comparison, ...]:
    """Part by part, in phrases for people."""
    indexes = sum(len(one.indexes) for one in before.database.collections.values())
    accounts = len(before.database.users) + len(before.database.roles)
    file_bytes = show_bytes(sum(one.size for one in before.uploads.values()))
    return (
        _compared(
            "database",
            f"{before.database.documents:,} documents byte for byte, {len(before.database.collections)} collections "
            f"and views with their options, {indexes} indexes, {accounts} users and roles",
            differences(before.database, after.database),
        ),
        _compared(
            "uploads",
            f"{len(before.uploads):,} entries, {file_bytes}: content, owner, mode, time, links, attributes",
            differences_tree(before.uploads, after.uploads),
        ),
        _compared(
            "configuration",
            f"{len(before.configuration)} entries, likewise",
            differences_tree(before.configuration, after.configuration),
        ),
    )


def _compared(what: str, content: str, found: Iterable[str]) -> Comparison:
    told = list(found)
    if not told:
        return Comparison(what, content, True)
    more = f" and {len(told) - DIFFERENCES_TOLD:,} more" if len(told) > DIFFERENCES_TOLD else ""
    return Comparison(what, "; ".join(told[:DIFFERENCES_TOLD]) + more, False)
