"""Put views back: last, when the collections they look at are there.

Invariant: a live collection under a view's name is not dropped before the view stands. It is renamed aside first, so
that whatever dies, its documents are whole under one of two names, and the next run finishes.
"""

from typing import Any

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.errors import DatabaseBusy, DatabaseUnreachable
from lifeboat.sources.mongodb.land import drop_leftover
from lifeboat.sources.mongodb.on_primary import MAJORITY, drop, listed, patiently, run
from lifeboat.sources.mongodb.restore_plan import Landing
from lifeboat.sources.mongodb.swap import rename


def restore_view(client: Client, landing: Landing, view_on: str, clock: Clock) -> list[Finding]:
    """Create or replace one view. A view that the server refuses is a finding: it holds no data.

    Args:
        view_on: What it looks at, in the target's names.
    """
    wanted = landing.entry.options
    wanted["viewOn"] = view_on
    try:
        patiently(clock, lambda: _put(client, landing, wanted))
    except (DatabaseBusy, DatabaseUnreachable):
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
    drop_leftover(client, landing.database, landing.aside, clock)
    return []


def _put(client: Client, landing: Landing, wanted: dict[str, Any]) -> None:
    """Every step may be repeated."""
    there = listed(client, landing.database, landing.name).get(landing.name)
    if there is not None and there["type"] == "view":
        if dict(there["options"]) == dict(wanted):
            return
        if there["options"].get("collation") == wanted.get("collation"):
            change = {key: wanted[key] for key in ("viewOn", "pipeline")}
            run(client, landing.database, f"changing the view {landing.namespace}", "collMod", landing.name, **change)
            return
        drop(client, landing.database, landing.name)
    elif there is not None:
        rename(client, landing.database, landing.name, landing.aside, replacing=True)
    doing = f"creating the view {landing.namespace}"
    run(client, landing.database, doing, "create", landing.name, **wanted, writeConcern=MAJORITY)
