"""Settings, times, keys, patterns, schedules and requests, mistyped in every way: read, or refused in words."""

from pathlib import Path

import pytest
from fuzz_kit import Target
from fuzz_runs import Tried, try_long, try_short
from fuzz_words import words_targets


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> list[Target]:
    return words_targets(tmp_path_factory.mktemp("words"))


def test_nothing_that_people_type_is_answered_with_a_traceback(
    targets: list[Target], tmp_path: Path, tried: Tried
) -> None:
    tried("fuzz inputs", try_short(targets, tmp_path))


@pytest.mark.long
def test_nothing_that_people_type_is_answered_with_a_traceback_in_very_many(
    targets: list[Target], tmp_path: Path, tried: Tried
) -> None:
    tried("fuzz inputs", try_long(targets, tmp_path))
