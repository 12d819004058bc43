"""When this machine last restored something, and how long that took: a hint, for status and alerts."""

import math
from datetime import datetime

from lifeboat.foundation.value import Value
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.record import read_time, show_time

FILE = "last-restore.json"


class LastRestore(Value):
    seconds: float
    at: datetime


def remember_restore(state: LocalState, one: LastRestore) -> None:
    """Raises ``SettingsError``."""
    state.write_json(FILE, {"seconds": one.seconds, "at": show_time(one.at)})


def last_restore(state: LocalState) -> LastRestore | None:
    """None where there was none, or what is remembered makes no sense."""
    said = state.read_json(FILE) or {}
    try:
        seconds, at = float(said["seconds"]), read_time(said["at"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return LastRestore(seconds, at) if math.isfinite(seconds) and seconds >= 0 else None
