"""Price lists: the one that comes along, one of the user's over it, damaged ones, and what bringing archives back takes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeboat.cloud.lifecycle.presets import MINIMUM_DAYS
from lifeboat.cloud.lifecycle.rules import WATERFALL
from lifeboat.cloud.prices.load import PriceFileInvalid, load_prices
from lifeboat.cloud.prices.prices import GB
from lifeboat.cloud.prices.retrieval import Held, SpeedNotOffered, download_cost, retrieval_cost

PRICES = load_prices("us-east-1")


def own(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(text)
    return path


def test_every_class_that_an_age_rule_can_name_has_a_price_and_its_minimum_days():
    assert set(PRICES.classes) == set(WATERFALL)
    assert {name: one.minimum_days for name, one in PRICES.classes.items() if one.minimum_days} == MINIMUM_DAYS


def test_a_list_says_its_date_and_where_it_is_from():
    assert PRICES.dated.year >= 2026 and PRICES.sources
    assert PRICES.words == "prices of us-east-1 of 2026-05-31"


def test_another_regions_prices_are_not_passed_off_as_its_own():
    other = load_prices("me-south-1")
    assert other.is_of_another_region
    assert "there is no list for me-south-1" in other.words and "[aws]" in other.words


def test_standard_gets_cheaper_by_tier():
    # 51,200 GB at 0.023 = 1,177.60; 460,800 GB at 0.022 = 10,137.60; 1,000 GB at 0.021 = 21.00
    standard = PRICES.of("STANDARD")
    assert standard.storage(100) == pytest.approx(2.30)
    assert standard.storage(513_000) == pytest.approx(1177.60 + 10137.60 + 21.00)


@given(st.floats(0, 2e6), st.floats(0, 2e6))
def test_more_never_costs_less(one: float, other: float):
    less, more = sorted((one, other))
    for prices in PRICES.classes.values():
        assert prices.storage(less) <= prices.storage(more) + 1e-9


def test_a_file_wins_entry_by_entry(tmp_path: Path):
    path = own(tmp_path, 'region = "me-south-1"\ndated = 2026-11-01\n[class.STANDARD]\ngb_month = 0.025\n')
    prices = load_prices("me-south-1", path)
    assert prices.of("STANDARD").storage(100) == pytest.approx(2.50)
    assert prices.of("STANDARD").puts == 0.005
    assert prices.of("GLACIER").gb_month[0].price == 0.0036
    assert not prices.is_of_another_region
    assert prices.words == "prices of me-south-1 of 2026-11-01 (prices.toml)"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[class.STANDARD\n", "at line 1"),
        ("\n[class.STANDARD]\nputs = 0.005\ngb_month = -0.1\n", "line 4 of"),
        ('[class.STANDARD]\ngb_month = "0.023"\n', "line 2 of"),
        ("[class.STANDARD]\ngb_mont = 0.023\n", "line 2 of"),
        ("[class.STANDRAD]\ngb_month = 0.023\n", "line 1 of"),
        ("[class.GLACIER]\nputs = 0.03\n[class.GLACIER.restore]\nslow = {gb = 1}\n", "line 4 of"),
        ("[class.GLACIER.restore]\nbulk = {gb = true}\n", "line 2 of"),
        ("[class.STANDARD]\ngb_month = [{price = 1}, {price = 2}]\n", "line 2 of"),
        (
            "[class.STANDARD]\ngb_month = [{up_to_gb = 5, price = 1}, {up_to_gb = 5, price = 1}, {price = 2}]\n",
            "tier 2",
        ),
        ("[class.STANDARD]\ngb_month = []\n", "is empty"),
        ("[class.STANDARD]\nputs = 5000\n", "no price in dollars"),
        ("[class.STANDARD]\nputs = nan\n", "no price in dollars"),
        ('currency = "EUR"\n', "line 1 of"),
        ('dated = "yesterday"\n', "no date"),
        ("class = 3\n", "is no table"),
        ("[class.GLACIER.restore.expedited]\nminutes = [5, 1]\n", "two numbers"),
        ("[class.DEEP_ARCHIVE.restore.expedited]\ngb = 1\n", "lacks minutes, requests"),
    ],
)
def test_a_damaged_file_is_refused_with_its_line(tmp_path: Path, text: str, said: str):
    with pytest.raises(PriceFileInvalid) as refused:
        load_prices(None, own(tmp_path, text))
    assert said in refused.value.message
    assert refused.value.hint


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path):
    with pytest.raises(PriceFileInvalid, match="cannot be read: no such file"):
        load_prices(None, tmp_path / "none.toml")
    (tmp_path / "odd.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(PriceFileInvalid, match="it is no text"):
        load_prices(None, tmp_path / "odd.toml")


def test_bringing_glacier_back_by_speed():
    held = [Held("GLACIER", 2_000, 100 * GB)]
    # Standard: 100 x 0.01 + 2 x 0.05 = 1.10, and 2 x 0.0004 for reading; copies: 100 GB x 7/30.4 x 0.023 = 0.5296
    standard = retrieval_cost(held, "standard", PRICES)
    assert standard.retrieval == pytest.approx(1.10 + 0.0008)
    assert standard.copies == pytest.approx(0.52961, abs=1e-5)
    assert (standard.hours_least, standard.hours_most) == (3, 5)
    # Bulk is free but for reading; expedited: 100 x 0.03 + 2 x 10.00 = 23.00
    assert retrieval_cost(held, "bulk", PRICES).retrieval == pytest.approx(0.0008)
    assert retrieval_cost(held, "bulk", PRICES).hours_most == 12
    assert retrieval_cost(held, "expedited", PRICES).retrieval == pytest.approx(23.0008)


def test_several_classes_take_as_long_as_the_slowest():
    held = [Held("GLACIER", 1, GB), Held("DEEP_ARCHIVE", 1, GB), Held("GLACIER_IR", 1, GB), Held("STANDARD", 1, GB)]
    both = retrieval_cost(held, "bulk", PRICES)
    assert both.hours_most == 48
    # Deep Archive bulk 0.0025 + 0.000025; GLACIER_IR retrieval 0.03; requests 1/1000 of 0.0004 x 3 + 0.01
    assert both.retrieval == pytest.approx(0.0025 + 0.000025 + 0.03 + 0.0000112)


def test_deep_archive_is_never_expedited():
    with pytest.raises(SpeedNotOffered, match="DEEP_ARCHIVE"):
        retrieval_cost([Held("DEEP_ARCHIVE", 1, GB)], "expedited", PRICES)
    assert retrieval_cost([Held("DEEP_ARCHIVE", 0, 0)], "expedited", PRICES).dollars == 0


def test_what_is_read_at_once_needs_no_hours():
    at_once = retrieval_cost([Held("STANDARD_IA", 1000, 10 * GB)], "standard", PRICES)
    assert (at_once.hours_most, at_once.copies) == (0, 0)
    assert at_once.dollars == pytest.approx(10 * 0.01 + 0.001)


def test_reading_from_outside_is_free_up_to_a_hundred_gb_a_month():
    assert download_cost(100 * GB, PRICES) == 0
    assert download_cost(110 * GB, PRICES) == pytest.approx(0.90)
