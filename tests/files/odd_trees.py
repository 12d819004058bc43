"""Trees with everything in them, a naive keeper of chunks, and rsync as the judge."""

import contextlib
import hashlib
import os
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.finding import Finding
from lifeboat.sources.files.entry import Entry, Piece
from lifeboat.sources.files.manifest import decode, encode
from lifeboat.sources.files.patterns import NOTHING_SAID, Patterns
from lifeboat.sources.files.read import FileReader
from lifeboat.sources.files.walk import walk
from lifeboat.sources.files.write import Mode, TreeWriter

SMALL_BYTES = 4096
PIECE_BYTES = 64 * 1024


def build_everything(root: Path) -> None:
    """Every kind of name and every oddity that a restore has to bring back."""
    root.mkdir(parents=True, exist_ok=True)
    _names_and_sizes(root)
    _links(root)
    _sparse(root / "sparse")
    _modes_and_attributes(root / "meta")
    (root / "empty directory").mkdir()
    os.mkfifo(root / "pipe", 0o640)
    if os.geteuid() == 0:
        with contextlib.suppress(PermissionError):
            os.mknod(root / "null", 0o600 | 0o020000, os.makedev(1, 3))
    sealed = root / "sealed"
    sealed.mkdir()
    (sealed / "x").write_bytes(b"in a read-only directory")
    os.chmod(sealed, 0o555)
    _times(root)


def _names_and_sizes(root: Path) -> None:
    for count in (0, 1, 255, 4096, 4097, PIECE_BYTES, PIECE_BYTES + 1, 1_000_000):
        (root / f"size-{count}").write_bytes(hashlib.shake_128(b"%d" % count).digest(count))
    odd = root / "odd names"
    odd.mkdir()
    for name in (
        b"\xff\xfe invalid",
        "äöü 漢字 🛟".encode(),
        b"new\nline",
        b"tab\t\\back",
        b"n" * 255,
        b"-rf",
        b" ",
        b"a",
    ):
        with open(os.fsencode(odd) + b"/" + name, "wb") as file:
            file.write(name)
    deep = root / "deep"
    for level in range(60):
        deep = deep / f"{level:03d}-{'d' * 20}"
    deep.mkdir(parents=True)
    (deep / "leaf").write_bytes(b"far down")
    for name in ("a", "a-b", "a.b"):
        (root / "order" / name).mkdir(parents=True)
        (root / "order" / name / "z").write_bytes(name.encode())


def _links(root: Path) -> None:
    links = root / "links"
    links.mkdir()
    (links / "dangling").symlink_to("nowhere")
    (links / "loop").symlink_to("loop")
    (links / "absolute").symlink_to("/etc/passwd")
    (links / "up").symlink_to("../../../..")
    (links / "long").symlink_to("x" * 1000)
    os.symlink(b"\xff\n", os.fsencode(links) + b"/odd")
    os.link(root / "size-4097", links / "second name")
    os.link(root / "size-4097", root / "third name")
    os.link(root / "size-0", links / "empty second name")
    os.link(links / "dangling", links / "dangling too", follow_symlinks=False)


def _sparse(where: Path) -> None:
    where.mkdir()
    hole = 1 << 20
    for name, parts in {
        "hole first": [(hole, b"data")],
        "hole last": [(0, b"data")],
        "holes between": [(0, b"a" * 5000), (hole, b"b" * 5000), (2 * hole, b"c" * 70_000)],
        "only a hole": [],
    }.items():
        with open(where / name, "wb") as file:
            for offset, data in parts:
                os.pwrite(file.fileno(), data, offset)
            file.truncate(3 * hole + 1)


def _modes_and_attributes(where: Path) -> None:
    where.mkdir()
    for mode in (0o000, 0o400, 0o644, 0o755, 0o1777, 0o2755, 0o4755, 0o6711):
        (where / f"{mode:04o}").write_bytes(b"%o" % mode)
        os.chmod(where / f"{mode:04o}", mode)
    (where / "sticky").mkdir()
    os.chmod(where / "sticky", 0o3777)
    (where / "attributes").write_bytes(b"x")
    os.setxattr(where / "attributes", "user.origin", b"\x00binary\xff")
    os.setxattr(where / "attributes", "user.empty", b"")
    os.setxattr(where, "user.of-a-directory", b"1")
    if os.geteuid() != 0:
        return
    os.setxattr(where / "attributes", "trusted.ours", b"2")
    (where / "capable").write_bytes(b"#!")
    os.setxattr(where / "capable", "security.capability", struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0))
    os.symlink("x", where / "link with attribute")
    os.setxattr(where / "link with attribute", "trusted.link", b"3", follow_symlinks=False)
    (where / "owned").write_bytes(b"x")
    os.chown(where / "owned", 12345, 54321)
    os.chmod(where / "owned", 0o4750)
    os.chown(where / "link with attribute", 12345, 54321, follow_symlinks=False)
    (where / "acl").write_bytes(b"x")
    (where / "acl directory").mkdir()
    (where / "acl directory" / "inside").write_bytes(b"made before the default ACL")
    subprocess.run(["setfacl", "-m", "u:12345:r,g:54321:rw", where / "acl"], check=True)
    subprocess.run(["setfacl", "-m", "u:12345:rx", "-m", "d:u:12345:rwx", where / "acl directory"], check=True)


