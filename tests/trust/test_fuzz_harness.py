"""The harness sees what it is there to see: a parser that hangs, that eats memory, that raises something else, that dies."""

import os
import signal
import time
from pathlib import Path

import fuzz_kit
import pytest
from fuzz_kit import Target, again, fuzz, save

from lifeboat.foundation.errors import LifeboatError


def careful(raw: bytes) -> None:
    if raw != b"sound":
        raise LifeboatError("not this")


def spins(raw: bytes) -> None:
    while raw != b"sound":
        pass


def swallows(raw: bytes) -> None:
    """As a parser that is too careful would."""
    while raw != b"sound":
        try:
            time.monotonic()
        except Exception:
            continue


def sleeps(raw: bytes) -> None:
    if raw != b"sound":
        time.sleep(3600)


def hoards(raw: bytes) -> None:
    if raw != b"sound":
        bytearray(2**30)


def mistakes(raw: bytes) -> None:
    if raw != b"sound":
        raise KeyError("body")


def crashes(raw: bytes) -> None:
    """As the kernel does to who takes too much."""
    if raw != b"sound":
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_careful_parser_fails_nothing_and_every_input_was_tried() -> None:
    told = fuzz(Target("careful", careful, [b"sound"]), 500, 7, batch=100)
    assert (told.failures, told.inputs) == ([], 500)


@pytest.mark.parametrize(
    ("parse", "what"),
    [
        (spins, "TooSlow"),
        (swallows, "TooSlow"),
        (sleeps, "nothing came of it"),
        (hoards, "MemoryError"),
        (mistakes, "KeyError: 'body'"),
        (crashes, "the process died with status 0x9"),
    ],
)
def test_each_way_of_going_wrong_is_named_with_its_input(
    parse: object, what: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(fuzz_kit, "CPU_SECONDS", 0.2)
    monkeypatch.setattr(fuzz_kit, "STUCK_SECONDS", 1.0)
    target = Target("planted", parse, [b"sound"])  # type: ignore[arg-type]
    told = fuzz(target, 1, 7)
    one = told.failures[0]
    assert one.what.startswith(what)
    assert one.raw == target.input(7, one.number) != b"sound"
    assert again(target, one.raw)[0].what == one.what
    assert one.raw.hex() in save(told.failures, tmp_path)
    assert [bytes.fromhex(file.read_text()) for file in tmp_path.iterdir()]


def test_a_batch_goes_on_behind_the_input_that_killed_it(monkeypatch: pytest.MonkeyPatch) -> None:
    told = fuzz(Target("crashes", crashes, [b"sound"]), 4, 7)
    assert [one.number for one in told.failures] == [0, 1, 2, 3]


def test_a_seed_that_is_not_sound_is_no_seed() -> None:
    with pytest.raises(AssertionError, match="not sound"):
        fuzz(Target("careful", careful, [b"unsound"]), 1, 7)
