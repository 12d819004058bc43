"""The jobs as Kubernetes objects: for each a CronJob, for the stream a Deployment, and what they share.

Invariant: no secret is in them: each is named (``secretKeyRef``) and made by whoever may. Pods run as nobody, with a root file system that
cannot be written, no capability and no token of the cluster.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/; Pod Security Standards, "restricted".
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from lifeboat.foundation.value import Value
from lifeboat.services.schedule.jobs import DAY, HOUR, MINUTE, Job, SharedJob

MARK = "# Written by `lifeboat schedule install kubernetes`: write it again, and `kubectl apply` it again, when settings change."
NOBODY = 10001
STATE, UPLOADS, TEMPORARY = "/var/lib/lifeboat", "/srv/uploads", "/tmp"
SETTINGS = "/etc/lifeboat"
LONGEST_NAME = 52
"""A CronJob's; Kubernetes appends eleven characters for its Jobs."""
SHORTEST_DEADLINE = 4 * HOUR
TRIES_AGAIN = 6
WAIT = "6h"
"""How long the last shard waits; if the others take longer, it is tried again."""
FOUND_SOMETHING, NEVER_BETTER = (3, 4), (2, 11)
"""Exit statuses: done, with something to act on; and a command line or a key that is wrong."""


class Cluster(Value):
    """Args:
    name: Of the application, such as ``shop``.
    image: Holds the command ``lifeboat``.
    secret: The Secret that has the variables named in ``secrets``.
    variables: Those that are no secret.
    settings: What stands in ``lifeboat.toml``; empty for none.
    uploads_claim: The application's volume of uploads, read only; None when there is none.
    """

    name: str
    image: str
    namespace: str
    secret: str
    secrets: tuple[str, ...]
    variables: Mapping[str, str]
    settings: str
    zone: str
    jobs: tuple[Job, ...]
    stream: bool
    uploads_claim: str | None
    shards: int = 0
    """How many pods do each of ``shared`` together."""
    shared: tuple[SharedJob, ...] = ()


def manifests(cluster: Cluster) -> dict[str, str]:
    """Name of the file to its content."""
    base = name_of(cluster.name)
    files = {f"{base}-state.yaml": _claim(cluster)}
    if cluster.settings:
        files[f"{base}-settings.yaml"] = _settings(cluster)
    for job in cluster.jobs:
        files[f"{base}-{job.name}.yaml"] = _cron_job(cluster, job)
    for shared in cluster.shared:
        files[f"{base}-{shared.name}.yaml"] = shared_cron_job(cluster, shared)
    if cluster.stream:
        files[f"{base}-stream.yaml"] = _stream(cluster)
    return {name: f"{MARK}\n{_yaml(content)}" for name, content in files.items()}


def name_of(application: str) -> str:
    """``lifeboat-shop``, as names of objects may be."""
    plain = re.sub(r"[^a-z0-9]+", "-", application.lower()).strip("-") or "app"
    return f"lifeboat-{plain}"[: LONGEST_NAME - len("-verify-shards")].strip("-")


def how_to_make_the_secret(cluster: Cluster) -> str:
    """The command for it, with values to be filled in by hand."""
    lines = [f"kubectl -n {cluster.namespace} create secret generic {cluster.secret}"]
    lines += [f"--from-file={name}=FILE-WITH-{name.replace('_', '-')}" for name in cluster.secrets]
    return " \\\n    ".join(lines)


def _claim(cluster: Cluster) -> dict[str, Any]:
    modes = ["ReadWriteMany"] if cluster.shared else ["ReadWriteOnce"]
    wanted = {"accessModes": modes, "resources": {"requests": {"storage": "5Gi"}}}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata(cluster, "state"),
        "spec": wanted,
    }


def _settings(cluster: Cluster) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(cluster, "settings"),
        "data": {"lifeboat.toml": cluster.settings},
    }


def _cron_job(cluster: Cluster, job: Job) -> dict[str, Any]:
    runs = {
        "backoffLimit": 2,
        "activeDeadlineSeconds": min(DAY, max(SHORTEST_DEADLINE, job.every_seconds)),
        "ttlSecondsAfterFinished": 3 * DAY,
        "template": pod(cluster, job.name, ["schedule", "run", job.name], restart="Never"),
    }
    return _at_its_times(cluster, job, runs)


def _at_its_times(cluster: Cluster, job: Job | SharedJob, runs: dict[str, Any]) -> dict[str, Any]:
    """Args: runs: The spec of the Job that each time makes."""
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": metadata(cluster, job.name),
        "spec": {
            "schedule": job.cron,
            "timeZone": cluster.zone,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": max(5 * MINUTE, job.every_seconds // 2),
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {"spec": runs},
        },
    }


