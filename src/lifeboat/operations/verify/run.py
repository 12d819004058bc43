"""``lifeboat verify``: from ages to every byte; each level includes those before it."""

from collections.abc import Mapping
from datetime import datetime

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.sizes import show_seconds
from lifeboat.operations.reports import VerifyReport
from lifeboat.operations.verify.content import (
    ContentCheck,
    check_other_objects,
    check_packs,
    check_trees,
    choose_sample,
)
from lifeboat.operations.verify.damage import Consequences
from lifeboat.operations.verify.structure import Structure, check_structure
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import Record

LEVELS = ("age", "structure", "sample", "full")
_TYPED = {"mongodb": "db"}
FUTURE_SECONDS = 300.0
"""A recovery point further ahead of the store's clock than this is a finding: a clock is wrong."""


def verify(
    repository: Repository,
    level: str,
    *,
    objectives: Mapping[str, float],
    sample_percent: float,
    clock: Clock,
    progress: Progress,
) -> VerifyReport:
    """Check a repository to one of ``LEVELS``.

    Args:
        objectives: Source (``mongodb``, ``files``, ``config``) to the age in seconds that its newest snapshot may have.
        sample_percent: Share of the packs that ``sample`` reads.
    """
    began = clock.monotonic()
    now = repository.store.time_there()
    if level == "age":
        records = repository.snapshots()
        findings = check_ages(records, objectives, now)
        return VerifyReport(level, len(records), 0, 0, 0, clock.monotonic() - began, tuple(findings))
    found = check_structure(repository, progress)
    checks = [ContentCheck()]
    if level == "sample":
        checks.append(check_packs(repository, found, choose_sample(list(found.packs), sample_percent), progress))
    if level == "full":
        checks.append(check_packs(repository, found, list(found.packs), progress))
        if repository.identity is not None:
            checks.append(check_trees(repository, found, progress))
        checks.append(check_other_objects(repository, found, progress))
    findings = [
        *_unopened(repository, level),
        *check_ages(found.records, objectives, now),
        *_with_consequences(repository, found, [finding for check in checks for finding in check.findings]),
    ]
    return VerifyReport(
        level,
        len(found.records),
        sum(check.objects for check in checks),
        sum(check.bytes_read for check in checks),
        sum(check.chunks for check in checks),
        clock.monotonic() - began,
        tuple(findings),
    )


def check_ages(records: list[Record], objectives: Mapping[str, float], now: datetime) -> list[Finding]:
    """Whether each source has a snapshot that is young enough; incomplete ones count, and are named."""
    findings = []
    for source, objective in objectives.items():
        of_source = [one for one in records if one.source == source and one.purpose != "safety"]
        command = f"lifeboat backup {_TYPED.get(source, source)}"
        if not of_source:
            findings.append(
                Finding(Level.PROBLEM, "no-snapshot", source, f"there is no snapshot of {source}", f"`{command}`")
            )
            continue
        newest = max(of_source, key=lambda record: record.believed_instant)
        age = (now - newest.believed_instant).total_seconds()
        ahead = (newest.instant - now).total_seconds()
        if age > objective:
            findings.append(
                Finding(
                    Level.PROBLEM,
                    "snapshot-too-old",
                    source,
                    f"the newest snapshot of {source} is {show_seconds(age)} old; the objective is {show_seconds(objective)}",
                    f"`{command}`; and what should have run it?",
                )
            )
        elif ahead > FUTURE_SECONDS:
            findings.append(
                Finding(
                    Level.PROBLEM,
                    "snapshot-from-the-future",
                    source,
                    f"the newest snapshot of {source} is {show_seconds(ahead)} ahead of the store's clock",
                    "compare the clocks of the database server, this machine and the store",
                )
            )
        if not newest.complete:
            findings.append(
                Finding(
                    Level.WARNING,
                    "snapshot-incomplete",
                    newest.snapshot[:8],
                    f"the newest snapshot of {source} lacks something that should be in it",
                    f"`lifeboat snapshots {newest.snapshot[:8]}` says what",
                )
            )
    return findings


def _unopened(repository: Repository, level: str) -> list[Finding]:
    """Say what a verification without the identity could not look at."""
    if repository.identity is not None:
        return []
    looked = "hashes only" if level in ("sample", "full") else "names and sizes only"
    return [
        Finding(
            Level.WARNING,
            "not-opened",
            "chunks and lists",
            f"there is no key here, so nothing was opened: {looked}",
            "verify with a recipient's key now and then, on a machine that may hold it",
        )
    ]


def _with_consequences(repository: Repository, found: Structure, more: list[Finding]) -> list[Finding]:
    """Add to each finding about a pack what it hurts."""
    consequences = Consequences(repository, found.records, found.damage)
    by_object = {where: pack for pack, (where, _) in found.packs.items()}
    told = []
    for finding in [*found.findings, *more]:
        pack = by_object.get(finding.subject)
        if pack is not None and not finding.hurts:
            finding = Finding(
                finding.level, finding.code, finding.subject, finding.message, finding.hint, consequences.of_pack(pack)
            )
        told.append(finding)
    return told
