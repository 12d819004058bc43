"""What this machine can do at all: each stage of a backup, a restore and a verification alone, on one core, and the disk.

``python bench/limits.py FOLDER_OF_FILES [--work FOLDER]``: the files that ``run.py --only files`` made. The processor time of the stages, divided
by the cores, is the least that any order of the same work can take; the disk's time is another; what a run takes above the larger of them is
Lifeboat's own.

Limits: cycles are processor seconds times the clock that /proc/cpuinfo states; a virtual machine's may be another.
"""

import argparse
import hashlib
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from turns import forget_files

from lifeboat.chunking.cut import Cutter
from lifeboat.compression.zstd import compress, decompress
from lifeboat.crypto.sealing import Compression, Kind, chunk_id, open_chunk, seal_chunk
from lifeboat.operations.file_groups import SMALL_FILE_BYTES

AT_MOST_BYTES = 1_000_000_000
PACK_BYTES = 24 * 1024 * 1024
BATCH_BYTES = 32 * 1024 * 1024
READ, CUT, NAME = "read from memory", "cut", "name (HMAC-SHA256)"
COMPRESS, SEAL, HASH = "compress (zstd 3, where it pays)", "seal (AES-256-GCM)", "hash packs (SHA-256)"
OPEN, UNPACK = "open (AES-256-GCM)", "unpack (zstd)"
KEY = AESGCM(bytes(32))
FEW = 2_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()))
    given = parser.parse_args()
    every = [Path(folder, name) for folder, _, names in os.walk(given.files) for name in names]
    whole = sum(path.stat().st_size for path in every)
    # Of each kind of file as many as make the share that is looked at.
    chosen = every[:: max(1, round(whole / AT_MOST_BYTES))]
    costs = Costs()
    size = stored = 0
    for batch in _batches(chosen):
        plain_bytes, stored_bytes = _work_on(batch, costs)
        size, stored = size + plain_bytes, stored + stored_bytes
    with tempfile.TemporaryDirectory(dir=given.work) as folder:
        disk = _disk(Path(folder), stored)
        files_a_second = _create(Path(folder))
    _tell(costs, size, stored, whole, disk, files_a_second)


class Costs:
    """Processor seconds and bytes of each stage, in the order in which they came."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.bytes: dict[str, int] = {}

    def take(self, name: str, work: Callable[[], list[bytes]], size: int) -> list[bytes]:
        began = time.process_time()
        made = work()
        self.seconds[name] = self.seconds.get(name, 0.0) + time.process_time() - began
        self.bytes[name] = self.bytes.get(name, 0) + size
        return made


def _batches(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Small enough that the same memory serves all of them, as in a run: new pages cost more than most stages."""
    batch: list[Path] = []
    size = 0
    for path in paths:
        batch.append(path)
        size += path.stat().st_size
        if size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _work_on(batch: list[Path], costs: Costs) -> tuple[int, int]:
    """All stages over some files; returns their bytes, plain and stored."""
    size = sum(path.stat().st_size for path in batch)
    contents = costs.take(READ, lambda: [path.read_bytes() for path in batch], size)
    plain = costs.take(CUT, lambda: _cut(contents), size)
    names = costs.take(NAME, lambda: [chunk_id(bytes(32), Kind.CONTENT, one) for one in plain], size)
    packed = costs.take(COMPRESS, lambda: [compress(one) or b"" for one in plain], size)
    bodies = [small or one for small, one in zip(packed, plain, strict=True)]
    kinds = [Compression.ZSTD if small else Compression.NONE for small in packed]
    stored = sum(map(len, bodies))
    chunks = list(zip(kinds, names, plain, bodies, strict=True))
    sealed = costs.take(
        SEAL,
        lambda: [seal_chunk(KEY, Kind.CONTENT, kind, name, len(one), body) for kind, name, one, body in chunks],
        stored,
    )
    costs.take(HASH, lambda: [hashlib.sha256(one).digest() for one in sealed], stored)
    closed = list(zip(kinds, names, plain, sealed, strict=True))
    costs.take(
        OPEN,
        lambda: [open_chunk(KEY, Kind.CONTENT, kind, name, len(one), body) for kind, name, one, body in closed],
        stored,
    )
    costs.take(
        UNPACK, lambda: [decompress(small, len(one)) for small, one in zip(packed, plain, strict=True) if small], size
    )
    return size, stored


