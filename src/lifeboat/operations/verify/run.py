"""``lifeboat verify``: from ages to every byte; each level includes those before it."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.sizes import show_seconds
from lifeboat.operations.archive_status import archives, check_base, is_fresh, judged_archive, labels_of
from lifeboat.operations.lateness import allowed_seconds
from lifeboat.operations.proofs import Proofs
from lifeboat.operations.reports.checks import LastVerify, Rotation, VerifyReport
from lifeboat.operations.reports.standing import ArchiveStatus
from lifeboat.operations.verify.acts import check_acts
from lifeboat.operations.verify.archive import check_archive
from lifeboat.operations.verify.carried import check_carried
from lifeboat.operations.verify.content import ContentCheck, Scrub, save_if_possible
from lifeboat.operations.verify.damage import Consequences
from lifeboat.operations.verify.follow import check_followed
from lifeboat.operations.verify.found import Structure
from lifeboat.operations.verify.memory import FILE, ScrubMemory
from lifeboat.operations.verify.outcome import Outcome
from lifeboat.operations.verify.proving import prove_what_was_opened
from lifeboat.operations.verify.rolling import NO_LIMITS, Limits, Unit, rotation
from lifeboat.operations.verify.structure import check_structure
from lifeboat.operations.verify.told_packs import ToldPack
from lifeboat.operations.verify.trees import TreeCheck, check_trees
from lifeboat.repository.names import At, Source, stated_digest, typed
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.pack_format import ROW_BYTES, unpack_row
from lifeboat.repository.quarantine import change_quarantine
from lifeboat.repository.record import Record, read_time, show_time
from lifeboat.repository.statements import NOTHING_SAID, record_digest
from lifeboat.retention.rules import Rules

LEVELS = ("age", "structure", "sample", "full")
VERIFIED = "verified.json"
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
    limits: Limits = NO_LIMITS,
    rules: Rules | None = None,
    known: Callable[[Unit], Outcome | None] = lambda unit: None,
) -> VerifyReport:
    """Check a repository to one of ``LEVELS``.

    Args:
        objectives: Source (``mongodb``, ``files``, ``config``) to the age in seconds that its newest snapshot may have.
        sample_percent: Share of the packs that ``sample`` reads.
        limits: Where ``sample`` and ``full`` stop; the next run goes on with what was checked longest ago.
        rules: Say how far back moments have to be within reach.
        known: What was found in an object by a process that read it for this one.
    """
    began = clock.monotonic()
    now = repository.store.time_there()
    if level == "age":
        records = repository.snapshots()
        findings = _check_ages_here(repository, records, objectives, now)
        return VerifyReport(level, len(records), 0, 0, 0, clock.monotonic() - began, tuple(findings))
    repository.index_copies().forget()
    found = check_structure(repository, progress)
    check_carried(repository, found)
    check_archive(repository, found, rules or Rules(), progress)
    if level == "full" and limits == NO_LIMITS:
        check_acts(repository, found)
    content = _Content(repository, found, clock, progress, now, began)
    if level != "structure":
        content.look(level, sample_percent, limits, known)
    quarantined = content.put_into_quarantine()
    findings = [
        *_unopened(repository, level),
        *_check_ages_here(repository, found.records, objectives, now),
        *_with_consequences(repository, found, content.check.findings),
    ]
    said = repository.standings()
    proofs = Proofs(repository, said)
    kept = [one for one in found.records if said.get(record_digest(one), NOTHING_SAID).forgotten is None]
    report = VerifyReport(
        level,
        len(found.records),
        content.check.objects,
        content.check.bytes_read,
        content.check.chunks,
        clock.monotonic() - began,
        tuple(findings),
        proved=tuple(record.snapshot for record in content.proved),
        unproved=sum(proofs.of(record) is None for record in kept),
        stopped_by=content.check.stopped_by,
        rotation=content.rotation,
        quarantined=quarantined,
        segments=len(found.segments),
        archived=content.check.archived,
        archived_bytes=content.check.archived_bytes,
        resting=content.check.resting,
        resting_bytes=content.check.resting_bytes,
    )
    _remember(repository, report, now)
    return report


class _Content:
    """The levels that read packs."""

    def __init__(
        self, repository: Repository, found: Structure, clock: Clock, progress: Progress, now: datetime, began: float
    ) -> None:
        self._repository = repository
        self._found = found
        self._progress = progress
        self._now = now
        self._clock = clock
        self._began = began
        self._gone = set(found.damage.chunks)
        self.check = ContentCheck()
        self.rotation: Rotation | None = None
        self.proved: list[Record] = []

    def look(self, level: str, sample_percent: float, limits: Limits, known: Callable[[Unit], Outcome | None]) -> None:
        """Read what is due, then say what that proves."""
        repository, found = self._repository, self._found
        memory = ScrubMemory(repository.state.directory / FILE, repository.id)
        scrub = Scrub(repository, found, memory, self._clock, now=self._now, began=self._began)
        sampled = level == "sample"
        units, strangers = ([*scrub.packs(), *scrub.segments()], []) if sampled else scrub.everything()
        share = sample_percent if level == "sample" else None
        self.check = scrub.look(units, limits, self._progress, share=share, known=known)
        if level == "full":
            self._forget_what_is_gone(memory, units)
        trees = TreeCheck()
        if repository.identity is not None:
            if level == "full" and limits == NO_LIMITS:
                self.check.findings += check_trees(repository, found, trees, self._progress)
                self.check.findings += check_followed(repository, self._progress)
            self.proved, said = prove_what_was_opened(repository, found, memory, trees, self._now)
            self.check.findings += said
        self.check.findings += strangers
        within_reach = [unit for unit in units if unit.name not in found.away]
        self.rotation = rotation(within_reach, scrub.last, self.check.checked, scrub.now_seconds)

    def put_into_quarantine(self) -> int:
        """Tell this machine's next backup what not to count on; returns how many of the spoilt packs are its own."""
        bad_keys = (self._found.bad_keys | self._found.damaged_objects) - self._found.foreign_keys
        spoilt = self._gone | self.check.spoilt | set(self._found.packs.under_keys(bad_keys))
        with suppress(SettingsError):  # a hint: said again by the next run
            change_quarantine(
                self._repository.state, self._repository.id, damaged=spoilt, whole=self.check.whole - spoilt
            )
        writer = self._repository.state.load_writer()
        records = [one for one in self._found.records if writer is not None and one.writer == writer.writer.hex()]
        return len({at for at in spoilt for one in records if one.place == at[0] and at[1] in one.packs})

    def _forget_what_is_gone(self, memory: ScrubMemory, units: list[Unit]) -> None:
        memory.keep_only(unit.key for unit in units)
        save_if_possible(memory, self.check.findings)


