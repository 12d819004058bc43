"""The faults themselves: a sweep that kills nothing would prove everything."""

import contextlib
import threading

import pytest

from lifeboat.storage.errors import StorageBusy, StorageFull
from lifeboat.storage.faults import (
    CountingStore,
    CrashAtCall,
    FullAfter,
    Killed,
    RepliesLostFor,
    StoreBusyFor,
    When,
    each_crash_point,
    must_be_hit,
)
from lifeboat.storage.memory import MemoryStore


def names_in(store):
    return [row.name for row in store.list_under("")]


def work(store):
    store.write("a", b"1")
    list(store.list_under(""))
    store.write("b", b"2")
    store.read("a")
    store.delete("a")


@pytest.mark.parametrize(
    ("when", "left"),
    [
        (When.BEFORE, [[], ["a"], ["a"], ["a", "b"], ["a", "b"], ["b"]]),
        (When.AFTER, [["a"], ["a"], ["a", "b"], ["a", "b"], ["b"], ["b"]]),
    ],
)
def test_the_sweep_kills_at_every_call_and_ends_with_the_run_that_survives(clock, when, left):
    points = list(each_crash_point(lambda: MemoryStore(clock), work, when))
    assert [nth for nth, _ in points] == [1, 2, 3, 4, 5, None]
    assert [names_in(store) for _, store in points] == left


def test_no_handler_can_swallow_a_kill_and_the_dead_do_nothing_more(clock):
    inner = MemoryStore(clock)
    crashing = CrashAtCall(inner, 2)

    def stubborn(store):
        for name in ("a", "b", "c"):
            with contextlib.suppress(Exception):
                store.write(name, b"")

    with pytest.raises(Killed):
        stubborn(crashing)
    for act in (lambda: crashing.write("d", b""), lambda: list(crashing.list_under("")), crashing.time_there):
        with pytest.raises(Killed):
            act()
    assert names_in(inner) == ["a"]


def test_other_threads_of_a_killed_process_die_too(clock):
    crashing = CrashAtCall(MemoryStore(clock), 5)
    survived = []

    def write_some(who):
        try:
            for number in range(100):
                crashing.write(f"{who}/{number}", b"")
            survived.append(who)
        except Killed:
            pass

    threads = [threading.Thread(target=write_some, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert survived == [] and crashing.was_hit


@pytest.mark.parametrize(
    "fault",
    [
        lambda store: CrashAtCall(store, 3),
        lambda store: StoreBusyFor(store, 3),
        lambda store: RepliesLostFor(store, 3),
        lambda store: FullAfter(store, 3),
    ],
)
def test_a_fault_that_was_never_reached_fails_the_test_that_planned_it(clock, fault):
    store = fault(MemoryStore(clock))
    with pytest.raises(AssertionError, match="never reached"), must_be_hit(store), contextlib.suppress(StorageBusy):
        store.write("a", b"")


def test_a_full_store_keeps_what_it_had_taken(clock):
    inner = MemoryStore(clock)
    full = FullAfter(inner, writes=1)
    full.write("a", b"")
    with pytest.raises(StorageFull), must_be_hit(full):
        full.write("b", b"")
    assert names_in(inner) == ["a"]


def test_calls_and_bytes_are_counted(clock):
    counting = CountingStore(MemoryStore(clock))
    work(counting)
    assert counting.calls == {"write": 2, "list": 1, "read": 1, "delete": 1}
    assert (counting.written_bytes, counting.read_bytes) == (2, 1)
