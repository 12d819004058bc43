"""Give landed buckets their collection, in place of whatever is live under its name.

Invariant: what landed is whole under one of two names at every instant, and the next run finishes. Over a live time-series
collection there is a gap of milliseconds in which writes of it fail (none is lost silently), and reads fail or find nothing. A state machine:
each step looks at what is there and does one thing, so that it may die or be repeated anywhere.
"""

from typing import Any

from lifeboat.foundation.finding import Finding, Level
from lifeboat.sources.mongodb.any_name import collection_of
from lifeboat.sources.mongodb.apply_ops import drop_by_operation, rename_buckets
from lifeboat.sources.mongodb.catalog import Document
from lifeboat.sources.mongodb.errors import DatabaseRefused, LandingDiffers, TargetNotEmpty
from lifeboat.sources.mongodb.landing import Landing, Target
from lifeboat.sources.mongodb.landing_place import noted
from lifeboat.sources.mongodb.meaning import in_our_words
from lifeboat.sources.mongodb.series_land import create_series, note
from lifeboat.sources.mongodb.series_shape import view_over
from lifeboat.sources.mongodb.swap import TRIES_SECONDS, rename
from lifeboat.sources.mongodb.target_server import TargetServer, uuid_in

STEPS_AT_MOST = 20
"""Five are needed at most; more means that somebody else works on the same name."""


def swap_in_series(server: TargetServer, landing: Landing, uuid: str, target: Target) -> None:
    """Make the landed buckets the collection.

    Raises:
        LandingDiffers: Somebody took the landed buckets away, or works on the same name all the time.
        TargetNotEmpty: Into an empty place: something came to be there meanwhile.
    """
    for _ in range(STEPS_AT_MOST):
        if server.repeat(lambda: _step(server, landing, uuid, target), TRIES_SECONDS):
            return
    raise LandingDiffers(f"{landing.namespace} changes all the time", "is another restore running on this server?")


def tidy_series(server: TargetServer, landing: Landing) -> None:
    """Drop the note, and what had been renamed aside."""
    for name in (landing.note, landing.aside):
        server.drop(landing.database, name)


def allow_mixed_buckets(server: TargetServer, landing: Landing) -> list[Finding]:
    """Tell the server what it knew of the captured buckets; servers before 7.0 cannot be told."""
    if not landing.entry.has_mixed_buckets:
        return []
    doing = f"allowing mixed buckets in {landing.namespace}"
    change = {"timeseriesBucketsMayHaveMixedSchemaData": True}
    try:
        server.tell(landing.database, doing, "collMod", landing.name, **change)
    except DatabaseRefused as refusal:
        return [
            Finding(
                Level.WARNING,
                "time-series-mixed",
                landing.namespace,
                f"{landing.namespace} came from a server before 5.2, whose buckets may mix types in one field, and this "
                f"server cannot be told so: {refusal.message}",
                "if a field ever held both numbers and texts, look for it with $expr, or restore to 7.0 or newer",
            )
        ]
    return []


def _step(server: TargetServer, landing: Landing, uuid: str, target: Target) -> bool:
    """One step; True when there is none left."""
    live = server.listed(landing.database)
    there, buckets = live.get(landing.name), live.get(landing.final)
    is_series = there is not None and there["type"] == "timeseries"
    if uuid_in(buckets) == uuid:
        return _put_view(server, landing, there, live)
    if uuid_in(live.get(landing.temporary)) != uuid:
        raise LandingDiffers(
            f"what had landed for {landing.namespace} is gone or not ours any more",
            "is another restore running on this server? Run this one again when it is done",
        )
    if target is Target.EMPTY_PLACE:
        _refuse_if_full(server, landing, there, buckets)
    if there is not None and not is_series:
        _clear_name(server, landing, there, live)
        return False
    if is_series and (buckets is None or view_over(buckets["options"]) != view_over(landing.entry.options)):
        note(server, landing, uuid, old_view=True)
    if is_series and buckets is not None:
        drop_by_operation(server, landing.database, landing.final)
    rename_buckets(server, landing.database, landing.temporary, landing.final)
    return False


def _put_view(server: TargetServer, landing: Landing, there: Document | None, live: dict[str, Document]) -> bool:
    """The buckets are in their place; see that the right view lies over them."""
    if there is None:
        create_series(server, landing)
    elif there["type"] != "timeseries":
        _clear_name(server, landing, there, live)
    elif noted(server, landing.database, landing.name, live).get("old_view"):
        drop_by_operation(server, landing.database, landing.name)
        create_series(server, landing)
        note(server, landing, uuid_in(live[landing.final]), old_view=False)
    else:
        server.confirm(landing.database, landing.aside)
        return True
    return False


def _clear_name(server: TargetServer, landing: Landing, there: Document, live: dict[str, Document]) -> None:
    """Free the name of a collection, which stays whole aside until all is done, or of a view."""
    if there["type"] == "collection" and landing.aside not in live:
        rename(server, landing.database, landing.name, landing.aside, replacing=False)
    else:
        server.drop(landing.database, landing.name)


def _refuse_if_full(server: TargetServer, landing: Landing, there: Document | None, buckets: Document | None) -> None:
    for name, found in ((landing.name, there), (landing.final, buckets)):
        if found is None or found["type"] == "timeseries":
            continue
        with in_our_words(f"looking into {landing.namespace}"):
            held: Any = collection_of(server.database(landing.database), name).find_one({}, projection={"_id": 1})
        if held is not None:
            raise TargetNotEmpty(
                f"{landing.namespace} was empty when the restore began and is not any more; it was left alone",
                "is the application running against this place already? Stop it, or restore with --over-live",
            )
