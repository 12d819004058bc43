"""You can leave: what is exported is taken in by the official mongorestore and by tar, and nothing is missing then."""

import datetime
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from mongo_tools import MongoTools
from mongod import private_server
from pymongo import MongoClient

from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.read_settings import read_settings
from lifeboat.sources.mongodb.dump.folder_write import ExportRefused
from lifeboat.sources.mongodb.private_server import PrivateServer

RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
Client = MongoClient[dict[str, Any]]


def started() -> PrivateServer:
    return private_server()


@pytest.fixture(scope="module")
def other() -> Iterator[tuple[PrivateServer, Client]]:
    """Where it is taken in."""
    with started() as server, MongoClient(server.uri) as client:
        yield server, client


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lifeboat, Client, Path]]:
    """A backed-up database and a folder with everything odd that a tar archive can hold."""
    folder = tmp_path_factory.mktemp("shop")
    uploads = folder / "uploads"
    (uploads / "sub dir").mkdir(parents=True)
    (uploads / "big").write_bytes(os.urandom(3_000_000))
    os.link(uploads / "big", uploads / "sub dir" / "hard")
    (uploads / "symlink").symlink_to("sub dir")
    with open(uploads / "sparse", "wb") as sparse:
        sparse.truncate(5_000_000)
        sparse.seek(2_000_000)
        sparse.write(b"data" * 2000)
    for number in range(50):
        (uploads / f"small {number}").write_bytes(b"%d" % number)
    (uploads / ("ع" * 60)).mkdir()
    (uploads / ("ع" * 60) / ("long " * 40)).write_text("a path longer than a tar header's 100 bytes")
    with open(os.fsencode(uploads) + b"/odd \xff\n", "wb") as odd:
        odd.write(b"odd")
    os.setxattr(uploads / "big", "user.note", b"\x00\xffbinary\n")
    (uploads / "big").chmod(0o640)
    os.utime(uploads / "big", ns=(5, -1_500_000_001))
    with started() as server, MongoClient(server.uri) as client:
        fill(client)
        environment = {
            "MONGODB_URI": server.uri_for(None, None, "shop"),
            "UPLOADS_DIR": str(uploads),
            "BACKUP_ENCRYPTION_KEY": "5e" * 32,
            "LIFEBOAT_REPOSITORY": str(folder / "repository"),
            "LIFEBOAT_STATE": str(folder / "state"),
        }
        lifeboat = Lifeboat(read_settings(None, environment, folder))
        lifeboat.initialise(guarded=False, new_key=None)
        lifeboat.backup("all")
        yield lifeboat, client, folder


