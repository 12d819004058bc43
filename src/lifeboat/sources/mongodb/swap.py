"""Give a landed collection its name, in place of the live one.

Invariant: whatever dies, the name holds the old collection whole or the new one whole. ``renameCollection`` with
``dropTarget`` is one step on the server (1 to 5 ms). It is not repeatable by itself, so before each try the UUID behind
the name says whether it has happened.
"""

from pymongo.read_concern import ReadConcern

from lifeboat.sources.mongodb.any_name import collection_of
from lifeboat.sources.mongodb.errors import LandingDiffers, TargetNotEmpty
from lifeboat.sources.mongodb.landing import Landing, Target
from lifeboat.sources.mongodb.meaning import in_our_words
from lifeboat.sources.mongodb.target_server import MAJORITY, TargetServer

SWAP_AT_MOST_MILLISECONDS = 5000
"""An open transaction on the live collection blocks the rename, and a waiting rename blocks everybody behind it."""
TRIES_SECONDS = 300.0
"""Transactions live 60 s by default; index builds on the live collection can take longer."""


def swap_in(server: TargetServer, landing: Landing, uuid: str, target: Target) -> None:
    """Rename the landed collection over the live one, repeatedly until it is certain.

    Raises:
        LandingDiffers: Somebody took the landed collection away.
        TargetNotEmpty: Into an empty place: something came to be there meanwhile.
        DatabaseAway: The live collection stayed blocked; it is still the old one whole.
    """

    def is_done() -> bool:
        return _is_swapped(server, landing, uuid)

    server.until(is_done, lambda: _try_once(server, landing, uuid, target), TRIES_SECONDS)


def _is_swapped(server: TargetServer, landing: Landing, uuid: str) -> bool:
    if server.uuid_behind(landing.database, landing.name) != uuid:
        return False
    server.confirm(landing.database, landing.name)
    return True


def _try_once(server: TargetServer, landing: Landing, uuid: str, target: Target) -> None:
    if server.uuid_behind(landing.database, landing.temporary) != uuid:
        if _is_swapped(server, landing, uuid):  # late, by a try of which nothing was heard
            return
        raise LandingDiffers(
            f"what had landed for {landing.namespace} is gone or not ours any more",
            "is another restore running on this server? Run this one again when it is done",
        )
    if target is Target.EMPTY_PLACE:
        _refuse_if_full(server, landing)
    there = server.listed(landing.database, landing.name).get(landing.name)
    if there is not None and there["type"] != "collection":
        # A rename replaces no view and no time-series; between this and the rename the name is free for some milliseconds.
        server.drop(landing.database, landing.name)
    rename(server, landing.database, landing.temporary, landing.name, replacing=True)


def rename(server: TargetServer, database: str, source: str, goal: str, *, replacing: bool) -> None:
    """One rename within a database, once, waiting a few seconds at most for others."""
    server.send(
        "admin",
        f"renaming {database}.{source} to {database}.{goal}",
        "renameCollection",
        f"{database}.{source}",
        to=f"{database}.{goal}",
        dropTarget=replacing,
        maxTimeMS=SWAP_AT_MOST_MILLISECONDS,
        writeConcern=MAJORITY,
    )


def _refuse_if_full(server: TargetServer, landing: Landing) -> None:
    with in_our_words(f"looking into {landing.namespace}"):
        there = collection_of(server.database(landing.database), landing.name, read_concern=ReadConcern("local"))
        held = there.find_one({}, projection={"_id": 1})
    if held is not None:
        raise TargetNotEmpty(
            f"{landing.namespace} was empty when the restore began and is not any more; it was left alone",
            "is the application running against this place already? Stop it, or restore with --over-live",
        )
