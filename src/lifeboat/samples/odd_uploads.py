"""What real upload folders hold besides ordinary files, each thing once.

Each is what some backup tool lost: a name that is not text, a hole filled with zeros, a link followed instead of kept.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from lifeboat.foundation.sizes import KIB, MIB
from lifeboat.samples.chance import Chance

_NAMES: tuple[tuple[str, bytes], ...] = (
    ("Arabic name", "عقد إيجار - نسخة نهائية.pdf".encode()),
    ("decomposed accents", b"re\xcc\x81sume\xcc\x81.txt"),
    ("emoji in a name", "📎 scan.png".encode()),
    ("spaces at both ends", b" leading and trailing "),
    ("quotes and dollars", b"\"double\" 'single' $HOME `id`.txt"),
    ("newline in a name", b"two\nlines.txt"),
    ("backslash and star", b"back\\slash*?.txt"),
    ("leading dash", b"-rf"),
    ("hidden file", b".htaccess"),
    ("only dots", b"..."),
    ("control characters", b"bell\x07tab\t.txt"),
    ("longest name", b"n" * 251 + b".txt"),
    ("name that is not UTF-8", b"latin1-\xe9\xff.txt"),
)
_MODIFIED_NS = 1_650_000_000_123_456_789
_HOLE_BYTES = 8 * MIB


def grow_odd_things(root: Path, chance: Chance) -> Iterator[str]:
    """Make each odd thing this system takes, and name those it took."""
    root.mkdir()
    for what, name in _NAMES:
        if _took(lambda name=name: _write(os.path.join(os.fsencode(root), name), chance.randbytes(300))):  # type: ignore[misc]
            yield what
    for make in (_empty_things, _deep_path, _symlinks, _hard_links, _holes, _modes, _attributes, _times):
        phrase = make(root, chance)
        if phrase:
            yield phrase


def _write(path: bytes | Path, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)
    os.utime(path, ns=(_MODIFIED_NS, _MODIFIED_NS))


def _took(act: Callable[[], None]) -> bool:
    try:
        act()
    except OSError:
        return False
    return True


def _empty_things(root: Path, chance: Chance) -> str:
    (root / "empty folder" / "inner").mkdir(parents=True)
    _write(root / "empty file", b"")
    return "empty folders and an empty file"


def _deep_path(root: Path, chance: Chance) -> str:
    folder = root.joinpath("deep", *("level" for _ in range(60)))
    folder.mkdir(parents=True)
    _write(folder / "bottom.txt", chance.randbytes(10))
    return "a path 60 folders deep"


def _symlinks(root: Path, chance: Chance) -> str:
    for name, target in (
        ("link to a file", "empty file"),
        ("link to a folder", "empty folder"),
        ("link to nothing", "no/such/file"),
        ("link to itself", "link to itself"),
        ("link out of the tree", "/etc/hostname"),
        ("link to a parent", ".."),
    ):
        (root / name).symlink_to(target)
        os.utime(root / name, ns=(_MODIFIED_NS, _MODIFIED_NS), follow_symlinks=False)
    return "symbolic links: to a file, a folder, nothing, itself, outside, a parent"


def _hard_links(root: Path, chance: Chance) -> str:
    _write(root / "one of three names", chance.randbytes(40 * KIB))
    (root / "other names").mkdir()
    if not _took(lambda: os.link(root / "one of three names", root / "second name")):
        return ""
    os.link(root / "one of three names", root / "other names" / "third name")
    return "one file with three names"


def _holes(root: Path, chance: Chance) -> str:
    path = root / "disk image with holes.img"
    with path.open("wb") as file:
        for place in (0, 3 * MIB, _HOLE_BYTES - 16 * KIB):
            file.seek(place)
            file.write(chance.randbytes(4 * KIB))
        file.truncate(_HOLE_BYTES)
    os.utime(path, ns=(_MODIFIED_NS, _MODIFIED_NS))
    return "a sparse file" if path.stat().st_blocks * 512 < _HOLE_BYTES else ""


def _modes(root: Path, chance: Chance) -> str:
    # Only root can read a closed file, and only who can give files away may bring back a bit that lends their owner.
    is_root = os.geteuid() == 0
    closed, lending = (0o000, 0o2640) if is_root else (0o400, 0o640)
    for name, mode in (
        ("read only.pdf", 0o444),
        ("nobody may read.key", closed),
        ("program.sh", 0o755),
        ("lends its group", lending),
    ):
        _write(root / name, chance.randbytes(500))
        (root / name).chmod(mode)
    (root / "shared folder").mkdir()
    (root / "shared folder").chmod(0o3775)
    return "modes from 000 to setgid and sticky"


def _attributes(root: Path, chance: Chance) -> str:
    if not hasattr(os, "setxattr"):
        return ""
    path = root / "scanned by.pdf"
    _write(path, chance.randbytes(2000))
    values = ((b"user.scanner", b"clean"), (b"user.binary", bytes(range(256))), (b"user.empty", b""))
    return "extended attributes" if all(_took(lambda n=n, v=v: os.setxattr(path, n, v)) for n, v in values) else ""  # type: ignore[misc]


def _times(root: Path, chance: Chance) -> str:
    for name, modified_ns in (("before 1970", -86_400 * 10**9 + 1), ("in 2100", 4_102_444_800 * 10**9 + 999_999_999)):
        _write(root / name, chance.randbytes(20))
        os.utime(root / name, ns=(modified_ns, modified_ns))
    return "times before 1970 and in 2100"
