"""What could be carried into this month: of each writer and source that is at work, the packs of its newest snapshot."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import cached_property

from lifeboat.foundation.errors import KeyTrouble, LifeboatError, RepositoryDamaged
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.value import Value
from lifeboat.operations.carry.home import HomePack, Told, home_packs, packs_in
from lifeboat.operations.carry.living import count_living, guess_living
from lifeboat.repository.carrying import Carry, Lane
from lifeboat.repository.names import KEYS, Class, Source, typed
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import Record
from lifeboat.retention.due import long_is_due
from lifeboat.retention.periods import generation_of
from lifeboat.retention.rules import Rules
from lifeboat.retention.verdicts import AHEAD
from lifeboat.storage.errors import ObjectArchived, ObjectMissing

AT_WORK = timedelta(days=8)
"""Who has stored nothing for longer (a weekly backup does) will hardly store something this month: nothing is copied for it."""


class Lot(Value):
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


class CarryFacts(Value):
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
    by_source: dict[tuple[str, str], list[Record]] = {}
    for record in repository.snapshots():
        if record.is_backup and record.finished <= now + AHEAD:
            by_source.setdefault((record.writer, record.source), []).append(record)
    lots: list[Lot] = []
    findings: list[Finding] = []
    for _, theirs in sorted(by_source.items()):
        one = _OneSource(repository, theirs)
        if now - one.base.finished > AT_WORK:
            continue
        for class_ in _classes(theirs, generation, now, rules):
            try:
                lots += one.lots(class_, generation)
            except (RepositoryDamaged, KeyTrouble, ObjectMissing, ObjectArchived) as error:
                findings.append(_not_counted(one.base, error))
    return CarryFacts(now, generation, tuple(lots), tuple(findings))


def _classes(theirs: list[Record], generation: str, now: datetime, rules: Rules) -> Iterator[Class]:
    """The classes that a backup of this month goes into, the month's copy first: it is the first that is taken."""
    long_there = any((one.class_, one.generation) == (Class.LONG, generation) for one in theirs)
    if rules.takes_long and (long_there or long_is_due(now, (one.finished for one in theirs), False)):
        yield Class.LONG
    yield Class.SHORT


class _OneSource:
    """One writer's snapshots of one source. What its newest needs is counted once, for both classes."""

    def __init__(self, repository: Repository, theirs: list[Record]) -> None:
        self._repository = repository
        self._theirs = theirs
        self._exact = repository.identity is not None
        self.base = max(theirs, key=lambda one: one.finished)

    def lots(self, class_: Class, generation: str) -> Iterator[Lot]:
        """What of it could be carried into this class and month; before that what had been, and is gone."""
        base, store = self.base, self._repository.store
        begun = any((one.class_, one.generation) == (class_, generation) for one in self._theirs)
        lane = Lane(base.writer, Source(base.source), class_, generation, Class(base.class_), base.generation)
        sizes = {name: one.size_bytes for name, one in packs_in(store, lane.place).items()}
        carries = [one for _, one in self._repository.carries(lane.writer, generation) if isinstance(one, Carry)]
        carries = [one for one in carries if one.lane.place == lane.place]
        said = frozenset(name for one in carries for name in one.packs)

        def lot(way: Lane, packs: Iterable[HomePack], again: bool) -> Lot:
            label, rate = self._repository.label_of(base), _rate(self._theirs)
            return Lot(way, label, base, tuple(packs), self._exact, begun, again, sizes, said, rate)

        gone: set[bytes] = set()
        for way, told in self._gone(carries, sizes):
            gone |= told.keys()
            yield lot(way, home_packs(self._repository, way, told), True)
        wanted = lane.leads_on() and not begun
        told = {name: one for name, one in self._needed.items() if name not in gone} if wanted else {}
        yield lot(lane, home_packs(self._repository, lane, told) if told else (), False)

    def _gone(self, carries: list[Carry], sizes: dict[bytes, int]) -> Iterator[tuple[Lane, dict[bytes, Told]]]:
        """By lane: what is said to have been carried and does not lie there, or not with its key, as the index of its origin tells of it."""
        for way in dict.fromkeys(one.lane for one in carries):
            table = self._repository.chunk_table(way.writer, way.from_generation, way.source, way.from_class)
            keys = {one.name[-64:] for one in self._repository.store.list_under(f"{KEYS}{way.generation}/")}
            named = {name for one in carries if one.lane == way for name in one.packs}
            told = {
                name: Told(key, size, size)
                for name, key, size in table.packs()
                if name in named and (name not in sizes or key.hex() not in keys)
            }
            if told:
                yield way, told

    @cached_property
    def _needed(self) -> dict[bytes, Told]:
        """The packs of the newest snapshot, and how much of each it needs."""
        base = self.base
        named = frozenset(base.packs)
        table = self._repository.chunk_table(base.writer, base.generation, base.source, base.class_, first=named)
        live = count_living(self._repository, base, table) if self._exact else guess_living(base, table)
        return {name: Told(key, size, live.get(name, 0)) for name, key, size in table.packs() if name in named}


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
