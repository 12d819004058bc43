"""Questions and remarks break between words, and never inside what will be copied."""

import pytest

from lifeboat.cli.fold import fold

KEY = "LIFEBOAT1-" + "-".join(["7LVGNZ"] * 10)


@pytest.mark.parametrize(
    ("message", "folded"),
    [
        ("short", "short"),
        ("one two three", "one two\nthree"),
        ("  ab cd efg", "  ab cd\n  efg"),
        ("\none two three\n\nfour ", "\none two\nthree\n\nfour "),
        (f"  {KEY}\nread it", f"  {KEY}\nread it"),
        ("", ""),
    ],
)
def test_lines_break_at_spaces_only(message: str, folded: str) -> None:
    assert fold(message, 8) == folded
