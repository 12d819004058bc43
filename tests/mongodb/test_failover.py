"""The primary changes, dies, is restarted or freezes at a chosen moment of a restore: it goes on by itself, nobody notices."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from mongod import private_server
from mongodb_samples import Client
from pymongo import MongoClient
from pymongo.collection import Collection
from shaky_network import ShakyNetwork
from unrest import CLOCK, COUNTS, FastClock, Moment, Stage, restore_through

from lifeboat.foundation.finding import any_problem
from lifeboat.sources.mongodb.errors import DatabaseAway
from lifeboat.sources.mongodb.landing_names import landing_name
from lifeboat.sources.mongodb.private_server import PrivateServer

QUICK = {"shutdownTimeoutMillisForSignaledShutdown": "1000"}
"""How long a node that was asked to end waits for its clients: 15 s by default."""


@pytest.fixture(scope="module")
def three() -> Iterator[PrivateServer]:
    with private_server(nodes=3, parameters=QUICK) as running:
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
    ("kill", Moment("applyOps", 3)),
    pytest.param("terminate", Moment("renameCollection", 3), marks=pytest.mark.long),
    pytest.param("step down", Moment("_mergeAuthzCollections", 1), marks=pytest.mark.long),
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


@pytest.fixture(scope="module")
def one() -> Iterator[PrivateServer]:
    with private_server(parameters=QUICK) as running:
        yield running


@pytest.fixture(scope="module")
def stage_on_one(one: PrivateServer) -> Iterator[Stage]:
    with MongoClient(one.uri) as client:
        yield Stage(client, "shop")


@pytest.mark.parametrize(
    ("what", "moment"),
    [
        ("kill", Moment("createIndexes", holds=False)),
        pytest.param("terminate", Moment("insert", 5, holds=False), marks=pytest.mark.long),
        pytest.param("kill", Moment("renameCollection", 2, holds=False), marks=pytest.mark.long),
        pytest.param("freeze", Moment("drop", 3), marks=pytest.mark.long),
    ],
)
def test_a_set_of_one_is_restarted_meanwhile(
    one: PrivateServer, stage_on_one: Stage, what: str, moment: Moment
) -> None:
    stage_on_one.spoil()
    report, _ = restore_through(stage_on_one, one, what, moment)
    assert not any_problem(report.findings)
    stage_on_one.assert_restored()


@pytest.mark.parametrize(
    ("what", "seconds"),
    [("cut", 3), pytest.param("stall", 3, marks=pytest.mark.long), pytest.param("stall", 40, marks=pytest.mark.long)],
)
def test_the_network_is_lost_for_a_while(one: PrivateServer, stage_on_one: Stage, what: str, seconds: float) -> None:
    stage_on_one.spoil()
    notes: list[str] = []
    moment = Moment("insert", 6, holds=False)
    with ShakyNetwork(one.ports[0]) as network, ThreadPoolExecutor(1) as beside:
        through = f"mongodb://127.0.0.1:{network.port}/?directConnection=true"
        restoring = beside.submit(stage_on_one.restore, through, notes, moment)
        assert moment.reached.wait(60)
        network.cut() if what == "cut" else network.stall()
        CLOCK.sleep(seconds)
        network.mend()
        restoring.result()
    stage_on_one.assert_restored()
    assert what != "cut" or any("the database does not answer; waiting for it" in note for note in notes), notes


def test_a_server_that_stays_away_is_told_in_one_sentence_and_the_same_restore_goes_on(
    one: PrivateServer, stage_on_one: Stage
) -> None:
    stage_on_one.spoil()
    marks: set[str] = set()
    notes: list[str] = []
    moment = Moment("renameCollection", 3)

    def mark(step: str, namespace: str) -> None:
        marks.add(f"{step} {namespace}")

    impatient = one.uri + "&serverSelectionTimeoutMS=300"
    with ThreadPoolExecutor(1) as beside:
        restoring = beside.submit(stage_on_one.restore, impatient, notes, moment, clock=FastClock(), mark=mark)
        assert moment.reached.wait(60)
        one.kill()
        moment.struck.set()
        with pytest.raises(DatabaseAway) as told:
            restoring.result()
    assert "the database does not answer" in told.value.message
    assert "that has not changed for 1" in told.value.message
    assert "type the same command again" in told.value.hint
    assert any(note.startswith("the database does not answer; waiting for it (") for note in notes)
    one.restart()
    landed = compared(marks)
    assert len(landed) == len(COUNTS) + 1
    stage_on_one.restore(one.uri, notes, finished=frozenset(marks), mark=mark)
    stage_on_one.assert_restored()
    assert compared(marks) == landed, "what had landed was landed again"


def test_what_the_server_lost_of_a_landing_while_it_was_away_lands_once_more(
    one: PrivateServer, stage_on_one: Stage
) -> None:
    """As if an order sent before the server froze had been carried out after it was given again."""
    stage_on_one.spoil()
    notes: list[str] = []
    moment = Moment("insert", 6)
    with ThreadPoolExecutor(1) as beside:
        restoring = beside.submit(stage_on_one.restore, one.uri, notes, moment)
        assert moment.reached.wait(60)
        assert deleted_some(stage_on_one.live[landing_name("orders")]), "nothing of it had arrived"
        one.kill()
        moment.struck.set()
        one.restart()
        restoring.result()
    stage_on_one.assert_restored()
    assert any("landing it once more" in note for note in notes), notes


def deleted_some(collection: Collection[dict[str, Any]]) -> bool:
    """Whatever has arrived by now; which of the connections brings the first of it is chance."""
    for _ in range(80):
        if collection.delete_many({}).deleted_count:
            return True
        CLOCK.sleep(0.1)
    return False


def compared(marks: set[str]) -> set[str]:
    """Without the server's scripts, which are copied and so have two of them."""
    return {mark for mark in marks if mark.startswith("compared:") and "system.js" not in mark}


COMMANDS = {
    "listCollections": 12,
    "drop": 8,
    "create": 6,
    "insert": 15,
    "aggregate": 6,
    "createIndexes": 2,
    "renameCollection": 7,
    "collMod": 1,
    "applyOps": 3,
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
