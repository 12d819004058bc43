"""Names from a hostile record must not lead anywhere."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeboat.storage.errors import NameRefused
from lifeboat.storage.names import check_name, check_prefix, is_name

SEGMENT = st.text("abcXYZ019._-", min_size=1, max_size=40).filter(lambda text: text not in (".", ".."))
HOSTILE = [
    "", "/", "/etc/passwd", "a/", "a//b", ".", "..", "a/../b", "../a", "a/..", "a\0b", "a\nb", "a\n", "ä", "a\\b",
    "x" * 201, "/".join(["x" * 100] * 8), "a:b", "~", ".~writing/x", "C:\\x", "a\u2024\u2024/b", "١",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_refused_and_shown_harmlessly(name):
    with pytest.raises(NameRefused) as refusal:
        check_name(name)
    assert refusal.value.message.isprintable() and len(refusal.value.message) < 200
    assert not is_name(name)


@given(st.lists(SEGMENT, min_size=1, max_size=6).map("/".join))
def test_an_ordinary_name_passes(name):
    check_name(name)
    check_prefix(name + "/")


@given(st.text(st.sampled_from("ab./-_\\ \0\n~é"), max_size=30))
def test_a_name_that_passes_never_leaves_its_folder(name):
    if is_name(name):
        assert os.path.normpath("/root/folder/" + name) == "/root/folder/" + name
        assert name.encode("ascii").decode() == name


@pytest.mark.parametrize("prefix", ["a", "/", "../", "a//", "a/b"])
def test_a_prefix_is_whole_segments_or_nothing(prefix):
    check_prefix("")
    with pytest.raises(NameRefused):
        check_prefix(prefix)
