"""Lines are added whole, in one order, by however many; what was cut off in the middle was never said to be there."""

import random
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from log_kit import content, examined, fill, lines_of, state_in

from lifeboat.evidence.log import AuditLog
from lifeboat.repository.writers import WriterSecret

SECRET = WriterSecret(b"w" * 16, bytes(range(96)))
APPEND_MANY = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from log_kit import content, state_in
from lifeboat.evidence.log import AuditLog
from lifeboat.repository.writers import WriterSecret
log = AuditLog(state_in(Path(sys.argv[1])))
for number in range(int(sys.argv[2])):
    log.append(content(number), WriterSecret(b"w" * 16, bytes(range(96))))
    print(number, flush=True)
"""


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    fill(state_in(tmp_path), 1, SECRET)
    assert stat.S_IMODE(AuditLog(state_in(tmp_path)).path.stat().st_mode) == 0o600


def test_twenty_processes_append_at_once_and_the_chain_is_one(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", APPEND_MANY, str(tmp_path), "5"], stdout=subprocess.DEVNULL)
        for _ in range(20)
    ]
    assert [one.wait(120) for one in writers] == [0] * 20
    state = state_in(tmp_path)
    assert len(lines_of(state)) == 100
    assert examined(state, SECRET) == []


def test_killed_at_any_moment_what_was_said_to_be_there_is_and_the_chain_is_whole(tmp_path: Path) -> None:
    state, chance, said = state_in(tmp_path), random.Random(1), 0
    for _ in range(6):
        writer = subprocess.Popen(
            [sys.executable, "-c", APPEND_MANY, str(tmp_path), "100000"], stdout=subprocess.PIPE, text=True
        )
        time.sleep(0.5 + chance.random() * 0.3)
        writer.kill()
        said += len((writer.communicate()[0]).splitlines())
        AuditLog(state).append(content(0), SECRET)
        said += 1
        assert len(lines_of(state)) >= said
        assert examined(state, SECRET) == []
    assert said > 20


@pytest.mark.parametrize("rest", [b"{", b'{"act":"restore","from"', b"\x00" * 5000])
def test_a_line_that_was_cut_off_is_taken_away_by_the_next(tmp_path: Path, rest: bytes) -> None:
    state = state_in(tmp_path)
    fill(state, 3, SECRET)
    with AuditLog(state).path.open("ab") as file:
        file.write(rest)
    assert examined(state, SECRET) == []
    AuditLog(state).append(content(4), SECRET)
    assert len(lines_of(state)) == 4 and examined(state, SECRET) == []


def test_on_a_full_disk_the_log_stays_whole_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    folder = tmp_path / "full"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        state = state_in(folder)
        with pytest.raises(OSError, match="space"):
            fill(state, 1000, SECRET)
        before = len(lines_of(state))
        assert before > 10 and examined(state, SECRET) == []
        subprocess.run(["mount", "-o", "remount,size=512k", str(folder)], check=True)
        fill(state, 5, SECRET)
        assert len(lines_of(state)) == before + 5 and examined(state, SECRET) == []
    finally:
        subprocess.run(["umount", str(folder)], check=True)
