"""Is a segment what its stream wrote, inside? Every chunk opened, every change read, and its summary made again from them."""

from collections import Counter
from collections.abc import Iterable, Iterator

from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.errors import LifeboatError
from lifeboat.operations.segment_summary import OTHERS, SegmentSummary, SummaryBuilder, read_summary
from lifeboat.repository.errors import ObjectDamaged
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import show_time
from lifeboat.repository.segments import Segment, StoredSegment
from lifeboat.sources.mongodb.documents import spans_of
from lifeboat.sources.mongodb.oplog.command import Event, read_event


def hurt_by_segment(stored: StoredSegment) -> str:
    """How what hangs on a segment is called in findings."""
    return f"moments from {show_time(stored.after.instant)} until the next snapshot"


def look_into_segment(repository: Repository, stored: StoredSegment, raw: bytes) -> tuple[int, str]:
    """Read all that a restore would read of it; returns how many chunks opened, and what is wrong or nothing.

    Its parts are read as well, since its statement and its summary speak of them too.
    """
    chunks = 0
    try:
        segment = Segment(repository, stored, raw)
        statement = segment.statement
        seen = _Seen(stored.after)
        own_bytes = 0
        for part in segment.parts():
            seen.take(part.own_blocks())
        for block in segment.own_blocks():
            own_bytes += len(block)
            seen.take([block])
        chunks = statement.chunks
        if (seen.events, own_bytes) != (statement.events, statement.plain_bytes):
            return chunks, f"it holds {seen.events:,} changes, and says that it holds {statement.events:,}"
        if not stored.is_part:
            if seen.last > stored.through:
                return chunks, "it holds changes of after its end"
            return chunks, _compare(seen.summary(), [read_summary(plain) for plain in segment.summaries()])
        read_summary(segment.summary())
        return chunks, ""
    except LifeboatError as error:
        if error.worth_retrying:
            raise
        return chunks, error.message
    except ValueError as error:
        return chunks, str(error)


class _Seen:
    """What the changes say themselves."""

    def __init__(self, after: ClusterTime) -> None:
        self._builder = SummaryBuilder(None)
        self._after = after
        self.last = after
        self.events = 0

    def take(self, blocks: Iterable[bytes]) -> None:
        """Raises ``ObjectDamaged`` and ``BlockUnreadable``."""
        for event, stored in _events(blocks):
            when = ClusterTime(event.when.time, event.when.inc)
            if when <= self._after or when < self.last:
                raise ObjectDamaged("its changes are not in their order")
            self.last = when
            self.events += 1
            self._builder.add(event, stored)

    def summary(self) -> SegmentSummary:
        return read_summary(self._builder.build())


def _events(blocks: Iterable[bytes]) -> Iterator[tuple[Event, bytes]]:
    for block in blocks:
        for begin, end in spans_of(block):
            stored = block[begin:end]
            yield read_event(stored), stored


def _compare(seen: SegmentSummary, told: list[SegmentSummary]) -> str:
    """What the summaries say, of parts and whole together, against what the changes say."""
    if [one for summary in told for one in summary.events] != list(seen.events):
        return "its summary names other changes of the catalog than it holds"
    counted = _counts(told)
    if any(OTHERS in one for one in (counted, _counts([seen]))):
        same = sum(counted.values(), Counter()) == sum(_counts([seen]).values(), Counter())
    else:
        same = counted == _counts([seen])
    return "" if same else "its summary counts other changes than it holds"


def _counts(summaries: Iterable[SegmentSummary]) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for summary in summaries:
        for one in summary.counts:
            counter = found.setdefault(one.namespace, Counter())
            counter.update(i=one.inserts, u=one.updates, d=one.deletes)
    return found
