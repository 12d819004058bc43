"""The command, in a fork of a process that has loaded it once: the interpreter and all modules take a second to start, a fork some milliseconds.

For runs that a test begins and waits for. What matters of a process is as it is for the installed command: its own memory, variables, folder,
output, exit status and finalisation. Not so its parent, and that its modules were loaded before it began; runs that are signalled, wrapped in other
commands or watched (``Machine.start``) are the installed command itself, and so are some that are not.

Limits: one such process for each pytest process, which is asked over a socket and ends with it; a variable that the interpreter reads when it
starts makes it the installed command itself. Invariant: it has no threads, so that a fork is all of it.
"""

import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from bare import BARE

LIFEBOAT = str(Path(sys.executable).with_name("lifeboat"))
_READ_AT_START = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC", "TZ")
_LEFT_OUT = ("lifeboat.__main__", "lifeboat.rescue", "lifeboat.samples")
_MOST_BYTES = 200_000
"""Of a question; a socket of this kind takes it in one piece."""


def run(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], timeout_seconds: float = 240.0
) -> "subprocess.CompletedProcess[str]":
    """Run ``lifeboat`` with these arguments, variables and no others; raises ``subprocess.TimeoutExpired`` when it was killed after that time."""
    command = [LIFEBOAT, *arguments]
    if not _fits(environment):
        return subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
        )
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        code = _fork(arguments, folder, environment, out.fileno(), err.fileno(), timeout_seconds)
        for said in (out, err):
            said.seek(0)
        return subprocess.CompletedProcess(command, code, out.read(), err.read())


def _fits(environment: Mapping[str, str]) -> bool:
    """Whether a run with these variables can be a fork of one that was started without them."""
    return all(BARE.get(name) == value for name, value in environment.items() if name.startswith(_READ_AT_START))


def _fork(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], out: int, err: int, timeout_seconds: float
) -> int:
    """Its exit status, which is negative for the signal that ended it. Args: out, err: descriptors that it writes to."""
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with mine:
        with theirs, open(os.devnull) as nothing:
            question = json.dumps([list(arguments), str(folder), dict(environment)]).encode()
            assert len(question) < _MOST_BYTES
            socket.send_fds(_asked(), [question], [theirs.fileno(), nothing.fileno(), out, err])
        pid = int(mine.recv(100))
        mine.settimeout(timeout_seconds)
        try:
            return int(mine.recv(100))
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired(["lifeboat", *arguments], timeout_seconds) from None


@cache
def _asked() -> socket.socket:
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        # Neither a terminal nor buffered as one: its standard streams become those of every run.
        subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            env=BARE,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
    assert mine.recv(100) == b"ready"
    return mine


def _serve(asked: socket.socket) -> None:
    """Fork for each question; returns in the child that carries one out, with everything as a started process has it."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that watch
    asked.send(b"ready")
    while True:
        question, descriptors, _, _ = socket.recv_fds(asked, _MOST_BYTES, 4)
        if not question:
            sys.exit(0)
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            asked.close()
            return _watch(question, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _watch(question: bytes, descriptors: Sequence[int]) -> None:
    answer, *standard = descriptors
    pid = os.fork()
    if pid == 0:
        os.close(answer)
        for number, descriptor in enumerate(standard):
            os.dup2(descriptor, number)
            os.close(descriptor)
        return _become(*json.loads(question))
    for descriptor in standard:
        os.close(descriptor)
    with socket.socket(fileno=answer) as telling:
        telling.send(b"%d" % pid)
        _, status = os.waitpid(pid, 0)
        telling.send(b"%d" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _become(arguments: list[str], folder: str, environment: dict[str, str]) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["lifeboat", *arguments]


def _load() -> None:
    import lifeboat

    for found in pkgutil.walk_packages(lifeboat.__path__, "lifeboat."):
        if not found.name.startswith(_LEFT_OUT):
            importlib.import_module(found.name)
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    try:
        _load()
    except BaseException:
        traceback.print_exc()
        raise
    _serve(socket.socket(fileno=int(sys.argv[1])))
    from lifeboat.cli.main import main

    main()
