"""zstd, unless it does not pay.

Limits: one compressor and one decompressor per thread (they are not shared safely). A chunk whose samples do not shrink is stored as it is:
images, archives and encrypted files cost a few microseconds instead of a pass.
"""

import threading

import zstandard

from lifeboat.foundation.errors import RepositoryDamaged

DEFAULT_LEVEL = 3
SAMPLE_BYTES = 16 * 1024
SAMPLES_LEVEL = 1
SAMPLED_FROM_BYTES = 256 * 1024
"""Below this the chunk is its own sample: trying costs less than deciding."""
WORTH_IT = 0.97
"""A chunk is stored compressed when it shrinks to at most this: less saves nothing a restore would not pay for."""

UNQUESTIONED_BYTES = 64 * 1024 * 1024
BELIEVED_RATIO = 200
"""Memory is given before the first byte is unpacked, so a frame of a few bytes that states a gigabyte would get it. What we write that is larger
than ``UNQUESTIONED_BYTES`` is full of hashes and shrinks to a half at best.
"""

_local = threading.local()


class Decompressed(RepositoryDamaged):
    """The content is not the zstd frame it claims to be, or not of the stated length."""

    code = "compression-broken"


def compress(plain: bytes | memoryview, level: int = DEFAULT_LEVEL) -> bytes | None:
    """One zstd frame, or None when storing it as it is costs about the same."""
    if len(plain) >= SAMPLED_FROM_BYTES and not _samples_shrink(plain):
        return None
    packed = _compressor(level).compress(plain)
    return packed if len(packed) <= len(plain) * WORTH_IT else None


def compress_always(plain: bytes, level: int = DEFAULT_LEVEL) -> bytes:
    """One zstd frame whatever comes out; for catalog objects."""
    return _compressor(level).compress(plain)


def decompress(packed: bytes, plain_bytes: int) -> bytes:
    """Unpack to exactly ``plain_bytes``; raises ``Decompressed``. Never gives memory to more than that."""
    try:
        stated = zstandard.frame_content_size(packed)
        if stated not in (-1, plain_bytes):
            raise Decompressed(f"a frame states {stated} bytes where {plain_bytes} were written")
        plain = _decompressor().decompress(packed, max_output_size=plain_bytes, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise Decompressed("compressed content does not unpack") from error
    if len(plain) != plain_bytes:
        raise Decompressed(f"content unpacks to {len(plain)} bytes where {plain_bytes} were written")
    return plain


def decompress_bounded(packed: bytes, largest_bytes: int) -> bytes:
    """Unpack a frame that states its own length, if that is at most ``largest_bytes``."""
    try:
        stated = zstandard.frame_content_size(packed)
    except zstandard.ZstdError as error:
        raise Decompressed("compressed content does not unpack") from error
    if not 0 <= stated <= largest_bytes:
        raise Decompressed(f"a frame states {stated} bytes, more than the {largest_bytes} that are allowed")
    if stated > max(UNQUESTIONED_BYTES, len(packed) * BELIEVED_RATIO):
        raise Decompressed(f"a frame of {len(packed)} bytes states {stated}, more than it can hold")
    return decompress(packed, stated)


def _samples_shrink(plain: bytes | memoryview) -> bool:
    """Whether any of three samples (front, middle, end) shrinks at the fastest level."""
    middle = len(plain) // 2
    fastest = _compressor(SAMPLES_LEVEL)
    view = memoryview(plain)
    return any(
        len(fastest.compress(view[start : start + SAMPLE_BYTES])) <= SAMPLE_BYTES * WORTH_IT
        for start in (0, middle, len(plain) - SAMPLE_BYTES)
    )


def _compressor(level: int) -> zstandard.ZstdCompressor:
    """This thread's, of the level; it keeps that of the samples and one more, since each has megabytes of its own."""
    made: dict[int, zstandard.ZstdCompressor] | None = getattr(_local, "compressors", None)
    if made is None:
        made = _local.compressors = {}
    if level not in made:
        for other in [one for one in made if one != SAMPLES_LEVEL]:
            del made[other]
        made[level] = zstandard.ZstdCompressor(level=level, write_content_size=True)
    return made[level]


def _decompressor() -> zstandard.ZstdDecompressor:
    made: zstandard.ZstdDecompressor | None = getattr(_local, "decompressor", None)
    if made is None:
        made = _local.decompressor = zstandard.ZstdDecompressor()
    return made
