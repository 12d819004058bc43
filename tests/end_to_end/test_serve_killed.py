"""Serve for minutes, with short steps, and everything it consists of killed, stopped and frozen at random.

``SOAK_MINUTES`` says how long (5); ``SOAK_SEED`` repeats one.
"""

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bare import BARE
from machine import LIFEBOAT, Machine
from serve_kit import settings, until

MINUTES = float(os.environ.get("SOAK_MINUTES", "5"))
SEED = int(os.environ.get("SOAK_SEED", "0")) or random.randrange(1, 10**6)
STEP = timedelta(seconds=20)


class Soak:
    """A machine under serve, somebody who writes to its database, and a witness who counts its processes."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.chance = random.Random(SEED)
        self.process: subprocess.Popen[bytes] | None = None
        self.log = machine.folder / "serve.log"
        self.story: list[str] = []
        self.excused = timedelta()
        self.together: list[list[str]] = []
        self.written = 0
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=one) for one in (self._write, self._watch)]

    def begin(self) -> None:
        environment = {**BARE, "HOME": str(self.machine.folder), **self.machine.variables}
        with self.log.open("a") as out:
            self.process = subprocess.Popen(
                ["nice", "-n", "5", LIFEBOAT, "serve"],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=self.machine.folder, env=environment,
            )  # fmt: skip

    def disturb(self) -> None:
        what = self.chance.choice(["kill serve", "stop serve", "kill job", "kill stream", "freeze", "kill all"])
        assert self.process is not None
        began = time.monotonic()
        if what == "kill serve":
            self.process.kill()
            self.process.wait()
        elif what == "stop serve":
            self.process.terminate()
            assert self.process.wait(90) == 0, "serve did not end as asked"
        elif what == "kill all":
            self.process.kill()
            self.process.wait()
            for process, _ in self.processes():
                kill(process)
        elif what == "freeze":
            frozen = [process for process, _ in self.processes()]
            for process in frozen:
                kill(process, signal.SIGSTOP)
            time.sleep(self.chance.uniform(5, 60))
            for process in frozen:
                kill(process, signal.SIGCONT)
        else:
            word = " stream " if what == "kill stream" else " backup "
            for process, command in self.processes():
                if word in command:
                    kill(process)
        if self.process.poll() is not None:
            time.sleep(self.chance.uniform(0, 15))
            self.begin()
        took = time.monotonic() - began
        self.excused += timedelta(seconds=took)
        self.story.append(f"{datetime.now(UTC):%H:%M:%S} {what}, {took:.0f} s")

    def processes(self) -> list[tuple[int, str]]:
        """The living processes in the machine's folder, with their command lines."""
        found = []
        for process in Path("/proc").iterdir():
            try:
                if process.name.isdigit() and (process / "cwd").resolve() == self.machine.folder.resolve():
                    found.append((int(process.name), (process / "cmdline").read_text().replace("\0", " ") + " "))
            except OSError:
                continue
        return found

    def _write(self) -> None:
        while not self.stop.wait(0.2):
            self.machine.collections["entries"].insert_one({"n": self.written, "at": datetime.now(UTC)})
            self.written += 1

    def _watch(self) -> None:
        while not self.stop.wait(0.3):
            runs = [command for _, command in self.processes() if "schedule run" in command]
            for job in ("db", "files", "verify"):
                if sum(f"schedule run {job} " in one for one in runs) > 1:
                    self.together.append(runs)


def kill(process: int, number: int = signal.SIGKILL) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, number)


@pytest.fixture
def soak(set_machine: Machine) -> Iterator[Soak]:
    settings(
        set_machine,
        db="every 20s", files="every 1m", verify="every 2m", all="0 2 * * *", scrub="off", prune="off",
    )  # fmt: skip
    made = Soak(set_machine)
    made.begin()
    for thread in made.threads:
        thread.start()
    try:
        yield made
    finally:
        made.stop.set()
        for thread in made.threads:
            thread.join()
        for process, _ in made.processes():
            kill(process)


@pytest.mark.long
def test_killed_at_random_it_backs_up_all_the_same(soak: Soak) -> None:
    began = datetime.now(UTC)
    print(f"seed {SEED}, {MINUTES:g} minutes")
    end = time.monotonic() + 60 * MINUTES
    while time.monotonic() < end:
        time.sleep(soak.chance.uniform(5, 45))
        soak.disturb()
    machine = soak.machine
    quiet = datetime.now(UTC)
    until(lambda: newest(machine) > quiet, 180)
    soak.stop.set()
    for thread in soak.threads:
        thread.join()
    assert soak.process is not None
    soak.process.terminate()
    assert soak.process.wait(90) == 0
    until(lambda: soak.processes() == [], 60)

    assert soak.together == [], "two runs of one job at once"
    taken = sorted(datetime.fromisoformat(one["instant"]) for one in machine.snapshots("mongodb"))
    apart = [later - earlier for earlier, later in zip([began, *taken], [*taken, quiet], strict=False)]
    print("\n".join(soak.story))
    print(f"{len(taken)} snapshots of the database, {soak.written} documents, longest apart {max(apart)}")
    assert len(taken) >= 60 * MINUTES / 20 / 4
    # A run that is killed is tried again after a pause: two steps, a freeze and a restart may lie between two snapshots.
    assert max(apart) < 6 * STEP + timedelta(seconds=60)
    machine.run("backup", "all")
    assert "problem" not in machine.run("verify", "--level", "full")
    timeline = machine.json("timeline")
    print({key: timeline[key] for key in timeline if key in ("gaps", "newest")})
    machine.run("restore", "db", "latest", "--to", f"{machine.database}_copy")
    live = [one["n"] for one in machine.collections["entries"].find().sort("n")]
    copy = [one["n"] for one in machine.client[f"{machine.database}_copy"]["entries"].find().sort("n")]
    assert copy == live == list(range(soak.written))


def newest(machine: Machine) -> datetime:
    return max(
        (datetime.fromisoformat(one["instant"]) for one in machine.snapshots("mongodb")),
        default=datetime.min.replace(tzinfo=UTC),
    )
