"""``lifeboat cost`` as people type it: what if, the real repository on a server, prices of one's own, and what is remembered for pages and alerts."""

import csv
import io
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from moto_aws import MotoAws

from lifeboat.app.alerting import Alerting
from lifeboat.app.costing import Costing
from lifeboat.app.dashboard_facts import DashboardFacts
from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.measuring import metrics_page
from lifeboat.app.read_settings import read_settings
from lifeboat.cli.main import carry_out
from lifeboat.cli.run import Run
from lifeboat.cli.show.cost import Drawn, draw_cost
from lifeboat.foundation.clock import SystemClock

CHECKLIST = {
    "Rules": [
        {
            "ID": "seed",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "Transitions": [{"Days": 30, "StorageClass": "STANDARD_IA"}, {"Days": 365, "StorageClass": "GLACIER"}],
            "Expiration": {"Days": 2555},
        }
    ]
}


@dataclass
class Desk:
    """A folder in which somebody types; nothing is set but what ``variables`` say."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    variables: dict[str, str]

    def run(self, *words: str) -> tuple[int, str, str]:
        status = carry_out(Run(self.variables, self.folder, SystemClock()), words)
        out, err = self.capsys.readouterr()
        assert "Traceback" not in err
        return int(status), out, err

    def said(self, *words: str, code: int = 0) -> str:
        status, out, err = self.run(*words)
        assert status == code, out + err
        return " ".join((out + err).split())

    def json(self, *words: str) -> Any:
        status, out, err = self.run(*words, "--json")
        assert status == 0, err
        return json.loads(out)


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.chdir(tmp_path)
    return Desk(tmp_path, capsys, {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")})


@pytest.fixture(scope="module")
def town(aws_server: MotoAws, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A repository on the server, with one backup of some files: the folder, and what is set there."""
    folder = tmp_path_factory.mktemp("town")
    aws_server.make_bucket("town")
    (folder / "uploads").mkdir()
    (folder / "uploads" / "a.bin").write_bytes(os.urandom(600_000))
    variables = {
        **aws_server.environment(),
        "HOME": str(folder),
        "XDG_STATE_HOME": str(folder / "state"),
        "LIFEBOAT_REPOSITORY": "s3://town/shop",
        "BACKUP_ENCRYPTION_KEY": "5e" * 32,
        "UPLOADS_DIR": str(folder / "uploads"),
    }
    for words in (("init", "--yes"), ("backup", "files")):
        streams = (io.StringIO(), io.StringIO(), io.StringIO())
        assert carry_out(Run(variables, folder, SystemClock(), streams=streams), words) == 0, streams[2].getvalue()
    (folder / "prices.toml").write_text('region = "eu-central-1"\n')
    return folder, variables


@pytest.fixture
def shop(
    town: tuple[Path, dict[str, str]],
    aws_server: MotoAws,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Desk]:
    folder, variables = town
    monkeypatch.chdir(folder)
    yield Desk(folder, capsys, dict(variables))
    (folder / "lifeboat.toml").unlink(missing_ok=True)
    aws_server.client("s3").delete_bucket_lifecycle(Bucket="town")


def test_one_gb_a_day_for_seven_years_without_any_repository(desk: Desk) -> None:
    said = desk.json("cost", "--months", "84", "--gb-a-day", "1")
    months = said["policy"]["months"]
    assert len(months) == 84
    # In month 13 (mean age of the oldest half 380 days) 30 GB are in STANDARD, 335 in STANDARD_IA, the rest in GLACIER
    thirteenth = months[12]
    assert thirteenth["gb"]["STANDARD"] == pytest.approx(30, abs=1)
    assert thirteenth["gb"]["STANDARD_IA"] == pytest.approx(335, abs=1)
    storage = {"STANDARD": 0.023, "STANDARD_IA": 0.0125, "GLACIER": 0.0036}
    for month in months:
        for name, gb in month["gb"].items():
            assert month["lines"][name] == pytest.approx(gb * storage[name])
        assert month["dollars"] == pytest.approx(sum(month["lines"].values()))
    # 4.8775 after a year; 12.7615 after 2,555 days, with the extra of archives and moves a little more
    assert months[11]["dollars"] == pytest.approx(4.72, abs=0.05)
    assert months[83]["dollars"] == pytest.approx(12.80, abs=0.05)
    assert said["now"] is None and said["over_budget"] is None


def test_the_checklists_own_rules_from_its_file(desk: Desk) -> None:
    (desk.folder / "seed.json").write_text(json.dumps(CHECKLIST))
    said = desk.json("cost", "--gb-a-day", "17", "--months", "90", "--policy", "seed.json")
    # 17 GB a day (half a GB hourly, five daily): 217 dollars a month in the end; over 50 dollars within the first year
    storage = sum(said["policy"]["months"][-1]["lines"][name] for name in ("STANDARD", "STANDARD_IA", "GLACIER"))
    assert storage == pytest.approx(217, abs=1)
    assert said["over_budget"] < 12


