"""Run one command and account for it: wall time, processor time, peak memory.

Limits: Linux and macOS. A command that fails stops the bench: a figure of something broken is worse than none.

The peak is the largest of the process and those it waited for, as ``/usr/bin/time -v`` says it.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_ACCOUNT = Path(__file__).with_name("account.py")
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of one command."""

    seconds: float
    processor_seconds: float
    peak_bytes: int
    status: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def measure(
    command: Sequence[str | Path],
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    accepted: Sequence[int] = (0,),
) -> Measured:
    """Run it to its end, with its output kept for the case that it fails."""
    os.sync()  # what another tool wrote must not be paid for by this one
    words = [str(word) for word in command]
    with tempfile.TemporaryDirectory() as place, tempfile.TemporaryFile() as said:
        report = Path(place) / "report"
        status = subprocess.call(
            [sys.executable, "-I", "-S", _ACCOUNT, report, *words],
            env={**os.environ, **(environment or {})},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        if status not in accepted:
            said.seek(0)
            sys.exit(f"{' '.join(words)} ended with {status}:\n{said.read().decode(errors='replace')[-3000:]}")
        seconds, processor_seconds, peak = report.read_text().split()
    return Measured(float(seconds), float(processor_seconds), int(peak) * MAXRSS_UNIT, status)


def stored_bytes(path: Path) -> int:
    """Bytes of all files beneath, or of the file itself."""
    if path.is_file():
        return path.stat().st_size
    return sum(os.lstat(os.path.join(folder, name)).st_size for folder, _, names in os.walk(path) for name in names)
