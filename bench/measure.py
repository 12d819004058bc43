"""Run one command and account for it: wall time, processor time, peak memory.

Limits: Linux and macOS; the processor time of servers on Linux only. A command that fails has no figure: one of something broken is worse than none.

The peak is the largest of the process and those it waited for, as ``/usr/bin/time -v`` says it.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_ACCOUNT = Path(__file__).with_name("account.py")
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


class ToolFailed(SystemExit):
    """A command did not do what it was asked for: it ends the bench unless somebody goes on without that tool."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of one command.

    Args:
        processor_seconds: The command's own and its helpers'.
        server_seconds: Processor time of the servers that it asked meanwhile.
        settling_seconds: How long the system then still wrote: what a tool did not wait for itself.
    """

    seconds: float
    processor_seconds: float
    peak_bytes: int
    status: int
    server_seconds: float = 0.0
    settling_seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def measure(
    command: Sequence[str | Path],
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    accepted: Sequence[int] = (0,),
    servers: Sequence[int] = (),
    helpers: Sequence[int] = (),
) -> Measured:
    """Run it to its end, with its output kept for the case that it fails.

    Args:
        servers: Processes whose processor time is told beside the command's.
        helpers: Processes that do the command's work for it: their time and their peak are its own.
    """
    os.sync()  # what another tool wrote must not be paid for by this one
    words = [str(word) for word in command]
    with tempfile.TemporaryDirectory() as place, tempfile.TemporaryFile() as said:
        report = Path(place) / "report"
        served, helped = _spent(servers), _spent(helpers)
        status = subprocess.call(
            [sys.executable, "-I", "-S", _ACCOUNT, report, *words],
            env={**os.environ, **(environment or {})},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        served, helped = _spent(servers) - served, _spent(helpers) - helped
        ended = time.monotonic()
        os.sync()
        settling = time.monotonic() - ended
        if status not in accepted:
            said.seek(0)
            raise ToolFailed(f"{' '.join(words)} ended with {status}:\n{said.read().decode(errors='replace')[-3000:]}")
        seconds, processor_seconds, peak = report.read_text().split()
    return Measured(
        float(seconds),
        float(processor_seconds) + helped,
        max(int(peak) * MAXRSS_UNIT, *(_peak_of(process) for process in helpers), 0),
        status,
        served,
        settling,
    )


def stored_bytes(path: Path) -> int:
    """Bytes of all files beneath, or of the file itself."""
    if path.is_file():
        return path.stat().st_size
    return sum(os.lstat(os.path.join(folder, name)).st_size for folder, _, names in os.walk(path) for name in names)


def _spent(processes: Sequence[int]) -> float:
    """Processor seconds of living processes; 0 where the system does not tell."""
    ticks = 0
    for process in processes:
        stat = Path(f"/proc/{process}/stat")
        if stat.exists():
            fields = stat.read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _peak_of(process: int) -> int:
    status = Path(f"/proc/{process}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)
