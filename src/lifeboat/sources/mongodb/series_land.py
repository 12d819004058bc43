"""Where a time-series collection lands: its buckets alone, which users do not see, and a note whose they are.

Such buckets without their collection are loaded, indexed and compared like any other collection. In their final place
(nothing has the name yet) the name does not show them for ours; so their UUID is noted in a collection of ours beside.
"""

from typing import Any

from bson import SON

from lifeboat.sources.mongodb.catalog import BUCKETS, Document
from lifeboat.sources.mongodb.errors import DatabaseRefused, LandingDiffers, TargetNotEmpty
from lifeboat.sources.mongodb.landing import Landing
from lifeboat.sources.mongodb.landing_names import landing_name
from lifeboat.sources.mongodb.landing_place import noted
from lifeboat.sources.mongodb.target_server import MAJORITY, TargetServer


def make_room_for_series(server: TargetServer, landing: Landing) -> None:
    """Make the empty buckets, clearing away what a dead run left of them. May be repeated.

    Raises:
        TargetNotEmpty: Its final place holds buckets that are not ours.
    """
    live = server.listed(landing.database)
    if landing.temporary in live and not landing.beside:
        is_ours = noted(server, landing.database, landing.name, live) or _is_empty(server, landing)
        if not is_ours or landing.name in live:
            raise TargetNotEmpty(
                f"{landing.database}.{landing.temporary} came to be there meanwhile, and is not of this restore",
                "is another restore, or the application, at work in this database?",
            )
    # In this order: dropping buckets by command would drop in their stead whatever has the name without its prefix.
    beside = landing_name(landing.name)
    for name in (beside, BUCKETS + beside, landing.temporary, landing.note):
        if name in live:
            server.drop(landing.database, name)
    options = _bucket_options(server, landing)
    doing = f"making room for {landing.namespace}"
    if not landing.beside:
        server.send(landing.database, doing, "create", landing.note, writeConcern=MAJORITY)
    server.send(landing.database, doing, "create", landing.temporary, **options, writeConcern=MAJORITY)
    if not landing.beside:
        note(server, landing, server.uuid_behind(landing.database, landing.temporary), old_view=False)


def note(server: TargetServer, landing: Landing, uuid: str | None, *, old_view: bool) -> None:
    """Write down on the server, for any later run, that these buckets are ours.

    Args:
        old_view: Over them still lies the view over what they replace.
    """
    update = {"q": {"_id": uuid}, "u": {"_id": uuid, "old_view": old_view}, "upsert": True}
    doing = f"noting what is restored as {landing.namespace}"
    answer = server.send(landing.database, doing, "update", landing.note, updates=[update], writeConcern=MAJORITY)
    if answer.get("writeErrors"):
        raise DatabaseRefused(
            f"{doing}: the server refuses ({answer['writeErrors'][0]['errmsg']})", "what does its log say?"
        )


def create_series(server: TargetServer, landing: Landing) -> None:
    """Make the collection that users see; over buckets that are there already, if their options are equal."""
    doing = f"creating {landing.namespace}"
    server.send(landing.database, doing, "create", landing.name, **_user_options(landing), writeConcern=MAJORITY)


def count_same_indexes(server: TargetServer, landing: Landing, indexes: list[Document]) -> None:
    """Prove that exactly these indexes are there, by asking for them once more.

    Listing the indexes of buckets needs a right that nothing else here needs.

    Raises:
        LandingDiffers: One was missing or there is one too many.
        DatabaseRefused: One is there otherwise.
    """
    held = 0
    if indexes:
        doing = f"comparing the indexes of {landing.namespace}"
        answer = server.send(
            landing.database,
            doing,
            "createIndexes",
            landing.temporary,
            indexes=indexes,
            ignoreUnknownIndexOptions=True,
            writeConcern=MAJORITY,
        )
        held = int(answer["numIndexesAfter"])
        if answer["numIndexesBefore"] == held == len(indexes):
            return
    if held != len(indexes):
        raise LandingDiffers(
            f"{landing.namespace} has {held} indexes instead of {len(indexes)}",
            "is another restore running? Run this one again",
        )


def _user_options(landing: Landing) -> Document:
    options = landing.entry.options
    options.pop("expireAfterSeconds", None)  # armed at the end, with collMod
    return options


def _bucket_options(server: TargetServer, landing: Landing) -> Document:
    """What this server gives the buckets of such a collection; asked of an empty one, for it differs between versions."""
    doing, asked = f"making room for {landing.namespace}", landing_name(landing.name)
    server.send(landing.database, doing, "create", asked, **_user_options(landing), writeConcern=MAJORITY)
    made = server.listed(landing.database, BUCKETS + asked)
    server.drop(landing.database, asked)
    options: Document = SON(made[BUCKETS + asked]["options"])
    return options


def _is_empty(server: TargetServer, landing: Landing) -> bool:
    cursor: Any = server.send(
        landing.database,
        f"looking into {landing.namespace}",
        "find",
        landing.temporary,
        limit=1,
        singleBatch=True,
    )["cursor"]
    return not cursor["firstBatch"]
