"""Room: for this machine's memory, for a repository in a folder, for files that come back."""

import os
from pathlib import Path

from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.sizes import GIB, show_bytes

ENOUGH_BYTES = 1 * GIB


def check_room(path: Path, needed_bytes: int, purpose: str) -> list[Finding]:
    """Free space where ``path`` lies, or will lie.

    Args:
        needed_bytes: What could be written there at once; at least a gigabyte is always asked for.
        purpose: What would be written: ``"this machine's memory"``.
    """
    there = path
    while not there.exists() and there != there.parent:
        there = there.parent
    found = os.statvfs(there)
    free, wanted = found.f_bavail * found.f_frsize, max(needed_bytes, ENOUGH_BYTES)
    subject = f"{path}, {purpose}"
    if free >= wanted:
        return [Finding(Level.OK, "space", subject, f"{show_bytes(free)} free")]
    message = f"only {show_bytes(free)} free; it may need {show_bytes(wanted)}"
    return [Finding(Level.WARNING, "space-low", subject, message, f"make room: `df -h {there}` shows the disk")]
