"""Runs rescue.py as a stranger would: alone in a directory, with two libraries and nothing of this package."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

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
