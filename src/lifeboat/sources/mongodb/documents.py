"""Blocks of whole BSON documents: where each begins, and a digest that does not mind their order.

Invariant: no document is decoded. The digest of a set of documents is the sum, modulo 2^256, of the SHA-256 of each:
blocks may be cut and ordered as they like, and a document that is missing, doubled or changed shows.
"""

import hashlib
import struct
from collections.abc import Iterator

from lifeboat.foundation.value import Value
from lifeboat.sources.mongodb.errors import BlockUnreadable

SMALLEST_DOCUMENT_BYTES = 5
_MODULUS = 1 << 256
_LENGTH = struct.Struct("<i")


def spans_of(block: bytes | memoryview) -> Iterator[tuple[int, int]]:
    """Beginning and end of each document.

    Raises:
        BlockUnreadable: The lengths do not add up to the block.
    """
    read_length = _LENGTH.unpack_from
    begin, end_of_block = 0, len(block)
    while begin < end_of_block:
        if end_of_block - begin < SMALLEST_DOCUMENT_BYTES:
            raise BlockUnreadable("a block of documents ends in the middle of one", "is it a stream of a collection?")
        end = begin + read_length(block, begin)[0]
        if end - begin < SMALLEST_DOCUMENT_BYTES or end > end_of_block or block[end - 1] != 0:
            raise BlockUnreadable("a block does not hold whole BSON documents", "is it a stream of a collection?")
        yield begin, end
        begin = end


class Tally(Value):
    """How many documents, how many bytes, and their digest. Add tallies of parts to have that of the whole."""

    documents: int = 0
    size_bytes: int = 0
    digest: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.documents + other.documents,
            self.size_bytes + other.size_bytes,
            (self.digest + other.digest) % _MODULUS,
        )

    def __sub__(self, other: "Tally") -> "Tally":
        return Tally(
            self.documents - other.documents,
            self.size_bytes - other.size_bytes,
            (self.digest - other.digest) % _MODULUS,
        )


def tally_of(block: bytes) -> Tally:
    """Count and digest one block."""
    view = memoryview(block)
    hash_of, number_of = hashlib.sha256, int.from_bytes
    documents = total = 0
    for begin, end in spans_of(block):
        total += number_of(hash_of(view[begin:end]).digest(), "little")
        documents += 1
    return Tally(documents, len(block), total % _MODULUS)


def count_of(block: bytes) -> Tally:
    """Count one block without its digest."""
    return Tally(sum(1 for _ in spans_of(block)), len(block), 0)
