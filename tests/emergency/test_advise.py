"""Whatever happened and whatever is known, one proposal comes of it, and never one that destroys without a way back."""

import re
import shlex
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typed import parse

from lifeboat.cli.main import COMMANDS
from lifeboat.cli.show.emergency import draw_left
from lifeboat.operations.emergency.advise import BESIDE, Proposal, advise, guess
from lifeboat.operations.emergency.culprit import culprit, first_with
from lifeboat.operations.emergency.situation import LiveCollection, LiveDatabase, LiveTree, Point, Situation
from lifeboat.operations.emergency.what import MEANINGS, What
from lifeboat.operations.reports.snapshots import SnapshotRow
from lifeboat.operations.suspects import Kind, Suspect

NOW = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)


def row(source: str, hours: float = 1.0, items: int = 100) -> SnapshotRow:
    instant = NOW - timedelta(hours=hours)
    return SnapshotRow("ab" * 16, "cd" * 16, source, instant, True, True, items, 1000, 500, "2026-11", "app")


def point(source: str, **more: object) -> Point:
    return Point(
        **{
            "source": source,
            "snapshot": row(source),
            "newest_instant": NOW,
            "has_archive": False,
            "total_bytes": 1000,
            **more,
        }
    )  # type: ignore[arg-type]


def suspect(kind: Kind, minutes: int = 10, minor: bool = False) -> Suspect:
    when = NOW - timedelta(minutes=minutes)
    op = f"{int(when.timestamp())}.1"
    return Suspect(op, op, kind, ("shop.orders",), when, 0, 500, f"{kind} of shop.orders", minor=minor)


def situation(**more: object) -> Situation:
    live = LiveDatabase("127.0.0.1:27017", None, (LiveCollection("shop.orders", 100, 100),))
    usual = {
        "now": NOW,
        "repository": "/srv/backups",
        "points": (point("db"), point("files"), point("config")),
        "database": live,
        "trees": (LiveTree("/srv/uploads", 100, 100),),
        "suspects": (),
        "knows_database": True,
        "knows_files": True,
    }
    return Situation(**{**usual, **more})  # type: ignore[arg-type]


GONE = LiveDatabase("127.0.0.1:27017", None, (LiveCollection("shop.orders", 100, None),))


def test_a_dropped_database_goes_back_to_just_before_the_drop() -> None:
    drop = suspect(Kind.DROP_DATABASE)
    here = situation(
        database=GONE, suspects=(suspect(Kind.SHAPE, minor=True), drop), points=(point("db", has_archive=True),)
    )
    assert advise(What.DATABASE_GONE, here).words == f"lifeboat restore db --before-op {drop.op} --over-live"


def test_one_lost_collection_does_not_set_the_others_back() -> None:
    live = LiveDatabase("h", None, (LiveCollection("shop.orders", 100, None), LiveCollection("shop.notes", 5, 9)))
    drop = suspect(Kind.DROP)
    here = situation(database=live, suspects=(drop,), points=(point("db", has_archive=True),))
    words = advise(What.DATABASE_GONE, here).words
    assert words == f"lifeboat restore db --before-op {drop.op} --ns shop.orders --over-live"


def test_without_an_archive_it_is_the_newest_copy_that_was_taken_before_the_loss() -> None:
    here = situation(database=GONE, points=(point("db", passed_over=(row("db", 0.1, 0),)),))
    proposal = advise(What.DATABASE_GONE, here)
    assert proposal.words == "lifeboat restore db abababab --over-live"
    assert any("taken after the loss" in one for one in proposal.why)


def test_wrong_data_is_restored_beside_and_only_what_was_hurt() -> None:
    here = situation(points=(point("db", has_archive=True),), suspects=(suspect(Kind.DELETES),))
    proposal = advise(What.DATA_WRONG, here)
    assert proposal.request is not None and not proposal.request.over_live
    assert proposal.request.to == f"shop_{BESIDE}" and proposal.request.namespaces == ("shop.orders",)


def test_after_an_intruder_nothing_is_restored_without_a_time_or_on_his_machine() -> None:
    assert advise(What.INTRUDER, situation()).request is None
    assert advise(What.INTRUDER, situation(), at=NOW, clean_machine=False).request is None
    assert (
        advise(What.INTRUDER, situation(), at=NOW).words == f"lifeboat restore all --at {NOW.isoformat()} --over-live"
    )


