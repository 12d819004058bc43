"""Put views back: last, when the collections they look at are there.

Invariant: a live collection under a view's name is not dropped before the view stands. It is renamed aside first, so
that whatever dies, its documents are whole under one of two names, and the next run finishes.
"""

from typing import Any

from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.sources.mongodb.errors import DatabaseAway
from lifeboat.sources.mongodb.restore_plan import Landing
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


def _put(server: TargetServer, landing: Landing, wanted: dict[str, Any]) -> None:
    """Every step may be repeated."""
    there = server.listed(landing.database, landing.name).get(landing.name)
    if there is not None and there["type"] == "view":
        if dict(there["options"]) == dict(wanted):
            server.confirm(landing.database, landing.aside)
            return
        if there["options"].get("collation") == wanted.get("collation"):
            change = {key: wanted[key] for key in ("viewOn", "pipeline")}
            server.tell(landing.database, f"changing the view {landing.namespace}", "collMod", landing.name, **change)
            return
        server.drop(landing.database, landing.name)
    elif there is not None:
        rename(server, landing.database, landing.name, landing.aside, replacing=True)
    doing = f"creating the view {landing.namespace}"
    server.send(landing.database, doing, "create", landing.name, **wanted, writeConcern=MAJORITY)
