"""The command ``lifeboat``: the table of commands, and the frame every run happens in.

Limits: importing this imports click and nothing heavier. msgspec, rich, pymongo, boto3 and cryptography come when a
command needs them, so that ``lifeboat --help`` answers at once.
"""

import atexit
import contextlib
import gc
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NamedTuple, NoReturn

import click

from lifeboat import __version__
from lifeboat.cli.command import common_options
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.failures import report_failure
from lifeboat.cli.run import Run, not_taken
from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.standard_output import forget_what_is_unwritten


class Row(NamedTuple):
    """A command as the overview shows it; its code is ``commands/<name>.py``, with ``_`` for ``-``."""

    group: str
    line: str


COMMANDS = {
    "demo": Row("First steps", "see it all on sample data: back up, lose, restore, compare"),
    "init": Row("First steps", "make a repository and its key, and test everything"),
    "keygen": Row("First steps", "make a key, or print the public half of one"),
    "doctor": Row("First steps", "check settings, key, repository, database and rights"),
    "writer": Row("First steps", "let other machines back up, or prune, without the key"),
    "recipient": Row("First steps", "whose keys open everything: a second one, a new one"),
    "backup": Row("Every day", "back up the database, the files, the configuration"),
    "aws": Row("First steps", "the bucket at AWS: set up, check, rights, age rules, alarms"),
    "stream": Row("Every day", "archive every change: any moment can be restored"),
    "serve": Row("Every day", "run all of it by itself: jobs, stream, health, dashboard"),
    "verify": Row("Every day", "prove that what is stored is whole"),
    "schedule": Row("Every day", "have systemd or cron run it, and be told when it fails"),
    "alerts": Row("Every day", "what is wrong now, and whether somebody would hear of it"),
    "dashboard": Row("Every day", "pages that answer: am I safe? and who may see them"),
    "prune": Row("Every day", "let old copies go, by rules; --dry-run says why of each"),
    "carry-forward": Row("Every day", "a new month need not be sent anew: the store copies it"),
    "replicate": Row("Every day", "a second copy elsewhere, byte for byte"),
    "status": Row("Look", "am I safe? the age of the newest copy against what may be lost"),
    "metrics": Row("Look", "how everything stands, for Prometheus and Grafana"),
    "cost": Row("Look", "what the copies cost, now and for seven years; what if?"),
    "timeline": Row("Look", "which moments can be restored; --suspects: what was dropped"),
    "snapshots": Row("Look", "list what is stored, and look inside"),
    "audit": Row("Look", "who did what, and whether that record is whole"),
    "report": Row("Look", "documents for people: the recovery plan, evidence, drills"),
    "diff": Row("Look", "documents that differ between two instants, or from what is live"),
    "export": Row("Look", "write a snapshot as a mongodump archive or a tar: you can leave"),
    "import": Row("Look", "take in what mongodump wrote, as a snapshot"),
    "erase": Row("Look", "somebody was erased: no restore brings them back"),
    "shred": Row("Look", "destroy the keys of a month: nobody opens it again"),
    "emergency": Row("On the bad day", "data is lost: questions, what is known, one proposal"),
    "retrieve": Row("On the bad day", "from Glacier or Deep Archive: time and cost first"),
    "restore": Row("On the bad day", "bring it back: beside the live data, or over it"),
    "drill": Row("Before the bad day", "restore for practice: does it come back, and how fast?"),
}

EXAMPLES = (
    ("lifeboat demo", "try it; nothing of yours is touched"),
    ("lifeboat init", "four questions, the first backup, and the next ones by themselves"),
    ("lifeboat restore db latest --to shop_copy", "bring the newest copy back, beside the live data"),
)

HELP_END = """\
Settings come from the environment, .env and lifeboat.toml: MONGODB_URI,
UPLOADS_DIR, S3_BACKUP_BUCKET or LIFEBOAT_REPOSITORY (s3://bucket/prefix or a
folder), BACKUP_ENCRYPTION_KEY, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
AWS_REGION.

Exit status: 0 done, 3 a check found a problem, 4 the backup lacks something,
5 asked for from an archive class: come back later; with an error its family:
2 usage, 10 settings, 11 key, 12 storage, 13 database or files, 14 damaged,
15 target refused, 130 stopped.

`lifeboat COMMAND --help` explains a command.
"""


