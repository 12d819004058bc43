"""``lifeboat erase``: somebody was erased, and restores must not bring them back. Each action is a file in ``cli/erase_commands``."""

import importlib

import click

from lifeboat.cli.command import common_options

ACTIONS = {
    "record": "put down who or what was to be erased; every restore leaves it out from then on",
    "list": "all that was recorded",
    "status": "which copies may still hold it, and until when",
    "close": "live is clean: leave copies from now on alone",
    "hold": "a law or a court wants it kept: restores bring it back until it is released",
    "release": "the hold is over",
}
EXAMPLES = (
    (
        "lifeboat erase record --collection shop.users --field email",
        "asks for the value; it is kept as a hash alone",
    ),
    ("lifeboat erase record --collection shop.users --id 65f0a1b2c3d4e5f601234567", "by its id"),
    ("lifeboat erase record --file /srv/uploads/clients/7/", "a folder, and all below it"),
    ("lifeboat erase record --from request.toml", "several collections at once"),
    ("lifeboat erase status 3f2a91c0", "the last copy that may hold it expires on ..."),
)


class EraseGroup(click.Group):
    """``lifeboat erase ACTION``; each is imported when it is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(ACTIONS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in ACTIONS:
            return None
        found: click.Command = importlib.import_module(f"lifeboat.cli.erase_commands.{cmd_name}").command
        found.short_help = ACTIONS[cmd_name]
        return found

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Examples"):
            for typed, why in EXAMPLES:
                formatter.write(f"  {typed}\n      {why}\n")


@click.group("erase", cls=EraseGroup, params=common_options(), no_args_is_help=False, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Somebody was erased: no restore, drill or export of an older copy brings them back.

    It needs a recipient's key: a stolen application host must not be able to have data left out. What is live the
    application erases; what is recorded here is kept sealed, values as keyed hashes alone.
    """
    if ctx.invoked_subcommand is None:
        raise click.UsageError(f"say what is to be done: {', '.join(ACTIONS)}", ctx)
