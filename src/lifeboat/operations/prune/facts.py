"""What prune has to know, read from catalogs, listings and, where those do not tell, from the clear fronts of packs. No content is opened."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain

from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.value import Value
from lifeboat.repository.catalog_format import Index
from lifeboat.repository.errors import SaidByNobody
from lifeboat.repository.names import CATALOG, KEYS, SEGMENTS, Class, Source, is_generation, stated_digest
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.pack_format import HEADER_BYTES, read_header
from lifeboat.repository.quarantine import quarantined, spoilt_in
from lifeboat.repository.record import Record, read_time
from lifeboat.repository.segments import StoredSegment, read_segment_name
from lifeboat.repository.statements import NOTHING_SAID, Standing, Statement, record_digest, standings
from lifeboat.retention.periods import closes
from lifeboat.retention.succession import Life, counted_together
from lifeboat.retention.verdicts import AHEAD
from lifeboat.storage.errors import ObjectMissing, ObjectTooShort, StorageDenied
from lifeboat.storage.object_store import StoredObject

AT_ONCE = 8


class StoredRecord(Value):
    """A snapshot with what was said of it."""

    record: Record
    standing: Standing
    proved: bool
    """Somebody said so, nobody took it back, and this machine knows of no damage to it."""
    label: str
    """Who it counts with: of the writer's registration, which a recipient signed, not what the record says."""
    size_bytes: int

    @property
    def key(self) -> str:
        return record_digest(self.record)

    @property
    def place(self) -> str:
        """Where its packs lie: a record means the packs of its own source, class and generation and no others."""
        return self.record.place


class StoredIndex(Value):
    """An index of a closed generation. A million packs are told of: their names are kept once, in all that is read here."""

    name: str
    writer: str
    generation: str
    size_bytes: int
    keys: dict[bytes, tuple[bytes, ...]]
    """Name of a data key to the packs that it tells of under that key."""

    @property
    def packs(self) -> Iterator[bytes]:
        return chain.from_iterable(self.keys.values())


class StoredPack(Value):
    """A pack or a data key, as its name and size tell. Args: place: its name up to the hash; sha256: that hash."""

    place: str
    sha256: bytes
    generation: str
    size_bytes: int

    @property
    def name(self) -> str:
        return self.place + self.sha256.hex()


class StoredCarry(Value):
    """A statement of what was carried into a month, unopened."""

    name: str
    writer: str
    generation: str
    size_bytes: int


class Front(Value):
    """The clear front of a pack: whose it is, and the name of its data key."""

    writer: str
    key: bytes


@dataclass(frozen=True)
class Facts:
    """All of it, as of ``now`` by the store's clock."""

    now: datetime
    records: tuple[StoredRecord, ...]
    statements: tuple[Statement, ...]
    statement_bytes: dict[str, int]
    unread: dict[tuple[str, str], str]
    """``(writer, generation)`` to why something in that catalog does not open: what its packs are for is not known."""
    indexes: tuple[StoredIndex, ...] = ()
    packs: tuple[StoredPack, ...] = ()
    fronts: dict[str, Front] = field(default_factory=dict)
    """Of packs that no index of their snapshot's writer tells of, and of all that are about to go in a generation with ``unread``."""
    keys: tuple[StoredPack, ...] = ()
    segments: tuple[StoredSegment, ...] = ()
    odd_archive_keys: frozenset[tuple[str, bytes]] = frozenset()
    """Generation and name of the data keys in whose place in the archive something lies that is no segment."""
    labels: dict[str, str] = field(default_factory=dict)
    """Of every writer who its snapshots count with, as ``StoredRecord.label``."""
    plain_labels: dict[str, str] = field(default_factory=dict)
    """The same without telling two machines of one name apart."""
    carries: tuple[StoredCarry, ...] = ()
    committed_at: tuple[datetime, ...] = ()
    """When the store took records, links and segments, by its own clock, in order."""

    def is_closed(self, generation: str) -> bool:
        """Whether nothing can be committed into it any more."""
        return closes(generation) <= self.now


def needed_by(records: Iterable[StoredRecord]) -> dict[str, set[bytes]]:
    """The packs that any of these records names, by the place where they lie."""
    needed: dict[str, set[bytes]] = {}
    for one in records:
        needed.setdefault(one.place, set()).update(one.record.packs)
    return needed


def gather(repository: Repository, progress: Progress) -> Facts:
    """Read it all. What does not open is noted; a store that is away is raised."""
    facts, sizes = _said(repository, progress)
    closed = sorted({place for place in map(_place, sizes) if place is not None and closes(place[1]) <= facts.now})
    once = {pack: pack for one in facts.records for pack in one.record.packs}
    readable = [one for one in closed if one[0] in repository.secrets]
    indexes = _indexes(repository, readable, sizes, facts.unread, once)
    packs = [
        pack
        for source in Source
        for class_ in Class
        for pack in _listed(repository.store.list_under(f"{source}/pack/{class_}/"), 3, once)
    ]
    del once
    keys = _listed(repository.store.list_under(KEYS), 1, {})
    # After the keys: a segment that is stored between the two listings must not find its key taken for unused.
    facts = replace(
        _with_archive(facts, repository), indexes=tuple(indexes), packs=tuple(packs), keys=tuple(keys), fronts={}
    )
    facts.fronts.update(_read_fronts(repository, _unclear(facts)))
    return facts


