"""What could be carried into this month: of each writer and source that is at work, the packs of its newest snapshot."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from lifeboat.foundation.errors import KeyTrouble, LifeboatError, RepositoryDamaged
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress
from lifeboat.operations.carry.living import count_living, guess_living
from lifeboat.repository.carrying import Carry, Lane
from lifeboat.repository.chunk_table import ChunkTable
from lifeboat.repository.data_keys import read_wrapped_key
from lifeboat.repository.names import KEYS, Class, Source, key_name, typed
from lifeboat.repository.objects import read_many
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.quarantine import quarantined, spoilt_in
from lifeboat.repository.record import Record
from lifeboat.retention.due import long_is_due
from lifeboat.retention.periods import generation_of
from lifeboat.retention.rules import Rules
from lifeboat.storage.errors import ObjectMissing, StorageDenied
from lifeboat.storage.object_store import StoredObject

AT_WORK = timedelta(days=8)
"""Who has stored nothing for longer (a weekly backup does) will hardly store something this month: nothing is copied for it."""
ARCHIVED = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Storage classes from which nothing can be copied before it has been brought back."""


class Hindrance(StrEnum):
    """Why a pack cannot be copied, whatever it holds."""

    NONE = ""
    SPOILT = "gone, cut or found damaged"
    ARCHIVED = "in an archive class"
    OTHER_RECIPIENTS = "sealed for other recipients than today's"


@dataclass(frozen=True, slots=True)
class HomePack:
    """A pack where it was first stored, or was carried to last."""

    name: bytes
    size_bytes: int
    live_bytes: int
    """Of it, what the newest snapshot needs."""
    data_key: bytes
    hindrance: Hindrance = Hindrance.NONE
    storage_class: str = "STANDARD"


@dataclass(frozen=True, slots=True)
class Lot:
    """What one writer's next backup of a source could find in its place. Args: base: Its newest snapshot."""

    lane: Lane
    label: str
    base: Record
    packs: tuple[HomePack, ...]
    exact: bool
    """Living chunks were counted, not guessed."""
    begun: bool
    """A snapshot is stored in that place already: what it did not find there it has stored anew."""
    again: bool
    """What statements say was carried there, and is not there: it is copied once more."""
    sizes: dict[bytes, int]
    """What lies there."""
    said: frozenset[bytes]
    """What statements that count say was carried there."""
    bytes_per_second: float | None
    """How fast this writer stored its largest backup."""


@dataclass(frozen=True, slots=True)
class CarryFacts:
    """All of it, as of ``now`` by the store's clock."""

    now: datetime
    generation: str
    lots: tuple[Lot, ...]
    findings: tuple[Finding, ...]


def gather(repository: Repository, rules: Rules, progress: Progress) -> CarryFacts:
    """Read catalogs and lists, and with a recipient's key the newest snapshots' lists. Raises ``StorageDenied``."""
    progress.begin("reading catalogs")
    now = repository.store.time_there()
    generation = generation_of(now)
    records = [one for one in repository.snapshots() if one.is_backup and one.finished <= now + timedelta(minutes=5)]
    lots: list[Lot] = []
    findings: list[Finding] = []
    for (writer, source), theirs in sorted(_by_source(records).items()):
        base = max(theirs, key=lambda one: one.finished)
        if now - base.finished > AT_WORK:
            continue
        for class_ in _classes(theirs, generation, now, rules):
            origin = (Class(base.class_), base.generation)
            begun = any((one.class_, one.generation) == (class_, generation) for one in theirs)
            lane = Lane(writer, Source(source), class_, generation, *origin)
            try:
                lots += _lots(repository, lane, base, theirs, begun)
            except (RepositoryDamaged, KeyTrouble, ObjectMissing) as error:
                findings.append(_not_counted(base, error))
    return CarryFacts(now, generation, tuple(lots), tuple(findings))


def _by_source(records: Iterable[Record]) -> dict[tuple[str, str], list[Record]]:
    found: dict[tuple[str, str], list[Record]] = {}
    for one in records:
        found.setdefault((one.writer, one.source), []).append(one)
    return found


def _classes(theirs: list[Record], generation: str, now: datetime, rules: Rules) -> Iterator[Class]:
    """The classes that a backup of this month goes into, the month's copy first: it is the first that is taken."""
    long_there = any((one.class_, one.generation) == (Class.LONG, generation) for one in theirs)
    if rules.takes_long and (long_there or long_is_due(now, (one.finished for one in theirs), False)):
        yield Class.LONG
    yield Class.SHORT


