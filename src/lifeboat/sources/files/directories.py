"""Directories below a root, opened step by step so that no symlink can lead elsewhere.

Limits: keeps at most ``KEPT_OPEN`` descriptors however deep the tree; not for several threads at once.
Invariant: every descriptor handed out was reached from the root by real directories only.
"""

import os

KEPT_OPEN = 48
"""Descriptors held along one branch. Common trees are less deep; systemd gives a service 1,024."""

_BASE = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
STEP = _BASE | os.O_NOFOLLOW
_NO_ATIME = getattr(os, "O_NOATIME", 0)


def open_directory(name: bytes, parent_fd: int) -> int:
    """Open a directory for listing without following a symlink and, where allowed, without marking it as read."""
    if _NO_ATIME:
        try:
            return os.open(name, STEP | _NO_ATIME, dir_fd=parent_fd)
        except PermissionError:
            # Only the owner and root may leave the access time alone.
            pass
    return os.open(name, STEP, dir_fd=parent_fd)


class Directories:
    """The branch of open directories that the last path asked for leads through.

    Args:
        root: The one directory whose own path may contain symlinks: a person named it.
    """

    def __init__(self, root: bytes) -> None:
        self._names: list[bytes] = []
        self._fds: list[int] = [os.open(root, _BASE)]
        self._path = b""
        self._fd = self._fds[0]

    @property
    def root_fd(self) -> int:
        return self._fds[0]

    def open(self, path: bytes, make: bool = False) -> int:
        """Give the descriptor of the directory; it stays ours and stands until the next ``open``.

        Args:
            make: Create what is missing, closed to others until its own entry says otherwise.

        Raises:
            OSError: Missing, forbidden, or a component is not a directory (``ENOTDIR``, ``ELOOP``).
        """
        if path == self._path:
            return self._fd
        wanted = path.split(b"/") if path else []
        shared = 0
        for have, want in zip(self._names, wanted, strict=False):
            if have != want:
                break
            shared += 1
        self._shorten(shared)
        self._reopen(wanted[:shared])
        for name in wanted[shared:]:
            self._fds.append(self._step(name, make))
            self._names.append(name)
            self._close_far_ones()
        self._path = path
        self._fd = self._fds[-1]
        return self._fd

    def forget(self, path: bytes) -> None:
        """Close the directory and all below it: the name is about to mean something else."""
        names = path.split(b"/")
        if self._names[: len(names)] == names:
            self._shorten(len(names) - 1)
            self._reopen(names[:-1])

    def close(self) -> None:
        for fd in self._fds:
            if fd >= 0:
                os.close(fd)
        self._fds, self._names, self._path, self._fd = [], [], b"", -1

    def _step(self, name: bytes, make: bool) -> int:
        try:
            return open_directory(name, self._fds[-1])
        except FileNotFoundError:
            if not make:
                raise
        os.mkdir(name, 0o700, dir_fd=self._fds[-1])
        return open_directory(name, self._fds[-1])

    def _shorten(self, depth: int) -> None:
        # First of all the shortcut: should a step below fail, it must not name a closed descriptor.
        while len(self._names) > depth:
            self._names.pop()
            fd = self._fds.pop()
            if fd >= 0:
                os.close(fd)
        self._path = b"/".join(self._names)
        self._fd = self._fds[-1]

    def _reopen(self, names: list[bytes]) -> None:
        """Open the last one again if it was closed for being far away."""
        if self._fds[-1] >= 0:
            return
        nearest = max(index for index, fd in enumerate(self._fds) if fd >= 0)
        fd = os.dup(self._fds[nearest])
        try:
            for name in names[nearest:]:
                deeper = open_directory(name, fd)
                os.close(fd)
                fd = deeper
        except OSError:
            os.close(fd)
            self._shorten(nearest)
            raise
        self._fds[-1] = self._fd = fd

    def _close_far_ones(self) -> None:
        far = len(self._fds) - KEPT_OPEN
        if far >= 1 and self._fds[far] >= 0:
            os.close(self._fds[far])
            self._fds[far] = -1
