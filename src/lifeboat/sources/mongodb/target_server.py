"""The server a restore writes to: always its primary, always majority, and patient while it is away.

Every call of a restore goes through ``TargetServer``. A primary that stepped down, a node that was killed or restarted
and a network that was lost for a while are waited for here and nowhere else; what may be done about them depends on the call:

- A question (``ask``, ``listed``, ``indexes_of``) is asked again.
- An order that means the same when it is given twice (``tell``: drop, collMod, createIndexes, ...) is given again.
- Any other order (a rename) is given through ``until``, which looks first, before each try, whether it has been carried out.
- A sequence of them may be repeated as a whole (``repeat``) if each of its steps may be.

Invariant: what is taken for done, a majority has. Orders wait for that themselves; what was only seen is confirmed by
``confirm``, because a primary shows what it has, also what it will lose with its office.
"""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from bson import SON, Binary
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference

from lifeboat.foundation.clock import Clock, SystemClock
from lifeboat.foundation.progress import Progress, Silent
from lifeboat.sources.mongodb.catalog import EXACT, Document
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.errors import DatabaseAway, DatabaseBusy, DatabaseUnreachable
from lifeboat.sources.mongodb.meaning import in_our_words, raise_if_unconfirmed
from lifeboat.sources.mongodb.server_facts import look_at_server

MAJORITY: dict[str, Any] = {"w": "majority", "j": True, "wtimeout": 60_000}
"""``j``: a standalone has no majority to lean on, and would forget the last tenth of a second when it is killed.
``wtimeout``: a set whose majority is down keeps its primary if it has an arbiter, and would never answer."""
NAMESPACE_NOT_FOUND = 26
UUID_NOT_ENABLED = 72
PATIENCE_SECONDS = 120.0
"""Without any progress. An election takes up to 12 s by default, a restart with recovery of the journal a minute."""
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0
TOLD_AGAIN_SECONDS = 10.0
"""Then after twice as long, and so on."""
BUSY_UNTOLD_SECONDS = 5.0
"""Locks come and go; nobody needs to hear of them."""

T = TypeVar("T")


def uuid_in(entry: Document | None) -> str | None:
    """The UUID of what ``listCollections`` said of a collection, as hex; None for a view or nothing."""
    uuid = entry["info"].get("uuid") if entry else None
    return bytes(uuid).hex() if isinstance(uuid, Binary | bytes) else None


