"""How much backups store, told by their records. Pure.

The first snapshot of a writer, source, class and month stored everything once; what the later ones of ``short`` stored is what changed.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from lifeboat.cloud.cost.coming import ArchiveGrowth, Begun, Growth
from lifeboat.cloud.cost.lying import Lying
from lifeboat.foundation.value import Value
from lifeboat.repository.names import Class, Source, typed
from lifeboat.repository.record import Record
from lifeboat.retention.periods import generation_of

DAY = timedelta(days=1)
LATELY = timedelta(days=28)
SURE = timedelta(days=28)
SILENT = timedelta(days=35)
"""Who has stored nothing for so long is taken to store nothing any more."""
TREND = timedelta(days=14)
"""From so much history on a trend of the size is believed."""
USUAL_RUNS = {Source.MONGODB: 24.0, Source.FILES: 1.0, Source.CONFIG: 1.0}


class Measured(Value):
    """Args: days: of history. words: how sure it is."""

    growths: tuple[Growth, ...]
    begun: Begun
    days: float
    words: str


def measure(records: Iterable[Record], label_of: Callable[[Record], str], now: datetime) -> Measured:
    """Growth of each source of each machine that still stores."""
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for one in records:
        if one.is_backup:
            groups[label_of(one), one.source].append(one)
    growths: list[Growth] = []
    days, short, long = 0.0, set[Source](), set[Source]()
    for (_, source), some in sorted(groups.items()):
        some.sort(key=lambda one: one.finished)
        if now - some[-1].finished > SILENT:
            continue
        growths.append(_growth(Source(source), some, now))
        days = max(days, (now - some[0].finished) / DAY)
        for one in some:
            if one.generation[:7] == generation_of(now):
                (short if one.class_ == Class.SHORT else long).add(Source(source))
    return Measured(tuple(growths), Begun(frozenset(short), frozenset(long)), days, _words(growths, days))


def archive_growth(lying: Lying, now: datetime) -> ArchiveGrowth | None:
    """Segments a day, from the whole days of the last week; None where there are none."""
    whole = {day: sums for day, sums in lying.segments_by_day.items() if now.date() - day <= timedelta(days=8)}
    if len(whole) > 1:
        whole.pop(now.date(), None)
    if not whole:
        return None
    return ArchiveGrowth(
        sum(size for size, _ in whole.values()) / len(whole), sum(count for _, count in whole.values()) / len(whole)
    )


def _growth(source: Source, in_order: Sequence[Record], now: datetime) -> Growth:
    firsts: dict[tuple[str, str, str], Record] = {}
    for one in in_order:
        firsts.setdefault((one.writer, one.class_, one.generation), one)
    first_ids = {one.snapshot for one in firsts.values()}
    # One of them may have begun where a broken run had stored most of it: the largest of the newest three is a full.
    full = max((one.stored_bytes for one in list(firsts.values())[-3:]), default=0)
    lately = [one for one in in_order if now - one.finished <= LATELY]
    observed = max((now - lately[0].finished) / DAY if lately else 0.0, 1.0)
    changed = sum(one.stored_bytes for one in lately if one.snapshot not in first_ids)
    runs = len(lately) / observed if observed > 1 else USUAL_RUNS[source]
    oldest, newest = in_order[0], in_order[-1]
    grows, span = 0.0, newest.finished - oldest.finished
    if span >= TREND and newest.total_bytes > oldest.total_bytes > 0:
        share = full / newest.total_bytes
        grows = (newest.total_bytes - oldest.total_bytes) * min(share, 1.0) / (span / DAY)
    # What is new because there is more of it must not be counted twice.
    return Growth(source, full, max(changed / observed - grows, 0.0), runs, grows)


def _words(growths: Sequence[Growth], days: float) -> str:
    if not growths:
        return "nothing was backed up lately: only what lies there is counted"
    names = ", ".join(dict.fromkeys(typed(one.source) for one in growths))
    length = f"{days * 24:.0f} hours" if days < 2 else f"{days:.0f} days"
    how = "rough" if days < 7 else "fair" if days < SURE / DAY else "good"
    said = f"from {length} of backups ({names}): {how}"
    return said + ("; it gets better with every day" if how != "good" else "")
