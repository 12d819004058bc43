"""The options by which one command is shared out to several processes, the same for each command that can be."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from lifeboat.operations.shards import ShardDone, Sharing

RUN_NAME = "LIFEBOAT_SHARD_RUN"
NUMBERS = ("JOB_COMPLETION_INDEX", "AWS_BATCH_JOB_ARRAY_INDEX")
"""Where Kubernetes and AWS Batch tell a process its number."""
BATCH_JOB = "AWS_BATCH_JOB_ID"
_Command = TypeVar("_Command", bound=Callable[..., Any])


def shard_options(command: _Command) -> _Command:
    """Adds ``shard``, ``shard_run`` and ``shard_wait``, all ``str | None``; ``read_sharing`` makes one thing of them."""
    wait = "How long the last shard waits for the others: 30min, 6h. Else an hour."
    run = f"What all shards of this run are called together; else {RUN_NAME}. Another one for the next run."
    shard = (
        "Do one part of N, 0/N to N-1/N, in a process each, with one state folder for all; the last one finishes. "
        "auto/N: the number that Kubernetes or AWS Batch gives."
    )
    for option in (
        click.option("--shard-wait", metavar="DURATION", help=wait),
        click.option("--shard-run", metavar="NAME", help=run),
        click.option("--shard", metavar="I/N", help=shard),
    ):
        command = option(command)
    return command


def read_sharing(
    shard: str | None, shard_run: str | None, shard_wait: str | None, environment: Mapping[str, str]
) -> "Sharing | None":
    """What was asked for; None: one process does all. Raises ``ShardRefused``."""
    if shard is None:
        if shard_run or shard_wait:
            raise click.UsageError(
                "--shard-run and --shard-wait are said with --shard: which part is this process to do?"
            )
        return None
    from lifeboat.operations.shards import WAIT_SECONDS, Shard, Sharing

    seconds = WAIT_SECONDS if shard_wait is None else _seconds(shard_wait)
    # The array's own id is the same for all of its children, and for a child that is tried again.
    batch = environment.get(BATCH_JOB, "").partition(":")[0] if shard.startswith("auto/") else ""
    if numbered(shard, environment).startswith("auto/"):
        raise click.UsageError(f"no engine tells a number here, in {' or '.join(NUMBERS)}: say it, as --shard 0/4")
    return Sharing(Shard.read(numbered(shard, environment), shard_run or environment.get(RUN_NAME) or batch), seconds)


def numbered(shard: str, environment: Mapping[str, str]) -> str:
    """``auto/4`` with the number in its place, where one is told."""
    first, separator, of = shard.partition("/")
    number = next((environment[name] for name in NUMBERS if environment.get(name)), first)
    return f"{number}{separator}{of}" if first == "auto" else shard


def say_done(done: "ShardDone") -> list[str]:
    """The line of a shard that does not gather."""
    again = ", as it was before" if done.was_done else ""
    return [f"shard {done.shard} of {done.of} is done{again}: {done.did}; {done.next}"]


def _seconds(text: str) -> float:
    from lifeboat.app.settings_tables import read_span

    try:
        return float(str(read_span(text)))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--shard-wait") from None
