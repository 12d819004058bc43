"""Single documents out of a snapshot: found as the server would find them, put back one by one, touching nothing else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import Int64, ObjectId, Timestamp
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from gridfs import GridFSBucket
from pymongo import MongoClient

from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.read_settings import read_settings
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.progress import Progress, Silent
from lifeboat.operations.reports.documents import DocumentsPlan, DocumentsReport, DocumentsRequest
from lifeboat.operations.reports.restores import RestoreRequest
from lifeboat.sources.mongodb.private_server import PrivateServer

RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
Client = MongoClient[dict[str, Any]]


class Practice:
    """A law firm's database, and a repository."""

    def __init__(self, folder: Path, server: PrivateServer, client: Client, name: str) -> None:
        self.folder, self.client, self.name = folder, client, name
        self.live = client[name]
        self.environment = {
            "MONGODB_URI": _with_database(server.uri, name),
            "BACKUP_ENCRYPTION_KEY": "5e" * 32,
            "LIFEBOAT_REPOSITORY": str(folder / "repository"),
            "LIFEBOAT_STATE": str(folder / "state"),
            "HOME": str(folder),
        }

    def lifeboat(self, progress: Progress | None = None) -> Lifeboat:
        return Lifeboat(read_settings(None, self.environment, self.folder), progress=progress)

    def backup(self) -> str:
        return self.lifeboat().backup("db").snapshots[0].snapshot

    def request(self, wanted: str, collection: str = "clients", **more: Any) -> DocumentsRequest:
        said: dict[str, Any] = {"over_live": "to" not in more, **more}
        return DocumentsRequest(f"{self.name}.{collection}", wanted, **said)

    def plan(self, wanted: str, **more: Any) -> DocumentsPlan:
        with self.lifeboat().single_documents(self.request(wanted, **more)) as found:
            return found.plan

    def put_back(self, wanted: str, only: str = "all", numbers: Any = None, **more: Any) -> DocumentsReport:
        bypass = more.pop("bypass_validators", False)
        with self.lifeboat(more.pop("progress", None)).single_documents(self.request(wanted, **more)) as found:
            return found.put_back(only, numbers, bypass_validators=bypass)

    def undo(self) -> Any:
        return self.lifeboat().undo_restore()

    def bytes_of(self, collection: str) -> dict[bytes, bytes]:
        found: Any = self.live.get_collection(collection, codec_options=RAW).find()
        return {bytes(bson.encode({"_id": one["_id"]})): bytes(one.raw) for one in found}

    def everything(self) -> dict[str, dict[bytes, bytes]]:
        return {name: self.bytes_of(name) for name in self.live.list_collection_names() if name != "system.views"}

    def hashes(self) -> dict[str, str]:
        return dict(self.live.command("dbHash")["collections"])


def _with_database(uri: str, name: str) -> str:
    front, _, query = uri.partition("?")
    return f"{front.rstrip('/')}/{name}" + (f"?{query}" if query else "")


@pytest.fixture
def practice(tmp_path: Path, server: PrivateServer) -> Iterator[Practice]:
    name = f"practice{abs(hash(tmp_path)) % 10**9}"
    with MongoClient[dict[str, Any]](server.uri) as client:
        made = Practice(tmp_path, server, client, name)
        made.live["clients"].insert_many(
            {"_id": n, "email": f"client{n}@example.com", "name": f"Client {n}", "cases": [{"n": n}, {"n": n + 1}]}
            for n in range(300)
        )
        made.live["clients"].create_index("email", unique=True)
        made.live["cases"].insert_many({"_id": n, "client": n % 300} for n in range(100))
        made.lifeboat().initialise(guarded=False, new_key=None)
        yield made
        client.drop_database(name)
        client.drop_database(name + "_copy")