class Overview(click.Group):
    """The group of all commands; each is imported when it is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = importlib.import_module(f"lifeboat.cli.commands.{cmd_name.replace('-', '_')}").command
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, 1)
            question = f"did you mean `lifeboat {near[0]}`? " if near else ""
            error = click.UsageError(f"there is no command {args[0]!r}", ctx)
            error.hint = f"{question}`lifeboat --help` lists all commands"  # type: ignore[attr-defined]
            raise error
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write("Lifeboat: backup and disaster recovery for a MongoDB application and its files\n\n")
        formatter.write("Usage: lifeboat [--json] [--quiet] [--config FILE] COMMAND ...\n")
        for group in dict.fromkeys(row.group for row in COMMANDS.values()):
            formatter.write(f"\n{group}\n")
            for name, row in COMMANDS.items():
                if row.group == group:
                    formatter.write(f"  {name:<13} {row.line}\n")
        formatter.write("\nExamples\n")
        for typed, why in EXAMPLES:
            formatter.write(f"  {typed}\n      {why}\n")
        formatter.write(f"\n{HELP_END}")


overview = Overview(
    "lifeboat",
    params=common_options(),
    no_args_is_help=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
click.version_option(__version__, prog_name="lifeboat", message="%(prog)s %(version)s")(overview)


@click.pass_context
def _nothing_asked(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        # Not status 0: `lifeboat $COMMAND` with an empty variable must not look like a backup that was taken.
        click.echo(ctx.get_help(), err=True)
        ctx.exit(ExitStatus.USAGE)


overview.callback = _nothing_asked


class Stopped(KeyboardInterrupt):
    """A signal asked the process to end; the way out is the same as after Ctrl-C."""


def carry_out(run: Run, arguments: Sequence[str]) -> ExitStatus:
    """Do what the arguments say; every end, good or bad, is an exit status."""
    # Known before the arguments are parsed, so that even a mistake in them is answered in the form asked for.
    run.json = "--json" in arguments
    run.arguments = tuple(arguments)
    status = _carry_out(run, arguments)
    run.end(int(status))
    return status


def _carry_out(run: Run, arguments: Sequence[str]) -> ExitStatus:
    try:
        status = overview.main(list(arguments), prog_name="lifeboat", standalone_mode=False, obj=run)
    except (Exception, KeyboardInterrupt) as error:
        if isinstance(error, click.Abort) and isinstance(error.__cause__, EOFError):
            error = error.__cause__
        if isinstance(error, OSError) and _is_about_help(error):
            forget_what_is_unwritten(1)
            if isinstance(error, BrokenPipeError):
                return ExitStatus.DONE
            error = not_taken(error)
        return report_failure(run, error, list(arguments))
    return ExitStatus(status or 0)


def _is_about_help(error: OSError) -> bool:
    """Help and version are click's to write."""
    frames = [frame.f_globals.get("__name__") for frame, _ in traceback.walk_tb(error.__traceback__)]
    return frames[-1] == "click.utils"


def main() -> NoReturn:
    """The entry point of the installed command."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _stop)
    # Loading makes a hundred thousand objects that stay; looking for rubbish among them each 700 took a twentieth of a short command's time.
    gc.set_threshold(20_000, 20, 20)
    ended: list[int] = []
    atexit.register(_leave, ended)  # the first to be registered is the last to be called
    ended.append(int(carry_out(Run(os.environ, Path.cwd(), SystemClock()), sys.argv[1:])))
    sys.exit(ended[0])


def _leave(ended: list[int]) -> None:
    """End now, when threads have ended and all who asked for it were called: Python would take every module and object apart (docs/decisions/0313).

    Args:
        ended: The exit status; empty when there is none, and then Python ends as it always does.
    """
    if not ended:
        return
    try:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except (AttributeError, OSError, ValueError):
        return  # what could not be written is Python's to say, with a status of its own
    os._exit(ended[0])


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise Stopped(signal.Signals(number).name)
