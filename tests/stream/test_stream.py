"""The stream, against a real server: what it archived is what happened, whatever was done to it in between."""

import os
import threading
from dataclasses import replace
from typing import Any

import pytest
from pymongo import WriteConcern
from stream_kit import QUICK, Client, StreamKit, now_of, wait_for

from lifeboat.operations.stream.memory import FILE, StreamRuns
from lifeboat.repository.segments import Segment
from lifeboat.sources.mongodb.oplog.change import Change
from lifeboat.sources.mongodb.oplog.command import Command


class Writer:
    """Writes of every kind, as fast as it can, in a thread."""

    def __init__(self, client: Client, database: str) -> None:
        self._client = client
        self._database = database
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.rounds = 0

    def __enter__(self) -> "Writer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._ends.wait(0.002):
            self.one_round()

    def one_round(self) -> None:
        number = self.rounds
        database: Any = self._client[self._database].with_options(write_concern=WriteConcern("majority"))
        database.orders.insert_many([{"_id": 3 * number + one, "text": "x" * 50} for one in range(3)])
        database.orders.update_one({"_id": 3 * number}, {"$push": {"list": number}, "$set": {"a.b": number}})
        database.orders.delete_one({"_id": 3 * number + 1})
        if number % 7 == 0:
            with self._client.start_session() as session, session.start_transaction():
                database.orders.update_one({"_id": 3 * number}, {"$set": {"in": "both"}}, session=session)
                database.other.insert_one({"n": number}, session=session)
        if number % 31 == 0:
            database.drop_collection("temporary")
            database.temporary.insert_one({"n": number})
            database.temporary.create_index("n")
        self.rounds += 1


def test_what_was_archived_is_what_happened(kit: StreamKit, client: Client, database: str) -> None:
    with kit.stream(client, [database]) as running, Writer(client, database) as writer:
        wait_for(lambda: writer.rounds > 300 and running.snapshots.taken)
    events = kit.compare(client, [database])
    kinds = {one.kind for one in events if isinstance(one, Change)}
    assert kinds == {"i", "u", "d"} and any(isinstance(one, Command) for one in events)
    assert kit.because() == ["the archive begins here"]
    assert len(kit.segments()) > 2 and not kit.heard.problems()
    report = running.report
    assert report is not None and report.all_stored and report.status is not None and report.status.lag_seconds == 0


def test_it_goes_on_where_it_was(kit: StreamKit, client: Client, database: str) -> None:
    writer = Writer(client, database)
    for _ in range(4):
        writer.one_round()
        assert kit.once(client, [database]).all_stored
    kit.compare(client, [database])
    segments = kit.segments()
    said = [Segment(kit.repository(), one).statement for one in segments]
    assert [one.previous for one in said] == [None, *(one.name for one in segments[:-1])]
    assert [one.after for one in said[1:]] == [one.through for one in said[:-1]]


def test_a_first_archive_begins_at_the_newest_snapshot(kit: StreamKit, client: Client, database: str) -> None:
    """So that it has a base at once, and what happened since is in it."""
    writer = Writer(client, database)
    writer.one_round()
    kit.back_up(client, [database])
    writer.one_round()
    report = kit.once(client, [database])
    assert not report.snapshot_missing
    assert len(kit.repository().snapshots()) == 1, "no second one was needed"
    assert len(kit.compare(client, [database])) >= 5


def test_state_that_is_lost_is_found_again_in_the_repository(kit: StreamKit, client: Client, database: str) -> None:
    writer = Writer(client, database)
    writer.one_round()
    kit.once(client, [database])
    writer.one_round()
    kit.once(client, [database])
    (kit.state.directory / FILE).unlink()
    writer.one_round()
    kit.once(client, [database])
    kit.compare(client, [database])