def shared_cron_job(cluster: Cluster, job: SharedJob) -> dict[str, Any]:
    """An Indexed Job: each pod knows its number, is tried again for itself, and finds what the others left in the state they share."""
    template = pod(
        cluster, job.name, [*job.arguments, "--shard", f"auto/{cluster.shards}", "--shard-wait", WAIT], restart="Never"
    )
    [container] = template["spec"]["containers"]
    # Of one run, and of no other: Kubernetes puts the number of the Job into its name.
    named = {"fieldRef": {"fieldPath": "metadata.labels['batch.kubernetes.io/job-name']"}}
    container["env"].append({"name": "LIFEBOAT_SHARD_RUN", "valueFrom": named})
    template["spec"]["topologySpreadConstraints"] = [
        {
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": labels(cluster, job.name)},
        }
    ]
    runs = {
        "completionMode": "Indexed",
        "completions": cluster.shards,
        "parallelism": cluster.shards,
        "backoffLimitPerIndex": TRIES_AGAIN,
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {"rules": _failure_rules()},
        "activeDeadlineSeconds": 7 * DAY,
        "ttlSecondsAfterFinished": 3 * DAY,
        "template": template,
    }
    return _at_its_times(cluster, job, runs)


def _failure_rules() -> list[dict[str, Any]]:
    """A node that goes away counts for nothing; what another try would not change is not tried again."""

    def ends_with(codes: Sequence[int], action: str) -> dict[str, Any]:
        return {"action": action, "onExitCodes": {"containerName": "lifeboat", "operator": "In", "values": list(codes)}}

    moved = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    return [moved, ends_with(FOUND_SOMETHING, "FailIndex"), ends_with(NEVER_BETTER, "FailJob")]


def _stream(cluster: Cluster) -> dict[str, Any]:
    own = labels(cluster, "stream")
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(cluster, "stream"),
        "spec": {
            "replicas": 1,
            # Never two of them: the old one ends before the new one begins.
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": own},
            "template": pod(cluster, "stream", ["stream"], restart="Always", grace=120),
        },
    }


def pod(cluster: Cluster, part: str, arguments: Sequence[str], *, restart: str, grace: int = 90) -> dict[str, Any]:
    volumes, mounts = _volumes(cluster)
    container = {
        "name": "lifeboat",
        "image": cluster.image,
        "args": list(arguments),
        "workingDir": STATE,
        "env": _environment(cluster),
        "resources": {
            "requests": {"cpu": "100m", "memory": "256Mi", "ephemeral-storage": "256Mi"},
            "limits": {"memory": "1Gi", "ephemeral-storage": "4Gi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    }
    return {
        "metadata": {"labels": labels(cluster, part)},
        "spec": {
            "restartPolicy": restart,
            "terminationGracePeriodSeconds": grace,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": NOBODY,
                "runAsGroup": NOBODY,
                "fsGroup": NOBODY,
                "fsGroupChangePolicy": "OnRootMismatch",
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            "volumes": volumes,
        },
    }


def _volumes(cluster: Cluster) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    base = name_of(cluster.name)
    volumes: list[dict[str, Any]] = [
        {"name": "state", "persistentVolumeClaim": {"claimName": f"{base}-state"}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "2Gi"}},
    ]
    mounts: list[dict[str, Any]] = [
        {"name": "state", "mountPath": STATE},
        {"name": "tmp", "mountPath": TEMPORARY},
    ]
    if cluster.settings:
        volumes.append({"name": "settings", "configMap": {"name": f"{base}-settings"}})
        mounts.append({"name": "settings", "mountPath": SETTINGS, "readOnly": True})
    if cluster.uploads_claim:
        volumes.append(
            {"name": "uploads", "persistentVolumeClaim": {"claimName": cluster.uploads_claim, "readOnly": True}}
        )
        mounts.append({"name": "uploads", "mountPath": UPLOADS, "readOnly": True})
    return volumes, mounts


def _environment(cluster: Cluster) -> list[dict[str, Any]]:
    own = {"LIFEBOAT_STATE": STATE, "HOME": STATE, **({"UPLOADS_DIR": UPLOADS} if cluster.uploads_claim else {})}
    plain = [{"name": name, "value": text} for name, text in sorted({**cluster.variables, **own}.items())]
    named = [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": cluster.secret, "key": name}}} for name in cluster.secrets
    ]
    return plain + named


def metadata(cluster: Cluster, part: str) -> dict[str, Any]:
    return {"name": f"{name_of(cluster.name)}-{part}", "namespace": cluster.namespace, "labels": labels(cluster, part)}


def labels(cluster: Cluster, part: str) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "lifeboat",
        "app.kubernetes.io/instance": name_of(cluster.name),
        "app.kubernetes.io/component": part,
    }


def _yaml(value: Any, indent: int = 0) -> str:
    """Block form for people; every text in double quotes as JSON has them, which YAML reads the same."""
    space = "  " * indent
    lines = []
    for key, one in value.items():
        shown = key if re.fullmatch(r"[A-Za-z][A-Za-z0-9_./-]*", key) else json.dumps(key)
        if isinstance(one, Mapping) and one:
            lines.append(f"{space}{shown}:\n{_yaml(one, indent + 1)}")
        elif isinstance(one, list) and one and isinstance(one[0], Mapping):
            rows = [_yaml(row, indent + 2) for row in one]
            dashed = [f"{space}  - {row[len(space) + 4 :]}" for row in rows]
            lines.append(f"{space}{shown}:\n{''.join(dashed)}")
        else:
            lines.append(f"{space}{shown}: {json.dumps(one, ensure_ascii=False)}\n")
    return "".join(lines)
