"""The jobs that several processes share, for AWS Batch: of each a job definition, and the array job that is submitted from it.

Invariant: no secret is in them: each is named as a parameter of the Parameter Store, and made by whoever may.

Source: https://docs.aws.amazon.com/batch/latest/APIReference/API_RegisterJobDefinition.html
"""

import json
from collections.abc import Mapping
from typing import Any

from lifeboat.foundation.value import Value
from lifeboat.services.schedule.jobs import DAY, SharedJob
from lifeboat.services.schedule.kubernetes import (
    FOUND_SOMETHING,
    NEVER_BETTER,
    NOBODY,
    STATE,
    TEMPORARY,
    UPLOADS,
    WAIT,
    name_of,
)

ATTEMPTS = 7
"""Of each shard; Batch takes ten at most."""


class Array(Value):
    """Args:
    name: Of the application, such as ``shop``.
    secret: Path in the Parameter Store under which the variables named in ``secrets`` lie.
    variables: Those that are no secret.
    has_settings: There is a ``lifeboat.toml``, which lies in the state folder.
    queue: To which the jobs are submitted.
    job_role, execution_role: What Lifeboat may; and what Batch may for it: read the image and the secrets. ARNs.
    state_file_system, uploads_file_system: Ids of EFS file systems; None for no uploads.
    """

    name: str
    image: str
    shards: int
    jobs: tuple[SharedJob, ...]
    secret: str
    secrets: tuple[str, ...]
    variables: Mapping[str, str]
    has_settings: bool
    queue: str
    job_role: str
    execution_role: str
    state_file_system: str
    uploads_file_system: str | None


def array_jobs(array: Array) -> dict[str, str]:
    """Name of the file to its content; each is what ``aws batch ... --cli-input-json`` takes."""
    files: dict[str, Any] = {}
    for job in array.jobs:
        name = f"{name_of(array.name)}-{job.name}"
        files[f"{name}.definition.json"] = _definition(array, job, name)
        files[f"{name}.submit.json"] = {
            "jobName": name,
            "jobQueue": array.queue,
            "jobDefinition": name,
            "arrayProperties": {"size": array.shards},
        }
    return {name: json.dumps(content, indent=2) + "\n" for name, content in files.items()}


def how_to_begin(array: Array) -> str:
    """The commands: secrets once, then the definitions, then each run."""
    lines = [
        f"aws ssm put-parameter --type SecureString --name {_parameter(array, name)} --value file://FILE-WITH-{name.replace('_', '-')}"
        for name in array.secrets
    ]
    for job in array.jobs:
        name = f"{name_of(array.name)}-{job.name}"
        lines.append(f"aws batch register-job-definition --cli-input-json file://{name}.definition.json")
        lines.append(
            f"aws batch submit-job --cli-input-json file://{name}.submit.json   # {job.title}; as cron: {job.cron}"
        )
    if array.has_settings:
        lines.insert(0, f"cp lifeboat.toml INTO-THE-ROOT-OF-{array.state_file_system}/")
    return "\n".join(lines)


def _definition(array: Array, job: SharedJob, name: str) -> dict[str, Any]:
    volumes, mounts = _volumes(array)
    return {
        "jobDefinitionName": name,
        "type": "container",
        "platformCapabilities": ["FARGATE"],
        "containerProperties": {
            "image": array.image,
            # Batch puts no variables into a command: `auto` reads the number from the one that it sets.
            "command": [*job.arguments, "--shard", f"auto/{array.shards}", "--shard-wait", WAIT],
            "jobRoleArn": array.job_role,
            "executionRoleArn": array.execution_role,
            "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "2048"}],
            "environment": [{"name": key, "value": text} for key, text in sorted(_environment(array).items())],
            "secrets": [{"name": one, "valueFrom": _parameter(array, one)} for one in array.secrets],
            "volumes": volumes,
            "mountPoints": mounts,
            "user": str(NOBODY),
            "readonlyRootFilesystem": True,
            "fargatePlatformConfiguration": {"platformVersion": "1.4.0"},
        },
        "retryStrategy": {"attempts": ATTEMPTS, "evaluateOnExit": _on_exit()},
        "timeout": {"attemptDurationSeconds": 7 * DAY},
    }


def _on_exit() -> list[dict[str, str]]:
    """What another try would not change is not tried again; all else is, such as a machine that was taken away."""
    ends = [{"onExitCode": str(code), "action": "EXIT"} for code in (*FOUND_SOMETHING, *NEVER_BETTER)]
    return [*ends, {"onReason": "*", "action": "RETRY"}]


def _environment(array: Array) -> dict[str, str]:
    own = {"LIFEBOAT_STATE": STATE, "HOME": STATE}
    if array.uploads_file_system:
        own["UPLOADS_DIR"] = UPLOADS
    if array.has_settings:
        own["LIFEBOAT_CONFIG"] = f"{STATE}/lifeboat.toml"
    return {**array.variables, **own}


def _volumes(array: Array) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    volumes: list[dict[str, Any]] = [_efs("state", array.state_file_system), {"name": "tmp", "host": {}}]
    mounts: list[dict[str, Any]] = [
        {"sourceVolume": "state", "containerPath": STATE, "readOnly": False},
        {"sourceVolume": "tmp", "containerPath": TEMPORARY, "readOnly": False},
    ]
    if array.uploads_file_system:
        volumes.append(_efs("uploads", array.uploads_file_system))
        mounts.append({"sourceVolume": "uploads", "containerPath": UPLOADS, "readOnly": True})
    return volumes, mounts


def _efs(name: str, file_system: str) -> dict[str, Any]:
    return {
        "name": name,
        "efsVolumeConfiguration": {"fileSystemId": file_system, "transitEncryption": "ENABLED"},
    }


def _parameter(array: Array, name: str) -> str:
    return f"/{array.secret.strip('/')}/{name}"
