"""``lifeboat serve`` as people run it: real processes, a real server, killed for real."""

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from machine import LIFEBOAT, Machine, fill_some

from lifeboat.sources.mongodb.private_server import PrivateServer, ServerOptions, find_mongod

PATIENCE_SECONDS = 90


@pytest.fixture(scope="module")
def replica_set() -> Iterator[PrivateServer]:
    options = ServerOptions(parameters={"periodicNoopIntervalSecs": "1"})
    with PrivateServer(find_mongod(os.environ.get("LIFEBOAT_MONGOD")), options) as running:
        yield running


@pytest.fixture
def machine(make_machine, tmp_path: Path, replica_set: PrivateServer) -> Machine:
    made: Machine = make_machine(tmp_path / "shop")
    made.client = type(made.client)(replica_set.uri, tz_aware=True)
    host = replica_set.uri.partition("//")[2].partition("/")[0]
    made.database = f"serve{abs(hash(str(tmp_path))) % 10**9}"
    made.variables["MONGODB_URI"] = f"mongodb://{host}/{made.database}?replicaSet=lifeboat"
    made.uploads.mkdir()
    (made.uploads / "a.pdf").write_bytes(b"a" * 1000)
    fill_some(made.collections, 20)
    made.run("init", "--yes")
    return made


def settings(machine: Machine, text: str = "", **jobs: str) -> None:
    times = "".join(f'{job} = "{time}"\n' for job, time in jobs.items())
    (machine.folder / "lifeboat.toml").write_text(
        f'[stream]\nevery = 1\n{text}\n[serve]\nlisten = "127.0.0.1:0"\njitter = false\n[serve.jobs]\n{times}'
    )


OFF = dict.fromkeys(("db", "all", "verify", "scrub", "prune"), "off")


@contextmanager
def serving(machine: Machine, **variables: str) -> Iterator["Served"]:
    log = machine.folder / f"serve-{time.monotonic_ns()}.log"
    environment = {"PATH": os.environ["PATH"], "HOME": str(machine.folder), **machine.variables, **variables}
    with log.open("w") as out:
        process = subprocess.Popen(
            [LIFEBOAT, "serve"], stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=machine.folder, env=environment
        )
    try:
        yield Served(process, log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


class Served:
    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.process = process
        self._log = log

    def says(self) -> str:
        return self._log.read_text()

    def get(self, path: str) -> tuple[int, str]:
        until(lambda: "answers on http://" in self.says())
        base = self.says().partition("answers on ")[2].split()[0]
        with urllib.request.urlopen(base + path.lstrip("/"), timeout=10) as answer:
            return answer.status, answer.read().decode()

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)


def until(true: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.1)


def commands_of(machine: Machine) -> list[str]:
    """Command lines of the living processes that work in the machine's folder."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and (process / "cwd").resolve() == machine.folder.resolve():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def memory_of(machine: Machine) -> dict[str, dict[str, object]]:
    [path] = (machine.folder / ".local/state/lifeboat/schedule").glob("*.json")
    jobs: dict[str, dict[str, object]] = json.loads(path.read_text()).get("jobs", {})
    return jobs


def test_it_backs_up_and_streams_by_itself_and_ends_when_it_is_asked_to(machine: Machine) -> None:
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


def test_a_second_serve_on_the_machine_is_refused_and_told_which_one_runs(machine: Machine) -> None:
    settings(machine, **OFF)
    with serving(machine) as served:
        served.get("/healthz")
        told = machine.refuses(10, "serve-runs-already", "serve")
        assert f"process {served.process.pid} serves" in told
        assert served.stop() == 0
    with serving(machine) as again:
        assert again.get("/healthz")[0] == 200


def test_a_serve_that_is_killed_leaves_nothing_behind_and_the_next_one_goes_on(machine: Machine) -> None:
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


def test_settings_are_read_again_on_request_and_mistakes_in_them_change_nothing(machine: Machine) -> None:
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


def test_a_time_that_cannot_be_read_is_refused_at_once(machine: Machine) -> None:
    settings(machine, verify="often")
    assert "serve.jobs.verify" in machine.refuses(10, "schedule-unreadable", "serve")
