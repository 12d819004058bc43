"""What prune will do, decided from facts alone: pure, frozen, complete.

Invariant: whatever is carried out of a plan, in its order and up to whatever point, each snapshot that the plan does not remove keeps every
pack, index and key that it needs.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from enum import IntEnum

from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.value import Value
from lifeboat.operations.prune.archive import ArchiveOf, plan_archive, window_of
from lifeboat.operations.prune.facts import (
    Facts,
    StoredIndex,
    StoredPack,
    StoredRecord,
    by_generation,
    named_by,
    needed_by,
)
from lifeboat.operations.prune.leading import leading
from lifeboat.repository.names import Source, month_in
from lifeboat.repository.segments import StoredSegment
from lifeboat.repository.statements import Statement, Verb
from lifeboat.retention.candidate import Candidate
from lifeboat.retention.periods import GRACE, lock_end
from lifeboat.retention.rules import Rules
from lifeboat.retention.verdicts import AHEAD, Because, Verdict, judge

CLOCK_BACK = timedelta(minutes=10)
"""The store's clock may not be further behind what it once wrote itself than this."""
PAUSE = timedelta(days=40)
"""Longer than any pause between backups that somebody wants; a clock that ran ahead leaves such a gap, too."""
CLOCK_DOUBTFUL = "store-clock-doubtful"
Needed = dict[str, set[bytes]]
Named = dict[str, dict[bytes, frozenset[str]]]


class Kind(IntEnum):
    """What is removed, in the order of removal: nothing before all that names it is gone."""

    RECORD = 1
    PACK = 2
    INDEX = 3
    SEGMENT = 4
    PART = 5
    KEY = 6
    STATEMENT = 7


class Removal(Value):
    """One object to be removed."""

    generation: str
    kind: Kind
    name: str
    size_bytes: int


class Judged(Value):
    """A snapshot and its verdict."""

    stored: StoredRecord
    verdict: Verdict


class PrunePlan(Value):
    """All that prune will do now, and what it will be able to do later."""

    now: datetime
    judged: tuple[Judged, ...]
    forget: tuple[StoredRecord, ...]
    take_back: tuple[StoredRecord, ...]
    """Forgotten, but the rules keep them again."""
    removals: tuple[Removal, ...]
    """In the order of removal: generation by generation, in each kind by kind."""
    later: tuple[tuple[datetime, int], ...]
    """From when on how many bytes more can be removed, if nothing else happens."""
    findings: tuple[Finding, ...]
    heard: frozenset[str] = frozenset()
    """Names of the statements that the plan knows: what was said since may forbid some of it."""
    archives: tuple[ArchiveOf, ...] = ()

    @property
    def freed_bytes(self) -> int:
        return sum(one.size_bytes for one in self.removals)


def plan_prune(facts: Facts, rules: Rules) -> PrunePlan:
    """Decide. Pure.

    Raises:
        RulesKeepNothing: The rules cannot be meant.
    """
    rules.check()
    judged = _judge(facts, rules)
    findings = [*_clock_findings(facts), *_unread_findings(facts), *_future_findings(judged, facts.now)]
    if any(one.code == CLOCK_DOUBTFUL for one in findings):
        return PrunePlan(facts.now, judged, (), (), (), (), tuple(findings))
    forgotten = [one for one in judged if one.stored.standing.forgotten is not None]
    archives = plan_archive(facts, _kept_candidates(facts, judged, rules), rules)
    return PrunePlan(
        facts.now,
        judged,
        tuple(one.stored for one in judged if not one.verdict.kept and not _is_forgotten(one.stored, facts.now)),
        tuple(one.stored for one in forgotten if one.verdict.kept and one.verdict.because is not Because.UNKNOWN),
        tuple(_removals(facts, judged, archives, rules)),
        _later(facts, judged, archives, rules),
        tuple(findings),
        frozenset(one.name for one in facts.statements),
        tuple(archives),
    )


def judge_kept(facts: Facts, rules: Rules) -> tuple[tuple[Judged, ...], tuple[ArchiveOf, ...]]:
    """The verdict on each snapshot and what becomes of the archive, without what follows for packs. Pure."""
    judged = _judge(facts, rules)
    return judged, tuple(plan_archive(facts, _kept_candidates(facts, judged, rules), rules))


