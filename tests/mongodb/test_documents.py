"""Blocks are taken apart rightly without decoding, and damage to them shows."""

import contextlib
import datetime
from typing import Any

import bson
import pytest
from bson import SON, Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from hypothesis import example, given
from hypothesis import strategies as st

from lifeboat.sources.mongodb.catalog import EXACT, CollectionEntry, describe
from lifeboat.sources.mongodb.documents import spans_of, tally_of
from lifeboat.sources.mongodb.empty_timestamps import has_empty_timestamp, id_element, may_hold_empty_timestamps
from lifeboat.sources.mongodb.errors import BlockUnreadable, CatalogUnreadable

NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=6)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-(2**63), 2**63 - 1).map(Int64),
    st.floats(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.binary(max_size=12),
    st.sampled_from(
        [
            Timestamp(0, 0),
            Timestamp(0, 1),
            ObjectId(bytes(12)),
            Regex("a\x11", "im"),
            Code("f"),
            Code("f", {"x": Timestamp(0, 0)}),
            Decimal128("0"),
            MinKey(),
            MaxKey(),
            Binary(bytes(9), 128),
            DBRef("a", 1),
            datetime.datetime(1970, 1, 1),
        ]
    ),
)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3))
DOCUMENTS = st.builds(
    lambda id_, rest: SON([("_id", id_), *((key, value) for key, value in rest.items() if key != "_id")]),
    LEAVES,
    st.dictionaries(NAMES, VALUES, max_size=5),
)


@given(st.lists(DOCUMENTS, max_size=6))
def test_a_block_is_cut_into_exactly_its_documents(documents: list[Any]) -> None:
    encoded = [bson.encode(document) for document in documents]
    block = b"".join(encoded)
    assert [block[begin:end] for begin, end in spans_of(block)] == encoded
    assert tally_of(block) == tally_of(b"".join(reversed(encoded)))
    assert tally_of(block).documents == len(documents)


@given(st.lists(DOCUMENTS, min_size=1, max_size=4), st.data())
def test_a_changed_byte_or_a_missing_or_doubled_document_shows(documents: list[Any], data: st.DataObject) -> None:
    block = b"".join(bson.encode(document) for document in documents)
    at = data.draw(st.integers(0, len(block) - 1))
    damaged = block[:at] + bytes([block[at] ^ 1]) + block[at + 1 :]
    first = next(spans_of(block))[1]
    for other in (damaged, block[first:], block[:first] + block):
        with contextlib.suppress(BlockUnreadable):
            assert tally_of(other) != tally_of(block)


@given(DOCUMENTS)
def test_documents_that_an_insert_would_change_are_found(document: Any) -> None:
    encoded = bson.encode(document)
    changed = any(value == Timestamp(0, 0) for key, value in document.items() if key != "_id")
    assert has_empty_timestamp(encoded) == changed
    assert may_hold_empty_timestamps(encoded) or not changed


@given(LEAVES)
def test_an_id_is_taken_out_byte_for_byte(value: Any) -> None:
    encoded = bson.encode({"_id": value, "more": 1})
    kind, raw = id_element(encoded)
    assert encoded[4:].startswith(bytes([kind]) + b"_id\0" + raw + b"\x10more\0")


@pytest.mark.parametrize("block", [b"\x05\0\0\0", b"\x05\0\0\0\1", b"\x04\0\0\0\0", b"\xff\0\0\0\0", b"\0\0\0\x80\0"])
def test_a_block_that_holds_no_whole_documents_is_refused(block: bytes) -> None:
    with pytest.raises(BlockUnreadable):
        list(spans_of(block))


@example({"validator": {"a": {"": None, "$oid": None}}})
@example({"validator": {"a": {"$date": "never", "$uuid": 1}}})
@given(st.dictionaries(NAMES.filter(lambda name: name not in ("viewOn", "collation", "capped")), VALUES, max_size=4))
def test_options_read_back_to_the_same_bytes_whatever_they_hold(options: dict[str, Any]) -> None:
    exact = bson.decode(bson.encode(options), codec_options=EXACT)
    entry = describe("shop", "orders", exact, [{"v": 2, "key": SON(a=1), "name": "a_1"}], bytes(16))
    again = CollectionEntry("shop", "orders", entry.kind, entry.metadata)
    assert bson.encode(again.options, codec_options=EXACT) == bson.encode(options)
    assert again.uuid == bytes(16) and [index["name"] for index in again.indexes] == ["a_1"]


def test_a_description_that_is_not_one_is_refused() -> None:
    with pytest.raises(CatalogUnreadable, match=r"shop\.orders"):
        _ = CollectionEntry("shop", "orders", "collection", '{"options": {"$date": []}').options
