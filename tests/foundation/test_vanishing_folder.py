"""A folder for temporary work is gone however the work ends, also in the very moment in which it was made."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lifeboat.foundation.vanishing_folder import vanishing_folder

_DIES = """
import os, signal, sys
from pathlib import Path
from lifeboat.foundation.vanishing_folder import vanishing_folder
real, moment = os.mkdir, sys.argv[2]
def mkdir(path, *more, **named):
    real(path, *more, **named)
    if moment == "made":
        os.kill(os.getpid(), signal.SIGKILL)
os.mkdir = mkdir
with vanishing_folder("dies-", Path(sys.argv[1])) as folder:
    (folder / "inside").write_text("plain")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def gone(folder: Path) -> bool:
    end = time.monotonic() + 20
    while list(folder.iterdir()) and time.monotonic() < end:
        time.sleep(0.02)
    return not list(folder.iterdir())


@pytest.mark.parametrize("moment", ["made", "filled"])
def test_killed_it_leaves_nothing(tmp_path: Path, moment: str) -> None:
    typed = [sys.executable, "-c", _DIES, str(tmp_path), moment]
    assert subprocess.run(typed, env=os.environ, check=False).returncode == -signal.SIGKILL
    assert gone(tmp_path)


def test_it_is_for_this_user_alone_and_gone_at_the_end(tmp_path: Path) -> None:
    with vanishing_folder("some-", tmp_path) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "inside").mkdir(mode=0o500)
    assert gone(tmp_path)
    with pytest.raises(FileNotFoundError), vanishing_folder("some-", tmp_path / "not there"):
        pass
