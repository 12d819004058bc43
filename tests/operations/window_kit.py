"""A repository in memory, backups into it while a server is busy, and the truth to compare a restore with."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bson import Timestamp
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from lifeboat.crypto.identity import Identity
from lifeboat.foundation.clock import SystemClock
from lifeboat.operations.backup_mongodb import backup_mongodb
from lifeboat.operations.database_point import DatabasePoint
from lifeboat.operations.read_collections import AfterBlock, go_on
from lifeboat.operations.restore_mongodb import DatabaseRestore
from lifeboat.operations.taking import Taken, Taking, new_point
from lifeboat.repository.create import create_repository
from lifeboat.repository.description import NamedRecipient
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.names import Source
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.writing import WriteLimits
from lifeboat.sources.mongodb.landing import Target
from lifeboat.sources.mongodb.snapshot_read import session_at
from lifeboat.storage.memory import MemoryStore

Client = MongoClient[dict[str, Any]]
CLOCK = SystemClock()
OUT_OF_REACH: Any = None
"""In place of the truth of a collection that was dropped, renamed or replaced between that instant and the question."""
RAW: Any = __import__("bson").CodecOptions(document_class=RawBSONDocument)


@dataclass
class Noting:
    """Progress whose notes are kept."""

    notes: list[str] = field(default_factory=list)

    def begin(self, task: str, total_bytes: int | None = None, total_items: int | None = None) -> None:
        pass

    def advance(self, done_bytes: int = 0, done_items: int = 0) -> None:
        pass

    def note(self, message: str) -> None:
        self.notes.append(message)


@dataclass
class WindowKit:
    """One repository in memory."""

    folder: Path
    progress: Noting = field(default_factory=Noting)
    repository: Repository = field(init=False)

    def __post_init__(self) -> None:
        store, identity = MemoryStore(CLOCK), Identity.generate()
        self.repository = create_repository(
            store,
            identity=identity,
            recipients=[NamedRecipient("holder", identity.recipient)],
            profile="simple",
            state=LocalState(self.folder / "state", store.describe()),
            label="host",
            now=CLOCK.now(),
        )

    def back_up(self, client: Client, databases: Sequence[str] | None, after_block: AfterBlock = go_on) -> Taken:
        now = self.repository.store.time_there()
        writer = self.repository.writer(now)
        limits = WriteLimits(index_every_seconds=3600)
        taking = Taking(self.repository, writer, Source.MONGODB, new_point(), CLOCK, limits)
        return backup_mongodb(taking, client, databases, clock=CLOCK, progress=self.progress, after_block=after_block)

    @contextmanager
    def reading(self, taken: Taken) -> Iterator[SnapshotReader]:
        with SnapshotReader(self.repository, taken.record) as reader:
            yield reader

    def restore(
        self, taken: Taken, client: Client, renames: Sequence[str] = (), namespaces: Sequence[str] = ()
    ) -> tuple[Any, Any]:
        """Beside the live data, compared in full; returns the parts and the findings."""
        with self.reading(taken) as reader:
            restore = DatabaseRestore(
                DatabasePoint(reader), client, "here", Target.EMPTY_PLACE, namespaces, renames, self.repository.state
            )
            done = restore.carry_out(
                restore.plan(), compare="full", with_users=False, clock=CLOCK, progress=self.progress
            )
            restore.forget_journal()
        return done


def truth_at(client: Client, database: str, at: Timestamp) -> dict[str, Any]:
    """What a server held at an instant, by collection: options, index names, documents; capped ones in order.

    Those cannot be read at an instant: what the oplog says was inserted and removed up to it, taken literally.
    """
    held: dict[str, Any] = {}
    with session_at(client, at) as session:
        catalog = [
            one for one in client.admin.aggregate([{"$listCatalog": {}}], session=session) if one["db"] == database
        ]
        for one in catalog:
            name = one["name"]
            if name == "system.views" or name.startswith("tmp") or "md" not in one or one["md"]["options"].get("temp"):
                continue
            options = {key: value for key, value in one["md"]["options"].items() if key != "uuid"}
            capped = bool(options.get("capped"))
            collection = client[database].get_collection(name, codec_options=RAW)
            try:
                uuid = one["md"]["options"]["uuid"]
                # By name alone, a collection that was renamed or dropped since shows no documents and no error.
                found: Any = () if capped else collection.aggregate([], session=session, collectionUUID=uuid)
                documents = [bytes(document.raw) for document in found]
            except OperationFailure as refusal:
                if refusal.code not in (246, 361):
                    raise
                held[name] = OUT_OF_REACH
                continue
            if capped:
                documents = _capped_at(client, one["md"]["options"]["uuid"], at)
            indexes = sorted(index["spec"]["name"] for index in one["md"]["indexes"] if index["ready"])
            held[name] = {
                "options": options,
                "indexes": indexes,
                "documents": documents if capped else sorted(documents),
            }
    return held


def _capped_at(client: Client, uuid: Any, at: Timestamp) -> list[bytes]:
    oplog: Any = client.local.get_collection("oplog.rs", codec_options=RAW)
    held: dict[bytes, bytes] = {}
    for entry in oplog.find({"ui": uuid, "ts": {"$lte": at}}, sort=[("$natural", 1)]):
        key = repr(entry["o"].get("_id")).encode()
        if entry["op"] == "i":
            held[key] = bytes(entry["o"].raw)
        elif entry["op"] == "d":
            held.pop(key, None)
    return list(held.values())


def held_now(client: Client, database: str) -> dict[str, Any]:
    """The same of a database at rest."""
    held: dict[str, Any] = {}
    for one in client[database].list_collections():
        if one["type"] != "collection" or one["name"] == "system.views":
            continue
        collection = client[database].get_collection(one["name"], codec_options=RAW)
        documents = [bytes(document.raw) for document in collection.find({})]  # type: ignore[attr-defined]
        held[one["name"]] = {
            "options": dict(one["options"]),
            "indexes": sorted(index["name"] for index in client[database][one["name"]].list_indexes()),
            "documents": documents if one["options"].get("capped") else sorted(documents),
        }
    return held


def end_of(kit: WindowKit, taken: Taken) -> Timestamp:
    """The instant a snapshot says it is of."""
    with kit.reading(taken) as reader:
        return Timestamp(*reader.details["cluster_time"])


def differing(truth: dict[str, Any], held: dict[str, Any]) -> dict[str, str]:
    """In words, so that a failing test does not print a database."""
    said = {}
    for name in truth.keys() | held.keys():
        if truth.get(name) is OUT_OF_REACH:
            continue
        if name not in truth or name not in held:
            said[name] = "only in the truth" if name in truth else "only restored"
            continue
        for part in ("options", "indexes"):
            if truth[name][part] != held[name][part]:
                said[name] = f"{part}: {truth[name][part]} and {held[name][part]}"
        wanted, have = truth[name]["documents"], held[name]["documents"]
        if wanted != have:
            missing, extra = set(wanted) - set(have), set(have) - set(wanted)
            said[name] = f"{len(wanted)} documents and {len(have)}; missing {len(missing)}, too many {len(extra)}"
            said[name] += f"; {[str(RawBSONDocument(one))[:300] for one in sorted(missing)[:2]]}"
            said[name] += f"; {[str(RawBSONDocument(one))[:300] for one in sorted(extra)[:2]]}"
    return said