def _times(root: Path) -> None:
    """Distinct times with nanoseconds, some before 1970, deepest first so that directories keep theirs."""
    number = 0
    for directory, _, files in os.walk(os.fsencode(root), topdown=False):
        for name in [*files, b""]:
            number += 1
            moment = (number * 86_400 - 50 * 86_400) * 1_000_000_000 + number * 1_001_001 + 1
            where = directory + b"/" + name if name else directory
            os.utime(where, ns=(moment, moment), follow_symlinks=False)
    for name in os.listdir(root / "links"):
        os.utime(root / "links" / name, ns=(7, 1_234_567_890_123_456_789), follow_symlinks=False)
    os.utime(root / "links", ns=(7, -1))
    os.utime(root, ns=(7, 1_111_111_111_111_111_111))


class Keeper:
    """Keeps chunks in memory, small files together in one; knows nothing that a repository would not."""

    def __init__(self) -> None:
        self.chunks: dict[bytes, bytes] = {}
        self.troubles: list[Finding] = []
        self._together = bytearray()

    def back_up(self, root: Path, patterns: Patterns = NOTHING_SAID) -> list[bytes]:
        """The manifest's lines."""
        entries: list[tuple[Entry, list[Piece] | tuple[int, int]]] = []
        with FileReader(root, on_trouble=self.troubles.append, clock=SystemClock()) as reader:
            for entry in walk(root, patterns, on_trouble=self.troubles.append):
                if entry.kind != "file":
                    entries.append((entry, []))
                elif entry.size <= SMALL_BYTES:
                    small = reader.read_small(entry, SMALL_BYTES)
                    if small is not None and small[1] is not None:
                        entries.append((small[0], (len(self._together), len(small[1]))))
                        self._together += small[1]
                else:
                    read = reader.read(entry, self._keep_all, block_bytes=PIECE_BYTES)
                    if read is not None:
                        entries.append(read)
        together = self._keep(bytes(self._together))
        self._together.clear()
        return [
            encode(entry, [(together, *where)] if isinstance(where, tuple) and where[1] else list(where or ()))
            if not isinstance(where, tuple) or where[1]
            else encode(entry)
            for entry, where in entries
        ]

    def content(self, pieces: tuple[Piece, ...]) -> Iterator[bytes]:
        for chunk, offset, length in pieces:
            yield self.chunks[chunk][offset : offset + length]

    def restore(
        self,
        lines: list[bytes],
        target: Path,
        mode: Mode = "new-place",
        *,
        patterns: Patterns = NOTHING_SAID,
        owner: bool | None = None,
        compare_content: bool = False,
    ) -> list[Finding]:
        """Restore and return what was told."""
        told: list[Finding] = []
        with TreeWriter(
            target, mode=mode, owner=owner, compare_content=compare_content, on_trouble=told.append, clock=SystemClock()
        ) as writer:
            for entry, pieces in patterns.select(map(decode, lines), lambda line: line[0]):
                if not writer.already_there(entry):
                    writer.put(entry, self.content(pieces))
            writer.finish()
        return told

    def _keep(self, content: bytes) -> bytes:
        chunk = hashlib.sha256(content).digest()
        self.chunks[chunk] = content
        return chunk

    def _keep_all(self, blocks: Iterator[bytes]) -> list[Piece]:
        return [(self._keep(block), 0, len(block)) for block in blocks]


def rsync_differences(original: Path, copy: Path) -> list[str]:
    """What rsync would change to make the copy like the original; every byte compared."""
    done = subprocess.run(
        ["rsync", "-aHAXn", "--checksum", "--itemize-changes", "--delete", f"{original}/", f"{copy}/"],
        capture_output=True,
        check=True,
    )
    return done.stdout.decode("utf-8", "backslashreplace").splitlines()