def test_one_deleted_client_comes_back_and_nothing_else_is_touched(practice: Practice) -> None:
    practice.backup()
    as_backed_up = practice.everything()
    practice.live["clients"].delete_one({"_id": 7})
    practice.live["clients"].delete_one({"_id": 8})
    practice.live["clients"].update_one({"_id": 9}, {"$set": {"name": "married since"}})
    practice.live["cases"].insert_one({"_id": "opened since"})
    before, hashes = practice.everything(), practice.hashes()
    plan = practice.plan('{"email": "client7@example.com"}')
    (found,) = plan.collections
    assert (found.gone, found.changed, found.same, found.new, found.since) == (1, 0, 0, 0, 0)
    assert [(row.number, row.verdict, row.document) for row in found.rows] == [(1, "gone", "7")]
    assert "client7@example.com" in found.rows[0].summary
    assert practice.everything() == before, "a look changes nothing"
    done = practice.put_back('{"email": "client7@example.com"}')
    assert (done.written, done.skipped, done.refused) == (1, 0, 0)
    after = practice.everything()
    key = bson.encode({"_id": 7})
    assert after["clients"].pop(key) == as_backed_up["clients"][key]
    assert after == before
    assert {name: one for name, one in practice.hashes().items() if name != "clients"} == {
        name: one for name, one in hashes.items() if name != "clients"
    }
    practice.undo()
    assert practice.everything() == before
    assert practice.hashes() == hashes


def test_what_was_changed_is_shown_by_its_fields_and_comes_back_on_request(practice: Practice) -> None:
    practice.backup()
    live = practice.live["clients"]
    live.update_one({"_id": 3}, {"$set": {"name": "X", "cases.0.n": Int64(3)}, "$unset": {"email": 1}})
    live.delete_one({"_id": 4})
    live.insert_one({"_id": 1000, "name": "new", "email": "new@example.com"})
    before = practice.everything()
    wanted = "{_id: {$in: [3, 4, 5, 1000]}}"
    (found,) = practice.plan(wanted).collections
    assert (found.gone, found.changed, found.same, found.new) == (1, 1, 1, 1)
    rows = {row.document: row for row in found.rows}
    assert rows["1000"].verdict == "new" and rows["1000"].number is None
    fields = {one.path: (one.live, one.stored) for one in rows["3"].fields}
    assert fields["name"] == ('"X"', '"Client 3"') and fields["email"] == (None, '"client3@example.com"')
    assert "cases" in fields, "another type is another value"
    assert practice.put_back(wanted, only="gone").written == 1
    assert live.find_one({"_id": 3})["name"] == "X"  # type: ignore[index]
    practice.undo()
    assert practice.everything() == before
    assert practice.put_back(wanted).written == 2
    assert live.find_one({"_id": 3})["name"] == "Client 3"  # type: ignore[index]
    assert live.find_one({"_id": 1000}) is not None, "what the snapshot does not have stays"
    practice.undo()
    assert practice.everything() == before
    (row,) = [row for row in found.rows if row.verdict == "changed"]
    assert practice.put_back(wanted, numbers=frozenset({row.number})).written == 1
    assert live.find_one({"_id": 4}) is None


def test_odd_documents_come_back_byte_for_byte(practice: Practice) -> None:
    duplicate = b"\x17\x00\x00\x00\x10_id\x00\x01\x00\x00\x00\x10a\x00\x01\x00\x00\x00"
    duplicate = (len(duplicate) + 8).to_bytes(4, "little") + duplicate[4:] + b"\x10a\x00\x02\x00\x00\x00\x00"
    odd = practice.live["odd"]
    odd.insert_one(RawBSONDocument(duplicate))  # type: ignore[arg-type]
    for made in (
        {"_id": {"a": 1}, "t": Timestamp(0, 0), "$a": 1, "b.c": {"$d.e": 1}, "": "empty"},
        {"_id": None, "x": 1},
        {"_id": float("nan"), "x": 1},
        {"_id": ObjectId(b"123456789012"), "big": "y" * (15 << 20)},
        {"_id": "text", "t": Timestamp(0, 0)},
    ):
        odd.update_one({"_id": {"$eq": made["_id"]}}, [{"$replaceWith": {"$literal": made}}], upsert=True)
    practice.backup()
    before = practice.bytes_of("odd")
    odd.delete_many({})
    done = practice.put_back("{}", collection="odd")
    assert (done.written, done.refused, done.findings) == (6, 0, ())
    assert practice.bytes_of("odd") == before
    odd.update_many({}, {"$set": {"z": 1}})
    odd.update_one({"_id": 1}, {"$unset": {"z": 1}})  # it had duplicate names
    changed = practice.bytes_of("odd")
    done = practice.put_back("{}", collection="odd")
    assert done.refused == 0 and done.skipped == 0
    assert practice.bytes_of("odd") == before
    practice.undo()
    assert practice.bytes_of("odd") == changed


