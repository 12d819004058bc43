"""Uploads through the turn of a month: the second month sends and reads little, and outlives the first with the script alone."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "operations"))

from in_process import rescue_here
from prune_kit import MovedClock, World, some_bytes
from rescue_alone import SEED
from test_rescue_and_package import ME

from lifeboat.foundation.progress import Silent
from lifeboat.operations.backup_files import Root, backup_trees
from lifeboat.operations.carry.plan import Worth
from lifeboat.operations.carry.run import carry_forward
from lifeboat.operations.restore_files import TreeRestore
from lifeboat.operations.taking import Taken, Taking, new_point
from lifeboat.repository.names import Source
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.writing import WriteLimits
from lifeboat.retention.rules import Rules
from lifeboat.sources.files.read import FileReader
from lifeboat.storage.open_store import open_store

ANY = Worth(smallest_pack_bytes=0, smallest_lot_bytes=0)


def back_up(world: World, tree: Path) -> Taken:
    repository = world.open()
    now = repository.store.time_there()
    taking = Taking(repository, repository.writer(now), Source.FILES, new_point(), world.clock, WriteLimits())
    return backup_trees(taking, [Root(tree)], progress=Silent())


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_uploads_outlive_the_month_they_were_carried_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, tree = tmp_path / "repository", tmp_path / "uploads"
    world = World(
        tmp_path / "state",
        MovedClock(datetime(2027, 1, 31, 12, tzinfo=UTC)),
        owner=ME,
        make_store=lambda clock: open_store(str(place), clock=clock, create=True),  # type: ignore[arg-type, return-value]
    )
    for number in range(40):
        path = tree / f"{number % 4}" / f"{number}.pdf"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(some_bytes(60_000, number))
    (tree / "large.bin").write_bytes(some_bytes(3_000_000, 99))
    first = back_up(world, tree)
    world.clock.moment = datetime(2027, 2, 1, 0, 5, tzinfo=UTC)
    (row,) = carry_forward(world.open(), Rules(monthly=0), Silent(), ANY).rows
    assert row.live_bytes > 5_000_000 and row.seconds_saved is None
    packs = list((place / "files/pack/short/2027-02").iterdir())
    assert packs and all(os.stat(one).st_nlink == 1 for one in packs), "damage to one must not be damage to both"
    assert all(one.modified == world.clock.moment for one in world.store.list_under("files/pack/short/2027-02/"))

    (tree / "new.pdf").write_bytes(some_bytes(20_000, 500))
    opened: list[bytes] = []
    for name in ("read", "read_small"):
        real = getattr(FileReader, name)

        def counted(self: FileReader, entry: object, *arguments: object, real: object = real, **more: object) -> object:
            opened.append(entry.path)  # type: ignore[attr-defined]
            return real(self, entry, *arguments, **more)  # type: ignore[operator]

        monkeypatch.setattr(FileReader, name, counted)
    second = back_up(world, tree)
    assert opened == [b"new.pdf"], "what did not change since last month is not even read"
    assert second.record.generation == "2027-02" and second.record.new_bytes < 60_000 < first.record.new_bytes
    assert second.record.stored_bytes < 80_000

    for name in world.names("/2027-01/"):
        world.store.delete(name)
    listed, checked = (rescue_here(SEED, command, place) for command in ("list", "check"))
    assert listed.code == 0 and second.record.snapshot[:8] in listed.out, listed.err
    assert "problems: 0" in checked.err and checked.code == 0, checked.err
    for more in ((), ("--rebuild-index",)):
        out = tmp_path / f"rescued{len(more)}"
        outcome = rescue_here(SEED, "files", place, second.record.snapshot[:12], out, *more)
        assert outcome.code == 0, outcome.err
        (root,) = [path.parent for path in out.rglob("large.bin")]
        assert content(root) == content(tree)
    target = tmp_path / "restored"
    with SnapshotReader(world.open(), second.record) as reader:
        restore = TreeRestore(reader, target, clock=world.clock, progress=Silent())
        restore.refuse()
        restore.carry_out()
    (root,) = [path.parent for path in target.rglob("large.bin")]
    assert content(root) == content(tree)
