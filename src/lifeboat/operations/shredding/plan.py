"""What dies when the data keys of a generation are destroyed: snapshots, moments, copies; and what stands against it. Nothing is changed.

Packs that were carried into later months took their keys along: those copies go, too, and with them what leans on them there.
"""

from collections.abc import Iterable
from datetime import datetime

from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.value import Value, field
from lifeboat.repository.catalog_format import Index
from lifeboat.repository.granting import list_keys
from lifeboat.repository.names import KEYS, SEGMENTS, key_name
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import Record
from lifeboat.repository.segments import StoredSegment, read_segment_name
from lifeboat.repository.statements import NOTHING_SAID, record_digest
from lifeboat.retention.periods import closes
from lifeboat.storage.conformance.hooks import unwrapped
from lifeboat.storage.object_store import ObjectStore
from lifeboat.storage.versions import KeepsVersions, Version


class ShredRefused(LifeboatError):
    """Something stands against destroying these keys."""

    code = "shred-refused"


class Place(Value):
    """One copy of the repository. Args: name: empty for the repository itself, else the replica's."""

    name: str
    store: ObjectStore
    keys: tuple[str, ...]
    """Names of objects: wrapped keys and grants."""
    versions: tuple[tuple[str, Version], ...] = ()
    """All that lies under those names, hidden ones and markers too, where the store keeps versions."""
    keeps_versions: bool = False

    @property
    def objects(self) -> int:
        return len(self.versions) if self.keeps_versions else len(self.keys)


class ShredPlan(Value):
    """What would be destroyed, and what dies of it.

    Args:
        carried: Later months in which copies of these keys lie, which go too.
        dies: Snapshots that nobody will open again; kept: those of them that are kept on purpose.
        left: By source, how many snapshots stay.
        segments: Of the archive.
    """

    generation: str
    carried: tuple[str, ...]
    data_keys: frozenset[bytes]
    places: tuple[Place, ...]
    dies: tuple[Record, ...]
    kept: tuple[Record, ...]
    left: dict[str, int] = field(default_factory=dict)
    segments: tuple[StoredSegment, ...] = ()

    @property
    def is_nothing(self) -> bool:
        return not any(one.objects for one in self.places) and not self.dies and not self.segments

    @property
    def last_of(self) -> tuple[str, ...]:
        """Sources of which nothing would be left."""
        return tuple(sorted({one.source for one in self.dies} - {source for source, n in self.left.items() if n}))


def plan_shredding(repository: Repository, generation: str, replicas: Iterable[tuple[str, ObjectStore]]) -> ShredPlan:
    """Look. Raises ``ShredRefused`` where a month still takes backups: they would be sealed under keys that are gone.

    Args:
        replicas: Name and store of every further copy.
    """
    now = repository.store.time_there()
    months = {one.generation: one for one in list_keys(repository.store)}
    copies = [("", repository.store), *replicas]
    here = months.get(generation)
    names = {bytes.fromhex(one[-64:]) for one in here.wrapped} if here is not None else set()
    for _, store in copies[1:]:
        names |= {bytes.fromhex(one[-64:]) for month in list_keys(store, generation) for one in month.wrapped}
    carried = sorted(
        month.generation
        for month in months.values()
        if month.generation > generation and names & {bytes.fromhex(one[-64:]) for one in month.wrapped}
    )
    for month in (generation, *carried):
        _must_be_closed(month, generation, now)
    dies, left = _dying(repository, generation, carried, names)
    standings = repository.standings()
    kept = tuple(one for one in dies if standings.get(record_digest(one), NOTHING_SAID).keep_of(one) is not None)
    segments = [
        found
        for stored in repository.store.list_under(f"{SEGMENTS}{generation}/")
        if (found := read_segment_name(stored.name, stored.size_bytes, stored.modified)) is not None
    ]
    places = tuple(_place(name, store, generation, carried, names) for name, store in copies)
    return ShredPlan(generation, tuple(carried), frozenset(names), places, tuple(dies), kept, left, tuple(segments))


def _must_be_closed(month: str, generation: str, now: datetime) -> None:
    end = closes(month)
    if end <= now:
        return
    if month == generation:
        message = f"{month} still takes backups: they would be sealed under keys that are gone"
    else:
        message = f"keys of {generation} were carried into {month}, which still takes backups that lean on them"
    raise ShredRefused(
        message, f"from {end:%Y-%m-%d} on it can be shredded; until then `lifeboat prune` removes what nothing needs"
    )


def _dying(
    repository: Repository, generation: str, carried: Iterable[str], names: set[bytes]
) -> tuple[list[Record], dict[str, int]]:
    """The snapshots of the month, and those of later months that lean on what was carried there; and how many stay, by source."""
    dies: list[Record] = []
    left: dict[str, int] = {}
    spoilt: dict[tuple[str, str, str, str], set[bytes]] = {}
    later = set(carried)
    for record in [one for _, one in repository.records() if isinstance(one, Record)]:
        gone = record.generation == generation
        if record.generation in later:
            place = (record.writer, record.generation, str(record.source), str(record.class_))
            if place not in spoilt:
                spoilt[place] = _packs_under(repository, place, names)
            gone = not spoilt[place].isdisjoint(record.packs)
        if gone:
            dies.append(record)
        else:
            left[record.source] = left.get(record.source, 0) + 1
    return sorted(dies, key=lambda one: (one.source, one.believed_instant)), left


def _packs_under(repository: Repository, place: tuple[str, str, str, str], names: set[bytes]) -> set[bytes]:
    writer, generation, source, class_ = place
    return {
        pack.name
        for _, index in repository.indexes(writer, generation)
        if isinstance(index, Index) and (index.source, index.class_) == (source, class_)
        for pack in index.packs
        if pack.data_key_name in names
    }


def _place(name: str, store: ObjectStore, generation: str, carried: Iterable[str], names: set[bytes]) -> Place:
    """All copies of these keys in one place, and every grant of the month."""
    wanted = {key_name(month, one.hex()) for month in carried for one in names}
    prefixes = [f"{KEYS}{month}/" for month in (generation, *carried)]

    def is_meant(key: str) -> bool:
        return key.startswith(prefixes[0]) or key in wanted

    keys = tuple(one.name for prefix in prefixes for one in store.list_under(prefix) if is_meant(one.name))
    versioned = unwrapped(store)
    if not isinstance(versioned, KeepsVersions):
        return Place(name, store, keys)
    versions = [
        (one.name, version)
        for prefix in prefixes
        for one in versioned.versions_under(prefix)
        if is_meant(one.name)
        for version in one.versions
    ]
    return Place(name, store, keys, tuple(versions), keeps_versions=True)
