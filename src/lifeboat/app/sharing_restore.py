"""A restore of files by several processes: each writes the files that fall to it, the last one finishes the tree.

The last one carries the whole restore out as a single process does, in a target that is marked as unfinished: what the others wrote is there as
it should be and is left alone, what is not there it writes itself. So directories, links, erasures and the report are those of one process.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from lifeboat.app.restore_job import Job
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.sizes import show_bytes
from lifeboat.operations.reports.restores import RestoreReport, RestoreRequest
from lifeboat.operations.shards import Board, ShardDone, Sharing
from lifeboat.repository.open_repository import Repository
from lifeboat.sources.files.entry import RESTORING_NAME

TASK = "restore-files"


def restore_shared(
    repository: Repository,
    request: RestoreRequest,
    job: Job,
    sharing: Sharing,
    carry_out: Callable[[], RestoreReport],
    *,
    clock: Clock,
    progress: Progress,
) -> RestoreReport | ShardDone:
    """Do one shard's part; of the last shard, all the rest as well.

    Args:
        job: The restore, planned; to a place beside the live files.
        carry_out: All of it, by this process.

    Raises:
        ShardRefused: The others of the run were told something else, or somebody else has this number.
        ShardsMissing: The last shard has waited long enough.
    """
    began, shard = clock.monotonic(), sharing.shard
    chosen = [request.include, request.exclude, request.paths, request.without_erasures]
    what = [repository.id.hex(), job.record.snapshot, job.target, chosen]
    board = Board(repository.state.directory, TASK, shard, {"what": what}, clock)
    with board.taken():
        part = board.part()
        was_finished = board.result() is not None or _ended(part, job)
        if was_finished:
            return ShardDone.of_shard(shard, TASK, "nothing was left to restore", was_done=True, finished=True)
        was_done = part is not None
        if part is None:
            assert job.carry_out_share is not None
            items, size = job.carry_out_share(shard)
            part = {"items": items, "bytes": size}
            board.leave(part)
        if not shard.gathers:
            did = f"{part['items']:,} files, {show_bytes(part['bytes'])}"
            return ShardDone.of_shard(shard, TASK, did, was_done=was_done)
        board.gather(sharing.wait_seconds, lambda left: progress.note(f"waiting for {left} of {shard.of} shards"))
        board.leave({**part, "finishing": True})
        report = replace(carry_out(), seconds=clock.monotonic() - began)
        board.finish({})
        return report


def _ended(part: dict[str, Any] | None, job: Job) -> bool:
    """Whether an earlier process was killed between the end of the restore and saying so."""
    return part is not None and "finishing" in part and not (Path(job.target) / os.fsdecode(RESTORING_NAME)).exists()
