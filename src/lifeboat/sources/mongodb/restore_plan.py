"""Decide what a restore will do, before it does any of it: what lands where, replacing what, and what refuses it.

Invariant: planning changes nothing on the server. A plan with refusals is never carried out.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum

from bson import SON

from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.near_names import did_you_mean
from lifeboat.sources.mongodb.any_name import collection_of
from lifeboat.sources.mongodb.apply_ops import why_series_cannot_be_swapped
from lifeboat.sources.mongodb.catalog import BUCKETS, CollectionEntry, Document
from lifeboat.sources.mongodb.catalog_listed import NEVER_CAPTURED
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.errors import RestorePlanInvalid, SeriesNotReplaceable, TargetNotEmpty
from lifeboat.sources.mongodb.landing_names import NAMESPACE_AT_MOST_BYTES, aside_name, is_ours, landing_name, note_name
from lifeboat.sources.mongodb.meaning import in_our_words
from lifeboat.sources.mongodb.renames import Renames
from lifeboat.sources.mongodb.server_facts import look_at_server
from lifeboat.sources.mongodb.target_server import TargetServer, uuid_in

Refusal = RestorePlanInvalid | TargetNotEmpty | SeriesNotReplaceable
SERVER_SCRIPTS = "system.js"
"""Functions stored on the server: the only ``system.`` collection that is the application's."""


class Target(StrEnum):
    """Where a restore goes."""

    EMPTY_PLACE = "empty-place"
    """Another server or another name: a collection that holds anything is refused."""
    OVER_LIVE = "over-live"
    """Live collections of the same name are replaced, one by one, once all of it has landed and was compared."""


class Found(StrEnum):
    """What has the name now."""

    NOTHING = "nothing"
    EMPTY = "empty collection"
    COLLECTION = "collection"
    VIEW = "view"
    SERIES = "time-series collection"
    RESTORED = "already restored"


@dataclass(frozen=True, slots=True)
class Landing:
    """One collection or view, and where it goes.

    Args:
        found: What is there now, and will be replaced.
        live_documents: How many documents that holds, by the server's own estimate; of a time-series collection: buckets.
        beside: Of a time-series collection: whether something has its name, so that it lands elsewhere first.
        has_begun: Whether a killed run may have taken away or replaced what was there.
    """

    entry: CollectionEntry
    database: str
    name: str
    found: Found
    live_documents: int = 0
    beside: bool = True
    has_begun: bool = False

    @property
    def namespace(self) -> str:
        return f"{self.database}.{self.name}"

    @property
    def is_series(self) -> bool:
        return self.entry.is_series

    @property
    def temporary(self) -> str:
        """Where its documents land, in the same database: beside the live ones.

        Buckets cannot be renamed by ordinary means; where nothing has the name of the collection they land in
        their final place, which users do not see before the collection is made over it.
        """
        if not self.is_series:
            return landing_name(self.name)
        return BUCKETS + (landing_name(self.name) if self.beside else self.name)

    @property
    def final(self) -> str:
        """The collection that will hold the documents."""
        return BUCKETS + self.name if self.is_series else self.name

    @property
    def note(self) -> str:
        """Of a time-series collection: where it is noted on the server whose half-made buckets these are."""
        return note_name(self.name)

    @property
    def name_of_stage(self) -> str:
        """Stands for the roomier collection in which a capped one is put together; never a name on the server."""
        return f"{self.name} (before it is capped)"

    @property
    def aside(self) -> str:
        return aside_name(self.name)

    @property
    def is_view(self) -> bool:
        return self.entry.kind == "view"

    def line(self) -> str:
        """For people: ``"shop.orders: collection, replaces a collection of 120 documents"``."""
        came = f" (was {self.entry.namespace})" if self.entry.namespace != self.namespace else ""
        if self.found is Found.NOTHING:
            act = "is new"
        elif self.found is Found.RESTORED:
            act = "is already restored and stays"
        else:
            holding = f" of about {self.live_documents} documents" if self.found is Found.COLLECTION else ""
            holding = f" of about {self.live_documents} buckets" if self.found is Found.SERIES else holding
            article = "an" if self.found is Found.EMPTY else "a"
            act = f"replaces {article} {self.found}{holding}"
        return f"{self.namespace}{came}: {self.entry.kind}, {act}"


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """All of a restore.

    Args:
        untouched: Live collections in the same databases that the snapshot does not have; they stay.
        refusals: Why it cannot be done; ``carry_out`` raises the first.
    """

    target: Target
    landings: tuple[Landing, ...]
    untouched: tuple[str, ...]
    refusals: tuple[Refusal, ...]
    findings: tuple[Finding, ...]

    def lines(self) -> list[str]:
        """The plan for people, one thing a line."""
        said = [landing.line() for landing in self.landings]
        said += [f"{namespace}: not in the snapshot, stays as it is" for namespace in self.untouched]
        return said + [f"refused: {refusal.message}" for refusal in self.refusals]


