"""``lifeboat serve`` as people run it: real processes, a real server, killed for real."""

import signal

from machine import Machine
from serve_kit import OFF, commands_of, memory_of, serving, settings, until


def test_it_backs_up_and_streams_by_itself_and_ends_when_it_is_asked_to(set_machine: Machine) -> None:
    machine = set_machine
    settings(machine, **OFF | {"db": "every 4s", "all": "0 2 * * *"})
    with serving(machine) as served:
        assert served.get("/healthz")[0] == 200 and served.get("/readyz")[0] == 200
        until(lambda: len(machine.snapshots("mongodb")) >= 4)
        assert {one["source"] for one in machine.snapshots()} == {"mongodb", "files", "config"}
        machine.collections["cases"].insert_one({"_id": "streamed"})
        until(lambda: any(one["by_archive"] for one in machine.json("status")["sources"]))
        assert served.stop() == 0
    assert commands_of(machine) == []
    slots = [memory_of(machine)[job] for job in ("db", "all")]
    assert all(one["status"] in (0, 130) for one in slots)
    assert "problem" not in machine.run("verify")


def test_a_second_serve_on_the_machine_is_refused_and_told_which_one_runs(set_machine: Machine) -> None:
    machine = set_machine
    settings(machine, **OFF)
    with serving(machine) as served:
        served.get("/healthz")
        told = machine.refuses(10, "serve-runs-already", "serve")
        assert f"process {served.process.pid} serves" in told
        assert served.stop() == 0
    with serving(machine) as again:
        assert again.get("/healthz")[0] == 200


def test_a_serve_that_is_killed_leaves_nothing_behind_and_the_next_one_goes_on(set_machine: Machine) -> None:
    machine = set_machine
    settings(machine, **OFF | {"db": "every 3s"})
    with serving(machine) as served:
        until(lambda: machine.snapshots("mongodb"))
        until(lambda: any(" stream " in one for one in commands_of(machine)))
        served.process.kill()
        served.process.wait()
    until(lambda: commands_of(machine) == [])
    before = len(machine.snapshots("mongodb"))
    with serving(machine) as served:
        until(lambda: len(machine.snapshots("mongodb")) > before + 1)
        assert served.stop() == 0
    machine.run("backup", "all")
    assert "problem" not in machine.run("verify")


def test_settings_are_read_again_on_request_and_mistakes_in_them_change_nothing(set_machine: Machine) -> None:
    machine = set_machine
    settings(machine, **OFF)
    with serving(machine) as served:
        served.get("/healthz")
        assert machine.snapshots() == []
        settings(machine, **OFF | {"db": "every blue moon"})
        served.process.send_signal(signal.SIGHUP)
        until(lambda: "serve.jobs.db: 'every blue moon' is no time for a job" in served.says())
        assert served.process.poll() is None
        settings(machine, **OFF | {"files": "every 3s"})
        served.process.send_signal(signal.SIGHUP)
        until(lambda: machine.snapshots("files"))
        assert served.stop() == 0


def test_a_time_that_cannot_be_read_is_refused_at_once(set_machine: Machine) -> None:
    machine = set_machine
    settings(machine, verify="often")
    assert "serve.jobs.verify" in machine.refuses(10, "schedule-unreadable", "serve")
