"""Time-series collections come back bucket by bucket, into an empty place and over whatever is live."""

import datetime
from collections.abc import Iterator
from typing import Any

import pytest
from mongod import private_server
from mongodb_samples import Client, everything_in, fill_series
from pymongo import MongoClient
from test_restore import Kept, restore

from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.finding import any_problem
from lifeboat.sources.mongodb.catalog import CollectionEntry
from lifeboat.sources.mongodb.errors import LandingDiffers, RestorePlanInvalid, TargetNotEmpty
from lifeboat.sources.mongodb.landing import Target
from lifeboat.sources.mongodb.landing_names import is_ours, landing_name
from lifeboat.sources.mongodb.restore import carry_out
from lifeboat.sources.mongodb.restore_plan import plan_restore

CLOCK = SystemClock()
LATER = datetime.datetime(2026, 6, 1)
OTHER = {
    "views over it": lambda shop: [
        shop.create_collection("weather", timeseries={"timeField": "at", "metaField": "place"}),
        shop.create_collection("warm", viewOn="weather", pipeline=[]),
    ],
    "collection": lambda shop: shop.weather.insert_many(
        {"at": LATER, "place": {"city": "c1"}, "n": n} for n in range(5)
    ),
    "view": lambda shop: shop.create_collection("weather", viewOn="cities", pipeline=[], collation={"locale": "sv"}),
    "other fields": lambda shop: shop.create_collection(
        "weather", timeseries={"timeField": "when", "metaField": "what"}
    ),
    "other granularity": lambda shop: shop.create_collection(
        "weather", timeseries={"timeField": "at", "metaField": "place", "granularity": "hours"}
    ),
}


@pytest.fixture
def weather(client: Client, database: str) -> Iterator[str]:
    fill_series(client, database, expireAfterSeconds=10**8, collation={"locale": "sv"})
    client[database].cities.insert_one({"_id": "c1"})
    client[database].create_collection(
        "warm", viewOn="weather", pipeline=[{"$match": {"degrees": {"$gt": 30}}}], collation={"locale": "sv"}
    )
    yield database


def assert_works(client: Client, database: str, measurements: int = 60) -> None:
    """The series takes and gives measurements, and the server finds nothing wrong with it."""
    shop = client[database]
    assert len(list(shop.weather.find())) == measurements
    shop.weather.insert_many({"at": datetime.datetime(2026, 1, 1, n), "place": {"city": "c1"}} for n in range(20))
    assert len(list(shop.weather.find({"place.city": "c1"}))) >= 20
    assert shop.command("validate", "system.buckets.weather")["valid"]


def test_into_an_empty_place_and_renamed(client: Client, weather: str) -> None:
    before, kept = everything_in(client, weather), Kept(client, weather)
    report = restore(client, kept, Target.EMPTY_PLACE, renames=[f"{weather}={weather}_copy"])
    assert everything_in(client, weather + "_copy") == before
    assert not report.findings
    assert_works(client, weather + "_copy")
    restore(client, kept, Target.OVER_LIVE, renames=[f"{weather}.weather={weather}.rain"], only=[f"{weather}.weather"])
    after = everything_in(client, weather)
    assert (
        after.pop("rain") == before["weather"] and after.pop("system.buckets.rain") == before["system.buckets.weather"]
    )
    assert after == before


def test_over_the_live_one(client: Client, weather: str) -> None:
    before, kept = everything_in(client, weather), Kept(client, weather)
    client[weather].weather.insert_many({"at": LATER, "place": {"city": "c1"}} for _ in range(20))
    client[weather].weather.drop_index("degrees")
    plan = plan_restore(client, kept.entries, target=Target.OVER_LIVE)
    assert f"{weather}.weather: timeseries, replaces a time-series collection of about" in plan.lines()[2]
    report = carry_out(plan, client, kept.read_chunks, clock=CLOCK)
    assert everything_in(client, weather) == before
    assert not report.findings
    assert {each.namespace: each.result for each in report.collections}[f"{weather}.weather"] == "replaced"
    assert_works(client, weather)


