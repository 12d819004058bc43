"""The one door to ``applyOps``, which moves time-series buckets where no other command does.

**Never**: a rename over buckets that are there, with ``dropTarget`` or without. It answers ok and leaves a collection that stops the
server at the next listing of the database, and again after each restart. So: look, drop, look, rename. Each operation goes
alone: two in one command are refused to everybody where there is access control.
"""

from lifeboat.sources.mongodb.catalog import BUCKETS
from lifeboat.sources.mongodb.errors import DatabaseRefused, DatabaseRightMissing
from lifeboat.sources.mongodb.target_server import MAJORITY, TargetServer

AT_MOST_MILLISECONDS = 5000
NOBODYS_NAME = f"{BUCKETS}lifeboat.tmp.{0:016x}"
"""Never made by anyone: dropping it changes nothing, and needs the same rights as dropping others."""


def why_series_cannot_be_swapped(server: TargetServer, database: str) -> str | None:
    """None when the server lets this user; changes nothing."""
    try:
        server.repeat(lambda: _apply(server, database, "trying it", {"drop": NOBODYS_NAME}))
    except (DatabaseRightMissing, DatabaseRefused) as refusal:
        return refusal.message
    return None


def drop_by_operation(server: TargetServer, database: str, name: str) -> None:
    """Drop buckets without the view over them, or the view without its buckets; none there is no error."""
    _apply(server, database, f"dropping {database}.{name}", {"drop": name})


def rename_buckets(server: TargetServer, database: str, source: str, goal: str) -> None:
    """Rename buckets to a name that is free.

    Raises:
        DatabaseRefused: The name is not free.
    """
    if goal in server.listed(database, goal):
        raise DatabaseRefused(f"{database}.{goal} came to be there meanwhile", "is another restore running?")
    names = {"renameCollection": f"{database}.{source}", "to": f"{database}.{goal}"}
    _apply(server, database, f"renaming {database}.{source} to {database}.{goal}", names)


def _apply(server: TargetServer, database: str, doing: str, command: dict[str, str]) -> None:
    operation = {"op": "c", "ns": f"{database}.$cmd", "o": command}
    server.send("admin", doing, "applyOps", [operation], maxTimeMS=AT_MOST_MILLISECONDS, writeConcern=MAJORITY)
