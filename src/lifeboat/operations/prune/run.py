"""``lifeboat prune``: carry out a plan in two phases, and say what was done and what is left.

Order: forget statements, durable → the grace → records → packs → indexes → segments → their parts → keys → idle statements.
Killed at any point, what is kept is whole, and the next prune goes on: it looks at what is there, not at what was planned.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import groupby

from lifeboat.crypto.identity import Identity
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.sizes import show_bytes
from lifeboat.operations.annotate import after_the_last_word, need_signer
from lifeboat.operations.prune.archive import ArchiveOf
from lifeboat.operations.prune.facts import StoredRecord, gather, with_unread
from lifeboat.operations.prune.lost import lost_records
from lifeboat.operations.prune.plan import Kind, PrunePlan, Removal, plan_prune
from lifeboat.operations.reason import TEXT_AT_MOST
from lifeboat.operations.reports.pruning import ArchiveVerdict, FreedLater, PruneReport, PruneVerdict
from lifeboat.repository.errors import SaidByNobody, StoreClockMoved
from lifeboat.repository.names import stated_digest
from lifeboat.repository.objects import read_verified, too_large
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.statements import Verb, open_statement, write_statements
from lifeboat.retention.periods import GRACE
from lifeboat.retention.rules import Rules
from lifeboat.storage.errors import StorageDenied
from lifeboat.storage.object_store import ObjectStore

AT_ONCE = 8
BATCH = 64
STALE = timedelta(hours=12)
"""A plan older than this is made anew: a laptop may have been closed in between."""


class _Refused(Exception):
    """The store does not let this object go."""

    def __init__(self, removal: Removal, error: StorageDenied) -> None:
        self.removal = removal
        self.error = error


class _SaidMeanwhile(Exception):
    """Somebody has kept or released a snapshot that is about to be removed."""

    def __init__(self, removal: Removal) -> None:
        self.removal = removal


def look(repository: Repository, rules: Rules, progress: Progress, *, despite_loss: bool = False) -> PrunePlan:
    """Read and decide; changes nothing.

    Args:
        despite_loss: Take what a record needed that is gone from the store for unneeded: somebody has looked into it.
    """
    rules.check()
    facts = gather(repository, progress)
    plan = plan_prune(facts, rules)
    lost = {} if despite_loss else lost_records(repository, facts, plan)
    return plan_prune(with_unread(repository, facts, lost), rules) if lost else plan


def prune(repository: Repository, rules: Rules, progress: Progress, *, despite_loss: bool = False) -> PruneReport:
    """Look, decide, and do it.

    Args:
        despite_loss: As of ``look``.

    Raises:
        KeyMissing: No key at hand may have snapshots forgotten.
        RulesKeepNothing: The rules cannot be meant.
    """
    signer = need_signer(repository, "pruning")
    plan = look(repository, rules, progress, despite_loss=despite_loss)
    heard = {*plan.heard, *_take_back(repository, signer, plan)}
    _say(repository, signer, Verb.FORGET, plan.forget, _words(rules), plan)
    _still(repository, plan)
    removed, stopped = remove_in_order(repository, plan.removals, heard, progress)
    return report_of(plan, rules, dry_run=False, removed=removed, findings=[*plan.findings, *stopped])


def remove_in_order(
    repository: Repository, removals: Sequence[Removal], heard: Collection[str], progress: Progress
) -> tuple[list[Removal], list[Finding]]:
    """Remove what a plan, or some whole generations of one, says; returns what is gone, and what stopped the rest.

    Args:
        heard: Names of the statements that the plan knows.
    """
    progress.begin("removing", total_bytes=sum(one.size_bytes for one in removals), total_items=len(removals))
    removed: list[Removal] = []
    stops: list[_Refused | _SaidMeanwhile] = []
    for outcome in _remove(repository, removals, heard):
        if isinstance(outcome, Removal):
            removed.append(outcome)
            progress.advance(outcome.size_bytes, 1)
        else:
            stops.append(outcome)
    return removed, list(_what_stopped(stops, set(removals) - set(removed)))


def _take_back(repository: Repository, signer: Identity, plan: PrunePlan) -> list[str]:
    """Say that what the rules keep again is not forgotten; returns the statements' names. A release would also take back a keep that the
    record itself states, so that is said again instead: no thief's ``forget`` may end it.
    """
    kept: dict[str, list[StoredRecord]] = {}
    for one in plan.take_back:
        if one.standing.keep_of(one.record) is not None:
            kept.setdefault(str(one.standing.keep_of(one.record))[:TEXT_AT_MOST], []).append(one)
    on_purpose = {one.key for stored in kept.values() for one in stored}
    released = [one for one in plan.take_back if one.key not in on_purpose]
    names = _say(repository, signer, Verb.RELEASE, released, "the rules keep it again", plan)
    for text, stored in sorted(kept.items()):
        names += _say(repository, signer, Verb.KEEP, stored, text, plan)
    return names


def report_of(
    plan: PrunePlan,
    rules: Rules,
    *,
    dry_run: bool,
    removed: Sequence[Removal],
    findings: Sequence[Finding] | None = None,
) -> PruneReport:
    """The plan, and what was done of it, as people and programs read it. Of a dry run, ``removed`` is what would be."""
    return PruneReport(
        dry_run=dry_run,
        now=plan.now,
        rules=_words(rules),
        verdicts=tuple(_verdict(plan)),
        forgotten=tuple(one.record.snapshot for one in plan.forget),
        taken_back=tuple(one.record.snapshot for one in plan.take_back),
        snapshots_removed=sum(one.kind is Kind.RECORD for one in removed),
        objects_removed=len(removed),
        freed_bytes=sum(one.size_bytes for one in removed),
        objects_left=len(plan.removals) - len(removed),
        later=tuple(FreedLater(when, count) for when, count in plan.later),
        grace_days=GRACE.days,
        findings=tuple(plan.findings if findings is None else findings),
        archives=tuple(map(_archive, plan.archives)),
        window_days=rules.window_days,
        lock_days=rules.lock_days,
        locked=rules.locked,
        hidden_until=None if rules.versions_days is None else plan.now + timedelta(days=rules.versions_days),
    )


def _archive(one: ArchiveOf) -> ArchiveVerdict:
    return ArchiveVerdict(
        label=one.label,
        base=None if one.base is None else one.base.record.snapshot,
        since=None if one.base is None else one.base.record.believed_instant,
        segments=len(one.staying),
        bytes=sum(segment.size_bytes for segment in one.staying),
        going=len(one.going),
        going_bytes=sum(segment.size_bytes for segment in one.going),
    )


def _say(
    repository: Repository, signer: Identity, verb: Verb, records: Iterable[StoredRecord], text: str, plan: PrunePlan
) -> list[str]:
    stored = list(records)
    if not stored:
        return []
    now = _still(repository, plan)
    if verb is not Verb.FORGET:
        now = after_the_last_word(now, (one.standing for one in stored))
    said = [one.record for one in stored]
    return write_statements(repository.store, repository.description, signer, verb, said, text, now)


def _still(repository: Repository, plan: PrunePlan) -> datetime:
    """The store's time now; a plan that has slept is not carried out. Raises ``StoreClockMoved``."""
    now = repository.store.time_there()
    if not -STALE < now - plan.now < STALE:
        raise StoreClockMoved(
            f"prune looked at {plan.now:%Y-%m-%d %H:%M} by the store's clock, and it is now {now:%Y-%m-%d %H:%M}",
            "run it again; did this machine sleep, or was the store's clock set?",
        )
    return now


