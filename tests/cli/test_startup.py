"""Help answers at once: nothing heavy is imported before a command needs it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lifeboat.cli.main import COMMANDS, overview

HEAVY = (
    "pydantic",
    "msgspec",
    "rich",
    "pymongo",
    "bson",
    "boto3",
    "botocore",
    "cryptography",
    "zstandard",
    "pyfastcdc",
    "tomllib",
)
TELL = f"""
import sys
from lifeboat.cli.main import main
try:
    main()
finally:
    sys.stderr.write(" ".join(name for name in {HEAVY!r} if name in sys.modules))
"""


def loaded_by(*arguments: str) -> tuple[int, str, str]:
    """Exit status, output, and the heavy modules that were imported."""
    done = subprocess.run([sys.executable, "-c", TELL, *arguments], capture_output=True, text=True, env={**os.environ})
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [(("--help",), ""), (("--version",), ""), (("restore", "--help"), "msgspec")],  # what its values are made with
)
def test_help_imports_nothing_heavy(arguments: tuple[str, ...], needed: str) -> None:
    status, out, heavy = loaded_by(*arguments)
    assert (status, heavy) == (0, needed)
    assert "lifeboat" in out


DRIVERS = {"pymongo", "boto3", "botocore", "asyncio"}
"""What takes longer to load than most commands to run; a folder of files needs none of it."""


@pytest.mark.parametrize("arguments", [("backup", "files"), ("status",), ("snapshots",), ("verify",)])
def test_no_driver_is_loaded_that_a_command_does_not_need(arguments: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "a").write_text("x")
    told = f"""
import sys
from lifeboat.cli.main import main
try:
    main()
finally:
    sys.stderr.write("LOADED " + " ".join(name for name in {DRIVERS!r} if name in sys.modules))
"""
    variables = {
        "LIFEBOAT_REPOSITORY": str(tmp_path / "repository"),
        "LIFEBOAT_STATE": str(tmp_path / "state"),
        "UPLOADS_DIR": str(tmp_path / "uploads"),
    }

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", told, *words],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, **variables},
        )

    assert run("init", "--yes").returncode == 0
    assert run("backup", "all").returncode == 0
    done = run(*arguments)
    assert done.returncode in (0, 3), done.stderr
    assert "LOADED " in done.stderr and done.stderr.rpartition("LOADED ")[2].split() == []


def test_the_import_watch_notices_a_heavy_module() -> None:
    status, _, heavy = loaded_by("keygen", "--out", "/dev/null/x")
    assert status == 10
    assert "cryptography" in heavy


def test_the_help_teaches_every_command_in_80_columns() -> None:
    _, out, _ = loaded_by("--help")
    assert all(f"\n  {name} " in out for name in COMMANDS)
    assert out.count("\n  lifeboat ") == 3
    assert max(len(line) for line in out.splitlines()) <= 80


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_an_example(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    import click

    context = click.Context(overview, info_name="lifeboat")
    command = overview.get_command(context, name)
    assert command is not None
    page = command.get_help(click.Context(command, parent=context, info_name=name))
    assert f"lifeboat {name}" in page.partition("Examples:")[2]
    assert "--json" in page
    assert max(len(line) for line in page.splitlines()) <= 80


def test_every_command_has_a_file_and_every_file_a_row() -> None:
    import lifeboat.cli.commands as commands

    folder = Path(commands.__file__).parent
    assert {one.stem.replace("_", "-") for one in folder.glob("*.py")} - {"--init--"} == set(COMMANDS)
