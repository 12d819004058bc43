"""What README.md and docs/operations.md tell people to type exists, and what they list is what the code has.

Limits: commands are parsed, not run; running them is for ``tests/end_to_end``.
"""

import dataclasses
import json
import re
import tomllib
import typing
from pathlib import Path
from typing import Any

import click
import pytest
from typed import commands_in, parse

from lifeboat.app.dotenv import read_dotenv
from lifeboat.app.read_settings import read_settings
from lifeboat.app.settings_tables import SettingsFile
from lifeboat.app.variables import NAMES
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.main import COMMANDS
from lifeboat.operations import diff_report, find_suspects, suspects, timeline_report
from lifeboat.operations.reports import (
    checks,
    documents,
    erasures,
    pruning,
    replicas,
    restores,
    retrievals,
    snapshots,
    standing,
)

ROOT = Path(__file__).parents[2]
README, OPERATIONS = ROOT / "README.md", ROOT / "docs/operations.md"
DOCUMENTS = [README, *sorted((ROOT / "docs").rglob("*.md"))]
ROLES = json.loads((ROOT / "tests/mongodb/roles.json").read_text())


def blocks(document: Path, language: str = "") -> list[str]:
    return [
        code
        for kind, code in re.findall(r"^```(\w*)\n(.*?)^```", document.read_text(), re.M | re.S)
        if kind == language
    ]


TYPED = [(document.name, typed) for document in DOCUMENTS for typed in commands_in(document.read_text())]


def test_the_examples_of_readme_and_operations_are_found_at_all() -> None:
    for document in (README, OPERATIONS):
        assert len([one for one in TYPED if one[0] == document.name]) > 15
    assert ("README.md", "restore files latest --to /srv/restored --include 'contracts/*.pdf'") in TYPED


@pytest.mark.parametrize(
    ("document", "typed"),
    [one for one in TYPED if one[0] in ("README.md", "operations.md", "node-application.md", "training.md")],
)
def test_every_command_that_is_told_can_be_typed(document: str, typed: str) -> None:
    if typed not in COMMANDS:  # a bare name is a mention
        parse(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "bakup all",
        "backup everything",
        "restore db latest",
        "verify --level deep",
        "status --all",
        "aws budge",
        "aws undelete --no",
    ],
)
def test_a_wrong_example_would_be_noticed(typed: str) -> None:
    with pytest.raises((click.ClickException, AssertionError)):
        parse(typed)


def test_the_complete_settings_file_loads_and_leaves_nothing_out(tmp_path: Path) -> None:
    [text] = blocks(OPERATIONS, "toml")
    said = tomllib.loads(text)
    for table, kind in typing.get_type_hints(SettingsFile).items():
        of_several = typing.get_args(kind)
        told = said[table][0] if of_several else said[table]
        assert set(told) == set((of_several or (kind,))[0].__struct_fields__)
    key = tmp_path / "backup.key"
    key.touch(mode=0o600)
    key.write_text("5e" * 32)
    path = tmp_path / "lifeboat.toml"
    path.write_text(text.replace("/etc/lifeboat/backup.key", str(key)))
    given = {
        "HOME": str(tmp_path),
        "BACKUP_AWS_KEY_ID": "id",
        "BACKUP_AWS_SECRET": "s",
        "BACKUP_AWS_TOKEN": "t",
        "RIYADH_KEY_ID": "id of the second",
        "RIYADH_SECRET": "secret of the second",
        "RIYADH_TOKEN": "token of the second",
        "SHOP_MONGODB_URI": "mongodb://h/",
    }
    settings = read_settings(path, given, tmp_path)
    assert str(settings.repository.location) == "s3://my-backups/production"
    [replica] = settings.replicas
    assert replica.trouble is None and "secret of the second" in settings.hidden_texts()
    assert settings.objectives.config_seconds == 36 * 3600 and settings.key and settings.mongodb.uri


def test_the_variables_of_the_readme_are_read() -> None:
    [text] = [block for block in blocks(README, "sh") if block.startswith("MONGODB_URI")]
    said = read_dotenv(text.replace("\n# ", "\n"), NAMES)
    assert set(said) <= set(NAMES) and {"MONGODB_URI", "S3_BACKUP_BUCKET", "LIFEBOAT_REPOSITORY"} <= set(said)
    assert said["S3_BACKUP_BUCKET"].text == "my-backups" and said["BACKUP_ENCRYPTION_KEY"].text == "..."


def test_every_variable_is_explained() -> None:
    text = OPERATIONS.read_text()
    assert [name for name in NAMES if f"`{name}`" not in text] == []


def roles_told() -> dict[str, Any]:
    """The roles of the mongosh blocks, read as data."""
    found: dict[str, Any] = {}
    for code in blocks(OPERATIONS, "js"):
        named = dict(re.findall(r"\b(read|find|temporary) = (\[[^\]]*\])", code))
        code = re.sub(r'shop\("([^"]*)"\)', r'{ db: "shop", collection: "\1" }', code)
        code = re.sub(r'of\("([^"]*)", "([^"]*)"\)', r'{ db: "\1", collection: "\2" }', code)
        for name, actions in named.items():
            code = re.sub(rf"actions: {name}\b", f"actions: {actions}", code)
        for role in re.findall(r"createRole\((\{.*?\] \})\)", code, re.S):
            read = json.loads(re.sub(r"(\w+):", r'"\1":', role))
            found[read["role"]] = read["privileges"]
    return found


