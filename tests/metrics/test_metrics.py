"""Metrics: a real parser reads them, names follow the conventions, and rules and dashboard ask for nothing that is not there."""

import json
import os
import re
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.measuring import TextfileNotWritten, metrics_page, write_textfile
from lifeboat.app.read_settings import read_settings
from lifeboat.foundation.clock import SystemClock
from lifeboat.services.metrics.exposition import (
    ArchiveMetrics,
    JobMetrics,
    MetricsFacts,
    ReplicaMetrics,
    SourceMetrics,
    families,
    render,
)

AT = datetime(2026, 11, 26, tzinfo=UTC)
FULL = MetricsFacts(
    True,
    "0.1",
    "ab" * 16,
    "simple",
    (SourceMetrics("db", AT, AT, AT, 3600, True, 24, 10, 5), SourceMetrics("files", None, None, None, 86400, False, 0, None, None)),
    (JobMetrics("backup db", AT, 12.5, True, AT),),
    (ArchiveMetrics('app "1"\n', AT, 3.5, False, 0),),
    (ReplicaMetrics("riyadh", AT, 90.0, 0, 0), ReplicaMetrics("not seen", None, None, None, 0)),
    {"critical": 1},
    1000,
    AT,
    0,
    90.0,
    5,
    1.25,
    12.0,
    AT,
    90.0,
    95.0,
    14400.0,
)  # fmt: skip


def samples(page: bytes) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for family in text_string_to_metric_families(page.decode()):
        assert family.documentation.endswith("."), family.name
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_the_page_is_read_by_prometheus_own_parser() -> None:
    page = samples(render(FULL))
    assert page["lifeboat_snapshot_timestamp_seconds"] == [({"source": "db"}, AT.timestamp())], "no age of 1970"
    assert page["lifeboat_objective_met"] == [({"source": "db"}, 1.0), ({"source": "files"}, 0.0)]
    assert page["lifeboat_archive_lag_seconds"] == [({"writer": 'app "1"\n'}, 3.5)]
    assert page["lifeboat_replica_lag_seconds"] == [({"replica": "riyadh"}, 90.0)], "what is not known is no zero"
    assert page["lifeboat_run_success"] == [({"job": "backup db"}, 1.0)]
    assert page["lifeboat_info"][0][0]["version"] == "0.1"
    assert page["lifeboat_up"] == [({}, 1.0)] and page["lifeboat_alerts_open"][0] == ({"severity": "critical"}, 1.0)


def test_names_and_units_follow_the_conventions() -> None:
    for family in families(FULL):
        assert re.fullmatch(r"lifeboat(_[a-z]+)*", family.name), family.name
        assert not family.name.endswith(("_total", "_count", "_ms", "_minutes", "_mb"))


def asked_for(text: str) -> set[str]:
    return set(re.findall(r"\blifeboat_[a-z_]+", text))


def test_rules_and_dashboard_ask_only_for_what_is_there() -> None:
    there = {f"{family.name}{'_info' if family.type == 'info' else ''}" for family in families(FULL)}
    rules = (files("lifeboat.services.metrics") / "rules.yml").read_text()
    grafana = (files("lifeboat.services.metrics") / "grafana.json").read_text()
    for one in yaml.safe_load(rules)["groups"][0]["rules"]:
        assert asked_for(one["expr"]) and asked_for(one["expr"]) <= there, one["alert"]
        assert one["labels"]["severity"] in ("critical", "warning") and one["annotations"]["description"]
    panels = json.loads(grafana)["panels"]
    for panel in panels:
        for target in panel["targets"]:
            assert asked_for(target["expr"]) and asked_for(target["expr"]) <= there, panel["title"]
    assert asked_for("lifeboat_nothing_such") - there, "the check finds what is not there"


def test_a_real_repository_and_one_that_is_away(tmp_path: Path) -> None:
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "one").write_text("1")
    environment = {
        "UPLOADS_DIR": str(tmp_path / "uploads"),
        "BACKUP_ENCRYPTION_KEY": "5e" * 32,
        "LIFEBOAT_REPOSITORY": str(tmp_path / "repository"),
        "LIFEBOAT_STATE": str(tmp_path / "state"),
    }
    settings, clock = read_settings(None, environment, tmp_path), SystemClock()
    Lifeboat(settings).initialise(guarded=False, new_key=None)
    Lifeboat(settings).backup("files")
    page = samples(metrics_page(settings, clock))
    assert page["lifeboat_up"][0][1] == 1 and page["lifeboat_objective_met"] == [({"source": "files"}, 1.0)]
    assert abs(clock.now().timestamp() - page["lifeboat_recovery_point_timestamp_seconds"][0][1]) < 60
    os.rename(tmp_path / "repository", tmp_path / "away")
    page = samples(metrics_page(settings, clock))
    assert page["lifeboat_up"][0][1] == 0 and "lifeboat_objective_met" not in page


def test_the_textfile_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "lifeboat.prom"
    write_textfile(path, b"one")
    write_textfile(path, b"two")
    assert path.read_bytes() == b"two" and list(tmp_path.iterdir()) == [path]
    with pytest.raises(TextfileNotWritten):
        write_textfile(tmp_path / "missing" / "lifeboat.prom", b"three")
