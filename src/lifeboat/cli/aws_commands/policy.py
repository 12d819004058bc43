"""``lifeboat aws policy``: the rights each machine needs, as text to paste. It asks AWS nothing and changes nothing there."""

import json
from typing import TYPE_CHECKING

import click

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run

if TYPE_CHECKING:
    from lifeboat.app.settings import S3Location


@lifeboat_command(
    "policy",
    examples=(
        ("aws policy simple", "one machine that does everything"),
        ("aws policy writer", "this machine, which backs up and can neither read nor delete"),
        ("aws policy writer shop-2", "another writer, by the name of `lifeboat writer list`"),
        ("aws policy keeper", "the machine with the key, which reads everything and deletes nothing"),
        ("aws policy custodian", "the machine that prunes"),
        ("aws policy admin", "for who sets up bucket, rights and alarms; no rights to what is stored"),
        ("aws policy bucket", "for the bucket itself: no object is ever replaced"),
        (
            "aws policy bucket --custodian arn:aws:iam::123456789012:user/ci",
            "the same, and nobody but this custodian deletes",
        ),
    ),
)
@click.argument("role", type=click.Choice(["simple", "writer", "keeper", "custodian", "admin", "bucket"]))
@click.argument("name", required=False)
@click.option(
    "--custodian",
    "custodians",
    metavar="ARN",
    multiple=True,
    help="With bucket: the user or role that alone may delete, else as in the settings. May be given several times.",
)
def command(run: Run, role: str, name: str | None, custodians: tuple[str, ...]) -> ExitStatus:
    """Print the least rights that a machine of this role needs in the bucket of the settings, as JSON for IAM.

    `bucket` is for the bucket's own policy. Turn on versioning there as well: then what a stolen machine hides can be
    brought back. With `object_lock` in the settings the policies say what that needs.
    """
    from lifeboat.app.aws_place import place_of
    from lifeboat.app.settings import S3Location
    from lifeboat.cloud.policies import ADMIN, BUCKET, admin_policy, bucket_policy, role_policy
    from lifeboat.repository.roles import Role

    if name and role != Role.WRITER:
        raise click.UsageError(f"a NAME goes with the role writer; there is one policy for every {role}")
    if custodians and role != BUCKET:
        raise click.UsageError(
            "--custodian goes with bucket: it is the bucket's own policy that lets nobody else delete"
        )
    if strange := [one for one in custodians if not one.startswith("arn:aws:iam::")]:
        raise click.UsageError(f"{strange[0]} is no ARN of a user or role: arn:aws:iam::ACCOUNT:user/NAME")
    location = run.settings().need_repository()
    if not isinstance(location, S3Location):
        raise click.UsageError(f"the repository {location} is a folder: policies are for s3://bucket/prefix")
    place = place_of(run.settings(), location)
    if role == BUCKET:
        policy = bucket_policy(place, custodians or run.settings().aws.custodians)
    elif role == ADMIN:
        policy = admin_policy(place)
    else:
        policy = role_policy(Role(role), place, _writer(run, location, name) if role == Role.WRITER else "")
    run.write(run.out, json.dumps(policy, indent=2) + "\n")
    return ExitStatus.DONE


def _writer(run: Run, location: "S3Location", name: str | None) -> str:
    """The id of the writer meant: by name, else of this machine."""
    from lifeboat.repository.errors import WriterMissing

    with run.lifeboat() as lifeboat:
        if name is None:
            found = [lifeboat.own_writer()]
        else:
            found = [one.id for one in lifeboat.writers() if one.kind == "writer" and name in (one.name, one.id)]
    if not found or found[-1] is None:
        raise WriterMissing(
            f"no writer is called {name}" if name else f"this machine is no writer of the repository at {location}",
            "name one that `lifeboat writer list` shows: `lifeboat aws policy writer NAME`",
        )
    return found[-1]
