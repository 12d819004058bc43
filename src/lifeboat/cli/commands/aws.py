"""``lifeboat aws``: bucket, rights, age rules, alarms and budget at AWS.

Each command is a file in ``cli/aws_commands``, named in ``ACTIONS``.
"""

import importlib

import click

from lifeboat.cli.command import common_options

ACTIONS = {
    "setup": "make the bucket, or bring it in order; --dry-run shows what would change",
    "check": "is the bucket as the settings want it? changes nothing",
    "policy": "the least rights each machine needs, as JSON to paste",
    "alarms": "CloudWatch tells when backups fail, grow old or fall silent",
    "budget": "AWS tells when the month's bill comes near the limit",
    "lifecycle": "age rules that never eat a kept copy: plan, apply, check, simulate",
    "undelete": "bring back what somebody deleted or overwrote in the bucket",
}
EXAMPLES = (
    ("lifeboat aws setup --dry-run", "what the bucket needs, and why"),
    ("lifeboat aws policy writer", "the least rights of a machine that only backs up"),
    ("lifeboat aws lifecycle plan", "age rules that never eat a kept copy, and the proof"),
)


class AwsGroup(click.Group):
    """``lifeboat aws ACTION``; each is imported when it is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(ACTIONS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in ACTIONS:
            return None
        found: click.Command = importlib.import_module(f"lifeboat.cli.aws_commands.{cmd_name}").command
        found.short_help = ACTIONS[cmd_name]
        return found

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Examples"):
            for typed, why in EXAMPLES:
                formatter.write(f"  {typed}\n      {why}\n")


@click.group("aws", cls=AwsGroup, params=common_options(), no_args_is_help=False, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Bucket, rights, age rules, alarms and budget at AWS."""
    if ctx.invoked_subcommand is None:
        raise click.UsageError(f"say what to do: {', '.join(ACTIONS)}", ctx)
