"""Read which collections there are, with options and indexes, as of one cluster time.

Two ways. With rights on everything, ``$listCatalog`` is the first read of a snapshot session: it fixes T and shows the
catalog as of T. With rights on named databases only (or on 5.0), they are listed before and after T is
fixed; when both listings are equal, they hold at T.

Invariant: what is left out is left out by a rule below, and whatever a user could miss is a finding.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bson import Timestamp
from pymongo.errors import OperationFailure

from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.value import Value
from lifeboat.sources.mongodb.any_name import collection_of
from lifeboat.sources.mongodb.catalog import EXACT, CollectionEntry
from lifeboat.sources.mongodb.catalog_listed import Listed, is_captured, left_out_because, sort_out
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.errors import CaptureMoved, DatabaseUnsupported
from lifeboat.sources.mongodb.meaning import UNAUTHORIZED, in_our_words
from lifeboat.sources.mongodb.server_facts import ServerFacts
from lifeboat.sources.mongodb.snapshot_read import session_at, time_of

LISTINGS_AT_MOST = 5
STAGE_NOT_ENABLED = 224


class CatalogRead(Value):
    """Args: time: T; None on a standalone."""

    entries: tuple[CollectionEntry, ...]
    findings: tuple[Finding, ...]
    time: Timestamp | None


def read_catalog(
    client: Client, facts: ServerFacts, databases: Sequence[str] | None, at: Timestamp | None = None
) -> CatalogRead:
    """List what is to be captured and fix T; what the server made for a while is in it too (``is_temporary``).

    Args:
        at: T, when it is not to be chosen here; where the rights leave no choice, T is a later one.

    Raises:
        DatabaseRightMissing: Neither way is open to this user.
        CaptureMoved: Collections kept changing between the listings.
    """
    with in_our_words("reading the list of collections"):
        if facts.checks_collection_uuid:
            try:
                listed, time = _by_list_catalog(client, facts, at)
            except OperationFailure as refusal:
                if refusal.code == STAGE_NOT_ENABLED:
                    raise _held_to_older_features() from refusal
                if refusal.code != UNAUTHORIZED or databases is None:
                    raise
                listed, time = _by_listings(client, facts, databases)
        else:
            listed, time = _by_listings(client, facts, databases or _all_databases(client))
        wanted = [each for each in listed if is_wanted(each.database, databases)]
        wanted = [_refused_to_read(client, each) if each.is_buckets else each for each in wanted]
    return _sort_out(wanted, time, databases)


def is_wanted(database: str, databases: Sequence[str] | None) -> bool:
    return is_captured(database) if databases is None else database in databases


def _by_list_catalog(client: Client, facts: ServerFacts, at: Timestamp | None) -> tuple[list[Listed], Timestamp | None]:
    admin = client.get_database("admin", codec_options=EXACT)
    pipeline: list[Mapping[str, Any]] = [{"$listCatalog": {}}]
    if not facts.in_a_set:
        return [_from_catalog(entry) for entry in admin.aggregate(pipeline)], None
    with session_at(client, at) as session:
        listed = [_from_catalog(entry) for entry in admin.aggregate(pipeline, session=session)]
        return listed, time_of(session)


def _from_catalog(entry: Mapping[str, Any]) -> Listed:
    if entry["type"] in ("view", "timeseries"):
        options = {key: entry[key] for key in ("viewOn", "pipeline", "collation") if key in entry}
        if entry["type"] == "timeseries":
            options["timeseries"] = {}
        return Listed(entry["db"], entry["name"], options, (), b"")
    options = dict(entry["md"]["options"])
    uuid = bytes(options.pop("uuid", b""))
    indexes = [index["spec"] for index in entry["md"]["indexes"] if index.get("ready")]
    mixed = entry["md"].get("timeseriesBucketsMayHaveMixedSchemaData") is True
    return Listed(entry["db"], entry["name"], options, indexes, uuid, mixed)


def _all_databases(client: Client) -> list[str]:
    return [name for name in client.list_database_names() if is_wanted(name, None)]


def _by_listings(client: Client, facts: ServerFacts, databases: Sequence[str]) -> tuple[list[Listed], Timestamp | None]:
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


def _list_once(client: Client, databases: Iterable[str]) -> list[Listed]:
    found = []
    for database in databases:
        opened = client.get_database(database, codec_options=EXACT)
        for collection in opened.list_collections():
            name, options = collection["name"], dict(collection["options"])
            uuid = bytes(collection["info"].get("uuid", b""))
            one = Listed(database, name, options, [], uuid)
            if collection["type"] == "collection" and (one.is_buckets or left_out_because(one) is None):
                one = _with_indexes(opened, one)
            elif collection["type"] == "timeseries":
                one = replace(one, options={**options, "timeseries": options.get("timeseries", {})})
            found.append(one)
    return sorted(found, key=lambda each: (each.database, each.name))


def _with_indexes(database: Any, one: Listed) -> Listed:
    try:
        return replace(one, indexes=_finished_indexes(database, one.name))
    except OperationFailure as refusal:
        if refusal.code != UNAUTHORIZED or not one.is_buckets:
            raise
        return replace(one, refused="listIndexes")


def _refused_to_read(client: Client, one: Listed) -> Listed:
    """The right to read a database does not cover its buckets; one that is missing costs that collection alone."""
    try:
        collection_of(client[one.database], one.name).find_one({}, projection={"_id": 1})
    except OperationFailure as refusal:
        if refusal.code != UNAUTHORIZED:
            raise
        return replace(one, refused="find")
    return one


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


def _sort_out(listed: list[Listed], time: Timestamp | None, databases: Sequence[str] | None) -> CatalogRead:
    entries, findings = sort_out(listed, with_temporary=True)
    if all(entry.is_temporary for entry in entries):
        findings.append(_nothing(databases))
    return CatalogRead(tuple(entries), tuple(findings), time)


def _held_to_older_features() -> DatabaseUnsupported:
    """Where this user may ask, this is known beforehand, and it is read as a server of 5.0 is."""
    return DatabaseUnsupported(
        "this server is held to the features of MongoDB 5.0, and this user may not ask it about that",
        'run db.adminCommand({setFeatureCompatibilityVersion: "6.0"}), or grant the action getParameter on the cluster',
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
