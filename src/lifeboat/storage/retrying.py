"""Try again what may succeed in a moment.

Invariant: a write that was cut off after it had landed ends as a success, and a name that somebody else has taken with
other bytes never does.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import StorageError
from lifeboat.foundation.sizes import MIB
from lifeboat.storage.content import buffers_of
from lifeboat.storage.copying import copy_within
from lifeboat.storage.errors import ObjectExists, ObjectTooShort
from lifeboat.storage.object_store import Content, ObjectStore, StoredObject

PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Half a minute in all: longer troubles are for the next run, which goes on from what was uploaded."""
COMPARED_BYTES = 8 * MIB
"""How much is read back at once when a stored object has to be told from ours."""

Answer = TypeVar("Answer")


def no_jitter(seconds: float) -> float:
    """The pause as it stands."""
    return seconds


def patiently(call: Callable[[], Answer], clock: Clock, pauses_seconds: Sequence[float] = PAUSES_SECONDS) -> Answer:
    """Repeat one call as ``RetryingStore`` does, for what stores offer beyond ``ObjectStore``. It must be harmless to repeat."""
    for pause in pauses_seconds:
        try:
            return call()
        except StorageError as error:
            if not error.worth_retrying:
                raise
        clock.sleep(pause)
    return call()


class RetryingStore:
    """A store that repeats each call that failed with an error ``worth_retrying``.

    Args:
        inner: The store that does the work.
        clock: Waits.
        pauses_seconds: How long to wait before each further try; its length is the number of further tries.
        jitter: Makes the pause that is taken out of the one planned, so that many writers do not return together.
    """

    def __init__(
        self,
        inner: ObjectStore,
        clock: Clock,
        pauses_seconds: Sequence[float] = PAUSES_SECONDS,
        jitter: Callable[[float], float] = no_jitter,
    ) -> None:
        self.inner = inner
        self._clock = clock
        self._pauses_seconds = tuple(pauses_seconds)
        self._jitter = jitter

    def write(self, name: str, content: Content) -> None:
        tries = 0

        def write_once() -> None:
            nonlocal tries
            tries += 1
            try:
                self.inner.write(name, content)
            except ObjectExists:
                # A write cut off after it landed looks, on the next try, like a taken name.
                if tries == 1 or not self._is_ours(name, content):
                    raise

        self._repeat(write_once)

    def read(self, name: str, span: tuple[int, int] | None = None) -> bytes:
        return self._repeat(lambda: self.inner.read(name, span))

    def list_under(self, prefix: str) -> Iterator[StoredObject]:
        """A listing that broke off begins anew and passes over what it has told already."""
        last = ""
        pauses = iter(self._pauses_seconds)
        while True:
            try:
                for row in self.inner.list_under(prefix):
                    if row.name > last:
                        last = row.name
                        pauses = iter(self._pauses_seconds)  # it moves: a long listing may stumble often
                        yield row
                return
            except StorageError as error:
                self._pause_or_raise(error, pauses)

    def delete(self, name: str) -> None:
        self._repeat(lambda: self.inner.delete(name))

    def copy_within(self, name: str, to_name: str) -> str | None:
        """A copy whose answer was lost ends as ``ObjectExists``: whose bytes lie there is the caller's to find out."""
        return self._repeat(lambda: copy_within(self.inner, name, to_name))

    def time_there(self) -> datetime:
        return self._repeat(self.inner.time_there)

    def describe(self) -> str:
        return self.inner.describe()

    def _repeat(self, call: Callable[[], Answer]) -> Answer:
        pauses = iter(self._pauses_seconds)
        while True:
            try:
                return call()
            except StorageError as error:
                self._pause_or_raise(error, pauses)

    def _pause_or_raise(self, error: StorageError, pauses: Iterator[float]) -> None:
        if not error.worth_retrying:
            raise error
        pause = next(pauses, None)
        if pause is None:
            raise error
        self._clock.sleep(self._jitter(pause))

    def _is_ours(self, name: str, content: Content) -> bool:
        """Compare what is stored with what was to be; a refusal to read counts as not ours."""
        offset = 0
        try:
            for view in buffers_of(content):
                for start in range(0, view.nbytes, COMPARED_BYTES):
                    piece = view[start : start + COMPARED_BYTES]
                    if self.inner.read(name, (offset, piece.nbytes)) != piece:
                        return False
                    offset += piece.nbytes
            return self._ends_at(name, offset)
        except StorageError as error:
            if error.worth_retrying:
                raise
            return False

    def _ends_at(self, name: str, offset: int) -> bool:
        try:
            self.inner.read(name, (offset, 1))
        except ObjectTooShort:
            return True
        return False
