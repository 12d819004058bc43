"""Compression takes what time is spare while packs wait for the network, and nothing that anybody else needs."""

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from repository_kit import back_up, make, read_back

from lifeboat.repository import effort
from lifeboat.repository.effort import MOST_LEVEL, Effort, idle_and_all
from lifeboat.repository.writing import Run, WriteLimits

TEXT = b"".join(
    b"%d: case %d of the %dth, heard on day %d\n" % (n, n * 7919 % 9973, n % 31, n % 365) for n in range(400_000)
)
LIMITS = WriteLimits(pack_bytes=60_000, in_flight_bytes=40_000, sealers=2, uploads=1, index_every_packs=100)


def ticks(*pairs: tuple[int, int]) -> Iterator[tuple[int, int] | None]:
    idle = every = 0
    yield idle, every
    for more_idle, more in pairs:
        idle, every = idle + more_idle, every + more
        yield idle, every


def levels(least: int, waits: list[bool], told: Iterator[tuple[int, int] | None]) -> list[int]:
    one = Effort(least, lambda: next(told))
    seen = []
    for waited in waits:
        one.pack_is_full(waited)
        seen.append(one.level)
    return seen


def test_a_slow_network_and_an_idle_machine_raise_it_and_it_has_a_roof() -> None:
    assert levels(3, [True] * 9, ticks(*[(90, 100)] * 9)) == [4, 5, 6, 7, 8, 9, 9, 9, 9]
    assert MOST_LEVEL == 9


def test_it_comes_down_when_uploads_are_free_or_the_machine_is_wanted() -> None:
    assert levels(3, [True, True, False, False, False], ticks(*[(90, 100)] * 5)) == [4, 5, 4, 3, 3]
    assert levels(3, [True, True, True], ticks((90, 100), (20, 100), (20, 100))) == [4, 3, 3]


def test_a_level_that_was_asked_for_is_the_least_even_above_the_roof() -> None:
    assert levels(12, [True, False], ticks((90, 100), (90, 100))) == [12, 12]
    assert levels(1, [True, False, False], ticks(*[(90, 100)] * 3)) == [2, 1, 1]


def test_where_nobody_tells_it_stays() -> None:
    assert levels(3, [True, True], iter([None, None, None])) == [3, 3]


def test_this_machine_tells_how_it_idles() -> None:
    first = idle_and_all()
    if first is None:
        pytest.skip("no /proc/stat here")
    time.sleep(0.05)
    second = idle_and_all()
    assert second is not None and second[1] >= first[1] and second[0] >= first[0]


def test_over_a_slow_store_the_same_content_takes_fewer_bytes_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slow is: a pack is not stored before the next one is full, however busy this machine may be."""
    passed = iter(range(0, 10**6, 100))
    stored = {}
    upload = Run._upload
    for name in ("busy", "slow"):
        is_slow, full = name == "slow", threading.Semaphore(0)
        monkeypatch.setattr(
            effort, "idle_and_all", lambda idle=is_slow: (at if idle else 0, at) if (at := next(passed)) else (0, 0)
        )
        repository, store, clock = make(tmp_path / name)
        write = store.write

        def told(self, pack, _full=full) -> None:  # type: ignore[no-untyped-def]
            _full.release()
            upload(self, pack)

        def slowly(name: str, content, _write=write, _full=full, _slow=is_slow) -> None:  # type: ignore[no-untyped-def]
            if "/pack/" in name and _slow:
                _full.acquire()  # this pack itself
                if _full.acquire(timeout=0.5):
                    _full.release()
                    time.sleep(0.02)
            _write(name, content)

        monkeypatch.setattr(Run, "_upload", told)
        monkeypatch.setattr(store, "write", slowly)
        record = back_up(repository, clock, {"text": TEXT}, limits=LIMITS)
        assert read_back(repository, record) == {"text": TEXT}
        stored[name] = record.stored_bytes
    assert stored["slow"] < stored["busy"] * 0.99


def test_while_packs_wait_for_the_network_no_more_of_them_pile_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two on their way, one that waits, none behind it: whatever the number of threads that seal."""
    repository, store, clock = make(tmp_path)
    limits = WriteLimits(pack_bytes=50_000, in_flight_bytes=400_000, sealers=8, uploads=2, index_every_packs=100)
    most, full = 0, 0
    write, lock = store.write, threading.Lock()
    upload = Run._upload

    def begun(self, pack) -> None:  # type: ignore[no-untyped-def]
        nonlocal most, full
        with lock:
            full += 1
            most = max(most, full)
        upload(self, pack)

    def slowly(name: str, content) -> None:  # type: ignore[no-untyped-def]
        nonlocal full
        if "/pack/" in name:
            time.sleep(0.02)
            with lock:
                full -= 1
        write(name, content)

    monkeypatch.setattr(Run, "_upload", begun)
    monkeypatch.setattr(store, "write", slowly)
    content = {"random": random.Random(5).randbytes(1_500_000)}
    record = back_up(repository, clock, content, limits=limits)
    assert len(record.packs) > 20 and most <= 3
    assert read_back(repository, record) == content
