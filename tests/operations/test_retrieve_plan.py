"""The planner, whatever it is given: each object is dealt with once, nothing is paid twice, and prices add up."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeboat.cloud.prices.load import load_prices
from lifeboat.foundation.sizes import GIB
from lifeboat.operations.retrieve.journal import Asked, RetrievalJournal
from lifeboat.operations.retrieve.plan import SHOWS_WITHIN, offers_of, plan_retrieval, ready_at, to_prolong
from lifeboat.storage.archive import ARCHIVE_CLASSES, ArchivedObject, Tier

PRICES = load_prices()
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
MOMENTS = st.integers(-20 * 24 * 60, 20 * 24 * 60).map(lambda minutes: NOW + timedelta(minutes=minutes))
TIERS = st.sampled_from(Tier)


@st.composite
def objects_and_journals(draw: st.DrawFn) -> tuple[list[ArchivedObject], dict[str, Asked]]:
    names = draw(st.lists(st.sampled_from([f"pack/{number:02}" for number in range(30)]), unique=True))
    found = []
    for name in names:
        coming = draw(st.booleans())
        until = None if coming else draw(st.none() | MOMENTS)
        found.append(
            ArchivedObject(
                name, draw(st.integers(0, 64 * 2**20)), draw(st.sampled_from(ARCHIVE_CLASSES)), coming, until
            )
        )
    asked = {name: Asked(draw(TIERS), draw(MOMENTS)) for name in names if draw(st.booleans())}
    return found, asked


@given(objects_and_journals(), st.none() | TIERS)
def test_each_object_is_dealt_with_once_and_nothing_is_paid_twice(
    given_: tuple[list[ArchivedObject], dict[str, Asked]], tier: Tier | None
) -> None:
    found, asked = given_
    plan = plan_retrieval(found, asked, NOW, tier)
    assert sorted([*plan.away, *plan.coming, *plan.readable], key=lambda one: one.name) == sorted(
        found, key=lambda one: one.name
    )
    for one in plan.readable:
        assert one.readable_until is not None and one.readable_until > NOW
    for one in plan.away:
        before = asked.get(one.name)
        assert one.readable_until is None or one.readable_until <= NOW
        faster = tier is not None and before is not None and tier.is_faster_than(before.tier)
        assert not one.coming or faster
        assert before is None or faster or not timedelta() <= NOW - before.at < SHOWS_WITHIN
    assert plan.is_readable == (len(plan.readable) == len(found))
    # Asked for now, all of it is coming: a second plan asks for nothing.
    noted = {**asked, **{one.name: Asked(tier or Tier.BULK, NOW) for one in plan.away}}
    assert plan_retrieval(found, noted, NOW, tier).away == ()


@given(objects_and_journals())
def test_a_faster_tier_is_never_slower_and_what_is_offered_can_be_had(
    given_: tuple[list[ArchivedObject], dict[str, Asked]],
) -> None:
    found, asked = given_
    rows, offers = offers_of(found, PRICES, 7)
    assert sum(one.objects for one in rows) == len(found)
    assert sum(one.bytes for one in rows) == sum(one.size_bytes for one in found)
    assert [one.tier for one in offers] == (list(Tier) if found else [])
    possible = [one.seconds for one in offers if one.seconds is not None]
    assert possible == sorted(possible, reverse=True)
    deep = any(one.storage_class == "DEEP_ARCHIVE" for one in found)
    assert [one.refused_for for one in offers if one.seconds is None] == (["DEEP_ARCHIVE"] if deep else [])
    latest = ready_at(found, asked, PRICES)
    assert latest is None or latest >= min(one.at for one in asked.values())


def test_the_dollars_are_those_of_the_price_list() -> None:
    """By hand: 1 TiB in 42,000 packs from Deep Archive, readable for a week; requests are priced by the thousand."""
    packs = [ArchivedObject(f"pack/{number}", 1024 * GIB // 42_000, "DEEP_ARCHIVE") for number in range(42_000)]
    _, offers = offers_of(packs, PRICES, 7)
    copies, reading = 1024 * 0.023 * 7 / 30.4, 42 * 0.0004
    standard, bulk = 1024 * 0.02 + 42 * 0.10 + copies + reading, 1024 * 0.0025 + 42 * 0.025 + copies + reading
    assert [one.dollars for one in offers] == [pytest.approx(bulk, rel=1e-3), pytest.approx(standard, rel=1e-3), None]
    assert [one.seconds for one in offers] == [48 * 3600, 12 * 3600, None]


def test_copies_that_go_within_two_days_are_prolonged_and_no_others() -> None:
    soon, later = (
        ArchivedObject(name, 1, "GLACIER", False, NOW + timedelta(days=days)) for name, days in (("a", 1.9), ("b", 2.1))
    )
    assert to_prolong([soon, later], NOW) == [soon]


def test_the_journal_remembers_the_last_request_and_passes_over_what_was_cut_off(tmp_path: Path) -> None:
    path, own, other = tmp_path / "retrievals.jsonl", b"a" * 32, b"b" * 32
    journal = RetrievalJournal(path, own)
    assert journal.asked() == {}
    journal.note(["x", "y"], Tier.BULK, NOW)
    journal.note(["y"], Tier.STANDARD, NOW + timedelta(hours=1))
    RetrievalJournal(path, other).note(["x"], Tier.EXPEDITED, NOW)
    path.write_bytes(path.read_bytes() + b'{"names": ["z"')
    journal.note(["z"], Tier.BULK, NOW)
    assert journal.asked() == {
        "x": Asked(Tier.BULK, NOW),
        "y": Asked(Tier.STANDARD, NOW + timedelta(hours=1)),
        "z": Asked(Tier.BULK, NOW),
    }
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_large_journal_forgets_what_is_long_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lifeboat.operations.retrieve.journal.LARGEST_BYTES", 100)
    journal = RetrievalJournal(tmp_path / "retrievals.jsonl", b"a" * 32)
    journal.note(["old"], Tier.BULK, NOW - timedelta(days=61))
    journal.note(["new"], Tier.BULK, NOW - timedelta(days=1))
    journal.note(["newest"], Tier.BULK, NOW)
    assert set(journal.asked()) == {"new", "newest"}