def _judge(facts: Facts, rules: Rules) -> tuple[Judged, ...]:
    by_key = {one.key: one for one in facts.records}
    archived, begin = _archived_labels(facts), window_of(facts, rules)
    leads = leading(facts, begin)
    candidates = [_candidate(facts, one, archived, leads, rules) for one in by_key.values()]
    verdicts = judge(candidates, rules, facts.now, begin)
    judged = []
    for verdict in verdicts:
        stored = by_key[verdict.key]
        why = facts.unread.get((stored.record.writer, stored.record.generation))
        if why is not None and not verdict.kept:
            reason = f"something else in its catalog of {stored.record.generation} is gone or does not open: nothing there is removed"
            verdict = Verdict(verdict.key, True, Because.UNKNOWN, reason)
        judged.append(Judged(stored, verdict))
    order = sorted(judged, key=lambda one: one.stored.record.finished, reverse=True)
    return tuple(sorted(order, key=lambda one: (one.stored.label, one.stored.record.source, one.stored.record.class_)))


def _archived_labels(facts: Facts) -> set[str | None]:
    """Names of writers that have an archive, machines of one name not told apart."""
    return {facts.plain_labels.get(one.writer) for one in facts.segments} - {None}


def _kept_candidates(facts: Facts, judged: Sequence[Judged], rules: Rules) -> list[Candidate]:
    archived, leads = _archived_labels(facts), leading(facts, window_of(facts, rules))
    kept = (one for one in judged if one.verdict.kept and one.verdict.because is not Because.UNKNOWN)
    return [_candidate(facts, one.stored, archived, leads, rules) for one in kept]


def _candidate(
    facts: Facts, stored: StoredRecord, archived: Collection[str | None], leads: Collection[str], rules: Rules
) -> Candidate:
    record, standing = stored.record, stored.standing
    return Candidate(
        key=stored.key,
        label=stored.label,
        source=record.source,
        class_=record.class_,
        finished=record.finished,
        complete=record.complete,
        safety=record.purpose == "safety",
        proved=stored.proved,
        kept=standing.keep_of(record),
        released=standing.released,
        not_proved_until=lock_end(record.generation, rules.lock_days),
        imported=record.purpose == "import",
        archived=(
            record.source == Source.MONGODB and record.one_instant and facts.plain_labels.get(record.writer) in archived
        ),
        leads=stored.key in leads,
    )


def _is_forgotten(stored: StoredRecord, now: datetime) -> bool:
    """Whether a statement of a believable time says so: one from a clock that ran ahead is said again, or it would hold for years."""
    return stored.standing.forgotten is not None and stored.standing.forgotten <= now + AHEAD


def _ready(stored: StoredRecord, now: datetime, rules: Rules) -> datetime:
    """From when on a record that is not kept may be removed."""
    said = stored.standing.forgotten if _is_forgotten(stored, now) else None
    return max((said or now) + GRACE, rules.may_go(stored.record.generation))


def _removals(facts: Facts, judged: Sequence[Judged], archives: Sequence[ArchiveOf], rules: Rules) -> Iterable[Removal]:
    forgotten = [one.stored for one in judged if not one.verdict.kept and _is_forgotten(one.stored, facts.now)]
    doomed = [one for one in forgotten if _ready(one, facts.now, rules) <= facts.now]
    gone = {one.key for one in doomed}
    staying = [one for one in facts.records if one.key not in gone]
    needed = needed_by(staying)
    packs = by_generation(facts.packs)
    generations = {*packs} | {one.generation for one in facts.keys} | {one.generation for one in facts.indexes}
    generations |= {one.record.generation for one in facts.records}
    over = [segment for one in archives for segment in one.going]
    # Segments do not wait for their month to close: nothing is ever added to what they need.
    free = {one for one in generations if rules.may_go(one) <= facts.now}
    for generation in sorted(free | {one.generation for one in over}):
        segments = [one for one in over if one.generation == generation]
        if generation in free:
            yield from _removals_of(facts, generation, doomed, needed, packs.get(generation, []), segments)
        else:
            yield from _segment_removals(segments)
    yield from _idle_statements(facts, {one.key for one in staying}, rules)
    for carry in facts.carries:
        # Whoever was to be told has indexed what it needs, or has no use for it any more.
        if rules.may_go(carry.generation) <= facts.now and (carry.writer, carry.generation) not in facts.unread:
            yield Removal(carry.generation, Kind.STATEMENT, carry.name, carry.size_bytes)


