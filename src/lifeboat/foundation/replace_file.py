"""Replace a small file of this user's: durably, and whole or not at all, whatever dies."""

import os
from contextlib import suppress
from pathlib import Path


def replace_file(path: Path, *parts: bytes | bytearray) -> None:
    """Write the parts beside it under a name of its own, mode 0600, then rename; raises ``OSError`` and leaves nothing behind.

    Invariant: not for a moment is there one that others may read, nor one that is half written under the right name.
    """
    # Containers that share a folder have the same process ids.
    temporary = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
