"""A verification by several processes: each reads the objects whose names fall to it, the last one makes one report of what all found.

The last one runs the whole verification as one process does, and takes what the others read for read: report, memory, proofs, quarantine and exit
status are those of one process, and what no part covers (stored since, or left by a part that cannot be used) it reads itself.

Invariant: what is taken for read was read by this run, from an object of this name, by what the index says of it now.
"""

import os
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.sizes import show_bytes
from lifeboat.operations.reports.checks import Rotation, VerifyReport
from lifeboat.operations.rights import denied_in_words_of_the_role
from lifeboat.operations.shards import Board, Shard, ShardDone, Sharing, holder
from lifeboat.operations.verify.archive import check_archive
from lifeboat.operations.verify.content import Scrub
from lifeboat.operations.verify.memory import FILE, ScrubMemory
from lifeboat.operations.verify.outcome import KEY_BYTES, ROW_BYTES, Outcome, from_row, from_words, to_row, to_words
from lifeboat.operations.verify.rolling import Unit
from lifeboat.operations.verify.run import verify
from lifeboat.operations.verify.structure import list_content
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import show_time
from lifeboat.retention.rules import Rules

TASK = "verify"
SHARED_LEVELS = ("sample", "full")
"""Those that read what can be shared out."""
_SEEN = "seen"


def verify_shared(
    open_again: Callable[[], Repository],
    level: str,
    sharing: Sharing,
    *,
    objectives: Callable[[Repository], Mapping[str, float]],
    sample_percent: float,
    rules: Rules,
    clock: Clock,
    progress: Progress,
) -> VerifyReport | ShardDone:
    """Do one shard's part of a verification to one of ``SHARED_LEVELS``; of the last shard, all the rest as well.

    Args:
        open_again: Opens the repository; called again once the others are done, who may take an hour.

    Raises:
        ShardRefused: The others of the run were told something else, or somebody else has this number.
        ShardsMissing: The last shard has waited long enough.
    """
    began, shard = clock.monotonic(), sharing.shard
    repository = open_again()
    percent = sample_percent if level == "sample" else None
    what = [repository.id.hex(), level, percent, repository.identity is not None]
    board = Board(repository.state.directory, TASK, shard, {"what": what}, clock)
    with board.taken(), denied_in_words_of_the_role(repository):
        if (result := board.result()) is not None:
            if not shard.gathers:
                return ShardDone.of_shard(shard, TASK, "nothing was left to read", was_done=True, finished=True)
            progress.note(f"run {shard.run} ended at {result['at']}: this is what it found then")
            return _read_report(result["report"])
        part = board.part()
        was_done = part is not None
        if part is None:
            part = _do_part(repository, board, shard, percent, rules, clock, progress)
            board.leave(part)
        if not shard.gathers:
            did = f"{part['objects']:,} objects read, {show_bytes(part['bytes'])}"
            return ShardDone.of_shard(shard, TASK, did, was_done=was_done)
        parts = board.gather(
            sharing.wait_seconds, lambda missing: progress.note(f"waiting for {missing} of {shard.of} shards")
        )
        repository = open_again()
        known = Known(board, parts)
        report = verify(
            repository,
            level,
            objectives=objectives(repository),
            sample_percent=sample_percent,
            rules=rules,
            clock=clock,
            progress=progress,
            known=known.of,
        )
        report = replace(report, seconds=clock.monotonic() - began)
        board.finish({"at": show_time(clock.now()), "report": asdict(report)})
        return report


def _do_part(
    repository: Repository,
    board: Board,
    shard: Shard,
    percent: float | None,
    rules: Rules,
    clock: Clock,
    progress: Progress,
) -> dict[str, Any]:
    began = clock.monotonic()
    found = list_content(repository, progress)
    check_archive(repository, found, rules, progress)
    memory = ScrubMemory(repository.state.directory / FILE, repository.id)
    scrub = Scrub(repository, found, memory, clock, now=repository.store.time_there(), began=began)
    units = scrub.everything()[0] if percent is None else [*scrub.packs(), *scrub.segments()]
    with Notes(board) as notes:
        scrub.look_for_another(
            units,
            lambda unit: shard.holds(unit.key) and not notes.has(unit),
            notes.take,
            progress,
            share=percent,
        )
        return notes.part()


