"""The procedures of a printed plan, typed as they stand, each after the disaster that it is for."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bare import BARE
from machine import KEY, LIFEBOAT, Machine

pytestmark = pytest.mark.long
NOT_HERE = (
    "pip install",
    "EDITOR",
    "lifeboat init",
    "keygen",
    "schedule install",
    "lifeboat aws",
    "~/lifeboat",
    "export PATH",
)
"""What needs a person, a bucket, or another machine than this."""
MAY_FIND = re.compile(r"^lifeboat (status|doctor|verify|audit|diff|timeline)")


@pytest.fixture
def shop(set_machine: Machine, tmp_path: Path) -> Machine:
    """Backed up, streamed, with a second copy, and a plan."""
    (set_machine.folder / "lifeboat.toml").write_text(
        f'[[replica]]\nname = "second"\nlocation = "{tmp_path / "second"}"\n\n[[contact]]\nname = "Noura"\nkey_holder = true\n'
    )
    set_machine.run("backup", "all")
    set_machine.run("stream", "--once")
    set_machine.run("replicate")
    set_machine.run("report", "plan")
    return set_machine


def typed(shop: Machine, letter: str, written: dict[str, str], home: Path) -> str:
    """Type every block of a procedure, in order, in one shell; returns what was shown."""
    text = (shop.folder / "recovery-plan.md").read_text()
    [chapter] = re.findall(rf"^## {letter}\. .*?(?=^## )", text, re.M | re.S)
    lines = ["set -e"]
    for block in re.findall(r"^```\n(.*?)^```", chapter, re.M | re.S):
        if any(one in block for one in NOT_HERE):
            continue
        for line in block.splitlines():
            name = line.partition("=")[0]
            if name in written:
                line = f"{name}='{written[name]}'"
            elif line.startswith("lifeboat restore"):
                line = re.sub(r"--filter '.*?'", '--filter \'{"name": "cases 3"}\' --only all', line) + (
                    "" if "--dry-run" in line else " --yes"
                )
            elif line.startswith("lifeboat replicate"):
                line = f"{line} --yes"
            elif MAY_FIND.match(line):
                line = f"{line} || [ $? -eq 3 ]"
            lines.append(line)
    environment = {**BARE, **shop.variables, "HOME": str(home), "PATH": f"{Path(LIFEBOAT).parent}:{BARE['PATH']}"}
    environment["LIFEBOAT_STATE"] = str(shop.folder / ".local/state/lifeboat")
    script = "\n".join(lines)
    done = subprocess.run(["bash", "-c", script], cwd=home, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{script}\n\n{done.stdout}{done.stderr}"
    return done.stdout


def content(shop: Machine, database: str | None = None) -> dict[str, list[Any]]:
    there = shop.client[database or shop.database]
    return {name: sorted(str(one) for one in there[name].find()) for name in ("cases", "clients", "messages")}


def lose_database(shop: Machine) -> None:
    shop.client.drop_database(shop.database)


def lose_files(shop: Machine) -> None:
    for one in shop.uploads.iterdir():
        one.unlink()


@pytest.mark.parametrize(("letter", "lose"), [("A", lose_database), ("B", lose_files)])
def test_what_was_lost_is_back(shop: Machine, tmp_path: Path, letter: str, lose: Callable[[Machine], None]) -> None:
    before, files = content(shop), {one.name: one.read_bytes() for one in shop.uploads.iterdir()}
    lose(shop)
    text = typed(shop, letter, {"WANTED": next(iter(files))}, tmp_path)
    assert "restored" in text
    # The last block goes back to what was there before; without it:
    shop.run("restore", "db" if letter == "A" else "files", "latest", "--over-live", "--yes")
    assert content(shop) == before and {one.name: one.read_bytes() for one in shop.uploads.iterdir()} == files


def test_a_spoilt_collection_comes_back_as_it_was_before_the_operation(shop: Machine, tmp_path: Path) -> None:
    before, at = content(shop), shop.json("timeline", "--at", "newest")["instant"]
    shop.collections["cases"].delete_many({})
    shop.run("stream", "--once")
    found = shop.json("timeline", "--suspects", "--least", "5")["suspects"]
    written = {"NS": f"{shop.database}.cases", "OP": found[0]["op"], "BEFORE": at}
    text = typed(shop, "E", written, tmp_path)
    assert content(shop, f"{shop.database}_check")["cases"] == before["cases"]
    assert "restored" in text


def test_after_an_attack_a_moment_before_it_comes_back_beside(shop: Machine, tmp_path: Path) -> None:
    before = content(shop)
    at = shop.json("timeline", "--at", "newest")["instant"]
    lose_database(shop)
    typed(shop, "D", {"BEFORE": at}, tmp_path)
    assert content(shop, f"{shop.database}_check") == before
    assert content(shop) == before
    assert (tmp_path / "files-from-before").exists() and (tmp_path / "config-from-before").exists()


def test_the_second_copy_becomes_the_repository(shop: Machine, tmp_path: Path) -> None:
    before = content(shop)
    shop.repository.rename(tmp_path / "burnt")
    shop.variables["LIFEBOAT_REPOSITORY"] = str(shop.repository)
    text = (shop.folder / "recovery-plan.md").read_text()
    assert f"LIFEBOAT_REPOSITORY={tmp_path / 'second'}" in text
    # The replica is named by settings in which the repository does not answer any more.
    typed(shop, "G", {"LIFEBOAT_REPOSITORY": str(tmp_path / "second")}, tmp_path)
    assert content(shop, f"{shop.database}_check") == before


def test_another_key_holder_opens_everything(shop: Machine, tmp_path: Path) -> None:
    typed(shop, "F", {}, tmp_path)
    assert content(shop, f"{shop.database}_check") == content(shop)
    assert KEY not in (shop.folder / "recovery-plan.md").read_text() and os.path.exists(shop.repository)
