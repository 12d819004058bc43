"""A process that runs one restore and can be killed: ``restore_child.py KEPT_FILE URI DATABASE JOURNAL [DIE_AT_MARK]``.

``DIE_AT_MARK`` n: die by SIGKILL when the n-th mark is to be written (odd: before it is stored, even: after).
"""

import os
import pickle
import signal
import sys
from pathlib import Path

from pymongo import MongoClient

from lifeboat.foundation.clock import SystemClock
from lifeboat.sources.mongodb.catalog import CollectionEntry
from lifeboat.sources.mongodb.landing import Target
from lifeboat.sources.mongodb.restore import carry_out
from lifeboat.sources.mongodb.restore_plan import plan_restore


def main(kept_file: str, uri: str, target: str, journal: str, die_at: str = "0") -> None:
    entries, blocks, renames = pickle.loads(Path(kept_file).read_bytes())
    entries = [CollectionEntry(*entry) for entry in entries]
    marks = 0

    def mark(step: str, namespace: str) -> None:
        nonlocal marks
        marks += 1
        if marks == (int(die_at) + 1) // 2 and int(die_at) % 2 == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        with open(journal, "a") as file:
            file.write(f"{step} {namespace}\n")
            file.flush()
            os.fsync(file.fileno())
        if marks == int(die_at) // 2 and int(die_at) % 2 == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    finished = frozenset(Path(journal).read_text().splitlines()) if os.path.exists(journal) else frozenset()
    with MongoClient(uri) as client:
        print("begins", flush=True)
        plan = plan_restore(client, entries, target=Target(target), renames=renames, finished=finished)
        chunks = lambda entry: iter(blocks[entry.namespace])  # noqa: E731
        carry_out(plan, client, chunks, clock=SystemClock(), finished=finished, mark=mark)
    print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
