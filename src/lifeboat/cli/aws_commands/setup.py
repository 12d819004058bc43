"""``lifeboat aws setup``: the bucket as the settings want it."""

from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import click

from lifeboat.cli.arranging import apply_steps, plan_steps
from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run


class PeopleWords(NamedTuple):
    """What was typed behind ``--iam``."""

    kind: Literal["user", "role"]
    trust: str
    only: tuple[str, ...]
    keys: Path | None


@lifeboat_command(
    "setup",
    examples=(
        ("aws setup --dry-run", "what would be made and changed, and why; changes nothing"),
        ("aws setup", "the same, then a question, then do it"),
        ("aws setup --yes", "without a question, as from a script; a second time it changes nothing"),
        ("aws setup --iam --dry-run", "which users each machine would get, with which rights"),
        ("aws setup --iam --keys keys", "make them, and write an access key for each into the folder keys"),
        (
            "aws setup --iam --as role --trust ec2.amazonaws.com --only writer",
            "a role for application servers that run at AWS",
        ),
    ),
)
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be changed and why; change nothing.")
@click.option("-y", "--yes", is_flag=True, help="Ask nothing.")
@click.option(
    "--explain", is_flag=True, help="Say of every step what it is for, not only where something is to be done."
)
@click.option("--iam", is_flag=True, help="In place of the bucket: users or roles of IAM, one for each machine.")
@click.option(
    "--as", "kind", type=click.Choice(["user", "role"]), help="With --iam: users (for machines outside AWS), or roles."
)
@click.option("--trust", metavar="WHO", help="Who takes the roles on: an ARN, or a service such as ec2.amazonaws.com.")
@click.option(
    "--only",
    type=click.Choice(["simple", "writer", "keeper", "custodian"]),
    multiple=True,
    help="With --iam: this role alone. May be given several times.",
)
@click.option(
    "--keys",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="With --iam: make access keys for users that have none, one file for each.",
)
def command(
    run: Run,
    dry_run: bool,
    yes: bool,
    explain: bool,
    iam: bool,
    kind: Literal["user", "role"] | None,
    trust: str | None,
    only: tuple[str, ...],
    keys: Path | None,
) -> ExitStatus:
    """Make the bucket of the settings, or bring it in order: what is as wanted already is left alone.

    Versions, encryption, no public access, a policy of its own, an access log in a second bucket, Object Lock, tags, as [aws] in
    lifeboat.toml says. Tags, statements and rules of others stay. `lifeboat aws policy admin` prints the rights it needs.

    With --iam: for each machine of the repository's profile a user or role named lifeboat-..., with one policy that says what its role
    needs. Rights that somebody gave it besides are named. A key is written to a file that only you can read, and shown nowhere.

    Exit status 3: something could not be changed, such as for a missing right, which is named.
    """
    from lifeboat.app.aws_bucket import need_bucket, setup_steps

    settings = run.settings()
    if iam:
        return _people(
            run, PeopleWords(kind or "user", trust or "", only, keys), dry_run=dry_run, yes=yes, explain=explain
        )
    if kind or trust or only or keys:
        raise click.UsageError("--as, --trust, --only and --keys go with --iam")
    subject = f"the bucket {need_bucket(settings).bucket}"

    steps = partial(setup_steps, settings, run.clock)
    if dry_run:
        return plan_steps(run, steps, subject, "lifeboat aws setup", explain=explain)
    return apply_steps(run, steps, subject, "lifeboat aws check", yes=yes, explain=explain)


def _people(run: Run, words: PeopleWords, *, dry_run: bool, yes: bool, explain: bool) -> ExitStatus:
    from lifeboat.app.aws_bucket import need_bucket
    from lifeboat.app.aws_people import PeopleRequest, iam_steps
    from lifeboat.repository.roles import Role

    if words.kind == "role" and words.keys:
        raise click.UsageError("--keys goes with users: a role has no keys of its own")
    if words.kind == "user" and words.trust:
        raise click.UsageError("--trust goes with --as role: it says who takes the role on")
    settings = run.settings()
    subject = f"users and roles for {need_bucket(settings).bucket}"
    keys = None if words.keys is None else run.folder / words.keys.expanduser()
    request = PeopleRequest(words.kind, words.trust, tuple(map(Role, words.only)), keys)
    steps = partial(iam_steps, settings, run.clock, request)
    if dry_run:
        return plan_steps(run, steps, subject, "lifeboat aws setup --iam", explain=explain)
    return apply_steps(run, steps, subject, "lifeboat aws setup --iam --dry-run", yes=yes, explain=explain)
