"""``docs/errors.md`` says what the program says."""

import re
from pathlib import Path

from lifeboat.cli.errors_page import make_page
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.foundation.errors import LifeboatError, StorageError

PAGE = Path(__file__).parents[2] / "docs/errors.md"


def test_the_page_is_the_one_that_the_code_makes() -> None:
    assert PAGE.read_text() == make_page(), "run: python -m lifeboat.cli.errors_page > docs/errors.md"


def test_every_number_and_every_family_is_on_the_page() -> None:
    page = make_page()
    for status in ExitStatus:
        assert f"| {int(status)} |" in page
    for family in LifeboatError.__subclasses__():
        assert f"| `{family.code}` |" in page, family


def test_every_code_of_ours_is_one_thing_with_a_meaning() -> None:
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (.*) \| (.*) \|$", make_page(), re.MULTILINE)
    codes = [code for code, _, _ in rows]
    assert len(codes) == len(set(codes)) > 30
    assert all(meaning for _, meaning, _ in rows)


def test_the_page_notices_an_error_it_does_not_know() -> None:
    before = make_page()

    class Unheard(StorageError):
        """Something new."""

        code = "unheard-of"

    Unheard.__module__ = "lifeboat.storage.errors"
    try:
        assert "| `unheard-of` | Something new." in make_page() != before
    finally:
        del Unheard
        import gc

        gc.collect()
