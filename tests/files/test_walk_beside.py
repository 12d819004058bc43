"""A walk that a process of its own goes on with tells what the walk alone tells: every name, in order, once, and every trouble."""

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from odd_trees import build_everything

from lifeboat.foundation.finding import Finding
from lifeboat.foundation.helper_process import HelperProcess
from lifeboat.sources.files import walk_beside as beside
from lifeboat.sources.files.entry import RESTORING_NAME, Entry, walk_order
from lifeboat.sources.files.errors import FilesRootMissing
from lifeboat.sources.files.patterns import NOTHING_SAID, Patterns
from lifeboat.sources.files.siblings import Siblings
from lifeboat.sources.files.walk import walk

Told = tuple[list[Entry], list[Finding]]


@pytest.fixture(autouse=True)
def taken_over_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first name on, by a process that is waited for: where it takes over is no matter of time then."""
    monkeypatch.setattr(beside, "WORTH_IT_NAMES", 1)
    monkeypatch.setattr(beside, "LOOK_EVERY", 1)
    monkeypatch.setattr(HelperProcess, "has_answered", lambda helper: True)


def alone(root: Path, patterns: Patterns = NOTHING_SAID, **ways: bool) -> Told:
    troubles: list[Finding] = []
    return names_of(walk(root, patterns, on_trouble=troubles.append, **ways)), troubles


def together(root: Path, patterns: Patterns = NOTHING_SAID, **ways: bool) -> Told:
    troubles: list[Finding] = []
    found = names_of(beside.walk_beside(root, patterns, on_trouble=troubles.append, **ways))
    return found, troubles


def names_of(found: Iterable[Entry | Siblings]) -> list[Entry]:
    """Each alone; nobody has promised to look at the attributes of files."""
    return [
        entry._replace(xattrs=()) if (entry.kind, entry.link_count) == ("file", 1) else entry
        for entry in beside.one_by_one(found)
    ]


def build(root: Path) -> None:
    build_everything(root)
    (root / RESTORING_NAME.decode()).touch()
    for folder in ("", "order", "links"):
        with socket.socket(socket.AF_UNIX) as made:
            os.chdir(root / folder)
            made.bind("socket")
    for number in range(700):
        folder = root / f"many/{number // 100}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}").write_bytes(b"x")
        if number % 7 == 0:
            os.link(folder / f"{number}", root / f"many/again-{number}")


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root, before = tmp_path_factory.mktemp("everything") / "root", Path.cwd()
    try:
        build(root)
    finally:
        os.chdir(before)
    yield root


@pytest.mark.parametrize("at", [1, 30, 95, 150, 850, 10_000])
def test_wherever_it_takes_over_it_tells_what_one_walk_tells(
    everything: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    monkeypatch.setattr(beside, "WORTH_IT_NAMES", at)
    expected, troubles = alone(everything)
    found, told = together(everything)
    assert found == expected and told == troubles
    assert len(troubles) == 4 and len({entry.hard_link_to for entry in found}) > 90


def test_what_is_excluded_and_included_and_not_asked_for_is_the_same(everything: Path) -> None:
    some = Patterns(exclude=["*7", "!317", "/links/"], include=["many/", "odd names"])
    assert together(everything, some) == alone(everything, some)
    assert len(together(everything, some)[0]) > 400
    assert together(everything, stay_on_filesystem=True) == alone(everything, stay_on_filesystem=True)


@pytest.mark.parametrize("after", [1, 260, 900])
def test_a_process_that_is_killed_costs_time_and_nothing_else(everything: Path, after: int) -> None:
    expected, troubles = alone(everything)
    told: list[Finding] = []
    found = []
    for entry in beside.walk_beside(everything, on_trouble=told.append):
        found.append(entry)
        if len(found) == after:
            for pid in _children():
                os.kill(pid, signal.SIGKILL)
    assert names_of(found) == expected and told == troubles


def _of_its_answers(count: int) -> Callable[[HelperProcess], list[object] | None]:
    """Only so many arrive; then it is as if it had died."""
    answer = HelperProcess.answer
    answers = iter(range(count))
    return lambda helper: None if next(answers, None) is None else answer(helper)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 8])
def test_whatever_it_had_told_when_it_died_is_told_once(
    everything: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(beside, "AT_MOST", 120)
    monkeypatch.setattr(HelperProcess, "answer", _of_its_answers(count))
    assert together(everything) == alone(everything)


@pytest.mark.parametrize("program", ["/bin/false", "/nonexistent", ""])
def test_where_no_process_can_be_started_the_walk_goes_on_alone(
    everything: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    expected = alone(everything)
    monkeypatch.setattr(sys, "executable", program)
    assert together(everything) == expected


def test_it_is_not_waited_for_and_few_names_start_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(50):
        (tmp_path / f"{number}").touch()
    monkeypatch.setattr(HelperProcess, "has_answered", lambda helper: False)
    assert together(tmp_path) == alone(tmp_path)
    monkeypatch.setattr(beside, "WORTH_IT_NAMES", 52)
    monkeypatch.setattr(beside, "start_helpers", pytest.fail)
    assert together(tmp_path) == alone(tmp_path)


def test_long_names_and_much_metadata_come_through_the_pipe(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(20):
        for number in range(10):
            os.close(os.open(f"{number}" + "n" * 240, os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=fd))
        os.mkdir("d" * 250, dir_fd=fd)
        deeper = os.open("d" * 250, os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
        os.close(fd)
        fd = deeper
    os.close(fd)
    found, told = together(tmp_path)
    assert (found, told) == alone(tmp_path)
    assert len(found) == 221 and max(len(entry.path) for entry in found) > 5000


def test_a_folder_that_goes_while_it_is_walked_is_told_and_the_rest_comes(tmp_path: Path) -> None:
    for folder in range(9):
        (tmp_path / f"{folder}").mkdir()
        for number in range(200):
            (tmp_path / f"{folder}/{number:03}").touch()
    told: list[Finding] = []
    found = []
    for entry in beside.walk_beside(tmp_path, on_trouble=told.append):
        found += [one.path for one in names_of([entry])]
        if len(found) == 2:
            os.rename(tmp_path / "8", tmp_path.parent / "gone")
    assert found == sorted(set(found), key=walk_order)
    assert {one.code for one in told} <= {"file-vanished"}
    assert len(found) + len(told) >= 1 + 8 * 201


def test_a_root_that_goes_ends_the_walk_as_it_ends_one_alone(tmp_path: Path) -> None:
    with pytest.raises(FilesRootMissing):
        together(tmp_path / "missing")


def test_it_ends_with_us(everything: Path) -> None:
    walking = beside.walk_beside(everything, on_trouble=print)
    for _ in range(40):
        next(walking)
    assert len(_children()) == 1
    walking.close()  # type: ignore[attr-defined]
    assert _children() == []


def _children() -> list[int]:
    found = []
    for place in Path("/proc").iterdir():
        try:
            is_child = place.name.isdigit() and (place / "stat").read_text().rsplit(")", 1)[1].split()[1] == str(
                os.getpid()
            )
            if is_child and b"walk_beside" in (place / "cmdline").read_bytes():
                found.append(int(place.name))
        except OSError:
            continue
    return found
