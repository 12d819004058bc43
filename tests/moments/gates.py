"""A gate that work passes and that can be closed for a moment, so that the truth of what is behind it can be read at rest."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

CLOSING_SECONDS = 10.0


class NotAtRest(Exception):
    """Somebody stays inside: an index build waits for a node that is down."""


class Gate:
    """Any number pass at once; closing waits for those inside, for a while, and who comes meanwhile waits."""

    def __init__(self) -> None:
        self._moved = threading.Condition()
        self._inside = 0
        self._closed = False

    @contextmanager
    def passing(self) -> Iterator[None]:
        with self._moved:
            self._moved.wait_for(lambda: not self._closed)
            self._inside += 1
        try:
            yield
        finally:
            with self._moved:
                self._inside -= 1
                self._moved.notify_all()

    @contextmanager
    def closed(self) -> Iterator[None]:
        with self._moved:
            self._moved.wait_for(lambda: not self._closed)
            self._closed = True
            is_empty = self._moved.wait_for(lambda: not self._inside, CLOSING_SECONDS)
        try:
            if not is_empty:
                raise NotAtRest
            yield
        finally:
            with self._moved:
                self._closed = False
                self._moved.notify_all()
