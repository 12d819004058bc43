"""Progress: seen on a terminal, absent in a pipe, and cheap enough to be told of everything."""

import io
import threading
import time
from pathlib import Path

from person import Person
from pretend_lifeboat import FixedClock
from pretend_shell import Shell, Terminal

from lifeboat.cli.show.terminal_progress import Doing, TerminalProgress
from lifeboat.foundation.clock import SystemClock

MIB = 1024 * 1024


def test_a_person_sees_amount_rate_and_time_left_in_one_line(shell: Shell, tmp_path: Path) -> None:
    with Person(tmp_path, shell.environment, "backup", "db", answers='{"slow": true}') as person:
        person.sees("iB/s")
        assert person.leaves() == 0
    drawn = person.screen.split("\r")
    assert any(" of 19.1 MiB" in one and "s left" in one for one in drawn)
    assert "note: uploads/a\\x1b[31mb.txt vanished" in person.screen
    assert "reading shop.users: 200 items, 1.91 MiB in" in person.screen


def test_a_pipe_gets_the_notes_alone_and_a_program_not_even_those(shell: Shell) -> None:
    def work(pretended: object) -> None:
        progress = pretended.progress  # type: ignore[attr-defined]
        progress.begin("reading", total_bytes=10)
        for _ in range(100):
            progress.advance(1)
            progress.note("a file vanished")

    shell.answers = {"during": work}
    assert shell("backup", "db").err == "note: a file vanished\n" * 20
    assert shell("backup", "db", "--json").err == ""
    assert shell("backup", "db", "--quiet").err == ""


def test_what_is_said_fits_what_is_known() -> None:
    assert Doing("x", 4 * MIB, None, 0.0, bytes=MIB).amount() == "1 of 4 MiB"
    assert Doing("x", 4 * MIB, None, 0.0, bytes=512 * 1024).amount() == "512 KiB of 4 MiB"
    assert Doing("x", None, None, 0.0, bytes=MIB).amount() == "1 MiB"
    assert Doing("x", None, 10_000, 0.0, items=3120).amount() == "3,120 of 10,000"
    assert Doing("x", 4 * MIB, None, 0.0, bytes=MIB).pace(2.0) == "512 KiB/s, 6.0 s left"
    assert Doing("x", None, None, 0.0, bytes=MIB).pace(2.0) == "512 KiB/s"
    assert Doing("x", None, 100, 0.0, items=50).pace(10.0) == "10 s left"
    assert Doing("x", 0, 0, 0.0).pace(10.0) == ""


def test_a_hundred_thousand_steps_from_many_threads_are_all_counted_and_cost_little() -> None:
    stream = Terminal()
    progress = TerminalProgress(stream, SystemClock(), {"TERM": "xterm", "COLUMNS": "80"})
    progress.begin("storing", total_bytes=100_000)
    began = time.process_time()

    def work() -> None:
        for _ in range(25_000):
            progress.advance(1, 1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    seconds = time.process_time() - began
    progress.close()
    assert "100,000 items" in stream.getvalue()
    assert seconds < 5  # 0.1 s of the processor


def test_progress_before_the_first_task_and_after_the_last_is_harmless() -> None:
    progress = TerminalProgress(io.StringIO(), FixedClock(), {})
    progress.advance(5)
    progress.begin("a")
    progress.begin("b", total_items=0)
    progress.close()
    progress.advance(5)
