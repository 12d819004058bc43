"""Which copies may hold what was erased, and by when the rules will have let each of them go.

Limits: told by instants and sources, not by content: a copy is named that may hold it. Days are those by which prune will have removed it at the
latest while backups and prune go on; older versions in the bucket stay as long as its age rules say.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from lifeboat.cloud.lifecycle.prove import promised
from lifeboat.foundation.progress import Progress
from lifeboat.operations.erasing.entries import ANSWER_DAYS, SLACK, Erasure
from lifeboat.operations.prune.facts import Facts, gather_said
from lifeboat.operations.prune.plan import Judged, judge_kept
from lifeboat.operations.reports.erasures import CopyRow, ErasureRow
from lifeboat.repository.names import Source, typed
from lifeboat.repository.open_repository import Repository
from lifeboat.retention.periods import GRACE
from lifeboat.retention.rules import Rules
from lifeboat.retention.verdicts import Because
from lifeboat.retention.window import STILL_READ

NO_DAY = {Because.ON_PURPOSE, Because.FUTURE, Because.UNKNOWN}


def row_of_erasure(one: Erasure) -> ErasureRow:
    state = "held" if one.hold else "open" if one.until is None else "closed"
    covers = (*(each.words() for each in one.documents), *(_path_words(path) for path in one.files))
    return ErasureRow(
        one.id,
        one.number,
        one.recorded,
        one.request,
        one.note,
        covers,
        state,
        one.until,
        one.hold,
        one.answer_until,
        one.answer_until + timedelta(days=ANSWER_DAYS),
    )


def copies_with(repository: Repository, rules: Rules, erasure: Erasure, progress: Progress) -> list[CopyRow]:
    """The snapshots, and the archive, that may hold it: those that go last first."""
    facts = gather_said(repository, progress)
    judged, _ = judge_kept(facts, rules)
    sources = ({Source.MONGODB} if erasure.documents else set()) | (
        {Source.FILES, Source.CONFIG} if erasure.files else set()
    )
    found = [
        _row(one, rules, facts.now)
        for one in judged
        if one.stored.record.source in sources and erasure.concerns(one.stored.record.instant)
    ]
    if erasure.documents:
        found += _archive(facts, rules, erasure)
    return sorted(found, key=lambda row: (row.gone_by is not None, row.gone_by and -row.gone_by.timestamp()))


def _row(one: Judged, rules: Rules, now: datetime) -> CopyRow:
    record = one.stored.record
    gone_by = None if one.verdict.because in NO_DAY else gone_by_at_the_latest(one, rules, now)
    return CopyRow(typed(record.source), record.snapshot, record.instant, one.stored.label, gone_by, one.verdict.reason)


def gone_by_at_the_latest(one: Judged, rules: Rules, now: datetime) -> datetime:
    """The rules' last day, the grace in which what was let go can be had back, and the end of its month's lock. Pure."""
    record, verdict = one.stored.record, one.verdict
    kept_until = now
    if verdict.kept:
        kept_until = verdict.until or max(now, promised(record.class_, record.finished, rules))
    return max(kept_until + GRACE, rules.may_go(record.generation))


def _archive(facts: Facts, rules: Rules, erasure: Erasure) -> Iterator[CopyRow]:
    """The archive of changes, by writer: any moment of its window can be restored, so it holds what was erased a window ago."""
    stays = rules.window + max(STILL_READ, GRACE) + GRACE
    for label in sorted({facts.labels.get(one.writer, one.writer) for one in facts.segments}):
        gone_by = None if erasure.until is None else max(facts.now, erasure.until + SLACK) + stays
        why = (
            "live may still hold it, so every change since is archived"
            if gone_by is None
            else "the window of the archive"
        )
        yield CopyRow("archive", None, None, label, gone_by, why)


def _path_words(path: bytes) -> str:
    words = path.decode("utf-8", "backslashreplace")
    return f"{words} and everything below it" if words.endswith("/") else words