def fill(client: Client) -> None:
    database = client["shop"]
    database["orders"].insert_many({"_id": n, "pad": os.urandom(900), "text": f"order {n}"} for n in range(6000))
    database["orders"].create_index("pad", unique=True)
    database["orders"].create_index("text", partialFilterExpression={"_id": {"$gt": 10}}, name="some")
    database["odd/na me.%"].insert_one({"x": 1})
    database["ع" * 100].insert_one({"x": 2})
    database.create_collection("void", collation={"locale": "de"})
    database["void"].create_index("a")
    database.create_collection("log", capped=True, size=4096, max=10)
    database["log"].insert_many({"_id": n} for n in range(15))
    series = {"timeField": "at", "metaField": "place", "granularity": "minutes"}
    database.create_collection("weather", timeseries=series, expireAfterSeconds=10**9)
    hours = (datetime.datetime(2026, 1, 1 + n // 24, n % 24) for n in range(60))
    database["weather"].insert_many({"at": hour, "place": {"city": n % 3}, "n": n} for n, hour in enumerate(hours))
    database["weather"].create_index([("place.city", 1), ("at", -1)], name="city")
    database["weather"].create_index("n", name="measured", partialFilterExpression={"n": {"$gt": 5}})
    database.create_collection("recent", viewOn="orders", pipeline=[{"$match": {"_id": {"$gt": 5}}}])
    database.create_collection("checked", validator={"n": {"$type": "int"}}, validationAction="warn")
    raw = bson.encode({"_id": 1})[:-1] + b"\x10n\x00\x01\x00\x00\x00\x10n\x00\x02\x00\x00\x00\x00"
    twice = (len(raw)).to_bytes(4, "little") + raw[4:]
    database["checked"].insert_one(RawBSONDocument(twice))
    database.command("createUser", "bob", pwd="secret", roles=["readWrite"])


def contents(client: Client) -> dict[str, Any]:
    found = {}
    for entry in client["shop"].list_collections():
        name = entry["name"]
        if name.startswith("system.") and not name.startswith("system.buckets."):
            continue
        collection = client["shop"].get_collection(name, codec_options=RAW)
        documents = [one.raw for one in collection.find()] if entry["type"] == "collection" else []
        if not entry["options"].get("capped"):
            documents.sort()
        listed = [] if entry["type"] == "view" else client["shop"][name].list_indexes()
        # originalSpec comes with its fields in another order; what it says is seen at the collection itself.
        indexes = {one["name"]: {key: one[key] for key in one if key != "originalSpec"} for one in listed}
        if entry["type"] == "timeseries":
            indexes = {name: dict(sorted(one.items())) for name, one in indexes.items()}
        found[name] = (entry["type"], entry["options"], documents, indexes)
    found["users"] = [one["user"] for one in client["shop"].command("usersInfo")["users"]]
    return found


def take_in(tools: MongoTools, server: PrivateServer, client: Client, *how: str) -> None:
    client.drop_database("shop")
    client["shop"].command("dropAllUsersFromDatabase")
    done = subprocess.run(
        [str(tools.mongorestore), f"--uri={server.uri}", "--drop", *how],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert " 0 document(s) failed to restore" in done.stderr, done.stderr


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("form", ["mongodump-archive", "mongodump-dir"])
def test_the_official_mongorestore_brings_back_all_that_was_exported(
    shop: tuple[Lifeboat, Client, Path],
    other: tuple[PrivateServer, Client],
    mongo_tools: MongoTools,
    tmp_path: Path,
    form: str,
    compress: bool,
) -> None:
    lifeboat, original, _ = shop
    server, client = other
    report = lifeboat.export("latest", form, str(tmp_path / "out"), compress=compress)
    place = f"--archive={tmp_path / 'out'}" if form == "mongodump-archive" else str(tmp_path / "out")
    take_in(mongo_tools, server, client, *(["--gzip"] if compress else []), place)

    assert contents(client) == contents(original)
    assert report.items == 6000 + 1 + 1 + 10 + 1 + len(contents(client)["system.buckets.weather"][2])
    with MongoClient(server.uri_for("bob", "secret").replace("authSource=admin", "authSource=shop")) as bob:
        assert bob["shop"]["void"].count_documents({}) == 0


def test_one_collection_is_exported_alone_and_without_users(
    shop: tuple[Lifeboat, Client, Path], other: tuple[PrivateServer, Client], mongo_tools: MongoTools, tmp_path: Path
) -> None:
    server, client = other
    shop[0].export("db", None, str(tmp_path / "out"), namespaces=["shop.log"])
    take_in(mongo_tools, server, client, f"--archive={tmp_path / 'out'}")
    assert set(contents(client)) == {"log", "users"}
    assert contents(client)["users"] == []


def test_the_check_of_an_archive_is_mongorestores_own(
    shop: tuple[Lifeboat, Client, Path], other: tuple[PrivateServer, Client], mongo_tools: MongoTools, tmp_path: Path
) -> None:
    """Else the comparison above would pass with any checksum."""
    shop[0].export("db", None, str(tmp_path / "out"), namespaces=["shop.orders"])
    raw = bytearray((tmp_path / "out").read_bytes())
    raw[-8] ^= 1  # inside the last CRC, which eight bytes before the document's end and the terminator hold
    (tmp_path / "out").write_bytes(raw)
    done = subprocess.run(
        [
            str(mongo_tools.mongorestore),
            f"--uri={other[0].uri}",
            "--drop",
            f"--archive={tmp_path / 'out'}",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0 and "CRC" in done.stderr, done.stderr


@pytest.mark.parametrize("compress", [False, True])
def test_tar_unpacks_the_tree_as_it_was(shop: tuple[Lifeboat, Client, Path], tmp_path: Path, compress: bool) -> None:
    lifeboat, _, folder = shop
    lifeboat.export("files", "tar", str(tmp_path / "out.tar"), compress=compress)
    (tmp_path / "back").mkdir()
    unpack = ["tar", "--xattrs", "--xattrs-include=*", "-xpf", str(tmp_path / "out.tar"), "-C", str(tmp_path / "back")]
    done = subprocess.run(unpack, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    compare = [
        "rsync",
        "-aHAXn",
        "--checksum",
        "--itemize-changes",
        "--delete",
        f"{folder}/uploads/",
        f"{tmp_path}/back/",
    ]
    differences = subprocess.run(compare, capture_output=True, text=True, errors="replace", check=False)
    assert differences.stdout + differences.stderr == ""
    assert (tmp_path / "back" / "big").stat().st_mtime_ns == -1_500_000_001
    assert (tmp_path / "back" / "sparse").read_bytes() == (folder / "uploads" / "sparse").read_bytes()


def test_nothing_is_written_over_and_nothing_half_is_left(shop: tuple[Lifeboat, Client, Path], tmp_path: Path) -> None:
    lifeboat = shop[0]
    taken = tmp_path / "taken"
    taken.write_text("mine")
    with pytest.raises(ExportRefused, match="is there already"):
        lifeboat.export("db", None, str(taken))
    with pytest.raises(ExportRefused, match="is not empty"):
        lifeboat.export("db", "mongodump-dir", str(tmp_path))
    with pytest.raises(ExportRefused, match="cannot be exported as tar"):
        lifeboat.export("db", "tar", str(tmp_path / "new"))
    with pytest.raises(ExportRefused, match="cannot be written"):
        lifeboat.export("db", None, str(tmp_path / "missing" / "new"))
    with pytest.raises(ExportRefused, match="nothing called shop"):
        lifeboat.export("db", None, str(tmp_path / "new"), namespaces=["shop.nothing"])
    assert taken.read_text() == "mine"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["taken"]
