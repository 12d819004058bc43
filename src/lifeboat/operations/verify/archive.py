"""Does the archive lead from its snapshots to every moment of the window? Reads names and statements; changes are opened by ``segments.py``.

What prune may have removed is not asked for: only what comes after the snapshot from which the window's beginning is reached. Killed, prune
leaves holes before that.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import groupby

from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.sizes import KIB
from lifeboat.foundation.value import Value
from lifeboat.operations.recovery_points import Base, base_of
from lifeboat.operations.verify.found import DAMAGE, Structure, damaged
from lifeboat.repository.names import KEYS, SEGMENTS, key_name
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import Record, show_time
from lifeboat.repository.segment_format import Statement
from lifeboat.repository.segments import Segment, StoredSegment, read_segment_name
from lifeboat.repository.statements import NOTHING_SAID, record_digest
from lifeboat.retention.rules import Rules
from lifeboat.storage.errors import ObjectArchived, ObjectMissing, StorageDenied

AT_ONCE = 8
BATCH = 512
STATEMENT_READ_BYTES = 4 * KIB
"""Holds front and statement of nearly every segment."""
SNAPSHOT_TAKES_AT_MOST = timedelta(days=1)
"""A stream that begins anew has a snapshot taken at once."""
NAMED_AT_MOST = 20
"""Findings of one kind: whoever may write can plant a million names."""
LOOK_FOR_COPY = "is there an older version or a replica of it? Else `lifeboat backup db`: moments after that snapshot are within reach again"
PLANTED = "did somebody plant it? Once that is clear, delete it: a restore may take it for a part of the archive"


class Said(Value):
    """What a segment's statement says, as far as its neighbours need it."""

    stored: StoredSegment
    statement: Statement | None
    """None where it was not read, or is in trouble."""
    trouble: bool = False
    """It does not open, or is not what its writer signed."""


def check_archive(repository: Repository, found: Structure, rules: Rules, progress: Progress) -> None:
    """Look at all of it; adds to the findings, and to ``found.segments`` what is to be opened."""
    now = repository.store.time_there()
    segments, odd = _list_twice(repository)
    for name in odd:
        _report(found, Level.WARNING, "segment-misnamed", name, "it lies in the archive and is no segment", PLANTED)
    of_label: dict[str, list[StoredSegment]] = defaultdict(list)
    for one in segments:
        registration = repository.registrations.get(one.writer)
        if registration is not None:
            of_label[registration.label].append(one)
        else:
            message = "it is in the name of a writer that nobody registered, and counts for nothing"
            _report(found, Level.WARNING, "segment-of-nobody", one.name, message, PLANTED)
    progress.begin("reading the archive", total_items=len(segments))
    said = repository.standings()
    listed = [one for one in found.records if said.get(record_digest(one), NOTHING_SAID).forgotten is None]
    for label, own in sorted(of_label.items()):
        bases = _bases(repository, listed, label)
        begun = {one.earliest.seconds for one in _bases(repository, found.records, label)}
        first = _first_base(bases, now - rules.window)
        look = _Look(repository, found, label, tuple(bases), begun, first.earliest if first else ClusterTime(0, 0), now)
        look.check(own, progress)
    _keys(repository, found, segments)
    found.findings[:] = _capped(found.findings)


class _Chain(Value):
    first: Said
    through: ClusterTime