def _lots(repository: Repository, lane: Lane, base: Record, theirs: list[Record], begun: bool) -> Iterator[Lot]:
    there = {bytes.fromhex(one.name[-64:]): one.size_bytes for one in _named(repository.store.list_under(lane.place))}
    carries = [one for _, one in repository.carries(lane.writer, lane.generation) if isinstance(one, Carry)]
    carries = [one for one in carries if one.lane.place == lane.place]
    said = frozenset(name for one in carries for name in one.packs)
    label, exact, rate = repository.label_of(base), repository.identity is not None, _rate(theirs)
    keys_there = (
        {one.name[-64:] for one in repository.store.list_under(f"{KEYS}{lane.generation}/")} if carries else set()
    )
    again: set[bytes] = set()
    for way in dict.fromkeys(one.lane for one in carries):
        table = repository.chunk_table(way.writer, way.from_generation, way.source, way.from_class)
        told = {name: key.hex() in keys_there for name, key, _ in table.packs()}
        names = {
            name
            for one in carries
            if one.lane == way
            for name in one.packs
            if name not in there or not told.get(name, True)
        }
        if names:
            whole = {name: size for name, _, size in table.packs()}
            yield Lot(
                way,
                label,
                base,
                tuple(_home_packs(repository, way, names, whole, table)),
                exact,
                begun,
                True,
                there,
                said,
                rate,
            )
            again |= names
    packs: tuple[HomePack, ...] = ()
    if lane.leads_on() and not begun:
        table = repository.chunk_table(
            lane.writer, base.generation, base.source, base.class_, first=frozenset(base.packs)
        )
        live = count_living(repository, base, table) if exact else guess_living(base, table)
        packs = tuple(_home_packs(repository, lane, set(base.packs) - again, live, table))
    yield Lot(lane, label, base, packs, exact, begun, False, there, said, rate)


def _named(listing: Iterable[StoredObject]) -> Iterator[StoredObject]:
    return (one for one in listing if len(one.name.rsplit("/", 1)[-1]) == 64)


def _home_packs(
    repository: Repository, lane: Lane, names: set[bytes], live: dict[bytes, int], table: ChunkTable
) -> Iterator[HomePack]:
    stored = {bytes.fromhex(one.name[-64:]): one for one in _named(repository.store.list_under(lane.origin))}
    spoilt = spoilt_in(quarantined(repository.state, repository.id), lane.origin)
    told = {name: (key, size) for name, key, size in table.packs() if name in names}
    sealed_alike = _for_todays_recipients(repository, lane.from_generation, {key for key, _ in told.values()})
    for name, (key, size) in sorted(told.items()):
        hindrance = Hindrance.NONE
        if name in spoilt or name not in stored or stored[name].size_bytes != size:
            hindrance = Hindrance.SPOILT
        elif stored[name].storage_class in ARCHIVED:
            hindrance = Hindrance.ARCHIVED
        elif key not in sealed_alike:
            hindrance = Hindrance.OTHER_RECIPIENTS
        kept_as = stored[name].storage_class if name in stored else "STANDARD"
        yield HomePack(name, size, min(size, live.get(name, 0)), key, hindrance, kept_as)


def _for_todays_recipients(repository: Repository, generation: str, keys: Iterable[bytes]) -> set[bytes]:
    """The data keys that exactly the present recipients open: a recipient who came or went since must find its will done this month."""
    today = {named.recipient.fingerprint for named in repository.description.recipients}
    names = {key_name(generation, key.hex()): key for key in keys}
    found = set()
    for name, raw in read_many(repository.store, sorted(names)):
        if isinstance(raw, LifeboatError) and (raw.worth_retrying or isinstance(raw, StorageDenied)):
            raise raw
        if isinstance(raw, bytes):
            try:
                if read_wrapped_key(raw, repository.id, generation, name).wrapped_for.keys() == today:
                    found.add(names[name])
            except RepositoryDamaged:
                continue
        elif not isinstance(raw, LifeboatError):
            raise raw
    return found


def _rate(theirs: Iterable[Record]) -> float | None:
    """Of the largest backup that took a second at least: sealing and sending, as it went on that machine and line."""
    rates = [
        (one.stored_bytes, one.stored_bytes / (one.finished - one.started).total_seconds())
        for one in theirs
        if (one.finished - one.started).total_seconds() >= 1 and one.stored_bytes
    ]
    return max(rates)[1] if rates else None


def _not_counted(base: Record, error: LifeboatError) -> Finding:
    subject = f"snapshot {base.snapshot[:8]} ({typed(base.source)})"
    message = f"what it needs could not be counted, so nothing is carried for it: {error.message}"
    return Finding(
        Level.WARNING, "not-carried", subject, message, "`lifeboat verify --level full` says what is damaged"
    )
