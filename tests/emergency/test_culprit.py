"""Whatever was lost in one go is undone from its beginning, and what was mended already is not undone again."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from test_advise import GONE, NOW, point, situation, suspect

from lifeboat.operations.emergency.advise import advise
from lifeboat.operations.emergency.culprit import LOSES, culprit, disaster, order_of
from lifeboat.operations.emergency.situation import LiveCollection, LiveDatabase, LiveTree
from lifeboat.operations.emergency.what import What
from lifeboat.operations.suspects import Kind, Suspect

ARCHIVED = (point("db", has_archive=True),)


def many_drops(count: int) -> tuple[Suspect, ...]:
    """Within one second, as a script does it: the numbers within that second tell their order, and 9 comes before 10."""
    one = suspect(Kind.DROP)
    seconds = one.op.partition(".")[0]
    return tuple(
        replace(one, op=f"{seconds}.{number}", namespaces=(f"shop.c{number}",)) for number in range(1, count + 1)
    )


def test_twenty_drops_are_undone_from_before_the_first() -> None:
    drops = many_drops(20)
    here = situation(database=GONE, suspects=drops, points=ARCHIVED)
    assert culprit(here) == drops[0] and disaster(here) == drops
    assert advise(What.DATABASE_GONE, here).words == f"lifeboat restore db --before-op {drops[0].op} --over-live"


def test_an_older_disaster_is_not_of_this_one() -> None:
    old, new = suspect(Kind.DROP, minutes=200), suspect(Kind.DELETES, minutes=3)
    assert culprit(situation(suspects=(old, new), points=ARCHIVED)) == new


def test_what_lifeboat_brought_back_is_not_undone_again() -> None:
    drop, restore = suspect(Kind.DROP, minutes=30), suspect(Kind.RESTORE, minutes=20)
    assert culprit(situation(suspects=(drop, restore), points=ARCHIVED)) is None
    again = suspect(Kind.DROP, minutes=10)
    assert culprit(situation(suspects=(drop, restore, again), points=ARCHIVED)) == again


def test_on_a_new_server_an_old_drop_is_not_why_it_is_empty() -> None:
    drop = suspect(Kind.DROP, minutes=90)  # the newest whole copy is an hour old
    here = situation(database=GONE, suspects=(drop,), points=ARCHIVED)
    assert culprit(here) is None
    assert advise(What.SERVER_GONE, here).words == "lifeboat restore all --at newest --over-live"


def test_a_drop_whose_collection_is_in_a_later_copy_is_not_why_it_is_missing() -> None:
    old = suspect(Kind.DROP, minutes=90)
    live = LiveDatabase("h", None, (LiveCollection("shop.orders", 500, None), LiveCollection("shop.logs", 9, 9)))
    assert culprit(situation(database=live, suspects=(old,), points=ARCHIVED)) is None
    made_anew = LiveDatabase("h", None, (LiveCollection("shop.orders", 2, 2), LiveCollection("shop.logs", 9, 9)))
    assert culprit(situation(database=made_anew, suspects=(old,), points=ARCHIVED)) == old


def test_who_does_not_know_and_lost_both_gets_what_was_before_the_loss() -> None:
    drop, live = (
        suspect(Kind.DROP),
        LiveDatabase("h", None, (LiveCollection("shop.orders", 9, None), LiveCollection("shop.logs", 9, 9))),
    )
    here = situation(
        database=live, trees=(LiveTree("/u", 100, 3),), suspects=(drop,), points=(*ARCHIVED, point("files"))
    )
    assert advise(What.UNSURE, here).words == f"lifeboat restore all --before-op {drop.op} --over-live"


def test_what_is_missing_now_tells_which_loss_is_meant() -> None:
    orders, other = suspect(Kind.DROP, minutes=50), replace(suspect(Kind.DELETES, minutes=5), namespaces=("shop.logs",))
    live = LiveDatabase("h", None, (LiveCollection("shop.orders", 100, None), LiveCollection("shop.logs", 100, 95)))
    assert culprit(situation(database=live, suspects=(orders, other), points=ARCHIVED)) == orders


def test_wrong_data_is_brought_beside_with_all_that_was_hurt() -> None:
    few, lots = advise(What.DATA_WRONG, situation(suspects=many_drops(3), points=ARCHIVED)), many_drops(9)
    assert few.request is not None and few.request.namespaces == ("shop.c1", "shop.c2", "shop.c3")
    whole = advise(What.DATA_WRONG, situation(suspects=lots, points=ARCHIVED))
    assert whole.request is not None and whole.request.namespaces == () and whole.request.before_op == lots[0].op


@given(st.lists(st.tuples(st.sampled_from(list(Kind)), st.integers(0, 100), st.booleans()), max_size=8))
def test_it_is_always_a_loss_and_the_first_of_its_disaster(said: list[tuple[Kind, int, bool]]) -> None:
    here = situation(suspects=tuple(suspect(*one) for one in said), points=ARCHIVED)
    found = disaster(here)
    assert all(one.kind in LOSES and not one.minor for one in found)
    assert list(found) == sorted(found, key=order_of)
    if found:
        earlier = [one for one in here.suspects if one in found or order_of(one) < order_of(found[0])]
        assert culprit(here) == found[0] and found[0].instant <= NOW + timedelta(seconds=1) and earlier
