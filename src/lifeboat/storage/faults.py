"""Stores that fail on purpose, for tests and drills of what happens then.

Invariant: every fault tells whether it was reached (``was_hit``), and ``must_be_hit`` refuses a test whose fault was not:
a sweep that never killed anything proves nothing.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from lifeboat.foundation.value import Value
from lifeboat.storage.content import size_of
from lifeboat.storage.copying import copy_within
from lifeboat.storage.errors import StorageBusy, StorageFull
from lifeboat.storage.object_store import Content, ObjectStore, StoredObject

Answer = TypeVar("Answer")
SomeStore = TypeVar("SomeStore", bound=ObjectStore)


class Killed(BaseException):
    """The process died here. No handler under test can swallow it."""


class When(StrEnum):
    """On which side of a call the process dies."""

    BEFORE = "before"
    AFTER = "after"
    """The store has done its part; nobody learns of it."""


class Call(Value):
    """One call of a store: ``"write"``, ``"read"``, ``"list"``, ``"delete"`` or ``"copy"``, and its name (of a copy the new one) or prefix."""

    kind: str
    name: str


class Passing:
    """A store that hands every call to another; the others here change ``_around`` or ``_around_list``."""

    def __init__(self, inner: ObjectStore) -> None:
        self.inner = inner

    def write(self, name: str, content: Content) -> None:
        self._around(Call("write", name), lambda: self.inner.write(name, content))

    def read(self, name: str, span: tuple[int, int] | None = None) -> bytes:
        return self._around(Call("read", name), lambda: self.inner.read(name, span))

    def list_under(self, prefix: str) -> Iterator[StoredObject]:
        return self._around_list(Call("list", prefix), lambda: self.inner.list_under(prefix))

    def delete(self, name: str) -> None:
        self._around(Call("delete", name), lambda: self.inner.delete(name))

    def copy_within(self, name: str, to_name: str) -> str | None:
        return self._around(Call("copy", to_name), lambda: copy_within(self.inner, name, to_name))

    def time_there(self) -> datetime:
        return self.inner.time_there()

    def describe(self) -> str:
        return self.inner.describe()

    def _around(self, call: Call, effect: Callable[[], Answer]) -> Answer:
        return effect()

    def _around_list(self, call: Call, effect: Callable[[], Iterator[StoredObject]]) -> Iterator[StoredObject]:
        return self._around(call, effect)


class RecordingStore(Passing):
    """Keeps the list of all calls, in the order in which they began."""

    def __init__(self, inner: ObjectStore) -> None:
        super().__init__(inner)
        self.calls: list[Call] = []

    def names(self, kind: str) -> list[str]:
        """The names or prefixes of all calls of this kind."""
        return [call.name for call in self.calls if call.kind == kind]

    def _around(self, call: Call, effect: Callable[[], Answer]) -> Answer:
        self.calls.append(call)
        return effect()


class CountingStore(Passing):
    """Counts calls by kind, and bytes; of any number of calls in little memory."""

    def __init__(self, inner: ObjectStore) -> None:
        super().__init__(inner)
        self.calls: Counter[str] = Counter()
        self.written_bytes = 0
        self.read_bytes = 0
        self._lock = threading.Lock()

    def write(self, name: str, content: Content) -> None:
        super().write(name, content)
        with self._lock:
            self.written_bytes += size_of(content)

    def read(self, name: str, span: tuple[int, int] | None = None) -> bytes:
        content = super().read(name, span)
        with self._lock:
            self.read_bytes += len(content)
        return content

    def _around(self, call: Call, effect: Callable[[], Answer]) -> Answer:
        with self._lock:
            self.calls[call.kind] += 1
        return effect()


class CrashAtCall(Passing):
    """Kills the process at its nth call of the store, counted from 1; what is dead calls no more.

    Args:
        when: ``BEFORE`` the store does anything, or ``AFTER`` it has. A listing dies before its first or after its last row.
        kinds: The kinds of calls that count.
    """

    def __init__(
        self,
        inner: ObjectStore,
        nth: int,
        when: When = When.BEFORE,
        kinds: frozenset[str] = frozenset({"write", "read", "list", "delete", "copy"}),
    ) -> None:
        super().__init__(inner)
        self._left = nth
        self._when = when
        self._kinds = kinds
        self._dead = threading.Event()
        self._lock = threading.Lock()

    @property
    def was_hit(self) -> bool:
        return self._dead.is_set()

    def time_there(self) -> datetime:
        self._stay_dead()
        return super().time_there()

    def _around(self, call: Call, effect: Callable[[], Answer]) -> Answer:
        dies = self._is_the_one(call)
        if dies and self._when is When.BEFORE:
            self._die(call)
        answer = effect()
        if dies:
            self._die(call)
        return answer

    def _around_list(self, call: Call, effect: Callable[[], Iterator[StoredObject]]) -> Iterator[StoredObject]:
        dies = self._is_the_one(call)
        if dies and self._when is When.BEFORE:
            self._die(call)
        for row in effect():
            self._stay_dead()
            yield row
        if dies:
            self._die(call)

    def _is_the_one(self, call: Call) -> bool:
        self._stay_dead()
        if call.kind not in self._kinds:
            return False
        with self._lock:
            self._left -= 1
            return self._left == 0

    def _die(self, call: Call) -> None:
        self._dead.set()
        raise Killed(f"killed {self._when} {call.kind} {call.name}")

    def _stay_dead(self) -> None:
        if self._dead.is_set():
            raise Killed("killed earlier")


class StoreBusyFor(Passing):
    """Fails the first so many calls with ``StorageBusy``, without any effect."""

    def __init__(self, inner: ObjectStore, times: int) -> None:
        super().__init__(inner)
        self._left = times
        self._lock = threading.Lock()

    @property
    def was_hit(self) -> bool:
        return self._left <= 0

    def _takes_one(self) -> bool:
        with self._lock:
            self._left -= 1
            return self._left >= 0

    def _around(self, call: Call, effect: Callable[[], Answer]) -> Answer:
        if self._takes_one():
            raise StorageBusy(f"busy for a test, at {call.kind} {call.name}")
        return effect()


class RepliesLostFor(StoreBusyFor):
    """Does the first so many calls and then fails them with ``StorageBusy``: the reply was lost on the way."""

    def _around(self, call: Call, effect: Callable[[], Answer]) -> Answer:
        loses = self._takes_one()
        answer = effect()
        if loses:
            raise StorageBusy(f"the reply was lost for a test, at {call.kind} {call.name}")
        return answer


class FullAfter(Passing):
    """Takes so many writes and refuses the rest with ``StorageFull``."""

    def __init__(self, inner: ObjectStore, writes: int) -> None:
        super().__init__(inner)
        self._left = writes
        self._lock = threading.Lock()

    @property
    def was_hit(self) -> bool:
        return self._left < 0

    def write(self, name: str, content: Content) -> None:
        with self._lock:
            self._left -= 1
            full = self._left < 0
        if full:
            raise StorageFull(f"full for a test, at write {name}", "free space")
        super().write(name, content)


@contextmanager
def must_be_hit(*faults: CrashAtCall | StoreBusyFor | FullAfter) -> Iterator[None]:
    """Run what is inside; raises ``AssertionError`` if a planned fault was never reached."""
    yield
    missed = [type(fault).__name__ for fault in faults if not fault.was_hit]
    assert not missed, f"planned but never reached: {', '.join(missed)}"


def each_crash_point(
    make_store: Callable[[], SomeStore], work: Callable[[ObjectStore], object], when: When = When.BEFORE
) -> Iterator[tuple[int | None, SomeStore]]:
    """Run the work on a new store, killed at call 1, 2, 3 ... until it survives; that last one comes with None.

    The stores that come out are the ones without the fault, as the next process finds them.
    """
    nth = 1
    while True:
        store = make_store()
        crashing = CrashAtCall(store, nth, when)
        try:
            work(crashing)
        except Killed:
            yield nth, store
        if not crashing.was_hit:
            yield None, store
            return
        nth += 1