@pytest.mark.parametrize("other", OTHER)
def test_over_whatever_else_has_its_name(client: Client, weather: str, other: str) -> None:
    before, kept = everything_in(client, weather), Kept(client, weather)
    for name in ("weather", "warm"):
        client[weather][name].drop()
    OTHER[other](client[weather])
    report = restore(client, kept, Target.OVER_LIVE)
    assert everything_in(client, weather) == before
    assert not report.findings
    assert_works(client, weather)


def test_what_was_a_collection_or_a_view_comes_back_over_a_time_series(client: Client, database: str) -> None:
    shop = client[database]
    shop.weather.insert_one({"_id": 1})
    shop.create_collection("rain", viewOn="weather", pipeline=[])
    before, kept = everything_in(client, database), Kept(client, database)
    shop.rain.drop()
    shop.weather.drop()
    fill_series(client, database)
    fill_series(client, database, "rain")
    with pytest.raises(TargetNotEmpty, match=f"{database}.rain, {database}.weather"):
        restore(client, kept, Target.EMPTY_PLACE)
    report = restore(client, kept, Target.OVER_LIVE)
    assert everything_in(client, database) == before
    assert not report.findings


def test_an_empty_series_that_the_application_made_is_filled_and_a_full_one_refused(
    client: Client, weather: str
) -> None:
    before, kept, swedish = everything_in(client, weather), Kept(client, weather), {"locale": "sv"}
    with pytest.raises(TargetNotEmpty, match="weather"):
        restore(client, kept, Target.EMPTY_PLACE, only=[f"{weather}.weather"])
    client[weather].weather.drop()
    client[weather].create_collection(
        "weather", timeseries={"timeField": "at", "metaField": "place"}, collation=swedish
    )
    plan = plan_restore(client, kept.entries, target=Target.EMPTY_PLACE, only=[f"{weather}.weather"])

    def late_writer(entry: CollectionEntry) -> Iterator[bytes]:
        yield from kept.read_chunks(entry)
        client[weather].weather.insert_one({"at": LATER, "place": {"city": "c1"}})

    with pytest.raises(TargetNotEmpty, match="not any more"):
        carry_out(plan, client, late_writer, clock=CLOCK)
    assert len(list(client[weather].weather.find())) == 1
    client[weather].weather.drop()
    client[weather].create_collection(
        "weather", timeseries={"timeField": "at", "metaField": "place"}, collation=swedish
    )
    restore(client, kept, Target.EMPTY_PLACE, only=[f"{weather}.weather"])
    assert everything_in(client, weather) == before


def test_a_damaged_landing_is_noticed_and_the_live_series_stays(client: Client, weather: str) -> None:
    kept = Kept(client, weather)
    client[weather].weather.insert_one({"at": LATER, "place": {"city": "c1"}})
    before = everything_in(client, weather)
    plan = plan_restore(client, kept.entries, target=Target.OVER_LIVE)
    [landing] = [landing for landing in plan.landings if landing.is_series]

    def damaging(change: Any) -> Any:
        def read_chunks(entry: CollectionEntry) -> Iterator[bytes]:
            yield from kept.read_chunks(entry)
            if entry.is_series:
                landed = client[weather][landing.temporary]
                while not landed.find_one():
                    CLOCK.sleep(0.01)
                change(landed)

        return read_chunks

    for change in (lambda landed: landed.delete_one({}), lambda landed: landed.create_index("control.min.surplus")):
        with pytest.raises(LandingDiffers, match=f"{weather}.weather"):
            carry_out(plan, client, damaging(change), clock=CLOCK)
    after = {name: held for name, held in everything_in(client, weather).items() if not is_ours(name)}
    assert after == before


