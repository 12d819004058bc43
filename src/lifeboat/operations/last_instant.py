"""Of the newest complete backup of the database that is one instant: which instant. What an archive of changes begins at, or waits for.

A hint on this machine: lost or wrong, it costs one snapshot more.
"""

from collections.abc import Sequence
from contextlib import suppress

from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.value import Value
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.record import Record

FILE = "last-instant.json"


class LastInstant(Value):
    """Args: databases: As they were asked for; None for all. writer: Id (hex)."""

    time: ClusterTime
    databases: tuple[str, ...] | None
    writer: str
    snapshot: str


def remember_instant(
    state: LocalState, record: Record, time: tuple[int, int] | None, databases: Sequence[str] | None
) -> None:
    """After a backup was committed; what is no base for an archive changes nothing."""
    if time is None or not (record.one_instant and record.complete and record.purpose == "backup"):
        return
    with suppress(SettingsError):  # a hint: the snapshot is committed
        state.write_json(
            FILE,
            {
                "time": list(time),
                "databases": None if databases is None else sorted(databases),
                "writer": record.writer,
                "snapshot": record.snapshot,
            },
        )


def last_instant(state: LocalState) -> LastInstant | None:
    said = state.read_json(FILE)
    try:
        if said is None:
            return None
        seconds, increment = said["time"]
        named = said["databases"]
        databases = None if named is None else tuple(map(str, named))
        return LastInstant(
            ClusterTime(int(seconds), int(increment)), databases, str(said["writer"]), str(said["snapshot"])
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
