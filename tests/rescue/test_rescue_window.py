"""A snapshot with a window, written out by rescue.py and by export, is brought to its instant by the official mongorestore."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from format_writer import key_text
from mongod import private_server
from pymongo import MongoClient
from repository_kit import make
from rescue_alone import SEED
from test_rescue_and_package import Rescue, copied

from lifeboat.crypto.identity import Identity
from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.progress import Silent
from lifeboat.operations.backup_mongodb import backup_mongodb
from lifeboat.operations.export import ARCHIVE, FOLDER, export
from lifeboat.operations.taking import Taking, new_point
from lifeboat.repository.names import Source
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.writing import WriteLimits
from lifeboat.sources.mongodb.catalog import CollectionEntry
from lifeboat.sources.mongodb.private_server import PrivateServer

sys.path.insert(0, str(Path(__file__).parents[1] / "servers"))
from mongo_tools import CannotBuild, MongoTools, find_or_build

CLOCK = SystemClock()


@pytest.fixture(scope="module")
def tools() -> MongoTools:
    try:
        return find_or_build()
    except CannotBuild as reason:
        pytest.skip(f"no mongorestore here: {reason}")


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateServer]:
    with private_server() as running:
        yield running


def everything(client: MongoClient[dict[str, Any]]) -> dict[str, list[Any]]:
    shop = client["shop"]
    names = [one["name"] for one in shop.list_collections() if one["name"] != "system.views"]
    return {name: sorted(shop[name].find(), key=lambda one: str(one["_id"])) for name in names}


@pytest.mark.parametrize("way", ["rescue", "export", "archive"])
def test_mongorestore_brings_a_window_to_its_end(
    tools: MongoTools, server: PrivateServer, tmp_path: Path, rescue: Rescue, way: str
) -> None:
    with MongoClient[dict[str, Any]](server.uri) as client:
        client.drop_database("shop")
        shop = client["shop"]
        shop["orders"].insert_many({"_id": n, "n": n} for n in range(500))
        shop["people"].insert_many({"_id": n, "n": n} for n in range(50))
        shop.create_collection("log", capped=True, size=65536)
        shop["log"].insert_many({"_id": n} for n in range(20))
        done = []

        def meanwhile(entry: CollectionEntry) -> None:
            if entry.name != "orders" or done:
                return
            done.append(True)
            shop["orders"].update_many({"_id": {"$lt": 50}}, {"$inc": {"n": 7}, "$set": {"a.b": 1}})
            shop["orders"].delete_many({"_id": {"$gt": 450}})
            shop["log"].insert_one({"_id": "late"})
            shop["people"].rename("customers")
            shop["customers"].insert_one({"_id": "new", "n": 1})
            shop["customers"].create_index("n")
            with client.start_session() as session, session.start_transaction():
                shop["orders"].insert_many([{"_id": f"t{n}", "n": n} for n in range(5)], session=session)

        repository, store, _ = make(tmp_path / "state", identities=[Identity.from_text(key_text(SEED))], clock=CLOCK)  # type: ignore[arg-type]
        taking = Taking(repository, repository.writer(CLOCK.now()), Source.MONGODB, new_point(), CLOCK, WriteLimits())
        taken = backup_mongodb(taking, client, ["shop"], clock=CLOCK, progress=Silent(), after_block=meanwhile)
        truth = everything(client)
        out = tmp_path / "out"
        if way == "rescue":
            outcome = rescue("dump", copied(store, tmp_path / "repository"), "latest", out)
            assert outcome.code == 0, outcome.err
            assert "mongorestore --oplogReplay" in outcome.err
        else:
            with SnapshotReader(repository, taken.record) as reader:
                export(
                    reader,
                    FOLDER if way == "export" else ARCHIVE,
                    str(out),
                    namespaces=(),
                    with_users=False,
                    compress=False,
                    progress=Silent(),
                )
        client.drop_database("shop")
        command = [str(tools.mongorestore), "--oplogReplay", "--quiet", f"--uri={server.uri}"]
        command += [f"--archive={out}"] if way == "archive" else [str(out)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        assert everything(client) == truth
        assert "n_1" in shop["customers"].index_information() and shop["log"].options()["capped"]