def test_a_person_sees_picture_table_budget_and_the_lever(desk: Desk) -> None:
    status, out, _ = desk.run("cost", "--gb-a-day", "17")
    assert status == 0
    assert "█" in out and "budget" in out and "year" in out and "GLACIER" in out
    assert "biggest lever: age rules cheapest" in out
    # 17 x (30 x 0.023 + (x - 30) x 0.0125) = 50 at x = 210 days; the middle of month 8 is day 228, of month 7 day 198
    assert "above the budget of $50.00 a month from month 8 on" in out
    assert all(len(line) <= 80 for line in out.splitlines() if "│" in line)
    assert "lifeboat cost --gb-a-day 17 --compare" in out


def test_the_picture_is_plain_where_only_ascii_is_shown(desk: Desk) -> None:
    from lifeboat.app.costing import CostRequest
    from lifeboat.cli.show.console import render

    settings = read_settings(None, desk.variables, desk.folder)
    report = Costing(settings, SystemClock()).report(CostRequest(day_gb=17.0))
    drawn = render(draw_cost(report, Drawn(80, blocks=False)), False, 80, {})
    picture = [line for line in drawn.splitlines() if "|" in line]
    assert picture and all(line.isascii() and len(line) <= 80 for line in picture)
    assert any("#" in line for line in picture) and any("~" in line for line in picture)


def test_backups_of_a_size_say_what_is_read_and_what_is_kept(desk: Desk) -> None:
    said = desk.json("cost", "--db-gb", "10", "--files-gb", "50", "--change-percent", "1")
    assert {one["what"] for one in said["growth"]} == {"db", "files", "archive"}
    assert said["policy"]["months"][-1]["lines"]["reads"] > 0
    assert next(one["name"] for one in said["others"]) == "cheapest"
    (desk.folder / "lifeboat.toml").write_text('[serve.jobs]\nscrub = "off"\n')
    said = desk.json("cost", "--db-gb", "10", "--files-gb", "50", "--change-percent", "1")
    less = desk.json("cost", "--db-gb", "10", "--files-gb", "50", "--change-percent", "0")
    assert less["policy"]["total"] < said["policy"]["total"]


def test_what_is_billed_by_the_reading_is_read_seldom(desk: Desk) -> None:
    nightly = desk.json("cost", "--files-gb", "50", "--policy", "hours")
    (desk.folder / "lifeboat.toml").write_text('[serve.jobs]\nscrub = "30 3 * * 0"\n')
    weekly = desk.json("cost", "--files-gb", "50", "--policy", "hours")
    (desk.folder / "lifeboat.toml").write_text('[serve.jobs]\nscrub = "off"\n')
    never = desk.json("cost", "--files-gb", "50", "--policy", "hours")
    reads = [one["policy"]["months"][1]["lines"].get("reads", 0.0) for one in (nightly, weekly, never)]
    assert reads[0] == pytest.approx(reads[1], rel=0.1) and reads[1] > 0, (
        "what is billed by the reading is read seldom, however often it is looked"
    )
    assert reads[2] == 0


def test_csv_has_a_row_a_month_whose_lines_add_up(desk: Desk) -> None:
    status, out, _ = desk.run("cost", "--gb-a-day", "1", "--months", "24", "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert status == 0 and len(rows) == 24
    last = rows[-1]
    lines = [name for name in last if name not in ("month", "begins", "dollars") and not name.startswith("gb ")]
    assert float(last["dollars"]) == pytest.approx(sum(float(last[name]) for name in lines), abs=0.001)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--gb-a-day", "1", "--db-gb", "2"), "--gb-a-day says all there is"),
        (("--change-percent", "1"), "--change-percent goes with"),
        (("--gb-a-day", "1", "--csv", "--monthly"), "--csv stands alone"),
        (("--gb-a-day", "-1"), "not in the range"),
    ],
)
def test_what_makes_no_sense_is_refused(desk: Desk, words: tuple[str, ...], told: str) -> None:
    assert told in desk.said("cost", *words, code=2)


def test_rules_that_cannot_be_read_are_refused_by_name(desk: Desk) -> None:
    assert "one of mission, hours, cheapest, off" in desk.said("cost", "--gb-a-day", "1", "--policy", "none", code=10)
    (desk.folder / "odd.json").write_text("[]")
    assert "no JSON object" in desk.said("cost", "--gb-a-day", "1", "--policy", "odd.json", code=10)


def test_own_prices_win_and_a_damaged_file_is_refused_with_its_line(desk: Desk) -> None:
    (desk.folder / "own.toml").write_text('region = "me-south-1"\n[class.STANDARD]\ngb_month = 0.046\n')
    usual = desk.json("cost", "--gb-a-day", "1", "--policy", "off")
    dear = desk.json("cost", "--gb-a-day", "1", "--policy", "off", "--prices", "own.toml")
    assert dear["policy"]["months"][-1]["lines"]["STANDARD"] == pytest.approx(
        2 * usual["policy"]["months"][-1]["lines"]["STANDARD"]
    )
    assert "own.toml" in dear["prices"]
    (desk.folder / "own.toml").write_text("[class.STANDARD]\ngb_month = -1\n")
    said = desk.said("cost", "--gb-a-day", "1", "--prices", "own.toml", code=10)
    assert "line 2 of own.toml" in said and "price-file-invalid" in said


