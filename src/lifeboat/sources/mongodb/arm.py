"""Switch on what deletes or refuses by itself (expiry, preparation for uniqueness), after comparison and swap."""

from bson import SON

from lifeboat.foundation.finding import Finding, Level
from lifeboat.sources.mongodb.blueprint import Arming, armings_of, differing_indexes, indexes_to_build, same_options
from lifeboat.sources.mongodb.errors import DatabaseRefused
from lifeboat.sources.mongodb.landing import Landing
from lifeboat.sources.mongodb.target_server import TargetServer


def arm(server: TargetServer, landing: Landing, not_built: set[str]) -> list[Finding]:
    """Arm a swapped-in collection and compare its final shape with the captured one.

    Args:
        not_built: Names of indexes that already are a finding.
    """
    findings = _build_translated(server, landing)
    for arming in armings_of(landing.entry):
        if _index_of(arming) not in not_built:
            findings += _arm_one(server, landing, arming)
    if not findings:
        findings = _compare_final(server, landing, not_built)
    return findings


def _build_translated(server: TargetServer, landing: Landing) -> list[Finding]:
    """Build the indexes that are known as users see them alone: the server translates them for its buckets."""
    if not landing.entry.indexes_to_translate:
        return []
    doing = f"building indexes of {landing.namespace}"
    indexes = indexes_to_build(landing.entry)
    for index in indexes:
        if index.get("collation") == landing.entry.options.get("collation"):
            # It is inherited; said aloud, the server refuses it beside a partialFilterExpression.
            index.pop("collation", None)
    try:
        server.tell(
            landing.database, doing, "createIndexes", landing.name, indexes=indexes, ignoreUnknownIndexOptions=True
        )
    except DatabaseRefused as refusal:
        return [
            Finding(
                Level.PROBLEM,
                "index-not-built",
                landing.namespace,
                f"the indexes of {landing.namespace} could not be built: {refusal.message}",
                "create them by hand; the snapshot's description has them",
                tuple(str(index["name"]) for index in indexes),
            )
        ]
    return []


def _arm_one(server: TargetServer, landing: Landing, arming: Arming) -> list[Finding]:
    if not arming.is_sound:
        return [_not_armed(landing, arming, "its value is not a number of seconds that servers understand alike")]
    doing = f"switching on {_show(arming)} of {landing.namespace}"
    try:
        server.tell(landing.database, doing, "collMod", landing.name, **arming.arguments)
    except DatabaseRefused as refusal:
        return [_not_armed(landing, arming, refusal.message)]
    return []


def _compare_final(server: TargetServer, landing: Landing, not_built: set[str]) -> list[Finding]:
    there = server.listed(landing.database, landing.name).get(landing.name, SON(options=SON()))
    have = server.indexes_of(landing.database, landing.name)
    differing = [name for name in differing_indexes(landing.entry.indexes, have, armed=True) if name not in not_built]
    if not same_options(landing.entry.options, there["options"], armed=True):
        differing.append("its options")
    return [
        Finding(
            Level.PROBLEM,
            "shape-differs",
            landing.namespace,
            f"{landing.namespace} is restored, but not as it was: {name}",
            "compare it with the snapshot's description; did somebody change it meanwhile?",
        )
        for name in differing
    ]


def _index_of(arming: Arming) -> str | None:
    return str(arming.arguments["index"]["name"]) if "index" in arming.arguments else None


def _show(arming: Arming) -> str:
    name = _index_of(arming)
    return f"the index {name}" if name else "the expiry"


def _not_armed(landing: Landing, arming: Arming, why: str) -> Finding:
    return Finding(
        Level.WARNING,
        "expiry-not-armed",
        landing.namespace,
        f"{_show(arming)} of {landing.namespace} is there but not switched on: {why}",
        "switch it on by hand with collMod when you know the right value",
    )
