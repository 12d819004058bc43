"""``lifeboat serve``: it runs by itself: jobs, stream, health and dashboard in one process."""

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import TYPE_CHECKING

import click

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run

if TYPE_CHECKING:
    from lifeboat.app.serving import Serving

_ENDING = (signal.SIGTERM, signal.SIGINT)


@lifeboat_command(
    "serve",
    examples=(
        ("serve", "back up, stream, verify and prune, each at its time"),
        ("serve --plan", "what would run here, and what is due elsewhere"),
    ),
)
@click.option("--plan", "only_plan", is_flag=True, help="Show what would run here, and what elsewhere; run nothing.")
@click.option("--listen", metavar="ADDRESS:PORT", help="Health, metrics and dashboard; 'off' for none.")
def command(run: Run, only_plan: bool, listen: str | None) -> ExitStatus:
    """Run everything by itself until it is stopped: jobs at their times, and the stream.

    The database every hour, everything at 02:00, a scrub at 03:30, a verification at 08:00, on Sundays a prune; [serve.jobs] and
    [objectives] in lifeboat.toml move that. Each job is a process of its own. What was missed while the machine slept or was off is made up
    for once. Only what this machine's key and rights permit is run: the rest is shown as due elsewhere.

    SIGTERM or Ctrl-C: what runs is asked to end, and the next start goes on from there. SIGHUP: lifeboat.toml is read again.
    """
    from dataclasses import replace

    from lifeboat.app.serving import Serving
    from lifeboat.app.settings_tables import read_address
    from lifeboat.cli.show.serve import draw_plan

    run.when_stopped = "what was stored is whole; the next `lifeboat serve` goes on from there"
    settings = run.settings()
    if listen is not None:
        try:
            settings = replace(settings, serve=replace(settings.serve, listen=read_address(listen)))
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--listen") from None
    serving = Serving(run.config, run.environment, run.folder, run.clock, lambda words: _log(run, words), settings)
    if only_plan:
        rows = serving.plan()
        run.show({"jobs": rows}, lambda: draw_plan(rows))
        return ExitStatus.DONE
    run.note(settings)
    stop = threading.Event()
    with ExitStack() as stack, _signals(serving, stop):
        serving.run(stop, lambda _: stack.enter_context(_web(run, serving)))
    return ExitStatus.DONE


@contextmanager
def _web(run: Run, serving: "Serving") -> Iterator[None]:
    from lifeboat.app.dashboard import dashboard_routes
    from lifeboat.app.serve_web import WebServer, build_app
    from lifeboat.cli.commands.dashboard import dashboard_facts

    listen = serving.settings.serve.listen
    if listen is None:
        yield
        return
    with dashboard_routes(dashboard_facts(run, serving), serving.settings, run.clock) as routes:
        server = WebServer(build_app(serving, routes), listen)
        server.start()
        _log(run, f"answers on http://{listen[0]}:{server.port}/")
        try:
            yield
        finally:
            server.stop()


@contextmanager
def _signals(serving: "Serving", stop: threading.Event) -> Iterator[None]:
    """The first signal asks it to end; SIGHUP reads the settings again."""

    def ask(number: int, frame: FrameType | None) -> None:
        stop.set()
        serving.wake()

    def reload(number: int, frame: FrameType | None) -> None:
        serving.reload()

    before = {number: signal.signal(number, ask) for number in _ENDING}
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, reload)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _log(run: Run, words: str) -> None:
    run.say(f"{run.clock.now():%Y-%m-%d %H:%M:%SZ} {words}")
