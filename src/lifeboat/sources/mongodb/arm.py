"""Switch on what deletes or refuses by itself (expiry, preparation for uniqueness), after comparison and swap."""

from bson import SON

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.finding import Finding, Level
from lifeboat.sources.mongodb.blueprint import Arming, armings_of, differing_indexes, same_options
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.errors import DatabaseRefused
from lifeboat.sources.mongodb.meaning import in_our_words
from lifeboat.sources.mongodb.on_primary import MAJORITY, listed, on_primary, patiently, run
from lifeboat.sources.mongodb.restore_plan import Landing


def arm(client: Client, landing: Landing, not_built: set[str], clock: Clock) -> list[Finding]:
    """Arm a swapped-in collection and compare its final shape with the captured one.

    Args:
        not_built: Names of indexes that already are a finding.
    """
    findings = []
    for arming in armings_of(landing.entry):
        if _index_of(arming) not in not_built:
            findings += _arm_one(client, landing, arming, clock)
    if not findings:
        findings = _compare_final(client, landing, not_built)
    return findings


def _arm_one(client: Client, landing: Landing, arming: Arming, clock: Clock) -> list[Finding]:
    if not arming.is_sound:
        return [_not_armed(landing, arming, "its value is not a number of seconds that servers understand alike")]
    doing = f"switching on {_show(arming)} of {landing.namespace}"
    try:
        patiently(
            clock,
            lambda: run(
                client,
                landing.database,
                doing,
                "collMod",
                landing.name,
                **arming.arguments,
                writeConcern=MAJORITY,
            ),
        )
    except DatabaseRefused as refusal:
        return [_not_armed(landing, arming, refusal.message)]
    return []


def _compare_final(client: Client, landing: Landing, not_built: set[str]) -> list[Finding]:
    there = listed(client, landing.database, landing.name).get(landing.name, SON(options=SON()))
    with in_our_words(f"comparing the indexes of {landing.namespace}"):
        have = list(on_primary(client, landing.database)[landing.name].list_indexes())
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
