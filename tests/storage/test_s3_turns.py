"""What a far S3 is not asked: whether it wants a small object, and what time it is right after it said so."""

from datetime import UTC, datetime, timedelta

import pytest
from rude_servers import answering

from lifeboat.foundation.clock import Clock, SystemClock
from lifeboat.foundation.secret import Secret
from lifeboat.storage.s3 import S3Settings, S3Store

DATE = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
EMPTY_LIST = (
    b'<?xml version="1.0"?><ListBucketResult><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>'
)


class GoingClock(SystemClock):
    passed = 0.0

    def monotonic(self) -> float:
        return 1000.0 + self.passed


def store_at(address: str, clock: Clock | None = None) -> S3Store:
    settings = S3Settings("bucket", "", "eu-west-1", address, Secret("a"), Secret("b"))
    return S3Store(settings, clock or SystemClock())


@pytest.mark.parametrize(("size", "asks_first"), [(0, False), (300, False), (1 << 20, False), ((1 << 20) + 1, True)])
def test_a_small_object_is_sent_without_asking_whether_it_is_wanted(size: int, asks_first: bool) -> None:
    heard: list = []
    with answering(200, heard=heard) as address:
        store_at(address).write("catalog/one", bytes(size))
    ((method, headers),) = heard
    assert method == "PUT" and headers["Content-Length"] == str(size)
    assert (headers.get("Expect") == "100-continue") == asks_first
    assert headers["If-None-Match"] == "*" and headers["x-amz-checksum-sha256"]


def test_the_time_is_not_asked_for_right_after_it_was_told() -> None:
    heard: list = []
    clock = GoingClock()
    with answering(200, body=EMPTY_LIST, date=DATE, heard=heard) as address:
        store = store_at(address, clock)
        assert list(store.list_under("catalog/")) == []
        clock.passed = 0.5
        assert store.time_there() == DATE + timedelta(seconds=0.5)
        assert [method for method, _ in heard] == ["GET"]
        clock.passed = 1.0
        assert store.time_there() == DATE
        assert [method for method, _ in heard] == ["GET", "HEAD"]


def test_a_write_may_take_long_and_its_time_is_not_believed() -> None:
    """The commit asks for the time after the last pack: an answer that began an hour ago must not date it."""
    heard: list = []
    with answering(200, date=DATE, heard=heard) as address:
        store = store_at(address, GoingClock())
        store.write("files/pack", b"content")
        store.time_there()
    assert [method for method, _ in heard] == ["PUT", "HEAD"]
