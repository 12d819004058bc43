"""A folder for temporary work that is gone afterwards, however the work ends.

Limits: another user's files in it stay; so does everything if the machine itself goes down.

Invariant: once ``vanishing_folder`` has given out a folder, it is removed when the block ends, and also when this
process is killed: a small process of its own waits for that, and only it removes anything.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_JANITOR = """
import os, shutil, signal, sys, time
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
print(flush=True)
sys.stdin.buffer.readline()  # returns when whoever made the folder says so, or dies
for attempt in range(100):  # a server in it may take a moment to die, and write until it has
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    if not os.path.lexists(sys.argv[1]):
        break
    for folder, folders, files in os.walk(sys.argv[1]):
        for path in (os.path.join(folder, name) for name in folders):
            if not os.path.islink(path):
                os.chmod(path, 0o700)
    time.sleep(0.05)
"""


@contextmanager
def vanishing_folder(prefix: str, within: Path | None = None) -> Iterator[Path]:
    """Make a folder for this user alone, and remove it with all that is in it.

    Args:
        within: Where it is made; else where temporary files go.
    """
    # A name of 96 random bits is nobody's: so it can be told to the janitor before there is a folder to be left behind.
    folder, owner = Path(within or tempfile.gettempdir()) / f"{prefix}{os.urandom(12).hex()}", os.getpid()
    janitor = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _JANITOR, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C at the terminal is for us, not for it
    )
    assert janitor.stdin is not None and janitor.stdout is not None
    try:
        janitor.stdout.readline()  # From now on no signal but SIGKILL ends it.
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        if os.getpid() == owner:  # a fork of us has no say in it
            with contextlib.suppress(BrokenPipeError):
                janitor.stdin.write(b"\n")  # closing is not enough: a fork may hold the pipe too
                janitor.stdin.flush()
            janitor.wait()
            with contextlib.suppress(BrokenPipeError):
                janitor.stdin.close()
            janitor.stdout.close()