def _check_ages_here(
    repository: Repository, records: list[Record], objectives: Mapping[str, float], now: datetime
) -> list[Finding]:
    judged = repository.judged_here(records)
    archive = judged_archive(archives(repository, records, now), labels_of(repository, judged))
    return check_ages(judged, objectives, now, archive)


def check_ages(
    records: list[Record], objectives: Mapping[str, float], now: datetime, archive: ArchiveStatus | None = None
) -> list[Finding]:
    """Whether each source has a snapshot that is young enough; incomplete ones count, and are named.

    Args:
        archive: Of the database: where it is fresh, a snapshot may be old.
    """
    findings = []
    for source, objective in objectives.items():
        of_source = [one for one in records if one.source == source and one.is_backup]
        name = typed(source)
        command = f"lifeboat backup {name}"
        if not of_source:
            findings.append(
                Finding(Level.PROBLEM, "no-snapshot", name, f"there is no snapshot of {name}", f"`{command}`")
            )
            continue
        newest = max(of_source, key=lambda record: record.believed_instant)
        age = (now - newest.believed_instant).total_seconds()
        ahead = (newest.instant - now).total_seconds()
        archived = archive if source == Source.MONGODB else None
        if age > allowed_seconds(newest, objective) and is_fresh(archived, objective):
            findings += check_base(newest, archived, now)
        elif age > allowed_seconds(newest, objective):
            findings.append(
                Finding(
                    Level.PROBLEM,
                    "snapshot-too-old",
                    name,
                    f"the newest snapshot of {name} is {show_seconds(age)} old; the objective is {show_seconds(objective)}",
                    f"`{command}`; and what should have run it?",
                )
            )
        elif ahead > FUTURE_SECONDS:
            findings.append(
                Finding(
                    Level.PROBLEM,
                    "snapshot-from-the-future",
                    name,
                    f"the newest snapshot of {name} is {show_seconds(ahead)} ahead of the store's clock",
                    "compare the clocks of the database server, this machine and the store",
                )
            )
        if not newest.complete:
            findings.append(
                Finding(
                    Level.WARNING,
                    "snapshot-incomplete",
                    newest.snapshot[:8],
                    f"the newest snapshot of {name} lacks something that should be in it",
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
    """Add to each finding about a pack what it hurts; where every chunk lies whole in another pack too, nothing is lost."""
    consequences = Consequences(repository, found.records, found.damage, found.chunk_table)
    told = [*found.findings, *more]
    # One place after another: consequences hold the chunk tables of one.
    for number in sorted(range(len(told)), key=lambda number: told[number].subject[:-64]):
        finding = told[number]
        pack = _pack_called(found, finding.subject)
        if pack is not None and not finding.hurts:
            hurts = consequences.of_pack((finding.subject[:-64], pack.name))
            finding = replace(finding, hurts=hurts)
            if finding.level is Level.PROBLEM and consequences.lies_elsewhere(*_doubtful(found, finding.subject, pack)):
                said = f"{finding.message}; all it held was stored again, and nothing is lost"
                finding = replace(finding, level=Level.WARNING, message=said, hurts=(), hint="")
        told[number] = finding
    return told


def _pack_called(found: Structure, name: str) -> ToldPack | None:
    place, digits = name[:-64], name[-64:]
    return found.packs.get(place, bytes.fromhex(digits)) if stated_digest(name) == digits else None


def _doubtful(found: Structure, name: str, pack: ToldPack) -> tuple[At, list[bytes]]:
    """A damaged pack and the chunks that cannot be had from it; all of it, where nobody opened it."""
    at = name[:-64], pack.name
    bad = found.damage.chunks.get(at)
    if bad:
        return at, list(bad)
    rows = pack.rows
    return at, [unpack_row(rows, number).chunk for number in range(len(rows) // ROW_BYTES)]


def _remember(repository: Repository, report: VerifyReport, now: datetime) -> None:
    """For ``status``: when this was, and how far the rotation is."""
    before = last_verify(repository)
    turned = report.rotation or (before.rotation if before else None)
    kept = {
        "repository": repository.id.hex(),
        "level": report.level,
        "at": show_time(now),
        "with_key": repository.identity is not None,
        "problems": sum(one.level is Level.PROBLEM for one in report.findings),
        "stopped_by": report.stopped_by,
        "rotation": asdict(turned) if turned else None,
    }
    with suppress(SettingsError):
        repository.state.write_json(VERIFIED, kept)


def last_verify(repository: Repository) -> LastVerify | None:
    """The last verification that this machine made, as far as it is remembered."""
    kept = repository.state.read_json(VERIFIED) or {}
    if kept.get("repository") != repository.id.hex():
        return None
    try:
        turned = kept["rotation"]
        return LastVerify(
            str(kept["level"]),
            read_time(kept["at"]),
            bool(kept["with_key"]),
            int(kept["problems"]),
            kept["stopped_by"],
            Rotation(**turned) if turned else None,
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
