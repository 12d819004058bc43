"""How long many small files take; printed with ``-s``. The limits are generous, for a shared machine."""

import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lifeboat.foundation.clock import SystemClock
from lifeboat.sources.files.manifest import decode, encode
from lifeboat.sources.files.read import FileReader
from lifeboat.sources.files.walk import walk
from lifeboat.sources.files.write import TreeWriter

FILES = 100_000


def _build(root: Path) -> None:
    for number in range(FILES):
        if number % 1000 == 0:
            (root / f"{number // 1000:04d}").mkdir(parents=True)
        with open(root / f"{number // 1000:04d}" / f"upload-{number:07d}.json", "wb") as file:
            file.write(b"x" * (200 + number % 700))


@pytest.mark.long
def test_a_hundred_thousand_small_files_take_seconds_and_little_memory(tmp_path: Path) -> None:
    _build(tmp_path / "tree")
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    started = time.perf_counter()
    count = sum(1 for _ in walk(tmp_path / "tree", on_trouble=pytest.fail))
    walked = time.perf_counter()
    with (
        open(tmp_path / "manifest", "wb") as manifest,
        FileReader(tmp_path / "tree", on_trouble=pytest.fail, clock=SystemClock()) as reader,
    ):
        for entry in walk(tmp_path / "tree", on_trouble=pytest.fail):
            small = reader.read_small(entry, 4096) if entry.kind == "file" else None
            manifest.write(encode(small[0] if small else entry))
    read = time.perf_counter()

    def restore() -> None:
        with (
            open(tmp_path / "manifest", "rb") as lines,
            TreeWriter(tmp_path / "copy", mode=mode, on_trouble=pytest.fail, clock=SystemClock()) as writer,
        ):
            for line in lines:
                entry, _ = decode(line)
                if not writer.already_there(entry):
                    writer.put(entry, content(entry.size))
            writer.finish()

    def content(size: int) -> Iterator[bytes]:
        yield b"x" * size

    mode = "new-place"
    restore()
    written = time.perf_counter()
    mode = "in-place"
    restore()
    looked = time.perf_counter()
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) / 1024
    figures = {
        "walk": walked - started,
        "walk, read and encode": read - walked,
        "decode and write": written - read,
        "decode and find unchanged": looked - written,
    }
    for what, seconds in figures.items():
        print(f"\n{what}: {seconds / count * 1e6:.1f} us per name", end="")
    print(f"\nmemory grew by {grown_mib:.0f} MiB")
    assert count == FILES + FILES // 1000 + 1
    assert os.stat(tmp_path / "copy" / "0001" / "upload-0001234.json").st_size == 200 + 1234 % 700
    assert figures["walk"] < 20 and figures["decode and write"] < 60
    assert grown_mib < 64
