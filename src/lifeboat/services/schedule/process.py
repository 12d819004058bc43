"""A command of ours as a process of its own: how it is begun, asked to end, and killed with all that it began."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any


def begin_lifeboat(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], **more: Any
) -> "subprocess.Popen[bytes]":
    """Begin ``lifeboat ARGUMENTS`` in the folder, with these variables and no others.

    Args:
        more: As ``subprocess.Popen`` takes it. ``kill_group`` wants ``start_new_session=True``.
    """
    # -P: a folder called lifeboat in the application's folder must not be taken for us.
    command = [python_program(), "-P", "-m", "lifeboat", *arguments]
    return subprocess.Popen(command, cwd=folder, env=dict(environment), **more)


def ask_to_end(child: "subprocess.Popen[bytes]") -> None:
    """Not the group: a run hands it on to its command, and twice would cut short how that ends."""
    with suppress(ProcessLookupError):
        child.terminate()


def kill_group(child: "subprocess.Popen[bytes]") -> None:
    """It and what it began, at once; returns when it is gone."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def python_program() -> str:
    """This Python: a server that has it built in, such as uWSGI, says its own path instead."""
    if Path(sys.executable or "").name.startswith(("python", "pypy")):
        return sys.executable
    return str(Path(sys.prefix) / "bin" / "python3")