def _removals_of(
    facts: Facts,
    generation: str,
    doomed: Sequence[StoredRecord],
    needed: Needed,
    packs: Sequence[StoredPack],
    segments: Sequence[StoredSegment],
) -> Iterable[Removal]:
    for one in doomed:
        if one.record.generation == generation:
            yield Removal(generation, Kind.RECORD, one.record.object_name, one.size_bytes)
    unread = {writer for writer, where in facts.unread if where == generation}
    free = [one for one in packs if one.sha256 not in needed.get(one.place, ())]
    going = [one for one in free if _owner_is_known(facts, one, unread)]
    for pack in going:
        yield Removal(generation, Kind.PACK, pack.name, pack.size_bytes)
    gone = {(one.place, one.sha256) for one in going}
    staying = [one for one in packs if (one.place, one.sha256) not in gone] if gone else packs
    # A pack that is needed and away (hidden by somebody, say) may be brought back: then its index and its key must be there.
    away = {name for place, names in needed.items() if month_in(place) == generation for name in names}
    staying_names = {one.sha256 for one in staying} | away
    indexes = [one for one in facts.indexes if one.generation == generation]
    for index in indexes:
        if index.writer not in unread and staying_names.isdisjoint(index.packs):
            yield Removal(generation, Kind.INDEX, index.name, index.size_bytes)
    yield from _segment_removals(segments)
    keys = _keys_needed(facts, staying, away, indexes, named_by(facts, generation))
    if keys is not None:
        keys |= _keys_of_archive(facts, generation, segments)
        for key in facts.keys:
            if key.generation == generation and key.sha256 not in keys:
                yield Removal(generation, Kind.KEY, key.name, key.size_bytes)


def _segment_removals(segments: Sequence[StoredSegment]) -> Iterable[Removal]:
    """Segments before the parts that they name."""
    for kind, some in ((Kind.SEGMENT, False), (Kind.PART, True)):
        for one in segments:
            if one.is_part is some:
                yield Removal(one.generation, kind, one.name, one.size_bytes)


def _keys_of_archive(facts: Facts, generation: str, going: Sequence[StoredSegment]) -> set[bytes]:
    gone = {one.name for one in going}
    staying = {one.data_key for one in facts.segments if one.generation == generation and one.name not in gone}
    return staying | {key for where, key in facts.odd_archive_keys if where == generation}


def _owner_is_known(facts: Facts, pack: StoredPack, unread: set[str]) -> bool:
    """Whether a pack that no record names is certainly none that an unreadable record names."""
    if not unread:
        return True
    front = facts.fronts.get(pack.name)
    return front is not None and front.writer not in unread


def _keys_needed(
    facts: Facts, staying: Sequence[StoredPack], away: Collection[bytes], indexes: Sequence[StoredIndex], named: Named
) -> set[bytes] | None:
    """Names of the data keys of packs that stay, and of those that a record that stays needs, there or not; None when the key of one
    that is there is not known for certain.

    Everything that anybody says of a pack counts: an index that lies can keep a key, never cost one.
    """
    there = {one.sha256 for one in staying} | set(away)
    keys = {key for index in indexes for key, packs in index.keys.items() if not there.isdisjoint(packs)}
    own: dict[str, set[bytes]] = {}
    for index in indexes:
        own.setdefault(index.writer, set()).update(index.packs)
    for stored in staying:
        front = facts.fronts.get(stored.name) if facts.fronts else None
        writers = named.get(stored.place, {}).get(stored.sha256, frozenset())
        if front is not None:
            keys.add(front.key)
        elif not writers or any(stored.sha256 not in own.get(writer, ()) for writer in writers):
            return None
    return keys


def _idle_statements(facts: Facts, staying: set[str], rules: Rules) -> Iterable[Removal]:
    """Proofs, keeps and releases that speak only of removed snapshots, and proofs that later ones repeat. What was forgotten stays said:
    it is why the chain may name records that are gone.
    """
    present = {one.key for one in facts.records}
    forgotten = {record for one in facts.statements if one.verb is Verb.FORGET for record in one.records}
    newest: dict[str, Statement] = {}
    for one in facts.statements:
        if one.verb is Verb.PROOF:
            for record in one.records:
                if record not in newest or (newest[record].time, newest[record].name) < (one.time, one.name):
                    newest[record] = one
    for one in facts.statements:
        if one.verb is Verb.FORGET or not _closed_place(facts, one, rules):
            continue
        live = [record for record in one.records if record in staying]
        over = all(record in present or record in forgotten for record in one.records) and not live
        repeated = one.verb is Verb.PROOF and bool(live) and all(newest[record] is not one for record in one.records)
        if over or repeated:
            yield Removal(one.generation, Kind.STATEMENT, one.name, facts.statement_bytes.get(one.name, 0))


