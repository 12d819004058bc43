"""Work done at the same time, that never keeps Ctrl-C waiting.

Why not a pool: leaving one waits for its threads, and so does the interpreter's end. A thread of a restore can hang on a
server that froze, or wait for hours for an index.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def both(here: Callable[[], A], beside: Callable[[], B]) -> tuple[A, B]:
    """Do one thing in this thread and one in another; ends when both have ended."""
    other = _begin(beside)
    try:
        answer = here()
    except Exception:
        wait([other])  # nothing of it may still be going on when the caller begins anew
        raise
    return answer, other.result()


def together(*works: Callable[[], None]) -> None:
    """Do several things in threads of their own; ends when all have ended, with the first failure."""
    running = [_begin(work) for work in works]
    wait(running)
    for one in running:
        one.result()


def _begin(work: Callable[[], A]) -> "Future[A]":
    answer: Future[A] = Future()

    def run() -> None:
        try:
            answer.set_result(work())
        except BaseException as trouble:
            answer.set_exception(trouble)

    threading.Thread(target=run, daemon=True).start()
    return answer
