"""Put back ``system.js``, the functions stored on the server: the one collection that no rename replaces.

Limits: no transaction may write to it either. So its few documents are copied over from where they landed, and only then
the surplus is removed: killed in between, each function is the old or the new one whole, and the next run finishes.
"""

from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo.errors import CollectionInvalid, OperationFailure
from pymongo.write_concern import WriteConcern

from lifeboat.foundation.clock import Clock
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.errors import LandingDiffers
from lifeboat.sources.mongodb.meaning import in_our_words
from lifeboat.sources.mongodb.on_primary import drop, on_primary, patiently, uuid_behind
from lifeboat.sources.mongodb.restore_plan import SERVER_SCRIPTS, Landing

NAMESPACE_EXISTS = 48


def make_server_scripts(client: Client, landing: Landing, clock: Clock) -> str:
    """Make sure the collection exists; returns its UUID, so that a later run knows it for its own."""

    def make() -> str:
        with in_our_words(f"creating {landing.namespace}"):
            try:
                on_primary(client, landing.database).command("create", SERVER_SCRIPTS)
            except CollectionInvalid:
                pass
            except OperationFailure as refusal:
                if refusal.code != NAMESPACE_EXISTS:
                    raise
        return uuid_behind(client, landing.database, SERVER_SCRIPTS) or ""

    return patiently(clock, make)


def copy_server_scripts(client: Client, landing: Landing, clock: Clock) -> None:
    """Make it hold exactly what has landed, then clear the landing place. May be repeated."""
    patiently(clock, lambda: _copy(client, landing))
    patiently(clock, lambda: drop(client, landing.database, landing.temporary))


def _copy(client: Client, landing: Landing) -> None:
    raw: Any = RawBSONDocument  # decoding would lose nothing here, but equal bytes are the proof
    database = on_primary(client, landing.database)
    landed = database.get_collection(
        landing.temporary, codec_options=database.codec_options.with_options(document_class=raw)
    )
    live = client.get_database(landing.database, write_concern=WriteConcern("majority"))[SERVER_SCRIPTS]
    with in_our_words(f"replacing {landing.namespace}"):
        documents: list[Any] = list(landed.find())
        for document in documents:
            live.replace_one({"_id": document["_id"]}, document, upsert=True)
        live.delete_many({"_id": {"$nin": [document["_id"] for document in documents]}})
        there = database.get_collection(SERVER_SCRIPTS, codec_options=landed.codec_options).find()
        if sorted(bytes(each.raw) for each in there) != sorted(bytes(each.raw) for each in documents):
            raise LandingDiffers(
                f"{landing.namespace} did not come back as it was", "is somebody changing it? Run the restore again"
            )