def plan_restore(
    client: Client,
    entries: Sequence[CollectionEntry],
    *,
    target: Target,
    renames: Sequence[str] = (),
    only: Sequence[str] = (),
    finished: AbstractSet[str] = frozenset(),
) -> RestorePlan:
    """Plan a restore of some entries of a capture.

    Args:
        renames: ``FROM=TO`` each, a database or a ``DB.COLL`` on both sides.
        only: Databases or namespaces, as they were captured; empty for all.
        finished: What an earlier run of the same restore marked; its collections are known again by their UUID.

    Raises:
        RestorePlanInvalid: A rename or a name in ``only`` cannot be read or fits nothing.
        DatabaseUnsupported, DatabaseUnreachable, DatabaseRightMissing.
    """
    server = TargetServer(client)
    server.repeat(lambda: look_at_server(client))
    chosen = _choose(entries, only)
    names = Renames.read(renames)
    places = [(entry, *names.place_for(entry)) for entry in chosen]
    names.refuse_unused()
    databases = sorted({database for _, database, _ in places})
    live = {database: server.listed(database) for database in databases}
    landings = tuple(
        _landing_of_series(server, place, live[place[1]], finished)
        if place[0].is_series
        else _landing(server, place, live[place[1]], finished)
        for place in places
    )
    ours = {(one.database, name) for one in landings for name in (one.temporary, one.aside, one.note)}
    ours |= {(one.database, prefix + landing_name(one.name)) for one in landings for prefix in ("", BUCKETS)}
    ours |= {(landing.database, landing_name(landing.name_of_stage)) for landing in landings}
    return RestorePlan(
        target,
        landings,
        untouched=_untouched(landings, live),
        refusals=(
            *_impossible(landings),
            *_not_empty(landings, target),
            *_in_the_way(server, landings, live, finished),
            *_not_replaceable(server, landings),
        ),
        findings=_strangers_leftovers(live, ours),
    )


def _choose(entries: Sequence[CollectionEntry], only: Sequence[str]) -> list[CollectionEntry]:
    known = {name for entry in entries for name in (entry.database, entry.namespace)}
    for name in only:
        if name not in known:
            raise RestorePlanInvalid(
                f"the snapshot has nothing called {name}",
                f"{did_you_mean(name, known)}`lifeboat snapshots SNAPSHOT` lists what it has",
            )
    return [entry for entry in entries if not only or {entry.database, entry.namespace} & set(only)]


def _landing(
    server: TargetServer,
    place: tuple[CollectionEntry, str, str],
    live: Mapping[str, Document],
    finished: AbstractSet[str],
) -> Landing:
    entry, database, name = place
    there = live.get(name)
    if there is None:
        # A killed run may have taken away what was there: a view, or a collection now aside.
        has_begun = aside_name(name) in live or is_marked(live.get(landing_name(name)), f"{database}.{name}", finished)
        return Landing(entry, database, name, Found.NOTHING, has_begun=has_begun)
    if there["type"] == "timeseries":
        return Landing(entry, database, name, *_series_there(server, database, name, live))
    if there["type"] != "collection":
        is_this_one = entry.kind == "view" and _without_source(there["options"]) == _without_source(entry.options)
        return Landing(entry, database, name, Found.RESTORED if is_this_one else Found.VIEW, has_begun=is_this_one)
    if f"compared:{uuid_in(there)} {database}.{name}" in finished:
        # The server's scripts are copied, not renamed: theirs is the right collection before it holds all.
        is_done = name != SERVER_SCRIPTS or f"armed {database}.{name}" in finished
        return Landing(entry, database, name, Found.RESTORED if is_done else Found.EMPTY, has_begun=True)
    documents = server.repeat(lambda: _documents_in(server, database, name))
    return Landing(entry, database, name, Found.COLLECTION if documents else Found.EMPTY, documents)


