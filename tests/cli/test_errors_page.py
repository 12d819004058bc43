"""``docs/errors.md`` says what the program says."""

import re
from pathlib import Path

import pytest

from lifeboat.cli.errors_page import make_page
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.foundation.errors import LifeboatError, StorageError

PAGE = Path(__file__).parents[2] / "docs/errors.md"


@pytest.fixture(scope="module")
def page() -> str:
    """As the code makes it, before any test has added to it."""
    return make_page()


def test_the_page_is_the_one_that_the_code_makes(page: str) -> None:
    assert PAGE.read_text() == page, "run: python -m lifeboat.cli.errors_page > docs/errors.md"


def test_every_number_and_every_family_is_on_the_page(page: str) -> None:
    for status in ExitStatus:
        assert f"| {int(status)} |" in page
    for family in LifeboatError.__subclasses__():
        assert f"| `{family.code}` |" in page, family


def test_every_code_of_ours_is_one_thing_with_a_meaning(page: str) -> None:
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (.*) \| (.*) \|$", page, re.MULTILINE)
    codes = [code for code, _, _ in rows]
    assert len(codes) == len(set(codes)) > 30
    assert all(meaning for _, meaning, _ in rows)


def test_the_page_notices_an_error_it_does_not_know(page: str) -> None:
    class Unheard(StorageError):
        """Something new."""

        code = "unheard-of"

    Unheard.__module__ = "lifeboat.storage.errors"
    try:
        assert "| `unheard-of` | Something new." in make_page() != page
    finally:
        del Unheard
        import gc

        gc.collect()
