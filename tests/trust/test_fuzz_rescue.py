"""The rescue script over objects made unsound: what makes no sense is named, and keeps nobody from the rest."""

from pathlib import Path

import pytest
from fuzz_kit import Target
from fuzz_rescue import rescue_targets
from fuzz_runs import Tried, try_long, try_short


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> list[Target]:
    return rescue_targets(tmp_path_factory.mktemp("rescue"))


def test_nothing_stored_is_more_than_the_rescue_script_can_name(
    targets: list[Target], tmp_path: Path, tried: Tried
) -> None:
    tried("fuzz inputs", try_short(targets, tmp_path))


@pytest.mark.long
def test_nothing_stored_is_more_than_the_rescue_script_can_name_in_very_many(
    targets: list[Target], tmp_path: Path, tried: Tried
) -> None:
    tried("fuzz inputs", try_long(targets, tmp_path))
