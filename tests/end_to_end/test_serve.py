"""``lifeboat serve`` as people run it: real processes, a real server, killed for real."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from bare import BARE
from machine import Machine
from serve_kit import OFF, commands_of, memory_of, serving, settings, slots_done, until


def test_it_backs_up_and_streams_by_itself_and_ends_when_it_is_asked_to(set_machine: Machine) -> None:
    machine = set_machine
    settings(machine, **OFF | {"db": "every 4s", "all": "0 2 * * *"})
    with serving(machine) as served:
        assert served.get("/healthz")[0] == 200
        until(lambda: served.is_ready())
        until(lambda: len(machine.snapshots("mongodb")) >= 4)
        until(lambda: {one["source"] for one in machine.snapshots()} == {"mongodb", "files", "config"})
        machine.collections["cases"].insert_one({"_id": "streamed"})
        until(lambda: machine.json("status")["archives"])
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
        assert machine.snapshots("files") == []  # of the database the stream takes one by itself
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


@pytest.mark.long
def test_two_machines_of_one_name_do_the_work_once_and_the_second_takes_over(set_machine: Machine) -> None:
    """Two state folders stand for two machines: what one remembers, the other does not."""
    machine = set_machine
    machine.variables["LIFEBOAT_LABEL"] = "shop"
    settings(machine, "", **OFF | {"db": "every 20s"})
    toml = machine.folder / "lifeboat.toml"
    toml.write_text(toml.read_text().replace("[serve]", "[serve]\nstream = false"))
    states = [machine.folder / "state-1", machine.folder / "state-2"]

    def done() -> Counter[str]:
        return sum((slots_done(machine, "backup db", state) for state in states), Counter())

    with serving(machine, LIFEBOAT_STATE=str(states[0])) as first:
        until(done)
        with serving(machine, LIFEBOAT_STATE=str(states[1])) as second:
            until(lambda: len(done()) >= 6, 300)
            assert len(slots_done(machine, "backup db", states[0])) >= 5, "the one that began did not go on"
            first.process.kill()
            before = set(slots_done(machine, "backup db", states[1]))
            until(lambda: len(set(slots_done(machine, "backup db", states[1])) - before) >= 2, 180)
            assert second.stop() == 0
    assert set(done().values()) == {1}, f"a slot was done twice: {done()}"
    taken = [one["instant"] for one in machine.snapshots("mongodb")]
    assert len(set(taken)) == len(taken)
    # One that was stopped at the end may have been stored all the same.
    assert len(taken) <= done().total() + 1, "there are backups that no slot asked for"


@pytest.mark.long
def test_a_guarded_writer_backs_up_and_leaves_the_rest_to_others(set_machine: Machine, tmp_path: Path) -> None:
    keeper = set_machine
    shutil.rmtree(keeper.repository)
    shutil.rmtree(keeper.folder / ".local")
    keeper.run("init", "--yes", "--guarded")
    keeper.run("writer", "add", "web", "--to", str(tmp_path / "web.writer"))
    folder = tmp_path / "web"
    folder.mkdir()
    variables = {name: text for name, text in keeper.variables.items() if name != "BACKUP_ENCRYPTION_KEY"}
    writer = Machine(folder, variables, keeper.client, keeper.database)
    writer.run("init", "--writer", str(tmp_path / "web.writer"))
    plan = {row["job"]: row for row in writer.json("serve", "--plan")["jobs"]}
    assert {job for job, row in plan.items() if row["here"]} == {"all", "db", "age", "stream"}
    assert "keeper" in plan["verify"]["why"] and "custodian" in plan["prune"]["why"]
    settings(writer, **OFF | {"db": "every 5s", "age": "every 10s"})
    with serving(writer) as served:
        until(lambda: len(keeper.snapshots("mongodb")) >= 2)
        until(lambda: memory_of(writer).get("age", {}).get("ended"))
        assert "runs as writer" in served.says() and served.stop() == 0
    assert memory_of(writer)["age"]["status"] in (0, 3)


def test_systemd_hears_that_it_is_ready_alive_read_again_and_ending(set_machine: Machine, tmp_path: Path) -> None:
    machine = set_machine
    settings(machine, **OFF)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(60)
        heard = ""

        def until_heard(word: str) -> None:
            nonlocal heard
            while word not in heard:
                heard += listening.recv(4096).decode() + "\n"

        with serving(machine, NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="120000000") as served:
            until_heard("READY=1")
            until_heard("WATCHDOG=1")
            served.process.send_signal(signal.SIGHUP)
            until_heard("RELOADING=1")
            assert served.stop() == 0
            until_heard("STOPPING=1")
    assert heard.index("READY=1") < heard.index("RELOADING=1") < heard.index("STOPPING=1")


@pytest.mark.long
def test_a_job_that_does_not_end_when_asked_is_killed_and_run_again(set_machine: Machine) -> None:
    """Stopped in its tracks it cannot hear the request: what waits for it must not wait for ever."""
    machine = set_machine
    settings(machine, **OFF | {"files": "every 1h"})
    script = "import lifeboat, sys\nwith lifeboat.schedule_backups(stop_seconds=2):\n    sys.stdin.read()\n"
    environment = {**BARE, "HOME": str(machine.folder), **machine.variables}

    def application() -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-c", script], cwd=machine.folder, env=environment, stdin=subprocess.PIPE
        )

    def freeze() -> bool:
        for process in Path("/proc").iterdir():
            with suppress(OSError):
                is_it = process.name.isdigit() and b"backup\0files" in (process / "cmdline").read_bytes()
                if is_it and (process / "cwd").resolve() == machine.folder.resolve():
                    os.kill(int(process.name), signal.SIGSTOP)
                    return True
        return False

    first = application()
    until(freeze)
    first.communicate(timeout=60)
    until(lambda: commands_of(machine) == [], 20)
    assert machine.snapshots("files") == []
    second = application()
    until(lambda: machine.snapshots("files"))
    second.communicate(timeout=60)
    assert machine.json("verify", code=3)["findings"]
