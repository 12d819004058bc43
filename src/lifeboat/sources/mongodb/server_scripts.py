"""Put back ``system.js``, the functions stored on the server: the one collection that no rename replaces.

Limits: no transaction may write to it either. So its few documents are copied over from where they landed, and only then
the surplus is removed: killed in between, each function is the old or the new one whole, and the next run finishes.
"""

from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo.write_concern import WriteConcern

from lifeboat.sources.mongodb.errors import LandingDiffers
from lifeboat.sources.mongodb.landing import SERVER_SCRIPTS, Landing
from lifeboat.sources.mongodb.meaning import in_our_words
from lifeboat.sources.mongodb.target_server import MAJORITY, TargetServer

NAMESPACE_EXISTS = 48


def make_server_scripts(server: TargetServer, landing: Landing) -> str:
    """Make sure the collection exists; returns its UUID, so that a later run knows it for its own."""
    doing = f"creating {landing.namespace}"
    server.tell(landing.database, doing, "create", SERVER_SCRIPTS, allowable_errors=[NAMESPACE_EXISTS])
    return server.uuid_behind(landing.database, SERVER_SCRIPTS) or ""


def copy_server_scripts(server: TargetServer, landing: Landing) -> None:
    """Make it hold exactly what has landed, then clear the landing place. May be repeated."""
    server.repeat(lambda: _copy(server, landing))
    server.drop(landing.database, landing.temporary)


def _copy(server: TargetServer, landing: Landing) -> None:
    raw: Any = RawBSONDocument  # decoding would lose nothing here, but equal bytes are the proof
    database = server.database(landing.database)
    landed = database.get_collection(
        landing.temporary, codec_options=database.codec_options.with_options(document_class=raw)
    )
    majority = WriteConcern(**MAJORITY)
    live = server.client.get_database(landing.database, write_concern=majority)[SERVER_SCRIPTS]
    with (
        in_our_words(f"replacing {landing.namespace}"),
        server.client.start_session(causal_consistency=True) as session,
    ):
        # A primary just elected would show less than what landed, and the rest would be removed.
        server.confirm(landing.database, landing.temporary, session)
        documents: list[Any] = list(landed.find(session=session))
        for document in documents:
            live.replace_one({"_id": document["_id"]}, document, upsert=True, session=session)
        live.delete_many({"_id": {"$nin": [document["_id"] for document in documents]}}, session=session)
        there = database.get_collection(SERVER_SCRIPTS, codec_options=landed.codec_options).find(session=session)
        if sorted(bytes(each.raw) for each in there) != sorted(bytes(each.raw) for each in documents):
            raise LandingDiffers(
                f"{landing.namespace} did not come back as it was", "is somebody changing it? Run the restore again"
            )
