"""Time and memory of the proof of promise 4, by itself: so many packs in 84 monthly copies, and a listing that comes as fast as it is read.

python tests/operations/measure_age_needs.py 1000000
"""

import hashlib
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from measure_prune import WRITER, records_of

from lifeboat.cloud.lifecycle.presets import preset
from lifeboat.cloud.lifecycle.prove import Place, prove
from lifeboat.cloud.lifecycle.rules import Lifecycle, Rule
from lifeboat.foundation.progress import Silent
from lifeboat.operations.age_needs import needs_of
from lifeboat.operations.prune.facts import Facts, StoredRecord
from lifeboat.repository.statements import NOTHING_SAID
from lifeboat.retention.rules import Rules
from lifeboat.storage.object_store import StoredObject

NOW = datetime(2027, 1, 20, tzinfo=UTC)
MONTHS = 84


def main() -> None:
    before, each = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, int(sys.argv[1]) // MONTHS
    months = [f"{2020 + number // 12:04d}-{number % 12 + 1:02d}" for number in range(MONTHS)]
    records = []
    for month in months:
        names = [name_of(month, number) for number in range(each)]
        *_, last = records_of(int(month[5:7]), month, names)
        when = datetime(int(month[:4]), int(month[5:7]), 1, 2, tzinfo=UTC)
        changes: Any = {"class_": "long", "finished": when, "instant": when, "packs": tuple(names)}
        records.append(StoredRecord(replace(last, **changes), NOTHING_SAID, True, "host", 1))
    times = (*(one.record.finished for one in records), NOW - timedelta(days=1))
    facts = Facts(
        NOW, tuple(records), (), {}, {}, labels={WRITER: "host"}, plain_labels={WRITER: "host"}, committed_at=times
    )
    read = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rules = Lifecycle((*preset("mission", "", Rules(), 35).rules, Rule("theirs", larger_than=1 << 20, expire_days=400)))
    began = time.process_time()
    store: Any = Listing(each)
    needed = needs_of(facts, store, Rules(), "", [rules], Silent())
    found = prove(rules, needed.groups, Place("", Rules(), NOW))
    seconds, peak = time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{needed.packs:,} packs in {len(needed.groups):,} groups, {len(found)} findings: {seconds:.1f} s of a core")
    print(f"{(read - before) / 1000:.0f} MB of records, {(peak - read) / 1000:.0f} MB more")


def name_of(month: str, number: int) -> bytes:
    return hashlib.sha256(f"{month} {number}".encode()).digest()


class Listing:
    """A store that lists and does nothing else."""

    def __init__(self, each: int) -> None:
        self._each = each

    def list_under(self, prefix: str) -> Iterator[StoredObject]:
        month = prefix.split("/")[3]
        begin = datetime(int(month[:4]), int(month[5:7]), 1, 1, tzinfo=UTC)
        for number in range(self._each):
            name = f"{prefix}{name_of(month, number).hex()}"
            yield StoredObject(name, 500_000 + number * 7_919 % 24_000_000, begin + timedelta(seconds=number))


if __name__ == "__main__":
    main()