def test_what_changes_between_the_look_and_the_writing_is_left_alone(practice: Practice) -> None:
    practice.backup()
    live = practice.live["clients"]
    live.delete_many({"_id": {"$in": [1, 2]}})
    live.update_many({"_id": {"$in": [3, 4]}}, {"$set": {"name": "wrong"}})
    with practice.lifeboat().single_documents(practice.request('{"_id": {"$lte": 4}}')) as found:
        live.insert_one({"_id": 1, "email": "typed in again"})
        live.update_one({"_id": 3}, {"$set": {"name": "mended by hand"}})
        done = found.put_back()
    assert (done.written, done.skipped) == (2, 2)
    assert live.find_one({"_id": 1})["email"] == "typed in again"  # type: ignore[index]
    assert live.find_one({"_id": 3})["name"] == "mended by hand"  # type: ignore[index]
    assert live.find_one({"_id": 4})["name"] == "Client 4"  # type: ignore[index]
    live.update_one({"_id": 2}, {"$set": {"phone": "since"}})
    undone = practice.undo()
    assert "document-skipped" in [one.code for one in undone.findings]
    assert live.find_one({"_id": 2})["phone"] == "since"  # type: ignore[index]
    assert live.find_one({"_id": 4})["name"] == "wrong"  # type: ignore[index]


def test_a_unique_index_in_the_way_names_the_other_document(practice: Practice) -> None:
    practice.backup()
    live = practice.live["clients"]
    live.delete_one({"_id": 5})
    live.insert_one({"_id": "made anew", "email": "client5@example.com"})
    done = practice.put_back("{_id: {$in: [5, 6]}}")
    assert (done.written, done.refused) == (0, 1)
    (finding,) = done.findings
    assert finding.code == "document-refused" and '"made anew"' in finding.message and "email" in finding.message


def test_a_validator_is_respected_or_bypassed_knowingly(practice: Practice) -> None:
    practice.backup()
    practice.live["clients"].delete_one({"_id": 5})
    practice.live.command("collMod", "clients", validator={"phone": {"$exists": True}})
    done = practice.put_back("{_id: 5}")
    assert (done.written, done.refused) == (0, 1) and "--bypass-validators" in done.findings[0].message
    assert practice.put_back("{_id: 5}", bypass_validators=True).written == 1


def test_elsewhere_only_what_is_missing_is_written(practice: Practice) -> None:
    practice.backup()
    copy = practice.client[practice.name + "_copy"]["clients"]
    copy.insert_one({"_id": 1, "other": "work"})
    done = practice.put_back("{_id: {$lt: 3}}", to=practice.name + "_copy")
    assert (done.written, done.safety_snapshot) == (2, None)
    assert copy.find_one({"_id": 1}) == {"_id": 1, "other": "work"}
    assert copy.count_documents({}) == 3


def test_a_dropped_collection_is_made_again_with_its_indexes(practice: Practice) -> None:
    practice.backup()
    practice.live["clients"].drop()
    done = practice.put_back("{_id: 5}")
    assert done.written == 1 and "collection-made" in [one.code for one in done.findings]
    assert "email_1" in practice.live["clients"].index_information()