def _remove(
    repository: Repository, removals: Sequence[Removal], heard: Collection[str]
) -> Iterator[Removal | _Refused | _SaidMeanwhile]:
    """Remove in order; yields what is gone, and what stopped a generation: the others go on, or one hold would keep all for ever."""
    stopped: set[str] = set()
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="remove") as pool:
        for (generation, _), same in groupby(removals, key=lambda one: (one.generation, one.kind)):
            if generation in stopped:
                continue
            try:
                yield from _remove_alike(pool, repository, list(same), heard)
            except (_Refused, _SaidMeanwhile) as stop:
                stopped.add(generation)
                yield stop


def _remove_alike(
    pool: ThreadPoolExecutor, repository: Repository, waiting: Sequence[Removal], heard: Collection[str]
) -> Iterator[Removal]:
    """Objects of one kind and generation, beside each other. Yields what is gone; raises ``_Refused``, ``_SaidMeanwhile``."""

    def remove(removal: Removal) -> Removal | _Refused:
        try:
            repository.store.delete(removal.name)
        except StorageDenied as error:
            return _Refused(removal, error)
        return removal

    if waiting[0].kind is Kind.RECORD:
        _hear(repository, waiting, heard)
    # The first one alone: where nothing may be deleted, one refusal is enough.
    for batch in [waiting[:1], *(waiting[at : at + BATCH] for at in range(1, len(waiting), BATCH))]:
        done = list(pool.map(remove, batch))
        yield from (one for one in done if isinstance(one, Removal))
        for one in done:
            if isinstance(one, _Refused):
                raise one
    if waiting[0].kind is Kind.RECORD:
        _must_be_gone(repository.store, waiting)


