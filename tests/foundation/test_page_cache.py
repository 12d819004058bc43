"""What was written arrives, whatever the thread that writes it out meets, and what the disk does not take is told."""

import os
import sys
import time
from pathlib import Path

import pytest

from lifeboat.foundation.page_cache import BEHIND_FILES, WORTH_IT_BYTES, WriteBehind, is_cached, let_go

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="nothing is let go elsewhere")


def opened(path: Path, content: bytes) -> int:
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR)
    os.write(descriptor, content)
    return descriptor


def test_more_files_than_may_wait_are_all_written_out_and_closed(tmp_path: Path) -> None:
    behind, contents = WriteBehind(), {}
    before = len(os.listdir("/proc/self/fd"))
    for number in range(2 * BEHIND_FILES + 5):
        contents[number] = os.urandom(64) * (WORTH_IT_BYTES // 64 + number % 3)
        behind.close_file(opened(tmp_path / str(number), contents[number]), len(contents[number]))
        assert len(os.listdir("/proc/self/fd")) <= before + BEHIND_FILES + 2
    behind.finish()
    behind.close()
    assert len(os.listdir("/proc/self/fd")) == before
    assert all((tmp_path / str(number)).read_bytes() == content for number, content in contents.items())


def test_what_cannot_be_written_out_is_raised_and_nobody_waits_for_ever(tmp_path: Path) -> None:
    behind = WriteBehind()
    gone = opened(tmp_path / "gone", b"x" * WORTH_IT_BYTES)
    os.close(gone)
    with pytest.raises(OSError, match="Bad file descriptor"):
        behind.close_file(gone, WORTH_IT_BYTES)
        behind.finish()
    behind.close_file(opened(tmp_path / "small", b"x"), 1)
    with pytest.raises(OSError, match="Bad file descriptor"):
        behind.finish()  # it is not forgotten
    behind.close()


def test_a_file_that_somebody_has_in_memory_is_known_from_one_that_nobody_has(tmp_path: Path) -> None:
    size = 4 << 20
    descriptor = opened(tmp_path / "file", os.urandom(size))
    os.fsync(descriptor)
    if is_cached(descriptor, size) is None:
        pytest.skip("this file system does not tell")
    assert is_cached(descriptor, size)
    for _ in range(300):
        # To drop pages is advice; and the kernel begins to read what it was asked for and does not have, so that on a busy machine it may have it
        # by the time it answers. So each look comes right after letting go, and one answer counts.
        let_go(descriptor)
        if (found := is_cached(descriptor, size)) is False:
            break
        time.sleep(0.1)
    assert found is False
    assert is_cached(descriptor, 0) is None
    os.close(descriptor)
