"""Compression: exact, bounded, and not where it does not pay."""

import os

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from lifeboat.compression.zstd import Decompressed, compress, decompress, decompress_bounded


@given(st.binary(max_size=5000))
def test_what_was_compressed_unpacks_exactly(plain: bytes) -> None:
    packed = compress(plain * 10)
    if packed is not None:
        assert decompress(packed, len(plain) * 10) == plain * 10


def test_what_does_not_shrink_is_left_alone() -> None:
    assert compress(os.urandom(300_000)) is None
    assert compress(b"") is None


def test_text_behind_a_random_front_is_still_compressed() -> None:
    assert compress(os.urandom(200_000) + b"words " * 50_000) is not None


@given(st.binary(max_size=300))
def test_garbage_is_refused_and_not_crashed_on(garbage: bytes) -> None:
    with pytest.raises(Decompressed):
        decompress(garbage, 10)


def test_a_bomb_gets_no_memory() -> None:
    bomb = zstandard.ZstdCompressor().compress(bytes(200_000_000))
    with pytest.raises(Decompressed):
        decompress(bomb, 1000)
    with pytest.raises(Decompressed):
        decompress_bounded(bomb, 1_000_000)
    unsized = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(50_000_000))
    with pytest.raises(Decompressed):
        decompress(unsized, 1000)
