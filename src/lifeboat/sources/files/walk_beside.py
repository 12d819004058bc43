"""Walk a large tree in a process of its own, beside the one that compares, reads and seals.

To list and look at a name is some ten microseconds of system calls and of the interpreter between them: a third of a first backup of small
files, half of one where nothing changed. The walk begins here; after some thousand names a process is started, and once it is there it goes on
behind the last name told. One that dies, or cannot be started, costs time and nothing else: the tree is walked again from its beginning, and
what was told is left out.

Limits: ``AHEAD`` answers of ``AT_MOST`` names, and the rest of a sequence of siblings, under way. What patterns include is chosen here, what they
exclude over there.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.helper_process import HelperProcess, serve, start_helpers
from lifeboat.foundation.sizes import KIB
from lifeboat.sources.files.entry import Entry, walk_order
from lifeboat.sources.files.errors import OnTrouble
from lifeboat.sources.files.owners import Owners
from lifeboat.sources.files.patterns import NOTHING_SAID, Patterns
from lifeboat.sources.files.siblings import Siblings, path_in
from lifeboat.sources.files.walk import TreeWalk

WORTH_IT_NAMES = 8_192
"""Fewer are walked before the process has started."""
LOOK_EVERY = 256
"""Names after which it is asked whether the process has started."""
AT_MOST = 256
AT_MOST_BYTES = 128 * KIB
AHEAD = 4

_ENTRY, _SIBLINGS, _FINDING = range(3)
Part = tuple[Any, ...]
"""Of an answer: which of the three it is, and its fields."""


def walk_beside(
    root: Path,
    patterns: Patterns = NOTHING_SAID,
    *,
    on_trouble: OnTrouble,
    stay_on_filesystem: bool = False,
) -> Iterator[Entry | Siblings]:
    """As ``walk``, which tells the same names; its arguments and errors too. Files that stand together are told together, and nobody has looked
    at their extended attributes."""
    found = _Beside(root, patterns, on_trouble, stay_on_filesystem).entries()
    if not patterns.includes_only:
        return found
    return patterns.select(one_by_one(found), lambda entry: entry)


def one_by_one(found: Iterable[Entry | Siblings]) -> Iterator[Entry]:
    """The same names, each alone."""
    owners = Owners()
    for one in found:
        if isinstance(one, Entry):
            yield one
        else:
            yield from one.entries(owners)


class _Beside:
    def __init__(self, root: Path, patterns: Patterns, on_trouble: OnTrouble, stay_on_filesystem: bool) -> None:
        self._root = root
        self._patterns = patterns
        self._on_trouble = on_trouble
        self._stay = stay_on_filesystem
        self._last = b""
        self._told_here: set[Finding] = set()
        self._told_since: set[Finding] = set()
        """Since the last name. What is in either may be found twice, and is told once."""

    def entries(self) -> Iterator[Entry | Siblings]:
        helpers: list[HelperProcess] = []
        try:
            walk = self._walk(self._tell_here)
            walking = walk.entries_and_siblings()
            names, next_look, started = 0, WORTH_IT_NAMES, False
            for one in walking:
                yield one
                names += len(one.names) if isinstance(one, Siblings) else 1
                if names < next_look:
                    continue
                if not started:
                    started = True
                    helpers = start_helpers(__name__, self._root, 1)
                    for helper in helpers:
                        helper.ask([])
                if _is_directory(one):
                    continue  # nothing can be told to begin behind it: it has not been looked into
                next_look = names + LOOK_EVERY
                if helpers and helpers[0].has_answered():
                    if helpers[0].answer() is not None:
                        break
                    helpers.pop().end()
            else:
                return
            walking.close()
            self._last = _last_path(one)
            helpers[0].ask([(self._last, walk.first_names, self._patterns.exclude, self._stay)])
            yield from self._theirs(helpers[0])
        finally:
            for helper in helpers:
                helper.end()

    def _theirs(self, helper: HelperProcess) -> Iterator[Entry | Siblings]:
        for _ in range(AHEAD - 1):
            helper.ask([])
        while (parts := helper.answer()) is not None:
            if not parts:
                return
            for kind, *fields in parts:
                if kind == _FINDING:
                    level, *others = fields
                    self._tell_once(Finding(Level(level), *others))
                    continue
                one = Siblings(*fields) if kind == _SIBLINGS else Entry._make(fields)
                self._told_since.clear()
                self._last = _last_path(one)
                yield one
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
        return TreeWalk(self._root, self._patterns, on_trouble, self._stay)

    def _tell_here(self, finding: Finding) -> None:
        self._told_here.add(finding)
        self._on_trouble(finding)

    def _tell_once(self, finding: Finding) -> None:
        if finding not in self._told_here and finding not in self._told_since:
            self._told_since.add(finding)
            self._on_trouble(finding)


def _is_directory(one: Entry | Siblings) -> bool:
    return isinstance(one, Entry) and one.kind == "directory"


def _last_path(one: Entry | Siblings) -> bytes:
    return one.path if isinstance(one, Entry) else path_in(one.directory, one.names[-1])


class _Told:
    """A walk, as answers of so many names."""

    def __init__(self, root: Path, question: tuple[Any, ...]) -> None:
        after, first_names, exclude, stay_on_filesystem = question
        self._parts: list[Part] = []
        walk = TreeWalk(root, Patterns(exclude), self._hear, stay_on_filesystem, first_names)
        self._found = walk.entries_and_siblings(after)

    def _hear(self, finding: Finding) -> None:
        said = (str(finding.level), finding.code, finding.subject, finding.message, finding.hint, finding.hurts)
        self._parts.append((_FINDING, *said))

    def answer(self) -> list[Part]:
        """The next names; empty when there are none."""
        count = size = 0
        for one in self._found:
            if isinstance(one, Siblings):
                self._parts.append((_SIBLINGS, *one))
                count, size = count + len(one.names), size + len(one.stamps) + sum(map(len, one.names))
            else:
                self._parts.append((_ENTRY, *one))
                count, size = count + 1, size + len(one.path) + sum(len(value) for _, value in one.xattrs)
            if count >= AT_MOST or size > AT_MOST_BYTES:
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
