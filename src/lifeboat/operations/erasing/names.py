"""Which names of a stored tree must not come back: those that were erased, and every further name of the same file.

Names that share one inode share its content: where one of them was erased, so are the others, whatever they are called.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from lifeboat.operations.erased import Erased
from lifeboat.sources.files.entry import Entry


class ErasedNames:
    """Args:
    entries: All of the tree, gone through once and only where something of it was erased.
    """

    def __init__(self, erased: Erased, root: Path, entries: Iterable[Entry]) -> None:
        self._erased = erased
        self._root = os.fsencode(str(root)).rstrip(b"/")
        self._shared: dict[bytes, str] = {}
        """By the first name of a file that has several: id of the erasure that takes one of them away."""
        if not self.concerns_tree:
            self._erased = Erased()
            return
        for entry in entries:
            if entry.hard_link_to:
                erasure = self._by_name(entry.path) or self._by_name(entry.hard_link_to)
                if erasure is not None:
                    self._shared.setdefault(entry.hard_link_to, erasure)

    @property
    def concerns_tree(self) -> bool:
        """Whether anything that was erased can be in this tree."""
        inside = self._root + b"/"
        return any(
            path.startswith(inside) or inside.startswith(path.rstrip(b"/") + b"/") for path in self._erased.paths
        )

    def of(self, entry: Entry) -> str | None:
        """Id of the erasure that takes this name away; None: it may come back."""
        if not self._erased.paths or not entry.path:
            return None
        return self._by_name(entry.path) or self._shared.get(entry.hard_link_to or entry.path)

    def _by_name(self, path: bytes) -> str | None:
        return self._erased.of_path(self._root + b"/" + path)
