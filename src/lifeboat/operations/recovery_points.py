"""Which instants can be restored, from which snapshot, and where the gaps are. Pure.

A snapshot is a *base* where it is of one instant, whole, and a backup: then every instant after it can be reached as far as one unbroken
stretch of the archive goes. An imported dump is no base, for the archive does not go on from it; nor is what was stored before a
restore, for it holds no more than what that restore replaced. Each of them can still be restored for itself.

Invariant: what is called restorable here is. Where only the second of a snapshot is known, its whole second is doubtful.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from lifeboat.foundation.cluster_time import LARGEST, ClusterTime
from lifeboat.foundation.value import Value
from lifeboat.repository.names import Source
from lifeboat.repository.record import Record
from lifeboat.repository.segments import Stretch


class Base(Value):
    """A snapshot that changes can be replayed onto.

    Args:
        earliest, latest: Its instant lies between them; they are equal once it is known exactly.
    """

    record: Record
    earliest: ClusterTime
    latest: ClusterTime

    def exactly(self, time: ClusterTime) -> "Base":
        return Base(self.record, time, time)


class Span(Value):
    """Every instant from ``since`` to ``through`` can be restored. Equal for a snapshot that stands alone.

    Args:
        base: The oldest snapshot in it. stretch: What follows it; None for one that stands alone.
    """

    since: ClusterTime
    through: ClusterTime
    base: Base
    stretch: Stretch | None


class Hole(Value):
    """A gap: of the instants after ``after`` and before ``until`` no more can be restored than the snapshots in it.

    Args:
        until: None where it is still open: the archive has gone on, but no snapshot was taken since.
        before: What the archive goes on with.
        snapshots: How many lie in it.
    """

    after: ClusterTime
    until: ClusterTime | None
    before: Stretch
    same_chain: bool
    """Segments that were there once are missing in it."""
    snapshots: int = 0


def base_of(record: Record) -> Base | None:
    """None for a snapshot that changes cannot be replayed onto."""
    if record.source != Source.MONGODB or not (record.one_instant and record.complete and record.is_backup):
        return None
    second = int(record.instant.timestamp())
    return Base(record, ClusterTime(second, 0), ClusterTime(second, LARGEST))


def spans_of(bases: Iterable[Base], stretches: Iterable[Stretch]) -> list[Span]:
    """All that can be restored, in order of ``since``; spans may overlap."""
    oldest_first = sorted(bases, key=lambda one: one.earliest)
    found: list[Span] = []
    for stretch in stretches:
        base = next((one for one in oldest_first if _follows(stretch, one)), None)
        if base is not None:
            found.append(Span(base.latest, stretch.through, base, stretch))
    inside = sorted((span.since, span.through) for span in found)
    at, reached = 0, ClusterTime(0, 0)
    for base in oldest_first:
        while at < len(inside) and inside[at][0] <= base.earliest:
            reached = max(reached, inside[at][1])
            at += 1
        is_a_beginning = any(base is span.base for span in found)
        if not is_a_beginning and base.latest > reached:
            found.append(Span(base.latest, base.latest, base, None))
    return sorted(found, key=lambda span: (span.since, span.through))


def holes_of(spans: Sequence[Span], stretches: Sequence[Stretch], bases: Sequence[Base]) -> list[Hole]:
    """Where the archive is broken, oldest first. What lies before its beginning is no hole, nor what is still to be written.

    Args:
        spans: Of these stretches and bases.
    """
    archived = [span for span in spans if span.stretch is not None]
    holes: list[Hole] = []
    last: Span | None = None
    for span in archived:
        assert span.stretch is not None
        if last is not None and span.since > last.through:
            assert last.stretch is not None
            same = last.stretch.chain == span.stretch.chain
            holes.append(Hole(last.through, span.since, span.stretch, same))
        if last is None or span.through > last.through:
            last = span
    reached = last.through if last is not None else None
    unreached = [one for one in stretches if reached is None or one.through > reached]
    if unreached:
        newest = min(unreached, key=lambda one: one.after)
        since = newest.after if reached is None else reached
        same = last is not None and last.stretch is not None and last.stretch.chain == newest.chain
        holes.append(Hole(since, None, newest, same))
    return [_counted(hole, bases) for hole in holes]


def ways_to(
    goal: ClusterTime, bases: Iterable[Base], stretches: Sequence[Stretch], exactly: Callable[[Base], Base | None]
) -> Iterator[tuple[Base, Stretch | None]]:
    """Every base from which ``goal`` can be reached, the newest first, with the stretch that leads there; None for its own instant.

    Args:
        exactly: Gives a base with its time known exactly; asked only where it matters, and None where that cannot be read.
    """
    for base in sorted(bases, key=lambda one: one.earliest, reverse=True):
        itself = base.earliest <= goal <= base.latest
        leading = [one for one in stretches if one.after <= base.latest and base.earliest <= goal <= one.through]
        known = exactly(base) if itself or leading else None
        if known is None or known.latest > goal:
            continue
        covering = [one for one in leading if one.covers(known.latest, goal)]
        if known.latest == goal:
            yield known, None
        elif covering:
            yield known, covering[0]


def nearest(spans: Iterable[Span], goal: ClusterTime) -> tuple[Span | None, Span | None]:
    """The span that ends last before an instant that none holds, and the one that begins first after it."""
    before = [span for span in spans if span.through <= goal]
    after = [span for span in spans if span.since > goal]
    return max(before, key=lambda one: one.through, default=None), min(after, key=lambda one: one.since, default=None)


def _follows(stretch: Stretch, base: Base) -> bool:
    return stretch.after <= base.earliest and base.latest <= stretch.through


def _counted(hole: Hole, bases: Sequence[Base]) -> Hole:
    inside = [one for one in bases if hole.after < one.earliest and (hole.until is None or one.latest < hole.until)]
    return Hole(hole.after, hole.until, hole.before, hole.same_chain, len(inside))
