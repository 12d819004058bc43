"""Nothing live is replaced or removed without a safety snapshot of how it was just before, whatever was begun, left or undone earlier."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from lifeboat.app.build import build_repository
from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.read_settings import read_settings
from lifeboat.crypto.sealing import Kind
from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress, Silent
from lifeboat.operations.reports.restores import RestoreRequest
from lifeboat.operations.taking import Taking, new_point
from lifeboat.repository.names import Source
from lifeboat.repository.streams import StreamWriter, write_root
from lifeboat.repository.writing import WriteLimits
from lifeboat.sources.files.entry import Entry
from lifeboat.sources.files.manifest import encode
from lifeboat.sources.mongodb.private_server import PrivateServer

Collections = Any


class Office:
    """A database, a folder of uploads and a repository beside them."""

    def __init__(self, folder: Path, uri: str, live: Collections) -> None:
        self.folder = folder
        self.uploads = folder / "uploads"
        self.uploads.mkdir()
        self.live = live
        self.environment = {
            "MONGODB_URI": uri,
            "UPLOADS_DIR": str(self.uploads),
            "BACKUP_ENCRYPTION_KEY": "5e" * 32,
            "LIFEBOAT_REPOSITORY": str(folder / "repository"),
            "LIFEBOAT_STATE": str(folder / "state"),
            "HOME": str(folder),
        }

    def lifeboat(self, progress: Progress | None = None) -> Lifeboat:
        return Lifeboat(read_settings(None, self.environment, self.folder), progress=progress)

    def restore(self, snapshot: str, source: str = "db", progress: Progress | None = None) -> None:
        self.lifeboat(progress).restore(RestoreRequest(source=source, snapshot=snapshot, over_live=True))

    def undo(self) -> None:
        self.lifeboat().undo_restore()


@pytest.fixture
def office(tmp_path: Path, server: PrivateServer) -> Iterator[Office]:
    name = f"office{abs(hash(tmp_path)) % 10**9}"
    with MongoClient[dict[str, Any]](server.uri) as client:
        uri = f"{server.uri.split('/?')[0].rstrip('/')}/{name}" + (
            "?" + server.uri.split("?", 1)[1] if "?" in server.uri else ""
        )
        made = Office(tmp_path, uri, client[name])
        made.live["cases"].insert_many([{"_id": n, "text": "as backed up"} for n in range(50)])
        (made.uploads / "contract").write_text("as backed up")
        made.lifeboat().initialise(guarded=False, new_key=None)
        yield made
        client.drop_database(name)


class StopsAtTheFirstByte(Silent):
    """Somebody presses Ctrl-C while the first collection is landing beside the live one."""

    landing = False

    def begin(self, task: str, total_bytes: int | None = None, total_items: int | None = None) -> None:
        self.landing = task == "restoring the database"

    def advance(self, done_bytes: int = 0, done_items: int = 0) -> None:
        if self.landing:
            raise KeyboardInterrupt


def backed_up(office: Office, what: str = "all") -> dict[str, str]:
    return {taken.source: taken.snapshot for taken in office.lifeboat().backup(what).snapshots}


def test_a_restore_begun_again_much_later_protects_what_was_written_in_between(office: Office) -> None:
    snapshot = backed_up(office)["mongodb"]
    with pytest.raises(KeyboardInterrupt):
        office.restore(snapshot, progress=StopsAtTheFirstByte())
    office.live["cases"].insert_one({"_id": "a week of work"})
    office.restore(snapshot)
    assert office.live["cases"].find_one({"_id": "a week of work"}) is None
    office.undo()
    assert office.live["cases"].find_one({"_id": "a week of work"}) is not None


def test_each_collection_goes_back_to_just_before_the_run_that_replaced_it(office: Office) -> None:
    for name in ("a", "b", "c"):
        office.live[name].insert_one({"_id": "as backed up"})
    office.live.create_collection("some", viewOn="a", pipeline=[{"$limit": 2}])
    snapshot = backed_up(office)["mongodb"]
    office.live["c"].drop()
    for name in ("a", "b"):
        office.live[name].insert_one({"_id": "before the first run"})
    with pytest.raises(KeyboardInterrupt):
        office.restore(snapshot, progress=StopsWhenOneIsSwapped(office.live["a"]))
    assert [each["_id"] for each in office.live["a"].find()] == ["as backed up"]
    for name in ("a", "b"):
        office.live[name].insert_one({"_id": "between the runs"})
    office.restore(snapshot)
    assert [each["_id"] for each in office.live["b"].find()] == ["as backed up"]
    office.undo()
    assert {each["_id"] for each in office.live["a"].find()} == {"as backed up", "before the first run"}
    everything = {"as backed up", "before the first run", "between the runs"}
    assert {each["_id"] for each in office.live["b"].find()} == everything
    assert sorted(office.live.list_collection_names(filter={"type": "collection"})) == [
        "a",
        "b",
        "cases",
        "system.views",
    ]


class StopsWhenOneIsSwapped(Silent):
    """Ctrl-C when a collection is the restored one, and the next ones are not."""

    def __init__(self, collection: Any) -> None:
        self._collection = collection

    def advance(self, done_bytes: int = 0, done_items: int = 0) -> None:
        if not done_bytes and self._collection.count_documents({}) == 1:
            raise KeyboardInterrupt


def test_undoing_what_filled_an_empty_place_keeps_what_was_done_there_since(office: Office) -> None:
    taken = backed_up(office)
    office.live["cases"].drop()
    (office.uploads / "contract").unlink()
    office.uploads.rmdir()
    office.restore(taken["mongodb"])
    office.live["cases"].insert_one({"_id": "since"})
    before = {row.snapshot for row in office.lifeboat().snapshots()}
    office.undo()
    assert "cases" not in office.live.list_collection_names()
    (kept,) = [row for row in office.lifeboat().snapshots() if row.snapshot not in before]
    office.restore(kept.snapshot)
    assert office.live["cases"].find_one({"_id": "since"}) is not None


def test_undoing_a_restore_of_a_missing_folder_keeps_what_was_done_there_since(office: Office) -> None:
    taken = backed_up(office)
    (office.uploads / "contract").unlink()
    office.uploads.rmdir()
    office.restore(taken["files"], "files")
    (office.uploads / "contract").write_text("signed since")
    before = {row.snapshot for row in office.lifeboat().snapshots()}
    office.undo()
    assert not (office.uploads / "contract").exists()
    (kept,) = [row for row in office.lifeboat().snapshots() if row.snapshot not in before]
    office.restore(kept.snapshot, "files")
    assert (office.uploads / "contract").read_text() == "signed since"


def test_an_incomplete_snapshot_says_so_before_and_after_it_is_restored(office: Office) -> None:
    lifeboat = office.lifeboat()
    lifeboat.backup("files")
    settings = read_settings(None, office.environment, office.folder)
    repository = build_repository(settings, SystemClock())
    taking = Taking(
        repository,
        repository.writer(SystemClock().now()),
        Source.FILES,
        new_point(),
        SystemClock(),
        WriteLimits(),
    )
    lost = Finding(Level.PROBLEM, "file-unreadable", "contract", "could not be read")
    with taking.run() as run:
        stream = StreamWriter(run, "tree/0", Kind.LINES)
        stream.append(encode(Entry(b"", "directory", 0o755, 0, 0, 0)))
        details = {"roots": [{"path": str(office.uploads), "stream": "tree/0", "entries": 1}]}
        root = write_root(run, [stream.finish()], details, [])
        taking.commit(
            run, root, instant=SystemClock().now(), one_instant=False, total_bytes=0, items=1, findings=(lost,)
        )
    request = RestoreRequest("files", "latest", to=str(office.folder / "back"))
    for findings in (lifeboat.plan_restore(request).findings, lifeboat.restore(request).findings):
        assert "snapshot-incomplete" in [finding.code for finding in findings]


def test_only_a_restore_of_everything_says_how_long_a_restore_takes(office: Office) -> None:
    office.live["other"].insert_one({"_id": 1})
    taken = backed_up(office)
    name = office.live.name
    chosen = RestoreRequest("db", taken["mongodb"], over_live=True, namespaces=(f"{name}.other",))
    office.lifeboat().restore(chosen)
    office.undo()
    assert office.lifeboat().status().last_restore_seconds is None
    office.restore(taken["mongodb"])
    assert office.lifeboat().status().last_restore_seconds
