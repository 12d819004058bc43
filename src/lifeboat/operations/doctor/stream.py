"""The stream of this machine: does it run, is it behind, and does its archive have what it needs?"""

from datetime import datetime
from typing import Any

from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.sizes import show_seconds
from lifeboat.operations.stream.memory import is_running, told_of
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.record import read_time

SILENT_SECONDS = 300.0
"""It leaves word every ten seconds."""
FORGOTTEN_SECONDS = 86_400.0
"""One that was ended on purpose a day ago may have been meant to be started again."""
_AGAIN = "`lifeboat stream`, or `lifeboat schedule install systemd --stream`, which starts it again whatever happens"


def check_stream(state: LocalState, now: datetime, *, installed: bool = False) -> list[Finding]:
    """Args: installed: Whether a service should keep one running here."""
    told = told_of(state)
    runs = is_running(state)
    if told is None and not runs:
        if installed:
            message = "a stream is installed here, and never came to its beginning"
            return [
                Finding(Level.PROBLEM, "stream-stopped", "stream", message, "`journalctl -u 'lifeboat-*-stream' -n 50`")
            ]
        message = (
            "none runs here: only the instants of snapshots can be restored; `lifeboat stream` archives every change"
        )
        return [Finding(Level.OK, "stream", "stream", message)]
    if told is None:
        return [Finding(Level.OK, "stream", "stream", "it is about to begin")]
    try:
        silent = (now - read_time(str(told["at"]))).total_seconds()
        through = _through(told)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return [Finding(Level.WARNING, "stream-unknown", "stream", "what it left word of cannot be read", _AGAIN)]
    if not runs:
        return [_stopped(told, through, silent, installed)]
    if silent > SILENT_SECONDS:
        message = f"it runs, and has said nothing for {show_seconds(silent)}; {through}"
        return [
            Finding(Level.PROBLEM, "stream-silent", "stream", message, "what does it wait for? Restart it: it goes on")
        ]
    found = []
    if told.get("waiting_for"):
        found.append(Finding(Level.WARNING, "stream-waits", "stream", f"{through}; it waits: {told['waiting_for']}"))
    if told.get("snapshot"):
        message = f"{told['snapshot']}: without it nothing after the beginning of the archive can be restored"
        found.append(Finding(Level.WARNING, "stream-needs-snapshot", "stream", message, "`lifeboat backup db`"))
    return found or [Finding(Level.OK, "stream", "stream", f"it runs; {through}")]


def _stopped(told: dict[str, Any], through: str, silent: float, installed: bool) -> Finding:
    if installed or not told.get("ended"):
        message = f"it does not run, and was not asked to end; {through}, and nothing since"
        return Finding(Level.PROBLEM, "stream-stopped", "stream", message, _AGAIN)
    message = f"it was ended {show_seconds(silent)} ago; {through}, and nothing since"
    if silent > FORGOTTEN_SECONDS:
        return Finding(Level.WARNING, "stream-ended", "stream", message, _AGAIN)
    return Finding(Level.OK, "stream", "stream", message)


def _through(told: dict[str, Any]) -> str:
    if told.get("through") is None:
        return "nothing is archived yet"
    time = ClusterTime(*map(int, told["through"]))
    return f"archived through {time.instant:%Y-%m-%d %H:%M:%S} UTC"