def test_a_file_of_gridfs_comes_with_its_content(practice: Practice) -> None:
    bucket = GridFSBucket(practice.live, "fs")
    kept, lost, halved = (bucket.upload_from_stream(name, name.encode() * 200_000) for name in ("kept", "lost", "half"))
    practice.backup()
    before = practice.everything()
    bucket.delete(lost)
    practice.live["fs.chunks"].delete_one({"files_id": halved, "n": 1})
    plan = practice.plan("{filename: {$in: ['lost', 'half']}}", collection="fs.files")
    files, parts = plan.collections
    assert (files.gone, files.same, parts.gone) == (1, 1, 5)
    practice.put_back("{filename: {$in: ['lost', 'half']}}", collection="fs.files")
    assert practice.everything() == before
    assert bucket.open_download_stream(lost).read() == b"lost" * 200_000
    assert kept


def test_a_safety_snapshot_of_documents_is_small_and_never_taken_for_a_collection(practice: Practice) -> None:
    practice.backup()
    practice.live["clients"].update_one({"_id": 5}, {"$set": {"name": "wrong"}})
    done = practice.put_back("{_id: 5}")
    assert done.safety_snapshot is not None
    (row,) = [one for one in practice.lifeboat().snapshots() if one.snapshot == done.safety_snapshot]
    assert (row.items, row.purpose) == (1, "safety") and row.stored_bytes < 10_000
    with pytest.raises(LifeboatError) as refused:
        practice.lifeboat().restore(RestoreRequest("db", done.safety_snapshot, over_live=True))
    assert refused.value.code == "snapshot-of-documents"
    with pytest.raises(LifeboatError) as refused:  # mongorestore --drop would do the same harm
        practice.lifeboat().export(done.safety_snapshot, None, str(practice.folder / "dump"))
    assert refused.value.code == "snapshot-of-documents"
    assert practice.live["clients"].count_documents({}) == 300
    # By hand, without undo: the same filter command.
    assert practice.put_back("{}", snapshot=done.safety_snapshot).written == 1
    assert practice.live["clients"].find_one({"_id": 5})["name"] == "wrong"  # type: ignore[index]
    assert practice.lifeboat().verify("full").findings == ()


class StopsAfter(Silent):
    """Ctrl-C in the middle of the documents."""

    def __init__(self, documents: int) -> None:
        self.left = documents

    def begin(self, task: str, total_bytes: int | None = None, total_items: int | None = None) -> None:
        self.counts = task in ("putting documents back", "undoing")

    def advance(self, done_bytes: int = 0, done_items: int = 0) -> None:
        if self.counts and done_items:
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt


def test_stopped_and_typed_again_and_undone_in_two_goes(practice: Practice) -> None:
    practice.backup()
    practice.live["clients"].delete_many({"_id": {"$lt": 20}})
    practice.live["clients"].update_many({"_id": {"$lt": 40}}, {"$set": {"name": "wrong"}})
    before = practice.everything()
    with pytest.raises(KeyboardInterrupt):
        practice.put_back("{_id: {$lt: 40}}", progress=StopsAfter(25))
    assert practice.everything() != before
    done = practice.put_back("{_id: {$lt: 40}}")
    assert 0 < done.written < 40
    with pytest.raises(KeyboardInterrupt):
        practice.lifeboat(StopsAfter(5)).undo_restore()
    practice.undo()
    assert practice.everything() == before


@pytest.mark.parametrize(
    ("wanted", "collection", "code"),
    [
        ("{email: 'nobody'}", "clients", "nothing-fits"),
        ("{email: nobody}", "clients", "filter-invalid"),
        ("{email: {$like: 'x'}}", "clients", "filter-invalid"),
        ("{$where: 'true'}", "clients", "filter-invalid"),
        ("{}", "nothing", "restore-plan-invalid"),
        ("{}", "shown", "collection-refused"),
        ("{}", "log", "collection-refused"),
    ],
)
def test_what_cannot_be_done_is_said(practice: Practice, wanted: str, collection: str, code: str) -> None:
    practice.live.create_collection("shown", viewOn="clients", pipeline=[])
    practice.live.create_collection("log", capped=True, size=4096)
    practice.live["log"].insert_one({})
    practice.backup()
    with pytest.raises(LifeboatError) as refused:
        practice.plan(wanted, collection=collection)
    assert refused.value.code == code
