"""Objects of a repository, made unsound and then sealed or signed by the right hand: read, or refused in words."""

from pathlib import Path

import pytest
from fuzz_kit import Target
from fuzz_repository import repository_targets
from fuzz_runs import Tried, try_long, try_short


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> list[Target]:
    return repository_targets(tmp_path_factory.mktemp("repository"))


def test_no_object_of_a_repository_is_answered_with_a_traceback(
    targets: list[Target], tmp_path: Path, tried: Tried
) -> None:
    tried("fuzz inputs", try_short(targets, tmp_path))


@pytest.mark.long
def test_no_object_of_a_repository_is_answered_with_a_traceback_in_very_many(
    targets: list[Target], tmp_path: Path, tried: Tried
) -> None:
    tried("fuzz inputs", try_long(targets, tmp_path))
