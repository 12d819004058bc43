"""Which names of a snapshot's trees a restore means: patterns for all of them, and paths each in its own tree."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lifeboat.foundation.errors import LifeboatError
from lifeboat.sources.files.patterns import Patterns, exactly


class PathUnknown(LifeboatError):
    """The snapshot holds nothing under this name."""

    code = "path-unknown"


@dataclass(frozen=True)
class TreeChoice:
    """Args: paths: whole, each below one of the trees; with ``include`` they add up."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    @property
    def is_everything(self) -> bool:
        return not (self.include or self.exclude or self.paths)

    def patterns(self, root: Path) -> Patterns | None:
        """For the tree of this root; None where nothing of it is meant."""
        inside = [found for path in self.paths if (found := inside_tree(str(root), path)) is not None]
        if self.paths and not inside and not self.include:
            return None
        if "" in inside:
            return Patterns(exclude=self.exclude)
        return Patterns(exclude=self.exclude, include=(*self.include, *map(exactly, inside)))

    def to_json(self) -> dict[str, Any]:
        return {"include": list(self.include), "exclude": list(self.exclude), "paths": list(self.paths)}

    @classmethod
    def from_json(cls, notes: dict[str, Any]) -> "TreeChoice":
        """Of notes made by ``to_json``; what an older version did not note chose everything."""
        return cls(*(tuple(map(str, notes.get(name, ()))) for name in ("include", "exclude", "paths")))


def whole_paths(roots: Sequence[Path], typed: Sequence[str]) -> Iterator[str]:
    """Each path as a whole one; it may be typed whole, or relative to a tree, then of every tree.

    Raises:
        PathUnknown: It is in none of the trees.
    """
    for path in typed:
        if os.path.isabs(path):
            if all(inside_tree(str(root), path) is None for root in roots):
                raise PathUnknown(
                    f"{path} is in none of the trees of this snapshot: {', '.join(map(str, roots))}",
                    "`lifeboat snapshots SNAPSHOT` shows what it has",
                )
            yield os.path.normpath(path)
        else:
            yield from (os.path.normpath(root / path) for root in roots)


def inside_tree(root: str, path: str) -> str | None:
    """A whole path as it is called below a root: empty for the root itself, None when it is not in it."""
    whole = os.path.normpath(path)
    if whole == root:
        return ""
    return whole[len(root.rstrip("/")) + 1 :] if whole.startswith(root.rstrip("/") + "/") else None
