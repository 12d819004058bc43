"""What the package really backed up, a server and a tree, comes out of rescue.py as it went in."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bson
import bson.json_util
import pytest
from format_writer import key_text
from mongod import private_server
from pymongo import MongoClient
from repository_kit import HandClock, make
from rescue_alone import SEED
from test_rescue_and_package import Rescue, copied

from lifeboat.crypto.identity import Identity
from lifeboat.foundation.progress import Silent
from lifeboat.operations.backup_files import Root, backup_trees
from lifeboat.operations.backup_mongodb import backup_mongodb
from lifeboat.operations.taking import Taking, new_point
from lifeboat.repository.names import Source
from lifeboat.repository.writing import WriteLimits

ME = Identity.from_text(key_text(SEED))


@pytest.fixture(scope="module")
def client() -> Iterator[MongoClient[dict[str, Any]]]:
    with (
        private_server() as server,
        MongoClient(server.uri) as connected,
    ):
        yield connected


def content(path: bytes) -> bytes:
    return Path(os.fsdecode(path)).read_bytes()


def taking(repository: Any, clock: HandClock, source: Source) -> Taking:
    return Taking(repository, repository.writer(clock.now()), source, new_point(), clock, WriteLimits())


def test_a_backed_up_server_comes_out_as_mongodump_would_have_written_it(
    client: MongoClient[dict[str, Any]], tmp_path: Path, rescue: Rescue
) -> None:
    shop = client["shop"]
    shop["orders"].insert_many({"_id": n, "pad": os.urandom(300)} for n in range(5000))
    shop["orders"].create_index("pad", unique=True)
    shop["odd/na me.%"].insert_one({"x": 1})
    shop.create_collection("recent", viewOn="orders", pipeline=[{"$match": {"_id": {"$gt": 5}}}])
    shop.create_collection("void")
    shop.command("createUser", "bob", pwd="secret", roles=["readWrite"])
    repository, store, clock = make(tmp_path / "state", identities=[ME])
    backup_mongodb(taking(repository, clock, Source.MONGODB), client, ["shop"], clock=clock, progress=Silent())
    home, out = copied(store, tmp_path / "repository"), tmp_path / "out"
    assert rescue("check", home).code == 0
    outcome = rescue("dump", home, "latest", out)
    assert outcome.code == 0, outcome.err
    dumped = bson.decode_all((out / "shop/orders.bson").read_bytes())
    assert sorted(dumped, key=lambda one: one["_id"]) == list(shop["orders"].find().sort("_id"))
    assert bson.decode_all((out / "shop/odd%2Fna+me.%25.bson").read_bytes()) == list(shop["odd/na me.%"].find())
    metadata = bson.json_util.loads((out / "shop/orders.metadata.json").read_text("utf-8"))
    assert [index["name"] for index in metadata["indexes"]] == ["_id_", "pad_1"]
    assert "viewOn" in (out / "shop/recent.metadata.json").read_text("utf-8")
    assert not (out / "shop/recent.bson").exists()
    assert (out / "shop/void.bson").read_bytes() == b""
    assert [user["user"] for user in bson.decode_all((out / "admin/system.users.bson").read_bytes())] == ["bob"]
    assert bson.decode((out / "admin/system.version.bson").read_bytes()) == {"_id": "authSchema", "currentVersion": 5}


def test_a_backed_up_tree_comes_out_as_it_was(tmp_path: Path, rescue: Rescue) -> None:
    uploads = tmp_path / "uploads"
    (uploads / "sub dir").mkdir(parents=True)
    (uploads / "big").write_bytes(os.urandom(6_000_000))
    (uploads / "big").chmod(0o640)
    os.link(uploads / "big", uploads / "sub dir/hard")
    os.symlink("../big", uploads / "sub dir/symlink")
    (uploads / "sparse").write_bytes(b"")
    os.truncate(uploads / "sparse", 30_000_000)
    with open(uploads / "sparse", "r+b") as sparse:
        sparse.seek(20_000_000)
        sparse.write(b"data" * 2000)
    with open(os.fsencode(uploads) + b"/odd \xff\n", "wb") as odd:
        odd.write(b"odd")
    for number in range(300):
        (uploads / f"small{number:03}").write_bytes(b"%d" % number)
    (uploads / "sub dir").chmod(0o750)
    os.utime(uploads / "sub dir", ns=(5, 123_456_789))
    repository, store, clock = make(tmp_path / "state", identities=[ME])
    backup_trees(taking(repository, clock, Source.FILES), [Root(uploads)], progress=Silent())
    home = copied(store, tmp_path / "repository")
    assert rescue("check", home).code == 0
    outcome = rescue("files", home, "latest", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    before, after = os.fsencode(uploads), os.fsencode(tmp_path / "out") + os.fsencode(uploads)
    names = {os.path.relpath(os.path.join(folder, one), before) for folder, _, ones in os.walk(before) for one in ones}
    assert {os.path.relpath(os.path.join(f, one), after) for f, _, ones in os.walk(after) for one in ones} == names
    for name in [*names, b".", b"sub dir"]:
        was, came = os.lstat(os.path.join(before, name)), os.lstat(os.path.join(after, name))
        assert (was.st_mode, was.st_mtime_ns, was.st_nlink) == (came.st_mode, came.st_mtime_ns, came.st_nlink), name
    for name in names - {b"sub dir/symlink"}:
        assert content(os.path.join(before, name)) == content(os.path.join(after, name)), name
    assert os.stat(os.path.join(after, b"sparse")).st_blocks * 512 < 1_000_000
