"""What it costs to keep written pages in the page cache, and to let them go: ``pages.py FOLDER``.

Writes a gigabyte in files of a pack's size, synced each, once kept and once let go, twice in turns; prints processor and wall time.
"""

import os
import resource
import sys
import time
from pathlib import Path

from lifeboat.foundation.page_cache import let_go

FILES, FILE_BYTES = 40, 24 << 20


def write(folder: Path, keeps: bool) -> tuple[float, float]:
    """Seconds of processor and of wall time."""
    content = os.urandom(FILE_BYTES)
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    for number in range(FILES):
        descriptor = os.open(folder / str(number), os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        os.write(descriptor, content)
        os.fsync(descriptor)
        if not keeps:
            let_go(descriptor)
        os.close(descriptor)
    after, wall = resource.getrusage(resource.RUSAGE_SELF), time.monotonic() - began
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def main(place: str) -> None:
    for turn in range(2):
        for keeps in (True, False):
            folder = Path(place) / f"pages-{turn}-{keeps}"
            folder.mkdir(parents=True)
            processor, wall = write(folder, keeps)
            how = "kept  " if keeps else "let go"
            print(f"{how} {processor:5.2f} s of processor, {wall:5.2f} s, {FILES * FILE_BYTES / wall / 1e6:5.0f} MB/s")


if __name__ == "__main__":
    main(*sys.argv[1:])
