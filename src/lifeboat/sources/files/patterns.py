"""Which names a backup or a restore takes: include and exclude globs, read as git reads ``.gitignore``.

- ``*.tmp`` matches a name anywhere; ``/only-at-root`` and ``logs/*.gz`` match from the root.
- ``cache/`` matches directories only; what lies below an excluded directory is never looked at.
- ``*`` and ``?`` stop at ``/``; ``**/`` is any directories or none, ``/**`` all that lies below.
- ``[a-z]`` and ``[!a-z]`` as in a shell; ``\\`` takes the meaning away from the next character.
- ``!keep.this`` takes back what an earlier exclude matched; the last match counts.
- An empty pattern or one beginning with ``#`` says nothing.

With includes given, only what one of them matches is taken, with all below it and the directories above it.
Limits: as with git, nothing below an excluded directory can be taken back. Nothing is excluded by default.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from lifeboat.sources.files.entry import Entry
from lifeboat.sources.files.errors import PatternInvalid

Item = TypeVar("Item")
Matcher = Callable[[str], object]


class _Group:
    """Neighbouring patterns with the same verdict, joined into one expression for each way to match."""

    def __init__(self, excludes: bool) -> None:
        self.excludes = excludes
        self._parts: dict[tuple[bool, bool], list[str]] = {}
        self.file_name: Matcher | None = None
        self.file_path: Matcher | None = None
        self.directory_name: Matcher | None = None
        self.directory_path: Matcher | None = None

    def add(self, expression: str, by_name: bool, only_directories: bool) -> None:
        self._parts.setdefault((by_name, only_directories), []).append(expression)

    def compile(self) -> "_Group":
        names, paths = self._parts.get((True, False), []), self._parts.get((False, False), [])
        self.file_name, self.file_path = _join(names), _join(paths)
        self.directory_name = _join(names + self._parts.get((True, True), []))
        self.directory_path = _join(paths + self._parts.get((False, True), []))
        return self

    def matches(self, path: str, name: str, is_directory: bool) -> bool:
        by_name, by_path = (
            (self.directory_name, self.directory_path) if is_directory else (self.file_name, self.file_path)
        )
        return (by_name is not None and by_name(name) is not None) or (
            by_path is not None and by_path(path) is not None
        )


class Patterns:
    """Compiled patterns.

    Args:
        exclude: In order; the last one that matches a name counts.
        include: When there are any, nothing else is taken.

    Raises:
        PatternInvalid: One of them cannot be matched.
    """

    def __init__(self, exclude: Iterable[str] = (), include: Iterable[str] = ()) -> None:
        self.exclude = tuple(exclude)
        self._exclude = _compile(self.exclude)
        self._include = _compile(include)
        if self._include and not self._include[0].excludes:
            raise PatternInvalid(
                "the first include pattern takes something back", "write what to include before the '!' lines"
            )

    @property
    def excludes_some(self) -> bool:
        return bool(self._exclude)

    @property
    def includes_only(self) -> bool:
        """Whether only named things are taken."""
        return bool(self._include)

    def excludes(self, path: bytes, is_directory: bool) -> bool:
        """Whether this very name is excluded; for a whole path ask for every directory on the way too."""
        return bool(self._exclude) and _verdict(self._exclude, path, is_directory)

    def includes(self, path: bytes, is_directory: bool) -> bool:
        """Whether this very name is one to take, not counting the directories above it."""
        return not self._include or _verdict(self._include, path, is_directory)

    def select(self, items: Iterable[Item], entry_of: Callable[[Item], Entry]) -> Iterator[Item]:
        """Thin out a stream that is in walk order, such as a manifest; directories come only with contents taken.

        Holds back at most the directories of one branch.
        """
        waiting: list[Item] = []
        excluded_below = included_below = b""
        for item in items:
            entry = entry_of(item)
            path, is_directory = entry.path, entry.kind == "directory"
            if not path:
                waiting = [item]
                continue
            if excluded_below and path.startswith(excluded_below):
                continue
            if self.excludes(path, is_directory):
                excluded_below = path + b"/" if is_directory else b""
                continue
            while waiting and not _is_above(entry_of(waiting[-1]).path, path):
                waiting.pop()
            taken = bool(included_below) and path.startswith(included_below)
            if not taken and self.includes(path, is_directory):
                taken = True
                included_below = path + b"/" if is_directory else included_below
            if taken:
                yield from waiting
                waiting = []
                yield item
            elif is_directory:
                waiting.append(item)
        if not self._include:
            yield from waiting


def _is_above(directory: bytes, path: bytes) -> bool:
    return not directory or path.startswith(directory + b"/")


def _verdict(groups: list[_Group], path: bytes, is_directory: bool) -> bool:
    text = path.decode("utf-8", "surrogateescape")
    name = text[text.rfind("/") + 1 :]
    for group in reversed(groups):
        if group.matches(text, name, is_directory):
            return group.excludes
    return False


def _compile(patterns: Iterable[str]) -> list[_Group]:
    groups: list[_Group] = []
    for pattern in patterns:
        rest = pattern.rstrip("\r\n")
        if not rest.strip() or rest.startswith("#"):
            continue
        excludes = not rest.startswith("!")
        rest = rest if excludes else rest[1:]
        only_directories = rest.endswith("/")
        rest = rest.removesuffix("/")
        anchored = "/" in rest
        rest = rest.removeprefix("/")
        _check(rest, pattern)
        if not groups or groups[-1].excludes is not excludes:
            groups.append(_Group(excludes))
        groups[-1].add(_translate(rest, pattern), by_name=not anchored, only_directories=only_directories)
    return [group.compile() for group in groups]


def _check(rest: str, pattern: str) -> None:
    parts = rest.split("/")
    if not rest:
        raise PatternInvalid(f"pattern {pattern!r} names nothing", "write a name or a glob such as '*.tmp' or 'cache/'")
    if "" in parts:
        raise PatternInvalid(f"pattern {pattern!r} has '//' in it", "paths are relative to the root and use one '/'")
    if "." in parts or ".." in parts:
        raise PatternInvalid(
            f"pattern {pattern!r} has '.' or '..' in it", "write the path from the root of the tree: '/uploads/cache'"
        )
    if "\0" in rest:
        raise PatternInvalid(f"pattern {pattern!r} has a zero byte in it", "no name can contain one")


def _translate(glob: str, pattern: str) -> str:
    """Write a glob as an expression for whole paths; each component by itself, because no star crosses a ``/``."""
    components = glob.split("/")
    last = len(components) - 1
    expression = ""
    for index, component in enumerate(components):
        if len(component) >= 2 and not component.strip("*") and last > 0:  # git takes three stars for two
            expression += ".+" if index == last else "(?:.*/)?"
        else:
            expression += _translate_component(component, pattern) + ("" if index == last else "/")
    return expression


def _translate_component(glob: str, pattern: str) -> str:
    fixed, at = [""], 0
    while at < len(glob):
        char = glob[at]
        if char == "*":
            # Several stars in a row mean one.
            at += len(glob[at:]) - len(glob[at:].lstrip("*"))
            fixed.append("")
        elif char == "?":
            fixed[-1] += "[^/]"
            at += 1
        elif char == "[":
            part, at = _character_class(glob, at, pattern)
            fixed[-1] += part
        elif char == "\\":
            if at + 1 == len(glob):
                raise PatternInvalid(f"pattern {pattern!r} ends in a backslash", "write '\\\\' for a backslash itself")
            fixed[-1] += re.escape(glob[at + 1])
            at += 2
        else:
            fixed[-1] += re.escape(char)
            at += 1
    if len(fixed) == 1:
        return fixed[0]
    # What stands between two stars is taken where it first occurs, for good: the last star makes up for it.
    # Without that a hostile name could take time exponential in the number of stars.
    between = "".join(f"(?>[^/]*?{part})" for part in fixed[1:-1])
    return f"{fixed[0]}{between}[^/]*{fixed[-1]}"


def _character_class(glob: str, at: int, pattern: str) -> tuple[str, int]:
    """Translate ``[...]`` that begins at ``at``; gives the expression and where it ends."""
    begin = at + 2 if glob[at + 1 : at + 2] in ("!", "^") else at + 1
    # A ']' right after the opening stands for itself.
    end = glob.find("]", begin + 1)
    if end < 0:
        raise PatternInvalid(f"pattern {pattern!r} opens '[' and never closes it", "write '\\[' for a bracket itself")
    inside = glob[begin:end].replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
    inside = inside.replace("&&", "&\\&").replace("||", "|\\|").replace("~~", "~\\~").replace("--", "-\\-")
    expression = f"(?!/)[{'^' if begin == at + 2 else ''}{inside.replace('^', chr(92) + '^')}]"
    try:
        re.compile(expression)
    except re.error as error:
        raise PatternInvalid(
            f"pattern {pattern!r} has a range that runs backwards", "write the smaller character first: '[a-z]'"
        ) from error
    return expression, end + 1


def _join(expressions: list[str]) -> Matcher | None:
    if not expressions:
        return None
    return re.compile("|".join(f"(?:{expression})" for expression in expressions), re.DOTALL).fullmatch


def exactly(path: str) -> str:
    """The pattern that matches this very path from the root, and all below it when it is a directory."""
    return "/" + re.sub(r"([\\\\*?\[])", r"\\\1", path.strip("/"))


NOTHING_SAID = Patterns()
"""Takes everything."""