def test_a_second_copy_is_named_where_the_first_has_nothing() -> None:
    proposal = advise(What.SERVER_GONE, situation(points=(), replicas=("riyadh",)))
    assert proposal.request is None and "--replica riyadh" in proposal.why[-1]


def test_copies_in_an_archive_class_are_brought_back_first() -> None:
    proposal = advise(What.FILES_GONE, situation(points=(point("files", is_archived=True),)))
    assert proposal.first and "lifeboat retrieve abababab" in proposal.first[0]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"database": GONE}, What.DATABASE_GONE),
        ({"trees": (LiveTree("/srv/uploads", 100, None),)}, What.FILES_GONE),
        ({"database": GONE, "trees": (LiveTree("/srv/uploads", 100, 10),)}, What.SERVER_GONE),
        ({"suspects": (suspect(Kind.UPDATES),)}, What.DATA_WRONG),
        ({"suspects": (suspect(Kind.SHAPE, minor=True),)}, What.UNSURE),
        ({}, What.UNSURE),
    ],
)
def test_who_does_not_know_is_told_what_it_looks_like(more: dict[str, object], expected: What) -> None:
    assert guess(situation(**more)) is expected


SITUATIONS = st.builds(
    lambda sources, archive, passed, archived, gone, tree, suspects, database, files: situation(
        points=tuple(
            point(
                one,
                has_archive=archive and one == "db",
                passed_over=(row(one, 0.1, 0),) if passed else (),
                is_archived=archived,
            )
            for one in sources
        ),
        database=GONE if gone else None,
        trees=(LiveTree("/srv/uploads", 100, tree),),
        suspects=tuple(suspect(kind, number) for number, kind in enumerate(suspects)),
        knows_database=database,
        knows_files=files,
    ),
    st.sets(st.sampled_from(["db", "files", "config"])).map(sorted),
    *[st.booleans()] * 4,
    st.none() | st.integers(0, 200),
    st.lists(st.sampled_from(list(Kind)), max_size=3),
    *[st.booleans()] * 2,
)


@given(st.sampled_from(list(What)), SITUATIONS, st.none() | st.just(NOW - timedelta(hours=2)), st.booleans())
def test_every_way_ends_in_one_command_or_in_words(
    what: What, here: Situation, at: datetime | None, clean: bool
) -> None:
    proposal: Proposal = advise(what, here, suspect=culprit(here), at=at, clean_machine=clean)
    assert proposal.why and all(proposal.why)
    if proposal.request is None:
        assert proposal.words == ""
        return
    assert "\n" not in proposal.words and proposal.words.startswith("lifeboat restore ")
    parse(shlex.join(shlex.split(proposal.words)[1:]))
    # What replaces live data goes to where it was live, by a restore that backs up first what is there.
    assert proposal.request.over_live == (proposal.request.to is None)
    assert MEANINGS[what].stop
    if what is What.INTRUDER:
        assert clean and (at is not None or culprit(here) is not None)


def test_every_command_that_an_emergency_names_can_be_typed() -> None:
    words = [one for meaning in MEANINGS.values() for one in meaning.stop]
    for here in (situation(), situation(points=(), replicas=("riyadh",)), situation(knows_database=False)):
        for what in What:
            for beside in (None, NOW):
                proposal = advise(what, here, at=beside)
                words += [*proposal.why, *proposal.first]
                for intruder in (True, False):
                    shown = draw_left(proposal, NOW, NOW - timedelta(hours=1), intruder)
                    words += [str(getattr(one, "renderable", one)) for one in shown]
    named = {one for text in words for one in re.findall(r"`lifeboat ([^`]+)`", text)}
    assert len(named) > 6
    for one in named - set(COMMANDS):
        parse(one.replace("DB.COLL", "shop.orders").replace("TIME", "newest"))


def test_of_many_drops_one_after_the_other_the_first_is_gone_back_to() -> None:
    drops = [suspect(Kind.DROP, minutes) for minutes in (300, 30, 25, 20, 12)]
    assert first_with(drops[-1], drops) is drops[1]
    assert first_with(drops[0], drops) is drops[0]
