"""Cuts: nothing lost, nothing moved by how the stream was fed, records never cut, frozen for ever."""

import hashlib
import struct
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeboat.chunking.cut import Boundary, Cutter, NotWholeDocuments, after_document, after_line, anywhere

SMALL = {"smallest_bytes": 64, "average_bytes": 256, "largest_bytes": 1024}


def cut(stream: Iterable[bytes], boundary: Boundary = anywhere, seed: int = 7, **sizes: int) -> list[bytes]:
    cutter = Cutter(seed, boundary, **(sizes or SMALL))
    chunks = [bytes(chunk) for block in stream for chunk in cutter.feed(block)]
    return chunks + [bytes(chunk) for chunk in cutter.finish()]


def in_blocks(raw: bytes, sizes: list[int]) -> list[bytes]:
    blocks, at = [], 0
    while at < len(raw):
        size = sizes[len(blocks) % len(sizes)]
        blocks.append(raw[at : at + size])
        at += size
    return blocks


@given(st.binary(max_size=20_000), st.lists(st.integers(1, 3000), min_size=1, max_size=5))
def test_chunks_joined_are_the_stream_however_it_was_fed(raw: bytes, sizes: list[int]) -> None:
    assert b"".join(cut([raw])) == raw
    assert cut(in_blocks(raw, sizes)) == cut([raw])


def documents(lengths: list[int]) -> list[bytes]:
    made = []
    for n, length in enumerate(lengths):
        body = hashlib.shake_256(n.to_bytes(4, "big")).digest(length)
        made.append(struct.pack("<i", 5 + length) + body + b"\x00")
    return made


@given(st.lists(st.integers(0, 2500), max_size=60), st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_no_document_is_cut_and_feeding_does_not_matter(lengths: list[int], groups: list[int]) -> None:
    every = documents(lengths)
    blocks, rest = [], list(every)
    while rest:
        count = groups[len(blocks) % len(groups)]
        blocks.append(b"".join(rest[:count]))
        rest = rest[count:]
    chunks = cut(blocks, after_document)
    assert b"".join(chunks) == b"".join(every)
    assert chunks == cut([b"".join(every)], after_document)
    starts, at = set(), 0
    for one in every:
        starts.add(at)
        at += len(one)
    at = 0
    for chunk in chunks:
        assert at in starts
        at += len(chunk)


@given(st.lists(st.text(st.characters(exclude_characters="\n", codec="utf-8"), max_size=300), max_size=60))
def test_no_line_is_cut(lines: list[str]) -> None:
    raw = b"".join(line.encode() + b"\n" for line in lines)
    chunks = cut(in_blocks(raw, [777]), after_line)
    assert b"".join(chunks) == raw
    assert all(chunk.endswith(b"\n") for chunk in chunks)


def test_an_insertion_moves_few_cuts() -> None:
    raw = hashlib.shake_256(b"insert").digest(200_000)
    before, after = set(cut([raw])), set(cut([raw[:90_000] + b"hello" + raw[90_000:]]))
    assert len(after - before) <= 3


def test_another_seed_cuts_elsewhere() -> None:
    raw = hashlib.shake_256(b"seed").digest(100_000)
    assert cut([raw], seed=1) != cut([raw], seed=2)


def test_garbage_in_place_of_documents_is_noticed() -> None:
    with pytest.raises(NotWholeDocuments):
        cut([b"\x01\x00\x00\x00" * 1000], after_document)


def test_the_cuts_are_frozen_for_ever() -> None:
    """A library that cut elsewhere would break deduplication silently: these lengths were written down on 2026-11-23."""
    raw = hashlib.shake_256(b"golden").digest(6_000_000)
    cutter = Cutter(0x123456789ABCDEF)
    lengths = [len(chunk) for chunk in (*cutter.feed(raw), *cutter.finish())]
    assert lengths == [1498006, 771140, 2149453, 1171279, 410122]
