"""Restore trees of files from a snapshot: to a new place, or in place, touching only what differs.

Memory: a batch of manifest lines, what the reader holds ahead, and a few chunks that small files share.
"""

import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import TargetRefused
from lifeboat.foundation.finding import Finding
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.sizes import MIB
from lifeboat.operations.erased import NOTHING_ERASED, Erased
from lifeboat.operations.erasing.names import ErasedNames
from lifeboat.operations.reports.restores import ErasureReplayed, PlanStep, RestoredPart
from lifeboat.operations.stored_trees import StoredRoot, stored_roots
from lifeboat.operations.tree_choice import TreeChoice, whole_paths
from lifeboat.operations.tree_content import Line, batches, with_content
from lifeboat.operations.tree_preview import preview_tree, room_for
from lifeboat.repository.reading import SnapshotReader
from lifeboat.sources.files.directories import Directories
from lifeboat.sources.files.entry import Entry
from lifeboat.sources.files.errors import PathRefused
from lifeboat.sources.files.manifest import decode
from lifeboat.sources.files.patterns import Patterns
from lifeboat.sources.files.target import make_ready, remove_mark
from lifeboat.sources.files.write import TreeWriter

if TYPE_CHECKING:
    from lifeboat.operations.shards import Shard

TOLD_AS_IT_COMES_BYTES = 64 * MIB
"""A file of this size is minutes over a slow line; of smaller ones progress is told once each."""


class NothingChosen(TargetRefused):
    """The patterns leave nothing to restore."""

    code = "nothing-chosen"


