"""For tests of ``lifeboat serve``: its settings, the process, what it leaves behind."""

import json
import signal
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bare import BARE
from machine import LIFEBOAT, Machine

PATIENCE_SECONDS = 90


def settings(machine: Machine, text: str = "", **jobs: str) -> None:
    times = "".join(f'{job} = "{time}"\n' for job, time in jobs.items())
    (machine.folder / "lifeboat.toml").write_text(
        f'[stream]\nevery = 1\n{text}\n[serve]\nlisten = "127.0.0.1:0"\njitter = false\n[serve.jobs]\n{times}'
    )


OFF = dict.fromkeys(("db", "all", "verify", "scrub", "prune"), "off")


@contextmanager
def serving(machine: Machine, **variables: str) -> Iterator["Served"]:
    log = machine.folder / f"serve-{time.monotonic_ns()}.log"
    environment = {**BARE, "HOME": str(machine.folder), **machine.variables, **variables}
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

    def is_ready(self) -> bool:
        """It answers before it has begun its jobs, and says so."""
        try:
            return self.get("/readyz")[0] == 200
        except urllib.error.HTTPError as answer:
            assert answer.code == 503
            return False

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


def slots_done(machine: Machine, job: str, state: Path | None = None) -> Counter[str]:
    """How often each slot was done to its end, as the machine's journal has it; a slot that was done twice counts two.

    Instants of snapshots would not tell: a run may take longer than its slot, or begin late, and the stream takes some that are for no slot.

    Args:
        state: The machine's state folder, where it is not the usual one.
    """
    done: Counter[str] = Counter()
    for journal in (state or machine.folder / ".local/state/lifeboat").rglob("journal.sqlite3"):
        with closing(sqlite3.connect(journal)) as connection:
            question = "SELECT slot FROM runs WHERE job = ? AND slot IS NOT NULL AND status IN (0, 3, 4)"
            done.update(slot for (slot,) in connection.execute(question, (job,)))
    return done


def memory_of(machine: Machine) -> dict[str, dict[str, object]]:
    [path] = (machine.folder / ".local/state/lifeboat/schedule").glob("*.json")
    jobs: dict[str, dict[str, object]] = json.loads(path.read_text()).get("jobs", {})
    return jobs