def _documents_in(server: TargetServer, database: str, name: str) -> int:
    """About how many; 0 is exact."""
    with in_our_words(f"looking into {database}.{name}"):
        collection = collection_of(server.database(database), name)
        if collection.find_one({}, projection={"_id": 1}) is None:
            return 0
        return max(1, collection.estimated_document_count())


def _landing_of_series(
    server: TargetServer,
    place: tuple[CollectionEntry, str, str],
    live: Mapping[str, Document],
    finished: AbstractSet[str],
) -> Landing:
    """Where it lands hangs on what has its name, and on how far a killed run had come."""
    entry, database, name = place
    there, in_place = live.get(name), is_marked(live.get(BUCKETS + name), f"{database}.{name}", finished)
    is_beside = is_marked(live.get(BUCKETS + landing_name(name)), f"{database}.{name}", finished)
    beside = not in_place and (there is not None or is_beside)
    has_begun = in_place or (is_beside and (there is None or BUCKETS + name not in live))
    if there is None:
        return Landing(entry, database, name, Found.NOTHING, 0, beside, has_begun)
    if there["type"] == "timeseries":
        if in_place and not noted(server, database, name, live).get("old_view"):
            return Landing(entry, database, name, Found.RESTORED, 0, False, True)
        found, buckets = _series_there(server, database, name, live)
        return Landing(entry, database, name, found, buckets, beside, has_begun)
    other = _landing(server, place, live, frozenset())
    return Landing(entry, database, name, other.found, other.live_documents, beside, has_begun)


def _series_there(server: TargetServer, database: str, name: str, live: Mapping[str, Document]) -> tuple[Found, int]:
    """Whether a live time-series collection holds anything, and about how many buckets."""
    if BUCKETS + name not in live:
        return Found.EMPTY, 0
    buckets = server.repeat(lambda: _documents_in(server, database, BUCKETS + name))
    return (Found.SERIES if buckets else Found.EMPTY), buckets


def is_marked(there: Document | None, namespace: str, finished: AbstractSet[str]) -> bool:
    """Whether an earlier run of this restore landed this collection and compared it."""
    return there is not None and f"compared:{uuid_in(there)} {namespace}" in finished


def noted(server: TargetServer, database: str, name: str, live: Mapping[str, Document]) -> Document:
    """What a killed restore, this or another, noted of the buckets that are there now; empty when they are not ours."""
    note, uuid = note_name(name), uuid_in(live.get(BUCKETS + name))
    if uuid is None or live.get(note, SON(type=""))["type"] != "collection":
        return SON()
    doing = f"looking into {database}.{note}"
    answer = server.ask(database, doing, "find", note, filter={"_id": uuid}, singleBatch=True)
    return next((SON(each) for each in answer["cursor"]["firstBatch"]), SON())


def _without_source(options: Document) -> dict[str, object]:
    """A view's definition without the name of what it looks at, which a rename changes."""
    return {key: value for key, value in options.items() if key != "viewOn"}


def _untouched(landings: Sequence[Landing], live: Mapping[str, Mapping[str, Document]]) -> tuple[str, ...]:
    replaced = {landing.namespace for landing in landings}
    all_live = [(database, name) for database, collections in live.items() for name in collections]
    return tuple(
        sorted(
            f"{database}.{name}"
            for database, name in all_live
            if f"{database}.{name}" not in replaced and not is_ours(name) and not name.startswith("system.")
        )
    )


