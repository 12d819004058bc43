"""The primary changes, dies, is restarted or freezes at a chosen moment of a restore: it goes on by itself, nobody notices."""

import random
from collections.abc import Iterator

import pytest
from mongodb_samples import Client
from pymongo import MongoClient
from test_private_server import MONGOD
from unrest import Moment, Stage, restore_through

from lifeboat.foundation.finding import any_problem
from lifeboat.sources.mongodb.private_server import PrivateServer, ServerOptions

QUICK = {"shutdownTimeoutMillisForSignaledShutdown": "1000"}
"""How long a node that was asked to end waits for its clients: 15 s by default."""


@pytest.fixture(scope="module")
def three() -> Iterator[PrivateServer]:
    with PrivateServer(MONGOD, ServerOptions(nodes=3, parameters=QUICK)) as running:
        yield running


@pytest.fixture(scope="module")
def three_client(three: PrivateServer) -> Iterator[Client]:
    with MongoClient(three.uri) as connected:
        yield connected


@pytest.fixture(scope="module")
def stage(three_client: Client) -> Stage:
    return Stage(three_client, "shop")


SHORT = [
    ("kill", Moment("insert", 4)),
    ("step down", Moment("aggregate", 2)),
    ("freeze", Moment("createIndexes", 1, holds=False)),
    ("terminate", Moment("renameCollection", 3)),
    ("step down", Moment("_mergeAuthzCollections", 1)),
]


@pytest.mark.parametrize(("what", "moment"), SHORT)
def test_a_restore_outlives_what_happens_to_the_primary(
    three: PrivateServer, stage: Stage, what: str, moment: Moment
) -> None:
    stage.spoil()
    report, notes = restore_through(stage, three, what, moment)
    assert not any_problem(report.findings)
    stage.assert_restored()
    if what == "kill":
        assert any("the primary changed; waiting for a new one" in note for note in notes), notes
        assert any("the database answers again" in note for note in notes), notes


COMMANDS = {
    "listCollections": 12,
    "drop": 8,
    "create": 6,
    "insert": 15,
    "aggregate": 6,
    "createIndexes": 2,
    "renameCollection": 7,
    "collMod": 1,
    "_mergeAuthzCollections": 1,
}


@pytest.mark.long
@pytest.mark.parametrize("seed", range(60))
def test_at_any_moment(three: PrivateServer, stage: Stage, seed: int) -> None:
    chance = random.Random(seed)
    command = chance.choice(list(COMMANDS))
    moment = Moment(command, chance.randint(1, COMMANDS[command]), holds=chance.random() < 0.5)
    what = chance.choice(["step down", "kill", "terminate", "freeze"])
    stage.spoil()
    report, _ = restore_through(stage, three, what, moment)
    assert not any_problem(report.findings)
    stage.assert_restored()
