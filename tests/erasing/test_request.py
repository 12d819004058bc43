"""What is typed or stands in a file means what it says, or is refused in words in which nobody's value stands."""

import json
import traceback
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from bson import Int64, ObjectId
from hypothesis import given
from hypothesis import strategies as st

from lifeboat.operations.erasing.entries import Act, DocumentSelector, Erasure, NotUnderstood, erasures_in
from lifeboat.operations.erasing.matching import canonical
from lifeboat.operations.erasing.request import ErasureUnclear, by_id, by_value, read_file, read_id, read_value
from lifeboat.repository.ledger import Entry

SECRET = "Anna.Secretly@example.org"
WHEN = datetime.fromisoformat("2026-11-26T12:00:00+00:00")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("65f0a1b2c3d4e5f601234567", ObjectId("65f0a1b2c3d4e5f601234567")),
        ("17", 17),
        ('"17"', "17"),
        ("client-17", "client-17"),
        ('{"$oid": "65f0a1b2c3d4e5f601234567"}', ObjectId("65f0a1b2c3d4e5f601234567")),
        ('{"$numberLong": "5"}', Int64(5)),
    ],
)
def test_an_id_is_what_it_looks_like(typed: str, meant: Any) -> None:
    assert canonical(read_id(typed)) == canonical(meant)


@pytest.mark.parametrize(
    ("kind", "typed", "meant"),
    [
        ("text", "17", "17"),
        ("number", "17", 17),
        ("number", "17.50", 17.5),
        ("objectid", "65f0a1b2c3d4e5f601234567", ObjectId("65f0a1b2c3d4e5f601234567")),
        ("uuid", "00000000-0000-0000-0000-000000000007", UUID(int=7)),
        ("bool", "True", True),
        ("date", "1990-05-01", datetime(1990, 5, 1)),
        ("date", "1990-05-01T03:00:00+03:00", datetime(1990, 5, 1)),
        ("json", '{"$date": "1990-05-01T00:00:00Z"}', datetime(1990, 5, 1)),
    ],
)
def test_a_value_is_of_the_type_that_was_said(kind: str, typed: str, meant: Any) -> None:
    assert canonical(read_value(typed, kind)) == canonical(meant)


@pytest.mark.parametrize("kind", ["number", "objectid", "uuid", "bool", "date", "json"])
def test_a_value_of_another_type_is_refused_and_stands_in_no_traceback(kind: str) -> None:
    with pytest.raises(ErasureUnclear) as caught:
        by_value("shop.users", "email", SECRET, kind)
    assert SECRET not in "".join(traceback.format_exception(caught.value)) + caught.value.hint
    assert SECRET not in repr(by_value("shop.users", "email", SECRET))


@pytest.mark.parametrize(
    "act",
    [
        lambda: by_value("users", "email", SECRET),
        lambda: by_value("shop.system.users", "email", SECRET),
        lambda: by_value("shop.users", "$where", SECRET),
        lambda: by_value("shop.users", "a..b", SECRET),
        lambda: by_value("shop.users", "email", "  "),
        lambda: by_value("shop.users", "email", "null", "json"),
        lambda: by_value("shop.users", "age", "7", "number", fold=True),
        lambda: by_value("shop.users", "email", SECRET, unset=("_id",)),
        lambda: by_value("shop.users", "email", SECRET, unset=("list.0",)),
        lambda: by_value("shop.fs.files", "filename", SECRET),
        lambda: by_id("shop.users", ""),
        lambda: by_id("shop.users", '{"a": 1}'),
        lambda: by_id("shop.users", '{"a": '),
        lambda: read_file(SECRET),
        lambda: read_file('{"erase": [{"collection": "shop.users", "field": "email"}]}'),
        lambda: read_file(f'[[erase]]\ncollection = "shop.users"\nemail = "{SECRET}"'),
        lambda: read_file(f'[[erase]]\ncollection = "shop.users"\nfield = "a"\ntype = "x"\nvalue = "{SECRET}"'),
        lambda: read_file("erase = 1"),
    ],
)
def test_what_is_unclear_is_refused_without_the_value(act: Any) -> None:
    with pytest.raises(ErasureUnclear) as caught:
        act()
    assert caught.value.hint and SECRET not in caught.value.message + caught.value.hint


def test_the_content_of_a_gridfs_file_goes_with_it() -> None:
    assert [(one.collection, one.path) for one in by_id("shop.fs.files", "7")] == [
        ("shop.fs.files", "_id"),
        ("shop.fs.chunks", "files_id"),
    ]


def test_json_and_toml_say_the_same() -> None:
    toml = read_file(
        'request = "R"\n[[erase]]\ncollection = "a.b"\nfield = "n"\nvalue = 5\nunset = "x"\n[[erase]]\nfile = "/f/"\n'
        '[[erase]]\ncollection = "a.b"\nid = 3\n'
    )
    said = {
        "request": "R",
        "erase": [
            {"collection": "a.b", "field": "n", "value": 5, "unset": ["x"]},
            {"file": "/f/"},
            {"collection": "a.b", "id": 3},
        ],
    }
    assert toml == read_file(json.dumps(said))
    assert [canonical(one.value) for one in toml.documents] == [canonical(5), canonical(3)]
    assert (toml.files, toml.documents[0].unset, toml.request) == (("/f/",), ("x",), "R")


def entry(number: int, content: dict[str, Any]) -> Entry:
    return Entry(f"ledger/{number:08d}-erasure-x", number, "erasure", WHEN, "", "", content)


texts = st.text(max_size=8)
selectors = st.builds(
    DocumentSelector,
    st.just("shop.users"),
    st.just("email"),
    st.binary(min_size=32, max_size=32).map(bytes.hex),
    st.booleans(),
    st.lists(st.sampled_from(["a", "b.c"]), max_size=2).map(tuple),
    texts,
)


@given(st.lists(selectors, max_size=3), st.lists(st.binary(max_size=5).map(lambda one: b"/" + one), max_size=3), texts)
def test_an_erasure_is_read_back_as_it_was_recorded(documents: Any, files: Any, note: str) -> None:
    erasure = Erasure("0a0b0c0d", 3, WHEN, b"k" * 32, tuple(documents), tuple(files), note, note, WHEN)
    assert erasures_in([entry(3, json.loads(json.dumps(erasure.to_json())))]) == [erasure]


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"act": "record", "id": "a"},
        {"act": "merge", "id": "a"},
        {"act": str(Act.CLOSE), "id": "nobody", "until": "2026-11-26T12:00:00Z"},
        {"act": str(Act.HOLD), "id": "nobody", "why": "x"},
    ],
)
def test_what_is_not_understood_is_not_passed_over(content: dict[str, Any]) -> None:
    with pytest.raises(NotUnderstood):
        erasures_in([entry(1, content)])
