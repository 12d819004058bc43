"""How far back a server remembers: its history window for reads at an instant, and its oplog.

Each answer is None where the user may not ask, or the server has no such thing.
"""

from pymongo.errors import OperationFailure

from lifeboat.foundation.value import Value
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.meaning import UNAUTHORIZED, in_our_words

DEFAULT_HISTORY_SECONDS = 300
NEARLY_FULL = 0.9
"""From here on the oplog drops old entries, and its window is what it is; before, it still grows."""


class OplogWindow(Value):
    """Args: seconds: From its first entry to its last. full_seconds: Once it is full, at the present pace; None if unknown."""

    seconds: float
    full_seconds: float | None


def history_window_seconds(client: Client) -> int | None:
    """How long an instant can still be read after it has passed."""
    name = "minSnapshotHistoryWindowInSeconds"
    with in_our_words("asking for the history window"):
        try:
            return int(client.admin.command({"getParameter": 1, name: 1})[name])
        except OperationFailure as refusal:
            if refusal.code == UNAUTHORIZED or "no option found" in str(refusal):
                return None
            raise


def oplog_window(client: Client) -> OplogWindow | None:
    """How long the server can be without us before changes are lost to an archive."""
    with in_our_words("looking at the oplog"):
        try:
            oplog = client.local["oplog.rs"]
            first, last = (oplog.find_one({}, {"ts": 1}, sort=[("$natural", way)]) for way in (1, -1))
        except OperationFailure as refusal:
            if refusal.code == UNAUTHORIZED:
                return None
            raise
        if not first or not last:
            return None
        seconds = float(last["ts"].time - first["ts"].time)
        try:
            stats = client.local.command("collStats", "oplog.rs")
            filled = stats["size"] / stats["maxSize"]
        except (OperationFailure, KeyError, ZeroDivisionError):
            return OplogWindow(seconds, None)
        if not seconds:  # a server that has just begun
            return OplogWindow(seconds, None)
        return OplogWindow(seconds, seconds / filled if 0 < filled < NEARLY_FULL else seconds)