def test_the_roles_told_are_those_that_are_tried() -> None:
    told = roles_told()
    assert set(told) == {"lifeboatCaptureOne", "lifeboatRestoreOne", "lifeboatCapture", "lifeboatUsers"}
    for role, privileges in told.items():
        assert privileges == ROLES[role], role


def test_every_exit_status_is_told() -> None:
    told = {
        int(number)
        for row in re.findall(r"^\| ([\d, ]+) \|", OPERATIONS.read_text(), re.M)
        for number in row.split(",")
    }
    assert told == {int(status) for status in ExitStatus}


@pytest.mark.parametrize(
    ("command", "report"),
    [
        ("init", checks.InitReport),
        ("backup", snapshots.BackupReport),
        ("backup", snapshots.SnapshotReport),
        ("snapshots", snapshots.SnapshotRow),
        ("status", standing.StatusReport),
        ("status", standing.SourceStatus),
        ("status", standing.ArchiveStatus),
        ("status", replicas.ReplicaStatus),
        ("status", replicas.ReplicaNewest),
        ("status", standing.DrillStanding),
        ("status", standing.DrillDue),
        ("replicate", replicas.ReplicateReport),
        ("replicate", replicas.ReplicaReport),
        ("replicate --promote", replicas.PromoteReport),
        ("timeline", timeline_report.TimelineReport),
        ("timeline", timeline_report.HistoryRow),
        ("timeline", timeline_report.SpanRow),
        ("timeline", timeline_report.TickRow),
        ("timeline", timeline_report.GapRow),
        ("timeline --suspects", find_suspects.SuspectsReport),
        ("timeline --suspects", suspects.Suspect),
        ("timeline --at`, `--before-op", timeline_report.MomentReport),
        ("restore --dry-run", restores.RestorePlanReport),
        ("restore --dry-run", restores.PlanStep),
        ("retrieve", retrievals.RetrievalReport),
        ("retrieve", retrievals.AwayRow),
        ("retrieve", retrievals.Offer),
        ("restore", restores.RestoreReport),
        ("restore", restores.RestoredPart),
        ("restore --filter --dry-run", documents.DocumentsPlan),
        ("restore --filter --dry-run", documents.FoundDocuments),
        ("restore --filter --dry-run", documents.DocumentRow),
        ("restore --filter", documents.DocumentsReport),
        ("erase record`, `close`, `hold`, `release", erasures.ErasureRecorded),
        ("erase record`, `close`, `hold`, `release", erasures.ErasureRow),
        ("erase list", erasures.ErasureList),
        ("erase status", erasures.ErasureStatus),
        ("erase status", erasures.CopyRow),
        ("erase status", erasures.ReplayedRow),
        ("restore", restores.ErasureReplayed),
        ("diff", diff_report.DiffReport),
        ("diff", diff_report.DiffEnd),
        ("diff", diff_report.DiffRow),
        ("diff", diff_report.FieldDifference),
        ("verify", checks.VerifyReport),
        ("prune", pruning.PruneReport),
        ("prune", pruning.PruneVerdict),
        ("prune", pruning.FreedLater),
    ],
)
def test_every_key_of_the_json_is_told(command: str, report: type) -> None:
    [row] = re.findall(rf"^\| `{command}` \| (`.*)\|$", OPERATIONS.read_text(), re.M)
    told = set(re.findall(r"`(\w+)`", row))
    assert {one.name for one in dataclasses.fields(report)} <= told


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_link_leads_nowhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, heading = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        assert file.exists(), f"{document.name} names {target}"
        if heading:
            headings = re.findall(r"^#+ (.+)$", file.read_text(), re.M)
            assert heading in {re.sub(r"[^\w -]", "", one).strip().lower().replace(" ", "-") for one in headings}, (
                target
            )


def test_the_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    told = {one for document in DOCUMENTS for one in re.findall(r"(?:`|^)make ([a-z-]+)", document.read_text(), re.M)}
    assert {"demo", "test"} <= told <= targets


def test_every_file_and_test_that_is_named_is_there() -> None:
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    for document in DOCUMENTS:
        text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.M | re.S)
        for quoted in re.findall(r"`([^`\s]+)`", text):
            if re.fullmatch(r"test_\w{12,}(\.\.\.)?", quoted):
                assert f"def {quoted.removesuffix('...')}" in tests, f"{document.name} names {quoted}"
            elif re.fullmatch(r"[\w*/-]+/[\w*/.-]+\.py|(?:src|tests|docs)/[\w/-]+", quoted) and "<" not in quoted:
                places = (ROOT, ROOT / "src/lifeboat", document.parent)
                assert any(list(place.glob(quoted)) for place in places), f"{document.name} names {quoted}"
