"""``lifeboat stream``: archive every change of the database, so that any moment can be restored."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run

FOR_SERVE_SECONDS = 2.0
"""So often ``serve`` hears how it does, for metrics and dashboard."""
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@lifeboat_command(
    "stream",
    examples=(
        ("stream", "archive every change from now on, half a minute after it was made"),
        ("stream --every 5", "five seconds after it was made"),
        ("stream --once", "archive what there is and end: for cron"),
    ),
)
@click.option(
    "--every",
    type=click.IntRange(1, 3600),
    metavar="SECONDS",
    help="How long a change waits at most before it is stored; else [stream] every in lifeboat.toml, else 30.",
)
@click.option("--once", is_flag=True, help="Archive what there is up to now, then end.")
@click.option("--ends-with-input", is_flag=True, hidden=True)
def command(run: Run, every: int | None, once: bool, ends_with_input: bool) -> ExitStatus:
    """Archive every change of the database until it is stopped: any moment can then be restored.

    It reads the oplog of the replica set, stores what a majority has, and goes on where it was after a crash, a restart, a
    step-down or a lost network. Where it cannot (the oplog was overwritten, the server was set back) it says that there is a gap,
    begins anew and takes a snapshot at once. It needs no key, only this machine's own writer.

    Ctrl-C or SIGTERM: what was read is stored, then it ends, with status 0. With --json it prints one object on each line.

    Exit status 4: it ended, and something is missing: the last changes could not be stored (the next start reads them again), or,
    with --once, the snapshot that the archive needs.
    """
    from lifeboat.app.streaming import StreamRequest
    from lifeboat.cli.show.stream import StreamShow, status_line

    run.when_stopped = "what was stored is whole; the next `lifeboat stream` goes on from there"
    show = StreamShow(run)
    stop = threading.Event()
    request = StreamRequest(None if every is None else float(every), once, run.config, run.environment)
    if ends_with_input:
        show.every_seconds = FOR_SERVE_SECONDS
        threading.Thread(target=_end_with_input, args=(run, stop), name="input-watcher", daemon=True).start()
    with _ended_by_signals(stop), run.lifeboat(shows_itself=True) as lifeboat:
        report = lifeboat.stream(request, show, stop)
    show.close()
    if not run.json and not run.quiet and report.status is not None:
        run.write(run.out, f"{status_line(report.status)}\n")
    missing = not report.all_stored or (once and report.snapshot_missing)
    return ExitStatus.INCOMPLETE if missing else ExitStatus.DONE


def _end_with_input(run: Run, stop: threading.Event) -> None:
    """Whoever started it holds the other end, and the kernel lets go of it however he dies."""
    # Not through the file object: the interpreter could not end while a thread holds its lock.
    while os.read(run.input.fileno(), 1024):
        pass
    stop.set()


@contextmanager
def _ended_by_signals(stop: threading.Event) -> Iterator[None]:
    """The first signal asks it to end; a second one ends it as it would any other command."""

    def ask(number: int, frame: FrameType | None) -> None:
        stop.set()
        for one, handler in before.items():
            signal.signal(one, handler)

    before = {}
    try:
        for number in _ENDING:
            if signal.getsignal(number) is not signal.SIG_IGN:  # `nohup lifeboat stream &` means it
                before[number] = signal.signal(number, ask)
    except ValueError:  # not in the main thread: whoever calls sets ``stop``
        yield
        return
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