def test_expired_buckets_are_not_deleted_before_all_is_compared(client: Client, database: str) -> None:
    fill_series(client, database)
    before, kept = everything_in(client, database), Kept(client, database)
    expiring = kept.entries[0].metadata.replace('"options":{', '"options":{"expireAfterSeconds":{"$numberLong":"60"},')
    assert expiring != kept.entries[0].metadata
    kept.entries = (CollectionEntry(database, "weather", "timeseries", expiring),)

    def slowly(entry: CollectionEntry) -> Iterator[bytes]:
        yield from kept.read_chunks(entry)
        CLOCK.sleep(1.5)  # the TTL monitor runs every second

    plan = plan_restore(client, kept.entries, target=Target.OVER_LIVE)
    report = carry_out(plan, client, slowly, clock=CLOCK)
    assert report.documents == len(before["system.buckets.weather"]["documents"]) and not report.findings
    for _ in range(100):
        if not list(client[database].weather.find()):
            break
        CLOCK.sleep(0.1)
    assert not list(client[database].weather.find())


def test_buckets_that_are_not_ours_are_never_cleared_away(client: Client, weather: str) -> None:
    kept = Kept(client, weather)
    operation = {"op": "c", "ns": f"{weather}.$cmd", "o": {"drop": "weather"}}
    client.admin.command("applyOps", [operation])
    before = everything_in(client, weather)
    with pytest.raises(RestorePlanInvalid, match=r"system\.buckets\.weather lies under"):
        restore(client, kept, Target.OVER_LIVE)
    assert everything_in(client, weather) == before
    client[weather]["system.buckets.weather"].delete_many({})
    assert restore(client, kept, Target.OVER_LIVE).documents


def test_what_another_dead_restore_left_is_cleared_away(client: Client, weather: str) -> None:
    before, kept = everything_in(client, weather), Kept(client, weather)
    with pytest.raises(ZeroDivisionError):
        restore(client, dying(kept), Target.OVER_LIVE)
    client[weather].weather.drop()
    with pytest.raises(ZeroDivisionError):
        restore(client, dying(kept), Target.OVER_LIVE)
    client[weather].cities.drop()
    restore(client, kept, Target.OVER_LIVE)
    assert everything_in(client, weather) == before
    with pytest.raises(ZeroDivisionError):
        restore(client, dying(kept), Target.OVER_LIVE)
    client[weather].weather.drop()
    client[weather].weather.insert_one({"_id": 1})
    ordinary = Kept(client, weather)
    client[weather].weather.delete_many({})
    restore(client, ordinary, Target.OVER_LIVE, only=[f"{weather}.weather"])
    assert list(client[weather].weather.find()) == [{"_id": 1}]
    left = {landing_name("cities")}  # of a restore that was not run again
    assert {name for name in everything_in(client, weather) if is_ours(name)} == left


def dying(kept: Kept) -> Any:
    class Dying:
        entries = kept.entries

        @staticmethod
        def read_chunks(entry: CollectionEntry) -> Iterator[bytes]:
            yield from kept.read_chunks(entry)
            if entry.is_series:
                raise ZeroDivisionError

    return Dying


def test_buckets_that_may_mix_types_are_said_where_the_server_cannot_be_told(client: Client, weather: str) -> None:
    kept = Kept(client, weather)
    kept.entries = tuple(
        CollectionEntry(e.database, e.name, e.kind, e.metadata.replace('"mixed":false', '"mixed":true'))
        for e in kept.entries
    )
    report = restore(client, kept, Target.EMPTY_PLACE, renames=[f"{weather}={weather}_copy"])
    assert [finding.code for finding in report.findings] == ["time-series-mixed"]
    assert not any_problem(report.findings)


def test_on_a_standalone_and_under_a_name_as_long_as_can_be() -> None:
    with private_server(nodes=0) as server, MongoClient(server.uri) as client:
        name = "x" * (255 - len("shop.system.buckets."))
        fill_series(client, "shop")
        fill_series(client, "shop", name)
        before, kept = everything_in(client, "shop"), Kept(client, "shop")
        client.shop[name].insert_one({"at": LATER, "place": {"city": "c1"}})
        client.shop.weather.drop()
        report = restore(client, kept, Target.OVER_LIVE)
        assert not report.findings
        assert everything_in(client, "shop") == before
        with pytest.raises(RestorePlanInvalid, match="255 bytes"):
            restore(client, kept, Target.OVER_LIVE, renames=[f"shop.{name}=shop.{name}y"])