def test_a_folder_has_no_price_unless_somebody_says_what_if(desk: Desk) -> None:
    desk.variables |= {"LIFEBOAT_REPOSITORY": str(desk.folder / "copies"), "BACKUP_ENCRYPTION_KEY": "5e" * 32}
    desk.variables["UPLOADS_DIR"] = str(desk.folder / "uploads")
    (desk.folder / "uploads").mkdir()
    (desk.folder / "uploads" / "a").write_bytes(b"x" * 1000)
    desk.said("init", "--yes")
    desk.said("backup", "files")
    said = desk.said("cost", code=10)
    assert "it is a folder" in said and "lifeboat cost --policy mission" in said
    assert desk.json("cost", "--policy", "mission")["now"]["gb"]["STANDARD"] > 0


def test_the_real_repository_is_listed_with_its_older_versions(shop: Desk, aws_server: MotoAws) -> None:
    assert "not at Amazon" in shop.said("cost", code=10)
    s3 = aws_server.client("s3")
    s3.put_bucket_versioning(Bucket="town", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="town", Key="shop/config/old", Body=b"o" * 5000)
    s3.delete_object(Bucket="town", Key="shop/config/old")
    said = shop.json("cost", "--prices", "prices.toml")
    listed = s3.list_objects_v2(Bucket="town", Prefix="shop/")["Contents"]
    assert said["now"]["gb"]["STANDARD"] * 2**30 == pytest.approx(sum(one["Size"] for one in listed))
    assert said["now"]["objects"]["STANDARD"] == len(listed)
    versions = s3.list_object_versions(Bucket="town", Prefix="shop/")["Versions"]
    old = sum(one["Size"] for one in versions if not one["IsLatest"])
    assert said["now"]["versions_gb"]["STANDARD"] * 2**30 == pytest.approx(old) and old >= 5000
    assert "rough" in said["basis"]
    assert said["growth"][0]["what"] == "files" and said["growth"][0]["full_bytes"] > 0
    assert said["policy"]["name"] == "mission", "the bucket has no rules: those of the settings"


def test_the_buckets_own_rules_are_what_is_projected(shop: Desk, aws_server: MotoAws) -> None:
    aws_server.client("s3").put_bucket_lifecycle_configuration(Bucket="town", LifecycleConfiguration=CHECKLIST)
    said = shop.json("cost", "--prices", "prices.toml")
    assert said["policy"]["name"] == "the bucket's"
    assert "STANDARD_IA" in said["policy"]["months"][20]["gb"]


def test_alerts_look_once_a_day_and_pages_read_what_was_kept(shop: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    (shop.folder / "lifeboat.toml").write_text('[aws]\nprices = "prices.toml"\n[alerts]\ncost_month = 0.0000001\n')
    settings = read_settings(None, shop.variables, shop.folder)
    assert b"lifeboat_cost_month_dollars " not in metrics_page(settings, SystemClock())
    found = Alerting(settings, SystemClock()).check().open
    (budget,) = [one for one in found if one.key.startswith("budget")]
    assert "lifeboat cost --compare" in budget.to_do
    kept = Costing(settings, SystemClock()).remembered()
    assert kept is not None and kept.month > 0
    page = metrics_page(settings, SystemClock())
    assert b"lifeboat_cost_month_dollars " in page and b"lifeboat_projected_cost_dollars " in page
    shown = DashboardFacts(None, shop.variables, shop.folder, SystemClock(), lambda: settings, str).cost()
    assert (shown.month, shown.year, shown.budget) == (kept.month, kept.year, 0.0000001)

    def refused(*_: object) -> None:
        raise AssertionError("the repository was opened again within the day")

    monkeypatch.setattr("lifeboat.app.costing.build_repository", refused)
    assert Costing(settings, SystemClock()).look_again() == kept


def test_a_place_without_a_price_is_never_looked_at(shop: Desk) -> None:
    settings = read_settings(None, shop.variables, shop.folder)
    assert Costing(settings, SystemClock()).look_again() is None
    assert Alerting(settings, SystemClock()).facts(SystemClock().now()).cost_month is None


def test_who_looks_every_minute_lists_everything_once_an_hour(shop: Desk, aws_server: MotoAws) -> None:
    lifeboat = Lifeboat(read_settings(None, shop.variables, shop.folder))
    first = lifeboat.status(size_may_be_seconds=3600).stored_bytes
    aws_server.client("s3").put_object(Bucket="town", Key="shop/config/new", Body=b"n" * 1000)
    assert first is not None
    assert lifeboat.status(size_may_be_seconds=3600).stored_bytes == first
    assert lifeboat.status().stored_bytes == first + 1000, "whoever asks once gets what is there now"
