"""Back up trees of files as one snapshot, by one process or several: which trees, what they share, the commit. One tree: ``tree_backup.py``."""

import os
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lifeboat.foundation.finding import Level
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.value import Value
from lifeboat.operations.taking import Taken, Taking, finding_to_json
from lifeboat.operations.tree_backup import StoredTree, TreeBackup
from lifeboat.operations.tree_memory import TreeMemory, memory_path, other_memories
from lifeboat.operations.tree_troubles import Troubles
from lifeboat.repository.streams import write_root
from lifeboat.repository.writing import Run
from lifeboat.sources.files.patterns import Patterns

if TYPE_CHECKING:
    from lifeboat.operations.shards import Shard


class Root(Value):
    """A directory to back up; ``names`` limits it to some names in it (single configuration files)."""

    path: Path
    names: tuple[str, ...] = ()


def roots_of_files(paths: Iterable[Path]) -> list[Root]:
    """One tree for each folder."""
    return [Root(path) for path in paths]


def roots_of_config(paths: Iterable[Path]) -> list[Root]:
    """Folders are trees; single files are gathered by the folder they lie in, unless that is taken whole."""
    by_folder: dict[Path, set[str]] = {}
    whole = set()
    for path in paths:
        if path.is_dir():
            by_folder.setdefault(path, set())
            whole.add(path)
        else:
            by_folder.setdefault(path.parent, set()).add(path.name)
    return [Root(folder, () if folder in whole else tuple(sorted(names))) for folder, names in by_folder.items()]


def backup_trees(
    taking: Taking,
    roots: Sequence[Root],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    one_filesystem: bool = False,
    progress: Progress,
    seen_by: Callable[[int], Sequence[Path]] = lambda root: (),
) -> Taken:
    """Take one snapshot of some trees. Files that vanish, change or cannot be read are findings, not failures.

    Args:
        seen_by: For a root, by its number, the memories of shards that have read its files for this snapshot (``read_share``).

    Raises:
        FilesRootMissing: A root is not there.
    """
    patterns = Patterns(include=include, exclude=exclude)
    instant = taking.clock.now()
    troubles = Troubles(progress)
    with taking.run() as run:
        progress.begin(str(taking.source), taking.expected_bytes)
        trees = []
        memories = []
        try:
            for number, root in enumerate(roots):
                place = _memory_place(taking, run, root)
                memory = TreeMemory(memory_path(*place), other_memories(*place), seen_by(number))
                memories.append(memory)
                tree = TreeBackup(taking, run, root.path, root.names, f"tree/{number}", memory, troubles, progress)
                trees.append(tree.back_up(patterns, one_filesystem))
            taken = _commit(taking, run, trees, troubles, instant)
            for memory in memories:
                memory.keep()
        finally:
            for memory in memories:
                memory.close()
    return taken


class Share(Value):
    """What one shard stored. Args: items, bytes: files that fell to it, and their content."""

    items: int
    bytes: int
    new_bytes: int
    stored_bytes: int


def read_share(
    taking: Taking,
    roots: Sequence[Root],
    shard: "Shard",
    memory_at: Callable[[int], Path],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    one_filesystem: bool = False,
    progress: Progress,
) -> Share:
    """Read and store the files that fall to one of several processes; what it saw is left for ``backup_trees``, which commits all of it.

    Findings are not collected: whoever commits walks everything, and meets what cannot be read himself.

    Args:
        memory_at: Where to leave, for a root by its number, what was seen.
    """
    patterns = Patterns(include=include, exclude=exclude)
    troubles = Troubles(progress)
    items = size = 0
    with taking.run() as run:
        progress.begin(f"{taking.source}, {shard}", None)
        memories = []
        try:
            for number, root in enumerate(roots):
                place = _memory_place(taking, run, root)
                memory = TreeMemory(memory_at(number), [memory_path(*place), *other_memories(*place)])
                memories.append(memory)
                tree = TreeBackup(
                    taking, run, root.path, root.names, f"tree/{number}", memory, troubles, progress, shard
                )
                stored = tree.back_up(patterns, one_filesystem)
                items, size = items + stored.entries, size + stored.content_bytes
            run.leave()
            for memory in memories:
                memory.keep()
        finally:
            for memory in memories:
                memory.close()
    return Share(items, size, run.new_bytes, run.stored_bytes)


def _memory_place(taking: Taking, run: Run, root: Root) -> tuple[Path, str, str, str, str]:
    return (
        taking.repository.state.directory,
        taking.writer.writer.hex(),
        run.generation,
        run.class_,
        f"{root.path}",
    )


def _commit(taking: Taking, run: Run, trees: Sequence[StoredTree], troubles: Troubles, instant: datetime) -> Taken:
    findings = troubles.findings()
    details = {
        "roots": [
            {
                "path": os.fsencode(tree.path).decode("utf-8", "surrogateescape"),
                "stream": tree.stream.name,
                "names": list(tree.names),
                "entries": tree.entries,
            }
            for tree in trees
        ]
    }
    told = [finding_to_json(one) for one in findings if one.level is not Level.OK]
    root = write_root(run, [tree.stream for tree in trees], details, told)
    return taking.commit(
        run,
        root,
        instant=instant,
        one_instant=False,
        total_bytes=sum(tree.content_bytes for tree in trees),
        items=sum(tree.entries for tree in trees),
        findings=findings,
    )
