"""Put views back: last, when the collections they look at are there.

Invariant: a live collection under a view's name is not dropped before the view stands. It is renamed aside first, so
that whatever dies, its documents are whole under one of two names, and the next run finishes.
"""

from collections.abc import Sequence
from typing import Any

from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.sources.mongodb.errors import DatabaseAway
from lifeboat.sources.mongodb.landing import Landing
from lifeboat.sources.mongodb.swap import rename
from lifeboat.sources.mongodb.target_server import MAJORITY, TargetServer


def restore_view(server: TargetServer, landing: Landing, view_on: str) -> list[Finding]:
    """Create or replace one view. A view that the server refuses is a finding: it holds no data.

    Args:
        view_on: What it looks at, in the target's names.
    """
    wanted = landing.entry.options
    wanted["viewOn"] = view_on
    try:
        server.repeat(lambda: _put(server, landing, wanted))
    except DatabaseAway:
        raise
    except LifeboatError as refusal:
        return [
            Finding(
                Level.PROBLEM,
                "view-not-restored",
                landing.namespace,
                f"the view {landing.namespace} could not be put back: {refusal.message}",
                refusal.hint,
            )
        ]
    server.drop(landing.database, landing.aside)
    return []


def drop_views_in_the_way(server: TargetServer, landings: Sequence[Landing]) -> None:
    """Drop live views that will be put back with another collation.

    A view and what it looks at must agree in collation, so neither could be changed before the other.
    """
    for database in sorted({landing.database for landing in landings}):
        live = server.listed(database)
        for landing in landings:
            there = live.get(landing.name) if landing.database == database and landing.is_view else None
            if there is None or there["type"] != "view":
                continue
            if there["options"].get("collation") != landing.entry.options.get("collation"):
                server.drop(database, landing.name)


def _put(server: TargetServer, landing: Landing, wanted: dict[str, Any]) -> None:
    """Every step may be repeated."""
    there = server.listed(landing.database, landing.name).get(landing.name)
    if there is not None and there["type"] == "view":
        if dict(there["options"]) == dict(wanted):
            server.confirm(landing.database, landing.aside)
            return
        change = {key: wanted[key] for key in ("viewOn", "pipeline")}
        server.tell(landing.database, f"changing the view {landing.namespace}", "collMod", landing.name, **change)
        return
    elif there is not None and there["type"] == "timeseries":
        # Nothing renames one aside. So the server takes the view under another name, before the live data goes.
        server.drop(landing.database, landing.temporary)
        doing = f"trying the view {landing.namespace}"
        server.send(landing.database, doing, "create", landing.temporary, **wanted, writeConcern=MAJORITY)
        server.drop(landing.database, landing.temporary)
        server.drop(landing.database, landing.name)
    elif there is not None:
        rename(server, landing.database, landing.name, landing.aside, replacing=True)
    doing = f"creating the view {landing.namespace}"
    server.send(landing.database, doing, "create", landing.name, **wanted, writeConcern=MAJORITY)
