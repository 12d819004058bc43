"""The tools that back up files. Fair means: each compresses with zstd where it can, encrypts, keeps its caches in its own workplace, and is quiet
where it can be told to."""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence

import peers
from tools import PASSWORD, Tool, Workplace, bare_pipeline, lifeboat_environment, lifeboat_program


def file_tools() -> list[Tool]:
    return [_lifeboat_files(), *_restics(), _kopia(), _rustic(), _borg(), bare_pipeline("files")]


def lifeboat_and_restic() -> list[Tool]:
    """For what the others are not asked."""
    return [_lifeboat_files(), *_restics()[:1]]


def _lifeboat_files() -> Tool:
    program = lifeboat_program()
    return Tool(
        "lifeboat",
        {
            "first backup": lambda place: [program, "--quiet", "backup", "files"],
            "unchanged": lambda place: [program, "--quiet", "backup", "files"],
            "restore": lambda place: [program, "--quiet", "restore", "files", "latest", "--to", place.target, "--yes"],
            "verify all": lambda place: [program, "--quiet", "verify", "--level", "full"],
        },
        lambda place: [[program, "init", "--yes"]],
        lambda place: lifeboat_environment(place, "files"),
    )


def _restics() -> list[Tool]:
    """Today's, and the one on PATH if it is another."""
    try:
        program = str(peers.find(peers.RESTIC) / "restic")
        newest = _restic(f"restic {peers.RESTIC.version}", program)
    except peers.CannotBuild as error:
        newest = Tool(f"restic {peers.RESTIC.version}", {}, missing=str(error))
    version = _version("restic", 1)
    return [newest] + ([_restic(f"restic {version}", "restic")] if version not in ("", peers.RESTIC.version) else [])


def _restic(name: str, program: str) -> Tool:
    restic: Sequence[str] = (program, "--quiet", "--no-lock")
    return Tool(
        name,
        {
            "first backup": lambda place: [program, "--quiet", "backup", place.source],
            "unchanged": lambda place: [program, "--quiet", "backup", place.source],
            "restore": lambda place: [*restic, "restore", "latest", "--target", place.target],
            "verify all": lambda place: [*restic, "check", "--read-data"],
        },
        lambda place: [[program, "--quiet", "init"]],
        lambda place: {
            "RESTIC_REPOSITORY": str(place.repository),
            "RESTIC_PASSWORD": PASSWORD,
            "RESTIC_CACHE_DIR": str(place.folder / "cache"),
        },
    )


def _kopia() -> Tool:
    """With zstd for all files, as restic and Lifeboat compress; its caches lie in the workplace; no housekeeping within a step."""
    name = f"kopia {peers.KOPIA.version} (zstd)"
    try:
        program = str(peers.find(peers.KOPIA) / "kopia")
    except peers.CannotBuild as error:
        return Tool(name, {}, missing=str(error))
    quiet = ("--no-progress", "--no-auto-maintenance", "--log-level=warning")
    snapshot = [program, "snapshot", "create", *quiet]
    at_repository: Callable[[Workplace], list[str]] = lambda place: [f"--path={place.repository}"]  # noqa: E731
    return Tool(
        name,
        {
            "first backup": lambda place: [*snapshot, place.source],
            "unchanged": lambda place: [*snapshot, place.source],
            "restore": lambda place: [program, "restore", *quiet, "--snapshot-time=latest", place.source, place.target],
            "verify all": lambda place: [program, "snapshot", "verify", *quiet, "--verify-files-percent=100"],
        },
        lambda place: [
            ["mkdir", "-p", place.repository],
            [program, "repository", "create", "filesystem", "--no-auto-maintenance", *at_repository(place)],
            [program, "policy", "set", "--global", "--compression=zstd"],
        ],
        lambda place: {
            "KOPIA_CONFIG_PATH": str(place.folder / "kopia.config"),
            "KOPIA_CACHE_DIRECTORY": str(place.folder / "cache"),
            "KOPIA_LOG_DIR": str(place.folder / "log"),
            "KOPIA_PASSWORD": PASSWORD,
            "KOPIA_CHECK_FOR_UPDATES": "false",
            "HOME": str(place.folder),
        },
    )


def _rustic() -> Tool:
    """restic's format by another program."""
    name = f"rustic {peers.RUSTIC.version}"
    try:
        program = str(peers.find(peers.RUSTIC) / "rustic")
    except peers.CannotBuild as error:
        return Tool(name, {}, missing=str(error))
    return Tool(
        name,
        {
            "first backup": lambda place: [program, "backup", place.source],
            "unchanged": lambda place: [program, "backup", place.source],
            "restore": lambda place: [program, "restore", "latest", place.target],
            "verify all": lambda place: [program, "check", "--read-data"],
        },
        lambda place: [[program, "init"]],
        lambda place: {
            "RUSTIC_REPOSITORY": str(place.repository),
            "RUSTIC_PASSWORD": PASSWORD,
            "RUSTIC_CACHE_DIR": str(place.folder / "cache"),
            "RUSTIC_NO_PROGRESS": "true",
            "HOME": str(place.folder),
        },
    )


def _borg() -> Tool:
    return Tool(
        f"borg {_version('borg', 1)} (lz4)",
        {
            "first backup": lambda place: ["borg", "create", "::first", place.source],
            "unchanged": lambda place: ["borg", "create", "::second", place.source],
            "restore": lambda place: ["borg", "extract", "::second"],
            "verify all": lambda place: ["borg", "check", "--verify-data"],
        },
        lambda place: [["borg", "init", "--encryption", "repokey"]],
        lambda place: {
            "BORG_REPO": str(place.repository),
            "BORG_PASSPHRASE": PASSWORD,
            "BORG_BASE_DIR": str(place.folder / "base"),
        },
        _not_on_path("borg"),
        frozenset({"restore"}),
    )


def _version(program: str, word: int) -> str:
    if _not_on_path(program):
        return ""
    argument = "version" if program == "restic" else "--version"
    return subprocess.run([program, argument], capture_output=True, text=True, check=True).stdout.split()[word]


def _not_on_path(program: str) -> str:
    return "" if shutil.which(program, path=os.environ.get("PATH")) else f"{program} is not installed"
