"""Decide what a restore will do, before it does any of it: what lands where, replacing what, and what refuses it.

Invariant: planning changes nothing on the server. A plan with refusals is never carried out.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum

from lifeboat.foundation.finding import Finding, Level
from lifeboat.sources.mongodb.catalog import CollectionEntry, Document
from lifeboat.sources.mongodb.catalog_read import NEVER_CAPTURED
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.errors import RestorePlanInvalid, TargetNotEmpty
from lifeboat.sources.mongodb.landing_names import NAMESPACE_AT_MOST_BYTES, aside_name, is_ours, landing_name
from lifeboat.sources.mongodb.meaning import in_our_words
from lifeboat.sources.mongodb.renames import Renames
from lifeboat.sources.mongodb.server_facts import look_at_server
from lifeboat.sources.mongodb.target_server import TargetServer, uuid_in

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
    RESTORED = "already restored"


@dataclass(frozen=True, slots=True)
class Landing:
    """One collection or view, and where it goes.

    Args:
        found: What is there now, and will be replaced.
        live_documents: How many documents that holds, by the server's own estimate.
    """

    entry: CollectionEntry
    database: str
    name: str
    found: Found
    live_documents: int = 0

    @property
    def namespace(self) -> str:
        return f"{self.database}.{self.name}"

    @property
    def temporary(self) -> str:
        """The collection beside the live one, in the same database."""
        return landing_name(self.name)

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
    refusals: tuple[RestorePlanInvalid | TargetNotEmpty, ...]
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
    landings = tuple(_landing(server, place, live[place[1]], finished) for place in places)
    ours = {(landing.database, landing.temporary) for landing in landings}
    ours |= {(landing.database, landing.aside) for landing in landings}
    return RestorePlan(
        target,
        landings,
        untouched=_untouched(landings, live),
        refusals=(*_impossible(landings, live), *_not_empty(landings, target)),
        findings=_strangers_leftovers(live, ours),
    )


def _choose(entries: Sequence[CollectionEntry], only: Sequence[str]) -> list[CollectionEntry]:
    for name in only:
        if not any(name in (entry.database, entry.namespace) for entry in entries):
            raise RestorePlanInvalid(
                f"the snapshot has nothing called {name}", "`lifeboat snapshots SNAPSHOT` lists what it has"
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
        return Landing(entry, database, name, Found.NOTHING)
    if there["type"] != "collection":
        is_this_one = entry.kind == "view" and _without_source(there["options"]) == _without_source(entry.options)
        return Landing(entry, database, name, Found.RESTORED if is_this_one else Found.VIEW)
    if f"compared:{uuid_in(there)} {database}.{name}" in finished:
        # The server's scripts are copied, not renamed: theirs is the right collection before it holds all.
        is_done = name != SERVER_SCRIPTS or f"armed {database}.{name}" in finished
        return Landing(entry, database, name, Found.RESTORED if is_done else Found.EMPTY)
    documents = server.repeat(lambda: _documents_in(server, database, name))
    return Landing(entry, database, name, Found.COLLECTION if documents else Found.EMPTY, documents)


def _documents_in(server: TargetServer, database: str, name: str) -> int:
    """About how many; 0 is exact."""
    with in_our_words(f"looking into {database}.{name}"):
        collection = server.database(database)[name]
        if collection.find_one({}, projection={"_id": 1}) is None:
            return 0
        return max(1, collection.estimated_document_count())


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


def _impossible(
    landings: Sequence[Landing], live: Mapping[str, Mapping[str, Document]]
) -> list[RestorePlanInvalid | TargetNotEmpty]:
    refusals: list[RestorePlanInvalid | TargetNotEmpty] = []
    taken: set[str] = set()
    for landing in landings:
        if landing.namespace in taken:
            message = f"two collections would land in {landing.namespace}"
            refusals.append(RestorePlanInvalid(message, "does one of the renames collide with another collection?"))
        taken.add(landing.namespace)
        if len(landing.namespace.encode()) > NAMESPACE_AT_MOST_BYTES:
            message = f"{landing.namespace} is longer than the 255 bytes a server takes"
            refusals.append(RestorePlanInvalid(message, "rename it to something shorter"))
        if landing.database in NEVER_CAPTURED:
            message = f"{landing.database} belongs to the server: nothing is restored into it"
            refusals.append(RestorePlanInvalid(message, "rename to another database"))
        there = live[landing.database].get(landing.name)
        if there is not None and there["type"] == "timeseries":
            message = f"{landing.namespace} is a time-series collection, which this version does not replace"
            refusals.append(RestorePlanInvalid(message, "restore under another name with --rename, and decide then"))
    return refusals


def _not_empty(landings: Sequence[Landing], target: Target) -> list[RestorePlanInvalid | TargetNotEmpty]:
    if target is Target.OVER_LIVE:
        return []
    full = [landing.namespace for landing in landings if landing.found in (Found.COLLECTION, Found.VIEW)]
    if not full:
        return []
    named = ", ".join(full[:5]) + (f" and {len(full) - 5} more" if len(full) > 5 else "")
    return [
        TargetNotEmpty(
            f"the target is not empty: {named}",
            "restore under another name (another --to, or --rename FROM=TO), or drop what is there first",
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
