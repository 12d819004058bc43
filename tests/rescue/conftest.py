"""Fixtures: rescue.py where a stranger would have it, and a place for a repository."""

import os
import shutil
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
from format_writer import key_text
from rescue_alone import LIBRARIES, RUNNER, SEED, Alone, Outcome

from lifeboat.rescue import rescue_script

sys.path.insert(0, str(Path(__file__).parents[1] / "repository"))  # for repository_kit, when this folder runs alone


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Alone:
    """Put the script where nothing else is."""
    folder = tmp_path_factory.mktemp("alone")
    libraries = folder / "libraries"
    libraries.mkdir()
    for site in {sysconfig.get_path("platlib"), sysconfig.get_path("purelib")}:
        for pattern in LIBRARIES:
            for found in Path(site).glob(pattern):
                if not (libraries / found.name).exists():
                    os.symlink(found, libraries / found.name)
    script = folder / "rescue.py"
    script.write_text(rescue_script(), "utf-8")
    return Alone(libraries, script)


@pytest.fixture
def rescue(alone: Alone) -> Callable[..., Outcome]:
    """Return a function that runs rescue.py with arguments, by default with the right key."""

    def run(*arguments: str | Path, key: str | None = key_text(SEED), typed: str = "") -> Outcome:
        words = [str(word) for word in arguments]
        return alone.python("-c", RUNNER, str(alone.libraries), str(alone.script), *words, key=key, typed=typed)

    return run


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory for a repository."""
    shutil.rmtree(tmp_path / "repository", ignore_errors=True)
    return tmp_path / "repository"
