"""The training guide is true: what it tells people to type solves every task, and nothing is solved before."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bare import BARE

GUIDE = (Path(__file__).parents[2] / "docs/training.md").read_text()
SMALL = ("--scale", "0.02")
LONG = (1, 2, 4, 5, 7)
"""The others are the short form."""


class Team:
    """Types what the guide says, in the folder of a running exercise."""

    def __init__(self, folder: Path) -> None:
        self.folder = self.here = folder
        self.said: dict[str, Any] = {}

    def types(self, words: str, **more: str) -> tuple[int, Any]:
        named = re.findall(r"^(\w+)=(\S+) ", words)
        done = subprocess.run(
            [sys.executable, "-m", *shlex.split(re.sub(r"^\w+=\S+ ", "", words)), "--json"],
            cwd=self.here,
            env={**environment(self.folder), **dict(named), **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert done.returncode in (0, 3, 11) or "--check" in words, done.stdout + done.stderr
        return done.returncode, json.loads(done.stdout)

    @property
    def uri(self) -> str:
        uri: str = json.loads((self.folder / ".exercise/record.json").read_text())["uri"]
        return uri


def environment(folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("LIFEBOAT_MONGOD", "PYTHONPATH") if name in os.environ}
    return {**BARE, **kept, "HOME": str(folder.parent)}


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    folder = tmp_path_factory.mktemp("afternoon") / "training"
    demo = subprocess.Popen(
        [sys.executable, "-m", "lifeboat", "demo", "--exercise", str(folder), "--json", *SMALL],
        cwd=folder.parent,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert demo.stdout is not None
    begin = time.monotonic()
    while not (folder / ".exercise/record.json").exists():
        assert demo.poll() is None and time.monotonic() < begin + 60, demo.communicate()
        time.sleep(0.1)
    yield Team(folder)
    demo.send_signal(signal.SIGTERM)
    demo.communicate(timeout=20)
    assert demo.returncode == 130
    assert (folder / "repository").is_dir(), "what was exercised on can be looked at afterwards"


def solution_of(task: int) -> list[str]:
    """Every line of the task's code blocks, in their order: first the one that plants it."""
    [chapter] = re.findall(rf"^## Task {task}:.*?(?=^## )", GUIDE, re.M | re.S)
    blocks = re.findall(r"^```sh\n(.*?)^```", chapter, re.M | re.S)
    return [line for one in blocks for line in one.splitlines()]


def test_the_guide_and_the_command_have_the_same_tasks() -> None:
    from lifeboat.app.exercise.tasks import TASKS

    told = re.findall(r"^## Task (\d+): (.*) \((\d+) minutes\)$", GUIDE, re.M)
    assert [(int(number), int(minutes)) for number, _, minutes in told] == [
        (n, one.minutes) for n, one in TASKS.items()
    ]
    for number, one in TASKS.items():
        lines = solution_of(number)
        assert lines[0] == f"lifeboat demo --break {number}" and lines[-1].startswith("lifeboat demo --check")
        assert f"| {number} {one.name} | {one.minutes} min |" in GUIDE


@pytest.mark.parametrize("task", [pytest.param(n, marks=pytest.mark.long) if n in LONG else n for n in range(1, 8)])
def test_what_the_guide_says_solves_the_task(team: Team, task: int) -> None:
    break_it, *lines = solution_of(task)
    code, broken = team.types(break_it)
    assert code == 0 and broken["task"] == task
    status, judged = team.types("lifeboat demo --check")
    assert status == 3 and not judged["solved"] and judged["wanting"]
    team.here = team.folder / "new-server" if task == 5 else team.folder
    if task == 5:
        assert list(team.here.iterdir()) == []
        (team.here / ".env").touch(mode=0o600)
        (team.here / ".env").write_text(
            f"LIFEBOAT_REPOSITORY={team.folder / 'repository'}\nLIFEBOAT_KEY_FILE={team.folder / 'safe/backup.key'}\n"
            f"MONGODB_URI={team.uri}\nUPLOADS_DIR={team.folder / 'uploads'}\n"
        )
    for line in lines[:-1]:
        status, seen = team.types(_filled(team, line))
        _look_into(team, seen)
        if (tried := re.search(r"^LIFEBOAT_KEY_FILE=safe/(\S+)", line)) and status == 0:
            settings = team.folder / "lifeboat.toml"
            settings.write_text(settings.read_text().replace("key-1.txt", tried[1]))
    status, judged = team.types(_filled(team, lines[-1]))
    team.here = team.folder
    assert (status, judged["wanting"]) == (0, []) and judged["solved"]
    assert 0 < judged["seconds"] < judged["minutes"] * 60


def _filled(team: Team, line: str) -> str:
    """The guide's examples, in place of which people type what they saw."""
    for example, name in (
        ("3f2a91c0", "id"),
        ("1764123456.3", "op"),
        ("2026-11-26T14:03:27+00:00", "time"),
        ("'enough cases'", "check"),
    ):
        line = line.replace(example, team.said.get(name, example))
    return line


def _look_into(team: Team, seen: dict[str, Any]) -> None:
    """What a person reads from a screen."""
    if set(seen) == {"snapshots"}:
        team.said["id"] = next(one["snapshot"][:8] for one in seen["snapshots"] if one["source"] == "files")
    if "suspects" in seen:
        drops = [one for one in seen["suspects"] if one["kind"] == "drop" and not one["minor"]]
        team.said["op"], newest = drops[-1]["op"], float(drops[-1]["op"])
        team.said["time"] = next(one["instant"] for one in drops if float(one["op"]) > newest - 5)
    if "checked" in seen:
        failed = [one["name"] for one in seen["checked"] if not one["passed"]]
        team.said["check"] = shlex.quote(failed[0])


def test_what_leads_to_real_data_is_refused(team: Team) -> None:
    status, refused = team.types("lifeboat demo --check", MONGODB_URI="mongodb://production.example.com/shop")
    assert status != 0 and refused["error"]["code"] == "exercise-missing" and "MONGODB_URI" in refused["error"]["hint"]


def test_outside_of_an_exercise_nothing_is_broken(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lifeboat", "demo", "--break", "5"],
        cwd=tmp_path,
        env=environment(tmp_path / "x"),
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0 and "exercise-missing" in done.stderr and "--exercise FOLDER" in done.stderr
    assert list(tmp_path.iterdir()) == []
