"""Interruption as law: every storage call, server write and rename of backup, restore, undo and verify, killed before and after it.

After each kill: earlier snapshots restore bit for bit, verify is clean, what is live is the old or the new whole, and the same
command run again succeeds. `make test` kills at some points of each action, drawn anew; `make test-long` at all of them.
"""

import random
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kill_points import Doing
from office import Contents, Office, tree_differences
from sweep import Swept, sweep, told

from lifeboat.app.undoing import NothingToUndo
from lifeboat.operations.reports.documents import DocumentsRequest
from lifeboat.operations.reports.restores import RestoreRequest
from lifeboat.retention.periods import end_of, generation_of

Record = Callable[[str, object], None]


def doing(office: Office, action: str, tmp_path: Path) -> Doing:
    return Doing(action, office.environment, office.folder, None, tmp_path / "points")


def really_swept(swept: Swept, *kinds: str) -> None:
    """A sweep that missed a kind of point proves nothing about it."""
    for kind in kinds:
        for side in ("before", "after"):
            assert any(point.startswith(f"{side} {kind}") for point in swept.points), (
                f"no {side} {kind} among the points"
            )
    assert swept.killed and len(swept.killed) + swept.finished_first == swept.chosen > 0


def test_a_backup_killed_anywhere_loses_no_earlier_snapshot_and_the_next_one_finishes(
    office: Office, at_most: int | None, tmp_path: Path, record_property: Record
) -> None:
    office.fill_database(1)
    office.fill_uploads(1)
    office.lifeboat().initialise(guarded=False, new_key=None)
    first = {one.source: one.snapshot for one in office.lifeboat().backup("all").snapshots}
    first_database = office.database_now()
    first_uploads = office.restored_uploads(first["files"], tmp_path / "first")
    assert tree_differences(office.uploads, first_uploads) == ""
    office.fill_database(2)
    office.fill_uploads(2)
    office.keep("before")
    second_database = office.database_now()

    def look(moment: str) -> None:
        assert office.problems("structure") == [], moment
        listed = {one.snapshot for one in office.lifeboat().snapshots()}
        assert set(first.values()) <= listed, moment
        must_be(office.restored_database(first["mongodb"]), first_database, moment)
        back = office.restored_uploads(first["files"], tmp_path / "back")
        assert tree_differences(first_uploads, back) == "", moment
        again = {one.source: one.snapshot for one in office.lifeboat().backup("all").snapshots}
        assert office.problems() == [], moment
        must_be(office.restored_database(again["mongodb"]), second_database, moment)
        back = office.restored_uploads(again["files"], tmp_path / "back")
        assert tree_differences(office.uploads, back) == "", moment

    with told(record_property) as sweeps:
        sweep(
            doing(office, "backup", tmp_path), lambda: office.bring_back("before"), look, told=sweeps, at_most=at_most
        )
    really_swept(sweeps[0], "store write", "file rename", "file link")


def test_a_database_restore_killed_anywhere_leaves_each_collection_old_or_new_and_finishes(
    office: Office, at_most: int | None, tmp_path: Path, record_property: Record
) -> None:
    office.fill_database(1)
    new = office.database_now()
    office.lifeboat().initialise(guarded=False, new_key=None)
    office.lifeboat().backup("db")
    office.keep("stored")

    def begin() -> None:
        office.bring_back("stored")
        office.fill_database(2)
        office.database.command("dropAllUsersFromDatabase")
        office.old = office.database_now()  # type: ignore[attr-defined]

    def look(moment: str) -> None:
        old = office.old  # type: ignore[attr-defined]
        old_or_new(office.database_now(), old, new, moment)
        # Killed behind its end it is an ended restore: the same command is another one, whose undo goes back to before that.
        has_ended = office.database_now() == new and not list((office.folder / "state").glob("*/restore-*.json"))
        office.lifeboat().restore(request("db"))
        must_be(office.database_now(), new, moment)
        assert office.users_now() == ["app"], moment
        assert office.temporaries() == [], moment
        assert office.problems("structure") == [], moment
        office.lifeboat().undo_restore()
        must_be(office.database_now(), new if has_ended else old, f"undone after: {moment}")
        if has_ended:
            safety = [one.snapshot for one in office.lifeboat().snapshots() if one.purpose == "safety"]
            assert any(office.restored_database(one) == old for one in safety), (
                f"what was there before is gone: {moment}"
            )

    with told(record_property) as sweeps:
        sweep(doing(office, "restore db", tmp_path), begin, look, told=sweeps, at_most=at_most)
    really_swept(
        sweeps[0], "store write", "server insert", "server renameCollection", "server createIndexes", "file rename"
    )


