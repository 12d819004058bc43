"""How much there is of each source, and how much storing it took, over time. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from markupsafe import Markup

from lifeboat.foundation.sizes import show_bytes
from lifeboat.foundation.value import Value
from lifeboat.journal.rows import SizeRow
from lifeboat.operations.reports.snapshots import SnapshotRow
from lifeboat.repository.names import typed
from lifeboat.services.web.pictures import growth_picture

MONTH = timedelta(days=30)
ORDER = ("db", "files", "config")


class Growth(Value):
    """One source. Args: stored_month: Bytes written for it in the last 30 days. change: Of its size in them; None: not known."""

    name: str
    picture: Markup
    since: datetime
    newest: int
    items: int
    most: int
    stored_month: int
    change: int | None
    points: int


def growth_of(sizes: Iterable[SizeRow], snapshots: Iterable[SnapshotRow], now: datetime) -> list[Growth]:
    """From the journal, which remembers what was pruned, and from what is stored, which the journal may not have seen."""
    known: dict[str, tuple[str, datetime, int, int, int]] = {}
    for row in snapshots:
        if row.complete and row.purpose == "backup":
            known[row.snapshot] = (typed(row.source), row.instant, row.bytes, row.stored_bytes, row.items)
    for size in sizes:
        if size.complete and size.snapshot not in known:
            known[size.snapshot] = (typed(size.source), size.time, size.bytes, size.stored, size.items)
    made = []
    for name in ORDER:
        points = sorted((one[1:] for one in known.values() if one[0] == name), key=lambda one: one[0])
        if not points:
            continue
        lately = [one for one in points if now - one[0] <= MONTH]
        newest = points[-1]
        title = f"Size of {name} from {show_bytes(points[0][1])} to {show_bytes(newest[1])}"
        made.append(
            Growth(
                name,
                growth_picture([(at, float(size)) for at, size, _, _ in points], title),
                points[0][0],
                newest[1],
                newest[3],
                max(size for _, size, _, _ in points),
                sum(stored for _, _, stored, _ in lately),
                newest[1] - lately[0][1] if len(lately) > 1 else None,
                len(points),
            )
        )
    return made
