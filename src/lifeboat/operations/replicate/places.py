"""Whether a place may become, or is, the replica of a repository; and the end of a replica, when it becomes the repository.

Invariant: a place is written to only when it is empty, or was marked as a replica of this repository, or somebody said that the copy which
lies there is one.
"""

from datetime import datetime
from enum import StrEnum

from lifeboat.foundation.value import Value
from lifeboat.operations.replicate.errors import (
    ReplicaIsTheSource,
    ReplicaNotMarked,
    ReplicaOfAnother,
    ReplicaPlaceTaken,
)
from lifeboat.repository.description import Description, read_description
from lifeboat.repository.errors import NoRepository
from lifeboat.repository.replica import read_marks, write_mark
from lifeboat.storage.object_store import ObjectStore


class Found(StrEnum):
    """What lies at the place."""

    NOTHING = "nothing"
    REPLICA = "replica"
    """Marked as one of this repository, finished or not."""
    UNMARKED = "unmarked"
    """The same repository, by its id."""


class Place(Value):
    """A place that was looked at, and where it and the repository lie."""

    store: ObjectStore
    found: Found
    source: str


def look_at_place(source: ObjectStore, description: Description, target: ObjectStore, *, adopt: bool) -> Place:
    """Look, and refuse what cannot be a replica; changes nothing.

    Args:
        adopt: An unmarked copy of this repository, made by another tool, is to become one.

    Raises:
        ReplicaRefused: In one of its kinds.
    """
    there = target.describe()
    if next(iter(target.list_under("")), None) is None:
        return Place(target, Found.NOTHING, source.describe())
    marked = {mark.repository for mark in read_marks(target)}
    ours = description.repository.hex()
    try:
        found = read_description(target, pinned=description.fingerprints()).repository.hex()
    except NoRepository:
        if marked == {ours}:
            return Place(target, Found.REPLICA, source.describe())  # ended before its first object
        raise ReplicaPlaceTaken(
            f"{there} is not empty, and no repository lies there",
            "name an empty prefix or folder for the replica",
        ) from None
    if found != ours:
        raise ReplicaOfAnother(
            f"another repository ({found[:8]}) lies at {there}; this one is {ours[:8]}",
            "name another prefix or folder: each repository has replicas of its own",
        )
    if ours in marked:
        return Place(target, Found.REPLICA, source.describe())
    if not adopt:
        raise ReplicaNotMarked(
            f"this repository lies at {there} too, but not as a replica: somebody may be backing up into it",
            "is it a copy that another tool made, and nothing else writes there? `lifeboat replicate --adopt` takes it over",
        )
    return Place(target, Found.UNMARKED, source.describe())


def take_place(place: Place, source: ObjectStore, description: Description, now: datetime) -> None:
    """Mark it, before anything else is written there; raises ``ReplicaIsTheSource``."""
    if place.found is Found.REPLICA:
        return
    mark = write_mark(place.store, description.repository, place.source, now)
    # Two addresses may lead to one place: what was written there would then be seen here.
    if any(one.name == mark for one in read_marks(source)):
        place.store.delete(mark)
        raise ReplicaIsTheSource(
            f"{place.store.describe()} is the repository itself by another name", "a second copy lies somewhere else"
        )


def promote(store: ObjectStore) -> int:
    """Make a replica the repository: its marks go; returns how many that were."""
    marks = read_marks(store)
    for mark in marks:
        store.delete(mark.name)
    return len(marks)
