"""Suspects in the archive: from the segments' summaries first, and from the changes themselves only where there are suspiciously many.

And the moment before one of them, for ``--before-op``: an operation that is not in the archive is refused, for a digit typed
wrong would bring back another moment without a word.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from lifeboat.foundation.cluster_time import LARGEST, ClusterTime
from lifeboat.foundation.errors import LifeboatError, RepositoryDamaged
from lifeboat.foundation.progress import Progress, Silent
from lifeboat.foundation.value import Value
from lifeboat.operations.bursts import LEAST, Burst, Counts, bursts_among, joined
from lifeboat.operations.segment_summary import OTHERS, Counted, SegmentSummary, read_summary
from lifeboat.operations.suspects import Kind, Suspect, in_order, operations_of, people_say, suspects_among, time_of
from lifeboat.operations.timeline import TRIED_AT_MOST, History, meant_history, read_histories, say_moment
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.segments import Segment, StoredSegment
from lifeboat.sources.mongodb.documents import spans_of
from lifeboat.sources.mongodb.landing_names import is_ours
from lifeboat.sources.mongodb.oplog.command import Command, Event, read_event

LOOK_BACK_SECONDS = 6 * 3600
"""What came before the window tells what is usual."""
READERS = 8
AROUND_SECONDS = 60


class OperationUnknown(LifeboatError):
    """The archive holds no operation of exactly this time."""

    code = "operation-unknown"


class SuspectsReport(Value):
    """Args:
    usual: Collections with many deletes or updates that are nothing unusual there.
    blind: Within the window, what the archive does not hold: from, to.
    damaged: Segments that could not be read.
    """

    label: str
    since: datetime
    until: datetime
    suspects: tuple[Suspect, ...]
    usual: tuple[str, ...]
    segments: int
    blind: tuple[tuple[datetime, datetime], ...]
    damaged: tuple[str, ...]


class _Seen(Value):
    """A segment's summaries, those of its parts first. Args: after: Its changes count from here on; those before were in an earlier one."""

    stored: StoredSegment
    after: ClusterTime
    summaries: tuple[SegmentSummary, ...]

    @property
    def counts(self) -> Iterator[Counted]:
        return (row for one in self.summaries for row in one.counts)


def find_suspects(
    repository: Repository,
    since: ClusterTime,
    until: ClusterTime,
    *,
    namespaces: Sequence[str] = (),
    least: int | None = None,
    label: str | None = None,
    progress: Progress,
) -> SuspectsReport:
    """Look through the archive.

    Args:
        namespaces: Only these: ``DB.COLL``, ``DB`` or ``DB.*``.
        least: So many deletes or updates are worth a word; None for ``LEAST``.

    Raises:
        KeyMissing, OnlyACustodian; StorageDenied: The archive may not be listed.
    """
    repository.need_identity()
    histories = read_histories(repository)
    history = meant_history(repository, histories, label)
    looked = ClusterTime(max(0, since.seconds - LOOK_BACK_SECONDS), 0)
    seen, damaged = _seen_between(repository, history, looked, until, progress)
    wanted = _is_wanted(namespaces)
    of_catalog = suspects_among(_events(seen))
    end = min(until, ClusterTime(int(repository.store.time_there().timestamp()), 0))
    floor = LEAST if least is None else dict.fromkeys(LEAST, least)
    worth, usual = bursts_among([_counts(one, wanted) for one in seen], floor)
    in_window = [one for one in worth if one.last >= since.seconds]
    bursts = [Burst(one, floor) for one in in_window]
    _read_bodies(repository, seen, bursts, damaged, progress)
    many = joined(suspect for burst in bursts for suspect in burst.found())
    found = [
        one
        for one in in_order([*of_catalog, *many])
        if since <= operations_of(one)[1] and operations_of(one)[0] <= until and any(map(wanted, one.namespaces))
    ]
    return SuspectsReport(
        label=history.label,
        since=since.instant,
        until=end.instant,
        suspects=tuple(found),
        usual=tuple(dict.fromkeys(namespace for namespace, _ in usual)),
        segments=len(seen),
        blind=tuple((one.instant, other.instant) for one, other in not_archived(history, since, end)),
        damaged=tuple(dict.fromkeys([*damaged, *histories.unsound])),
    )


def before_op(repository: Repository, op: ClusterTime, label: str | None = None) -> ClusterTime:
    """The last instant before an operation; of one that is part of a ``dropDatabase``, before its first drop.

    Raises:
        OperationUnknown: It is not in the archive.
        KeyMissing, OnlyACustodian; StorageDenied.
    """
    repository.need_identity()
    history = meant_history(repository, read_histories(repository), label)
    begin = ClusterTime(max(0, op.seconds - AROUND_SECONDS), 0)
    seen, damaged = _seen_between(
        repository, history, begin, ClusterTime(op.seconds + AROUND_SECONDS, LARGEST), Silent()
    )
    event = _event_at(repository, seen, op, damaged)
    if isinstance(event, Command):
        for suspect in suspects_among(_events(seen)):
            first, last = operations_of(suspect)
            if suspect.kind is Kind.DROP_DATABASE and first <= op <= last and suspect.namespaces[0] == event.database:
                return first.before()
    return op.before()