def _hear(repository: Repository, records: Sequence[Removal], heard: Collection[str]) -> None:
    """Look whether any of these records was kept or released since the plan was made: that may be hours ago."""
    going = {stated_digest(one.name): one for one in records}
    for prefix in sorted({one.name.rpartition("/")[0] + "/" for one in records}):
        for stored in repository.store.list_under(prefix):
            last = stored.name.rpartition("/")[2]
            if stored.name in heard or not last.startswith((f"{Verb.KEEP}-", f"{Verb.RELEASE}-")):
                continue
            try:
                if (refused := too_large(stored)) is not None:
                    raise refused
                said = open_statement(read_verified(repository.store, stored.name), stored.name, repository.description)
            except SaidByNobody:
                continue
            except LifeboatError as error:
                if error.worth_retrying:
                    raise
                raise _SaidMeanwhile(records[0]) from error
            meant = going.keys() & set(said.records)
            if meant:
                raise _SaidMeanwhile(going[meant.pop()])


def _must_be_gone(store: ObjectStore, removals: Sequence[Removal]) -> None:
    """No pack may go while a record that names it is still there, whatever the store answered."""
    gone = {one.name for one in removals}
    for prefix in sorted({one.name.rpartition("/")[0] + "/" for one in removals}):
        for stored in store.list_under(prefix):
            if stored.name in gone:
                removal = next(one for one in removals if one.name == stored.name)
                raise _Refused(removal, StorageDenied(f"{stored.name} is still there after it was deleted"))


def _what_stopped(stops: Sequence[_Refused | _SaidMeanwhile], left: Collection[Removal]) -> Iterator[Finding]:
    refused = [one for one in stops if isinstance(one, _Refused)]
    for one in stops:
        if isinstance(one, _SaidMeanwhile):
            yield Finding(
                Level.WARNING,
                "said-meanwhile",
                one.removal.generation,
                "somebody has kept or released a snapshot of this month while prune was at work: nothing more of it was removed",
                "run `lifeboat prune` again",
            )
    if refused:
        held = {one.removal.generation for one in refused}
        yield _refused(refused[0], [one for one in left if one.generation in held])


def _refused(refused: _Refused, left: Sequence[Removal]) -> Finding:
    size = sum(one.size_bytes for one in left)
    return Finding(
        Level.PROBLEM,
        "removal-refused",
        refused.removal.name,
        f"{refused.error.message}; {len(left):,} objects ({show_bytes(size)}) that nobody needs stay",
        "run prune where deleting is allowed (the custodian's rights), or leave it to the bucket's lifecycle; nothing that is kept is hurt",
    )


def _verdict(plan: PrunePlan) -> Iterator[PruneVerdict]:
    for one in plan.judged:
        record, standing = one.stored.record, one.stored.standing
        yield PruneVerdict(
            snapshot=record.snapshot,
            label=one.stored.label,
            source=record.source,
            snapshot_class=record.class_,
            generation=record.generation,
            finished=record.finished,
            kept=one.verdict.kept,
            because=str(one.verdict.because),
            reason=one.verdict.reason,
            until=one.verdict.until,
            forgotten=standing.forgotten,
        )


def _words(rules: Rules) -> str:
    """The rules in one line: ``"24 hourly, 35 daily, 84 monthly"``."""
    counts = {
        "hourly": rules.hourly,
        "daily": rules.daily,
        "weekly": rules.weekly,
        "monthly": rules.monthly,
        "yearly": rules.yearly,
    }
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)
