"""Answers of a store that is none, or of a proxy before it: read, or refused in words."""

from pathlib import Path

import pytest
from fuzz_kit import Target
from fuzz_runs import Tried, try_long, try_short
from fuzz_s3 import s3_targets


@pytest.fixture(scope="module")
def targets() -> list[Target]:
    return s3_targets()


def test_no_answer_of_a_store_is_answered_with_a_traceback(targets: list[Target], tmp_path: Path, tried: Tried) -> None:
    tried("fuzz inputs", try_short(targets, tmp_path))


@pytest.mark.long
def test_no_answer_of_a_store_is_answered_with_a_traceback_in_very_many(
    targets: list[Target], tmp_path: Path, tried: Tried
) -> None:
    tried("fuzz inputs", try_long(targets, tmp_path))
