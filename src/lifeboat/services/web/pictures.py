"""The pictures, as SVG that no style attribute is needed for: the page's policy allows none.

They are stretched to the width there is, so they hold no text: that stands in the page beside them, where a phone shows it in its size.
Invariant: whatever the number of snapshots, a picture has a bounded number of parts.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from markupsafe import Markup, escape

from lifeboat.foundation.value import Value

WIDTH = 1000
COLUMNS = 500
"""Snapshots closer than this part of the window are one tick."""
BAR_TOP, BAR_HEIGHT = 6, 22
TICKS_TOP, TICKS_HEIGHT = 34, 10
HEIGHT = 50
YOUNG = timedelta(hours=20)
NARROWEST = 3.0
"""A gap of seconds is seen in a week."""
LEAST = 2.0
PARTS_AT_MOST = 1000


class Window(Value):
    """Args: marks: Where its equal columns begin, by this machine's clock. by_days: Each column is a day; else three hours."""

    since: datetime
    until: datetime
    marks: tuple[datetime, ...]
    by_days: bool

    def at(self, moment: datetime) -> float:
        whole = (self.until - self.since).total_seconds()
        return min(max((moment - self.since).total_seconds() / whole * WIDTH, 0.0), float(WIDTH))


def window_of(now: datetime, oldest: datetime | None = None) -> Window:
    """Today and the six days before it, each whole, so that every label stands above a column of its own; or, of what began lately,
    the last hours, or nothing would be seen.

    Args:
        oldest: Since when there is something to show.
    """
    local = now.astimezone()
    if oldest is not None and now - oldest < YOUNG:
        end = local.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        marks = tuple(end - timedelta(hours=3 * back) for back in range(8, 0, -1))
        return Window(marks[0], end, marks, by_days=False)
    today = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    midnights = tuple((today - timedelta(days=back)).astimezone() for back in range(6, -1, -1))
    return Window(midnights[0], (today + timedelta(days=1)).astimezone(), midnights, by_days=True)


def timeline_picture(
    window: Window,
    now: datetime,
    title: str,
    spans: Iterable[tuple[datetime, datetime]],
    gaps: Iterable[tuple[datetime, datetime | None]],
    ticks: Iterable[datetime],
) -> Markup:
    """What can be restored of one source. Args: title: Says in words what is seen."""
    parts = [
        _rect("nothing", 0, WIDTH, BAR_TOP, BAR_HEIGHT),
        _rect("now", window.at(now) - 1.25, window.at(now) + 1.25, 0, HEIGHT),
        *(_rect("covered", *_both(window, since, through), BAR_TOP, BAR_HEIGHT) for since, through in _first(spans)),
    ]
    for since, until in _first(gaps):
        left, right = _both(window, since, until or now)
        parts.append(_rect("gap", left, max(right, left + NARROWEST), BAR_TOP - 4, BAR_HEIGHT + 8))
    columns = sorted({round(window.at(one) * COLUMNS / WIDTH) for one in ticks if window.since <= one <= window.until})
    parts += [
        _rect("tick", at * WIDTH / COLUMNS - 1, at * WIDTH / COLUMNS + 1, TICKS_TOP, TICKS_HEIGHT) for at in columns
    ]
    parts += [_rect("midnight", at - 0.5, at + 0.5, 0, HEIGHT) for at in (window.at(mark) for mark in window.marks[1:])]
    return _picture("timeline", HEIGHT, title, parts)


def growth_picture(points: Sequence[tuple[datetime, float]], title: str, height: int = 160) -> Markup:
    """A line over time with its area; the least value is 0."""
    if len(points) < 2:
        return Markup("")
    chosen = _thinned(points, 200)
    since, until = chosen[0][0], chosen[-1][0]
    whole = max((until - since).total_seconds(), 1.0)
    most = max(max(value for _, value in chosen), 1.0)
    spots = [
        f"{(at - since).total_seconds() / whole * WIDTH:.1f},{height - 4 - value / most * (height - 8):.1f}"
        for at, value in chosen
    ]
    parts = [
        Markup('<polygon class="area" points="0,{0} {1} {2},{0}"/>').format(height, " ".join(spots), WIDTH),
        Markup('<polyline class="curve" vector-effect="non-scaling-stroke" points="{}"/>').format(" ".join(spots)),
    ]
    return _picture("growth", height, title, parts)


def _thinned(points: Sequence[tuple[datetime, float]], most: int) -> list[tuple[datetime, float]]:
    """Not more than so many; of each stretch the largest, so that no peak is lost."""
    if len(points) <= most:
        return list(points)
    each = len(points) / (most - 2)
    inner = [max(points[int(n * each) : int((n + 1) * each)], key=lambda one: one[1]) for n in range(most - 2)]
    return [points[0], *inner, points[-1]]


def _first(some: Iterable[tuple[datetime, datetime | None]]) -> list[tuple[datetime, datetime | None]]:
    """The newest ones, if there are too many to draw."""
    return list(some)[-PARTS_AT_MOST:]


def _both(window: Window, since: datetime, through: datetime | None) -> tuple[float, float]:
    """Never so narrow that nothing is seen: what began a minute ago is there."""
    left, right = window.at(since), window.at(through or since)
    return (left, right) if right - left >= LEAST else (max(right - LEAST, 0.0), max(right, LEAST))


def _rect(what: str, left: float, right: float, top: float, height: float) -> Markup:
    return Markup('<rect class="{}" x="{:.2f}" y="{:.0f}" width="{:.2f}" height="{:.0f}"/>').format(
        what, left, top, right - left, height
    )


def _picture(kind: str, height: int, title: str, parts: Iterable[Markup]) -> Markup:
    head = Markup(
        '<svg class="{0}" viewBox="0 0 {1} {2}" preserveAspectRatio="none" role="img" aria-label="{3}" focusable="false">'
    ).format(kind, WIDTH, height, escape(title))
    return head + Markup("").join(parts) + Markup("</svg>")
