"""``lifeboat replicate``: make a second copy byte-identical, as far as it is behind, and say what could not be.

Needs no key: bytes are copied sealed as they lie there. Killed at any point the replica is a valid repository, older than the first, and
the next run goes on: it compares what is there.

Invariant: a snapshot record in the replica names nothing that the repository has and the replica lacks; nothing is ever removed here.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.sizes import show_bytes
from lifeboat.operations.replicate.copying import Copied, End, copy_all, read_row, write_row
from lifeboat.operations.replicate.losses import tell, unexplained
from lifeboat.operations.replicate.order import IN_ORDER, Phase, generation_in, phase_of
from lifeboat.operations.replicate.places import Found, Place, take_place
from lifeboat.operations.replicate.survey import Survey, survey
from lifeboat.operations.replicate.waiting import Row
from lifeboat.operations.reports.replicas import ReplicaReport
from lifeboat.repository.description import Description
from lifeboat.repository.names import digest, stated_digest
from lifeboat.storage.errors import ObjectMissing
from lifeboat.storage.object_store import ObjectStore

HOLDING_BACK = frozenset({Phase.KEY, Phase.PACK, Phase.INDEX})
"""What records name."""
NAMED_AT_MOST = 50
Hurts = Callable[[Sequence[str]], Mapping[str, tuple[str, ...]]]
"""From names of packs to the snapshots that need them, as people call them."""


@dataclass
class Tally:
    """What was done so far."""

    copied: Counter[End] = field(default_factory=Counter)
    bytes: Counter[End] = field(default_factory=Counter)
    damaged: list[Row] = field(default_factory=list)
    other_there: list[Row] = field(default_factory=list)
    held: set[str] = field(default_factory=set)
    """Generations of which the replica lacks something that their records may name."""
    held_records: int = 0
    held_bytes: int = 0
    repaired: int = 0

    def take(self, one: Copied) -> None:
        self.copied[one.end] += 1
        self.bytes[one.end] += one.row.size_bytes
        if one.end is End.DAMAGED:
            self.damaged.append(one.row)
        elif one.end is End.OTHER_THERE:
            self.other_there.append(one.row)
        elif one.end in (End.ARCHIVED, End.GONE) and phase_of(one.row.name) in HOLDING_BACK:
            self.held.add(generation_in(one.row.name) or "")


def look(name: str, source: ObjectStore, place: Place | None, location: str, progress: Progress) -> ReplicaReport:
    """What a run would do; changes nothing. Args: place: None where there is not even a folder."""
    there = None if place is None or place.found is Found.NOTHING else place.store
    with survey(source, there, progress) as found:
        return ReplicaReport(
            name=name,
            location=location,
            dry_run=True,
            first=there is None,
            as_of=found.as_of,
            copied_objects=found.objects,
            copied_bytes=found.bytes,
            seconds=0.0,
            objects=found.same_objects,
            bytes=found.same_bytes,
            missing_objects=0,
            missing_bytes=0,
            kept_on_objects=found.only_there_objects,
            kept_on_bytes=found.only_there_bytes,
            findings=tuple(_differing(found, name)),
        )


def replicate(
    name: str,
    source: ObjectStore,
    description: Description,
    place: Place,
    *,
    repair: bool,
    hurts: Hurts | None,
    clock: Clock,
    progress: Progress,
) -> tuple[ReplicaReport, datetime | None]:
    """Copy what is missing. Returns what became of it, and when the newest snapshot that is in the replica now was committed.

    Args:
        repair: Where the replica's bytes are not those of the name, and the repository's are, put these in their place.
        hurts: Says what damage costs, where a key at hand opens catalogs.
    """
    began, target = clock.monotonic(), place.store
    take_place(place, source, description, source.time_there())
    with survey(source, target, progress) as found:
        progress.begin(f"copying to {name}", total_bytes=found.bytes, total_items=found.objects)
        done = Tally()
        for phase in Phase:
            rows: Iterator[Row] = iter(found.waiting[phase])
            if phase is Phase.RECORD:
                rows = _not_held(rows, done)
            for one in copy_all(source, target, rows, in_order=phase in IN_ORDER):
                done.take(one)
                progress.advance(one.row.size_bytes if one.end is End.COPIED else 0, 1)
        differing = [row for row, _ in found.differing] + done.other_there
        if repair:
            differing = list(_repair(source, target, differing, done))
        lost = unexplained(target, description, found.records_only_there)
        findings = [
            *(_differing(found, name) if not repair else _not_repaired(differing, name)),
            *_other_there(done, name, repair),
            *_damaged(done.damaged, hurts),
            *_archived(done),
            *_held(done),
            *tell(lost, source.describe()),
        ]
        copied, skipped = done.copied[End.COPIED], [End.DAMAGED, End.ARCHIVED, End.OTHER_THERE]
        report = ReplicaReport(
            name=name,
            location=target.describe(),
            dry_run=False,
            first=place.found is Found.NOTHING,
            as_of=found.as_of,
            copied_objects=copied,
            copied_bytes=done.bytes[End.COPIED],
            seconds=clock.monotonic() - began,
            objects=found.same_objects + found.differing_count + copied,
            bytes=found.same_bytes + done.bytes[End.COPIED],
            missing_objects=sum(done.copied[end] for end in skipped) + done.held_records,
            missing_bytes=sum(done.bytes[end] for end in skipped) + done.held_bytes,
            kept_on_objects=found.only_there_objects,
            kept_on_bytes=found.only_there_bytes,
            repaired_objects=done.repaired,
            findings=tuple(findings),
        )
        return report, found.newest_record


def repair_named(source: ObjectStore, target: ObjectStore, names: Sequence[str]) -> tuple[int, list[str]]:
    """Put the repository's bytes in the place of the replica's damaged ones; returns how many, and the names of those that stay as they are."""
    done = Tally()
    wanted = {name for name in names if phase_of(name) is not None}
    folders = sorted({name.rpartition("/")[0] + "/" for name in wanted})
    sizes = {one.name: one.size_bytes for folder in folders for one in source.list_under(folder) if one.name in wanted}
    left = list(_repair(source, target, [Row(name, sizes[name]) for name in names if name in sizes], done))
    return done.repaired, [*(row.name for row in left), *sorted(wanted - sizes.keys())]


def _not_held(rows: Iterator[Row], done: Tally) -> Iterator[Row]:
    for row in rows:
        if generation_in(row.name) in done.held:
            done.held_records += 1
            done.held_bytes += row.size_bytes
        else:
            yield row


def _repair(source: ObjectStore, target: ObjectStore, rows: Sequence[Row], done: Tally) -> Iterator[Row]:
    """Yields what stays as it is: the repository's own bytes are not those of the name either, or the replica's are."""
    for row in rows:
        is_good, right = _is_good(target, row.name), read_row(source, row)
        if isinstance(right, Copied):
            if is_good:
                done.damaged.append(row)
            else:
                yield row
        elif not is_good:
            target.delete(row.name)
            if write_row(target, row, right).end is End.COPIED:
                done.repaired += 1
            else:
                yield row


def _is_good(store: ObjectStore, name: str) -> bool:
    try:
        return digest(store.read(name)) == stated_digest(name)
    except ObjectMissing:
        return False


def _differing(found: Survey, name: str) -> Iterator[Finding]:
    for row, there in found.differing[:NAMED_AT_MOST]:
        yield Finding(
            Level.PROBLEM,
            "replica-differs",
            row.name,
            f"it has {row.size_bytes:,} bytes in the repository and {there:,} in the replica: one of them was cut",
            f"`lifeboat replicate {name} --repair` looks which, and mends the replica's",
        )
    if found.differing_count > NAMED_AT_MOST:
        more = f"{found.differing_count - NAMED_AT_MOST:,} more objects differ in size"
        yield Finding(Level.PROBLEM, "replica-differs", name, more, f"`lifeboat replicate {name} --repair`")


def _not_repaired(rows: Sequence[Row], name: str) -> Iterator[Finding]:
    for row in rows[:NAMED_AT_MOST]:
        yield Finding(
            Level.PROBLEM,
            "replica-not-repaired",
            row.name,
            "neither the repository's bytes nor the replica's are those of its name",
            "`lifeboat verify --level full` says what it hurts; look for older versions of it in either bucket",
        )


def _other_there(done: Tally, name: str, repair: bool) -> Iterator[Finding]:
    for row in [] if repair else done.other_there[:NAMED_AT_MOST]:
        yield Finding(
            Level.PROBLEM,
            "replica-differs",
            row.name,
            "other bytes lie under this name in the replica than its name promises",
            f"`lifeboat replicate {name} --repair` mends it",
        )


def _damaged(rows: Sequence[Row], hurts: Hurts | None) -> Iterator[Finding]:
    told = hurts([row.name for row in rows]) if hurts is not None and rows else {}
    for row in rows[:NAMED_AT_MOST]:
        yield Finding(
            Level.PROBLEM,
            "source-object-damaged",
            row.name,
            "its bytes in the repository are not those of its name: it was not copied",
            "`lifeboat verify --level full` says what it hurts, and the next backup stores anew what it held",
            told.get(row.name, ()),
        )
    if len(rows) > NAMED_AT_MOST:
        more = f"{len(rows) - NAMED_AT_MOST:,} more objects of the repository are damaged and were not copied"
        yield Finding(Level.PROBLEM, "source-object-damaged", "repository", more, "`lifeboat verify --level full`")


def _archived(done: Tally) -> Iterator[Finding]:
    count = done.copied[End.ARCHIVED]
    if count:
        yield Finding(
            Level.WARNING,
            "source-objects-archived",
            f"{count:,} objects",
            f"{show_bytes(done.bytes[End.ARCHIVED])} lie in an archive class and cannot be read; the replica has never had them",
            "replicate before they go there; or bring them back (`lifeboat retrieve SNAPSHOT`) and replicate again",
        )


def _held(done: Tally) -> Iterator[Finding]:
    if done.held_records:
        months = ", ".join(sorted(done.held))
        yield Finding(
            Level.WARNING,
            "snapshots-held-back",
            f"{done.held_records:,} snapshot{'' if done.held_records == 1 else 's'}",
            f"of {months}: the replica lacks something that they may need, so it does not list them",
            "the next run lists them, once what they need is there",
        )
