"""The schedule of one application for a cluster: the settings of this folder as Kubernetes objects, printed or written, never applied.

Invariant: what is a secret here is named there; the objects hold none.
"""

from pathlib import Path

from lifeboat import __version__
from lifeboat.app.schedule_install import ScheduleRefused
from lifeboat.app.settings import S3Location, Settings
from lifeboat.app.variables import SETTINGS_FILE
from lifeboat.foundation.value import Value
from lifeboat.services.schedule.jobs import plan_jobs, plan_shared_jobs
from lifeboat.services.schedule.kubernetes import Cluster, how_to_make_the_secret, manifests, name_of

IMAGE = f"registry.example.com/lifeboat:{__version__}"


class ClusterRequest(Value):
    """Args: uploads_claim: The PersistentVolumeClaim with the application's uploads."""

    image: str = IMAGE
    namespace: str = "default"
    secret: str = "lifeboat"
    uploads_claim: str | None = None
    stream: bool = False
    shards: int = 0
    """In how many pods files are backed up and everything is verified; 0: in one, as everything else."""


class ClusterPlan(Value):
    """Args: files: Name to content. before: What to type first; fill in the files it names."""

    files: dict[str, str]
    before: str
    jobs: dict[str, str]


def plan_cluster(settings: Settings, folder: Path, request: ClusterRequest) -> ClusterPlan:
    """Write the settings down for a cluster; raises ``ScheduleRefused``."""
    place = settings.need_repository()
    if not isinstance(place, S3Location):
        raise ScheduleRefused(
            "a repository in a folder of this machine cannot be reached from a cluster",
            "set LIFEBOAT_REPOSITORY=s3://bucket/prefix",
        )
    if settings.files.paths and not request.uploads_claim:
        raise ScheduleRefused(
            "the uploads lie in a folder of this machine",
            "name the volume they lie on in the cluster: --uploads-claim NAME; or leave them to another machine, without UPLOADS_DIR here",
        )
    if request.stream:
        settings.need_mongodb()
    files_seconds = settings.objectives.files_seconds if settings.files.paths else None
    shared = plan_shared_jobs(files_seconds, can_read=settings.key is not None) if request.shards else []
    cluster = Cluster(
        name=folder.name,
        image=request.image,
        namespace=request.namespace,
        secret=request.secret,
        secrets=secrets_of(settings),
        variables=variables_of(settings, place, folder),
        settings=_settings_file(folder),
        zone=settings.serve.timezone or "Etc/UTC",
        jobs=tuple(
            plan_jobs(
                settings.objectives.db_seconds if settings.mongodb.uri else None,
                files_seconds,
                can_prune=settings.key is not None,
                has_replicas=bool(settings.replicas),
                files_are_shared=bool(shared) and files_seconds is not None,
                has_config=bool(settings.config.paths),
            )
        ),
        stream=request.stream,
        uploads_claim=request.uploads_claim,
        shards=request.shards,
        shared=tuple(shared),
    )
    times = [*((job.name, job.cron) for job in cluster.jobs), *((job.name, job.cron) for job in cluster.shared)]
    return ClusterPlan(
        manifests(cluster),
        how_to_make_the_secret(cluster),
        {name: f"{cron} {cluster.zone}" for name, cron in times},
    )


def write_cluster(plan: ClusterPlan, folder: Path) -> list[str]:
    """Write the files; returns their paths."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in plan.files.items():
            (folder / name).write_text(content, encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ScheduleRefused(f"{folder} cannot be written: {reason}", "is the folder after --to yours?") from None
    return [str(folder / name) for name in plan.files]


def secrets_of(settings: Settings) -> tuple[str, ...]:
    said = {
        "MONGODB_URI": settings.mongodb.uri,
        "BACKUP_ENCRYPTION_KEY": settings.key,
        "AWS_ACCESS_KEY_ID": settings.repository.access_key_id,
        "AWS_SECRET_ACCESS_KEY": settings.repository.secret_access_key,
        "AWS_SESSION_TOKEN": settings.repository.session_token,
    }
    return tuple(name for name, one in said.items() if one is not None)


def variables_of(settings: Settings, place: S3Location, folder: Path) -> dict[str, str]:
    said = {
        "LIFEBOAT_REPOSITORY": str(place),
        "AWS_REGION": settings.repository.region,
        "AWS_ENDPOINT_URL": settings.repository.endpoint_url,
        # Every pod has a host name of its own: without a label each run would be another machine's.
        "LIFEBOAT_LABEL": settings.repository.label or name_of(folder.name).removeprefix("lifeboat-"),
    }
    return {name: text for name, text in said.items() if text}


def _settings_file(folder: Path) -> str:
    try:
        return (folder / SETTINGS_FILE).read_text(encoding="utf-8")
    except OSError:
        return ""
