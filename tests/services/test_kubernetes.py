"""The objects for a cluster, checked against Kubernetes' own schemas, strictly, and against what a restricted namespace demands."""

import copy
import re
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from lifeboat.app.schedule_install import ScheduleRefused
from lifeboat.app.schedule_kubernetes import ClusterRequest, plan_cluster, write_cluster
from lifeboat.app.settings import (
    FilesSettings,
    MongodbSettings,
    RepositorySettings,
    S3Location,
    ServeSettings,
    Settings,
)
from lifeboat.foundation.secret import Secret
from lifeboat.services.schedule.kubernetes import LONGEST_NAME, name_of

VERSIONS = ("1.27", "1.32", "1.37")
SECRETS = {
    "MONGODB_URI": "mongodb://app:hunter2@db/shop",
    "BACKUP_ENCRYPTION_KEY": "5e" * 32,
    "AWS_ACCESS_KEY_ID": "AKIAPLANTED",
    "AWS_SECRET_ACCESS_KEY": "planted/secret",
}
SETTINGS = Settings(
    state=Path("/state"),
    repository=RepositorySettings(
        location=S3Location("my-backups", "production"),
        region="me-south-1",
        access_key_id=Secret(SECRETS["AWS_ACCESS_KEY_ID"]),
        secret_access_key=Secret(SECRETS["AWS_SECRET_ACCESS_KEY"]),
    ),
    mongodb=MongodbSettings(Secret(SECRETS["MONGODB_URI"])),
    files=FilesSettings((Path("/srv/uploads"),)),
    serve=ServeSettings(timezone="Asia/Riyadh"),
    key=Secret(SECRETS["BACKUP_ENCRYPTION_KEY"]),
)
REQUEST = ClusterRequest(image="registry.example.com/lifeboat:1", uploads_claim="shop-uploads", stream=True)


def objects(folder: Path, request: ClusterRequest = REQUEST, settings: Settings = SETTINGS) -> dict[str, Any]:
    files = plan_cluster(settings, folder, request).files
    return {name: yaml.safe_load(content) for name, content in files.items()}


def pods(found: dict[str, Any]) -> dict[str, Any]:
    made = {}
    for name, one in found.items():
        if one["kind"] == "CronJob":
            made[name] = one["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        elif one["kind"] == "Deployment":
            made[name] = one["spec"]["template"]["spec"]
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "My Shop_2"
    made.mkdir()
    (made / "lifeboat.toml").write_text('[retention]\ndaily = 35\n# "quotes" and a\ttab: ñ\n')
    return made


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_own_schemas_take_every_object(folder: Path, version: str) -> None:
    found = objects(folder)
    assert {one["kind"] for one in found.values()} == {"PersistentVolumeClaim", "ConfigMap", "CronJob", "Deployment"}
    for one in found.values():
        kubernetes_validate.validate(one, version, strict=True)


def test_the_schemas_notice_a_mistake(folder: Path) -> None:
    good = objects(folder)["lifeboat-my-shop-2-db.yaml"]
    for spoil in (
        lambda one: one["spec"].update(concurrencyPolice="Forbid"),
        lambda one: one["spec"].update(startingDeadlineSeconds="300"),
        lambda one: one["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0].pop("name"),
    ):
        spoilt = copy.deepcopy(good)
        spoil(spoilt)
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(spoilt, VERSIONS[-1], strict=True)


def test_each_job_runs_alone_in_time_and_in_the_zone(folder: Path) -> None:
    jobs = {name: one["spec"] for name, one in objects(folder).items() if one["kind"] == "CronJob"}
    assert {name.removeprefix("lifeboat-my-shop-2-").removesuffix(".yaml") for name in jobs} == {
        *("db", "all", "scrub", "verify", "prune")
    }
    for spec in jobs.values():
        assert spec["concurrencyPolicy"] == "Forbid" and spec["timeZone"] == "Asia/Riyadh"
        assert spec["startingDeadlineSeconds"] >= 300
        job = spec["jobTemplate"]["spec"]
        assert job["activeDeadlineSeconds"] <= 86_400 and job["backoffLimit"] == 2
        assert job["template"]["spec"]["restartPolicy"] == "Never"
    [stream] = [one for one in objects(folder).values() if one["kind"] == "Deployment"]
    assert stream["spec"]["strategy"] == {"type": "Recreate"} and stream["spec"]["replicas"] == 1


def test_pods_are_what_a_restricted_namespace_demands(folder: Path) -> None:
    for pod in pods(objects(folder)).values():
        outer, [container] = pod["securityContext"], pod["containers"]
        inner = container["securityContext"]
        assert (
            outer["runAsNonRoot"] and outer["runAsUser"] > 0 and outer["seccompProfile"] == {"type": "RuntimeDefault"}
        )
        assert inner["readOnlyRootFilesystem"] and not inner["allowPrivilegeEscalation"]
        assert inner["capabilities"] == {"drop": ["ALL"]} and not pod["automountServiceAccountToken"]
        assert {"requests", "limits"} <= set(container["resources"])
        assert not any("hostPath" in volume for volume in pod["volumes"])
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]} == {"state", "tmp", "settings", "uploads"}