def _closed_place(facts: Facts, statement: Statement, rules: Rules) -> bool:
    is_free = rules.may_go(statement.generation) <= facts.now
    return is_free and (statement.writer, statement.generation) not in facts.unread


def _later(
    facts: Facts, judged: Sequence[Judged], archives: Sequence[ArchiveOf], rules: Rules
) -> tuple[tuple[datetime, int], ...]:
    """When what is not needed by what is kept can be removed, beyond what can be now."""
    kept = needed_by(one.stored for one in judged if one.verdict.kept)
    free: dict[str, dict[bytes, StoredPack]] = {}
    for pack in facts.packs:
        if pack.sha256 not in kept.get(pack.place, ()):
            free.setdefault(pack.place, {})[pack.sha256] = pack
    freed: dict[datetime, int] = {}
    going = [(_ready(one.stored, facts.now, rules), one.stored) for one in judged if not one.verdict.kept]
    # The last snapshot that needs a pack decides when it goes.
    for when, stored in sorted(going, key=lambda pair: pair[0], reverse=True):
        here = free.get(stored.place, {})
        for name in here.keys() & set(stored.record.packs):
            freed[when] = freed.get(when, 0) + here.pop(name).size_bytes
    for when, count in (pair for one in archives for pair in one.later):
        freed[when] = freed.get(when, 0) + count
    for left in (pack for here in free.values() for pack in here.values()):
        when = rules.may_go(left.generation)
        freed[when] = freed.get(when, 0) + left.size_bytes
    return tuple(sorted((when, count) for when, count in freed.items() if when > facts.now and count))


def _clock_findings(facts: Facts) -> list[Finding]:
    """A clock that cannot be believed: then nothing is forgotten or removed, for all of it goes by time."""
    times = facts.committed_at
    if not times:
        return []
    if facts.now < times[-1] - CLOCK_BACK:
        said = f"the store's clock says {facts.now:%Y-%m-%d %H:%M}, and it has taken a snapshot at {times[-1]:%Y-%m-%d %H:%M} already"
        return [_clock_doubtful(said)]
    moments = [*times, facts.now]
    gaps = [number for number in range(1, len(moments)) if moments[number] - moments[number - 1] > PAUSE]
    if gaps and facts.now - moments[gaps[-1]] < GRACE:
        before, after = moments[gaps[-1] - 1], moments[gaps[-1]]
        said = (
            f"nothing was stored between {before:%Y-%m-%d} and {after:%Y-%m-%d}, by the store's clock: either backups had stopped, "
            "or that clock ran ahead"
        )
        return [_clock_doubtful(said)]
    return []


def _clock_doubtful(said: str) -> Finding:
    hint = f"look at the clock; with `lifeboat backup all` going on for {GRACE.days} days it is believed, and prune works again"
    return Finding(Level.PROBLEM, CLOCK_DOUBTFUL, "the store's clock", said, hint)


def _unread_findings(facts: Facts) -> list[Finding]:
    return [
        Finding(
            Level.PROBLEM,
            "catalog-not-whole",
            f"catalog of writer {writer[:8]}, {generation}",
            f"{why}; which packs that needs is not known, so nothing of it is removed",
            "`lifeboat verify` says what it is; bring the object back from an older version or a replica; what is gone for good "
            "`lifeboat prune --despite-loss` counts no more",
        )
        for (writer, generation), why in sorted(facts.unread.items())
    ]


def _future_findings(judged: Sequence[Judged], now: datetime) -> list[Finding]:
    return [
        Finding(
            Level.WARNING,
            "snapshot-from-the-future",
            f"snapshot {one.stored.record.snapshot[:8]}",
            f"{one.verdict.reason}; it is kept and counts for nothing",
            "was the store's clock set back, or did somebody forge it? `lifeboat verify` looks closer",
        )
        for one in judged
        if one.verdict.because is Because.FUTURE
    ]
