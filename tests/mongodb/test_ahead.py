"""One piece ahead: the same pieces, failures in their place, and no thread left behind."""

import threading
import time
from collections.abc import Iterator

import pytest

from lifeboat.sources.mongodb.ahead import one_ahead


def ahead_threads() -> int:
    return sum(thread.name == "ahead" for thread in threading.enumerate())


def test_pieces_come_in_order_and_the_thread_ends() -> None:
    assert list(one_ahead(range(1000))) == list(range(1000))
    assert list(one_ahead([])) == []
    assert ahead_threads() == 0


def test_a_failure_comes_after_the_pieces_before_it() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("the store went away")

    got = []
    with pytest.raises(ValueError, match="went away"):
        for piece in one_ahead(broken()):
            got.append(piece)
    assert got == [1] and ahead_threads() == 0


def test_who_stops_early_leaves_no_thread_and_holds_few_pieces() -> None:
    made = []

    def endless() -> Iterator[int]:
        for number in range(10**9):
            made.append(number)
            yield number

    pieces = one_ahead(endless())
    assert next(pieces) == 0
    time.sleep(0.3)
    assert len(made) <= 4
    pieces.close()  # type: ignore[attr-defined]
    assert ahead_threads() == 0