class _Look(Value):
    """At the archive of one writer's name.

    Args:
        bases: Snapshots that are listed and changes can be replayed onto, oldest first.
        begun: The seconds of all snapshots there are: prune leaves an archive that begins at one.
        since: What lies before this leads to no moment of the window.
    """

    repository: Repository
    found: Structure
    label: str
    bases: tuple[Base, ...]
    begun: set[int]
    since: ClusterTime
    now: datetime

    def check(self, segments: Sequence[StoredSegment], progress: Progress) -> None:
        needed = [one for one in segments if one.through.seconds >= self.since.seconds]
        self.found.segments += needed
        names = {one.name for one in segments}
        whole = sorted((one for one in needed if not one.is_part), key=lambda one: (one.writer, one.chain, one.after))
        said = _read(self.repository, self.found, whole, progress)
        by_chain = groupby(said, lambda one: (one.stored.writer, one.stored.chain))
        self._beginnings([one for _, chain in by_chain if (one := self._check_chain(chain, names)) is not None])

    def _check_chain(self, chain: Iterable[Said], names: set[str]) -> _Chain | None:
        """Whether each segment goes on where one before it ended, and what it names is there."""
        first: Said | None = None
        last: Said | None = None
        closed: list[StoredSegment] = []
        for one in chain:
            if one.trouble:
                closed.append(one.stored)  # told already; and a planted one must not bridge what is gone
                continue
            reached = last.stored.through if last else one.stored.after
            if last is None:
                first = one
                self._check_beginning(one)
            elif one.stored.after > reached:
                if not any(each.after <= reached and one.stored.after <= each.through for each in closed):
                    self._lost(reached, one.stored.after, one.statement.previous if one.statement else None)
            else:
                self._check_edge(last, one)
                self._check_previous(one, names)
            self._check_parts(one, names)
            if one.stored.through >= reached:
                last = one
        return _Chain(first, last.stored.through) if first and last else None

    def _check_beginning(self, one: Said) -> None:
        """A chain whose beginning is gone: prune leaves one that begins at a snapshot or before it."""
        stored, statement = one.stored, one.statement
        if statement is None or statement.because is not None or stored.after.seconds <= self.since.seconds:
            return
        if any(stored.after.seconds <= second <= stored.through.seconds for second in self.begun):
            message = f"the archive of {self.label} reaches back to {_say(stored.after)}, and not over the whole window"
            hint = "was retention.window_days raised? Then it grows; else somebody removed its beginning"
            self._report(Level.WARNING, "archive-begins-late", stored.name, message, hint)
        else:
            self._lost(self.since, stored.after, None)

    def _check_edge(self, last: Said, one: Said) -> None:
        """Whether it begins at the very entry of the oplog with which the one before it ended."""
        if last.statement is None or one.statement is None:
            return
        before, after = last.statement.through, one.statement.after
        if before.time == after.time and before.entry and after.entry and before != after:
            message = "it goes on from another entry of the oplog than the one with which the segment before it ends"
            hint = "moments after it may be wrong: take a snapshot (`lifeboat backup db`), and find out what wrote it"
            hurts = (_moments(one.stored),)
            self._report(Level.PROBLEM, "segment-contradicts", one.stored.name, message, hint, hurts)

    def _check_previous(self, one: Said, names: set[str]) -> None:
        previous = one.statement.previous if one.statement else None
        told = read_segment_name(previous, 0, one.stored.modified) if previous and previous not in names else None
        if told is not None and told.through.seconds >= self.since.seconds and told.through >= one.stored.after:
            message = f"a segment of {self.label}, which the one after it names, is gone"
            self._report(Level.PROBLEM, "segment-missing", told.name, message, LOOK_FOR_COPY, (_moments(told),))

    def _check_parts(self, one: Said, names: set[str]) -> None:
        for part in one.statement.parts if one.statement else ():
            if part not in names:
                message = "a part of a large transaction is gone"
                hurts = (_moments(one.stored),)
                self._report(Level.PROBLEM, "segment-missing", part, message, LOOK_FOR_COPY, hurts)

    def _beginnings(self, chains: Sequence[_Chain]) -> None:
        """What the archive has as gaps, and whether a snapshot leads into what comes after them."""
        oldest_first = sorted(chains, key=lambda one: (one.first.stored.after, one.through))
        reached: ClusterTime | None = None
        for chain in oldest_first:
            begin, statement = chain.first.stored.after, chain.first.statement
            base = next((one for one in self.bases if begin <= one.latest and one.earliest <= chain.through), None)
            if base is None:
                if chain is oldest_first[-1]:
                    self._without_base(chain.first.stored)
                continue
            if reached is not None and base.earliest > reached:
                because = statement.because if statement and statement.because else "why is not known here"
                message = f"moments between {_say(reached)} and {_say(base.earliest)} cannot be restored: {because}"
                hint = "`lifeboat timeline` shows what can be"
                self._report(Level.WARNING, "archive-gap", f"archive of {self.label}", message, hint)
            reached = max(reached or chain.through, chain.through)

    def _without_base(self, first: StoredSegment) -> None:
        is_late = self.now - first.modified > SNAPSHOT_TAKES_AT_MOST
        message = f"no moment of what {self.label} archived since {_say(first.after)} can be restored yet: no snapshot leads into it"
        level = Level.PROBLEM if is_late else Level.WARNING
        self._report(level, "archive-without-base", first.name, message, "`lifeboat backup db` takes one")

    def _lost(self, after: ClusterTime, before: ClusterTime, previous: str | None) -> None:
        message = f"segments of {self.label} between {_say(after)} and {_say(before)} were stored, and are gone"
        hurts = (f"moments from {_say(after)} until the first snapshot after it",)
        subject = previous or f"archive of {self.label}"
        self._report(Level.PROBLEM, "segment-missing", subject, message, LOOK_FOR_COPY, hurts)

    def _report(
        self, level: Level, code: str, subject: str, message: str, hint: str, hurts: tuple[str, ...] = ()
    ) -> None:
        _report(self.found, level, code, subject, message, hint, hurts)


