"""The frame of every command: options all of them take, and examples under the help.

Each command's own file says only its arguments and what it does; it is imported when it is asked for.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from lifeboat.cli.run import Run


class LifeboatCommand(click.Command):
    """A command that also takes ``--json``, ``--quiet`` and ``--config``, wherever they stand."""

    def __init__(self, *args: Any, examples: tuple[tuple[str, str], ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples
        self.params.extend(common_options())
        self.context_settings.setdefault("help_option_names", ["-h", "--help"])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if not self.examples:
            return
        with formatter.section("Examples"):
            for typed, why in self.examples:
                formatter.write(f"  lifeboat {typed}\n      {why}\n")


def lifeboat_command(
    name: str, examples: tuple[tuple[str, str], ...] = ()
) -> Callable[[Callable[..., Any]], LifeboatCommand]:
    """Make a function into a command; its first argument is the ``Run``, its result the exit status."""

    def make(function: Callable[..., Any]) -> LifeboatCommand:
        return click.command(name, cls=LifeboatCommand, examples=examples)(click.pass_obj(function))

    return make


def common_options() -> list[click.Parameter]:
    """What may be said before or after any command's name."""

    def remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
        run = ctx.find_object(Run)
        if value and run is not None and param.name:
            setattr(run, param.name, value)

    return [
        click.Option(
            ["--json"],
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=remember,
            help="Print one JSON object, and ask nothing.",
        ),
        click.Option(
            ["-q", "--quiet"],
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=remember,
            help="Print warnings and errors only.",
        ),
        click.Option(
            ["--replica"],
            metavar="NAME",
            expose_value=False,
            is_eager=True,
            callback=remember,
            help="Work on this second copy instead of the repository.",
        ),
        click.Option(
            ["--config"],
            type=click.Path(path_type=Path),
            metavar="FILE",
            expose_value=False,
            is_eager=True,
            callback=remember,
            help="Settings file; else LIFEBOAT_CONFIG, ./lifeboat.toml, /etc/lifeboat/lifeboat.toml.",
        ),
    ]