class TreeRestore:
    """One restore of one snapshot of files or configuration.

    Args:
        target: The directory to restore into; None restores each tree where it came from. Several trees get a folder each.
    """

    def __init__(
        self,
        reader: SnapshotReader,
        target: Path | None,
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        paths: Sequence[str] = (),
        clock: Clock,
        progress: Progress,
        erased: Erased = NOTHING_ERASED,
    ) -> None:
        self._reader = reader
        self._target = target
        self._clock = clock
        self._progress = progress
        self._streams = reader.streams()
        self.roots = stored_roots(reader)
        self.choice = TreeChoice(
            tuple(include), tuple(exclude), tuple(whole_paths([root.path for root in self.roots], paths))
        )
        self._patterns = {root.path: self.choice.patterns(root.path) for root in self.roots}
        if paths:
            self.roots = [root for root in self.roots if self._patterns[root.path] is not None]
        self._erased = erased
        self._names: dict[Path, ErasedNames] = {}
        self._left_out: Counter[tuple[Path, str]] = Counter()
        self._findings: list[Finding] = []
        self._too_small: list[Finding] = []

    def steps(self) -> tuple[PlanStep, ...]:
        """What goes where, with the sizes of what the patterns choose; in place, by what is new, changed and the same."""
        steps: list[PlanStep] = []
        for root in self.roots:
            if self._target is None:
                steps += self._steps_in_place(root)
                continue
            items, size = root.entries, self._reader.record.total_bytes
            if self._picky:
                items = size = 0
                for entry, _ in self._chosen(root):
                    items, size = items + 1, size + entry.size
            where = self._place(root)
            exists = where.is_dir() and any(where.iterdir())
            steps.append(PlanStep(str(root.path), str(where), "replace" if exists else "write", items, size))
        return tuple(steps)

    def _steps_in_place(self, root: StoredRoot) -> Iterator[PlanStep]:
        preview = preview_tree(root.path, (entry for entry, _ in self._chosen(root)))
        named = (("write", preview.new), ("replace", preview.changed), ("leave", preview.same))
        for action, amount in named:
            if amount.items:
                yield PlanStep(str(root.path), str(root.path), action, amount.items, amount.bytes)
        self._too_small += room_for(root.path, preview.needed_bytes)

    def room(self, steps: Sequence[PlanStep]) -> tuple[Finding, ...]:
        """What is to be said of the room at the target, after ``steps``."""
        if self._target is None:
            return tuple(self._too_small)
        return room_for(self._target, sum(step.bytes for step in steps))

    def refuse(self) -> None:
        """Raise what must stop this restore before anything is protected or written."""
        if self._picky and not any(True for root in self.roots for _ in self._chosen(root)):
            if any(self._names[root.path].of(entry) for root in self.roots for entry, _ in self._asked_for(root)):
                raise NothingChosen(
                    "all that is chosen was erased, and does not come back", "`lifeboat erase list` says what, and when"
                )
            raise NothingChosen(
                "the patterns choose nothing in this snapshot", "see `lifeboat snapshots SNAPSHOT PATH`"
            )

    def carry_out(self) -> tuple[tuple[RestoredPart, ...], tuple[Finding, ...]]:
        """Write everything; returns what was written and what is to be said of it."""
        self._progress.begin("restoring files", self._reader.record.total_bytes)
        if self._target is None or len(self.roots) == 1:
            return tuple(self._restore(root) for root in self.roots), tuple(self._findings)
        # One mark over all trees, which goes last: a tree that is finished is gone on with until all of them are.
        make_ready(self._target, in_place=False, label=self._reader.record.snapshot.encode())
        parts = tuple(self._restore(root, goes_on=True) for root in self.roots)
        remove_mark(self._target)
        return parts, tuple(self._findings)

    def carry_out_share(self, shard: "Shard") -> tuple[int, int]:
        """Write the files that fall to one of several processes, and nothing else; returns how many, and their bytes.

        Directories, links and the end of it are for whoever carries all of it out afterwards: it finds these files there.
        """
        assert self._target is not None
        self._progress.begin(f"restoring files, {shard}")
        label, several = self._reader.record.snapshot.encode(), len(self.roots) > 1
        if several:
            make_ready(self._target, in_place=False, label=label)
        items = size = 0
        for root in self.roots:
            where = self._place(root)
            self._stay_below_the_target(where)
            with TreeWriter(
                where,
                mode="new-place",
                label=label,
                goes_on=several,
                beside=str(shard.number),
                on_trouble=self._findings.append,
                clock=self._clock,
            ) as writer:
                own = (line for line in self._chosen(root) if _falls_to(shard, line[0]))
                for batch in batches(own):
                    missing = batch
                    if writer.something_there:
                        missing = [line for line in batch if not writer.already_there(line[0])]
                    for entry, blocks in with_content(self._reader, missing):
                        writer.put(entry, blocks)
                        for _ in blocks:
                            pass
                    items, size = items + len(batch), size + sum(entry.size for entry, _ in batch)
                    self._progress.advance(sum(entry.size for entry, _ in batch), len(batch))
                writer.leave()
        return items, size

    def chunks(self) -> Iterator[bytes]:
        """Those that hold the content of what is chosen."""
        return (chunk for root in self.roots for _, pieces in self._chosen(root) for chunk, _, _ in pieces)

    @property
    def replayed(self) -> tuple[ErasureReplayed, ...]:
        """After ``carry_out``: what the ledger of erasures kept from coming back."""
        return tuple(
            ErasureReplayed(erasure, str(self._place(root)), self._left_out[root.path, erasure])
            for root in self.roots
            for path, erasure in sorted(self._left_out, key=str)
            if path == root.path
        )

    @property
    def _picky(self) -> bool:
        return not self.choice.is_everything

    def _restore(self, root: StoredRoot, *, goes_on: bool = False) -> RestoredPart:
        where = self._place(root)
        items = size = 0
        in_place = self._target is None
        self._stay_below_the_target(where)
        with (
            TreeWriter(
                where,
                mode="in-place" if in_place else "new-place",
                label=self._reader.record.snapshot.encode(),
                compare_content=in_place,
                goes_on=goes_on,
                on_trouble=self._findings.append,
                clock=self._clock,
            ) as writer,
            _Untouched(where, self._reader.record.instant) as untouched,
        ):
            for batch in batches(self._chosen(root, self._left_out)):
                missing = batch
                if writer.something_there:
                    missing = [line for line in batch if not untouched(line[0]) and not writer.already_there(line[0])]
                for entry, content in with_content(self._reader, missing):
                    is_large = entry.size >= TOLD_AS_IT_COMES_BYTES
                    blocks = self._telling(content) if is_large else content
                    writer.put(entry, blocks)
                    if not entry.hard_link_to:
                        for _ in blocks:
                            pass  # what the writer left (a name it could not write) is passed over: the order is kept
                    self._progress.advance(0 if is_large else entry.size, 1)
                of_batch, written = (sum(entry.size for entry, _ in lines) for lines in (batch, missing))
                items, size = items + len(batch), size + of_batch
                self._progress.advance(of_batch - written)
            writer.finish()
        return RestoredPart(str(root.path), str(where), items, size, "every chunk authenticated")

    def _telling(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        for block in blocks:
            self._progress.advance(len(block))
            yield block

    def _place(self, root: StoredRoot) -> Path:
        if self._target is None:
            return root.path
        # A path that climbs ends at the root, as the kernel has it: below the target in any case.
        inside = os.path.normpath(f"/{root.path}").lstrip("/")
        return self._target if len(self.roots) == 1 else self._target / inside

    def _stay_below_the_target(self, where: Path) -> None:
        """A symlink that one tree brought must not lead the next one elsewhere."""
        if self._target is not None:
            target, resolved = os.path.realpath(self._target), os.path.realpath(where)
            if os.path.commonpath((target, resolved)) != target:
                raise PathRefused(
                    f"{where} leads out of {self._target} through a symlink", "restore the trees one by one"
                )

    def _chosen(self, root: StoredRoot, left_out: Counter[tuple[Path, str]] | None = None) -> Iterator[Line]:
        """Args: left_out: where those are counted that were chosen and must not come back."""
        names = self._names.get(root.path)
        if names is None:
            names = ErasedNames(self._erased, root.path, (entry for entry, _ in self._lines(root)))
            self._names[root.path] = names
        for line in self._asked_for(root):
            erasure = names.of(line[0])
            if erasure is None:
                yield line
            elif left_out is not None and line[0].kind != "directory":
                left_out[root.path, erasure] += 1

    def _lines(self, root: StoredRoot) -> Iterator[Line]:
        return (decode(line) for line in self._reader.lines(self._streams[root.stream]))

    def _asked_for(self, root: StoredRoot) -> Iterator[Line]:
        lines = self._lines(root)
        patterns = self._patterns[root.path]
        if patterns is None or not self._picky:
            return lines
        return self._with_own_links(patterns, patterns.select(lines, lambda line: line[0]))

    def _with_own_links(self, patterns: Patterns, chosen: Iterator[Line]) -> Iterator[Line]:
        """Let hard links whose first name is not chosen refer to the first that is: what lies under the other name is not ours."""
        first_chosen: dict[bytes, bytes] = {}
        for entry, pieces in chosen:
            if entry.hard_link_to and not _takes(patterns, entry.hard_link_to):
                first = first_chosen.setdefault(entry.hard_link_to, entry.path)
                yield entry._replace(hard_link_to=b"" if first == entry.path else first), pieces
            else:
                yield entry, pieces


def _falls_to(shard: "Shard", entry: Entry) -> bool:
    return entry.kind == "file" and not entry.hard_link_to and shard.holds_name(entry.path)


class _Untouched:
    """Knows files on which nothing was done since the snapshot was taken: unlike a modification time, no user can put a change time back."""

    def __init__(self, where: Path, taken: datetime) -> None:
        self._directories = Directories(os.fsencode(where))
        self._taken_ns = int(taken.timestamp() * 1_000_000_000)

    def __call__(self, entry: Entry) -> bool:
        if entry.kind != "file":
            return False
        parent, _, name = entry.path.rpartition(b"/")
        try:
            found = os.stat(name, dir_fd=self._directories.open(parent), follow_symlinks=False)
        except OSError:
            return False
        same = (found.st_size, found.st_mtime_ns) == (entry.size, entry.mtime_ns)
        return stat.S_ISREG(found.st_mode) and same and found.st_ctime_ns < self._taken_ns

    def __enter__(self) -> "_Untouched":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._directories.close()


def _takes(patterns: Patterns, path: bytes) -> bool:
    """Whether a file is chosen, asked without the walk to it."""
    parts = path.split(b"/")
    above = [b"/".join(parts[:depth]) for depth in range(1, len(parts))]
    if patterns.excludes(path, False) or any(patterns.excludes(folder, True) for folder in above):
        return False
    return patterns.includes(path, False) or any(patterns.includes(folder, True) for folder in above)
