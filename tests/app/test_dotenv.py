"""The application's ``.env`` is read as the application reads it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeboat.app.dotenv import read_dotenv
from lifeboat.foundation.errors import SettingsError


def texts(content: str) -> dict[str, str]:
    return {name: value.text for name, value in read_dotenv(content).items()}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("A=1", {"A": "1"}),
        ("export A=1", {"A": "1"}),
        ("  A = 1  ", {"A": "1"}),
        ("\ufeffA=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("A='x # y'", {"A": "x # y"}),
        ('A="x\\ny"', {"A": "x\ny"}),
        ("A='x\\ny'", {"A": "x\\ny"}),
        ("A=x # why", {"A": "x"}),
        ("A= # nothing", {"A": ""}),
        ("A=", {"A": ""}),
        ("A=one\nA=two", {"A": "two"}),
        ('A="-----BEGIN\nabc\n-----END"\nB=2', {"A": "-----BEGIN\nabc\n-----END", "B": "2"}),
        ("# A=1\n\nnonsense\nB=2", {"B": "2"}),
        ("A='it is never closed\nB=2", {"A": "'it is never closed", "B": "2"}),
    ],
)
def test_it_is_read_as_other_readers_read_it(content: str, expected: dict[str, str]) -> None:
    assert texts(content) == expected


@pytest.mark.parametrize("password", ["p#ss", "p$HOME", "a=b=c", "p%40ss", 'qu"ote', "back\\slash"])
def test_a_password_with_odd_characters_arrives_as_it_is(password: str) -> None:
    assert texts(f"MONGODB_URI=mongodb://u:{password}@h/d") == {"MONGODB_URI": f"mongodb://u:{password}@h/d"}


def test_each_value_knows_its_line_even_after_a_value_of_several_lines() -> None:
    values = read_dotenv('A="1\n2\n3"\nB=4')
    assert (values["A"].line, values["B"].line) == (1, 4)


@pytest.mark.parametrize(
    "content", ["X=1\nMONGODB_URI mongodb://h", "X=1\nMONGODB_URI: mongodb://h", "X=1\nMONGODB_URI='h"]
)
def test_a_broken_line_about_our_own_setting_is_refused_by_its_number(content: str) -> None:
    with pytest.raises(SettingsError, match=r"\.env, line 2: .*MONGODB_URI"):
        read_dotenv(content, asked=("MONGODB_URI",))


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z][A-Z_]{0,8}", fullmatch=True), st.text(st.characters(exclude_categories=["Cs"]))
    )
)
def test_whatever_is_written_in_double_quotes_is_read_back(values: dict[str, str]) -> None:
    def quoted(text: str) -> str:
        for plain, written in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r")):
            text = text.replace(plain, written)
        return f'"{text}"'

    assert texts("\n".join(f"{name}={quoted(text)}" for name, text in values.items())) == values


@given(st.text())
def test_no_file_makes_it_fall_over(content: str) -> None:
    read_dotenv(content)
