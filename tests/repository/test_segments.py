"""The archive's segments: what was stored comes back, nothing else is taken for it, and a gap is never bridged."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from repository_kit import HandClock, make, reopen

from lifeboat.crypto.identity import Identity
from lifeboat.foundation.cluster_time import ClusterTime, read_hex, read_words
from lifeboat.foundation.errors import LifeboatError
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.segment_format import Edge
from lifeboat.repository.segment_writing import Draft, SegmentWriter, in_blocks, new_chain
from lifeboat.repository.segments import Segment, StoredSegment, Stretch, list_segments, stretches


def at(number: int) -> ClusterTime:
    return ClusterTime(1_760_000_000 + number // 10, number % 10)


def edge(number: int) -> Edge:
    return Edge(at(number), 3, bytes([number % 256]) * 32)


def draft(after: int, through: int, chain: str, **more: object) -> Draft:
    fields = {"because": None, "previous": None, "parts": (), "events": 2, "set_name": "rs0", "software": "test"}
    return Draft(edge(after), edge(through), chain, **{**fields, **more})  # type: ignore[arg-type]


class Archive:
    def __init__(self, folder: Path) -> None:
        self.identity = Identity.generate()
        self.folder = folder
        self.repository, self.store, self.clock = make(folder, identities=[self.identity])
        self.secret = self.repository.writer(self.clock.now())
        self.writer = SegmentWriter(self.repository, self.secret)
        self.chain = new_chain()

    def write(self, after: int, through: int, content: bytes = b"changes", **more: object) -> StoredSegment:
        return self.writer.write(draft(after, through, self.chain, **more), b"{}\n", [content] if content else [])

    def fresh(self) -> Repository:
        return reopen(self.store, self.folder.with_name("elsewhere"), self.identity)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "state")


def test_what_was_stored_comes_back_on_a_machine_that_has_the_key_alone(archive: Archive) -> None:
    archive.write(0, 5, b"first" * 1000, because="the stream began here")
    archive.write(5, 9, b"")
    repository = archive.fresh()
    first, second = (Segment(repository, one) for one in list_segments(repository))
    assert (first.statement.after, first.statement.through) == (edge(0), edge(5))
    assert first.statement.because == "the stream began here" and second.statement.because is None
    assert b"".join(first.blocks()) == b"first" * 1000 and list(second.blocks()) == []
    assert first.summary() == b"{}\n"


def test_the_data_key_of_every_segment_is_told_by_its_name_and_is_stored(archive: Archive) -> None:
    stored = archive.write(0, 5)
    keys = {one.name for one in archive.store.list_under("keys/")}
    assert f"keys/{stored.generation}/{stored.data_key.hex()}" in keys
    archive.clock.sleep(86_400)
    assert archive.write(5, 6).data_key != stored.data_key, "one key serves for a day at most"


def test_no_flipped_byte_gets_through(archive: Archive) -> None:
    stored = archive.write(0, 5, b"what happened" * 50)
    raw = archive.store.read(stored.name)
    for position in range(0, len(raw), 7):
        bad = bytearray(raw)
        bad[position] ^= 1
        archive.store.delete(stored.name)
        archive.store.write(stored.name, bytes(bad))
        with pytest.raises(LifeboatError):
            segment = Segment(archive.fresh(), stored)
            segment.summary()
            list(segment.blocks())


def test_a_segment_under_another_name_is_refused(archive: Archive) -> None:
    """Who may only put could otherwise close a gap that lost data left."""
    stored = archive.write(0, 5)
    raw = archive.store.read(stored.name)
    other_chain, later = "0" * 16, at(9).hex()
    for name in (stored.name.replace(archive.chain, other_chain), stored.name.replace(at(5).hex(), later)):
        archive.store.write(name, raw)
        planted = next(one for one in list_segments(archive.repository) if one.name == name)
        with pytest.raises(LifeboatError, match="another stretch"):
            Segment(archive.repository, planted)


def test_a_cut_segment_and_a_missing_one_are_said_to_be(archive: Archive) -> None:
    stored = archive.write(0, 5, b"x" * 200_000)
    raw = archive.store.read(stored.name)
    archive.store.delete(stored.name)
    with pytest.raises(LifeboatError, match="is gone"):
        Segment(archive.repository, stored)
    for length in (10, 100, len(raw) - 1):
        archive.store.write(stored.name, raw[:length])
        (listed,) = list_segments(archive.repository)
        with pytest.raises(LifeboatError):
            list(Segment(archive.repository, listed).blocks())
        archive.store.delete(stored.name)


def test_parts_come_before_what_their_segment_holds_and_count_for_nothing_alone(archive: Archive) -> None:
    whole = draft(0, 5, archive.chain)
    parts = [archive.writer.write(whole.part(), b"{}\n", [content]).name for content in (b"one ", b"two ")]
    assert stretches(list_segments(archive.repository)) == []
    archive.write(0, 5, b"three", parts=tuple(parts))
    (stretch,) = stretches(list_segments(archive.repository))
    ((stored, _),) = stretch.between(at(0), at(5))
    assert b"".join(Segment(archive.fresh(), stored).blocks()) == b"one two three"


def test_what_another_chain_or_another_writer_says_is_never_joined(archive: Archive) -> None:
    archive.write(0, 5)
    archive.chain = new_chain()
    archive.write(5, 9, because="the server went back behind what it had confirmed")
    found = stretches(list_segments(archive.repository))
    assert [(one.after, one.through) for one in found] == [(at(0), at(5)), (at(5), at(9))]


SPAN = st.tuples(st.integers(0, 30), st.integers(1, 8)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.lists(SPAN, min_size=1, max_size=12), st.integers(0, 40), st.integers(0, 40))
def test_stretches_are_the_union_and_nothing_between_them(spans: list[tuple[int, int]], base: int, goal: int) -> None:
    """Model: the set of single steps (n, n+1] that some segment covers."""
    clock = HandClock()
    stored = [
        StoredSegment("", "2026-11", b"", at(after), at(through), "c" * 16, "w" * 32, "", 1, clock.now())
        for after, through in spans
    ]
    steps = {step for after, through in spans for step in range(after, through)}
    found = stretches(stored)
    assert {at(n) for n in range(40) for one in found if one.after <= at(n) < one.through} == {at(n) for n in steps}
    wanted = set(range(base, goal))
    covering = [one for one in found if one.covers(at(base), at(goal))]
    if wanted:
        assert bool(covering) == (wanted <= steps)
    for one in covering:
        check_between(one, base, goal)


def check_between(stretch: Stretch, base: int, goal: int) -> None:
    given_out: list[ClusterTime] = []
    for segment, after in stretch.between(at(base), at(goal)):
        given_out += [at(n + 1) for n in range(40) if max(segment.after, after) <= at(n) < segment.through]
    assert [one for one in given_out if one <= at(goal)] == [at(n + 1) for n in range(base, goal)], (
        "each once, in order"
    )


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_cluster_times_read_back_and_sort(seconds: int, increment: int) -> None:
    time = ClusterTime(seconds, increment)
    assert read_hex(time.hex()) == time and read_words(time.words()) == time
    assert (ClusterTime(7, 7).hex() < time.hex()) == (ClusterTime(7, 7) < time)
    assert time.before() < time or time == (0, 0) or seconds == 0


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=30))
def test_blocks_hold_whole_events_in_order(events: list[bytes]) -> None:
    blocks = in_blocks(events, 25)
    assert b"".join(blocks) == b"".join(events) and all(blocks)