def gather_said(repository: Repository, progress: Progress) -> Facts:
    """What snapshots there are, what was said of them, and the archive: enough to know what is kept. No pack, key or index is listed."""
    return _with_archive(_said(repository, progress)[0], repository)


def with_unread(repository: Repository, facts: Facts, more: Mapping[tuple[str, str], str]) -> Facts:
    """The same, with more catalogs that are not whole. Args: more: as ``Facts.unread``."""
    facts = replace(facts, unread={**facts.unread, **more}, fronts=dict(facts.fronts))
    facts.fronts.update(_read_fronts(repository, [one for one in _unclear(facts) if one.name not in facts.fronts]))
    return facts


def _said(repository: Repository, progress: Progress) -> tuple[Facts, dict[str, int]]:
    """All that catalogs say, and the size of each object in them."""
    progress.begin("reading catalogs")
    now = repository.store.time_there()
    catalog = [stored for stored in repository.store.list_under(CATALOG) if _place(stored.name) is not None]
    sizes = {stored.name: stored.size_bytes for stored in catalog}
    unread = {
        place: "its catalog does not open with this key"
        for place in map(_place, sizes)
        if place is not None and place[0] not in repository.secrets
    }
    statements = []
    for name, statement in repository.statements():
        place = _place(name)
        if isinstance(statement, Statement):
            statements.append(statement)
        elif isinstance(statement, SaidByNobody):
            continue  # a thief's, or a removed custodian's: it counts for nothing and must stop nothing
        elif place is not None and name.rsplit("/", 1)[-1].startswith(("keep-", "proof-", "doubt-")):
            # It may be the reason why a snapshot stays, or why another one must not count as proved.
            unread[place] = _does_not_open(name, statement)
    said = standings(statements)
    opened: list[Record] = []
    for name, record in repository.records():
        place = _place(name)
        if isinstance(record, Record):
            opened.append(record)
        elif place is not None:
            unread[place] = _does_not_open(name, record)
    labels = _labels(repository, opened, now)
    spoilt = quarantined(repository.state, repository.id)
    records = []
    for one in opened:
        standing = said.get(record_digest(one), NOTHING_SAID)
        proved = standing.proved is not None and spoilt_in(spoilt, one.place).isdisjoint(one.packs)
        records.append(StoredRecord(one, standing, proved, labels[one.writer], sizes.get(one.object_name, 0)))
    facts = Facts(
        now,
        tuple(records),
        tuple(statements),
        {one.name: sizes.get(one.name, 0) for one in statements},
        unread,
        labels=labels,
        plain_labels={writer: registration.label for writer, registration in repository.registrations.items()},
        carries=tuple(_carries(sizes)),
        committed_at=tuple(sorted(stored.modified for stored in catalog if _is_commit(stored.name))),
    )
    return facts, sizes


def _with_archive(facts: Facts, repository: Repository) -> Facts:
    segments, odd_keys = _archive(repository.store.list_under(SEGMENTS))
    committed = tuple(sorted([*facts.committed_at, *(one.modified for one in segments)]))
    return replace(facts, segments=tuple(segments), odd_archive_keys=odd_keys, committed_at=committed)


def _labels(repository: Repository, records: Iterable[Record], now: datetime) -> dict[str, str]:
    last: dict[str, datetime] = {}
    for one in records:
        if one.finished <= now + AHEAD:
            last[one.writer] = max(last.get(one.writer, one.finished), one.finished)
    lives = []
    for writer, registration in repository.registrations.items():
        try:
            registered = read_time(registration.created)
        except ValueError:
            registered = datetime.min.replace(tzinfo=UTC)
        lives.append(Life(writer, registration.label, registered, last.get(writer, registered)))
    return counted_together(lives)


def _place(name: str) -> tuple[str, str] | None:
    """Writer and generation of a catalog object; None for what is none of ours."""
    parts = name.split("/")
    return (parts[1], parts[2]) if len(parts) == 4 and _is_month(parts[2]) else None


def _carries(sizes: dict[str, int]) -> Iterator[StoredCarry]:
    for name, size in sizes.items():
        place = _place(name)
        if place is not None and name.rsplit("/", 1)[-1].startswith("carry-"):
            yield StoredCarry(name, *place, size)


def _does_not_open(name: str, error: LifeboatError) -> str:
    return f"{name.rsplit('/', 1)[-1][:24]} does not open: {error.message}"


def _is_month(generation: str) -> bool:
    return is_generation(generation) and 1 <= int(generation[5:7]) <= 12 and int(generation[:4]) >= 1


