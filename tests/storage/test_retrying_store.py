"""Repeated calls: what comes of them when the first one had an effect after all."""

import pytest

from lifeboat.storage.errors import ObjectExists, ObjectMissing, StorageBusy, StorageDenied
from lifeboat.storage.faults import RecordingStore, RepliesLostFor, StoreBusyFor, must_be_hit
from lifeboat.storage.memory import MemoryStore
from lifeboat.storage.retrying import RetryingStore


@pytest.fixture
def inner(clock):
    return MemoryStore(clock)


def test_a_store_that_is_busy_for_a_moment_is_asked_again_after_growing_pauses(inner, clock):
    inner.write("pack/a", b"x")
    busy = StoreBusyFor(inner, times=3)
    with must_be_hit(busy):
        assert RetryingStore(busy, clock, (1.0, 2.0, 4.0)).read("pack/a") == b"x"
    assert clock.slept_seconds == [1.0, 2.0, 4.0]


def test_a_store_that_stays_busy_is_reported_in_the_end(inner, clock):
    with pytest.raises(StorageBusy):
        RetryingStore(StoreBusyFor(inner, times=4), clock, (1.0, 2.0, 4.0)).write("a", b"x")
    assert list(inner.list_under("")) == []


def test_what_will_not_pass_is_not_tried_again(inner, clock):
    recording = RecordingStore(inner)
    with pytest.raises(ObjectMissing):
        RetryingStore(recording, clock).read("a")
    assert len(recording.calls) == 1 and clock.slept_seconds == []


@pytest.mark.parametrize(
    "content", [b"", b"mine", [b"mi", bytearray(b"ne"), b""], [b"x" * 9_000_000, b"y" * 9_000_000]]
)
def test_a_write_whose_reply_was_lost_ends_as_a_success(inner, clock, content):
    lossy = RepliesLostFor(inner, times=1)
    with must_be_hit(lossy):
        RetryingStore(lossy, clock).write("a", content)
    assert inner.read("a") == (content if isinstance(content, bytes) else b"".join(content))


@pytest.mark.parametrize("theirs", [b"other", b"", b"min", b"mine and more"])
def test_a_retry_does_not_mistake_a_strangers_object_for_its_own(inner, clock, theirs):
    inner.write("a", theirs)
    with pytest.raises(ObjectExists):
        RetryingStore(StoreBusyFor(inner, times=1), clock).write("a", b"mine")
    assert inner.read("a") == theirs


def test_a_taken_name_is_reported_at_the_first_try_even_with_the_same_bytes(inner, clock):
    inner.write("a", b"mine")
    with pytest.raises(ObjectExists):
        RetryingStore(inner, clock).write("a", b"mine")


def test_a_writer_that_may_not_read_is_told_that_the_name_is_taken(inner, clock):
    class MayOnlyWrite(RepliesLostFor):
        def read(self, name, span=None):
            raise StorageDenied("the right s3:GetObject is missing")

    with pytest.raises(ObjectExists):
        RetryingStore(MayOnlyWrite(inner, times=1), clock).write("a", b"mine")


def test_a_listing_that_breaks_off_goes_on_without_gap_or_repetition(inner, clock):
    names = [f"a/{number:02d}" for number in range(20)]
    for name in names:
        inner.write(name, b"")

    class BreaksOffNowAndThen(MemoryStore):
        def list_under(self, prefix):
            for row in inner.list_under(prefix):
                yield row
                self.rows = getattr(self, "rows", 0) + 1
                if self.rows % 15 == 0 and self.rows < 40:
                    raise StorageBusy("cut off")

    listed = [row.name for row in RetryingStore(BreaksOffNowAndThen(clock), clock).list_under("a/")]
    assert listed == names


def test_pauses_are_spread_by_the_jitter_that_was_given(inner, clock):
    busy = StoreBusyFor(inner, times=2)
    RetryingStore(busy, clock, (1.0, 2.0), jitter=lambda seconds: seconds * 1.5).write("a", b"")
    assert clock.slept_seconds == [1.5, 3.0]
