"""Which names have lost their object, and which version of each is the right one: the newest whose bytes have the hash in the name.

Hashes are those that the store recorded when a version was written; where it has none, small versions are read, and large ones too when
there is more than one to choose from.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from lifeboat.foundation.progress import Progress
from lifeboat.foundation.value import Value
from lifeboat.repository.names import CATALOG, CONFIG, KEYS, LEDGER, PROBES, digest, stated_digest
from lifeboat.repository.objects import SMALL_OBJECT_BYTES
from lifeboat.storage.errors import ObjectArchived, ObjectMissing, StorageDenied
from lifeboat.storage.versions import KeepsVersions, Version, Versioned

AT_ONCE = 8
BATCH = 256


class Lost(Value):
    """A name whose object readers do not get.

    Args:
        hidden: By a delete marker; else other bytes were written over it.
        since: When that was done, by the store's clock.
        back: The version to bring back; None: none of those that are left is it.
        markers: Ids of the markers on top of that version, the newest first; empty where something else lies there, too.
        sure: Its hash was compared. False: it lies in an archive class, or is large and the only one.
    """

    name: str
    hidden: bool
    since: datetime
    back: Version | None
    markers: tuple[str, ...] = ()
    sure: bool = True


class UndeletePlan(Value):
    """All that would be brought back, in this order: what is named comes before what names it."""

    lost: tuple[Lost, ...]
    whole: int
    """Names whose object is there, as far as a listing and, of several versions, their hashes tell."""

    @property
    def coming(self) -> tuple[Lost, ...]:
        return tuple(one for one in self.lost if one.back is not None)

    @property
    def gone(self) -> tuple[Lost, ...]:
        return tuple(one for one in self.lost if one.back is None)


def plan_undelete(place: KeepsVersions, progress: Progress, since: datetime | None) -> UndeletePlan:
    """Look at every name that carries a hash. Args: since: What was lost before stays as it is; None: all of it comes back."""
    progress.begin("looking at versions")
    lost: list[Lost] = []
    whole = 0
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="versions") as pool:
        for batch in _batches(place.versions_under("")):
            for found in pool.map(lambda one: _look(place, one), batch):
                progress.advance(done_items=1)
                if found is None:
                    whole += 1
                elif since is None or found.since >= since:
                    lost.append(found)
    return UndeletePlan(tuple(sorted(lost, key=lambda one: (_order(one.name), one.name))), whole)


def _batches(names: Iterator[Versioned]) -> Iterator[list[Versioned]]:
    batch: list[Versioned] = []
    for one in names:
        if one.name.startswith(PROBES) or stated_digest(one.name) is None:
            continue
        batch.append(one)
        if len(batch) >= BATCH:
            yield batch
            batch = []
    yield batch


def _look(place: KeepsVersions, one: Versioned) -> Lost | None:
    """None: its object is there."""
    if len(one.versions) == 1 and not one.is_hidden:
        return None
    contents = [version for version in one.versions if not version.is_marker]
    top = one.versions[0]
    known: dict[str, bool | None] = {}
    for version in contents:
        # A version that nobody can choose instead of another is believed unread; verify reads it.
        known[version.id] = _is_right(place, one.name, version, must_read=len(contents) > 1)
        if known[version.id]:
            break
    right = next((version for version in contents if known.get(version.id)), None)
    unsure = next((version for version in contents if known.get(version.id) is None and version.id in known), None)
    back = right or unsure
    if back is not None and back.id == top.id:
        return None
    if back is None:
        return Lost(one.name, one.is_hidden, one.versions[0].modified, None)
    # Of two in one second only the latest is known to be later: a marker as old as the version counts as above it.
    markers = tuple(version for version in one.versions if version.is_marker and version.modified >= back.modified)
    over = contents[: contents.index(back)]
    ids = () if over else tuple(version.id for version in markers)
    return Lost(one.name, one.is_hidden, _since(one, (*markers, *over)), back, ids, sure=right is not None)


def _since(one: Versioned, above: Sequence[Version]) -> datetime:
    """When the first thing came to lie on top of what should be there."""
    return min((version.modified for version in above), default=one.versions[0].modified)


def _is_right(place: KeepsVersions, name: str, version: Version, must_read: bool) -> bool | None:
    """Whether a version's bytes have the hash in the name; None: it cannot be told, or only by reading much."""
    try:
        told = place.hash_of_version(name, version.id)
        if told is not None:
            return told == stated_digest(name)
        if version.size_bytes > SMALL_OBJECT_BYTES and not must_read:
            return None
        return digest(place.read_version(name, version.id)) == stated_digest(name)
    except (ObjectArchived, StorageDenied):
        return None
    except ObjectMissing:
        return False


def _order(name: str) -> int:
    """Configuration and ledger, keys, packs and segments, catalogs: a snapshot shows again once all that it needs does."""
    if name.startswith(CATALOG):
        return 3
    if name.startswith(KEYS):
        return 1
    return 0 if name.startswith((CONFIG, LEDGER)) and name.count("/") == 1 else 2
