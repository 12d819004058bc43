"""Snapshots that the replica has and the repository has no more: whether somebody who may say so had them forgotten."""

from collections.abc import Iterable

from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.repository.description import Description
from lifeboat.repository.names import stated_digest
from lifeboat.repository.objects import read_listed
from lifeboat.repository.statements import Verb, open_statement
from lifeboat.storage.object_store import ObjectStore

NAMED_AT_MOST = 5


def unexplained(replica: ObjectStore, description: Description, records: Iterable[str]) -> list[str]:
    """Those of these records (names of objects) that no signed ``forget`` in the replica speaks of. Needs no key."""
    places: dict[str, set[str]] = {}
    for name in records:
        places.setdefault(name.rpartition("/")[0] + "/", set()).add(name)
    left = []
    for place, names in sorted(places.items()):
        forgotten = _forgotten(replica, description, place)
        left += sorted(name for name in names if stated_digest(name) not in forgotten)
    return left


def tell(lost: list[str], source: str) -> list[Finding]:
    """One finding for all of them."""
    if not lost:
        return []
    some = ", ".join(name.rpartition("snapshot-")[2][:16] for name in lost[:NAMED_AT_MOST])
    count = "a snapshot" if len(lost) == 1 else f"{len(lost):,} snapshots"
    return [
        Finding(
            Level.PROBLEM,
            "repository-lost-snapshots",
            source,
            f"{count} (record {some}{', ...' if len(lost) > NAMED_AT_MOST else ''}) went from the repository, and nobody had them "
            "forgotten; the replica keeps them",
            "who could delete there? `lifeboat verify` says what else is gone; `lifeboat snapshots --replica NAME` lists what the replica has",
        )
    ]


def _forgotten(replica: ObjectStore, description: Description, place: str) -> set[str]:
    verb = f"{place}{Verb.FORGET}-"
    listed = [stored for stored in replica.list_under(place) if stored.name.startswith(verb)]
    found: set[str] = set()
    for name, raw in read_listed(replica, listed):
        if isinstance(raw, LifeboatError) and not raw.worth_retrying:
            continue
        if isinstance(raw, Exception):
            raise raw
        try:
            found.update(open_statement(raw, name, description).records)
        except LifeboatError:
            continue
    return found