def _event_at(repository: Repository, seen: Sequence[_Seen], op: ClusterTime, damaged: Sequence[str]) -> Event:
    """The first event of exactly this time; raises ``OperationUnknown``."""
    holding = [one.stored for one in seen if one.after < op <= one.stored.through]
    for stored in holding:
        for event in _changes(Segment(repository, stored)):
            if time_of(event.when) == op:
                return event
    if holding:
        where = "the archive holds operations of that time, but not this one"
    elif damaged:
        where = f"{len(damaged)} segments of that time could not be read"
    else:
        where = "the archive does not reach it"
    raise OperationUnknown(
        f"there is no operation {say_moment(op)}: {where}",
        "was a digit lost? `lifeboat timeline --suspects` prints the operations; `--at TIME` takes any moment",
    )


def segments_between(
    history: History, since: ClusterTime, until: ClusterTime, without: Collection[str] = ()
) -> Iterator[tuple[StoredSegment, ClusterTime]]:
    """All that hold something after ``since`` and up to ``until``, in order, with the instant after which each one's changes are new."""
    reached = ClusterTime(0, 0)
    everything = (one for stretch in history.stretches for one in stretch.segments if one.name not in without)
    for one in sorted(everything, key=lambda one: (one.after, one.through)):
        if one.through <= reached:
            continue
        if one.through > since and one.after < until:
            yield one, max(one.after, reached)
        reached = one.through


def not_archived(history: History, since: ClusterTime, until: ClusterTime) -> list[tuple[ClusterTime, ClusterTime]]:
    """What of a window no segment holds, by whole seconds."""
    found, reached = [], since
    for one, _ in segments_between(history, since, until):
        if one.after.seconds > reached.seconds:
            found.append((reached, one.after))
        reached = max(reached, one.through)
    if reached.seconds < until.seconds:
        found.append((reached, until))
    return found


def _seen_between(
    repository: Repository, history: History, since: ClusterTime, until: ClusterTime, progress: Progress
) -> tuple[list[_Seen], list[str]]:
    """The summaries of a time, in order, and the names of segments that do not open; what these hide is looked for in others."""
    known: dict[str, tuple[SegmentSummary, ...] | None] = {}

    def read(stored: StoredSegment) -> tuple[SegmentSummary, ...] | None:
        try:
            return tuple(map(read_summary, Segment(repository, stored).summaries()))
        except RepositoryDamaged:
            return None
        finally:
            progress.advance(0, 1)

    for _ in range(TRIED_AT_MOST):
        damaged = [name for name, summaries in known.items() if summaries is None]
        chosen = list(segments_between(history, since, until, frozenset(damaged)))
        new = [stored for stored, _ in chosen if stored.name not in known]
        if not new:
            break
        progress.begin("looking through the archive", None, len(new))
        with ThreadPoolExecutor(READERS, thread_name_prefix="summary") as pool:
            known |= zip((one.name for one in new), pool.map(read, new), strict=True)
    seen = [(stored, after, known.get(stored.name)) for stored, after in chosen]
    return [_Seen(stored, after, summaries) for stored, after, summaries in seen if summaries is not None], damaged


def _events(seen: Iterable[_Seen]) -> Iterator[Event]:
    for one in seen:
        for summary in one.summaries:
            yield from (event for event in summary.events if time_of(event.when) > one.after)


def _counts(one: _Seen, wanted: Callable[[str], bool]) -> Counts:
    deletes: Counter[str] = Counter()
    updates: Counter[str] = Counter()
    for row in one.counts:
        if row.namespace != OTHERS and wanted(people_say(row.namespace)) and not _is_inner(row.namespace):
            deletes[row.namespace] += row.deletes
            updates[row.namespace] += row.updates
    return Counts(one.stored.through, deletes, updates)


def _is_inner(namespace: str) -> bool:
    name = namespace.partition(".")[2]
    return name == "system.views" or is_ours(name)


def _read_bodies(
    repository: Repository, seen: Sequence[_Seen], bursts: Sequence[Burst], damaged: list[str], progress: Progress
) -> None:
    """Hand the changes of each segment that may hold some to the bursts that want them."""
    for one in seen:
        counts = {(row.namespace, kind) for row in one.counts for kind in _kinds(row.deletes, row.updates)}
        takers = [
            burst
            for burst in bursts
            if (burst.worth.namespace, burst.worth.kind) in counts
            and one.stored.through.seconds >= burst.worth.first
            and one.stored.after.seconds <= burst.worth.last
        ]
        if not takers:
            continue
        try:
            for block in Segment(repository, one.stored).blocks():
                for begin, end in spans_of(block):
                    for burst in takers:
                        burst.add(block, begin, end, one.after)
        except RepositoryDamaged:
            damaged.append(one.stored.name)
        progress.advance(one.stored.size_bytes, 0)


def _kinds(deletes: int, updates: int) -> list[str]:
    return ["d"] * bool(deletes) + ["u"] * bool(updates)


def _changes(segment: Segment) -> Iterator[Event]:
    for block in segment.blocks():
        for begin, end in spans_of(block):
            yield read_event(block[begin:end])


def _is_wanted(namespaces: Sequence[str]) -> Callable[[str], bool]:
    if not namespaces:
        return lambda namespace: True
    whole = {one for one in namespaces if not one.endswith(".*")}
    databases = {one.removesuffix(".*") for one in namespaces if one.endswith(".*") or "." not in one}
    return lambda namespace: namespace in whole or namespace.partition(".")[0] in databases
