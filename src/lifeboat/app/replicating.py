"""Second copies for one set of settings: made, verified, made the repository when that is lost; and how far each is behind."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

from lifeboat.app.build import build_identity, build_repository, build_store, describe_place, label, machine
from lifeboat.app.read_replicas import replicas_meant
from lifeboat.app.settings import ReplicaSettings, Settings
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError, SettingsError
from lifeboat.foundation.finding import Level
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.sizes import show_bytes
from lifeboat.foundation.value import Value
from lifeboat.operations.replicate.errors import ReplicaGone
from lifeboat.operations.replicate.lag import Seen, look_at, recall, remember
from lifeboat.operations.replicate.part import copy_part
from lifeboat.operations.replicate.places import Found, Place, look_at_place, promote
from lifeboat.operations.replicate.removing import follow_prune
from lifeboat.operations.replicate.run import Hurts, look, repair_named, replicate
from lifeboat.operations.reports.replicas import ReplicaReport, ReplicateReport
from lifeboat.operations.shards import Board, Shard, ShardDone, Sharing
from lifeboat.operations.verify.damage import name_snapshot
from lifeboat.operations.verify.rolling import Limits
from lifeboat.operations.verify.run import verify
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.names import stated_digest
from lifeboat.repository.open_repository import Repository, open_repository
from lifeboat.repository.record import Record
from lifeboat.storage.errors import BucketMissing, StorageDenied
from lifeboat.storage.object_store import ObjectStore


class HowToReplicate(Value):
    """What was asked for besides copying.

    Args:
        dry_run: Say what would be done.
        delete: Remove from the replica what prune removed from the repository.
        adopt: A copy by another tool becomes the replica.
        repair: Replace what is damaged in the replica.
        verify: Read all of the replica afterwards.
    """

    dry_run: bool = False
    delete: bool = False
    adopt: bool = False
    repair: bool = False
    verify: bool = False


class Replicating:
    def __init__(self, settings: Settings, clock: Clock, progress: Progress) -> None:
        self._settings = settings
        self._clock = clock
        self._progress = progress

    def run(self, words: Sequence[str], how: HowToReplicate) -> ReplicateReport:
        """Bring these replicas up to date; none named: all that are set. One that cannot be does not keep the others from it."""
        if self._settings.as_replica is not None:
            raise SettingsError(
                "a replica is not replicated through --replica",
                f"`lifeboat replicate {self._settings.as_replica}` copies the repository to it",
            )
        meant = replicas_meant(self._settings, words, self._settings.folder)
        repository = build_repository(self._settings, self._clock)
        done: list[ReplicaReport] = []
        failures: list[LifeboatError] = []
        for one in meant:
            try:
                done.append(self._one(repository, one, how))
            except LifeboatError as error:
                failures.append(_denied_in_words(error))
                if len(meant) > 1:
                    self._progress.note(f"replica {one.name}: {error.message}")
        if failures:
            for report in done:
                self._progress.note(f"replica {report.name} was brought up to date all the same")
            raise failures[0]
        return ReplicateReport(repository.store.describe(), tuple(done))

    def run_shared(self, words: Sequence[str], how: HowToReplicate, sharing: Sharing) -> ReplicateReport | ShardDone:
        """One process's part of it; the last one waits for the others, and then does all that is left, as one process does.

        Its figures count what it copied and what the others say they did; what one copied that was killed counts as there before.
        """
        if self._settings.as_replica is not None:
            return self.run(words, how)  # which says what is wrong with that
        shard, meant = sharing.shard, replicas_meant(self._settings, words, self._settings.folder)
        repository = build_repository(self._settings, self._clock)
        what = [repository.id.hex(), *([one.name, str(one.place.location)] for one in meant), asdict(how)]
        board = Board(repository.state.directory, "replicate", shard, {"what": what}, self._clock)
        with board.taken():
            finished, part = board.result() is not None, board.part()
            if finished:
                done = ShardDone.of_shard(shard, "replicate", "nothing was left to copy", was_done=True, finished=True)
                return self.run(words, how) if shard.gathers else done
            was_done = part is not None
            if part is None:
                part = {one.name: self._part(repository, one, how, shard) for one in meant}
                board.leave(part)
            if not shard.gathers:
                objects, size = (sum(copied[at] for copied in part.values()) for at in (0, 1))
                did = f"{objects:,} objects copied, {show_bytes(size)}"
                return ShardDone.of_shard(shard, "replicate", did, was_done=was_done)
            parts = board.gather(
                sharing.wait_seconds, lambda left: self._progress.note(f"waiting for {left} of {shard.of} shards")
            )
            report = self.run(words, how)
            report = replace(report, replicas=tuple(_with_parts(one, parts) for one in report.replicas))
            board.finish({})
            return report

    def _part(self, repository: Repository, one: ReplicaSettings, how: HowToReplicate, shard: Shard) -> list[int]:
        place = self._place(repository, one, how)
        assert place is not None
        now = repository.store.time_there()
        try:
            return list(
                copy_part(one.name, repository.store, repository.description, place, shard, now, self._progress)
            )
        except LifeboatError as error:
            raise _denied_in_words(error) from error

    def promote(self) -> int:
        """Make the place that the settings name the repository, if it is marked as a replica; returns how many marks it had."""
        return promote(build_store(self._settings, self._clock))

    def seen(self, repository: Repository) -> list[Seen]:
        """How each replica that is set stands: by memory where this machine makes it, else by a look."""
        now, allowed = repository.store.time_there(), self._settings.alerts.thresholds.replica_seconds
        found = []
        for one in self._settings.replicas:
            known = recall(repository.state, one.name, describe_place(replace(self._settings, repository=one.place)))
            if known is not None and known.as_of is not None and (now - known.as_of).total_seconds() <= allowed:
                found.append(known)
                continue
            # Another machine may have taken it over; a disk in a drawer tells nothing new.
            looked = self._look(repository, one)
            found.append(looked if known is None or looked.trouble is None else known)
        return found

    def _look(self, repository: Repository, one: ReplicaSettings) -> Seen:
        where = describe_place(replace(self._settings, repository=one.place))
        try:
            if one.trouble is not None:
                raise one.trouble
            return look_at(repository.store, self._store(one, patient=False), one.name)
        except BucketMissing:
            return Seen(one.name, where, trouble="nothing was ever copied there, or its disk is not mounted")
        except LifeboatError as error:
            return Seen(one.name, where, trouble=error.message)

    def _one(self, repository: Repository, one: ReplicaSettings, how: HowToReplicate) -> ReplicaReport:
        how = replace(how, delete=how.delete or one.follow_prune)
        place = self._place(repository, one, how)
        if how.dry_run:
            where = str(one.place.location) if place is None else place.store.describe()
            report = look(one.name, repository.store, place, where, self._progress)
            return (
                self._follow_prune(repository, one, report, dry_run=True) if how.delete and not report.first else report
            )
        assert place is not None
        report, through = replicate(
            one.name,
            repository.store,
            repository.description,
            place,
            repair=how.repair,
            hurts=_hurts(repository) if repository.secrets else None,
            clock=self._clock,
            progress=self._progress,
        )
        if how.delete:
            report = self._follow_prune(repository, one, report, dry_run=False)
        if how.verify:
            report = self._verified(repository, one, report, how)
        found = [*report.findings, *(report.verified.findings if report.verified else ())]
        with suppress(SettingsError):
            remember(repository.state, report, through, sum(finding.level is Level.PROBLEM for finding in found))
        return report

    def _place(self, repository: Repository, one: ReplicaSettings, how: HowToReplicate) -> Place | None:
        """None: a folder that is not there yet, on a dry run."""
        is_folder = isinstance(one.place.location, Path)
        where = describe_place(replace(self._settings, repository=one.place))
        was_there = not how.adopt and recall(repository.state, one.name, where) is not None
        try:
            store = self._store(one, create=is_folder and not how.dry_run and not was_there)
        except BucketMissing:
            if was_there:
                raise _gone(one, where) from None
            if is_folder and how.dry_run:
                return None
            raise
        place = look_at_place(repository.store, repository.description, store, adopt=how.adopt)
        if was_there and place.found is Found.NOTHING:
            raise _gone(one, where)
        return place

    def _follow_prune(
        self, repository: Repository, one: ReplicaSettings, report: ReplicaReport, *, dry_run: bool
    ) -> ReplicaReport:
        removed, findings = follow_prune(
            repository.store, self._opened(one), self._settings.retention, self._progress, dry_run=dry_run
        )
        count, size = len(removed), sum(removal.size_bytes for removal in removed)
        return replace(
            report,
            removed_objects=count,
            removed_bytes=size,
            kept_on_objects=report.kept_on_objects - count,
            kept_on_bytes=report.kept_on_bytes - size,
            findings=(*report.findings, *findings),
        )

    def _verified(
        self, repository: Repository, one: ReplicaSettings, report: ReplicaReport, how: HowToReplicate
    ) -> ReplicaReport:
        """Read all of it; with ``repair`` mend what is damaged there, and read that again."""
        replica = self._opened(one)
        checked = verify(
            replica,
            "full",
            objectives={},
            sample_percent=100.0,
            limits=Limits(None, None),
            rules=self._settings.retention,
            clock=self._clock,
            progress=self._progress,
        )
        damaged = sorted({finding.subject for finding in checked.findings if stated_digest(finding.subject)})
        if how.repair and damaged:
            mended, _ = repair_named(repository.store, replica.store, damaged)
            if mended:
                report = replace(report, repaired_objects=report.repaired_objects + mended)
                return self._verified(repository, one, report, replace(how, repair=False))
        return replace(report, verified=checked)

    def _opened(self, one: ReplicaSettings) -> Repository:
        """The replica, as a repository."""
        store = self._store(one)
        return open_repository(
            store,
            identity=build_identity(self._settings),
            state=LocalState(self._settings.state, store.describe()),
            label=label(self._settings),
            machine=machine(self._settings),
        )

    def _store(self, one: ReplicaSettings, *, create: bool = False, patient: bool = True) -> ObjectStore:
        return build_store(replace(self._settings, repository=one.place), self._clock, create=create, patient=patient)


def _with_parts(report: ReplicaReport, parts: Sequence[Mapping[str, Sequence[int]]]) -> ReplicaReport:
    objects, size = (sum(part.get(report.name, (0, 0))[at] for part in parts) for at in (0, 1))
    return replace(report, copied_objects=report.copied_objects + objects, copied_bytes=report.copied_bytes + size)


def _gone(one: ReplicaSettings, where: str) -> ReplicaGone:
    return ReplicaGone(
        f"the replica that this machine made at {where} is gone",
        f"is the disk mounted? Did somebody empty the bucket? To begin anew there: `lifeboat replicate {one.name} --adopt`",
    )


def _hurts(repository: Repository) -> Hurts:
    def told(names: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        wanted = {bytes.fromhex(digest): name for name in names if (digest := stated_digest(name)) is not None}
        found: dict[str, list[str]] = {}
        for _, record in repository.records():
            if isinstance(record, Record):
                for pack in wanted.keys() & set(record.packs):
                    found.setdefault(wanted[pack], []).append(name_snapshot(record))
        return {name: tuple(snapshots) for name, snapshots in found.items()}

    return told


def _denied_in_words(error: LifeboatError) -> LifeboatError:
    if not isinstance(error, StorageDenied):
        return error
    hint = "replicate lists and reads everything in the repository (no key is needed), and lists and puts everything in the replica"
    return StorageDenied(error.message, f"{hint}; {error.hint}" if error.hint else hint)
