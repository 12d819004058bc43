"""``lifeboat prune``: carry out a plan in two phases, and say what was done and what is left.

Order: forget statements, durable → the grace → records → packs → indexes → keys → idle statements. Killed at any point, what is kept is whole,
and the next prune goes on: it looks at what is there, not at what was planned.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import groupby

from lifeboat.crypto.identity import Identity
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.sizes import show_bytes
from lifeboat.operations.annotate import after_forgetting, need_signer
from lifeboat.operations.prune.facts import StoredRecord, gather
from lifeboat.operations.prune.plan import Kind, PrunePlan, Removal, plan_prune
from lifeboat.operations.reports import FreedLater, PruneReport, PruneVerdict
from lifeboat.repository.errors import StoreClockMoved
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.statements import Verb, write_statements
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


def look(repository: Repository, rules: Rules, progress: Progress) -> PrunePlan:
    """Read and decide; changes nothing."""
    rules.check()
    return plan_prune(gather(repository, progress), rules)


def prune(repository: Repository, rules: Rules, progress: Progress) -> PruneReport:
    """Look, decide, and do it.

    Raises:
        KeyMissing: No key at hand may have snapshots forgotten.
        RulesKeepNothing: The rules cannot be meant.
    """
    signer = need_signer(repository, "pruning")
    plan = look(repository, rules, progress)
    _say(repository, signer, Verb.RELEASE, plan.take_back, "the rules keep it again", plan)
    _say(repository, signer, Verb.FORGET, plan.forget, _words(rules), plan)
    _still(repository, plan)
    progress.begin("removing", total_bytes=plan.freed_bytes, total_items=len(plan.removals))
    removed: list[Removal] = []
    findings = list(plan.findings)
    try:
        for removal in _remove(repository.store, plan.removals):
            removed.append(removal)
            progress.advance(removal.size_bytes, 1)
    except _Refused as refused:
        left = plan.removals[len(removed) :]
        findings.append(_refused(refused, left))
    return report_of(plan, rules, dry_run=False, removed=removed, findings=findings)


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
    )


def _say(
    repository: Repository, signer: Identity, verb: Verb, records: Iterable[StoredRecord], text: str, plan: PrunePlan
) -> None:
    stored = list(records)
    said = [one.record for one in stored]
    if said:
        now = _still(repository, plan)
        if verb is Verb.RELEASE:
            now = after_forgetting(now, (one.standing for one in stored))
        write_statements(repository.store, repository.description, signer, verb, said, text, now)


def _still(repository: Repository, plan: PrunePlan) -> datetime:
    """The store's time now; a plan that has slept is not carried out. Raises ``StoreClockMoved``."""
    now = repository.store.time_there()
    if not -STALE < now - plan.now < STALE:
        raise StoreClockMoved(
            f"prune looked at {plan.now:%Y-%m-%d %H:%M} by the store's clock, and it is now {now:%Y-%m-%d %H:%M}",
            "run it again; did this machine sleep, or was the store's clock set?",
        )
    return now


def _remove(store: ObjectStore, removals: Sequence[Removal]) -> Iterator[Removal]:
    """Remove in order; beside each other only objects of one kind and generation. Yields what is gone; raises ``_Refused``."""

    def remove(removal: Removal) -> Removal | _Refused:
        try:
            store.delete(removal.name)
        except StorageDenied as error:
            return _Refused(removal, error)
        return removal

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="remove") as pool:
        for _, same in groupby(removals, key=lambda one: (one.generation, one.kind)):
            waiting = list(same)
            # The first one alone: where nothing may be deleted, one refusal is enough.
            for batch in [waiting[:1], *(waiting[at : at + BATCH] for at in range(1, len(waiting), BATCH))]:
                done = list(pool.map(remove, batch))
                yield from (one for one in done if isinstance(one, Removal))
                for one in done:
                    if isinstance(one, _Refused):
                        raise one
            if waiting[0].kind is Kind.RECORD:
                _must_be_gone(store, waiting)


def _must_be_gone(store: ObjectStore, removals: Sequence[Removal]) -> None:
    """No pack may go while a record that names it is still there, whatever the store answered."""
    gone = {one.name for one in removals}
    for prefix in sorted({one.name.rpartition("/")[0] + "/" for one in removals}):
        for stored in store.list_under(prefix):
            if stored.name in gone:
                removal = next(one for one in removals if one.name == stored.name)
                raise _Refused(removal, StorageDenied(f"{stored.name} is still there after it was deleted"))


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
