"""The memory that planning a prune takes, by itself: so many packs in twelve closed months, a snapshot a day, all of them needed.

python tests/operations/measure_prune.py 1000000
"""

import os
import resource
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from lifeboat.operations.prune.facts import Facts, StoredIndex, StoredPack, StoredRecord
from lifeboat.operations.prune.plan import plan_prune
from lifeboat.repository.record import Record
from lifeboat.repository.statements import NOTHING_SAID
from lifeboat.retention.rules import Rules

NOW = datetime(2027, 1, 20, tzinfo=UTC)
WRITER, DAYS, INDEXED = "ab" * 16, 28, 500


def facts_of(packs_in_all: int) -> Facts:
    packs: list[StoredPack] = []
    records: list[StoredRecord] = []
    indexes: list[StoredIndex] = []
    for month in range(1, 13):
        names = [os.urandom(32) for _ in range(packs_in_all // 12)]
        generation = sys.intern(f"2026-{month:02d}")
        place = sys.intern(f"mongodb/pack/short/{generation}/")
        packs += [StoredPack(place, name, generation, 24_000_000) for name in names]
        key = os.urandom(32)
        for at in range(0, len(names), INDEXED):
            keys = {key: tuple(names[at : at + INDEXED])}
            indexes.append(StoredIndex(f"catalog/{WRITER}/{generation}/index-{at}", WRITER, generation, 1, keys))
        records += [StoredRecord(one, NOTHING_SAID, True, "host", 1) for one in records_of(month, generation, names)]
    times = [*(one.record.finished for one in records), NOW - timedelta(days=1)]
    labels = {WRITER: "host"}
    return Facts(
        NOW,
        tuple(records),
        (),
        {},
        {},
        tuple(indexes),
        tuple(packs),
        labels=labels,
        plain_labels=labels,
        committed_at=tuple(times),
    )


def records_of(month: int, generation: str, names: list[bytes]) -> Iterator[Record]:
    for day in range(1, DAYS + 1):
        when = datetime(2026, month, day, 1, tzinfo=UTC)
        needed = tuple(names[: len(names) * day // DAYS])
        name = f"catalog/{WRITER}/{generation}/snapshot-{os.urandom(32).hex()}"
        yield Record(
            WRITER,
            name,
            os.urandom(16).hex(),
            "p",
            "mongodb",
            "short",
            generation,
            "host",
            when,
            True,
            when,
            when,
            True,
            "backup",
            bytes(32),
            needed,
            1,
            1,
            1,
            1,
            "s",
        )


def main() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    facts = facts_of(int(sys.argv[1]))
    began = time.monotonic()
    plan_prune(facts, Rules(hourly=1, daily=60, monthly=1))
    seconds, peak = time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{(peak - before) / 1000:.0f} MB, {seconds:.1f} s")


if __name__ == "__main__":
    main()
