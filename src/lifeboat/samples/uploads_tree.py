"""Grow a tree of uploads: big and small, text and random, odd names, links, holes.

Limits: names that are not UTF-8, extended attributes and holes only where the system takes them (Linux does).
Nothing is written outside ``root``, which must be empty or absent.

Invariant: the same shape and seed give the same names, contents, modes and times to the nanosecond.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from lifeboat.foundation.errors import TargetRefused
from lifeboat.foundation.sizes import KIB, MIB
from lifeboat.foundation.value import Value
from lifeboat.samples import words
from lifeboat.samples.chance import Chance
from lifeboat.samples.odd_uploads import grow_odd_things

_FOLDERS = ("contracts", "evidence", "avatars", "invoices", "exports", "عقود")
_TEXT_KINDS = ("txt", "csv", "json", "html")
_BINARY_KINDS = ("pdf", "jpg", "docx", "mp4")
_EARLIEST_NS = 1_600_000_000 * 10**9
_LATEST_NS = 1_760_000_000 * 10**9
_PIECE_TEXT_BYTES = 32 * KIB
_CORPUS_CHARACTERS = 16_000_000
"""Far wider than a compressor looks back: text must not compress better than text does."""
_PIECE_BYTES = 4 * MIB
_BIG_SHARE = 0.02
"""One file in fifty holds about half of all bytes: scans and films beside letters and avatars."""


class Shape(Value):
    """What kind of tree.

    Args:
        files: Ordinary files; the odd things come on top.
        total_bytes: Of the ordinary files together, to the byte.
        text_share: Share of the bytes that compresses; the rest is random.
        even: All files of about the same size, instead of few big and many small ones.
        odd: With odd names, links, holes and modes.
    """

    files: int
    total_bytes: int
    text_share: float = 0.5
    even: bool = False
    odd: bool = True


DEMO = Shape(files=800, total_bytes=60_000_000)
BENCH_MIXED = Shape(files=6000, total_bytes=2_400_000_000, odd=False)
MANY_SMALL = Shape(files=100_000, total_bytes=150_000_000, even=True, odd=False)
MILLION_SMALL = Shape(files=1_000_000, total_bytes=1_500_000_000, even=True, odd=False)


class Summary(Value):
    """What was made.

    Args:
        files: Regular files by name; a file with two names counts twice.
        odd_things: What ``grow_odd_things`` could make here, one phrase each.
    """

    root: Path
    files: int
    directories: int
    total_bytes: int
    odd_things: tuple[str, ...]


def grow(root: Path, shape: Shape = DEMO, *, seed: int = 1) -> Summary:
    """Make the tree; its folders carry old times too, set last."""
    root.mkdir(parents=True, exist_ok=True)
    if any(root.iterdir()):
        raise TargetRefused(f"{root} is not empty", "name a folder that is empty or not there yet")
    chance = Chance(f"{seed}/uploads")
    filler = _Filler(chance.fork("content"), shape.text_share, shape.total_bytes)
    folder_count = max(1, shape.files // 100)
    folders = [_folder_name(chance, number) for number in range(folder_count)]
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for number, size in enumerate(_sizes(chance.fork("sizes"), shape)):
        is_text, content = filler.content(size)
        kind = chance.choice(_TEXT_KINDS if is_text else _BINARY_KINDS)
        path = root / folders[number % folder_count] / f"{number:07}-{chance.randrange(16**4):04x}.{kind}"
        _write(path, content, mode=chance.choice((0o644, 0o640, 0o600)), modified_ns=_instant_ns(chance))
    odd_things = tuple(grow_odd_things(root / "odd", chance.fork("odd"))) if shape.odd else ()
    return _finish(root, chance.fork("folders"), odd_things)


def _folder_name(chance: Chance, number: int) -> str:
    return f"{chance.choice(_FOLDERS)}/20{number % 7 + 19}/case-{number:05}"


def _sizes(chance: Chance, shape: Shape) -> Iterator[int]:
    """Sizes that add up to ``total_bytes``."""
    weights = [_weight(chance, shape.even) for _ in range(shape.files)]
    if not shape.even:
        big = max(1, round(shape.files * _BIG_SHARE))
        small_sum = sum(weights[big:]) or 1.0
        weights[:big] = [weight * small_sum / (sum(weights[:big]) or 1.0) for weight in weights[:big]]
        chance.shuffle(weights)
    scale = shape.total_bytes / sum(weights)
    given = 0
    for left, weight in enumerate(weights, start=1 - shape.files):
        size = min(round(weight * scale), shape.total_bytes - given) if left else shape.total_bytes - given
        given += size
        yield size


def _weight(chance: Chance, even: bool) -> float:
    return chance.uniform(0.7, 1.3) if even else chance.lognormvariate(0, 1.2)


class _Filler:
    """Content of a wanted size, text or random so that the share of text bytes stays as asked."""

    def __init__(self, chance: Chance, text_share: float, total_bytes: int) -> None:
        self._chance = chance
        self._text_share = text_share
        characters = min(_CORPUS_CHARACTERS, max(_PIECE_TEXT_BYTES, total_bytes))
        self._corpus = words.Prose(chance, characters).as_bytes() if text_share else b""
        self._text_bytes = self._all_bytes = 0

    def content(self, size: int) -> tuple[bool, Iterator[bytes]]:
        is_text = self._text_bytes < self._text_share * (self._all_bytes + size)
        self._all_bytes += size
        self._text_bytes += size * is_text
        return is_text, self._pieces(size, is_text)

    def _pieces(self, size: int, is_text: bool) -> Iterator[bytes]:
        left = size
        while left:
            piece_bytes = min(left, _PIECE_TEXT_BYTES if is_text else _PIECE_BYTES)
            if is_text:
                start = self._chance.randrange(len(self._corpus) - piece_bytes)
                yield self._corpus[start : start + piece_bytes]
            else:
                yield self._chance.randbytes(piece_bytes)
            left -= piece_bytes


def _write(path: Path, content: Iterator[bytes], mode: int, modified_ns: int) -> None:
    with path.open("wb", buffering=0) as file:
        for piece in content:
            file.write(piece)
        os.fchmod(file.fileno(), mode)
        os.utime(file.fileno(), ns=(modified_ns, modified_ns))


def _instant_ns(chance: Chance) -> int:
    return chance.randrange(_EARLIEST_NS, _LATEST_NS)


def _finish(root: Path, chance: Chance, odd_things: tuple[str, ...]) -> Summary:
    """Count, and age the folders from the inside out: making their content had renewed them."""
    files = directories = total_bytes = 0
    for folder, _, names in sorted(os.walk(os.fsencode(root)), key=lambda step: step[0], reverse=True):
        directories += 1
        for name in names:
            facts = os.lstat(os.path.join(folder, name))
            if stat.S_ISREG(facts.st_mode):
                files += 1
                total_bytes += facts.st_size
        modified_ns = _instant_ns(chance)
        with contextlib.suppress(PermissionError):
            os.utime(folder, ns=(modified_ns, modified_ns))
    return Summary(root, files, directories - 1, total_bytes, odd_things)
