"""One bit flipped in a copy of a repository: what verify says of it, and what a restore from it does.

Limits: a local repository; the copy is removed with the folder it lies in.
"""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.settings import RepositorySettings, Settings
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import RepositoryDamaged
from lifeboat.foundation.finding import Level
from lifeboat.foundation.value import Value
from lifeboat.operations.reports.restores import RestoreRequest

_PACKS = "mongodb/pack"


class DamageShown(Value):
    """What one wrong bit came to.

    Args:
        object_name: The pack it was in.
        named: ``verify --level full`` named that pack.
        hurts: What verify said it costs.
        refused: What the restore said when it stopped; None: it went through.
        wrong_documents: Whether the target holds a collection that is not as it was; the restore must leave none.
    """

    object_name: str
    named: bool
    hurts: tuple[str, ...]
    refused: str | None
    wrong_documents: bool

    @property
    def held(self) -> bool:
        """Whether nothing wrong could get through."""
        return self.named and self.refused is not None and not self.wrong_documents


def show_damage(
    settings: Settings, folder: Path, target: str, holds_wrong: Callable[[], bool], clock: Clock
) -> DamageShown:
    """Copy the repository into ``folder``, flip a bit in its largest pack of documents, verify and restore from it.

    Args:
        target: Name of a database that does not exist yet.
        holds_wrong: Looks whether the target holds something that was never backed up like that.
    """
    location = settings.need_repository()
    assert isinstance(location, Path)
    copy = folder / "damaged-repository"
    shutil.copytree(location, copy)
    pack = flip_a_bit(copy / _PACKS)
    name = pack.relative_to(copy).as_posix()
    damaged = replace(settings, state=folder / "damaged-state", repository=RepositorySettings(location=copy))
    lifeboat = Lifeboat(damaged, clock=clock)
    problems = [one for one in lifeboat.verify("full").findings if one.level is Level.PROBLEM]
    named = [one for one in problems if one.subject == name]
    try:
        # The largest pack is of the first backup, and that snapshot needs every chunk in it.
        first = [one for one in lifeboat.snapshots() if one.source == "mongodb"][-1]
        lifeboat.restore(RestoreRequest("db", first.snapshot, to=target))
    except RepositoryDamaged as error:
        refused: str | None = error.message
    else:
        refused = None
    hurts = tuple(hurt for one in named for hurt in one.hurts)
    return DamageShown(name, bool(named), hurts, refused, holds_wrong())


def flip_a_bit(folder: Path) -> Path:
    """Change one bit in the middle of the largest file below a folder; returns the file."""
    victim = max((one for one in folder.rglob("*") if one.is_file()), key=lambda one: one.stat().st_size)
    with victim.open("r+b") as opened:
        middle = victim.stat().st_size // 2
        opened.seek(middle)
        byte = opened.read(1)[0]
        opened.seek(middle)
        opened.write(bytes([byte ^ 1]))
    return victim
