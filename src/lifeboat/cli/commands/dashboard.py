"""``lifeboat dashboard``: pages that answer "am I safe?", and who may look at them."""

import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING

import click

from lifeboat.cli.command import common_options, lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run

if TYPE_CHECKING:
    from lifeboat.app.dashboard_facts import DashboardFacts
    from lifeboat.app.serving import Serving
    from lifeboat.app.settings import Settings
    from lifeboat.services.web.users import Users

EXAMPLES = (
    ("dashboard user add alice --role operator", "the first account; asks for a password"),
    ("dashboard", "the pages alone, on http://127.0.0.1:8765/; `serve` has them too"),
)


class DashboardGroup(click.Group):
    """``lifeboat dashboard [user ACTION]``."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Examples"):
            for typed, why in EXAMPLES:
                formatter.write(f"  lifeboat {typed}\n      {why}\n")


@click.group(
    "dashboard",
    cls=DashboardGroup,
    params=common_options(),
    no_args_is_help=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--listen", metavar="ADDRESS:PORT", help="Where; else [serve] listen in lifeboat.toml, 127.0.0.1:8765.")
@click.pass_context
def command(ctx: click.Context, listen: str | None) -> ExitStatus | None:
    """Serve the dashboard alone, or say who may sign in.

    `lifeboat serve` shows it as well. It is bound to loopback: from elsewhere use an SSH tunnel, or a reverse proxy that speaks https, and
    name its host under [serve] in lifeboat.toml: hosts = ["backup.example.com"].
    """
    if ctx.invoked_subcommand is not None:
        return None
    return _serve(ctx.find_object(Run) or ctx.obj, listen)


@click.group("user", cls=click.Group, no_args_is_help=False, invoke_without_command=True)
@click.pass_context
def user(ctx: click.Context) -> None:
    """Who may sign in: add, list, remove."""
    if ctx.invoked_subcommand is None:
        raise click.UsageError(f"say what to do: {', '.join(user.commands)}", ctx)


@lifeboat_command("add", examples=(("dashboard user add alice --role operator", "who may begin backups, too"),))
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(["reader", "operator"]),
    default="reader",
    show_default=True,
    help="A reader looks; an operator also begins backups and verifications.",
)
def add(run: Run, name: str, role: str) -> ExitStatus:
    """Let somebody sign in. Asks for a password; what is stored is its scrypt hash."""
    from lifeboat.cli.ask import ask_hidden
    from lifeboat.cli.failures import CannotAsk
    from lifeboat.foundation.secret import Secret
    from lifeboat.services.web.users import DashboardUserRefused, Role, check_password

    users = _users(run)
    if not run.asks:
        raise CannotAsk("a password has to be typed, and nobody is here to type it", "run it in a terminal")
    password = Secret(ask_hidden(f"Password for {name}"))
    check_password(password)
    if Secret(ask_hidden("The same again")) != password:
        raise DashboardUserRefused("the two were not the same", "type it once more")
    run.note()
    added = users.add(name, Role(role), password, run.clock.now())
    run.show({"name": added.name, "role": added.role}, lambda: [f"{added.name} may sign in, as {added.role}"])
    return ExitStatus.DONE


@lifeboat_command("list")
def list_users(run: Run) -> ExitStatus:
    """Who may sign in."""
    known = _users(run).list()
    rows = [{"name": one.name, "role": one.role, "added": one.added} for one in known]
    nobody = "nobody may sign in yet: `lifeboat dashboard user add NAME --role operator`"
    run.show({"users": rows}, lambda: [f"{one.name}  {one.role}" for one in known] or [nobody])
    return ExitStatus.DONE


@lifeboat_command("remove")
@click.argument("name")
def remove(run: Run, name: str) -> ExitStatus:
    """Let somebody in no longer; sessions end at once."""
    users = _users(run)
    run.note()
    users.remove(name)
    run.show({"removed": name}, lambda: [f"{name} may sign in no longer"])
    return ExitStatus.DONE


for one, line in (
    (add, "let somebody sign in"),
    (list_users, "who may sign in"),
    (remove, "let somebody in no longer"),
):
    one.short_help = line
    user.add_command(one)
command.add_command(user)


def dashboard_facts(run: Run, serving: "Serving | None" = None) -> "DashboardFacts":
    """What the pages show, with this run's secrets taken out of it."""
    from html import escape

    from lifeboat.app.dashboard_facts import DashboardFacts
    from lifeboat.cli.scrub import hidden_around, scrub

    given = run.settings()

    def settings() -> "Settings":
        return serving.settings if serving is not None else given

    def without_secrets(text: str) -> str:
        # Asked for each time: serve may have read others meanwhile. A page may begin a sentence with one, and escapes what it shows.
        hidden = {*run.hidden, *settings().hidden_texts(), *hidden_around(run.environment, run.folder, ())}
        hidden |= {one[:1].upper() + one[1:] for one in hidden}
        return scrub(text, hidden | {escape(one) for one in hidden})

    return DashboardFacts(run.config, run.environment, run.folder, run.clock, settings, without_secrets, serving)


def _users(run: Run) -> "Users":
    from lifeboat.services.web.users import Users

    return Users(run.settings().state)


def _serve(run: Run, listen: str | None) -> ExitStatus:
    from dataclasses import replace

    from lifeboat.app.dashboard import dashboard_alone
    from lifeboat.app.settings_tables import read_address

    run.when_stopped = "the dashboard is away; jobs and their times are as they were"
    settings = run.settings()
    settings.need_repository()
    if listen is not None:
        try:
            settings = replace(settings, serve=replace(settings.serve, listen=read_address(listen)))
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--listen") from None
    run.note(settings)
    stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with dashboard_alone(dashboard_facts(run), settings, run.clock, run.say):
            while not stop.wait(1.0):
                pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return ExitStatus.DONE
