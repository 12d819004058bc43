"""Jobs that several processes share, as Kubernetes and AWS Batch take them: checked against their own schemas and for what each must say."""

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore.session
import click
import kubernetes_validate
import pytest
import yaml
from botocore.validate import ParamValidator
from click.testing import CliRunner
from test_kubernetes import REQUEST, SECRETS, SETTINGS

from lifeboat.app.account import Asked
from lifeboat.app.schedule_batch import ArrayRequest, plan_array
from lifeboat.app.schedule_install import ScheduleRefused
from lifeboat.app.schedule_kubernetes import plan_cluster
from lifeboat.app.settings import ConfigSettings, FilesSettings, Objectives
from lifeboat.cli.main import overview
from lifeboat.cli.shard_options import read_sharing
from lifeboat.services.schedule.slots import Slots, zone_named

SHARED = replace(REQUEST, shards=16)
ARRAY = ArrayRequest(
    shards=16,
    queue="nightly",
    job_role="arn:aws:iam::111122223333:role/lifeboat",
    execution_role="arn:aws:iam::111122223333:role/starts",
    state="fs-0a1b2c3d",
    uploads="fs-4e5f6a7b",
    image="registry.example.com/lifeboat:1",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "shop"
    made.mkdir()
    (made / "lifeboat.toml").write_text("[retention]\ndaily = 35\n")
    return made


def objects(folder: Path) -> dict[str, Any]:
    return {name: yaml.safe_load(content) for name, content in plan_cluster(SETTINGS, folder, SHARED).files.items()}


@pytest.mark.parametrize("version", ["1.32", "1.37"])
def test_kubernetes_own_schemas_take_every_object(folder: Path, version: str) -> None:
    found = objects(folder)
    for one in found.values():
        kubernetes_validate.validate(one, version, strict=True)
    spoilt = copy.deepcopy(found["lifeboat-shop-files-shards.yaml"])
    spoilt["spec"]["jobTemplate"]["spec"]["backoffLimitPerIndexes"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(spoilt, version, strict=True)


@pytest.mark.parametrize("part, words", [("files", ["backup", "files"]), ("verify", ["verify", "--level", "full"])])
def test_each_pod_knows_its_number_and_the_run_and_is_tried_again_for_itself(
    folder: Path, part: str, words: list[str]
) -> None:
    job = objects(folder)[f"lifeboat-shop-{part}-shards.yaml"]["spec"]["jobTemplate"]["spec"]
    assert (job["completionMode"], job["completions"], job["parallelism"]) == ("Indexed", 16, 16)
    assert job["backoffLimitPerIndex"] >= 3 and "backoffLimit" not in job
    assert job["podReplacementPolicy"] == "Failed", "never two of one number at once"
    pod = job["template"]["spec"]
    [container] = pod["containers"]
    assert pod["restartPolicy"] == "Never" and container["args"][: len(words)] == words
    assert container["args"][len(words) : len(words) + 2] == ["--shard", "auto/16"]
    variables = {one["name"]: one for one in container["env"]}
    run = variables["LIFEBOAT_SHARD_RUN"]["valueFrom"]["fieldRef"]["fieldPath"]
    assert run == "metadata.labels['batch.kubernetes.io/job-name']"
    [spread] = pod["topologySpreadConstraints"]
    assert spread["topologyKey"] == "kubernetes.io/hostname"
    assert spread["labelSelector"]["matchLabels"] == job["template"]["metadata"]["labels"]


def test_a_node_that_goes_away_counts_for_nothing_and_shards_that_miss_others_are_tried_again(folder: Path) -> None:
    job = objects(folder)["lifeboat-shop-verify-shards.yaml"]["spec"]["jobTemplate"]["spec"]
    first, *rules = job["podFailurePolicy"]["rules"]
    assert first["action"] == "Ignore" and first["onPodConditions"][0]["type"] == "DisruptionTarget"
    codes = {code: rule["action"] for rule in rules for code in rule["onExitCodes"]["values"]}
    assert codes == {3: "FailIndex", 4: "FailIndex", 2: "FailJob", 11: "FailJob"}
    assert 10 not in codes, "what shards-missing ends with"


def test_all_pods_share_one_state_and_nothing_else_backs_up_the_files(folder: Path) -> None:
    found = objects(folder)
    assert found["lifeboat-shop-state.yaml"]["spec"]["accessModes"] == ["ReadWriteMany"]
    jobs = {name for name, one in found.items() if one["kind"] == "CronJob"}
    assert not jobs & {"lifeboat-shop-all.yaml", "lifeboat-shop-files.yaml"}
    assert {"lifeboat-shop-db.yaml", "lifeboat-shop-scrub.yaml"} <= jobs
    assert "lifeboat-shop-config.yaml" not in jobs, "there is nothing of it to back up"
    with_config = replace(SETTINGS, config=ConfigSettings((Path("/etc/shop"),)))
    assert "lifeboat-shop-config.yaml" in plan_cluster(with_config, folder, SHARED).files
    for name in jobs:
        Slots(found[name]["spec"]["schedule"], zone_named("Asia/Riyadh"))
    hours = found["lifeboat-shop-db.yaml"]["spec"]["schedule"].split()[1]
    assert hours == ",".join(map(str, range(24))), "also at two, when else everything is backed up"


def test_files_whose_objective_is_short_are_backed_up_as_often(folder: Path) -> None:
    often = replace(SETTINGS, objectives=Objectives(files_seconds=6 * 3600))
    text = plan_cluster(often, folder, SHARED).files["lifeboat-shop-files-shards.yaml"]
    assert yaml.safe_load(text)["spec"]["schedule"] == "0 0,6,12,18 * * *"


def test_without_shards_nothing_is_otherwise_than_before(folder: Path) -> None:
    files = plan_cluster(SETTINGS, folder, REQUEST).files
    assert not [name for name in files if "shards" in name] and "lifeboat-shop-all.yaml" in files
    assert "ReadWriteOnce" in files["lifeboat-shop-state.yaml"]


def batch_files(folder: Path) -> dict[str, Any]:
    return {name: json.loads(content) for name, content in plan_array(SETTINGS, folder, ARRAY).files.items()}


def faults(operation: str, said: dict[str, Any]) -> str:
    model = botocore.session.get_session().get_service_model("batch").operation_model(operation)
    return str(ParamValidator().validate(said, model.input_shape).generate_report())


def test_amazons_own_model_takes_every_file(folder: Path) -> None:
    found = batch_files(folder)
    assert len(found) == 4
    for name, said in found.items():
        operation = "RegisterJobDefinition" if name.endswith(".definition.json") else "SubmitJob"
        assert faults(operation, said) == "", name
    spoilt = copy.deepcopy(found["lifeboat-shop-files-shards.definition.json"])
    spoilt["containerProperties"]["secret"] = spoilt["containerProperties"].pop("secrets")
    assert "secret" in faults("RegisterJobDefinition", spoilt)


def test_an_array_job_has_a_child_for_each_shard_tries_again_and_shares_one_state(folder: Path) -> None:
    found = batch_files(folder)
    for part in ("files", "verify"):
        definition = found[f"lifeboat-shop-{part}-shards.definition.json"]
        submit = found[f"lifeboat-shop-{part}-shards.submit.json"]
        assert submit["arrayProperties"]["size"] == 16
        assert submit["jobDefinition"] == definition["jobDefinitionName"]
        container = definition["containerProperties"]
        assert "auto/16" in container["command"]
        ends = definition["retryStrategy"]["evaluateOnExit"]
        assert len(ends) <= 5 and definition["retryStrategy"]["attempts"] <= 10, "Batch takes no more"
        assert ends[-1] == {"onReason": "*", "action": "RETRY"}
        assert {one["onExitCode"] for one in ends[:-1]} == {"3", "4", "2", "11"}
        mounted = {one["sourceVolume"]: one for one in container["mountPoints"]}
        volumes = {one["name"]: one for one in container["volumes"]}
        assert set(mounted) == set(volumes) == {"state", "tmp", "uploads"}
        assert volumes["state"]["efsVolumeConfiguration"]["fileSystemId"] == "fs-0a1b2c3d"
        variables = {one["name"]: one["value"] for one in container["environment"]}
        assert variables["LIFEBOAT_STATE"] == mounted["state"]["containerPath"]
        assert mounted["uploads"]["readOnly"] and variables["UPLOADS_DIR"] == mounted["uploads"]["containerPath"]
        assert [one["valueFrom"] for one in container["secrets"]] == ["/lifeboat/BACKUP_ENCRYPTION_KEY"]


def test_no_secret_is_written_for_batch(folder: Path) -> None:
    plan = plan_array(SETTINGS, folder, ARRAY)
    for text in (*plan.files.values(), plan.before):
        assert not [secret for secret in SECRETS.values() if secret in text]


def test_what_batch_cannot_reach_or_has_nothing_to_do_with_is_refused(folder: Path) -> None:
    with pytest.raises(ScheduleRefused, match="uploads"):
        plan_array(SETTINGS, folder, replace(ARRAY, uploads=None))
    with pytest.raises(ScheduleRefused, match="together"):
        plan_array(replace(SETTINGS, files=FilesSettings(()), key=None), folder, ARRAY)


@pytest.mark.parametrize(
    "environment, number, run",
    [
        ({"JOB_COMPLETION_INDEX": "5", "LIFEBOAT_SHARD_RUN": "shop-files-28912"}, 5, "shop-files-28912"),
        ({"AWS_BATCH_JOB_ARRAY_INDEX": "5", "AWS_BATCH_JOB_ID": "4c1b-22:5"}, 5, "4c1b-22"),
        ({"AWS_BATCH_JOB_ARRAY_INDEX": "0", "AWS_BATCH_JOB_ID": "4c1b-22:0"}, 0, "4c1b-22"),
    ],
)
def test_the_number_and_the_run_are_those_that_the_engine_tells(
    environment: dict[str, str], number: int, run: str
) -> None:
    sharing = read_sharing("auto/16", None, "6h", environment)
    assert sharing is not None and sharing.wait_seconds == 6 * 3600
    assert (sharing.shard.number, sharing.shard.of, sharing.shard.run) == (number, 16, run)


@pytest.mark.parametrize("part", ["files", "verify"])
def test_the_commands_in_the_files_are_such_as_lifeboat_takes(folder: Path, part: str) -> None:
    job = objects(folder)[f"lifeboat-shop-{part}-shards.yaml"]["spec"]["jobTemplate"]["spec"]
    words = job["template"]["spec"]["containers"][0]["args"]
    said = CliRunner().invoke(overview, [*words, "--help"])
    assert said.exit_code == 0 and "--shard-wait" in said.output


def test_where_no_engine_tells_a_number_it_has_to_be_said() -> None:
    with pytest.raises(click.UsageError, match="JOB_COMPLETION_INDEX"):
        read_sharing("auto/16", "monday", None, {})


@pytest.mark.parametrize("shard, is_part", [("0/4", True), ("2/4", True), ("3/4", False), (None, False), ("x", False)])
def test_only_the_last_shard_tells_the_journal_how_the_act_ended(shard: str | None, is_part: bool) -> None:
    assert Asked("verify", "verify", "verify", {"shard": shard}).is_part is is_part
