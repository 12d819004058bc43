"""A file of ours is the old one whole or the new one whole, and at no moment anybody else's."""

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from lifeboat.foundation.replace_file import replace_file


def test_it_replaces_and_is_this_users_alone_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "known.json"
    path.write_text("old")
    path.chmod(0o644)
    before = os.umask(0)
    try:
        replace_file(path, b"new", bytearray(b" one"))
    finally:
        os.umask(before)
    assert path.read_bytes() == b"new one"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "no space"), KeyboardInterrupt()])
def test_what_goes_wrong_leaves_the_old_one_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    path = tmp_path / "known.json"
    path.write_text("old")

    def fail(*words: Any) -> None:
        raise error

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(type(error)):
        replace_file(path, b"new")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
