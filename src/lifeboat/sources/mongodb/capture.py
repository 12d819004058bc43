"""Read a server as of one cluster time T: its catalog, its documents undecoded, its users and roles.

Limits: capped collections are read at majority, moments later; a standalone has no T at all (``consistent`` is False);
everything must be read within the server's history window (300 s by default). Memory: one batch of at most
16 MiB for each collection being read.

Invariant: a collection is read whole as of T, or an error says that it was not. Reads carry the collection's UUID,
because a read by name of one that was dropped since T returns nothing at all, without an error.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bson import Binary, Timestamp
from pymongo.read_concern import ReadConcern

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.finding import Finding
from lifeboat.sources.mongodb.catalog import CollectionEntry
from lifeboat.sources.mongodb.catalog_read import read_catalog
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.errors import CaptureMoved
from lifeboat.sources.mongodb.meaning import in_our_words
from lifeboat.sources.mongodb.server_facts import ServerFacts, findings_about, look_at_server
from lifeboat.sources.mongodb.snapshot_read import session_if
from lifeboat.sources.mongodb.users_read import read_users


@dataclass(frozen=True, slots=True)
class Capture:
    """A server as of one instant, to be read.

    Args:
        instant: The recovery point: T in UTC; on a standalone the time at which reading began.
        cluster_time: T as (seconds, increment); None on a standalone.
        consistent: Whether all of it is one instant.
        collections: In order of database and name; views among them.
    """

    instant: datetime
    cluster_time: tuple[int, int] | None
    consistent: bool
    server: ServerFacts
    collections: tuple[CollectionEntry, ...]
    findings: tuple[Finding, ...]
    _client: Client = field(repr=False)
    _users: tuple[bytes, ...] = field(repr=False, default=())
    _roles: tuple[bytes, ...] = field(repr=False, default=())

    def blocks(self, entry: CollectionEntry) -> Iterator[bytes]:
        """Every document of a collection, as blocks of whole BSON documents in the server's order; none for a view.

        May be called from several threads at once, for the same collection too.

        Raises:
            CaptureMoved: It was dropped, renamed or replaced since T: begin a new capture.
            CaptureTooSlow: The server no longer holds the history of T.
        """
        if entry.kind == "view":
            return
        with in_our_words(f"reading {entry.namespace}"), session_if(self._client, self._time_for(entry)) as session:
            collection = self._client[entry.database].get_collection(
                entry.stored_as, read_concern=ReadConcern(self._read_concern_for(entry))
            )
            more: dict[str, Any] = {}
            if self.server.checks_collection_uuid:
                more["collectionUUID"] = Binary(entry.uuid, 4)
            with collection.aggregate_raw_batches([], session=session, **more) as cursor:
                yield from cursor
        if not self.server.checks_collection_uuid:
            self._refuse_if_moved(entry)

    def users(self) -> list[bytes]:
        """Raw documents of ``admin.system.users``, credentials included: encrypt them before they touch a disk."""
        return list(self._users)

    def roles(self) -> list[bytes]:
        """Raw documents of ``admin.system.roles``."""
        return list(self._roles)

    def _time_for(self, entry: CollectionEntry) -> Timestamp | None:
        return Timestamp(*self.cluster_time) if self.cluster_time and entry.kind != "capped" else None

    def _read_concern_for(self, entry: CollectionEntry) -> str | None:
        return "majority" if self.cluster_time and entry.kind == "capped" else None

    def _refuse_if_moved(self, entry: CollectionEntry) -> None:
        """On 5.0, which knows no ``collectionUUID``: a UUID that is still there afterwards was there all along."""
        with in_our_words(f"looking again at {entry.namespace}"):
            found = list(self._client[entry.database].list_collections(filter={"name": entry.stored_as}))
        if not found or bytes(found[0]["info"]["uuid"]) != entry.uuid:
            raise CaptureMoved(
                f"{entry.namespace} was dropped, renamed or replaced while it was read", "the backup starts anew"
            )


@contextmanager
def capture(client: Client, databases: Sequence[str] | None, *, clock: Clock) -> Iterator[Capture]:
    """Fix T and describe all there is to read.

    Args:
        databases: Their names; None for all but ``admin``, ``local`` and ``config``.

    Raises:
        DatabaseUnsupported, DatabaseRightMissing, DatabaseUnreachable, CaptureMoved.
    """
    began = clock.now()
    facts = look_at_server(client)
    catalog = read_catalog(client, facts, databases)
    users, roles, user_findings = read_users(client, databases, catalog.time)
    time = catalog.time
    yield Capture(
        instant=datetime.fromtimestamp(time.time, UTC) if time else began,
        cluster_time=(time.time, time.inc) if time else None,
        consistent=time is not None,
        server=facts,
        collections=catalog.entries,
        findings=(*findings_about(facts), *catalog.findings, *user_findings),
        _client=client,
        _users=tuple(users),
        _roles=tuple(roles),
    )


def preflight(client: Client, databases: Sequence[str] | None, *, clock: Clock) -> tuple[ServerFacts, list[Finding]]:
    """All that a capture would complain of, without reading a document."""
    with capture(client, databases, clock=clock) as captured:
        return captured.server, list(captured.findings)