def test_secrets_are_named_and_never_written(folder: Path) -> None:
    plan = plan_cluster(SETTINGS, folder, REQUEST)
    for text in (*plan.files.values(), plan.before):
        assert not [secret for secret in SECRETS.values() if secret in text]
    for pod in pods(objects(folder)).values():
        named = {one["name"] for one in pod["containers"][0]["env"] if "valueFrom" in one}
        assert named == set(SECRETS)
    assert all(f"--from-file={name}=" in plan.before for name in SECRETS)


def test_every_run_is_of_one_machine_whatever_its_pod_is_called(folder: Path) -> None:
    for pod in pods(objects(folder)).values():
        [label] = [one["value"] for one in pod["containers"][0]["env"] if one["name"] == "LIFEBOAT_LABEL"]
        assert label == "my-shop-2"


def test_the_settings_arrive_as_they_were_written(folder: Path) -> None:
    [settings] = [one for one in objects(folder).values() if one["kind"] == "ConfigMap"]
    assert settings["data"]["lifeboat.toml"] == (folder / "lifeboat.toml").read_text()


def test_what_a_cluster_cannot_reach_is_refused(folder: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    local = replace(SETTINGS, repository=RepositorySettings(location=tmp_path))
    with pytest.raises(ScheduleRefused, match="folder of this machine"):
        objects(folder, settings=local)
    with pytest.raises(ScheduleRefused, match="uploads"):
        objects(folder, ClusterRequest())


@pytest.mark.parametrize("application", ["shop", "Ünïcode", "---", "x" * 300, "a_b c"])
def test_names_are_such_as_a_cluster_takes(application: str) -> None:
    name = f"{name_of(application)}-verify"
    assert len(name) <= LONGEST_NAME and re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name)


def test_files_are_written_for_kubectl(folder: Path, tmp_path: Path) -> None:
    written = write_cluster(plan_cluster(SETTINGS, folder, REQUEST), tmp_path / "k8s")
    assert len(written) == 8 and all(yaml.safe_load(Path(one).read_text()) for one in written)


def test_kubectl_reads_them(folder: Path, tmp_path: Path) -> None:
    import shutil

    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    write_cluster(plan_cluster(SETTINGS, folder, REQUEST), tmp_path / "k8s")
    (tmp_path / "k8s" / "kustomization.yaml").write_text(
        yaml.safe_dump({"resources": sorted(one.name for one in (tmp_path / "k8s").glob("lifeboat-*.yaml"))})
    )
    done = subprocess.run(["kubectl", "kustomize", str(tmp_path / "k8s")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(list(yaml.safe_load_all(done.stdout))) == 8
