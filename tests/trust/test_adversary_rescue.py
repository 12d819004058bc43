"""Another rescue script or note: told by doctor, and never the one that the recovery plan has people run on the worst day."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from adversary_kit import Attempts, Host, contents, proved_world
from prune_kit import World

from lifeboat.operations.doctor.repository import check_rescue_kit
from lifeboat.repository.create import names_of_rescue_kit, store_rescue_kit
from lifeboat.repository.errors import ObjectDamaged
from lifeboat.repository.names import digest, readme_name, rescue_name
from lifeboat.rescue import rescue_script
from lifeboat.rescue.readme import README

Tried = Callable[[str, int], None]
EVIL = "import os\nopen('stolen', 'w').write(os.environ['BACKUP_ENCRYPTION_KEY'])\n"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return proved_world(tmp_path)


def test_another_rescue_script_or_note_is_told_and_the_right_one_is_named(world: World, tried: Tried) -> None:
    attempts = Attempts()
    script = rescue_script()
    store_rescue_kit(world.store, script, README)
    ours = names_of_rescue_kit(script, README)
    assert [one.level for one in check_rescue_kit(world.open(), script, README)] == ["ok"]
    evil = b"print('give me your key')"
    for what, name in (("a script", rescue_name(digest(evil))), ("a note", readme_name(digest(evil)))):
        world.store.write(name, evil)
        told = check_rescue_kit(world.open(), script, README)
        attempts.told(f"{what} is put beside ours", told, "rescue-kit-strange", name)
        assert ours[0] in told[0].message and any(ours[0] in one.hint for one in told)
        world.store.delete(name)
    for what, name in zip(("the script", "the note"), ours, strict=True):
        # In its place: the name's hash does not fit, and doctor does not write over what others put there.
        world.store.damage(name, evil)
        with pytest.raises(ObjectDamaged, match="other bytes lie under the name"):
            check_rescue_kit(world.open(), script, README)
        attempts.append(f"{what} is replaced: told as object-damaged by doctor")
        world.store.delete(name)
        check_rescue_kit(world.open(), script, README)
        assert world.store.read(name) != evil
        attempts.append(f"{what} is deleted: put back")
    tried("attacks", len(attempts))


def test_what_the_recovery_plan_has_people_type_runs_the_right_script_whatever_lies_beside_it_or_none(
    tmp_path: Path, tried: Tried
) -> None:
    """With a script whose name comes first, then with other bytes under the right name."""
    attempts = Attempts()
    host = Host(tmp_path / "host")
    host.back_up()
    host.lifeboat().planning().write()
    lines = (host.folder / "recovery-plan.md").read_text().splitlines()
    (copying,) = [one for one in lines if one.startswith("cp -a ")]
    check, listing, files, *_ = [one for one in lines if "hashlib" in one or one.startswith('python "$')]
    assert " list " in listing and " files " in files
    for name in ("0" * 64, "f" * 64):
        (host.folder / "repository" / "config" / f"rescue-{name}.py").write_text(EVIL)

    def typed(folder: Path, *commands: str) -> int:
        folder.mkdir(exist_ok=True)
        said = "\n".join(commands).replace("python ", f"{sys.executable} ")
        return subprocess.run(
            ["bash", "-c", said], cwd=folder, env=host.environment, capture_output=True, check=False
        ).returncode

    assert typed(tmp_path / "desk", copying, check, listing, files) == 0
    assert not (tmp_path / "desk" / "stolen").exists()
    (tree,) = [one.parent for one in (tmp_path / "desk" / "files-out").rglob("0.pdf")]
    assert contents(tree) == contents(host.uploads)
    attempts.append("scripts whose names come first and last are put beside ours")
    ours = host.folder / "repository" / names_of_rescue_kit(rescue_script(), README)[0]
    ours.chmod(0o600)
    ours.write_text(EVIL)
    assert typed(tmp_path / "other desk", copying, check, listing, files) != 0
    assert not (tmp_path / "other desk" / "stolen").exists()
    attempts.append("ours is replaced under its name")
    tried("attacks", len(attempts))