class Notes:
    """Takes what a shard looks at as it goes: started again after it was killed, it reads on where it was. Use as a context manager."""

    def __init__(self, board: Board) -> None:
        path = board.path(_SEEN)
        rows = _rows_in(path.read_bytes()) if path.exists() else []
        self._rows = {row[:KEY_BYTES]: row for row in rows}
        self._troubles: list[dict[str, Any]] = []
        self._bytes = 0
        self._objects = 0
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.ftruncate(self._file, len(rows) * ROW_BYTES)  # the last row may have been half written

    def __enter__(self) -> "Notes":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def has(self, unit: Unit) -> bool:
        """Whether it was read and found whole, by an earlier process of this number."""
        row = self._rows.get(unit.key[:KEY_BYTES])
        return row is not None and from_row(row, unit) is not None

    def take(self, outcome: Outcome) -> None:
        if outcome.away or not outcome.size:
            return  # gone or away: the last shard looks for itself
        self._objects += 1
        self._bytes += outcome.size
        if outcome.trouble is not None:
            self._troubles.append(to_words(outcome))
        else:
            os.write(self._file, to_row(outcome))

    def part(self) -> dict[str, Any]:
        """What to leave on the board; durable, so that what it speaks of is there when it is."""
        os.fsync(self._file)
        return {
            "objects": self._objects + len(self._rows),
            "bytes": self._bytes + sum(int.from_bytes(row[28:36], "big") for row in self._rows.values()),
            "seen_bytes": os.fstat(self._file).st_size,
            "troubles": self._troubles,
        }


class Known:
    """What all shards found, by object. 41 MB for a million objects."""

    def __init__(self, board: Board, parts: Sequence[Mapping[str, Any]]) -> None:
        self._of = len(parts)
        self._rows = [_sorted_rows(board, number, part["seen_bytes"]) for number, part in enumerate(parts)]
        self._troubles = {said["name"]: said for part in parts for said in part["troubles"]}

    def of(self, unit: Unit) -> Outcome | None:
        """None where nobody looked, or at something else than what the unit is now."""
        said = self._troubles.get(unit.name)
        if said is not None:
            return from_words(said, unit)
        key, rows = unit.key[:KEY_BYTES], self._rows[holder(unit.key, self._of)]
        number = bisect_left(
            range(len(rows) // ROW_BYTES), key, key=lambda row: rows[row * ROW_BYTES : row * ROW_BYTES + KEY_BYTES]
        )
        row = rows[number * ROW_BYTES : (number + 1) * ROW_BYTES]
        return from_row(row, unit) if row else None


def _sorted_rows(board: Board, number: int, size: int) -> bytes:
    """Empty where the file is not what the part says: all of it is then read again."""
    try:
        raw = board.path(_SEEN, number).read_bytes()
    except OSError:
        return b""
    return b"".join(sorted(_rows_in(raw))) if len(raw) >= size else b""


def _rows_in(raw: bytes) -> list[bytes]:
    return [raw[at : at + ROW_BYTES] for at in range(0, len(raw) - ROW_BYTES + 1, ROW_BYTES)]


def _read_report(said: Mapping[str, Any]) -> VerifyReport:
    findings = (
        Finding(**{**one, "level": Level(one["level"]), "hurts": tuple(one["hurts"])}) for one in said["findings"]
    )
    turned = said["rotation"]
    return VerifyReport(
        **{
            **said,
            "findings": tuple(findings),
            "proved": tuple(said["proved"]),
            "rotation": Rotation(**turned) if turned else None,
        }
    )
