"""Read which collections there are, with options and indexes, as of one cluster time.

Two ways. With rights on everything, ``$listCatalog`` is the first read of a snapshot session: it fixes T and shows the
catalog as of T. With rights on named databases only (or on 5.0), they are listed before and after T is
fixed; when both listings are equal, they hold at T.

Invariant: what is left out is left out by a rule below, and whatever a user could miss is a finding.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bson import Timestamp
from pymongo.errors import OperationFailure

from lifeboat.foundation.finding import Finding, Level
from lifeboat.sources.mongodb.catalog import EXACT, CollectionEntry, describe
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.errors import CaptureMoved
from lifeboat.sources.mongodb.landing_names import is_ours
from lifeboat.sources.mongodb.meaning import UNAUTHORIZED, in_our_words
from lifeboat.sources.mongodb.server_facts import ServerFacts
from lifeboat.sources.mongodb.snapshot_read import session_at, time_of

NEVER_CAPTURED = ("admin", "local", "config")
"""Their users and roles are read apart; the rest belongs to the server, not to the application."""
LISTINGS_AT_MOST = 5
_BUCKETS = "system.buckets."


@dataclass(frozen=True, slots=True)
class CatalogRead:
    """Args: time: T; None on a standalone."""

    entries: tuple[CollectionEntry, ...]
    findings: tuple[Finding, ...]
    time: Timestamp | None


@dataclass(frozen=True, slots=True)
class _Listed:
    """One collection as the server describes it, whichever way it was asked."""

    database: str
    name: str
    options: Mapping[str, Any]
    indexes: Sequence[Mapping[str, Any]]
    uuid: bytes


def read_catalog(client: Client, facts: ServerFacts, databases: Sequence[str] | None) -> CatalogRead:
    """List what is to be captured and fix T.

    Raises:
        DatabaseRightMissing: Neither way is open to this user.
        CaptureMoved: Collections kept changing between the listings.
    """
    with in_our_words("reading the list of collections"):
        if facts.checks_collection_uuid:
            try:
                listed, time = _by_list_catalog(client, facts)
            except OperationFailure as refusal:
                if refusal.code != UNAUTHORIZED or databases is None:
                    raise
                listed, time = _by_listings(client, facts, databases)
        else:
            listed, time = _by_listings(client, facts, databases or _all_databases(client))
    wanted = [each for each in listed if _is_wanted(each.database, databases)]
    return _sort_out(wanted, time, databases)


def _is_wanted(database: str, databases: Sequence[str] | None) -> bool:
    if databases is None:
        return database not in NEVER_CAPTURED and not database.startswith("__mdb_internal")
    return database in databases


def _by_list_catalog(client: Client, facts: ServerFacts) -> tuple[list[_Listed], Timestamp | None]:
    admin = client.get_database("admin", codec_options=EXACT)
    pipeline: list[Mapping[str, Any]] = [{"$listCatalog": {}}]
    if not facts.in_a_set:
        return [_from_catalog(entry) for entry in admin.aggregate(pipeline)], None
    with session_at(client, None) as session:
        listed = [_from_catalog(entry) for entry in admin.aggregate(pipeline, session=session)]
        return listed, time_of(session)


def _from_catalog(entry: Mapping[str, Any]) -> _Listed:
    if entry["type"] in ("view", "timeseries"):
        options = {key: entry[key] for key in ("viewOn", "pipeline", "collation") if key in entry}
        if entry["type"] == "timeseries":
            options["timeseries"] = {}
        return _Listed(entry["db"], entry["name"], options, (), b"")
    options = dict(entry["md"]["options"])
    uuid = bytes(options.pop("uuid", b""))
    indexes = [index["spec"] for index in entry["md"]["indexes"] if index.get("ready")]
    return _Listed(entry["db"], entry["name"], options, indexes, uuid)


def _all_databases(client: Client) -> list[str]:
    return [name for name in client.list_database_names() if _is_wanted(name, None)]


def _by_listings(
    client: Client, facts: ServerFacts, databases: Sequence[str]
) -> tuple[list[_Listed], Timestamp | None]:
    """List before and after T, until nothing moved in between."""
    before = _list_once(client, databases)
    for _ in range(LISTINGS_AT_MOST):
        # Not the majority point, which may lie before a drop that the first listing already shows. The first read
        # at this time waits until a majority has it.
        time = client.admin.command("hello")["operationTime"] if facts.in_a_set else None
        after = _list_once(client, databases)
        if before == after:
            return after, time
        before = after
    raise CaptureMoved(
        f"collections in {', '.join(databases)} are being created or changed all the time",
        "does a job recreate collections without pause? Run the backup when it rests",
    )


def _list_once(client: Client, databases: Iterable[str]) -> list[_Listed]:
    found = []
    for database in databases:
        opened = client.get_database(database, codec_options=EXACT)
        for collection in opened.list_collections():
            name, options = collection["name"], dict(collection["options"])
            uuid = bytes(collection["info"].get("uuid", b""))
            is_indexed = collection["type"] == "collection" and _left_out_because(name, options) is None
            indexes = _finished_indexes(opened, name) if is_indexed else []
            found.append(_Listed(database, name, options, indexes, uuid))
    return sorted(found, key=lambda each: (each.database, each.name))


def _finished_indexes(database: Any, name: str) -> list[Mapping[str, Any]]:
    """Without the ones being built, and without the one invented for a clustered collection."""
    try:
        answer = database.command("listIndexes", name, includeBuildUUIDs=True, cursor={"batchSize": 1000})
    except OperationFailure as refusal:
        if refusal.code == 26:  # gone since it was listed: the second listing will differ
            return []
        raise
    entries = answer["cursor"]["firstBatch"]
    return [entry for entry in entries if "buildUUID" not in entry and not entry.get("clustered")]


def _left_out_because(name: str, options: Mapping[str, Any]) -> str | None:
    """Why a collection is no part of a backup; an empty string where nobody could miss it."""
    if "timeseries" in options:
        return "time-series"
    if is_ours(name):
        return "leftover"
    if options.get("temp") or (name.startswith("system.") and name != "system.js"):
        return ""  # half of somebody's $out, dropped at the next start; the server's own
    return None


def _sort_out(listed: list[_Listed], time: Timestamp | None, databases: Sequence[str] | None) -> CatalogRead:
    entries, findings = [], []
    series = {f"{each.database}.{each.name.removeprefix(_BUCKETS)}" for each in listed if "timeseries" in each.options}
    findings += [_time_series_left_out(namespace) for namespace in sorted(series)]
    for each in listed:
        reason = _left_out_because(each.name, each.options)
        if reason is None:
            entry = describe(each.database, each.name, each.options, each.indexes, each.uuid)
            entries.append(entry)
            if entry.kind == "capped" and time:
                findings.append(_capped(entry.namespace))
        elif reason == "leftover":
            findings.append(_leftover(f"{each.database}.{each.name}"))
    if not entries:
        findings.append(_nothing(databases))
    entries.sort(key=lambda entry: (entry.database, entry.name))
    return CatalogRead(tuple(entries), tuple(findings), time)


def _time_series_left_out(namespace: str) -> Finding:
    return Finding(
        Level.PROBLEM,
        "time-series-left-out",
        namespace,
        f"{namespace} is a time-series collection and is NOT in this backup",
        "back it up with mongodump until this version can",
        (namespace,),
    )


def _capped(namespace: str) -> Finding:
    return Finding(
        Level.WARNING,
        "capped-not-at-one-instant",
        namespace,
        f"{namespace} is capped: servers do not read those at one instant, it is a few moments younger than the rest",
    )


def _leftover(namespace: str) -> Finding:
    return Finding(
        Level.WARNING,
        "restore-leftover",
        namespace,
        f"{namespace} is left over from a restore that did not finish, and is not backed up",
        "run that restore again to its end, or drop the collection",
    )


def _nothing(databases: Sequence[str] | None) -> Finding:
    where = ", ".join(databases) if databases else "this server"
    return Finding(
        Level.WARNING,
        "database-empty",
        where,
        f"there is nothing to back up in {where}",
        "does MONGODB_URI name the right server and the right database?",
    )
