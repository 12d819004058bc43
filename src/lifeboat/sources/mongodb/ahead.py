"""Do the next piece of work while the last one is being used: parsing beside a server that writes."""

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

A = TypeVar("A")
WAIT_SECONDS = 0.2


def one_ahead(pieces: Iterable[A]) -> Iterator[A]:
    """The same pieces, the next one made in another thread. Memory: one more piece than without.

    A failure comes out in its place. Whoever stops early stops the thread too, after the piece it is at.
    """
    made: queue.Queue[tuple[A | None, BaseException | None]] = queue.Queue(maxsize=1)
    stopped = threading.Event()

    def hand_over(piece: A | None, failure: BaseException | None) -> bool:
        while not stopped.is_set():
            try:
                made.put((piece, failure), timeout=WAIT_SECONDS)
                return True
            except queue.Full:
                continue
        return False

    def make() -> None:
        try:
            for piece in pieces:
                if not hand_over(piece, None):
                    return
            hand_over(None, None)
        except BaseException as failure:
            hand_over(None, failure)

    maker = threading.Thread(target=make, name="ahead", daemon=True)
    maker.start()
    try:
        while True:
            piece, failure = made.get()
            if failure is not None:
                raise failure
            if piece is None:
                return
            yield piece
    finally:
        stopped.set()
        maker.join()
