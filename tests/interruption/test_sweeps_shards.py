"""The law of interruption for what several processes share: one of them is killed anywhere, the others are not.

As in ``test_sweeps.py``. The same number started again does what is missing, and the run ends as that of one process: one snapshot, one whole tree.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from kill_actions import SCRATCH, SHARD, restore_share, sharing
from kill_points import Doing
from office import Office, tree_differences
from sweep import sweep, told
from test_sweeps import really_swept

Record = Callable[[str, object], None]
SHARDS = pytest.mark.parametrize(
    "number", [pytest.param(0, marks=pytest.mark.long), 1], ids=["one of them", "the last one"]
)


def doing(office: Office, action: str, number: int, tmp_path: Path, **more: str) -> Doing:
    said = {**office.environment, SHARD: str(number), **more}
    return Doing(action, said, office.folder, None, tmp_path / "points")


@SHARDS
def test_a_shard_of_a_backup_killed_anywhere_is_done_again_and_there_is_one_snapshot(
    office: Office, number: int, at_most: int | None, tmp_path: Path, record_property: Record
) -> None:
    office.fill_uploads(1)
    office.lifeboat().initialise(guarded=False, new_key=None)
    first = office.lifeboat().backup("files").snapshots[0].snapshot
    first_uploads = office.restored_uploads(first, tmp_path / "first")
    office.fill_uploads(2)
    if number:
        office.lifeboat().backup_shared(sharing(0))
    office.keep("before")

    def look(moment: str) -> None:
        assert office.problems("structure") == [], moment
        back = office.restored_uploads(first, tmp_path / "back")
        assert tree_differences(first_uploads, back) == "", moment
        for each in (0, 1):
            office.lifeboat().backup_shared(sharing(each))
        assert office.problems() == [], moment
        listed = [one.snapshot for one in office.lifeboat().snapshots() if one.snapshot != first]
        assert len(listed) == 1, moment
        back = office.restored_uploads(listed[0], tmp_path / "back")
        assert tree_differences(office.uploads, back) == "", moment

    with told(record_property) as sweeps:
        killed = doing(office, "backup shard", number, tmp_path)
        sweep(killed, lambda: office.bring_back("before"), look, told=sweeps, at_most=at_most)
    really_swept(sweeps[0], "store write", "file rename")


@SHARDS
def test_a_shard_of_a_restore_killed_anywhere_is_done_again_and_the_tree_is_whole(
    office: Office, number: int, at_most: int | None, tmp_path: Path, record_property: Record
) -> None:
    target = tmp_path / "target"
    office.fill_uploads(1)
    office.lifeboat().initialise(guarded=False, new_key=None)
    office.lifeboat().backup("files")
    if number:
        restore_share(office.lifeboat(), 0, str(target))
    office.keep("before", target)

    def begin() -> None:
        shutil.rmtree(target, ignore_errors=True)
        office.bring_back("before")

    def look(moment: str) -> None:
        assert office.problems("structure") == [], moment
        for each in (0, 1):
            restore_share(office.lifeboat(), each, str(target))
        assert tree_differences(office.uploads, target) == "", moment

    with told(record_property) as sweeps:
        killed = doing(office, "restore shard", number, tmp_path, **{SCRATCH: str(target)})
        sweep(killed, begin, look, told=sweeps, at_most=at_most)
    really_swept(sweeps[0], "store read", "file rename")
