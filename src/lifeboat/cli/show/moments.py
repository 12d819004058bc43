"""Instants and ages as people say them, in the zone of this machine."""

from datetime import datetime
from typing import TYPE_CHECKING

from lifeboat.cli.show.words import short_id

if TYPE_CHECKING:
    from lifeboat.operations.reports.restores import PointRow


def show_moment(instant: datetime) -> str:
    """``"2026-11-23 14:05:09 CET"``."""
    local = instant.astimezone()
    return f"{local:%Y-%m-%d %H:%M:%S} {local:%Z}".rstrip()


def show_moment_short(instant: datetime, now: datetime) -> str:
    """``"today 14:05"``, ``"Sun 22 Nov 14:05"``, ``"2025-03-01 14:05"``: enough to find a row in a list."""
    local, today = instant.astimezone(), now.astimezone()
    if local.date() == today.date():
        return f"today {local:%H:%M}"
    if local.year == today.year:
        return f"{local:%a %d %b %H:%M}"
    return f"{local:%Y-%m-%d %H:%M}"


def show_point(point: "PointRow", now: datetime) -> str:
    """An instant between snapshots, and what it is made of."""
    age = show_age((now - point.instant).total_seconds())
    return f"{show_moment(point.instant)} ({age}; {point.cluster_time}): {short_id(point.after_snapshot)} and what happened since"


def show_age(seconds: float) -> str:
    """``"just now"``, ``"12 min ago"``, ``"3 h ago"``, ``"9 d ago"``; an instant to come is named as such."""
    if seconds < -60:
        return f"{_one_unit(-seconds)} ahead of this machine's clock"
    if seconds < 5:
        return "just now"
    return f"{_one_unit(seconds)} ago"


def show_goal(seconds: float) -> str:
    """A span somebody set: ``"1 h"``, ``"90 min"``, ``"1 d"``."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _one_unit(seconds: float) -> str:
    for unit, size, enough in (("d", 86400, 2 * 86400), ("h", 3600, 2 * 3600), ("min", 60, 60)):
        if seconds >= enough:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"
