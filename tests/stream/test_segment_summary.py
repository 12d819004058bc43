"""A segment's summary: what was counted and what changed the catalog comes back, and nothing else is taken for a summary."""

import contextlib
from datetime import UTC, datetime, timedelta

import bson
import pytest
from bson import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from lifeboat.foundation.errors import LifeboatError
from lifeboat.operations import segment_summary
from lifeboat.operations.segment_summary import Counted, SummaryBuilder, read_summary
from lifeboat.repository.errors import NewerFormat
from lifeboat.sources.mongodb.oplog.change import Change
from lifeboat.sources.mongodb.oplog.command import Command, Event

WHEN = Timestamp(1_760_000_000, 1)
TERM = (3).to_bytes(8, "little")
BEGAN = datetime(2026, 3, 1, tzinfo=UTC)


def change(kind: str, namespace: str) -> Change:
    return Change(WHEN, TERM, kind, namespace, b"u" * 16, bson.encode({"_id": 1}), None)


def command(name: str) -> Command:
    return Command(WHEN, TERM, "shop.$cmd", b"u" * 16, bson.encode({name: "orders"}), None)


events = st.one_of(
    st.builds(
        change,
        st.sampled_from("iud"),
        st.sampled_from(["shop.orders", "shop.a.b", "shop.système", "shop.system.views"]),
    ),
    st.builds(command, st.sampled_from(["drop", "create", "collMod"])),
)


def summary_of(happened: list[Event], databases: list[str] | None = None) -> bytes:
    builder = SummaryBuilder(databases)
    for number, event in enumerate(happened):
        builder.add(event, event.to_bson())
        builder.saw(BEGAN + timedelta(seconds=number))
    return builder.build()


@given(st.lists(events, max_size=30), st.one_of(st.none(), st.lists(st.text(max_size=9), max_size=3)))
def test_what_was_counted_and_what_changed_the_catalog_comes_back(
    happened: list[Event], databases: list[str] | None
) -> None:
    summary = read_summary(summary_of(happened, databases))
    changes = [one for one in happened if isinstance(one, Change)]
    assert summary.databases == (None if databases is None else tuple(databases))
    assert list(summary.events) == [
        one for one in happened if isinstance(one, Command) or one.namespace == "shop.system.views"
    ]
    for counted in summary.counts:
        kinds = [one.kind for one in changes if one.namespace == counted.namespace]
        assert [kinds.count(kind) for kind in "iud"] == [counted.inserts, counted.updates, counted.deletes]
    assert sum(counted.changes for counted in summary.counts) == len(changes)
    assert summary.first_wall == (BEGAN if happened else None)
    assert summary.last_wall == (BEGAN + timedelta(seconds=len(happened) - 1) if happened else None)


@given(st.lists(events, max_size=5), st.data())
def test_bytes_that_are_no_summary_are_refused_in_our_words(happened: list[Event], data: st.DataObject) -> None:
    plain = bytearray(summary_of(happened))
    for _ in range(data.draw(st.integers(1, 4))):
        plain[data.draw(st.integers(0, len(plain) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(LifeboatError):
        read_summary(bytes(plain[: data.draw(st.integers(0, len(plain)))]))


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b'{"format":1}', b"null", b'{"format":"x"}', b"[" * 100_000])
def test_a_first_line_that_is_something_else_is_refused(line: bytes) -> None:
    with pytest.raises(LifeboatError):
        read_summary(line + b"\n")


def test_a_summary_of_a_later_lifeboat_says_so() -> None:
    with pytest.raises(NewerFormat, match="format 2"):
        read_summary(summary_of([]).replace(b'"format":1', b'"format":2'))


def test_a_change_of_a_document_is_no_event_of_the_catalog() -> None:
    with pytest.raises(LifeboatError):
        read_summary(summary_of([]) + change("i", "shop.orders").to_bson())


def test_a_collection_too_many_is_counted_with_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_summary, "COLLECTIONS_AT_MOST", 2)
    summary = read_summary(summary_of([change("d", f"shop.c{number}") for number in (0, 1, 2, 3, 0)]))
    assert summary.counts == (Counted("", 0, 0, 2), Counted("shop.c0", 0, 0, 2), Counted("shop.c1", 0, 0, 1))


def test_a_summary_that_grows_ends_its_segment() -> None:
    builder = SummaryBuilder(None)
    large = Command(WHEN, TERM, "shop.$cmd", b"", bson.encode({"create": "x" * 2**20}), None)
    assert not builder.is_full
    builder.add(large, large.to_bson())
    assert builder.is_full
