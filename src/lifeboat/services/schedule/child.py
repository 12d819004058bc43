"""Run one command of ours to its end, whatever its end is, and say what it came to.

A process of its own: a crash, a lack of memory or a kill of the command is seen here, by somebody who can still tell.
"""

import json
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from lifeboat.foundation.value import Value
from lifeboat.services.schedule.process import begin_lifeboat

INTERRUPTED = 130
BUG = 1
STOPPED = "stopped"
"""Code of a run that somebody outside ended by a signal."""
NAMED_AT_MOST = 5
_STOPPING = (signal.SIGTERM, signal.SIGHUP)


class Trouble(Value):
    """Args: code: Permanent, as in docs/errors.md. message: What went wrong. hint: What to type; may be empty."""

    code: str
    message: str
    hint: str


class Ended(Value):
    """How a command ended. Args: status: Its exit status; 130 when a signal ended it. report: What ``--json`` printed, if it did."""

    status: int
    report: dict[str, Any]
    trouble: Trouble | None


def run_command(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], inherited: Sequence[int] = ()
) -> Ended:
    """Run ``lifeboat ARGUMENTS --json``; what it says beside the report goes where ours goes.

    Args:
        inherited: Descriptors that stay open in it: the job's lock.
    """
    with _HandingOn() as stop:
        child = begin_lifeboat(
            (*arguments, "--json"),
            folder,
            environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            pass_fds=tuple(inherited),
        )
        stop.to(child)
        out, _ = child.communicate()
    report = _read(out)
    if stop.came:
        name = signal.Signals(stop.came[0]).name
        hint = (
            "was the machine shut down, or did it run into the time limit of its unit? The next run goes on from there"
        )
        return Ended(INTERRUPTED, report, Trouble(STOPPED, f"it was stopped from outside ({name})", hint))
    return ended(child.returncode, report)


def ended(code: int, report: dict[str, Any]) -> Ended:
    """Make a judgement of how a command ended and what it reported."""
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        hint = "was the machine out of memory? `sudo dmesg | grep -i -E 'oom|killed process'`"
        return Ended(INTERRUPTED, report, Trouble("killed", f"it was killed ({name})", hint))
    if code == 0:
        return Ended(0, report, None)
    if isinstance(error := report.get("error"), dict):
        said = Trouble(str(error.get("code")), str(error.get("message")), str(error.get("hint") or ""))
        return Ended(code, report, said)
    if problems := list(_problems(report)):
        named = "\n".join(_sentence(one) for one in problems[:NAMED_AT_MOST])
        more = f"\nand {len(problems) - NAMED_AT_MOST} more" if len(problems) > NAMED_AT_MOST else ""
        hints = dict.fromkeys(str(one["hint"]) for one in problems[:NAMED_AT_MOST] if one.get("hint"))
        return Ended(code, report, Trouble(str(problems[0]["code"]), named + more, "\n".join(hints)))
    words = f"it ended with exit status {code} and said no more"
    return Ended(code, report, Trouble("ended-badly", words, "what does it say when it is run by hand?"))


def _problems(report: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Findings of the report itself, and those of the snapshots it tells of."""
    rows = report.get("snapshots")
    holders = [report, *(one for one in (rows if isinstance(rows, list) else ()) if isinstance(one, dict))]
    for holder in holders:
        for one in holder.get("findings") or ():
            if isinstance(one, dict) and one.get("level") == "problem" and "code" in one:
                yield one


def _sentence(finding: dict[str, Any]) -> str:
    subject = f"{finding['subject']}: " if finding.get("subject") else ""
    return f"{subject}{finding.get('message')} [{finding['code']}]"


def _read(out: bytes) -> dict[str, Any]:
    try:
        said = json.loads(out)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


class _HandingOn:
    """Hand a request to stop on to the command, and wait for it all the same.

    It listens before there is a command: a request that comes while one is being started must not leave it behind with nobody to wait for it.
    """

    def __init__(self) -> None:
        self.came: list[int] = []
        self._due: list[int] = []
        self._child: subprocess.Popen[bytes] | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._hear) for number in _STOPPING}
        return self

    def to(self, child: "subprocess.Popen[bytes]") -> None:
        """From now on to this one, with what has come already."""
        self._child = child
        self._hand_on()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is not None and self._child is not None and issubclass(kind, KeyboardInterrupt):
                self._child.wait()  # The terminal sent it the same.
        finally:
            for number, handler in self._before.items():
                signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.came.append(number)
        self._due.append(number)
        self._hand_on()

    def _hand_on(self) -> None:
        while self._child is not None and self._due:
            self._child.send_signal(self._due.pop(0))
