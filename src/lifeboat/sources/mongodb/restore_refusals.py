"""What refuses a restore before it has begun: names that cannot be, places that are taken, what this user may not replace."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from lifeboat.sources.mongodb.apply_ops import why_series_cannot_be_swapped
from lifeboat.sources.mongodb.catalog import BUCKETS, Document
from lifeboat.sources.mongodb.catalog_listed import NEVER_CAPTURED
from lifeboat.sources.mongodb.errors import RestorePlanInvalid, SeriesNotReplaceable, TargetNotEmpty
from lifeboat.sources.mongodb.landing import Found, Landing, Target
from lifeboat.sources.mongodb.landing_names import NAMESPACE_AT_MOST_BYTES
from lifeboat.sources.mongodb.landing_place import is_marked, noted, series_there
from lifeboat.sources.mongodb.target_server import TargetServer

Refusal = RestorePlanInvalid | TargetNotEmpty | SeriesNotReplaceable


def what_refuses(
    server: TargetServer,
    landings: Sequence[Landing],
    target: Target,
    live: Mapping[str, Mapping[str, Document]],
    finished: AbstractSet[str],
) -> tuple[Refusal, ...]:
    """All of it, so that people mend it once. Args: live: By database, what it lists. finished: What an earlier run of the restore marked."""
    return (
        *_impossible(landings),
        *_not_empty(landings, target),
        *_in_the_way(server, landings, live, finished),
        *_not_replaceable(server, landings),
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
    return series_there(server, landing.database, landing.name, live)[0] is Found.EMPTY


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
