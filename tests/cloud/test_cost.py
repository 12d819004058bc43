"""The cost model against bills computed by hand; the arithmetic stands beside each."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifeboat.cloud.cost.bill import Beside, bills, standing, total_of
from lifeboat.cloud.cost.cohort import Cohort, Policy, Stage, cohort_of
from lifeboat.cloud.cost.coming import ArchiveGrowth, Growth, coming, everything_kept, long_ends, short_ends
from lifeboat.cloud.cost.lying import gather
from lifeboat.cloud.cost.usage import MONTH, Usage
from lifeboat.cloud.lifecycle.presets import preset
from lifeboat.cloud.lifecycle.rules import Lifecycle, Rule, Transition
from lifeboat.cloud.prices.load import load_prices
from lifeboat.cloud.prices.prices import GB, ClassPrices, Prices
from lifeboat.repository.names import Source
from lifeboat.retention.rules import Rules
from lifeboat.storage.object_store import StoredObject

PRICES = load_prices()
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
CHECKLIST = Policy(
    "the checklist's own",
    Lifecycle(
        (
            Rule(
                "seed",
                transitions=(Transition("STANDARD_IA", 30), Transition("GLACIER", 365)),
                expire_days=2555,
            ),
        )
    ),
    versions_kept=False,
)
NO_RULES = Policy("off", Lifecycle(), versions_kept=False)


def billed(cohorts: list[Cohort], months: int, prices: Prices = PRICES, begin: datetime = BEGIN):
    return bills(Usage(begin, months, prices).add(cohorts), prices)


def one(gb: float, *stages: tuple[float, str], gone: float | None = None, count: float = 1) -> Cohort:
    """One cohort; days after ``BEGIN``."""
    told = tuple(Stage(BEGIN + DAY * day, name) for day, name in stages)
    return Cohort(gb * GB / count, count, told, None if gone is None else BEGIN + DAY * gone)


# --- by hand ---------------------------------------------------------------------------------------------------------


def test_ten_gb_in_standard_for_a_month():
    (bill,) = billed([one(10, (0, "STANDARD"), count=1000)], 1)
    # 10 GB x 0.023 = 0.23; 1,000 PUT = 0.005
    assert bill.storage == {"STANDARD": pytest.approx(0.23)}
    assert bill.requests == pytest.approx(0.005)
    assert bill.total == pytest.approx(0.235)


def test_what_comes_and_goes_within_a_month_is_billed_for_its_days():
    first, second = billed([one(10, (7.6, "STANDARD"), gone=38)], 2)
    # From 1/4 of the first month to 1/4 of the second: 7.5 and 2.5 GB-months
    assert first.storage["STANDARD"] == pytest.approx(7.5 * 0.023)
    assert second.storage["STANDARD"] == pytest.approx(2.5 * 0.023)


def test_a_move_is_billed_once_and_the_rest_at_the_new_price():
    found = billed([one(100, (0, "STANDARD"), (30.4, "STANDARD_IA"), count=4000)], 3)
    assert [bill.moves for bill in found] == pytest.approx([0, 4 * 0.01, 0])
    assert found[0].storage == {"STANDARD": pytest.approx(2.30)}
    assert found[2].storage == {"STANDARD_IA": pytest.approx(1.25)}


def test_archived_objects_carry_forty_kilobytes_each():
    (bill,) = billed([one(1, (0, "GLACIER"), count=100_000)], 1)
    # 100,000 x 32 KiB = 3.0518 GB at 0.0036, 100,000 x 8 KiB = 0.7629 GB at STANDARD's 0.023
    assert bill.overhead == pytest.approx(3.0517578 * 0.0036 + 0.7629395 * 0.023)
    # PUT straight into GLACIER: 100 x 0.03
    assert bill.requests == pytest.approx(3.0)


def test_small_objects_in_infrequent_access_are_billed_as_128_kb():
    (bill,) = billed([Cohort(28 * 1024, 8192, (Stage(BEGIN, "STANDARD_IA"),))], 1)
    # 8,192 x 28 KiB = 0.21875 GB are there, 8,192 x 100 KiB = 0.78125 GB are billed beside them
    assert bill.storage["STANDARD_IA"] == pytest.approx(0.21875 * 0.0125)
    assert bill.overhead == pytest.approx(0.78125 * 0.0125)


def test_deleting_too_soon_is_billed_to_the_end_of_the_minimum():
    (bill,) = billed([one(100, (0, "DEEP_ARCHIVE"), gone=15.2)], 1)
    # 180 - 15.2 days are left: 164.8 / 30.4 months x 100 GB x 0.00099
    assert bill.early == pytest.approx(164.8 / 30.4 * 100 * 0.00099)
    assert bill.storage["DEEP_ARCHIVE"] == pytest.approx(0.5 * 100 * 0.00099)


def test_moving_on_too_soon_is_billed_too_and_staying_long_enough_is_not():
    soon = billed([one(10, (0, "STANDARD"), (30, "STANDARD_IA"), (40, "GLACIER"))], 2)
    assert sum(bill.early for bill in soon) == pytest.approx(20 / 30.4 * 10 * 0.0125)
    late = billed([one(10, (0, "STANDARD"), (30, "STANDARD_IA"), (60, "GLACIER"))], 6)
    assert sum(bill.early for bill in late) == 0


def test_deleted_versions_are_billed_until_they_are_gone():
    policy = Policy("versions", Lifecycle((Rule("all", noncurrent_days=35),)))
    cohort = cohort_of(policy, "a", 10 * GB, 1, BEGIN, BEGIN + 30 * DAY)
    found = billed([cohort], 3)
    # 30 days seen, 35 days hidden: 300 and 350 GB-days
    assert sum(sum(bill.storage.values()) for bill in found) == pytest.approx(300 / 30.4 * 0.023)
    assert sum(bill.versions for bill in found) == pytest.approx(350 / 30.4 * 0.023)


def test_without_a_rule_for_versions_they_are_billed_for_ever():
    cohort = cohort_of(Policy("none", Lifecycle()), "a", GB, 1, BEGIN, BEGIN + 30 * DAY)
    assert billed([cohort], 84)[-1].versions == pytest.approx(0.023)


def test_kms_and_cloudwatch_when_they_are_switched_on():
    usage = Usage(BEGIN, 1, PRICES).add([one(1, (0, "STANDARD"), count=10_000)])
    (bill,) = bills(usage, PRICES, Beside(kms=True, metrics=12, alarms=11))
    # key 1.00 + 10,000 requests 0.03; two metrics beyond ten 0.60, one alarm beyond ten 0.10
    assert bill.kms == pytest.approx(1.03)
    assert bill.cloudwatch == pytest.approx(0.70)
    assert bills(usage, PRICES)[0].kms == bills(usage, PRICES)[0].cloudwatch == 0


def test_reads_and_downloads():
    usage = Usage(BEGIN, 1, PRICES)
    usage.read["GLACIER_IR"].add(0, 50)
    usage.gets["GLACIER_IR"].add(0, 2000)
    usage.out.add(0, 150)
    (bill,) = bills(usage, PRICES)
    # 50 GB x 0.03; 2 x 0.01; (150 - 100) x 0.09
    assert (bill.reads, bill.requests, bill.download) == pytest.approx((1.5, 0.02, 4.5))


# --- the checklist's own figures -------------------------------------------------------------------------------------


def seed(days: int, gb_a_day: float) -> list[Cohort]:
    return list(everything_kept(gb_a_day * GB, CHECKLIST, BEGIN, BEGIN + days * DAY))


def test_the_checklists_policy_after_twelve_months_and_in_the_end():
    cohorts = seed(2700, 1.0)
    after_a_year = sum(standing(cohorts, BEGIN + 364.5 * DAY, PRICES).values())
    in_the_end = sum(standing(cohorts, BEGIN + 2690.5 * DAY, PRICES).values())
    # 30 GB x 0.023 + 335 GB x 0.0125 = 4.8775; and 2,190 GB x 0.0036 more = 12.7615
    assert after_a_year == pytest.approx(4.8775)
    assert in_the_end == pytest.approx(12.7615)


def test_half_a_gb_hourly_and_five_daily_break_the_budget():
    cohorts = seed(2700, 24 * 0.5 + 5)
    assert sum(standing(cohorts, BEGIN + 364.5 * DAY, PRICES).values()) == pytest.approx(83, abs=0.5)
    assert sum(standing(cohorts, BEGIN + 2690.5 * DAY, PRICES).values()) == pytest.approx(217, abs=0.5)


def test_sixty_five_objects_of_one_gb():
    # 24 hourly + 14 daily + 8 weekly + 12 monthly + 7 yearly = 65; x 0.023 = 1.495
    (bill,) = billed([one(1, (0, "STANDARD")) for _ in range(65)], 1)
    assert bill.storage["STANDARD"] == pytest.approx(1.50, abs=0.01)


def test_the_months_agree_with_the_moment():
    found = billed(seed(2700, 1.0), 88)
    assert sum(found[-1].storage.values()) == pytest.approx(12.7615, rel=1e-3)


# --- properties ------------------------------------------------------------------------------------------------------

CLASSES = st.sampled_from(sorted(PRICES.classes))


@st.composite
def cohorts(draw: st.DrawFn) -> Cohort:
    at, stages = draw(st.floats(-400, 300)), []
    for name in draw(st.lists(CLASSES, min_size=1, max_size=3)):
        stages.append(Stage(BEGIN + DAY * at, name, draw(st.booleans())))
        at += draw(st.floats(0.1, 400))
    gone = BEGIN + DAY * at if draw(st.booleans()) else None
    return Cohort(draw(st.floats(0, 1e12)), draw(st.floats(0, 1e5)), tuple(stages), gone)


@given(st.lists(cohorts(), max_size=4))
@settings(deadline=None)
def test_nothing_is_ever_negative_and_the_lines_are_the_total(some: list[Cohort]):
    for bill in billed(some, 12):
        assert all(dollars >= 0 for dollars in bill.lines().values())
        assert bill.total == pytest.approx(sum(bill.lines().values()))


@given(cohorts(), st.floats(1, 10))
@settings(deadline=None)
def test_more_bytes_never_cost_less(cohort: Cohort, factor: float):
    larger = Cohort(cohort.each_bytes * factor, cohort.count, cohort.stages, cohort.gone)
    assert total_of(billed([cohort], 24)) <= total_of(billed([larger], 24)) + 1e-6


@given(cohorts())
@settings(deadline=None)
def test_no_objects_cost_nothing(cohort: Cohort):
    assert total_of(billed([Cohort(cohort.each_bytes, 0, cohort.stages, cohort.gone)], 24)) == 0


@given(CLASSES, st.floats(0, 700), st.floats(0.01, 700), st.floats(0, 1000))
@settings(deadline=None)
def test_storage_over_all_months_is_bytes_times_days_times_price(name: str, since: float, length: float, gb: float):
    found = billed([one(gb, (since, name), gone=since + length)], 60)
    # Fewer GB than the first tier ends at: one price
    price = PRICES.of(name).gb_month[0].price
    stored = sum(sum(bill.storage.values()) for bill in found)
    assert stored == pytest.approx(gb * length / 30.4 * price, abs=1e-5)


@given(st.lists(cohorts(), min_size=1, max_size=3))
@settings(deadline=None)
def test_minimum_durations_never_lower_a_bill(some: list[Cohort]):
    def without(prices: ClassPrices) -> ClassPrices:
        return ClassPrices(**{**{name: getattr(prices, name) for name in ClassPrices.__slots__}, "minimum_days": 0})

    free = Prices(PRICES.region, date(2026, 1, 1), {name: without(one) for name, one in PRICES.classes.items()})
    dear = Prices(PRICES.region, date(2026, 1, 1), PRICES.classes)
    for cheaper, dearer in zip(billed(some, 24, free), billed(some, 24, dear), strict=True):
        assert cheaper.total <= dearer.total + 1e-6


# --- what will come --------------------------------------------------------------------------------------------------


def test_a_month_of_short_goes_with_the_grace_after_its_last_day():
    # February ends on 1 March; 35 daily ones keep its last day until 5 April; seven days of grace
    assert short_ends("2026-02", Rules(daily=35)) == datetime(2026, 4, 12, tzinfo=UTC)
    assert short_ends("2026-02", Rules(hourly=24, daily=0)) == datetime(2026, 3, 15, tzinfo=UTC)


def test_a_months_copy_goes_by_the_monthly_rule_and_decembers_by_the_yearly_too():
    assert long_ends("2026-02", Rules(monthly=84)) == datetime(2033, 3, 8, tzinfo=UTC)
    assert long_ends("2026-02", Rules(monthly=12, yearly=3)) == datetime(2027, 3, 8, tzinfo=UTC)
    assert long_ends("2026-12", Rules(monthly=12, yearly=3)) == datetime(2030, 1, 8, tzinfo=UTC)


def stored_in(months: int, rules: Rules, policy: Policy = NO_RULES, day_gb: float = 0.0) -> list[float]:
    growth = Growth(Source.MONGODB, 10 * GB, day_gb * GB, runs_a_day=0)
    return [
        bill.all_gb
        for bill in billed(list(coming([growth], None, rules, policy, BEGIN, BEGIN + MONTH * months)), months)
    ]


def test_in_the_steady_state_three_months_of_short_and_84_copies_are_kept():
    gb = stored_in(120, Rules())
    # short: a month lives for itself (30.4 days), 35 days and 7: 72.4 days of 30.4 are 2.38 fulls;
    # long: 84 months after its own, and the grace: 85.2 fulls. 10 GB each
    assert gb[-1] == pytest.approx((72.4 / 30.4 + 85.2) * 10, rel=0.02)


def test_without_monthly_copies_only_the_last_weeks_are_kept():
    assert stored_in(24, Rules(monthly=0))[-1] == pytest.approx(72.4 / 30.4 * 10, rel=0.1)


def test_daily_changes_live_as_long_as_their_month():
    with_changes, without = (stored_in(24, Rules(monthly=0), day_gb=gb)[-1] for gb in (0.5, 0.0))
    # On average a change lives half a month, and 42 days: 57.2 x 0.5 GB
    assert with_changes - without == pytest.approx(57.2 * 0.5, rel=0.1)


def test_segments_go_by_the_window_and_their_requests_are_billed():
    archive = ArchiveGrowth(GB, 2880)
    found = billed(list(coming([], archive, Rules(window_days=7), NO_RULES, BEGIN, BEGIN + MONTH * 3)), 3)
    assert found[-1].all_gb == pytest.approx(9, rel=0.05)
    # 2,880 x 30.4 PUT = 87,552 x 0.005 / 1,000 = 0.44
    assert found[0].requests == pytest.approx(0.44, rel=0.03)


def test_the_policies_differ_as_they_should():
    def last(name: str) -> float:
        policy = Policy(name, preset(name, "", Rules(), 35))
        growth = Growth(Source.FILES, 100 * GB, GB, 1.0)
        return billed(list(coming([growth], None, Rules(), policy, BEGIN, BEGIN + MONTH * 84)), 84)[-1].total

    off = billed(
        list(coming([Growth(Source.FILES, 100 * GB, GB, 1.0)], None, Rules(), NO_RULES, BEGIN, BEGIN + MONTH * 84)), 84
    )[-1].total
    assert last("cheapest") < last("hours") < last("mission") < off


# --- what lies there -------------------------------------------------------------------------------------------------


def stored(name: str, size: int, day: datetime, storage_class: str = "STANDARD") -> StoredObject:
    return StoredObject(name, size, day, storage_class)


def test_what_lies_there_is_gathered_by_class_and_goes_on_its_way():
    now = datetime(2026, 6, 10, tzinfo=UTC)
    pack = "a" * 64
    lying = gather(
        [
            stored(f"mongodb/pack/long/2025-01/{pack}", 10 * GB, datetime(2025, 1, 2, tzinfo=UTC), "STANDARD_IA"),
            stored(f"mongodb/pack/short/2026-06/{pack}", 5 * GB, datetime(2026, 6, 2, tzinfo=UTC)),
            stored(f"mongodb/pack/short/2026-01/{pack}", GB, datetime(2026, 1, 2, tzinfo=UTC)),
            stored("mongodb/oplog/2026-06/x/y", 1000, datetime(2026, 6, 9, tzinfo=UTC)),
            stored("config/README.txt", 1000, datetime(2025, 1, 2, tzinfo=UTC)),
        ]
    )
    assert lying.by_class()["STANDARD_IA"] == (10 * GB, 1)
    policy = Policy("mission", preset("mission", "", Rules(), 35))
    found = billed(list(lying.cohorts(policy, Rules(), now)), 3, begin=now)
    assert sum(bill.requests for bill in found) == 0, "what lies there was paid for"
    # January's copy is 524 days old: it is moved to Glacier by tomorrow
    assert found[0].moves == pytest.approx(0.03 / 1000)
    assert found[1].gb["GLACIER"] == pytest.approx(10)
    # January's short is overdue: prune deletes it, and it is billed 35 days more
    assert found[0].gb["STANDARD"] == pytest.approx(6, abs=0.01)
    assert found[2].gb["STANDARD"] == pytest.approx(5, abs=0.01)
