"""Runs rescue.py as a stranger would: alone in a directory, with two libraries and nothing of this package."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from format_writer import key_text

from lifeboat.rescue import rescue_script

SEED = bytes(range(32))
LIBRARIES = ("cryptography", "zstandard", "cffi", "_cffi_backend*", "backports")
RUNNER = "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); sys.argv.pop(0); runpy.run_path(sys.argv[0], run_name='__main__')"


@dataclass(frozen=True)
class Outcome:
    """How a run of rescue.py ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Alone:
    """A directory with the two libraries, and one with the script."""

    libraries: Path
    script: Path

    def python(self, *arguments: str, key: str | None = None, typed: str = "") -> Outcome:
        """Run isolated Python: no environment, no user folder, no site-packages but the two libraries."""
        environment = {"LANG": "C"} if key is None else {"LANG": "C", "LIFEBOAT_KEY": key}
        ended = subprocess.run(
            [sys.executable, "-I", "-S", *arguments],
            env=environment,
            cwd=self.script.parent,
            input=typed,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Outcome(ended.returncode, ended.stdout, ended.stderr)


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
