"""The jobs that several processes share, for AWS Batch: the settings of this folder as files, printed or written, never applied."""

from pathlib import Path

from lifeboat.app.schedule_install import ScheduleRefused
from lifeboat.app.schedule_kubernetes import IMAGE, ClusterPlan, secrets_of, variables_of
from lifeboat.app.settings import S3Location, Settings
from lifeboat.app.variables import SETTINGS_FILE
from lifeboat.foundation.value import Value
from lifeboat.services.schedule.batch import Array, array_jobs, how_to_begin
from lifeboat.services.schedule.jobs import plan_shared_jobs


class ArrayRequest(Value):
    """See ``Array``. Args: state, uploads: Ids of EFS file systems."""

    shards: int
    queue: str
    job_role: str
    execution_role: str
    state: str
    uploads: str | None = None
    image: str = IMAGE
    secret: str = "lifeboat"


def plan_array(settings: Settings, folder: Path, request: ArrayRequest) -> ClusterPlan:
    """Write the settings down for AWS Batch; raises ``ScheduleRefused``."""
    place = settings.need_repository()
    if not isinstance(place, S3Location):
        raise ScheduleRefused(
            "a repository in a folder of this machine cannot be reached from AWS Batch",
            "set LIFEBOAT_REPOSITORY=s3://bucket/prefix",
        )
    if settings.files.paths and not request.uploads:
        raise ScheduleRefused(
            "the uploads lie in a folder of this machine",
            "name the EFS file system they lie on: --uploads-efs ID; or leave them to another machine, without UPLOADS_DIR here",
        )
    files_seconds = settings.objectives.files_seconds if settings.files.paths else None
    jobs = plan_shared_jobs(files_seconds, can_read=settings.key is not None)
    if not jobs:
        raise ScheduleRefused(
            "there is nothing here that several processes could do together",
            "uploads are backed up, and with the key everything is verified: set UPLOADS_DIR or BACKUP_ENCRYPTION_KEY",
        )
    array = Array(
        name=folder.name,
        image=request.image,
        shards=request.shards,
        jobs=tuple(jobs),
        secret=request.secret,
        # The database is not shared out, and a role is better than keys.
        secrets=tuple(one for one in secrets_of(settings) if one == "BACKUP_ENCRYPTION_KEY"),
        variables=variables_of(settings, place, folder),
        has_settings=(folder / SETTINGS_FILE).exists(),
        queue=request.queue,
        job_role=request.job_role,
        execution_role=request.execution_role,
        state_file_system=request.state,
        uploads_file_system=request.uploads,
    )
    return ClusterPlan(array_jobs(array), how_to_begin(array), {job.name: job.cron for job in jobs})
