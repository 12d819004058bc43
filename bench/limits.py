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
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from turns import forget_files

from lifeboat.chunking.cut import Cutter
from lifeboat.compression.zstd import compress, decompress
from lifeboat.crypto.sealing import Compression, Kind, chunk_id, open_chunk, seal_chunk

AT_MOST_BYTES = 1_000_000_000
PACK_BYTES = 24 * 1024 * 1024
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
    rows: list[tuple[str, float, float]] = []

    def stage(name: str, work: Callable[[], Sequence[bytes] | None], size: int) -> Sequence[bytes]:
        began = time.process_time()
        made = work()
        rows.append((name, time.process_time() - began, size))
        return made or ()

    size = sum(path.stat().st_size for path in chosen)
    contents = stage("read from memory", lambda: [path.read_bytes() for path in chosen], size)
    plain = stage("cut", lambda: _cut(contents), size)
    names = stage("name (HMAC-SHA256)", lambda: [chunk_id(bytes(32), Kind.CONTENT, one) for one in plain], size)
    packed = [b""] * len(plain)

    def pack() -> None:
        for number, one in enumerate(plain):
            packed[number] = compress(one) or b""

    stage("compress (zstd 3, where it pays)", pack, size)
    bodies = [small or one for small, one in zip(packed, plain, strict=True)]
    kinds = [Compression.ZSTD if small else Compression.NONE for small in packed]
    stored = sum(map(len, bodies))

    def seal() -> list[bytes]:
        return [
            seal_chunk(KEY, Kind.CONTENT, kind, name, len(one), body)
            for kind, name, one, body in zip(kinds, names, plain, bodies, strict=True)
        ]

    sealed = stage("seal (AES-256-GCM)", seal, stored)
    stage("hash packs (SHA-256)", lambda: [hashlib.sha256(one).digest() for one in sealed], stored)

    def open_all() -> list[bytes]:
        return [
            open_chunk(KEY, Kind.CONTENT, kind, name, len(one), body)
            for kind, name, one, body in zip(kinds, names, plain, sealed, strict=True)
        ]

    opened = stage("open (AES-256-GCM)", open_all, stored)

    def unpack() -> None:
        for small, one in zip(packed, plain, strict=True):
            if small:
                decompress(small, len(one))

    stage("unpack (zstd)", unpack, size)
    del opened
    with tempfile.TemporaryDirectory(dir=given.work) as folder:
        disk = _disk(Path(folder), sealed, stored)
        files_a_second = _create(Path(folder))
    _tell(rows, size, stored, whole, disk, files_a_second)


def _cut(contents: Sequence[bytes]) -> list[bytes]:
    cutter, found = Cutter(7), []
    for content in contents:
        found += [bytes(one) for one in cutter.feed(content)]
        found += [bytes(one) for one in cutter.finish()]
    return found


def _disk(folder: Path, sealed: Sequence[bytes], stored: int) -> tuple[float, float]:
    """Bytes a second, written in files of a pack's size and synced, and read with nothing in memory."""
    began, file, held = time.monotonic(), None, 0
    for body in sealed:
        if file is None or held > PACK_BYTES:
            if file is not None:
                os.fsync(file)
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
                os.close(file)
            file, held = os.open(folder / f"{time.monotonic_ns()}", os.O_WRONLY | os.O_CREAT), 0
        os.write(file, body)
        held += len(body)
    if file is not None:
        os.fsync(file)
        os.close(file)
    written = time.monotonic() - began
    forget_files()
    began = time.monotonic()
    for path in folder.iterdir():
        path.read_bytes()
    return stored / written, stored / (time.monotonic() - began)


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


def _tell(
    rows: list[tuple[str, float, float]],
    size: int,
    stored: int,
    whole: int,
    disk: tuple[float, float],
    files_a_second: float,
) -> None:
    cores, hertz = os.cpu_count() or 1, _hertz()
    cost = {name: seconds for name, seconds, _ in rows}
    print(
        f"{whole / 1e6:,.0f} MB of files, {size / 1e6:,.0f} MB of them looked at; {cores} cores of {hertz / 1e9:.1f} GHz\n"
    )
    print("| stage | bytes it works on | MB/s of one core | cycles a byte |")
    print("| --- | --- | --- | --- |")
    for name, seconds, of in rows:
        print(f"| {name} | {of / 1e6:,.0f} MB | {of / seconds / 1e6:,.0f} | {seconds * hertz / of:.1f} |")
    print(
        f"\ndisk: {disk[0] / 1e6:,.0f} MB/s written and synced, {disk[1] / 1e6:,.0f} MB/s read; {files_a_second:,.0f} small files a second\n"
    )
    print("| whole | least processor time | on these cores | least time of the disk |")
    print("| --- | --- | --- | --- |")
    scale, on_disk = whole / size, stored * whole / size
    backup = [name for name in cost if not name.startswith(("open", "unpack"))]
    named = "name (HMAC-SHA256)"
    restore = ["open (AES-256-GCM)", "unpack (zstd)", named]
    for what, stages, seconds in (
        ("first backup", backup, on_disk / disk[0]),
        ("restore", restore, max(on_disk / disk[1], whole / disk[0])),
        ("verify all", [*restore, "hash packs (SHA-256)"], on_disk / disk[1]),
    ):
        least = sum(cost[name] for name in stages) * scale
        print(f"| {what} | {least:.1f} s | {least / cores:.1f} s | {seconds:.1f} s |")


def _hertz() -> float:
    found = re.search(r"^cpu MHz\s*:\s*([\d.]+)", Path("/proc/cpuinfo").read_text(encoding="ascii"), re.M)
    return float(found[1]) * 1e6 if found else 0.0


if __name__ == "__main__":
    main()
