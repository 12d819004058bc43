"""``lifeboat report``: documents for people, made from what is really there: the recovery plan, evidence, drills.

Each kind is a file in ``cli/report_commands``, named in ``KINDS``.
"""

import importlib

import click

from lifeboat.cli.command import common_options

KINDS = {
    "plan": "the recovery plan of this installation, to be printed before it is needed",
    "drill": "one drill as a page that prints, and whether a copy of it was changed",
    "compliance": "evidence for an auditor, article by article, as a signed bundle",
}
EXAMPLES = (
    ("lifeboat report plan", "write or renew recovery-plan.md and recovery-plan.html"),
    ("lifeboat report plan --check", "is the plan that people hold still true?"),
)


class ReportGroup(click.Group):
    """``lifeboat report KIND``; each is imported when it is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(KINDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in KINDS:
            return None
        found: click.Command = importlib.import_module(f"lifeboat.cli.report_commands.{cmd_name}").command
        found.short_help = KINDS[cmd_name]
        return found

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Examples"):
            for typed, why in EXAMPLES:
                formatter.write(f"  {typed}\n      {why}\n")


@click.group("report", cls=ReportGroup, params=common_options(), no_args_is_help=False, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Documents for people, made from what is really there."""
    if ctx.invoked_subcommand is None:
        raise click.UsageError(f"say which report: {', '.join(KINDS)}", ctx)
