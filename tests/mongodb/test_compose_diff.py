"""Differences put together do what they do one after another, to any document; and a counter's do not grow in number."""

from typing import Any

import bson
import hypothesis.strategies as st
from bson import SON
from hypothesis import given, settings

from lifeboat.sources.mongodb.oplog.apply_diff import apply_diff
from lifeboat.sources.mongodb.oplog.compose_diff import composed

NAMES = st.sampled_from(["a", "b", "c", "0", ""])
POSITIONS = st.sampled_from(["0", "1", "3", "11"])
VALUES = st.recursive(
    st.sampled_from([0, 1.5, "text", None, []]),
    lambda inner: st.one_of(st.dictionaries(NAMES, inner, max_size=3), st.lists(inner, max_size=4)),
    max_leaves=8,
)


def of_document(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(
        lambda values, inside: SON(
            [
                *([("u", values)] if values else []),
                *(("s" + name, one) for name, one in inside.items() if name not in values),
            ]
        ),
        st.dictionaries(NAMES, VALUES, max_size=3),
        st.dictionaries(NAMES, inner, max_size=2),
    )


def of_array(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    places = st.dictionaries(
        POSITIONS, st.one_of(st.tuples(st.just("u"), VALUES), st.tuples(st.just("s"), inner)), min_size=1, max_size=3
    )
    return places.map(
        lambda found: SON([("a", True), *((found[at][0] + at, found[at][1]) for at in sorted(found, key=int))])
    )


INNER = st.recursive(
    of_document(st.nothing()), lambda inner: st.one_of(of_document(inner), of_array(inner)), max_leaves=4
)
OTHERS = st.sampled_from(
    [{"d": {"a": False}}, {"i": {"b": 1}}, {"sa": {"a": True, "l": 1}}, {"d": {"b": False}, "i": {"a": 1}}]
)
DIFFS = st.lists(
    st.one_of(of_document(INNER), of_document(INNER), OTHERS).map(
        lambda diff: bson.encode(SON([("$v", 2), ("diff", diff)]))
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=300, deadline=None)
@given(document=st.dictionaries(NAMES, VALUES, max_size=5), diffs=DIFFS)
def test_put_together_they_do_the_same_to_any_document(document: Any, diffs: list[bytes]) -> None:
    before = bson.encode({"_id": 1, **document})
    one_by_one = before
    for diff in diffs:
        one_by_one = apply_diff(one_by_one, diff)
    together = before
    for diff in composed(diffs):
        together = apply_diff(together, diff)
    assert together == one_by_one
    assert len(composed(diffs)) <= len(diffs)


def encoded(*diffs: Any) -> list[bytes]:
    return [bson.encode(SON([("$v", 2), ("diff", diff)])) for diff in diffs]


def test_what_sets_values_becomes_one() -> None:
    counted = encoded(
        *({"u": {"n": n}, "sby": {"u": {"day": n}}, "slist": {"a": True, f"u{n}": n}} for n in range(500))
    )
    [one] = composed(counted)
    before = bson.encode({"_id": 1, "n": -1, "by": {"day": 0, "x": 1}, "list": []})
    after = {"_id": 1, "n": 499, "by": {"day": 499, "x": 1}, "list": list(range(500))}
    assert bson.decode(apply_diff(before, one)) == after


def test_what_does_more_keeps_its_place() -> None:
    diffs = encoded({"u": {"n": 1}}, {"u": {"n": 2}}, {"d": {"n": False}}, {"u": {"m": 1}}, {"u": {"m": 2}})
    assert composed(diffs) == encoded({"u": {"n": 2}}, {"d": {"n": False}}, {"u": {"m": 2}})
    older = [bson.encode({"$v": 1, "$set": {"n": 1}})]
    assert composed(older * 2) == older * 2
