"""What `doctor` and `status` say of the stream is what it does."""

from datetime import timedelta
from typing import Any

from stream_kit import CLOCK, Client, StreamKit, wait_for

from lifeboat.foundation.finding import Finding, Level
from lifeboat.operations.doctor.stream import check_stream
from lifeboat.operations.status import status
from lifeboat.operations.stream.memory import TOLD_FILE


def look(kit: StreamKit, **more: Any) -> Finding:
    (found,) = check_stream(kit.state, more.pop("now", CLOCK.now()), **more)
    return found


def test_one_that_never_ran_is_no_trouble_unless_it_was_installed(kit: StreamKit) -> None:
    assert look(kit).level is Level.OK
    assert look(kit, installed=True).code == "stream-stopped"


def test_one_that_runs_and_one_that_was_ended_are_told_apart(kit: StreamKit, client: Client, database: str) -> None:
    client[database].orders.insert_one({})
    with kit.stream(client, [database]) as running:
        wait_for(lambda: running.snapshots.taken and kit.segments())
        wait_for(lambda: kit.state.read_json(TOLD_FILE))
        wait_for(lambda: look(kit).message.startswith("it runs; archived through"), 30)
        later = CLOCK.now() + timedelta(minutes=10)
        assert look(kit, now=later).code == "stream-silent"
    assert look(kit).level is Level.OK and "it was ended" in look(kit).message
    assert look(kit, now=CLOCK.now() + timedelta(days=2)).code == "stream-ended"
    assert look(kit, installed=True).code == "stream-stopped"


def test_one_that_was_killed_is_a_problem_that_status_shows(kit: StreamKit, client: Client, database: str) -> None:
    client[database].orders.insert_one({})
    with kit.stream(client, [database]) as running:
        wait_for(lambda: running.snapshots.taken and kit.state.read_json(TOLD_FILE))
        left = kit.state.read_json(TOLD_FILE)
    assert left is not None and not left["ended"]
    kit.state.write_json(TOLD_FILE, left)
    assert look(kit).code == "stream-stopped" and look(kit).level is Level.PROBLEM
    report = status(kit.repository(), {"mongodb": 3600.0}, 86400.0)
    assert "stream-stopped" in [one.code for one in report.findings]
    kit.state.write_json(TOLD_FILE, {**left, "at": "nonsense"})
    assert look(kit).code == "stream-unknown"
