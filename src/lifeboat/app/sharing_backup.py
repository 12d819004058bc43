"""A backup of files by several processes: each stores the files that fall to it, the last one commits the one snapshot.

The last one walks the whole tree as a single process does, with what the others saw for its memory: a file that one of them stored and that has not
changed since is recognised, whatever else it reads itself. So the snapshot is that of a single process, whenever the others looked and whatever
became of them; and killed anywhere, what was stored is found by who does it again.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from lifeboat.app.build import build_limits
from lifeboat.app.settings import Settings
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.sizes import show_bytes
from lifeboat.operations.backup_files import backup_trees, read_share, roots_of_files
from lifeboat.operations.hold_locks import hold_locks
from lifeboat.operations.reason import check_text
from lifeboat.operations.reports.snapshots import BackupReport, SnapshotReport
from lifeboat.operations.same_machine import same_machine_warning
from lifeboat.operations.shards import Board, ShardDone, Sharing
from lifeboat.operations.taking import Taken, Taking, new_point
from lifeboat.repository.names import Source
from lifeboat.repository.open_repository import Repository
from lifeboat.storage.errors import StorageDenied

TASK = "backup-files"


class NoWriterYet(SettingsError):
    """Several processes would each become a writer of their own."""

    code = "no-writer-yet"


class SharedBackup:
    """One shard's part of a backup of the files of these settings; of the last shard, the commit as well.

    Args:
        open_again: Opens the repository; called again once the others are done.
        keep: Why the snapshot is to be kept; raises ``TextTooLong``.
    """

    def __init__(
        self,
        settings: Settings,
        open_again: Callable[[], Repository],
        sharing: Sharing,
        keep: str | None,
        clock: Clock,
        progress: Progress,
    ) -> None:
        self._settings = settings
        self._open_again = open_again
        self._sharing = sharing
        self._keep = None if keep is None else check_text(keep)
        self._clock = clock
        self._progress = progress
        self._roots = roots_of_files(settings.need_files().paths)
        files = settings.files
        self._chosen: dict[str, Any] = {
            "include": files.include,
            "exclude": files.exclude,
            "one_filesystem": files.one_filesystem,
        }

    def run(self) -> BackupReport | ShardDone:
        """Do it.

        Raises:
            NoWriterYet: Nothing was ever backed up from this state folder.
            ShardRefused: The others of the run were told something else, or somebody else has this number.
            ShardsMissing: The last shard has waited long enough.
        """
        began = self._clock.monotonic()
        repository, shard = self._open_again(), self._sharing.shard
        if repository.state.load_writer() is None:
            raise NoWriterYet(
                f"the state folder {repository.state.directory} is that of no writer yet",
                "one `lifeboat backup files` without --shard makes it one; and is it the folder that all shards share?",
            )
        what = [repository.id.hex(), [str(root.path) for root in self._roots], self._keep, self._chosen]
        board = Board(repository.state.directory, TASK, shard, {"what": what}, self._clock)
        with board.taken():
            if (result := board.result()) is not None:
                if not shard.gathers:
                    return ShardDone.of_shard(shard, TASK, "nothing was left to store", was_done=True, finished=True)
                self._progress.note(f"run {shard.run} is finished: this is what it stored")
                return _read_report(result)
            part = board.part()
            was_done = part is not None
            if part is None:
                part = self._do_part(repository, board)
                board.leave(part)
            if not shard.gathers:
                did = f"{part['items']:,} files, {show_bytes(part['bytes'])}, of which {show_bytes(part['new_bytes'])} new"
                return ShardDone.of_shard(shard, TASK, did, was_done=was_done)
            parts = board.gather(
                self._sharing.wait_seconds,
                lambda left: self._progress.note(f"waiting for {left} of {shard.of} shards"),
            )
            repository = self._open_again()
            committed = _committed(repository, part.get("point"))
            if committed is not None:
                self._progress.note(
                    "an earlier process of this shard committed the snapshot, and was stopped before it could say so"
                )
            else:
                # Before the commit, so that whoever is started after a kill knows the snapshot again, and commits no second one.
                part = {**part, "point": new_point()}
                board.leave(part)
                committed = self._commit(repository, board, part["point"]).report
            findings = (*repository.notes, *same_machine_warning(repository), *hold_locks(repository))
            snapshot = replace(
                committed,
                new_bytes=committed.new_bytes + sum(one["new_bytes"] for one in parts),
                seconds=self._clock.monotonic() - began,
                stored_bytes=committed.stored_bytes + sum(one["stored_bytes"] for one in parts),
            )
            report = BackupReport(part["point"], (snapshot,), repository.head(), findings)
            board.finish(_to_json(report))
            return report

    def _do_part(self, repository: Repository, board: Board) -> dict[str, Any]:
        def memory_at(root: int) -> Path:
            return board.path(f"seen{root}")

        share = read_share(
            self._taking(repository, new_point()),
            self._roots,
            self._sharing.shard,
            memory_at,
            progress=self._progress,
            **self._chosen,
        )
        return asdict(share)

    def _commit(self, repository: Repository, board: Board, point: str) -> Taken:
        def seen_by(root: int) -> Sequence[Path]:
            return [board.path(f"seen{root}", number) for number in range(self._sharing.shard.of)]

        return backup_trees(
            self._taking(repository, point), self._roots, progress=self._progress, seen_by=seen_by, **self._chosen
        )

    def _taking(self, repository: Repository, point: str) -> Taking:
        return Taking(
            repository,
            repository.writer(repository.store.time_there()),
            Source.FILES,
            point,
            self._clock,
            build_limits(self._settings),
            rules=self._settings.retention,
            keep=self._keep,
        )


def _committed(repository: Repository, point: str | None) -> SnapshotReport | None:
    """The snapshot that was committed as this point, if any; who may not see what he stored does not know, and commits another."""
    record = None
    if point is not None:
        with suppress(StorageDenied):
            record = next((one for one in repository.snapshots() if one.point == point), None)
    if record is None:
        return None
    return SnapshotReport(
        snapshot=record.snapshot,
        source=record.source,
        instant=record.instant,
        one_instant=record.one_instant,
        complete=record.complete,
        items=record.items,
        bytes=record.total_bytes,
        new_bytes=record.new_bytes,
        stored_bytes=record.stored_bytes,
        seconds=(record.finished - record.started).total_seconds(),
        snapshot_class=record.class_,
    )


def _to_json(report: BackupReport) -> dict[str, Any]:
    one = report.snapshots[0]
    snapshot = {**asdict(one), "instant": one.instant.isoformat()}
    return {**asdict(report), "snapshots": [snapshot]}


def _read_report(said: dict[str, Any]) -> BackupReport:
    (one,) = said["snapshots"]
    instant = datetime.fromisoformat(one["instant"])
    snapshot = SnapshotReport(**{**one, "instant": instant, "findings": _findings(one["findings"])})
    return BackupReport(said["point"], (snapshot,), said["head"], _findings(said["findings"]))


def _findings(said: list[dict[str, Any]]) -> tuple[Finding, ...]:
    return tuple(Finding(**{**one, "level": Level(one["level"]), "hurts": tuple(one["hurts"])}) for one in said)
