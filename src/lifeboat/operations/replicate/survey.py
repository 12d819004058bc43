"""What lies in the repository and what in the replica: two listings walked side by side, what is missing noted on disk.

Limits: names and sizes are compared. A name carries the hash of its object, so one name is one content; whether the replica's bytes still
are those is for ``verify``.

Invariant: whatever a listed object names is listed too, if it was there (``order.LISTINGS``).
"""

from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime

from lifeboat.foundation.progress import Progress
from lifeboat.operations.replicate.merge import side_by_side
from lifeboat.operations.replicate.order import LISTINGS, Phase, phase_of
from lifeboat.operations.replicate.waiting import Row, Waiting
from lifeboat.storage.object_store import ObjectStore

NAMED_AT_MOST = 100_000
"""Of what should not be: more of it is counted, and named no more."""


@dataclass
class Survey:
    """What there is to do. Use as a context manager: it holds files."""

    waiting: dict[Phase, Waiting]
    """Missing in the replica."""
    as_of: datetime
    """When it began, by the source's clock."""
    newest_record: datetime | None = None
    """When the source took its newest snapshot record."""
    same_objects: int = 0
    same_bytes: int = 0
    only_there_objects: int = 0
    """In the replica, and no more in the source."""
    only_there_bytes: int = 0
    records_only_there: list[str] = field(default_factory=list)
    """Names of snapshot records among them."""
    differing: list[tuple[Row, int]] = field(default_factory=list)
    """Of one name and two sizes; with the size in the replica."""
    differing_count: int = 0
    files: ExitStack = field(default_factory=ExitStack)

    @property
    def objects(self) -> int:
        return sum(one.count for one in self.waiting.values())

    @property
    def bytes(self) -> int:
        return sum(one.bytes for one in self.waiting.values())

    def __enter__(self) -> "Survey":
        return self

    def __exit__(self, *_: object) -> None:
        self.files.close()


def survey(source: ObjectStore, target: ObjectStore | None, progress: Progress) -> Survey:
    """List both. Args: target: None where there is nothing yet."""
    progress.begin("comparing names")
    found = Survey({}, source.time_there())
    for phase in Phase:
        found.waiting[phase] = Waiting()
        found.files.callback(found.waiting[phase].close)
    try:
        for prefix, phases in LISTINGS:
            _look(found, source, target, prefix, phases, progress)
    except BaseException:
        found.files.close()
        raise
    return found


def _look(
    found: Survey,
    source: ObjectStore,
    target: ObjectStore | None,
    prefix: str,
    phases: frozenset[Phase],
    progress: Progress,
) -> None:
    listed_there = target.list_under(prefix) if target is not None else iter(())
    for here, there in side_by_side(source.list_under(prefix), listed_there):
        name = (here or there).name  # type: ignore[union-attr]
        phase = phase_of(name)
        if phase is None or phase not in phases:
            continue
        progress.advance(done_items=1)
        if here is not None and phase is Phase.RECORD:
            found.newest_record = max(found.newest_record or here.modified, here.modified)
        if here is None:
            assert there is not None
            found.only_there_objects += 1
            found.only_there_bytes += there.size_bytes
            if phase is Phase.RECORD and len(found.records_only_there) < NAMED_AT_MOST:
                found.records_only_there.append(name)
        elif there is None:
            found.waiting[phase].add(Row(name, here.size_bytes))
        elif here.size_bytes != there.size_bytes:
            found.differing_count += 1
            if len(found.differing) < NAMED_AT_MOST:
                found.differing.append((Row(name, here.size_bytes), there.size_bytes))
        else:
            found.same_objects += 1
            found.same_bytes += here.size_bytes
