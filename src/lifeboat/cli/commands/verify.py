"""``lifeboat verify``: prove that what is stored is whole."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run
from lifeboat.cli.shard_options import read_sharing, say_done, shard_options
from lifeboat.foundation.finding import any_problem

if TYPE_CHECKING:
    from rich.console import RenderableType

    from lifeboat.operations.reports.checks import VerifyReport
    from lifeboat.operations.shards import Sharing


@lifeboat_command(
    "verify",
    examples=(
        ("verify", "is everything there that something names?"),
        ("verify --level full --max-minutes 20", "as for every night: goes on where the last one stopped"),
        ("verify --level sample --max-bytes 10GB", "a twentieth of it, but never more than 10 GB"),
        ("verify --level full", "every chunk, as after moving a repository"),
        (
            "verify --level full --shard 0/4 --shard-run november",
            "a quarter of it; 1/4, 2/4 and 3/4 beside it or elsewhere",
        ),
        ("verify --level full --no-key", "every object against the hash in its name, nothing opened"),
    ),
)
@click.option(
    "--level",
    type=click.Choice(["age", "structure", "sample", "full"]),
    default="structure",
    metavar="LEVEL",
    show_default=True,
    help="How deep to look; each level includes those before it.",
)
@click.option(
    "--percent",
    type=click.FloatRange(0, 100, min_open=True),
    default=5.0,
    show_default="5",
    metavar="NUMBER",
    help="How much of it --level sample reads.",
)
@click.option("--max-bytes", metavar="SIZE", help="Stop after reading this much: 500MB, 10GB, 1.5GiB.")
@click.option(
    "--max-minutes",
    type=click.FloatRange(0, min_open=True),
    metavar="NUMBER",
    help="Stop after this long.",
)
@click.option("--no-key", is_flag=True, help="Open nothing, even if the key is here: hashes against names.")
@shard_options
def command(
    run: Run,
    level: str,
    percent: float,
    max_bytes: str | None,
    max_minutes: float | None,
    no_key: bool,
    shard: str | None,
    shard_run: str | None,
    shard_wait: str | None,
) -> ExitStatus:
    """Prove that what is stored is whole.

    \b
    age        is the newest snapshot of each source young enough?
    structure  is every object there that something names?
    sample     a share of the packs is read, opened with the key and identified
    full       every pack is, and every other object

    What was checked longest ago is read first, what was never checked before that: a run that a limit stops, or that is
    killed, is gone on with by the next. A snapshot of which everything was opened is proved: `status` shows it.

    With --shard several processes share the reading; the last one waits for the others and makes the one report.

    Exit status 3: something is damaged, missing or too old; the report names the snapshots, collections and files it
    hurts.
    """
    bytes_at_most = _bytes(max_bytes)
    if (max_bytes or max_minutes) and level not in ("sample", "full"):
        raise click.UsageError(
            f"--max-bytes and --max-minutes bound what is read, and --level {level} reads no packs: say --level full"
        )
    if shard and (max_bytes or max_minutes or level not in ("sample", "full")):
        raise click.UsageError(
            "--shard shares out what --level sample or full reads, whole: leave out limits, or --shard"
        )
    sharing = read_sharing(shard, shard_run, shard_wait, run.environment)
    run.when_stopped = "the verification is not finished; the next one goes on from here"
    if sharing is not None:
        return _shared(run, level, percent, not no_key, sharing)
    with run.lifeboat() as lifeboat:
        report = lifeboat.verify(
            level,
            sample_percent=percent,
            max_bytes=bytes_at_most,
            max_seconds=None if max_minutes is None else max_minutes * 60,
            with_key=not no_key,
        )
    run.show(report, lambda: _drawn(report))
    return ExitStatus.FINDINGS if any_problem(report.findings) else ExitStatus.DONE


def _shared(run: Run, level: str, percent: float, with_key: bool, sharing: "Sharing") -> ExitStatus:
    from lifeboat.operations.shards import ShardDone

    with run.lifeboat() as lifeboat:
        report = lifeboat.verify_shared(level, sharing, sample_percent=percent, with_key=with_key)
    if isinstance(report, ShardDone):
        done = report
        run.show(done, lambda: say_done(done))
        return ExitStatus.DONE
    whole = report
    run.show(whole, lambda: _drawn(whole))
    return ExitStatus.FINDINGS if any_problem(whole.findings) else ExitStatus.DONE


def _drawn(report: "VerifyReport") -> "Sequence[RenderableType]":
    """Loads what draws where somebody looks: the run of a timer does without, and is the sooner done."""
    from lifeboat.cli.show.verify import draw_verified

    return draw_verified(report)


def _bytes(text: str | None) -> int | None:
    from lifeboat.foundation.sizes import read_bytes

    try:
        return None if text is None else read_bytes(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--max-bytes") from None