def _impossible(landings: Sequence[Landing]) -> list[Refusal]:
    refusals: list[Refusal] = []
    taken: set[str] = set()
    for landing in landings:
        if landing.namespace in taken:
            message = f"two collections would land in {landing.namespace}"
            refusals.append(RestorePlanInvalid(message, "does one of the renames collide with another collection?"))
        taken.add(landing.namespace)
        if len(f"{landing.database}.{landing.final}".encode()) > NAMESPACE_AT_MOST_BYTES:
            message = f"{landing.namespace} is longer than the 255 bytes a server takes"
            refusals.append(RestorePlanInvalid(message, "rename it to something shorter"))
        if landing.database in NEVER_CAPTURED:
            message = f"{landing.database} belongs to the server: nothing is restored into it"
            refusals.append(RestorePlanInvalid(message, "rename to another database"))
    return refusals


def _not_empty(landings: Sequence[Landing], target: Target) -> list[Refusal]:
    if target is Target.OVER_LIVE:
        return []
    full = [landing.namespace for landing in landings if landing.found in (Found.COLLECTION, Found.VIEW, Found.SERIES)]
    if not full:
        return []
    named = ", ".join(full[:5]) + (f" and {len(full) - 5} more" if len(full) > 5 else "")
    return [
        TargetNotEmpty(
            f"the target is not empty: {named}",
            "restore under another name (another --to, or --rename FROM=TO), or drop what is there first",
        )
    ]


def _in_the_way(
    server: TargetServer,
    landings: Sequence[Landing],
    live: Mapping[str, Mapping[str, Document]],
    finished: AbstractSet[str],
) -> list[Refusal]:
    """Buckets under the name of something that is no time-series collection: the server sends writes of that name to them."""
    refusals: list[Refusal] = []
    for landing in landings:
        collections = live[landing.database]
        there, buckets = collections.get(landing.name), collections.get(BUCKETS + landing.name)
        is_whole = there is not None and there["type"] == "timeseries"
        if buckets is None or is_whole or is_marked(buckets, landing.namespace, finished):
            continue
        if landing.is_series and there is None and _is_ours_to_clear(server, landing, collections):
            continue
        refusals.append(
            RestorePlanInvalid(
                f"{landing.database}.{landing.final} lies under the name {landing.namespace}: data of a time-series "
                "collection that is not there, and not of this restore",
                "finish the restore that left it, or restore under another name with --rename",
            )
        )
    return refusals


def _is_ours_to_clear(server: TargetServer, landing: Landing, live: Mapping[str, Document]) -> bool:
    """Left by a killed restore, which noted it; or so early that it could not note it, and then it holds nothing."""
    if noted(server, landing.database, landing.name, live):
        return True
    return _series_there(server, landing.database, landing.name, live)[0] is Found.EMPTY


def _not_replaceable(server: TargetServer, landings: Sequence[Landing]) -> list[Refusal]:
    """Time-series collections that would replace something, where the server does not let this user."""
    replacing = [one for one in landings if one.is_series and one.beside and one.found is not Found.RESTORED]
    if not replacing:
        return []
    missing = why_series_cannot_be_swapped(server, replacing[0].database)
    if missing is None:
        return []
    named = ", ".join(one.namespace for one in replacing[:5]) + (" ..." if len(replacing) > 5 else "")
    return [
        SeriesNotReplaceable(
            f"{named} cannot be replaced: the server swaps time-series collections by applyOps alone; {missing}",
            "give the user the role `restore`, or applyOps on the cluster as in docs/operations.md; where nobody can have it "
            "(hosted services), restore under another name with --rename, and decide then",
        )
    ]


def _strangers_leftovers(
    live: Mapping[str, Mapping[str, Document]], ours: AbstractSet[tuple[str, str]]
) -> tuple[Finding, ...]:
    left = [(database, name) for database, names in live.items() for name in names if is_ours(name)]
    return tuple(
        Finding(
            Level.WARNING,
            "restore-leftover",
            f"{database}.{name}",
            f"{database}.{name} is left over from another restore that did not finish; it stays",
            "finish that restore, or drop the collection",
        )
        for database, name in sorted(left)
        if (database, name) not in ours
    )