class TargetServer:
    """One server for the length of one restore; may be used by several threads at once.

    Args:
        progress: Is told while it waits, in plain words.
        patience_seconds: How long to wait without any progress.
    """

    def __init__(
        self,
        client: Client,
        *,
        clock: Clock | None = None,
        progress: Progress | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self.client = client
        self.clock = clock or SystemClock()
        self.troubles = 0
        """How often it was away or busy so far."""
        self._progress = progress or Silent()
        self._patience_seconds = patience_seconds
        self._progressed_at = self.clock.monotonic()
        self._telling = threading.Lock()
        self._told_at: float | None = None
        self._is_uuid_taken: bool | None = None
        self._told_again_seconds = TOLD_AGAIN_SECONDS

    def database(self, name: str) -> Database[Any]:
        """Reads what a majority has, decoding so that encoding again gives the same bytes."""
        exactly: Any = EXACT
        return self.client.get_database(
            name, codec_options=exactly, read_preference=ReadPreference.PRIMARY, read_concern=ReadConcern("majority")
        )

    def repeat(self, act: Callable[[], T], patience_seconds: float | None = None) -> T:
        """Do what may be done twice, again and again until it is done.

        Raises:
            DatabaseAway: Nothing moved for too long.
        """
        patience = self._patience_seconds if patience_seconds is None else patience_seconds
        waits_since: float | None = None
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                answer = act()
            except (DatabaseBusy, DatabaseUnreachable) as trouble:
                now = self.clock.monotonic()
                self.troubles += 1
                if waits_since is None or self._progressed_at > waits_since:
                    waits_since, pause = now, FIRST_PAUSE_SECONDS
                if now + pause - waits_since > patience:
                    raise _away(trouble, now - waits_since) from trouble
                self._tell_of(trouble, now - waits_since)
            else:
                if waits_since is not None:
                    self._tell_of_return(waits_since)
                return answer
            self.clock.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def until(
        self, is_done: Callable[[], bool], act: Callable[[], object], patience_seconds: float | None = None
    ) -> None:
        """Do what must not be done twice: look first, before each try, whether it is done."""

        def look_and_act() -> None:
            if not is_done():
                act()

        self.repeat(look_and_act, patience_seconds)

    def progressed(self) -> None:
        """Something moved inside a long act: patience begins anew."""
        self._progressed_at = self.clock.monotonic()

    def ask(self, database: str, doing: str, command: str, value: Any, **more: Any) -> Document:
        """One command that changes nothing, decoded exactly."""
        return self.repeat(lambda: self.send(database, doing, command, value, **more))

    def tell(self, database: str, doing: str, command: str, value: Any, **more: Any) -> Document:
        """One command that changes something, and nothing more when it comes twice; a majority has it afterwards."""
        return self.repeat(lambda: self.send(database, doing, command, value, writeConcern=MAJORITY, **more))

    def send(self, database: str, doing: str, command: str, value: Any, **more: Any) -> Document:
        """One command, once: for ``until`` and ``repeat``."""
        with in_our_words(doing):
            answer: Document = self.database(database).command(command, value, codec_options=EXACT, **more)
        raise_if_unconfirmed(doing, answer)
        return answer

    def listed(self, database: str, name: str | None = None) -> dict[str, Document]:
        """What ``listCollections`` says, by name; ``system.views`` excepted."""

        def look() -> dict[str, Document]:
            with in_our_words(f"listing the collections of {database}"):
                found = self.database(database).list_collections(filter={"name": name} if name else None)
                return {str(each["name"]): SON(each) for each in found if each["name"] != "system.views"}

        return self.repeat(look)

    def uuid_behind(self, database: str, name: str) -> str | None:
        """The UUID of the collection of this name, as hex; None when there is none or it is a view."""
        return uuid_in(self.listed(database, name).get(name))

    def indexes_of(self, database: str, name: str) -> list[Document]:
        """Their specifications, unfinished ones among them; none when there is no such collection."""

        doing = f"looking at the indexes of {database}.{name}"
        everything = {"batchSize": 1000}  # a collection has 64 at most
        answer = self.ask(
            database, doing, "listIndexes", name, cursor=everything, allowable_errors=[NAMESPACE_NOT_FOUND]
        )
        return list(answer["cursor"]["firstBatch"]) if "cursor" in answer else []

    def drop(self, database: str, name: str) -> None:
        """Drop a collection or view; none there is no error, being refused is."""
        self.tell(database, f"dropping {database}.{name}", "drop", name, allowable_errors=[NAMESPACE_NOT_FOUND])

    def write(self, database: str, doing: str, command: str, name: str, *, uuid: str | None, **more: Any) -> Document:
        """Write documents, once: into the collection of this UUID, or nowhere (code 361 in ``writeErrors``).

        By name alone they could come into what another restore has landed and compared under it. Servers that know no
        UUID there (before 6.0, or held to an older feature version) go by the name.
        """
        if uuid is None or not self._takes_uuid():
            return self.send(database, doing, command, name, **more)
        answer = self.send(database, doing, command, name, collectionUUID=Binary(bytes.fromhex(uuid), 4), **more)
        if any(error.get("code") == UUID_NOT_ENABLED for error in answer.get("writeErrors") or ()):
            self._is_uuid_taken = False
            return self.send(database, doing, command, name, **more)
        return answer

    def _takes_uuid(self) -> bool:
        if self._is_uuid_taken is None:
            self._is_uuid_taken = look_at_server(self.client).checks_collection_uuid
        return self._is_uuid_taken

    def confirm(self, database: str, name: str, session: ClientSession | None = None) -> None:
        """Return when a majority has all that this primary has shown.

        Args:
            name: Any collection of ours: it is written to without anything being written.
            session: A causal one: what is read in it afterwards is not older, on whichever node.
        """
        nothing = {"q": {"$alwaysFalse": 1}, "u": {"$unset": {"nothing": 1}}}
        doing = f"waiting for a majority to have {database}.{name}"
        self.send(database, doing, "update", name, updates=[nothing], writeConcern=MAJORITY, session=session)

    def _tell_of(self, trouble: DatabaseBusy | DatabaseUnreachable, seconds: float) -> None:
        seen = self.client.topology_description
        is_busy = isinstance(trouble, DatabaseBusy) and seen.has_writable_server()
        if is_busy and seconds < BUSY_UNTOLD_SECONDS:
            return
        now = self.clock.monotonic()
        with self._telling:
            if self._told_at is not None:
                if now - self._told_at < self._told_again_seconds:
                    return
                self._told_again_seconds *= 2
            self._told_at = now
        if is_busy:
            self._progress.note(f"{trouble.message}; trying again ({seconds:.0f} s)")
        elif isinstance(trouble, DatabaseBusy) or len(seen.server_descriptions()) > 1:
            self._progress.note(f"the primary changed; waiting for a new one ({seconds:.0f} s)")
        else:
            self._progress.note(f"the database does not answer; waiting for it ({seconds:.0f} s)")

    def _tell_of_return(self, waits_since: float) -> None:
        with self._telling:
            if self._told_at is None:
                return
            self._told_at, self._told_again_seconds = None, TOLD_AGAIN_SECONDS
        self._progress.note(f"the database answers again; going on ({self.clock.monotonic() - waits_since:.0f} s)")


def _away(trouble: DatabaseBusy | DatabaseUnreachable, seconds: float) -> DatabaseAway:
    return DatabaseAway(
        f"{trouble.message}; that has not changed for {seconds:.0f} s",
        "bring the database back, then type the same command again: it goes on from what it has done",
    )