def _cut(contents: Sequence[bytes]) -> list[bytes]:
    """Small files share chunks, as they do in a run; a chunk of a large one is a copy here, and a view there."""
    cutter = Cutter(7)
    small = b"".join(one for one in contents if len(one) < SMALL_FILE_BYTES)
    found: list[bytes] = []
    for content in (small, *(one for one in contents if len(one) >= SMALL_FILE_BYTES)):
        found += [bytes(one) for one in cutter.feed(content)]
        found += [bytes(one) for one in cutter.finish()]
    return found


def _disk(folder: Path, stored: int) -> tuple[float, float]:
    """Bytes a second, written in files of a pack's size and synced, and read with nothing in memory."""
    body = os.urandom(PACK_BYTES)
    count = max(1, stored // PACK_BYTES)
    began = time.monotonic()
    for number in range(count):
        file = os.open(folder / str(number), os.O_WRONLY | os.O_CREAT)
        os.write(file, body)
        os.fsync(file)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)
    written = time.monotonic() - began
    forget_files()
    began = time.monotonic()
    for path in folder.iterdir():
        path.read_bytes()
    return count * PACK_BYTES / written, count * PACK_BYTES / (time.monotonic() - began)


def _create(folder: Path) -> float:
    """Files a second that are made under a name, given mode and time, and renamed: a restore does no less."""
    below = folder / "many"
    below.mkdir()
    descriptor = os.open(below, os.O_RDONLY)
    began = time.monotonic()
    for number in range(FEW):
        file = os.open("partial", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=descriptor)
        os.write(file, b"x" * 200)
        os.fchmod(file, 0o644)
        os.utime(file, ns=(1, 1))
        os.close(file)
        os.rename("partial", str(number), src_dir_fd=descriptor, dst_dir_fd=descriptor)
    seconds = time.monotonic() - began
    os.close(descriptor)
    return FEW / seconds


def _tell(costs: Costs, size: int, stored: int, whole: int, disk: tuple[float, float], files_a_second: float) -> None:
    cores, hertz = os.cpu_count() or 1, _hertz()
    print(
        f"{whole / 1e6:,.0f} MB of files, {size / 1e6:,.0f} MB of them looked at; {cores} cores of {hertz / 1e9:.1f} GHz\n"
    )
    print("| stage | bytes it works on | MB/s of one core | cycles a byte |")
    print("| --- | --- | --- | --- |")
    for name, seconds in costs.seconds.items():
        of = costs.bytes[name]
        print(f"| {name} | {of / 1e6:,.0f} MB | {of / seconds / 1e6:,.0f} | {seconds * hertz / of:.1f} |")
    print(
        f"\ndisk: {disk[0] / 1e6:,.0f} MB/s written and synced, {disk[1] / 1e6:,.0f} MB/s read; {files_a_second:,.0f} small files a second\n"
    )
    print("| whole | least processor time | on these cores | least time of the disk |")
    print("| --- | --- | --- | --- |")
    scale, on_disk = whole / size, stored * whole / size
    for what, stages, seconds in (
        ("first backup", (READ, CUT, NAME, COMPRESS, SEAL, HASH), on_disk / disk[0]),
        ("restore", (OPEN, UNPACK, NAME), max(on_disk / disk[1], whole / disk[0])),
        ("verify all", (HASH, OPEN, UNPACK, NAME), on_disk / disk[1]),
    ):
        least = sum(costs.seconds[name] for name in stages) * scale
        print(f"| {what} | {least:.1f} s | {least / cores:.1f} s | {seconds:.1f} s |")


def _hertz() -> float:
    found = re.search(r"^cpu MHz\s*:\s*([\d.]+)", Path("/proc/cpuinfo").read_text(encoding="ascii"), re.M)
    return float(found[1]) * 1e6 if found else 0.0


if __name__ == "__main__":
    main()
