"""Decide what a restore will do, before it does any of it: what lands where (``landing.py``), replacing what (``landing_place.py``), and what
refuses it (``restore_refusals.py``).

Invariant: planning changes nothing on the server. A plan with refusals is never carried out.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.near_names import did_you_mean
from lifeboat.foundation.value import Value
from lifeboat.sources.mongodb.catalog import BUCKETS, CollectionEntry, Document
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.errors import RestorePlanInvalid
from lifeboat.sources.mongodb.landing import Landing, Target
from lifeboat.sources.mongodb.landing_names import is_ours, landing_name
from lifeboat.sources.mongodb.landing_place import look_at_place
from lifeboat.sources.mongodb.renames import Renames
from lifeboat.sources.mongodb.restore_refusals import Refusal, what_refuses
from lifeboat.sources.mongodb.server_facts import look_at_server
from lifeboat.sources.mongodb.target_server import TargetServer


class RestorePlan(Value):
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
    landings = tuple(look_at_place(server, place, live[place[1]], finished) for place in places)
    ours = {(one.database, name) for one in landings for name in (one.temporary, one.aside, one.note)}
    ours |= {(one.database, prefix + landing_name(one.name)) for one in landings for prefix in ("", BUCKETS)}
    ours |= {(landing.database, landing_name(landing.name_of_stage)) for landing in landings}
    return RestorePlan(
        target,
        landings,
        untouched=_untouched(landings, live),
        refusals=what_refuses(server, landings, target, live, finished),
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
