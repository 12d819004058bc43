"""Make data in a process of its own: ``make_data.py files FOLDER SHAPE`` or ``make_data.py database URI NAME BYTES``."""

import sys
from pathlib import Path

from pymongo import MongoClient

from lifeboat.foundation.clock import SystemClock
from lifeboat.samples import uploads_tree
from lifeboat.samples.application_database import fill_bytes

SHAPES = {
    "small": uploads_tree.Shape(files=600, total_bytes=240_000_000, odd=False),
    "full": uploads_tree.BENCH_MIXED,
    "2gb": uploads_tree.Shape(files=2000, total_bytes=2_000_000_000, odd=False),
    "many": uploads_tree.MANY_SMALL,
    "50k": uploads_tree.Shape(files=50_000, total_bytes=75_000_000, even=True, odd=False),
    "million": uploads_tree.MILLION_SMALL,
}


def main(kind: str, *arguments: str) -> None:
    if kind == "files":
        folder, shape = Path(arguments[0]), arguments[1]
        unfinished = folder.with_name(folder.name + ".unfinished")
        uploads_tree.grow(unfinished, SHAPES[shape])
        unfinished.rename(folder)
    else:
        uri, name, total = arguments
        with MongoClient(uri) as client:
            fill_bytes(client, name, total_bytes=int(total), clock=SystemClock())


if __name__ == "__main__":
    main(*sys.argv[1:])
