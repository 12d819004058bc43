"""Oplogs, differences, catalogs, dumps and filters, made unsound: read, or refused in words."""

from pathlib import Path

import pytest
from fuzz_kit import Target
from fuzz_mongodb import mongodb_targets
from fuzz_runs import Tried, try_long, try_short


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> list[Target]:
    return mongodb_targets(tmp_path_factory.mktemp("mongodb"))


def test_nothing_that_mongodb_writes_is_answered_with_a_traceback(
    targets: list[Target], tmp_path: Path, tried: Tried
) -> None:
    tried("fuzz inputs", try_short(targets, tmp_path))


@pytest.mark.long
def test_nothing_that_mongodb_writes_is_answered_with_a_traceback_in_very_many(
    targets: list[Target], tmp_path: Path, tried: Tried
) -> None:
    tried("fuzz inputs", try_long(targets, tmp_path))
