"""What is worth a copy: pure, so tried on whatever lots there could be."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from lifeboat.operations.carry.facts import Lot
from lifeboat.operations.carry.home import Hindrance, HomePack
from lifeboat.operations.carry.plan import MOSTLY_DEAD, TOO_SMALL, Worth, choose
from lifeboat.repository.carrying import Lane
from lifeboat.repository.names import Class, Source

WORTH = Worth(smallest_pack_bytes=100, smallest_lot_bytes=500)


def pack(number: int, size: int, live: int, hindrance: Hindrance = Hindrance.NONE) -> HomePack:
    return HomePack(bytes([number]) * 32, size, min(size, live), bytes(32), hindrance)


PACKS = st.lists(
    st.builds(pack, st.integers(0, 255), st.integers(0, 400), st.integers(0, 400), st.sampled_from(list(Hindrance))),
    max_size=12,
    unique_by=lambda one: one.name,
)


def lot(packs: list[HomePack], class_: Class = Class.SHORT, **more: object) -> Lot:
    lane = Lane("w" * 32, Source.FILES, class_, "2026-02", Class.SHORT, "2026-01")
    made = Lot(lane, "host", None, tuple(packs), True, False, False, {}, frozenset(), None)  # type: ignore[arg-type]
    return replace(made, **more)  # type: ignore[arg-type]


@given(PACKS, st.sampled_from(list(Class)), st.sets(st.integers(0, 255)), st.sets(st.integers(0, 255)))
def test_each_pack_is_copied_or_named_with_its_reason_and_none_twice(
    packs: list[HomePack], class_: Class, said: set[int], there: set[int]
) -> None:
    sizes = {one.name: one.size_bytes for one in packs if one.name[0] in there}
    named = frozenset(bytes([number]) * 32 for number in said)
    chosen = choose(lot(packs, class_, sizes=sizes, said=named), WORTH)
    carried = set(chosen.carried)
    left = {one for some in chosen.left.values() for one in some}
    done = {one for one in packs if one.name in named and one.name in sizes}
    assert not carried & left and not (carried | left) & done
    if carried:
        assert carried | left | done == set(packs) and not chosen.why
        assert sum(one.live_bytes for one in carried) >= WORTH.smallest_lot_bytes
    else:
        assert chosen.why
    for one in carried:
        assert not one.hindrance and one.size_bytes >= WORTH.smallest_pack_bytes
        assert one.live_bytes >= WORTH.living(class_) * one.size_bytes and one.live_bytes


@given(PACKS)
def test_where_a_backup_has_begun_nothing_is_copied(packs: list[HomePack]) -> None:
    chosen = choose(lot(packs, begun=True), WORTH)
    assert chosen.carried == () and "stored already" in chosen.why


@given(PACKS)
def test_what_was_promised_and_is_gone_is_copied_whatever_it_holds(packs: list[HomePack]) -> None:
    chosen = choose(lot(packs, begun=True, again=True), WORTH)
    assert set(chosen.carried) == {one for one in packs if not one.hindrance}


def test_the_months_copy_asks_for_more_than_the_others() -> None:
    packs = [pack(1, 300, 200), pack(2, 300, 290), pack(3, 300, 290), pack(4, 90, 90), pack(5, 300, 100)]
    short = choose(lot(packs), WORTH)
    long = choose(lot(packs, Class.LONG), WORTH)
    assert [one.name[0] for one in short.carried] == [1, 2, 3]
    assert [one.name[0] for one in long.carried] == [2, 3]
    assert {why: [one.name[0] for one in some] for why, some in long.left.items()} == {
        MOSTLY_DEAD: [1, 5],
        TOO_SMALL: [4],
    }
