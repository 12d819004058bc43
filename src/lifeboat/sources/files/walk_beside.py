"""Walk a large tree in a process of its own, beside the one that compares, reads and seals.

To list and look at a name is some ten microseconds of system calls and of the interpreter between them: a third of a first backup of small
files, half of one where nothing changed. The walk begins here; after some thousand names a process is started, and once it is there it goes on
behind the last name told. One that dies, or cannot be started, costs time and nothing else: the tree is walked again from its beginning, and
what was told is left out.

Limits: ``AHEAD`` answers of ``AT_MOST`` names under way. What patterns include is chosen here, what they exclude over there.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.helper_process import HelperProcess, serve, start_helpers
from lifeboat.foundation.sizes import KIB
from lifeboat.sources.files.entry import Entry, walk_order
from lifeboat.sources.files.errors import OnTrouble
from lifeboat.sources.files.patterns import NOTHING_SAID, Patterns
from lifeboat.sources.files.walk import TreeWalk

WORTH_IT_NAMES = 8_192
"""Fewer are walked before the process has started."""
LOOK_EVERY = 256
"""Names after which it is asked whether the process has started."""
AT_MOST = 256
AT_MOST_BYTES = 128 * KIB
AHEAD = 4

Part = list[tuple[Any, ...]] | tuple[Any, ...]
"""Of an answer: entries, or one finding among them."""


def walk_beside(
    root: Path,
    patterns: Patterns = NOTHING_SAID,
    *,
    on_trouble: OnTrouble,
    stay_on_filesystem: bool = False,
    attributes_of_files: bool = True,
) -> Iterator[Entry]:
    """As ``walk``, which tells the same; its arguments and errors too."""
    found = _Beside(root, patterns, on_trouble, (stay_on_filesystem, attributes_of_files)).entries()
    return patterns.select(found, lambda entry: entry) if patterns.includes_only else found


class _Beside:
    def __init__(self, root: Path, patterns: Patterns, on_trouble: OnTrouble, ways: tuple[bool, bool]) -> None:
        self._root = root
        self._patterns = patterns
        self._on_trouble = on_trouble
        self._ways = ways
        self._last = b""
        self._told_here: set[Finding] = set()
        self._told_since: set[Finding] = set()
        """Since the last name. What is in either may be found twice, and is told once."""

    def entries(self) -> Iterator[Entry]:
        helpers: list[HelperProcess] = []
        try:
            walk = self._walk(self._tell_here)
            walking = walk.entries()
            for count, entry in enumerate(walking, 1):
                yield entry
                if count == WORTH_IT_NAMES:
                    helpers = start_helpers(__name__, self._root, 1)
                    for helper in helpers:
                        helper.ask([])
                if helpers and count % LOOK_EVERY == 0 and entry.kind != "directory" and helpers[0].has_answered():
                    if helpers[0].answer() is not None:
                        break
                    helpers.pop().end()
            else:
                return
            walking.close()
            self._last = entry.path
            helpers[0].ask([(entry.path, walk.first_names, self._patterns.exclude, *self._ways)])
            yield from self._theirs(helpers[0])
        finally:
            for helper in helpers:
                helper.end()

    def _theirs(self, helper: HelperProcess) -> Iterator[Entry]:
        for _ in range(AHEAD - 1):
            helper.ask([])
        while (parts := helper.answer()) is not None:
            if not parts:
                return
            for part in parts:
                if isinstance(part, tuple):
                    self._tell_once(_finding_from(part))
                    continue
                self._told_since.clear()
                for entry in map(Entry._make, part):
                    self._last = entry.path
                    yield entry
            helper.ask([])
        yield from self._once_more()

    def _once_more(self) -> Iterator[Entry]:
        """The whole walk, here, without what was told."""
        heard: list[Finding] = []
        behind = walk_order(self._last)
        for entry in self._walk(heard.append).entries():
            if walk_order(entry.path) > behind:
                for finding in heard:
                    self._tell_once(finding)
                yield entry
            heard.clear()
        for finding in heard:
            self._tell_once(finding)

    def _walk(self, on_trouble: OnTrouble) -> TreeWalk:
        return TreeWalk(self._root, self._patterns, on_trouble, *self._ways)

    def _tell_here(self, finding: Finding) -> None:
        self._told_here.add(finding)
        self._on_trouble(finding)

    def _tell_once(self, finding: Finding) -> None:
        if finding not in self._told_here and finding not in self._told_since:
            self._told_since.add(finding)
            self._on_trouble(finding)


def _finding_from(part: tuple[Any, ...]) -> Finding:
    return Finding(Level(part[0]), *part[1:])


class _Told:
    """A walk, as answers of so many names."""

    def __init__(self, root: Path, question: tuple[Any, ...]) -> None:
        after, first_names, exclude, stay_on_filesystem, attributes = question
        self._parts: list[Part] = []
        walk = TreeWalk(root, Patterns(exclude), self._hear, stay_on_filesystem, attributes, first_names)
        self._entries = walk.entries(after=after)

    def _hear(self, finding: Finding) -> None:
        self._parts.append(
            (str(finding.level), finding.code, finding.subject, finding.message, finding.hint, finding.hurts)
        )

    def answer(self) -> list[Part]:
        """The next names; empty when there are none."""
        count = size = 0
        entries: list[tuple[Any, ...]] | None = None
        for entry in self._entries:
            if entries is None or self._parts[-1] is not entries:
                entries = []
                self._parts.append(entries)
            entries.append(tuple(entry))
            count, size = count + 1, size + len(entry.path) + sum(len(value) for _, value in entry.xattrs)
            if count == AT_MOST or size > AT_MOST_BYTES:
                break
        told, self._parts = self._parts, []
        return told


def main(root: str) -> None:
    told: _Told | None = None

    def answer(question: list[Any]) -> list[Any]:
        nonlocal told
        if question:
            told = _Told(Path(root), question[0])
        return told.answer() if told is not None else []

    serve(answer)


if __name__ == "__main__":
    main(sys.argv[1])