def test_a_restore_of_files_killed_anywhere_leaves_each_file_old_or_new_and_finishes(
    office: Office, at_most: int | None, tmp_path: Path, record_property: Record
) -> None:
    office.fill_uploads(1)
    office.lifeboat().initialise(guarded=False, new_key=None)
    taken = office.lifeboat().backup("files").snapshots[0].snapshot
    new = office.restored_uploads(taken, tmp_path / "new")
    office.fill_uploads(2)
    (office.uploads / "contracts" / "3.txt").unlink()
    office.keep("stored")
    old = office.restored_uploads(taken, tmp_path / "old")
    for file in office.uploads.rglob("*"):
        if file.is_file():
            (old / file.relative_to(office.uploads)).write_bytes(file.read_bytes())

    def look(moment: str) -> None:
        for file in (one for one in office.uploads.rglob("*") if one.is_file() and ".lifeboat" not in one.name):
            name = file.relative_to(office.uploads)
            assert file.read_bytes() in ((old / name).read_bytes(), (new / name).read_bytes()), f"{name}: {moment}"
        office.lifeboat().restore(request("files"))
        assert tree_differences(new, office.uploads) == "", moment
        assert office.problems("structure") == [], moment

    with told(record_property) as sweeps:
        sweep(
            doing(office, "restore files", tmp_path),
            lambda: office.bring_back("stored"),
            look,
            told=sweeps,
            at_most=at_most,
        )
    really_swept(sweeps[0], "store write", "file rename")


def test_documents_put_back_and_killed_anywhere_are_each_old_or_new_and_all_come_back(
    office: Office, at_most: int | None, tmp_path: Path, record_property: Record
) -> None:
    office.fill_database(1)
    new = office.database_now()
    office.lifeboat().initialise(guarded=False, new_key=None)
    office.lifeboat().backup("db")
    office.keep("stored")

    def begin() -> None:
        office.bring_back("stored")
        office.fill_database(1)
        office.database.cases.delete_many({"_id": {"$lt": 4}})
        office.database.cases.update_many({"_id": {"$gt": 36}}, {"$set": {"version": 2}})
        office.old = office.database_now()  # type: ignore[attr-defined]

    def look(moment: str) -> None:
        old = office.old  # type: ignore[attr-defined]
        there = office.database_now()
        assert set(there["cases"][2]) <= {*old["cases"][2], *new["cases"][2]}, moment
        must_be({**there, "cases": new["cases"]}, new, moment)
        with office.lifeboat().single_documents(DocumentsRequest("office.cases", "{}", over_live=True)) as found:
            found.put_back()
        must_be(office.database_now(), new, moment)
        assert office.problems("structure") == [], moment
        office.lifeboat().undo_restore()
        must_be(office.database_now(), old, f"undone after: {moment}")

    with told(record_property) as sweeps:
        sweep(doing(office, "restore documents", tmp_path), begin, look, told=sweeps, at_most=at_most)
    really_swept(sweeps[0], "store write", "server update", "file rename")


def test_an_undo_killed_anywhere_goes_back_when_it_is_called_again(
    office: Office, at_most: int | None, tmp_path: Path, record_property: Record
) -> None:
    office.fill_database(1)
    office.lifeboat().initialise(guarded=False, new_key=None)
    office.lifeboat().backup("db")
    restored = office.database_now()
    office.fill_database(2)
    before = office.database_now()
    office.database.command("dropAllUsersFromDatabase")
    office.lifeboat().restore(request("db"))
    office.keep("restored")

    def begin() -> None:
        office.bring_back("restored")
        office.fill_database(1)

    def look(moment: str) -> None:
        old_or_new(office.database_now(), restored, before, moment)
        with suppress(NothingToUndo):  # killed behind its end: then everything must be as before already
            office.lifeboat().undo_restore()
        must_be(office.database_now(), before, moment)
        assert office.users_now() == [], moment
        assert office.temporaries() == [], moment

    with told(record_property) as sweeps:
        sweep(doing(office, "undo", tmp_path), begin, look, told=sweeps, at_most=at_most)
    really_swept(sweeps[0], "server renameCollection", "file rename")


def test_a_verify_killed_anywhere_harms_nothing_and_the_next_one_is_clean(
    office: Office, at_most: int | None, tmp_path: Path, record_property: Record
) -> None:
    office.fill_uploads(1)
    office.lifeboat().initialise(guarded=False, new_key=None)
    office.lifeboat().backup("files")
    office.keep("stored")
    with told(record_property) as sweeps:
        sweep(
            doing(office, "verify", tmp_path),
            lambda: office.bring_back("stored"),
            lambda moment: clean(office, moment),
            told=sweeps,
            at_most=at_most,
        )
    really_swept(sweeps[0], "store read")


