"""``lifeboat aws lifecycle`` as people type it, on a server that keeps rules: refused, accepted, drifted, mended; no stranger's rule lost."""

import json
import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from moto_aws import MotoAws

from lifeboat.app.diagnosis import Diagnosis
from lifeboat.app.read_settings import read_settings
from lifeboat.cli.main import carry_out
from lifeboat.cli.run import Run
from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.finding import Finding, Level, any_problem

CHECKLIST = Path(__file__).with_name("checklist-lifecycle.json")
TIDY = {"ID": "tidy-up", "Status": "Enabled", "Filter": {"Prefix": "shop/"}, "Expiration": {"Days": 60}}
LOGS = {"ID": "logs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 9}}
KEY = "5e" * 32


@dataclass
class Town:
    """A bucket with a repository under ``shop/``, and the command, in this process, on a machine beside it."""

    aws: MotoAws
    folder: Path
    capsys: pytest.CaptureFixture[str]
    keys: tuple[str, str] = ("root", "root-secret-of-moto")

    def run(self, *words: str) -> tuple[int, str, str]:
        variables = {
            **self.aws.environment(self.keys),
            "LIFEBOAT_REPOSITORY": "s3://town/shop",
            "BACKUP_ENCRYPTION_KEY": KEY,
            "UPLOADS_DIR": str(self.folder / "uploads"),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "HOME": str(self.folder),
        }
        status = carry_out(Run(variables, self.folder, SystemClock()), words)
        out, err = self.capsys.readouterr()
        assert "Traceback" not in err
        return int(status), out, err

    def said(self, *words: str, code: int = 0) -> str:
        status, out, err = self.run(*words)
        assert status == code, out + err
        return " ".join((out + err).split())

    def json(self, *words: str, code: int = 0) -> Any:
        status, out, err = self.run(*words, "--json")
        assert status == code, out + err
        return json.loads(out)

    def rules(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.aws.client("s3").get_bucket_lifecycle_configuration(Bucket="town")["Rules"]
        return found

    def put(self, *rules: dict[str, Any]) -> None:
        self.aws.client("s3").put_bucket_lifecycle_configuration(
            Bucket="town", LifecycleConfiguration={"Rules": list(rules)}
        )


@pytest.fixture
def town(aws: MotoAws, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Town:
    monkeypatch.chdir(tmp_path)  # files in arguments are meant from where the command is called
    aws.make_bucket("town")
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "a.txt").write_bytes(b"a" * 50_000)
    return Town(aws, tmp_path, capsys)


@pytest.fixture
def with_copies(town: Town) -> Town:
    town.said("init", "--yes")
    town.said("backup", "files")
    return town


def test_show_three(with_copies: Town) -> None:
    """The checklist's own JSON is refused with the reasons, the default set is accepted, and so is no rule that expires live packs."""
    refused = with_copies.said("aws", "lifecycle", "check", str(CHECKLIST), code=3)
    for words in (
        'Unknown parameter in Rules[0]: "Id", must be one of',
        'Unknown parameter in Rules[1]: "Id", must be one of',
        "'Days' in the Expiration action for filter '(prefix=mongodb/)' must be greater than 'Days' in the Transition action",
        "S3 would refuse them: 3 reasons",
    ):
        assert words in refused
    planned = with_copies.json("aws", "lifecycle", "plan")
    (with_copies.folder / "ours.json").write_text(json.dumps(planned["json"]))
    assert "safe: none of 1 snapshot kept" in with_copies.said("aws", "lifecycle", "check", "ours.json")

    with_copies.said("aws", "lifecycle", "apply", "--yes")
    assert "safe: none of 1 snapshot kept" in with_copies.said("aws", "lifecycle", "check")

    with_copies.put(*with_copies.rules(), TIDY)
    report = with_copies.json("aws", "lifecycle", "check", code=3)
    [eats] = [one for one in report["findings"] if one["code"] == "age-rule-eats"]
    assert eats["subject"] == "age rule tidy-up" and "of files/pack/short" in eats["message"]
    assert len(eats["hurts"]) == 1 and eats["hurts"][0].startswith("snapshot ")
    with_copies.said("aws", "lifecycle", "apply", "--yes", "--drop", "tidy-up")
    assert "tidy-up" not in with_copies.said("aws", "lifecycle", "check")


def test_twice_changes_nothing_and_what_was_changed_by_hand_is_seen_and_mended(town: Town) -> None:
    first = town.json("aws", "lifecycle", "apply", "--yes")
    again = town.json("aws", "lifecycle", "apply", "--yes")
    assert (first["changed"], again["changed"], again["as_wanted"]) == (1, 0, 1)
    wanted = town.rules()
    drifted = [dict(one) for one in wanted]
    drifted[0] = {**drifted[0], "Expiration": {"Days": 3000}}
    town.put(*drifted[:-1])
    shown = town.said("aws", "lifecycle", "plan")
    assert "changes lifeboat-shop-long-mongodb" in shown and "expires after 3000 days" in shown
    assert "lifeboat-shop-leftovers new" in shown
    town.said("aws", "lifecycle", "apply", "--yes")
    assert sorted(town.rules(), key=str) == sorted(wanted, key=str)
    town.json("aws", "lifecycle", "apply", "--yes", "--set", "hours")
    assert "infrequent" not in town.said("aws", "lifecycle", "check")


def test_rules_of_others_stay_as_they_were_and_none_is_put_beside_one_that_eats(town: Town) -> None:
    old_form = {"ID": "old", "Status": "Enabled", "Prefix": "old/", "Expiration": {"Days": 5}}
    town.put(LOGS, old_form)
    town.said("aws", "lifecycle", "apply", "--yes")
    there = {one["ID"]: one for one in town.rules()}
    assert (
        there["logs"] == LOGS
        and there["old"]["Filter"] == {"Prefix": "old/"}
        and there["old"]["Expiration"] == {"Days": 5}
    )
    assert len(there) == 8 + 2

    town.put(LOGS, TIDY)
    refused = town.said("aws", "lifecycle", "apply", "--yes", code=3)
    assert "by hand" in refused and "apply --drop tidy-up" in refused
    assert [one["ID"] for one in town.rules()] == ["logs", "tidy-up"], "nothing was put"
    town.said("aws", "lifecycle", "apply", "--yes", "--drop", "tidy-up")
    assert "tidy-up" not in {one["ID"] for one in town.rules()} and "logs" in {one["ID"] for one in town.rules()}


def test_a_file_of_ones_own_is_applied_or_refused(town: Town) -> None:
    (town.folder / "lifeboat.toml").write_text('[aws]\nlifecycle = "file:rules.json"\n')
    mine = {
        "ID": "mine",
        "Status": "Enabled",
        "Filter": {"Prefix": "shop/files/pack/long/"},
        "Transitions": [{"Days": 90, "StorageClass": "GLACIER_IR"}],
    }
    (town.folder / "rules.json").write_text(json.dumps({"Rules": [mine]}))
    town.said("aws", "lifecycle", "apply", "--yes")
    assert [one["ID"] for one in town.rules()] == ["mine"]
    (town.folder / "rules.json").write_text(
        json.dumps({"Rules": [mine | {"Transitions": [{"Days": 9, "StorageClass": "ONEZONE_IA"}]}]})
    )
    assert "must be greater than or equal to 30" in town.said("aws", "lifecycle", "apply", "--yes", code=3)
    (town.folder / "rules.json").write_text(json.dumps({"Rules": [mine | {"Expiration": {"Days": 100}}]}))
    assert "expires after 100 days" in town.said("aws", "lifecycle", "apply", "--yes", code=3)
    assert town.rules() == [mine]


def test_a_missing_right_is_named(with_copies: Town) -> None:
    everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    but = {"Effect": "Deny", "Action": "s3:GetLifecycleConfiguration", "Resource": "*"}
    with_copies.keys = with_copies.aws.make_user("half", {"Version": "2012-10-17", "Statement": [everything, but]})
    with_copies.aws.enforce()
    for words in (("check",), ("plan",)):
        assert "the right s3:GetLifecycleConfiguration is missing" in with_copies.said(
            "aws", "lifecycle", *words, code=12
        )
    [found] = diagnosed(with_copies)
    assert (found.level, found.code) == (Level.WARNING, "lifecycle-not-seen")
    assert "s3:GetLifecycleConfiguration" in found.message


def diagnosed(town: Town) -> list[Finding]:
    """What `doctor` finds of the age rules."""
    variables = {
        **town.aws.environment(town.keys),
        "LIFEBOAT_REPOSITORY": "s3://town/shop",
        "BACKUP_ENCRYPTION_KEY": KEY,
    }
    settings = read_settings(None, variables | {"XDG_STATE_HOME": str(town.folder / "state")}, town.folder)
    only = ("store-answers", "store", "repository", "lifecycle")
    [result] = [one for one in Diagnosis(settings, SystemClock()).run(only) if one.check == "lifecycle"]
    return list(result.findings or ())


def test_doctor_proves_or_refuses(with_copies: Town) -> None:
    [found] = diagnosed(with_copies)
    assert found.level is Level.OK and "no age rules" in found.message
    with_copies.said("aws", "lifecycle", "apply", "--yes")
    [found] = diagnosed(with_copies)
    assert found.level is Level.OK and "8 age rules, and none touches what is kept" in found.message
    with_copies.put(TIDY)
    found_now = diagnosed(with_copies)
    assert {one.code for one in found_now} == {"age-rule-reaches", "age-rule-eats", "age-rule-too-soon"}
    assert any_problem(found_now)
    with_copies.put(TIDY | {"Expiration": {"Days": 60}, "Filter": {"Tag": {"Key": "a", "Value": "b"}}})
    assert [one.code for one in diagnosed(with_copies)] == ["age-rule-by-tags"]


def test_a_file_is_judged_without_the_network_too(town: Town) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        away = replace(town, aws=MotoAws(f"http://127.0.0.1:{nobody.getsockname()[1]}"))
        report = away.json("aws", "lifecycle", "check", str(CHECKLIST), code=3)
    assert len(report["refusals"]) == 3 and report["findings"][-1]["code"] == "copies-not-seen"


def test_a_bucket_that_is_not_there_is_made_by_setup(
    aws: MotoAws, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = Town(aws, tmp_path, capsys)
    for words in (("plan",), ("check",), ("apply", "--yes")):
        assert "`lifeboat aws setup` makes it" in nowhere.said("aws", "lifecycle", *words, code=12)


def test_years_ahead(with_copies: Town) -> None:
    assert "nothing is lost" in with_copies.said("aws", "lifecycle", "simulate", "--years", "2")
    (with_copies.folder / "bad.json").write_text(json.dumps({"Rules": [TIDY]}))
    report = with_copies.json("aws", "lifecycle", "simulate", "bad.json", "--years", "2", code=3)
    assert report["measured"] and report["lost"] and report["months"][-1]["lost"] > 0


def test_what_does_not_go_together_is_said(town: Town) -> None:
    for words in (
        ("plan", "x.json"),
        ("check", "--set", "hours"),
        ("check", "--drop", "a"),
        ("plan", "--stop-after", "3"),
        ("check", "--yes"),
    ):
        assert "lifeboat aws lifecycle --help" in town.said("aws", "lifecycle", *words, code=2)
    (town.folder / "broken.json").write_text("{")
    assert "holds no age rules" in town.said("aws", "lifecycle", "check", "broken.json", code=10)
