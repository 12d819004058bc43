"""A small office: a database with every kind of swap in it, uploads, a repository; and whether anything of it is lost.

Comparisons are PyMongo's and rsync's, not Lifeboat's.
"""

import os
import shutil
import subprocess
from copy import copy
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bson import ObjectId
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from sweep import Beginning, environment_of

from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.read_settings import read_settings
from lifeboat.operations.reports.restores import RestoreRequest

RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
Contents = dict[str, tuple[Any, ...]]
NAME = "office"


class Office:
    """Everything in one folder and one database."""

    def __init__(self, folder: Path, uri: str, client: MongoClient[dict[str, Any]]) -> None:
        self.folder = folder / "office"
        self.client = client
        self.uploads = self.folder / "uploads"
        self.uploads.mkdir(parents=True)
        self.environment = environment_of(self.folder, uri)
        self._kept: dict[str, Beginning] = {}
        self._aside = folder / "aside"
        self.ahead = timedelta()
        """How far the store's clock is ahead; only where ``conftest`` lets it."""

    @property
    def database(self) -> Any:
        return self.client[NAME]

    def lifeboat(self, **more: str) -> Lifeboat:
        return Lifeboat(read_settings(None, {**self.environment, **more}, self.folder))

    @property
    def repository(self) -> Path:
        return self.folder / "repository"

    def looking_at(self, replica: Path) -> "Office":
        """The same with a replica in the repository's place, and a memory of its own."""
        other = copy(self)
        memory = self.folder / f"state of {replica.name}"
        shutil.rmtree(memory, ignore_errors=True)
        other.environment = {
            **self.environment,
            "LIFEBOAT_REPOSITORY": str(replica),
            "LIFEBOAT_STATE": str(memory),
        }
        return other

    def keep(self, name: str, *more: Path) -> None:
        """Remember the folders as they are now."""
        folders = [self.uploads, self.folder / "repository", self.folder / "state", *more]
        self._kept[name] = Beginning(self._aside / name, *folders)

    def bring_back(self, name: str) -> None:
        self._kept[name].bring_back()

    def fill_database(self, number: int) -> None:
        """Made anew, with other documents for each number; quickly, for it is done before every kill."""
        live = self.database
        for entry in live.list_collections():
            if not entry["name"].startswith("system."):
                live.drop_collection(entry["name"])
        live.command("dropAllUsersFromDatabase")
        live.cases.insert_many({"_id": n, "title": f"case {n}", "version": number} for n in range(40))
        live.cases.create_index("title", unique=True)
        live.create_collection("log", capped=True, size=4096, max=20)
        live.log.insert_many({"_id": f"{number}-{n}", "line": n} for n in range(20))
        live.create_collection("sessions", clusteredIndex={"key": {"_id": 1}, "unique": True})
        live.sessions.insert_many({"_id": n, "version": number} for n in range(10))
        live.create_collection("readings", timeseries={"timeField": "at", "metaField": "case"})
        # Raw, because the server would give each bucket another _id every time.
        bounds = {"at": datetime(2026, 1, number), "n": number}
        data = {"at": {"0": bounds["at"]}, "n": {"0": number}}
        for n in range(3):
            bucket = {"_id": ObjectId(f"{n:024x}"), "control": {"version": 1, "min": bounds, "max": bounds}, "meta": n}
            live["system.buckets.readings"].insert_one({**bucket, "data": data})
        live.create_collection("recent", viewOn="cases", pipeline=[{"$match": {"_id": {"$gt": 30}}}])
        live.command("createUser", "app", pwd="p", roles=["readWrite"])

    def fill_uploads(self, number: int) -> None:
        shutil.rmtree(self.uploads, ignore_errors=True)
        (self.uploads / "contracts").mkdir(parents=True)
        for name in range(4):
            (self.uploads / "contracts" / f"{name}.txt").write_text(f"contract {name}, version {number}")
        (self.uploads / "always the same").write_text("the same")
        (self.uploads / "scan.pdf").write_bytes(f"{number}".encode() * 400_000)
        os.link(self.uploads / "scan.pdf", self.uploads / "again.pdf")
        (self.uploads / "latest").symlink_to("scan.pdf")

    def database_now(self, name: str = NAME) -> Contents:
        """Each collection as plain PyMongo reads it, without what a restore keeps beside it for a while."""
        found: Contents = {}
        live = self.client[name]
        for entry in live.list_collections():
            collection = entry["name"]
            if collection.startswith(("system.views", "lifeboat.", "system.buckets.lifeboat.")):
                continue
            options = dict(entry["options"])
            indexes: list[str] = []
            documents: list[bytes] = []
            if entry["type"] == "collection":
                indexes = sorted(repr(sorted(one.items(), key=str)) for one in live[collection].list_indexes())
                documents = [bytes(one.raw) for one in live.get_collection(collection, codec_options=RAW).find()]
                if not options.get("capped"):
                    documents.sort()
            found[collection] = (entry["type"], repr(options), tuple(documents), tuple(indexes))
        return found

    def users_now(self) -> list[str]:
        return sorted(one["user"] for one in self.database.command("usersInfo")["users"])

    def temporaries(self) -> list[str]:
        return [name for name in self.database.list_collection_names() if "lifeboat." in name]

    def restored_database(self, snapshot: str) -> Contents:
        """What a snapshot holds, restored beside."""
        other = f"{NAME}_beside"
        self.client.drop_database(other)
        self.lifeboat().restore(RestoreRequest(source="db", snapshot=snapshot, to=other))
        found = self.database_now(other)
        self.client.drop_database(other)
        return found

    def restored_uploads(self, snapshot: str, folder: Path) -> Path:
        shutil.rmtree(folder, ignore_errors=True)
        self.lifeboat().restore(RestoreRequest(source="files", snapshot=snapshot, to=str(folder)))
        return folder

    def problems(self, level: str = "full") -> list[str]:
        """What verify complains of, what belongs to the scene left out."""
        expected = {"same-machine", "no-snapshot", "snapshot-too-old"}
        return [
            f"{one.code}: {one.subject} {one.message}"
            for one in self.lifeboat().verify(level).findings
            if one.level == "problem" and one.code not in expected
        ]


def tree_differences(before: Path, after: Path) -> str:
    """What rsync would have to do to make the second like the first."""
    compare = ["rsync", "-aHAXn", "--checksum", "--itemize-changes", "--delete", f"{before}/", f"{after}/"]
    done = subprocess.run(compare, capture_output=True, text=True, errors="replace", check=False)
    return done.stdout + done.stderr
