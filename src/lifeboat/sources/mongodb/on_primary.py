"""The target's side of a restore: always the primary, always majority, whatever the connection string prefers."""

from collections.abc import Callable
from typing import Any, TypeVar

from bson import SON, Binary
from pymongo.database import Database
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference

from lifeboat.foundation.clock import Clock
from lifeboat.sources.mongodb.catalog import EXACT, Document
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.errors import DatabaseBusy, DatabaseUnreachable
from lifeboat.sources.mongodb.meaning import in_our_words

MAJORITY = {"w": "majority"}
NAMESPACE_NOT_FOUND = 26
PATIENCE_SECONDS = 60.0
"""An election takes up to 12 s by default, a restart of a node about as long."""
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0

T = TypeVar("T")


def on_primary(client: Client, database: str) -> Database[Any]:
    """Reads what a majority has, decoding so that encoding again gives the same bytes."""
    exactly: Any = EXACT
    return client.get_database(
        database, codec_options=exactly, read_preference=ReadPreference.PRIMARY, read_concern=ReadConcern("majority")
    )


def listed(client: Client, database: str, name: str | None = None) -> dict[str, Document]:
    """What ``listCollections`` says, by name; ``system.views`` excepted."""
    with in_our_words(f"listing the collections of {database}"):
        found = on_primary(client, database).list_collections(filter={"name": name} if name else None)
        return {str(each["name"]): SON(each) for each in found if each["name"] != "system.views"}


def uuid_behind(client: Client, database: str, name: str) -> str | None:
    """The UUID of the collection of this name, as hex; None when there is none or it is a view."""
    return uuid_in(listed(client, database, name).get(name))


def uuid_in(entry: Document | None) -> str | None:
    uuid = entry["info"].get("uuid") if entry else None
    return bytes(uuid).hex() if isinstance(uuid, Binary | bytes) else None


def patiently(clock: Clock, act: Callable[[], T]) -> T:
    """Repeat an act that may safely be repeated, while the server is busy or away, for a minute."""
    deadline = clock.monotonic() + PATIENCE_SECONDS
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            return act()
        except (DatabaseBusy, DatabaseUnreachable):
            if clock.monotonic() + pause > deadline:
                raise
        clock.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def drop(client: Client, database: str, name: str) -> None:
    """Drop a collection or view; none there is no error, being refused is."""
    allowed: list[Any] = [NAMESPACE_NOT_FOUND]
    run(client, database, f"dropping {database}.{name}", "drop", name, allowable_errors=allowed, writeConcern=MAJORITY)


def run(client: Client, database: str, doing: str, command: str, value: Any, **more: Any) -> Document:
    """One command, decoded exactly, in our words."""
    with in_our_words(doing):
        answer: Document = on_primary(client, database).command(command, value, codec_options=EXACT, **more)
        return answer
