"""Remember that somebody showed to have the key outside this machine: which key, how it was shown, and when.

Limits: a memory, not a proof: what was typed may have been read off this very screen. It never holds any of the key.
"""

from datetime import date, datetime

from lifeboat.foundation.value import Value
from lifeboat.repository.local_state import LocalState

ESCROW_FILE = "escrow.json"


class Escrow(Value):
    """Args: day: ISO date. how: In words, as ``"some of it was typed in from the stored copy"``."""

    fingerprint: str
    day: str
    how: str


def remember_escrow(state: LocalState, fingerprint: str, how: str, now: datetime) -> None:
    state.write_json(ESCROW_FILE, {"fingerprint": fingerprint, "day": now.date().isoformat(), "how": how})


def read_escrow(state: LocalState) -> Escrow | None:
    """What is remembered; None where nothing is, or where it makes no sense."""
    said = state.read_json(ESCROW_FILE) or {}
    try:
        date.fromisoformat(str(said["day"]))
        return Escrow(str(said["fingerprint"]), str(said["day"]), str(said["how"]))
    except (KeyError, ValueError):
        return None