def test_a_prune_killed_anywhere_loses_nothing_that_is_kept_and_the_next_one_finishes(
    office: Office, at_most: int | None, tmp_path: Path, record_property: Record
) -> None:
    (office.folder / "lifeboat.toml").write_text("[retention]\nhourly = 1\ndaily = 2\nmonthly = 1\n")
    office.lifeboat().initialise(guarded=False, new_key=None)
    stored: dict[str, Path] = {}
    # Old ones in a month that closes, new ones every day so that the store's clock is believed, what was let go, its grace.
    for day in (0, 1, 2, *range(70, 89)):
        office.ahead = timedelta(days=day)
        office.fill_uploads(day)
        taken = office.lifeboat().backup("files").snapshots[0].snapshot
        stored[taken] = copied(office.uploads, tmp_path / f"day {day}")
        if day == 79:
            assert office.lifeboat().prune(dry_run=False).forgotten
    office.lifeboat().verify(
        "full"
    )  # what is proved need not be kept until its lock ends: there is something to let go, too
    office.keep("before")
    planned = office.lifeboat().prune(dry_run=True)
    assert planned.objects_removed > 0 and planned.forgotten, "else the sweep would prove nothing"

    def whole(moment: str) -> None:
        listed = [one.snapshot for one in office.lifeboat().snapshots() if one.source == "files"]
        assert listed, moment
        for snapshot in listed:
            back = office.restored_uploads(snapshot, tmp_path / "back")
            assert tree_differences(stored[snapshot], back) == "", f"{snapshot}: {moment}"

    def look(moment: str) -> None:
        assert office.problems("structure") == [], moment
        whole(moment)
        office.lifeboat().prune(dry_run=False)
        assert office.problems() == [], moment
        assert office.lifeboat().prune(dry_run=True).objects_removed == 0, moment
        whole(moment)

    prune = replace(doing(office, "prune", tmp_path), ahead=office.ahead)
    with told(record_property) as sweeps:
        sweep(prune, lambda: office.bring_back("before"), look, told=sweeps, at_most=at_most)
    really_swept(sweeps[0], "store delete", "store write")


def test_a_carry_killed_anywhere_loses_nothing_and_the_next_month_goes_on(
    office: Office, at_most: int | None, tmp_path: Path, record_property: Record
) -> None:
    now = datetime.now(UTC)
    turn = end_of(generation_of(now + timedelta(days=3)))
    office.ahead = turn - timedelta(days=1) - now
    office.lifeboat().initialise(guarded=False, new_key=None)
    office.fill_uploads(1)
    (office.uploads / "video").write_bytes(random.Random(1).randbytes(18_000_000))
    first = office.lifeboat().backup("files").snapshots[0].snapshot
    stored = copied(office.uploads, tmp_path / "stored")
    office.ahead = turn + timedelta(minutes=10) - now
    assert office.lifeboat().carry_forward(dry_run=True).packs, "else the sweep would prove nothing"
    office.keep("before")

    def look(moment: str) -> None:
        assert office.problems("structure") == [], moment
        assert tree_differences(stored, office.restored_uploads(first, tmp_path / "back")) == "", moment
        office.lifeboat().carry_forward(dry_run=False)
        taken = office.lifeboat().backup("files").snapshots[0]
        assert taken.stored_bytes < 1_000_000, moment
        assert office.problems() == [], moment
        assert tree_differences(office.uploads, office.restored_uploads(taken.snapshot, tmp_path / "back")) == "", (
            moment
        )

    carry = replace(doing(office, "carry", tmp_path), ahead=office.ahead)
    with told(record_property) as sweeps:
        sweep(carry, lambda: office.bring_back("before"), look, told=sweeps, at_most=at_most)
    really_swept(sweeps[0], "store copy", "store write")


def test_the_sweep_notices_a_mixture_and_a_loss(office: Office) -> None:
    office.fill_database(1)
    new = office.database_now()
    office.fill_database(2)
    old = office.database_now()
    office.database.cases.update_one({"_id": 3}, {"$set": {"version": 1}})
    with pytest.raises(AssertionError, match="cases"):
        old_or_new(office.database_now(), old, new, "here")
    office.database.drop_collection("log")
    with pytest.raises(AssertionError, match="log"):
        old_or_new({**office.database_now(), "cases": new["cases"]}, old, new, "here")


def clean(office: Office, moment: str) -> None:
    assert office.problems() == [], moment


def request(source: str) -> RestoreRequest:
    """The newest backup, as ``latest`` in the killed process was: never the safety snapshot."""
    return RestoreRequest(source=source, snapshot="latest", over_live=True)


def copied(tree: Path, folder: Path) -> Path:
    subprocess.run(["rsync", "-aHAXS", f"{tree}/", f"{folder}/"], check=True, capture_output=True)
    return folder


def documents_of(contents: Contents) -> dict[str, tuple[bytes, ...]]:
    return {name: found[2] for name, found in contents.items() if found[0] == "collection"}


def must_be(there: Contents, wanted: Contents, moment: str) -> None:
    different = sorted(name for name in there.keys() | wanted.keys() if there.get(name) != wanted.get(name))
    assert different == [], moment


def old_or_new(there: Contents, old: Contents, new: Contents, moment: str) -> None:
    """Documents as a whole; between two steps a collection may lack its armed options. Time-series may be a gap (brief, promise 2)."""
    found = documents_of(there)
    for name, documents in documents_of(old).items():
        if name.startswith("system.buckets."):
            assert found.get(name, ()) in ((), documents, documents_of(new)[name]), f"{name} is a mixture: {moment}"
        else:
            assert name in found, f"{name} is gone: {moment}"
            assert found[name] in (documents, documents_of(new)[name]), f"{name} is a mixture: {moment}"
