"""Is everything what it was? Whole objects against the hash in their names; packs opened chunk by chunk; what was seen is remembered."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from sys import intern

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.cluster_time import LARGEST
from lifeboat.foundation.errors import RepositoryDamaged, SettingsError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress
from lifeboat.operations.verify.found import Structure, damaged
from lifeboat.operations.verify.inside import look_inside
from lifeboat.operations.verify.memory import NEVER_OPENED, Checked, ScrubMemory
from lifeboat.operations.verify.outcome import Outcome, code_of
from lifeboat.operations.verify.rolling import (
    DAY_SECONDS,
    NO_LIMITS,
    Limits,
    Stopping,
    Unit,
    as_it_counts,
    beside_each_other,
    in_order,
)
from lifeboat.operations.verify.segments import hurt_by_segment, look_into_segment
from lifeboat.operations.verify.told_packs import ToldPack
from lifeboat.repository.names import PROBES, At, digest, key_name, month_in, stated_digest
from lifeboat.repository.objects import largest_bytes
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.pack_format import (
    ROW_BYTES,
    unpack_row,
)
from lifeboat.repository.record import Record, show_time
from lifeboat.repository.segments import StoredSegment
from lifeboat.retention.periods import closes
from lifeboat.storage.errors import ObjectArchived, ObjectMissing

AT_ONCE = 3
"""Objects in memory at once, each read whole."""
AHEAD = 2 * AT_ONCE
"""Objects that are looked at or wait for it: no thread waits for the slowest of the others."""
SAVE_EVERY_SECONDS = 20.0
"""A run that is killed forgets at most what it looked at since the last saving."""


@dataclass
class ContentCheck:
    """What was read."""

    objects: int = 0
    bytes_read: int = 0
    chunks: int = 0
    findings: list[Finding] = field(default_factory=list)
    checked: set[str] = field(default_factory=set)
    """Names of the objects that were looked at."""
    whole: set[At] = field(default_factory=set)
    """Packs that an index names and in which nothing wrong was found."""
    spoilt: set[At] = field(default_factory=set)
    """Packs that are wrong or gone."""
    stopped_by: str | None = None
    """``bytes`` or ``minutes`` when a limit ended it."""
    archived: int = 0
    """Objects in archive classes, which were not read; what is known of them is their name and size."""
    archived_bytes: int = 0
    resting: int = 0
    """Packs that a turn left alone: reading them is billed, and they were whole not long ago."""
    resting_bytes: int = 0


class Scrub:
    """One turn of the rolling check.

    Args:
        now: The store's time when the command began.
        began: What ``clock.monotonic`` said then.
    """

    def __init__(
        self,
        repository: Repository,
        found: Structure,
        memory: ScrubMemory,
        clock: Clock,
        *,
        now: datetime,
        began: float,
    ) -> None:
        self._repository = repository
        self._found = found
        self._memory = memory
        self._clock = clock
        self._began = began
        self._began_at = now
        self._began_there = now.timestamp()
        self._owners = _owners(found)

    @property
    def now_seconds(self) -> int:
        """The store's time, from its time at the beginning: it is not asked before each pack."""
        return int(self._began_there + self._clock.monotonic() - self._began)

    def last(self, unit: Unit) -> Checked:
        """The last check of a unit as it counts."""
        return as_it_counts(unit, self._memory.of(unit.key), self.now_seconds)

    def packs(self) -> list[Unit]:
        """Every pack that an index names."""
        preference = _preferences(self._found.records)
        return [
            Unit(
                at[0] + at[1].hex(),
                at[1],
                indexed.size_bytes,
                indexed,
                can_be_opened=self._can_open(at, indexed),
                preference=preference.get(at, 0),
            )
            for at, indexed in self._found.packs.every()
        ]

    def segments(self) -> list[Unit]:
        """Those that lead to moments of the window."""
        return [
            Unit(
                one.name,
                bytes.fromhex(one.sha256),
                one.size_bytes,
                segment=one,
                can_be_opened=(
                    self._repository.identity is not None
                    and key_name(one.generation, one.data_key.hex()) not in self._found.foreign_keys
                ),
                preference=LARGEST - one.through.seconds,
            )
            for one in self._found.segments
        ]

    def _can_open(self, at: At, indexed: ToldPack) -> bool:
        """Whether the keys at hand open the pack; a data key that was not wrapped for us has been told by the structure."""
        key = key_name(month_in(at[0]), indexed.data_key_name.hex())
        is_ours = self._repository.identity is not None and key not in self._found.foreign_keys
        return is_ours and at in self._owners

    def everything(self) -> tuple[list[Unit], list[Finding]]:
        """Every object of ours in the store, and what is to be said of the others."""
        units, strangers = [*self.packs(), *self.segments()], []
        known = {unit.name for unit in units}
        for stored in self._repository.store.list_under(""):
            if stored.name in known or stored.name.startswith(PROBES):
                continue
            stated = stated_digest(stored.name)
            if stated is None or stored.size_bytes > largest_bytes(stored.name):
                message = "is not an object of Lifeboat's"
                strangers.append(Finding(Level.WARNING, "stranger", stored.name, message, "who put it there?"))
            else:
                # They are small, and all else hangs on them: before the packs.
                units.append(Unit(stored.name, bytes.fromhex(stated), stored.size_bytes, preference=-1))
        return units, strangers

    def look(
        self,
        units: Sequence[Unit],
        limits: Limits,
        progress: Progress,
        *,
        share: float | None = None,
        known: Callable[[Unit], Outcome | None] = lambda unit: None,
    ) -> ContentCheck:
        """Read what is due of these units, until a limit is reached. Adds to the structure's damage and to the memory.

        Args:
            share: Look at this share (percent) of them, besides what was found damaged before; None: as far as the limits let.
            known: What another process found in a unit for this one; None: nothing, so that it is read here.
        """
        check = ContentCheck()
        gone = self._found.damage.chunks
        for unit in units:
            if unit.at in gone:  # told by the structure already: cut, or not there
                self._memory.note(unit.key, Checked(self.now_seconds, NEVER_OPENED, True))
        away = [unit for unit in units if unit.name in self._found.away and unit.at not in gone]
        check.archived, check.archived_bytes = len(away), sum(unit.size_bytes for unit in away)
        due, resting = self._due(units, limits, share)
        check.resting, check.resting_bytes = len(resting), sum(unit.size_bytes for unit in resting)
        stopping = Stopping(limits, self._clock.monotonic, self._began)
        progress.begin("reading packs", _planned_bytes(due, limits), None if limits.max_bytes else len(due))
        saved = self._clock.monotonic()
        try:
            for outcome in _beside(lambda unit: known(unit) or self._check(unit), stopping.allowed(due)):
                self._take(check, outcome)
                progress.advance(outcome.size, 1)
                if self._clock.monotonic() - saved >= SAVE_EVERY_SECONDS:
                    save_if_possible(self._memory, check.findings)
                    saved = self._clock.monotonic()
        finally:
            save_if_possible(self._memory, check.findings)
        check.stopped_by = stopping.stopped_by
        check.findings += self._remembered(units, check)
        return check

    def look_for_another(
        self,
        units: Sequence[Unit],
        is_own: Callable[[Unit], bool],
        take: Callable[[Outcome], None],
        progress: Progress,
        *,
        share: float | None,
    ) -> None:
        """Read those of the due units that are this process's own, for one that makes something of what is found; changes no memory."""
        own = [unit for unit in self._due(units, NO_LIMITS, share)[0] if is_own(unit)]
        progress.begin("reading packs", sum(unit.size_bytes for unit in own), len(own))
        for outcome in _beside(self._check, own):
            outcome.seconds = self.now_seconds
            take(outcome)
            progress.advance(outcome.size, 1)

    def _due(self, units: Sequence[Unit], limits: Limits, share: float | None) -> tuple[list[Unit], list[Unit]]:
        """What is to be read, in its order, and what a turn leaves alone."""
        gone = self._found.damage.chunks
        there = [unit for unit in units if unit.at not in gone and unit.name not in self._found.away]
        resting: list[Unit] = []
        if share is not None or limits != NO_LIMITS:
            resting = [unit for unit in there if self._rests(unit)]
            names = {unit.name for unit in resting}
            there = [unit for unit in there if unit.name not in names]
        due = beside_each_other(
            in_order([unit for unit in there if unit.segment is None], self.last),
            in_order([unit for unit in there if unit.segment is not None], self.last),
        )
        return (due if share is None else self._share_of(due, share)), resting

    def _rests(self, unit: Unit) -> bool:
        """Whether a turn may leave it alone: a night's reading of all that is billed would cost more than keeping it."""
        last = self.last(unit)
        is_whole = last.seconds > 0 and not last.damaged
        rest_seconds = self._found.rest_days.get(unit.name, 0) * DAY_SECONDS
        return is_whole and self.now_seconds - last.seconds < rest_seconds

    def _share_of(self, due: Sequence[Unit], percent: float) -> list[Unit]:
        count = max(1, round(len(due) * percent / 100)) if due else 0
        again = [unit for unit in due if self.last(unit).damaged]
        others = [unit for unit in due if not self.last(unit).damaged]
        return [*again, *others[:count]]

    def _take(self, check: ContentCheck, outcome: Outcome) -> None:
        unit, seconds = outcome.unit, outcome.seconds or self.now_seconds
        if outcome.away:
            self._found.away.add(unit.name)
            check.archived, check.archived_bytes = check.archived + 1, check.archived_bytes + unit.size_bytes
            return
        check.objects += 1
        check.bytes_read += outcome.size
        check.chunks += outcome.chunks
        check.checked.add(unit.name)
        before = self._memory.of(unit.key)
        if outcome.trouble is None and before.inside and not outcome.opened and not self._may_clear(unit):
            self._memory.note(unit.key, before._replace(seconds=seconds))
            check.checked.discard(unit.name)
            return
        if outcome.trouble is None:
            # A right hash says that these are the bytes that were opened once, when they were.
            opened = unit.mark if outcome.opened and unit.mark else before.opened
            if unit.is_pack:
                check.whole.add(unit.at)
            self._memory.note(unit.key, Checked(seconds, opened, False))
            return
        self._memory.note(unit.key, Checked(seconds, NEVER_OPENED, True, outcome.hash_is_right))
        if unit.indexed is not None:
            self._found.damage.add(unit.at, outcome.bad)
        if unit.segment is not None:
            check.findings.append(outcome.trouble)
            return
        if not unit.is_pack:
            damaged(self._found, unit.name, RepositoryDamaged(outcome.trouble.message))
            return
        check.findings.append(outcome.trouble)
        check.spoilt.add(unit.at)

    def _may_clear(self, unit: Unit) -> bool:
        """Whether a right hash alone ends what opening had found: only where no snapshot needs the pack any more."""
        return self._repository.identity is not None and unit.at not in self._owners

    def _remembered(self, units: Iterable[Unit], check: ContentCheck) -> list[Finding]:
        """What earlier runs found damaged and this one did not read: it is not forgotten for that."""
        findings = []
        for unit in units:
            last = self._memory.of(unit.key)
            if not last.damaged or unit.name in check.checked or unit.at in self._found.damage.chunks:
                continue
            if unit.name in self._found.damaged_objects:
                continue
            if unit.indexed is not None:
                self._found.damage.add(unit.at, ())
                self._found.damage.remembered.add(unit.at)
            day = show_time(datetime.fromtimestamp(last.seconds, UTC))[:16]
            how = "with the key, when its chunks did not open" if last.inside else "by its hash"
            message = f"it was found damaged {how}, last at {day}Z, and this run did not look at it that way again"
            code = code_of(unit) or RepositoryDamaged.code
            findings.append(Finding(Level.PROBLEM, code, unit.name, message, "`lifeboat verify --level full`"))
        return findings

    def _check(self, unit: Unit) -> Outcome:
        outcome = Outcome(unit)
        hurts = () if unit.segment is None else (hurt_by_segment(unit.segment),)
        if unit.size_bytes > largest_bytes(unit.name):
            sentence = f"it has {unit.size_bytes:,} bytes, more than any such object, and was not read"
            code = code_of(unit) or "pack-damaged"
            outcome.trouble = Finding(Level.PROBLEM, code, unit.name, sentence, self._hint(unit), hurts)
            return outcome
        try:
            raw, outcome.hash_is_right = self._read(unit)
            if not outcome.hash_is_right:
                # A bit that flipped on the way is no damage: what is stored is asked for once more.
                raw, outcome.hash_is_right = self._read(unit)
        except ObjectMissing:
            return self._missing(outcome)
        except ObjectArchived:
            outcome.away = True
            return outcome
        outcome.size = len(raw)
        sentence = "" if outcome.hash_is_right else "its bytes do not have the hash in its name"
        if unit.indexed is not None:
            sentence = look_inside(self._repository, self._owners.get(unit.at), unit, raw, outcome, sentence)
        if unit.segment is not None:
            sentence = self._look_into_segment(unit, unit.segment, raw, outcome, sentence)
        if sentence:
            code = code_of(unit) or "pack-damaged"
            outcome.trouble = Finding(Level.PROBLEM, code, unit.name, sentence, self._hint(unit), hurts)
        return outcome

    def _look_into_segment(
        self, unit: Unit, segment: StoredSegment, raw: bytes, outcome: Outcome, sentence: str
    ) -> str:
        if not unit.can_be_opened:
            return sentence
        outcome.chunks, wrong = look_into_segment(self._repository, segment, raw)
        outcome.opened = not (wrong or sentence)
        return sentence or wrong

    def _read(self, unit: Unit) -> tuple[bytes, bool]:
        raw = self._repository.store.read(unit.name)
        return raw, digest(raw) == unit.digest.hex()

    def _hint(self, unit: Unit) -> str:
        """What to do; only the machine that wrote a pack can store again what it held."""
        hint = "is there an older version or a replica of it?"
        owner, ours = self._owners.get(unit.at), self._repository.state.load_writer()
        if owner is None or (ours is not None and owner.writer == ours.writer.hex()):
            return hint
        return f"{hint} Else, on {owner.label}: `lifeboat backup all --new-generation`"

    def _missing(self, outcome: Outcome) -> Outcome:
        unit = outcome.unit
        if unit.indexed is None:
            return outcome  # deleted since it was listed
        if unit.at not in self._owners and closes(unit.name.split("/")[3]) <= self._began_at:
            return outcome  # pruned since it was listed
        rows = unit.indexed.rows
        outcome.bad = [unpack_row(rows, n).chunk for n in range(len(rows) // ROW_BYTES)]
        outcome.trouble = Finding(Level.PROBLEM, "pack-missing", unit.name, "the pack is gone")
        return outcome


def _beside(look: Callable[[Unit], Outcome], units: Iterable[Unit]) -> Iterator[Outcome]:
    """What a look at each unit found, in their order; while the first of them is looked at, the next ones are."""
    ahead: deque[Future[Outcome]] = deque()
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="verify")
    try:
        for unit in units:
            if len(ahead) == AHEAD:
                yield ahead.popleft().result()
            ahead.append(pool.submit(look, unit))
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def save_if_possible(memory: ScrubMemory, findings: list[Finding]) -> None:
    """Save the memory; where that cannot be, say so once: a verification is worth as much without."""
    try:
        memory.save()
    except SettingsError as error:
        said = Finding(Level.WARNING, "not-remembered", "this verification", error.message, error.hint)
        if said not in findings:
            findings.append(said)


def _planned_bytes(due: Sequence[Unit], limits: Limits) -> int:
    total = sum(unit.size_bytes for unit in due)
    return total if limits.max_bytes is None else min(total, limits.max_bytes)


def _owners(found: Structure) -> dict[At, Record]:
    """Of each pack a snapshot that needs it, of the pack's own writer if there is one: others only name it."""
    owners: dict[At, Record] = {}
    for place, records in found.records_by_place().items():
        writers = found.packs.writers(place)
        for record in records:
            for pack in record.packs:
                if (place, pack) not in owners or writers.get(pack) == record.writer:
                    owners[place, pack] = record
    return owners


def _preferences(records: Iterable[Record]) -> dict[At, int]:
    """The packs of the newest snapshots come first: those are restored."""
    preference: dict[At, int] = {}
    for number, record in enumerate(sorted(records, key=lambda one: one.finished, reverse=True)):
        place = intern(record.place)
        for pack in record.packs:
            preference.setdefault((place, pack), number)
    return preference
