"""Does the store keep its promises, do the clocks agree, and where do the copies lie?"""

import os
from urllib.parse import urlsplit

from lifeboat.cloud.regions import NOT_LEGAL_ADVICE, where_it_lies
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.finding import Finding, Level
from lifeboat.repository.names import CONFIG, PROBES
from lifeboat.storage.conformance.suite import check_conformance
from lifeboat.storage.object_store import ObjectStore

CLOCK_WARNING_SECONDS = 60.0
"""S3 refuses requests that are 15 minutes off; a minute off already makes ages and instants doubtful."""


def check_answers(store: ObjectStore) -> list[Finding]:
    """Ask for what lies there, which fails at once for a wrong address, name or key; who may open a repository may ask it."""
    next(iter(store.list_under(CONFIG)), None)
    return [Finding(Level.OK, "store-answers", store.describe(), "answers")]


def check_store(store: ObjectStore, clock: Clock) -> list[Finding]:
    """Try the store's promises in a scratch prefix, which is removed again."""
    return check_conformance(store, f"{PROBES}{os.urandom(8).hex()}/", clock=clock, thorough=False)


def check_clock(store: ObjectStore, clock: Clock) -> list[Finding]:
    """Compare this machine's clock with the store's."""
    ahead = (clock.now() - store.time_there()).total_seconds()
    if abs(ahead) > CLOCK_WARNING_SECONDS:
        return [
            Finding(
                Level.WARNING,
                "clock-off",
                "this machine's clock",
                f"it is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the store's",
                "set it by NTP: `sudo timedatectl set-ntp true`",
            )
        ]
    return [Finding(Level.OK, "clock", "this machine's clock", "agrees with the store's")]


def check_residency(where: str, region: str | None, endpoint: str | None, in_a_folder: bool) -> list[Finding]:
    """Say in which country the copies lie, as far as it can be known. A note: whether that may be is not ours to judge.

    Args:
        where: The repository's location.
        region: As the settings name it; None where the machine's own AWS settings decide.
    """
    if in_a_folder:
        return [Finding(Level.OK, "residency", where, "the copies lie in a folder: in the country of its disk")]
    if endpoint:
        host = urlsplit(endpoint).hostname or endpoint
        return [
            Finding(
                Level.OK, "residency", where, f"the copies lie at {host}: in which country is that? {NOT_LEGAL_ADVICE}"
            )
        ]
    if region is None:
        message = "no region is named, so where the copies lie depends on this machine's own AWS settings"
        return [Finding(Level.WARNING, "residency-unknown", where, message, "set AWS_REGION to the bucket's region")]
    return [Finding(Level.OK, "residency", where, where_it_lies(region))]