def _keys(repository: Repository, found: Structure, segments: Iterable[StoredSegment]) -> None:
    """Whether each segment's data key is there, and opens."""
    needed: dict[str, list[StoredSegment]] = defaultdict(list)
    for one in segments:
        if one.writer in repository.registrations:
            needed[key_name(one.generation, one.data_key.hex())].append(one)
    generations = {name.split("/")[1] for name in needed}
    there = {one.name for each in generations for one in repository.store.list_under(f"{KEYS}{each}/")}
    for name, under in sorted(needed.items()):
        first, last = min(under, key=lambda one: one.after), max(under, key=lambda one: one.through)
        hurts = (f"the archive from {_say(first.after)} to {_say(last.through)}",)
        if name not in there:
            found.bad_keys.add(name)
            message = "the wrapped data key is gone"
            _report(found, Level.PROBLEM, "data-key-missing", name, message, LOOK_FOR_COPY, hurts)
        elif repository.identity is not None:
            try:
                repository.data_key(under[0].data_key, under[0].generation)
            except ObjectArchived:
                found.foreign_keys.add(name)
            except LifeboatError as error:
                if error.worth_retrying:
                    raise
                (found.bad_keys if isinstance(error, DAMAGE) else found.foreign_keys).add(name)
                damaged(found, name, error, hurts)


def _read(
    repository: Repository, found: Structure, segments: Sequence[StoredSegment], progress: Progress
) -> Iterator[Said]:
    """Their statements, in the same order. Where the rights end at names, all come without."""
    denied = False

    def read(one: StoredSegment) -> Statement | LifeboatError:
        try:
            raw = repository.store.read(one.name, (0, min(STATEMENT_READ_BYTES, one.size_bytes)))
            return Segment(repository, one, raw).statement
        except LifeboatError as error:
            if error.worth_retrying:
                raise
            return error

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="statement") as pool:
        for begin in range(0, len(segments), BATCH):
            some = segments[begin : begin + BATCH]
            for stored, outcome in zip(some, [None] * len(some) if denied else pool.map(read, some), strict=True):
                progress.advance(done_items=1)
                statement = outcome if isinstance(outcome, Statement) else None
                if isinstance(outcome, StorageDenied):
                    denied = True
                elif isinstance(outcome, ObjectMissing):
                    continue  # pruned since it was listed
                elif isinstance(outcome, ObjectArchived):
                    found.away.add(stored.name)
                elif isinstance(outcome, LifeboatError):
                    damaged(found, stored.name, outcome, (_moments(stored),))
                yield Said(stored, statement, isinstance(outcome, DAMAGE))
    if denied:
        message = "the rights here end at the names of segments: whether they are their writers' was not checked"
        _report(found, Level.WARNING, "archive-not-read", SEGMENTS, message, "verify on the keeper's machine")


def _list_twice(repository: Repository) -> tuple[list[StoredSegment], list[str]]:
    """Segments and other names. Listed again where something seems to be missing: a listing takes its time, and a stream goes on meanwhile."""
    segments, odd = _list(repository)
    if _has_holes(segments.values()):
        segments |= _list(repository)[0]
    return list(segments.values()), odd


def _list(repository: Repository) -> tuple[dict[str, StoredSegment], list[str]]:
    segments, odd = {}, []
    for stored in repository.store.list_under(SEGMENTS):
        segment = read_segment_name(stored.name, stored.size_bytes, stored.modified)
        if segment is None:
            odd.append(stored.name)
        else:
            segments[stored.name] = segment
    return segments, odd


def _has_holes(segments: Iterable[StoredSegment]) -> bool:
    in_order = sorted(
        (one for one in segments if not one.is_part), key=lambda one: (one.writer, one.chain, one.after, one.through)
    )
    for _, of_chain in groupby(in_order, lambda one: (one.writer, one.chain)):
        reached: ClusterTime | None = None
        for one in of_chain:
            if reached is not None and one.after > reached:
                return True
            reached = max(reached or one.through, one.through)
    return False


def _bases(repository: Repository, records: Iterable[Record], label: str) -> list[Base]:
    """Oldest first."""
    of_label = (base_of(one) for one in records if repository.label_of(one) == label)
    return sorted((one for one in of_label if one is not None), key=lambda one: one.earliest)


def _first_base(oldest_first: Sequence[Base], begin: datetime) -> Base | None:
    """From which the window's beginning is reached; the oldest there is where none is old enough."""
    old = [one for one in oldest_first if one.record.finished <= begin]
    return old[-1] if old else next(iter(oldest_first), None)


def _report(
    found: Structure, level: Level, code: str, subject: str, message: str, hint: str, hurts: tuple[str, ...] = ()
) -> None:
    found.findings.append(Finding(level, code, subject, message, hint, hurts))


def _capped(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Of one kind about the archive no more than a page takes."""
    seen: dict[str, int] = defaultdict(int)
    for one in findings:
        if one.subject.startswith(SEGMENTS):
            seen[one.code] += 1
        if seen[one.code] <= NAMED_AT_MOST or not one.subject.startswith(SEGMENTS):
            yield one
    for code, count in seen.items():
        if count > NAMED_AT_MOST:
            more = next(one for one in findings if one.code == code and one.subject.startswith(SEGMENTS))
            yield Finding(more.level, code, SEGMENTS, f"{count - NAMED_AT_MOST:,} more of this kind", more.hint)


def _moments(one: StoredSegment) -> str:
    return f"moments from {_say(one.after)} on"


def _say(time: ClusterTime) -> str:
    with suppress(ValueError, OverflowError):
        return show_time(time.instant)
    return time.words()
