"""Bytes set aside on this machine's disk while a verification runs, so that memory need not hold them.

They lie in a file without a name in the state folder, sealed under a key that this process alone has: nothing is left whatever dies, and nobody
else reads them. Where there is no room, or nothing may be written, they stay in memory: the verification is worth as much, and takes more of it.

Limits: each piece takes 16 bytes more than it has. Added to by one thread; read by any once all is there.
"""

import os
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.sizes import GIB, MIB

BLOCK_BYTES = 4 * MIB
"""What is written at once. Less than this never comes to the disk: of 24 MiB packs, 100 GB of them."""
LEFT_FREE_BYTES = GIB
"""A database may write to the same disk: what it has left to itself, it keeps."""
_TAG_BYTES = 16


class Spool:
    """Takes pieces and gives them back by where they lie.

    Args:
        folder: Where the file is made, once there is something to write.
        note: Hears once why pieces stay in memory.
    """

    def __init__(self, folder: Path, note: Callable[[str], None] = lambda _: None) -> None:
        self._folder = folder
        self._note = note
        self._cipher = AESGCM(os.urandom(32))
        self._descriptor: int | None = None
        self._written_bytes = 0
        self._held = bytearray()
        self._has_room = True

    def add(self, piece: bytes) -> int:
        """Set a piece aside; returns where it lies."""
        at = self._written_bytes + len(self._held)
        # Each place is used once, so no nonce comes twice under this key.
        sealed = self._cipher.encrypt(_nonce(at), piece, None)
        self._held += sealed
        if len(self._held) >= BLOCK_BYTES and self._has_room:
            self._write_out()
        return at

    def read(self, at: int, piece_bytes: int) -> bytes:
        """The piece that lies there; raises ``SettingsError`` when the disk does not give it back as it was.

        Args:
            piece_bytes: Its size as it was given to ``add``.
        """
        stored_bytes = piece_bytes + _TAG_BYTES
        try:
            if at >= self._written_bytes:
                begin = at - self._written_bytes
                stored = bytes(self._held[begin : begin + stored_bytes])
            else:
                assert self._descriptor is not None
                stored = os.pread(self._descriptor, stored_bytes, at)
            return self._cipher.decrypt(_nonce(at), stored, None)
        except (OSError, InvalidTag) as error:
            why = (error.strerror or str(error)).lower() if isinstance(error, OSError) else "it is not what was written"
            raise SettingsError(
                f"what this verification had set aside in {self._folder} cannot be read back: {why}",
                "is the disk sound? Set LIFEBOAT_STATE to a directory on another one, and verify again",
            ) from error

    def _write_out(self) -> None:
        """To the file; what does not get there whole stays in memory, and all that comes after it."""
        try:
            if self._descriptor is None:
                self._descriptor = self._make_file()
            free = os.fstatvfs(self._descriptor)
            if free.f_bavail * free.f_frsize < LEFT_FREE_BYTES + len(self._held):
                raise OSError(0, "there is too little room")
            done = 0
            with memoryview(self._held) as held:
                while done < len(held):
                    done += os.pwrite(self._descriptor, held[done:], self._written_bytes + done)
        except OSError as error:
            self._has_room = False
            why = (error.strerror or str(error)).lower()
            self._note(
                f"nothing can be set aside in {self._folder} ({why}): the chunk tables stay in memory, about 1 GB for 24 TB"
            )
            return
        self._written_bytes += len(self._held)
        self._held = bytearray()

    def _make_file(self) -> int:
        descriptor, path = tempfile.mkstemp(prefix=".aside-", dir=self._folder)
        weakref.finalize(self, os.close, descriptor)
        os.unlink(path)
        return descriptor


def _nonce(at: int) -> bytes:
    return at.to_bytes(12, "big")
