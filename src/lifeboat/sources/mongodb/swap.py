"""Give a landed collection its name, in place of the live one.

Invariant: whatever dies, the name holds the old collection whole or the new one whole. ``renameCollection`` with
``dropTarget`` is one step on the server (1 to 5 ms). It is not repeatable by itself, so after a lost connection the
UUID behind the name decides whether it happened.
"""

from lifeboat.foundation.clock import Clock
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.errors import (
    DatabaseBusy,
    DatabaseUnreachable,
    LandingDiffers,
    TargetNotEmpty,
)
from lifeboat.sources.mongodb.meaning import in_our_words
from lifeboat.sources.mongodb.on_primary import (
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    MAJORITY,
    drop,
    listed,
    on_primary,
    run,
    uuid_behind,
)
from lifeboat.sources.mongodb.restore_plan import Landing, Target

SWAP_AT_MOST_MILLISECONDS = 5000
"""An open transaction on the live collection blocks the rename, and a waiting rename blocks everybody behind it."""
TRIES_SECONDS = 300.0
"""Transactions live 60 s by default; index builds on the live collection can take longer."""


def swap_in(client: Client, landing: Landing, uuid: str, target: Target, clock: Clock) -> None:
    """Rename the landed collection over the live one, repeatedly until it is certain.

    Raises:
        LandingDiffers: Somebody took the landed collection away.
        TargetNotEmpty: Into an empty place: something came to be there meanwhile.
        DatabaseBusy: The live collection stayed blocked; it is still the old one whole.
    """
    deadline = clock.monotonic() + TRIES_SECONDS
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            if uuid_behind(client, landing.database, landing.name) == uuid:
                return
            _try_once(client, landing, uuid, target)
            return
        except (DatabaseBusy, DatabaseUnreachable):
            if clock.monotonic() + pause > deadline:
                raise
        clock.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _try_once(client: Client, landing: Landing, uuid: str, target: Target) -> None:
    if uuid_behind(client, landing.database, landing.temporary) != uuid:
        raise LandingDiffers(
            f"what had landed for {landing.namespace} is gone or not ours any more",
            "is another restore running on this server? Run this one again when it is done",
        )
    if target is Target.EMPTY_PLACE:
        _refuse_if_full(client, landing)
    there = listed(client, landing.database, landing.name).get(landing.name)
    if there is not None and there["type"] == "view":
        # A rename cannot replace a view; between this and the rename the name is free for some milliseconds.
        drop(client, landing.database, landing.name)
    rename(client, landing.database, landing.temporary, landing.name, replacing=True)


def rename(client: Client, database: str, source: str, goal: str, *, replacing: bool) -> None:
    """One rename within a database, waiting a few seconds at most for others."""
    run(
        client,
        "admin",
        f"renaming {database}.{source} to {database}.{goal}",
        "renameCollection",
        f"{database}.{source}",
        to=f"{database}.{goal}",
        dropTarget=replacing,
        maxTimeMS=SWAP_AT_MOST_MILLISECONDS,
        writeConcern=MAJORITY,
    )


def _refuse_if_full(client: Client, landing: Landing) -> None:
    with in_our_words(f"looking into {landing.namespace}"):
        held = on_primary(client, landing.database)[landing.name].find_one({}, projection={"_id": 1})
    if held is not None:
        raise TargetNotEmpty(
            f"{landing.namespace} was empty when the restore began and is not any more; it was left alone",
            "is the application running against this place already? Stop it, or restore with --over-live",
        )
