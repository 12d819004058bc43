"""``lifeboat schedule batch``: the jobs that several processes share, as files for AWS Batch."""

from pathlib import Path
from typing import Any

import click

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run

EXAMPLE = "schedule batch --shards 16 --to batch --image IMAGE --queue QUEUE --job-role ARN --execution-role ARN --state-efs fs-1 --uploads-efs fs-2"


@lifeboat_command("batch", examples=((EXAMPLE, "definitions of array jobs, for aws batch register-job-definition"),))
@click.option(
    "--shards", type=click.IntRange(2, 10_000), required=True, metavar="N", help="How many processes share each."
)
@click.option("--to", type=click.Path(path_type=Path), metavar="FOLDER", help="Write the files there; else print them.")
@click.option("--image", metavar="IMAGE", help="Holds the command lifeboat.")
@click.option("--queue", required=True, metavar="NAME", help="The job queue.")
@click.option("--job-role", required=True, metavar="ARN", help="What the jobs may: read and write the bucket.")
@click.option("--execution-role", required=True, metavar="ARN", help="What starts them may: read image and secrets.")
@click.option(
    "--state-efs", "state", required=True, metavar="ID", help="The EFS file system for the state, which all share."
)
@click.option("--uploads-efs", "uploads", metavar="ID", help="The one with the uploads, mounted read only.")
@click.option("--secret", default="lifeboat", metavar="PATH", help="Where in the Parameter Store the variables lie.")
def batch(run: Run, to: Path | None, **said: Any) -> ExitStatus:
    """Write the jobs that several processes share as array jobs of AWS Batch: the backup of the files, a verification of everything.

    Nothing is applied; what to type is said at the end. The number of each process, and a name for each run, are Batch's own.
    """
    from lifeboat.app.schedule_batch import ArrayRequest, plan_array
    from lifeboat.app.schedule_kubernetes import write_cluster

    plan = plan_array(
        run.settings(), run.folder, ArrayRequest(**{key: one for key, one in said.items() if one is not None})
    )
    if to is None:
        if run.json:
            run.show(plan, list)
        else:
            run.write(run.out, "".join(f"{name}:\n{content}" for name, content in plan.files.items()))
    else:
        written = write_cluster(plan, run.folder / to)
        run.show({"files": written, "before": plan.before}, lambda: [f"written: {one}" for one in written])
    run.say(f"then, with your own files and names:\n{plan.before}")
    return ExitStatus.DONE