def _is_commit(name: str) -> bool:
    return name.rsplit("/", 1)[-1].startswith(("snapshot-", "link-"))


def _listed(listing: Iterable[StoredObject], generation_at: int, once: dict[bytes, bytes]) -> list[StoredPack]:
    """Args: once: Names that are in memory already."""
    found = []
    for stored in listing:
        parts = stored.name.split("/")
        whole = len(parts) == generation_at + 2 and stated_digest(stored.name) == parts[-1]
        if whole and _is_month(parts[generation_at]):
            name = bytes.fromhex(parts[-1])
            place, generation = sys.intern(stored.name[:-64]), sys.intern(parts[generation_at])
            found.append(StoredPack(place, once.get(name, name), generation, stored.size_bytes))
    return found


def _archive(listing: Iterable[StoredObject]) -> tuple[list[StoredSegment], frozenset[tuple[str, bytes]]]:
    """The segments, and the data keys of what lies among them and is none: a lie can keep a key, never cost one."""
    segments, odd = [], set()
    for stored in listing:
        segment = read_segment_name(stored.name, stored.size_bytes, stored.modified)
        generation, _, rest = stored.name[len(SEGMENTS) :].partition("/")
        key = rest.partition("/")[0]
        if segment is not None and _is_month(generation):
            segments.append(segment)
        elif stated_digest(key) == key:
            odd.add((generation, bytes.fromhex(key)))
    return segments, frozenset(odd)


def _indexes(
    repository: Repository,
    places: Iterable[tuple[str, str]],
    sizes: dict[str, int],
    unread: dict[tuple[str, str], str],
    once: dict[bytes, bytes],
) -> list[StoredIndex]:
    found = []
    for writer, generation in places:
        for name, index in repository.indexes(writer, generation):
            if isinstance(index, Index):
                under: dict[bytes, list[bytes]] = {}
                for pack in index.packs:
                    under.setdefault(pack.data_key_name, []).append(once.get(pack.name, pack.name))
                keys = {key: tuple(packs) for key, packs in under.items()}
                found.append(StoredIndex(name, writer, generation, sizes.get(name, 0), keys))
            else:
                unread[writer, generation] = _does_not_open(name, index)
    return found


def _unclear(facts: Facts) -> list[StoredPack]:
    """Packs in closed generations whose owner or key the catalogs do not tell for certain.

    An index is believed about its own writer's packs only: a stolen writer could say of another's pack that it needs no key.
    """
    doubtful = {generation for _, generation in facts.unread}
    found: list[StoredPack] = []
    for generation, packs in by_generation(facts.packs).items():
        if generation in doubtful and facts.is_closed(generation):
            found += packs
        elif facts.is_closed(generation):
            told: dict[str, set[bytes]] = {}
            for index in facts.indexes:
                if index.generation == generation:
                    told.setdefault(index.writer, set()).update(index.packs)
            named = named_by(facts, generation)
            found += [
                pack
                for pack in packs
                if any(
                    pack.sha256 not in told.get(writer, ()) for writer in named.get(pack.place, {}).get(pack.sha256, ())
                )
            ]
    return found


def by_generation(packs: Iterable[StoredPack]) -> dict[str, list[StoredPack]]:
    found: dict[str, list[StoredPack]] = {}
    for pack in packs:
        found.setdefault(pack.generation, []).append(pack)
    return found


def named_by(facts: Facts, generation: str) -> dict[str, dict[bytes, frozenset[str]]]:
    """Which writers' records of a closed generation name each pack, by place: one generation at a time, for the memory's sake."""
    named: dict[str, dict[bytes, frozenset[str]]] = {}
    seen: dict[tuple[str, str], set[bytes]] = {}
    together: dict[frozenset[str], frozenset[str]] = {}
    for one in facts.records:
        if one.record.generation == generation:
            before = seen.setdefault((one.record.writer, one.place), set())
            here = named.setdefault(one.place, {})
            for pack in one.record.packs:
                if pack not in before:
                    before.add(pack)
                    writers = here.get(pack, frozenset()) | {one.record.writer}
                    here[pack] = together.setdefault(writers, writers)
    return named


def _read_fronts(repository: Repository, packs: list[StoredPack]) -> dict[str, Front]:
    """Fronts by name; what cannot be read is left out, and then nothing is removed that hangs on it."""

    def read(pack: StoredPack) -> tuple[str, Front | None]:
        try:
            header = read_header(repository.store.read(pack.name, (0, HEADER_BYTES)), pack.name)
        except (StorageDenied, ObjectMissing, ObjectTooShort):
            return pack.name, None
        except LifeboatError as error:
            if error.worth_retrying:
                raise
            return pack.name, None
        return pack.name, Front(header.writer.hex(), header.data_key_name)

    if not packs:
        return {}
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="front") as pool:
        return {name: front for name, front in pool.map(read, packs) if front is not None}
