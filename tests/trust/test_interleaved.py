"""Two machines at work at once: the second runs to its end inside each single call that the first makes of the store, one after another."""

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from clients_kit import Meanwhile
from clients_model import Clients

from lifeboat.storage.object_store import ObjectStore

Deed = Callable[[Clients, ObjectStore], object]
DEEDS: dict[str, Deed] = {
    "back up": lambda fleet, store: fleet.back_up(store, fleet.fleet.hosts[0]),
    "another backs up": lambda fleet, store: fleet.back_up(store, fleet.fleet.hosts[2]),
    "prune": lambda fleet, store: fleet.prune(store, 1, alone=False),
    "carry": lambda fleet, store: fleet.act("carry", store, fleet.fleet.hosts[0], 1),
    "verify": lambda fleet, store: fleet.verifies("full", store=store),
    "replicate": lambda fleet, store: fleet.replicate(store, alone=False),
    "keep": lambda fleet, store: fleet.act("keep", store, fleet.fleet.hosts[0], 9, alone=False),
    "release": lambda fleet, store: fleet.act("release", store, fleet.fleet.hosts[0], 9, alone=False),
}
STRIDE = 1 if int(os.environ.get("LIFEBOAT_MODEL_EXAMPLES", "150")) >= 1000 else 3
"""The long form looks at each third call, and with as many histories asked for at each."""
PAIRS = [(first, second) for first in DEEDS for second in DEEDS if first != second]


def a_month_that_is_over() -> Clients:
    """Two hosts have backed up over the end of a month, and all is proved; prune has let go what the rules do not keep, a week ago."""
    watched = Clients()
    clock, hosts = watched.fleet.clock, watched.fleet.hosts
    for day in range(4):
        for host in (hosts[0], hosts[2]):
            watched.touch(host, 10 + day)
            watched.back_up(watched.fleet.store, host)
        clock.moment += timedelta(days=1)
    clock.moment = datetime(2030, 2, 1, 2, tzinfo=UTC)
    watched.back_up(watched.fleet.store, hosts[0])
    watched.verifies("full")
    watched.prune(watched.fleet.store)
    clock.moment += timedelta(days=8)
    watched.back_up(watched.fleet.store, hosts[0])
    watched.touch(hosts[0], 30)
    watched.touch(hosts[2], 31)
    return watched


def each_call(first: str, second: str) -> Iterator[tuple[int, Clients]]:
    """The scene after both, for each call of the first in which the second ran."""
    nth = len(first + second) % STRIDE + 1 - STRIDE
    while True:
        nth += STRIDE
        watched = a_month_that_is_over()
        try:
            store = Meanwhile(watched.fleet.store, nth, lambda: DEEDS[second](watched, watched.fleet.store))  # noqa: B023
            DEEDS[first](watched, store)
            if store.trouble is not None:
                raise store.trouble
            if not store.was_hit:
                return
            yield nth, watched
        finally:
            shutil.rmtree(watched.folder, ignore_errors=True)


def test_no_alarm_is_raised_by_what_was_committed_while_verify_read_the_catalog(
    tried: Callable[[str, int], None],
) -> None:
    """Its link is read, and its record was not there when records were."""
    watched = a_month_that_is_over()
    try:
        store = Meanwhile(
            watched.fleet.store, 1, lambda: DEEDS["another backs up"](watched, watched.fleet.store), "/link-"
        )
        watched.verifies("structure", store=store)
        assert store.was_hit and store.trouble is None
        watched.look()
    finally:
        shutil.rmtree(watched.folder, ignore_errors=True)
    tried("interleavings", 1)


def test_no_alarm_is_raised_by_what_prune_removes_while_verify_reads_the_catalog(
    tried: Callable[[str, int], None],
) -> None:
    """Records were listed, and are gone when they are read."""
    watched = a_month_that_is_over()
    try:
        store = Meanwhile(watched.fleet.store, 1, lambda: DEEDS["prune"](watched, watched.fleet.store), "/snapshot-")
        watched.verifies("structure", store=store)
        assert store.was_hit and store.trouble is None and watched.book.removed
        watched.look()
    finally:
        shutil.rmtree(watched.folder, ignore_errors=True)
    tried("interleavings", 1)


@pytest.mark.long
@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_nothing_is_lost_and_no_alarm_is_false(first: str, second: str, tried: Callable[[str, int], None]) -> None:
    tries = 0
    for _, watched in each_call(first, second):
        watched.look()
        watched.verifies("structure")
        tries += 1
    assert tries > 5, "the sweep really swept"
    tried("interleavings", tries)
