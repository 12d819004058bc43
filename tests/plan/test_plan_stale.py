"""Each kind of change makes a plan stale, and is named; what nobody could look at does not."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from plan_scene import AWAY, BUCKET

from lifeboat.evidence.plan.facts import Person, Place, PlanFacts
from lifeboat.evidence.plan.stable import carried, changes, parts_digest, stable_parts
from lifeboat.evidence.plan.words import span_words, time_words

Change = Callable[[PlanFacts], PlanFacts]


def told(before: PlanFacts, now: PlanFacts) -> list[str]:
    old = stable_parts(before)
    return [one.sentence for one in changes(old, carried(stable_parts(now), old))]


CHANGES: dict[str, tuple[Change, str]] = {
    "a telephone number": (
        lambda f: replace(f, contacts=(replace(f.contacts[0], phone="+966 55 1"), *f.contacts[1:])),
        r"the contacts, Noura Al-Harbi, phone: +966 50 000 0000 is now +966 55 1",
    ),
    "somebody left": (lambda f: replace(f, contacts=f.contacts[:2]), "the contacts, Lina Aziz: role tells users"),
    "somebody new": (lambda f: replace(f, contacts=(*f.contacts, Person("Sami"))), "the contacts, Sami: not there"),
    "the order of calling": (
        lambda f: replace(f, contacts=f.contacts[::-1]),
        "order of contacts: Noura Al-Harbi, Omar Said, Lina Aziz is now Lina Aziz, Omar Said, Noura Al-Harbi",
    ),
    "a key holder": (
        lambda f: replace(f, contacts=(replace(f.contacts[0], key_holder=False), *f.contacts[1:])),
        "the contacts, Noura Al-Harbi, key holder: yes is now no",
    ),
    "a database more": (
        lambda f: replace(f, database=replace(f.database, protected=("legal", "wiki"))),
        "the databases that are protected: not there is now wiki",
    ),
    "a database left out": (
        lambda f: replace(f, database=replace(f.database, left_out=("analytics", "logs"))),
        "the databases that are left out: not there is now logs",
    ),
    "a database gone": (
        lambda f: replace(f, database=replace(f.database, protected=())),
        "the databases that are protected: legal is now gone",
    ),
    "the bucket": (
        lambda f: replace(f, place=replace(f.place, location="s3://other")),
        "the place of the copies, location: s3://my-backups/production is now s3://other",
    ),
    "the region": (
        lambda f: replace(f, place=replace(f.place, region="me-south-1")),
        "the place of the copies, region",
    ),
    "another repository there": (
        lambda f: replace(f, installation=replace(f.installation, repository_id="77" * 16)),
        "the place of the copies, id",
    ),
    "what is kept": (
        lambda f: replace(f, keep=replace(f.keep, numbers={"hourly": 24, "daily": 7})),
        "what is kept, daily: 35 is now 7",
    ),
    "Object Lock": (lambda f: replace(f, keep=replace(f.keep, object_lock="compliance")), "what is kept, object lock"),
    "a key more": (
        lambda f: replace(f, keys=(*(f.keys or ()), replace((f.keys or ())[0], name="third", fingerprint="ff" * 8))),
        "the keys that open the copies, ffffffffffffffff: not there is now third",
    ),
    "a key gone": (lambda f: replace(f, keys=(f.keys or ())[:1]), "the keys that open the copies, 642f1140aa11bb22"),
    "a replica gone": (lambda f: replace(f, replicas=()), "the second copies, riyadh"),
    "a replica new": (
        lambda f: replace(f, replicas=(*f.replicas, Place("usb", "/mnt/usb", False))),
        "the second copies, usb: not there is now /mnt/usb",
    ),
    "the objective": (lambda f: replace(f, rto_seconds=7200.0), "the objectives, RTO: 4 hours is now 2 hours"),
    "a folder of files": (
        lambda f: replace(f, trees=replace(f.trees, files=("/srv/shop/uploads", "/srv/shop/avatars"))),
        "the folders of files, folders: not there is now /srv/shop/avatars",
    ),
    "a pattern": (
        lambda f: replace(f, trees=replace(f.trees, exclude=())),
        "the folders of files, exclude: *.tmp is now gone",
    ),
    "the configuration": (lambda f: replace(f, trees=replace(f.trees, config=())), "the configuration: "),
    "when something runs": (
        lambda f: replace(f, jobs=(replace(f.jobs[0], time="0 3 * * *"), *f.jobs[1:])),
        "what runs when, backup of everything: every day at 02:00 is now every day at 03:00",
    ),
    "the stream": (lambda f: replace(f, streams=False), "whether any moment can be restored: yes is now no"),
    "how often drills are": (
        lambda f: replace(f, drill_every={**f.drill_every, "full drill": 60 * 86_400.0}),
        "how often drills are made, full drill: 30 days is now 60 days",
    ),
    "the machine's part": (
        lambda f: replace(f, installation=replace(f.installation, role="writer", profile="guarded")),
        "this installation, role: simple is now writer",
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_each_change_is_named_and_is_another_version(what: str) -> None:
    change, sentence = CHANGES[what]
    now = change(BUCKET)
    assert any(one.startswith(sentence) for one in told(BUCKET, now)), told(BUCKET, now)
    assert parts_digest(stable_parts(now)) != parts_digest(stable_parts(BUCKET))


def test_two_people_of_one_name_are_two() -> None:
    twice = replace(BUCKET, contacts=(Person("on call", phone="1"), Person("on call", phone="2")))
    other = replace(BUCKET, contacts=(Person("on call", phone="9"), Person("on call", phone="2")))
    assert told(twice, other) == ["the contacts, on call, phone: 1 is now 9"]
    one = replace(twice, contacts=twice.contacts[:1])
    assert told(twice, one) == ["the contacts, on call (number 2): phone 2 is now gone"]


def test_nothing_changed_is_nothing_told() -> None:
    assert told(BUCKET, BUCKET) == []
    measured = replace(BUCKET, sources=AWAY.sources, drills=(), gaps=(), due=())
    assert told(BUCKET, measured) == []


def test_what_nobody_could_look_at_is_as_before() -> None:
    assert told(BUCKET, AWAY) == []
    old = stable_parts(BUCKET)
    assert parts_digest(carried(stable_parts(AWAY), old)) == parts_digest(old)
    assert told(AWAY, BUCKET) == []  # looked at for the first time: no change either


@pytest.mark.parametrize(
    ("time", "words"),
    [
        ("0 * * * *", "every hour"),
        ("30 3 * * *", "every day at 03:30"),
        ("30 5 * * 0", "Sundays at 05:30"),
        ("*/15 * * * *", "every 15 minutes"),
        ("0 */6 * * *", "every 6 hours"),
        ("1 0 1 * *", "`1 0 1 * *`"),
        ("always", "always"),
        ("every 15m", "every 15m"),
    ],
)
def test_times_are_words_where_they_are_simple(time: str, words: str) -> None:
    assert time_words(time) == words


def test_spans_are_whole_units_where_they_can_be() -> None:
    assert [span_words(one) for one in (3600, 86_400, 14_400, 90, 5400.0)] == [
        "1 hour",
        "1 day",
        "4 hours",
        "1 min 30 s",
        "90 minutes",
    ]
