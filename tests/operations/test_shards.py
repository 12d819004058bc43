"""Shards: every name falls to exactly one, a lost one is missed, and what was told otherwise is refused."""

import hashlib
import os
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeboat.foundation.clock import SystemClock
from lifeboat.operations.shards import SHARDS_AT_MOST, Board, Shard, ShardRefused, ShardsMissing


def board(folder: Path, number: int, of: int = 3, run: str = "monday", **what: object) -> Board:
    return Board(folder, "verify", Shard(number, of, run), what or {"level": "full"}, SystemClock())


@given(st.binary(max_size=60), st.integers(1, SHARDS_AT_MOST))
def test_every_name_falls_to_exactly_one_shard(name: bytes, of: int) -> None:
    near = range(of) if of < 50 else [0, 1, of // 2, of - 2, of - 1]
    holders = [number for number in near if Shard(number, of, "r").holds_name(name)]
    assert len(holders) == 1 if of < 50 else len(holders) <= 1


@given(st.integers(0, 2**64 - 1), st.integers(1, SHARDS_AT_MOST))
def test_ranges_have_neither_gap_nor_overlap_at_their_edges(value: int, of: int) -> None:
    number = value * of >> 64
    around = [one for one in (number - 1, number, number + 1) if 0 <= one < of]
    assert [one for one in around if Shard(one, of, "r").holds(value.to_bytes(8, "big"))] == [number]


def _near(digest: bytes) -> range:
    about = digest[0] * 1000 // 256
    return range(about, about + 5)


def test_names_are_shared_out_evenly() -> None:
    """Simulated where processes are too many: 1,000 shards; none has more than half as much again as its share."""
    shares = [0] * 1000
    for name in range(200_000):
        digest = hashlib.blake2b(b"uploads/%d" % name, digest_size=8).digest()
        shares[next(n for n in _near(digest) if Shard(n, 1000, "r").holds(digest))] += 1
    assert max(shares) < 300 and min(shares) > 120


@pytest.mark.parametrize("text", ["4/4", "1", "", "a/b", "-1/4", "0/0", "0/10001", "1/4/2", "٣/٤"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(ShardRefused):
        Shard.read(text, "monday")


def test_a_run_without_a_name_is_refused() -> None:
    with pytest.raises(ShardRefused, match="name"):
        Shard.read("0/4", "")


def test_parts_are_gathered_in_order_and_a_lost_one_is_named(tmp_path: Path) -> None:
    for number in (0, 2):
        board(tmp_path, number).folder.mkdir(parents=True, exist_ok=True)
        board(tmp_path, number).leave({"found": number})
    last = board(tmp_path, 2)
    with pytest.raises(ShardsMissing, match=r"1 of 3 .*: 1"):
        last.gather(0)
    later = threading.Timer(0.2, lambda: board(tmp_path, 1).leave({"found": 1}))
    later.start()
    assert [part["found"] for part in last.gather(10)] == [0, 1, 2]
    later.join()


def test_a_part_cut_off_counts_as_not_done(tmp_path: Path) -> None:
    one = board(tmp_path, 0)
    with one.taken():
        one.leave({"found": 1})
    whole = one.folder.joinpath("0.json").read_bytes()
    one.folder.joinpath("0.json").write_bytes(whole[:-1])
    assert one.part() is None


def test_a_shard_that_was_told_something_else_is_refused(tmp_path: Path) -> None:
    one = board(tmp_path, 0, level="sample")
    with one.taken():
        one.leave({})
    with pytest.raises(ShardRefused, match="something else"):
        board(tmp_path, 2, level="full").gather(0)


def test_two_processes_with_one_number_are_refused_and_a_dead_one_is_not(tmp_path: Path) -> None:
    with board(tmp_path, 1).taken():
        with pytest.raises(ShardRefused, match="another process"), board(tmp_path, 1).taken():
            pass
        with board(tmp_path, 0).taken():
            pass
    with board(tmp_path, 1).taken():
        pass


def test_the_result_outlives_the_parts_and_other_runs_do_not_see_it(tmp_path: Path) -> None:
    one = board(tmp_path, 0, of=1)
    with one.taken():
        one.path("lines").write_bytes(b"x")
        one.leave({"lines": "lines"})
        one.finish({"snapshot": "ab"})
    assert one.result() == {"snapshot": "ab"} and one.part() is None and not one.path("lines").exists()
    assert board(tmp_path, 0, of=1, run="tuesday").result() is None


def test_a_name_that_was_used_before_does_not_pass_yesterdays_report_for_todays(tmp_path: Path) -> None:
    one = board(tmp_path, 0, of=1)
    with one.taken():
        one.leave({})
        one.finish({"problems": 0})
    assert one.result() == {"problems": 0}, "started again at once it belongs to that run"
    long_ago = time.time() - 7200
    os.utime(one.folder / "result.json", (long_ago, long_ago))
    with pytest.raises(ShardRefused, match="was finished 2 h"):
        board(tmp_path, 0, of=1).result()