def test_state_that_is_lost_does_not_hide_that_other_databases_are_followed(
    kit: StreamKit, client: Client, database: str
) -> None:
    writer = Writer(client, database)
    for _ in range(2):
        writer.one_round()
        kit.once(client, [database])
    (kit.state.directory / FILE).unlink()
    kit.once(client, [f"{database}_other", database])
    assert "other databases are followed now" in kit.because()[-1]


def test_state_that_is_older_than_the_archive_costs_a_stretch_twice(
    kit: StreamKit, client: Client, database: str
) -> None:
    writer = Writer(client, database)
    for _ in range(2):
        writer.one_round()
        kit.once(client, [database])
    old = (kit.state.directory / FILE).read_bytes()
    for _ in range(2):
        writer.one_round()
        kit.once(client, [database])
    (kit.state.directory / FILE).write_bytes(old)
    writer.one_round()
    kit.once(client, [database])
    kit.compare(client, [database])


def test_a_second_stream_of_one_machine_is_refused(kit: StreamKit, client: Client, database: str) -> None:
    with kit.stream(client, [database]) as running:
        wait_for(lambda: kit.heard.statuses)
        with pytest.raises(StreamRuns):
            kit.stream(client, [database]).stream.run()
        assert running.failure is None


def test_when_nothing_happens_one_empty_segment_says_so_now_and_then(
    kit: StreamKit, client: Client, database: str
) -> None:
    kit.back_up(client, [database] if client[database].orders.insert_one({}) else [])
    with kit.stream(client, [database], replace(QUICK, idle_seconds=3)):
        wait_for(lambda: len(kit.segments()) >= 1)  # it says that the archive began
        first = now_of(client)
        for _ in range(40):
            client["admin"].command("appendOplogNote", data={"a": "noop"})
            threading.Event().wait(0.1)
    empty = [one for one in kit.segments() if one.through > first]
    assert 1 <= len(empty) <= 2
    assert kit.compare(client, [database]) == []


def test_a_transaction_larger_than_a_segment_is_whole_and_in_parts(
    kit: StreamKit, client: Client, database: str
) -> None:
    client[database].create_collection("big")
    kit.back_up(client, [database] if client[database].big.insert_one({"_id": "first"}) else [])
    with client.start_session() as session, session.start_transaction():
        for number in range(20):
            client[database].big.insert_one({"_id": number, "text": os.urandom(500_000).hex()}, session=session)
    client[database].big.insert_one({"_id": "after"})
    kit.once(client, [database], segment_bytes=3 * 2**20)
    segments = kit.segments()
    assert sum(one.is_part for one in segments) >= 4
    assert max(one.size_bytes for one in segments) < 5 * 2**20
    events = kit.compare(client, [database])
    assert len(events) == 21 and len({one.when for one in events[:20]}) == 1


def test_other_databases_than_before_begin_a_new_chain_with_a_snapshot(
    kit: StreamKit, client: Client, database: str
) -> None:
    writer = Writer(client, database)
    for _ in range(2):
        writer.one_round()
        kit.once(client, [database])
    taken = len(kit.repository().snapshots())
    report = kit.once(client, [database, f"{database}_other"])
    assert "other databases are followed now" in kit.because()[-1]
    assert kit.heard.problems() == ["stream-gap"] and not report.snapshot_missing
    assert len(kit.repository().snapshots()) == taken + 1


def test_a_new_writer_begins_a_chain_and_a_base_of_its_own(kit: StreamKit, client: Client, database: str) -> None:
    writer = Writer(client, database)
    for _ in range(2):
        writer.one_round()
        kit.once(client, [database])
    writer.one_round()
    kit.once(client, [database])
    repository = kit.repository()
    repository.new_writer(repository.store.time_there())
    taken = len(repository.snapshots())
    kit.once(client, [database])
    client[database].other.insert_one({})
    kit.once(client, [database])
    one, other = kit.stretches()
    assert one.writer != other.writer and one.chain != other.chain
    assert len(kit.repository().snapshots()) == taken + 1
    for stretch in (one, other):
        kit.compare(client, [database], stretch)
