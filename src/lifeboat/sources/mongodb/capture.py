"""Read a server as of one cluster time T: its catalog, its documents undecoded, its users and roles.

Limits: capped collections cannot be read at T, and history passes (300 s by default); ``window.py`` reads such parts later, and
the oplog tells what happened in between. A standalone has no T at all (``consistent`` is False). Memory: one batch of at most
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
from pymongo.client_session import ClientSession
from pymongo.read_concern import ReadConcern

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.finding import Finding, Level
from lifeboat.sources.mongodb.any_name import collection_of
from lifeboat.sources.mongodb.catalog import CollectionEntry
from lifeboat.sources.mongodb.catalog_read import read_catalog
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.errors import CaptureMoved
from lifeboat.sources.mongodb.meaning import OPLOG_HINT, in_our_words
from lifeboat.sources.mongodb.oplog.read import may_read_oplog
from lifeboat.sources.mongodb.server_facts import ServerFacts, findings_about, look_at_server
from lifeboat.sources.mongodb.snapshot_read import session_if
from lifeboat.sources.mongodb.users_read import read_users


@dataclass(frozen=True, slots=True)
class Capture:
    """A server as of one instant, to be read.

    Args:
        instant: The recovery point: T in UTC; on a standalone the time at which reading began.
        time: T; None on a standalone.
        collections: In order of database and name; views among them.
    """

    instant: datetime
    time: Timestamp | None
    server: ServerFacts
    collections: tuple[CollectionEntry, ...]
    findings: tuple[Finding, ...]
    databases: Sequence[str] | None
    client: Client = field(repr=False)
    _users: tuple[bytes, ...] = field(repr=False, default=())
    _roles: tuple[bytes, ...] = field(repr=False, default=())

    @property
    def consistent(self) -> bool:
        """Whether what is read as of T is one instant."""
        return self.time is not None

    @property
    def cluster_time(self) -> tuple[int, int] | None:
        """T as (seconds, increment)."""
        return (self.time.time, self.time.inc) if self.time else None

    def blocks(self, entry: CollectionEntry) -> Iterator[bytes]:
        """Every document of a collection, as blocks of whole BSON documents in the server's order; none for a view.

        As of T, but a capped collection as it is when it is read. May be called from several threads at once, for the same collection too.

        Raises:
            CaptureMoved: It was dropped, renamed or replaced since T.
            CaptureTooSlow: The server no longer holds the history of T.
        """
        if entry.kind == "view":
            return
        later = entry.kind == "capped"
        with session_if(self.client, None if later else self.time) as session:
            concern = ReadConcern("majority") if later and self.time else None
            yield from read_blocks(self.client, self.server, entry, session, concern)

    def users(self) -> list[bytes]:
        """Raw documents of ``admin.system.users``, credentials included: encrypt them before they touch a disk."""
        return list(self._users)

    def roles(self) -> list[bytes]:
        """Raw documents of ``admin.system.roles``."""
        return list(self._roles)


def read_blocks(
    client: Client,
    server: ServerFacts,
    entry: CollectionEntry,
    session: ClientSession | None,
    concern: ReadConcern | None,
) -> Iterator[bytes]:
    """The documents of the collection that has this name and this UUID; an error if one of the two is no longer so."""
    with in_our_words(f"reading {entry.namespace}"):
        collection = collection_of(client[entry.database], entry.stored_as, read_concern=concern or ReadConcern())
        more: dict[str, Any] = {}
        if server.checks_collection_uuid:
            more["collectionUUID"] = Binary(entry.uuid, 4)
        with collection.aggregate_raw_batches([], session=session, **more) as cursor:
            yield from cursor
    if not server.checks_collection_uuid:
        _refuse_if_moved(client, entry)


def _refuse_if_moved(client: Client, entry: CollectionEntry) -> None:
    """On 5.0, which knows no ``collectionUUID``: a UUID that is still there afterwards was there all along."""
    with in_our_words(f"looking again at {entry.namespace}"):
        found = list(client[entry.database].list_collections(filter={"name": entry.stored_as}))
    if not found or bytes(found[0]["info"]["uuid"]) != entry.uuid:
        raise CaptureMoved(
            f"{entry.namespace} was dropped, renamed or replaced while it was read", "the backup starts anew"
        )


@contextmanager
def capture(
    client: Client, databases: Sequence[str] | None, *, clock: Clock, at: Timestamp | None = None
) -> Iterator[Capture]:
    """Fix T and describe all there is to read.

    Args:
        databases: Their names; None for all but ``admin``, ``local`` and ``config``.
        at: T, when it is not to be chosen now. With few rights it cannot be chosen: T is then later than this.

    Raises:
        DatabaseUnsupported, DatabaseRightMissing, DatabaseUnreachable, CaptureMoved.
    """
    began = clock.now()
    facts = look_at_server(client)
    catalog = read_catalog(client, facts, databases, at)
    collections = catalog.entries
    if any(entry.is_temporary for entry in collections) and not may_read_oplog(client):
        # Of use only to an archive; and who may not read the oplog could not follow them when they come to their end.
        collections = tuple(entry for entry in collections if not entry.is_temporary)
    users, roles, user_findings = read_users(client, databases, catalog.time)
    time = catalog.time
    capped = [entry for entry in collections if entry.kind == "capped"]
    apart = [_capped(entry.namespace) for entry in capped] if time and capped and not may_read_oplog(client) else []
    yield Capture(
        instant=datetime.fromtimestamp(time.time, UTC) if time else began,
        time=time,
        server=facts,
        collections=collections,
        findings=(*findings_about(facts), *catalog.findings, *apart, *user_findings),
        databases=databases,
        client=client,
        _users=tuple(users),
        _roles=tuple(roles),
    )


def preflight(client: Client, databases: Sequence[str] | None, *, clock: Clock) -> tuple[ServerFacts, list[Finding]]:
    """All that a capture would complain of, without reading a document."""
    with capture(client, databases, clock=clock) as captured:
        return captured.server, list(captured.findings)


def _capped(namespace: str) -> Finding:
    return Finding(
        Level.WARNING,
        "capped-not-at-one-instant",
        namespace,
        f"{namespace} is capped: servers do not read those at one instant, it is a few moments younger than the rest",
        OPLOG_HINT,
    )
