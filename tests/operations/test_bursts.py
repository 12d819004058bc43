"""What is far more than usual, and what is not: a person who looks for a disaster is shown that one, not the clean-up of every night."""

import random
from collections import Counter
from functools import cache

import pytest
from bson import Timestamp, encode
from hypothesis import given, settings
from hypothesis import strategies as st

from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.operations.bursts import LEAST, QUIET_SECONDS, Burst, Counts, Worth, bursts_among, joined
from lifeboat.operations.suspects import Kind, Suspect
from lifeboat.sources.mongodb.oplog.change import Change

ZERO = 1_800_000_000
DAY = 86_400
NS = "shop.orders"


@cache
def delete(second: float, increment: int = 1, namespace: str = NS, kind: str = "d") -> Change:
    document = encode({"_id": f"{second}-{increment}"})
    return Change(Timestamp(ZERO + int(second), increment), bytes(8), kind, namespace, bytes(16), document, document)


def feed(burst: Burst, change: Change) -> None:
    stored = change.to_bson()
    burst.add(stored, 0, len(stored))


def segments(deletes: dict[int, int], until: int = DAY, every: int = 30) -> list[Counts]:
    """Args: deletes: How many, by second."""
    by_segment: Counter[int] = Counter()
    for second, count in deletes.items():
        by_segment[second // every] += count
    return [
        Counts(ClusterTime(ZERO + (one + 1) * every, 0), {NS: by_segment[one]}, {}) for one in range(until // every)
    ]


def steady(every: int, count: int, until: int = DAY) -> dict[int, int]:
    return dict.fromkeys(range(5, until, every), count)


def test_a_mass_delete_is_found_and_what_a_ttl_index_deletes_is_not() -> None:
    ttl = steady(60, 500)
    assert bursts_among(segments(ttl)) == ([], [(NS, "d")]), "much, but always"
    (worth,), _ = bursts_among(segments({**ttl, 40_000: 20_000}))
    assert worth.first <= ZERO + 40_000 <= worth.last
    assert bursts_among(segments(steady(600, 20)))[0] == [], "now and then a few are no disaster"


def test_a_clean_up_every_hour_is_usual_and_the_one_at_another_time_is_not() -> None:
    hourly = steady(3600, 5000)
    assert bursts_among(segments(hourly)) == ([], [(NS, "d")])
    worth, _ = bursts_among(segments({**hourly, 41_000: 5000}))
    assert any(one.first <= ZERO + 41_000 <= one.last for one in worth), (
        "in even distances no longer: better shown than not"
    )


def test_a_disaster_of_many_minutes_is_one_and_begins_where_it_began() -> None:
    slow = dict.fromkeys(range(40_000, 41_800), 40)
    (worth,), _ = bursts_among(segments({**steady(60, 30), **slow}))
    burst = Burst(worth)
    for second, count in sorted({**steady(60, 30), **slow}.items()):
        for number in range(count):
            feed(burst, delete(second, number + 1))
    (found,) = burst.found()
    assert found.op == f"{ZERO + 40_000}.1" and found.documents is not None and found.documents >= 1800 * 40


def test_a_little_archive_that_knows_nothing_of_what_is_usual_shows_what_is_much() -> None:
    (worth,), _ = bursts_among(segments({10: 300}, until=30))
    assert (worth.namespace, worth.kind, worth.usual) == (NS, "d", 0.0)
    assert bursts_among(segments({10: 99}, until=30))[0] == []
    assert bursts_among([]) == ([], [])


def test_what_was_deleted_just_before_the_step_of_two_minutes_belongs_to_it() -> None:
    """An instant too late would leave the first forty deleted."""
    border = ZERO // 120 * 120 + 1200 - ZERO
    deletes = {border - 1: 40, border: 4000}
    (worth,), _ = bursts_among(segments(deletes, until=3600, every=10))
    burst = Burst(worth)
    for second, count in deletes.items():
        for number in range(count):
            feed(burst, delete(second, number + 1))
    (found,) = burst.found()
    assert (found.op, found.documents) == (f"{ZERO + border - 1}.1", 4040)
    assert found.sentence == f"{NS}: 4,040 documents deleted in 2 s"


def test_a_stray_delete_long_before_does_not_move_the_beginning() -> None:
    burst = Burst(Worth(NS, "d", ZERO, ZERO + 1000, 0.0))
    for second, count in {100: 1, 200: 5000, 201: 100, 260: 3}.items():
        for number in range(count):
            feed(burst, delete(second, number + 1))
    (found,) = burst.found()
    assert (found.op, found.through, found.documents) == (f"{ZERO + 200}.1", f"{ZERO + 201}.100", 5100)
    assert found.examples == ('"200-1"', '"200-2"', '"200-3"')


def test_a_transaction_is_a_suspect_by_itself_whatever_is_deleted_around_it() -> None:
    burst = Burst(Worth(NS, "d", ZERO, ZERO + 1000, 0.0))
    for second in range(90, 130):
        feed(burst, delete(second, 1))
        for number in range(200 if second == 110 else 0):
            feed(
                burst, Change(Timestamp(ZERO + second, 2), bytes(8), "d", NS, bytes(16), encode({"_id": number}), None)
            )
    (found,) = burst.found()
    assert (found.op, found.through, found.documents) == (f"{ZERO + 110}.2", f"{ZERO + 110}.2", 200)
    assert found.in_transaction and found.examples == ("0", "1", "2")


def test_two_disasters_in_one_stretch_are_two() -> None:
    burst = Burst(Worth(NS, "d", ZERO, ZERO + 1000, 0.0))
    for second in (100, 300):
        for number in range(500):
            feed(burst, delete(second, number + 1))
    assert [one.op for one in burst.found()] == [f"{ZERO + 100}.1", f"{ZERO + 300}.1"]


def test_other_collections_kinds_and_times_are_not_counted() -> None:
    burst = Burst(Worth(NS, "d", ZERO, ZERO + 10, 0.0))
    for number in range(500):
        feed(burst, delete(5, number, namespace="shop.other"))
        feed(burst, delete(5, number, kind="u"))
        feed(burst, delete(11, number))
    assert burst.found() == []


def suspect(namespace: str, op: str = "1.1", *, together: bool = True) -> Suspect:
    instant = ClusterTime(ZERO, 1).instant
    return Suspect(op, op, Kind.DELETES, (namespace,), instant, 1, 150, "x", ("1", "2"), in_transaction=together)


def test_a_transaction_over_several_collections_is_one_suspect() -> None:
    (one,) = joined([suspect("shop.a"), suspect("shop.b"), suspect("shop.c")])
    assert one.namespaces == ("shop.a", "shop.b", "shop.c") and one.documents == 450
    assert one.sentence == "shop.a, shop.b, shop.c: 450 documents deleted in one transaction"
    assert len(joined([suspect("shop.a"), suspect("shop.b", "1.2")])) == 2
    assert len(joined([suspect("shop.a"), suspect("shop.b", together=False)])) == 2


@settings(max_examples=40)
@given(st.integers(0, 2000), st.integers(1, 200), st.sampled_from([0, 1, 7, 40]), st.integers(0, 2**32))
def test_whatever_goes_on_beside_it_a_disaster_is_found_and_not_begun_too_late(
    begin: int, length: int, beside: int, seed: int
) -> None:
    """The one promise that matters: before the operation that is named, nothing of the disaster has happened."""
    chance = random.Random(seed)
    usual = {second: chance.randrange(beside + 1) for second in range(0, 3600, 60)}
    per_second = max(200, 50_000 // length)
    disaster = dict.fromkeys(range(begin, begin + length), per_second)
    together = Counter(usual) + Counter(disaster)
    worth, _ = bursts_among(segments(dict(together), until=3600))
    bursts = [Burst(one) for one in worth]
    for second, count in sorted(together.items()):
        for burst in bursts:
            for number in range(min(count, 120)):
                feed(burst, delete(second, number + 1))
    found = [one for burst in bursts for one in burst.found()]
    assert found, "missed"
    first = min(int(one.op.split(".")[0]) for one in found) - ZERO
    assert begin - QUIET_SECONDS - 2 <= first <= begin


@pytest.mark.parametrize("kind", ["d", "u"])
def test_updates_need_more_to_be_suspicious_than_deletes(kind: str) -> None:
    assert LEAST["u"] > LEAST["d"]
    one = Counts(
        ClusterTime(ZERO, 1), {NS: LEAST[kind]} if kind == "d" else {}, {NS: LEAST[kind]} if kind == "u" else {}
    )
    assert [worth.kind for worth in bursts_among([one])[0]] == [kind]
    less = Counts(ClusterTime(ZERO, 1), {NS: LEAST["d"] - 1}, {NS: LEAST["u"] - 1})
    assert bursts_among([less]) == ([], [])
