"""The law of interruption for all the rest: stream, moments, drills, replicas, erasures, keys, what comes from and goes to other tools.

As in ``test_sweeps.py``: killed for real before and after every call of the store, write to the server and act on files; then nothing that
was there is lost, and the same command finishes.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kill_actions import DUMP, EXPORT, MOMENT, SAFE, SCRATCH, SHREDDED, erase_case_seven, restore_beside, stream_once
from kill_points import Doing
from office import Contents, Office, tree_differences
from sweep import sweep, told
from test_sweeps import clean, copied, must_be, old_or_new, really_swept, request

from lifeboat.app.replicating import HowToReplicate
from lifeboat.operations.reports.restores import RestoreRequest
from lifeboat.repository.errors import RepositoryExists
from lifeboat.retention.periods import end_of, generation_of
from lifeboat.sources.mongodb.oplog.read import majority_point

Record = Callable[[str, object], None]
ROOT_ALONE = ".d..t...... ./\n"
TOML_REPLICA = '[[replica]]\nname = "second"\nlocation = "second"\n'


def doing(office: Office, action: str, tmp_path: Path, **more: str) -> Doing:
    return Doing(action, {**office.environment, **more}, office.folder, None, tmp_path / "points", office.ahead)


def moment_now(office: Office) -> str:
    return f"{(point := majority_point(office.client)).time}.{point.inc}"


def changed(office: Office) -> None:
    """Changes of every kind, one after another."""
    live = office.database
    live.cases.update_many({"_id": {"$lt": 10}}, {"$set": {"version": 7}})
    live.cases.delete_many({"_id": {"$gt": 35}})
    live.cases.insert_many({"_id": n, "title": f"later {n}", "version": 7} for n in range(100, 120))
    live.sessions.update_many({}, {"$inc": {"version": 1}})


def restored_at(office: Office, moment: str) -> Contents:
    other = "office_beside"
    office.client.drop_database(other)
    office.lifeboat().restore(RestoreRequest(source="db", at=moment, to=other))
    found = office.database_now(other)
    office.client.drop_database(other)
    return found


def followed(contents: Contents) -> Contents:
    """What an archive follows to the byte: not capped collections of another order, nor raw buckets."""
    return {name: contents[name] for name in ("cases", "sessions")}


def test_a_stream_killed_anywhere_goes_on_without_a_gap(
    office: Office, at_most: int | None, tmp_path: Path, record_property: Record
) -> None:
    office.fill_database(1)
    office.lifeboat().initialise(guarded=False, new_key=None)
    office.lifeboat().backup("db")
    stream_once(office.lifeboat())
    first_moment, first = moment_now(office), followed(office.database_now())
    changed(office)
    second_moment, second = moment_now(office), followed(office.database_now())
    stream_once(office.lifeboat())  # leads to the first moment, too
    office.keep("before")
    changed_again(office)
    third_moment, third = moment_now(office), followed(office.database_now())

    def look(moment: str) -> None:
        assert office.problems("structure") == [], moment
        earlier = ((first_moment, first), (second_moment, second))
        for instant, contents in earlier if at_most is None else earlier[1:]:
            must_be(followed(restored_at(office, instant)), contents, f"{instant}: {moment}")
        stream_once(office.lifeboat())
        assert office.problems() == [], moment
        must_be(followed(restored_at(office, third_moment)), third, f"{third_moment}: {moment}")

    with told(record_property) as sweeps:
        sweep(
            doing(office, "stream", tmp_path), lambda: office.bring_back("before"), look, told=sweeps, at_most=at_most
        )
    really_swept(sweeps[0], "store write", "file rename")


def changed_again(office: Office) -> None:
    office.database.cases.update_many({"_id": {"$gte": 100}}, {"$set": {"version": 8}})
    office.database.sessions.delete_one({"_id": 3})


def test_a_restore_of_a_moment_killed_anywhere_leaves_each_collection_old_or_new_and_finishes(
    office: Office, at_most: int | None, tmp_path: Path, record_property: Record
) -> None:
    office.fill_database(1)
    office.lifeboat().initialise(guarded=False, new_key=None)
    office.lifeboat().backup("db")
    changed(office)
    moment, new = moment_now(office), office.database_now()
    office.database.cases.update_one({"_id": 1}, {"$set": {"version": 9}})
    stream_once(office.lifeboat())
    office.keep("stored")

    def begin() -> None:
        office.bring_back("stored")
        office.fill_database(2)
        office.old = office.database_now()  # type: ignore[attr-defined]

    def look(where: str) -> None:
        old_or_new(followed(office.database_now()), followed(office.old), followed(new), where)  # type: ignore[attr-defined]
        office.lifeboat().restore(RestoreRequest(source="db", at=moment, over_live=True))
        must_be(followed(office.database_now()), followed(new), where)
        assert office.temporaries() == [], where
        assert office.problems("structure") == [], where

    with told(record_property) as sweeps:
        killed = doing(office, "restore moment", tmp_path, **{MOMENT: moment})
        sweep(killed, begin, look, told=sweeps, at_most=at_most)
    really_swept(sweeps[0], "store write", "server insert", "server renameCollection", "file rename")


def test_a_restore_to_a_new_place_killed_anywhere_has_whole_files_only_and_goes_on(
    office: Office, at_most: int | None, tmp_path: Path, record_property: Record
) -> None:
    target = tmp_path / "new place"
    office.fill_uploads(1)
    office.lifeboat().initialise(guarded=False, new_key=None)
    office.lifeboat().backup("files")
    office.keep("stored", target)

    def begin() -> None:
        shutil.rmtree(target, ignore_errors=True)
        office.bring_back("stored")

    def look(moment: str) -> None:
        for path in target.rglob("*"):
            if path.is_file() and not path.name.startswith(".lifeboat-"):
                assert path.read_bytes() == (office.uploads / path.relative_to(target)).read_bytes(), (path, moment)
        if target.exists() and not (target / ".lifeboat-restoring").exists() and os.listdir(target):
            # Killed after it said that it is finished: whole but for the root's own time.
            assert tree_differences(office.uploads, target) in ("", ROOT_ALONE), moment
            return
        restore_beside(office.lifeboat(), str(target))
        assert tree_differences(office.uploads, target) == "", moment

    with told(record_property) as sweeps:
        killed = doing(office, "restore to a new place", tmp_path, **{SCRATCH: str(target)})
        sweep(killed, begin, look, told=sweeps, at_most=at_most)
    really_swept(sweeps[0], "store read", "file rename")


def test_a_drill_killed_anywhere_touches_nothing_live_and_leaves_nothing(
    office: Office, at_most: int | None, tmp_path: Path, record_property: Record
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    office.fill_database(1)
    office.lifeboat().initialise(guarded=False, new_key=None)
    office.lifeboat().backup("db")
    live, databases = office.database_now(), set(office.client.list_database_names())
    office.keep("stored")

    def look(moment: str) -> None:
        must_be(office.database_now(), live, moment)
        assert set(office.client.list_database_names()) == databases, moment
        until(lambda: not list(scratch.iterdir()), f"a folder is left: {moment}")
        until(lambda: not processes_with(str(scratch)), f"a server is left: {moment}")
        assert office.problems("structure") == [], moment
        reports = office.lifeboat().drill_book().drills()
        assert all(one.outcome == "passed" for one in reports.drills), moment

    with told(record_property) as sweeps:
        killed = doing(office, "drill", tmp_path, **{SCRATCH: str(scratch)})
        sweep(killed, lambda: office.bring_back("stored"), look, told=sweeps, at_most=at_most)
    really_swept(sweeps[0], "store write", "server insert", "server createIndexes")


def test_a_replication_killed_anywhere_names_nothing_that_it_lacks_and_the_next_one_finishes(
    office: Office, at_most: int | None, tmp_path: Path, record_property: Record
) -> None:
    (office.folder / "lifeboat.toml").write_text(TOML_REPLICA)
    office.fill_uploads(1)
    office.lifeboat().initialise(guarded=False, new_key=None)
    office.lifeboat().backup("files")
    office.lifeboat().replicate((), HowToReplicate())
    office.fill_uploads(2)
    taken = office.lifeboat().backup("files").snapshots[0].snapshot
    second = office.folder / "second"
    office.keep("stored", second)

    def at_the_replica() -> Office:
        return office.looking_at(second)

    def look(moment: str) -> None:
        assert at_the_replica().problems("structure") == [], moment
        assert office.problems("structure") == [], moment
        office.lifeboat().replicate((), HowToReplicate())
        assert at_the_replica().problems() == [], moment
        back = at_the_replica().restored_uploads(taken, tmp_path / "back")
        assert tree_differences(office.uploads, back) == "", moment
        theirs = {one.relative_to(second) for one in second.rglob("*") if is_object(one) and "replica-" not in one.name}
        ours = {one.relative_to(office.repository) for one in office.repository.rglob("*") if is_object(one)}
        assert theirs == ours, moment
        assert all((second / one).read_bytes() == (office.repository / one).read_bytes() for one in ours), moment

    with told(record_property) as sweeps:
        killed = doing(office, "replicate", tmp_path)
        sweep(killed, lambda: office.bring_back("stored"), look, told=sweeps, at_most=at_most)
    really_swept(sweeps[0], "store write", "store read")


def test_an_erasure_killed_anywhere_is_said_or_not_and_nobody_who_was_erased_comes_back(
    office: Office, at_most: int | None, tmp_path: Path, record_property: Record
) -> None:
    office.fill_database(1)
    office.lifeboat().initialise(guarded=False, new_key=None)
    office.lifeboat().backup("db")
    office.database.cases.delete_one({"title": "case 7"})
    office.keep("stored")

    def look(moment: str) -> None:
        ended = office.lifeboat().erasing().every()
        assert len(ended.erasures) <= 1 and ended.findings == (), moment
        if not ended.erasures:
            erase_case_seven(office.lifeboat())
        office.lifeboat().restore(request("db"))
        assert office.database.cases.count_documents({"title": "case 7"}) == 0, moment
        assert office.database.cases.count_documents({}) == 39, moment
        assert office.problems("structure") == [], moment

    with told(record_property) as sweeps:
        killed = doing(office, "erase", tmp_path)
        sweep(killed, lambda: office.bring_back("stored"), look, told=sweeps, at_most=at_most)
    really_swept(sweeps[0], "store write")


def test_an_init_killed_anywhere_is_done_again_and_makes_one_repository(
    office: Office, at_most: int | None, tmp_path: Path, record_property: Record
) -> None:
    office.fill_uploads(1)
    office.keep("nothing")

    def look(moment: str) -> None:
        with suppress(RepositoryExists):
            office.lifeboat().initialise(guarded=False, new_key=None)
        taken = office.lifeboat().backup("files").snapshots[0].snapshot
        assert tree_differences(office.uploads, office.restored_uploads(taken, tmp_path / "back")) == "", moment
        clean(office, moment)
        assert len(list((office.repository / "config").glob("repository-*"))) == 1, moment

    with told(record_property) as sweeps:
        sweep(doing(office, "init", tmp_path), lambda: office.bring_back("nothing"), look, told=sweeps, at_most=at_most)
    really_swept(sweeps[0], "store write", "file rename")


def test_keys_that_come_and_go_killed_anywhere_shut_nobody_out(
    office: Office, at_most: int | None, tmp_path: Path, record_property: Record
) -> None:
    office.fill_uploads(1)
    office.lifeboat().initialise(guarded=False, new_key=None)
    taken = office.lifeboat().backup("files").snapshots[0].snapshot
    stored = copied(office.uploads, tmp_path / "stored")
    office.lifeboat().verify("full")
    office.keep("one")
    safe = {"BACKUP_ENCRYPTION_KEY": SAFE.to_text().reveal(), "LIFEBOAT_STATE": str(tmp_path / "safe")}

    def opens(moment: str, **key: str) -> None:
        out = tmp_path / "back"
        shutil.rmtree(out, ignore_errors=True)
        office.lifeboat(**key).restore(RestoreRequest(source="files", snapshot=taken, to=str(out)))
        assert tree_differences(stored, out) == "", moment
        assert office.lifeboat(**key).snapshots()[0].proved, f"its proof is lost: {moment}"

    def after_adding(moment: str) -> None:
        shutil.rmtree(tmp_path / "safe", ignore_errors=True)
        opens(moment)
        office.lifeboat().key_life().add("safe", SAFE.recipient.to_text())
        opens(moment)
        opens(moment, **safe)

    def after_removing(moment: str) -> None:
        shutil.rmtree(tmp_path / "safe", ignore_errors=True)
        opens(moment, **safe)
        if len(office.lifeboat(**safe).key_life().rows().recipients) == 2:
            office.lifeboat(**safe).key_life().remove("key", stolen=False)
        opens(moment, **safe)

    def begin_with_two() -> None:
        office.bring_back("two")
        shutil.rmtree(tmp_path / "safe", ignore_errors=True)

    with told(record_property) as sweeps:
        adding = doing(office, "recipient add", tmp_path)
        sweep(adding, lambda: office.bring_back("one"), after_adding, told=sweeps, at_most=at_most)
        office.bring_back("one")
        office.lifeboat().key_life().add("safe", SAFE.recipient.to_text())
        office.keep("two")
        removing = doing(office, "recipient remove", tmp_path, **safe)
        sweep(removing, begin_with_two, after_removing, told=sweeps, at_most=at_most)
    for swept in sweeps:
        really_swept(swept, "store write")


def test_a_shredding_killed_anywhere_loses_no_other_month(
    office: Office, at_most: int | None, tmp_path: Path, record_property: Record
) -> None:
    now = datetime.now(UTC)
    month = generation_of(now)
    office.lifeboat().initialise(guarded=False, new_key=None)
    office.fill_uploads(1)
    office.lifeboat().backup("files")
    office.ahead = end_of(month) + timedelta(days=8) - now
    office.fill_uploads(2)
    stays = office.lifeboat().backup("files").snapshots[0].snapshot
    office.keep("before")

    def look(moment: str) -> None:
        assert tree_differences(office.uploads, office.restored_uploads(stays, tmp_path / "back")) == "", moment
        office.lifeboat().shredding(month).run("", even_the_last=False, even_kept=False)
        assert not [one for one in (office.repository / "keys" / month).rglob("*") if one.is_file()], moment
        assert {one.snapshot for one in office.lifeboat().snapshots()} == {stays}, moment
        clean(office, moment)

    with told(record_property) as sweeps:
        killed = doing(office, "shred", tmp_path, **{SHREDDED: month})
        sweep(killed, lambda: office.bring_back("before"), look, told=sweeps, at_most=at_most)
    really_swept(sweeps[0], "store write", "store delete")


def test_an_export_killed_anywhere_leaves_no_half_file_and_an_import_no_half_snapshot(
    office: Office, at_most: int | None, tmp_path: Path, record_property: Record
) -> None:
    office.fill_database(1)
    office.lifeboat().initialise(guarded=False, new_key=None)
    office.lifeboat().backup("db")
    out, whole = tmp_path / "out.archive", tmp_path / "whole.archive"
    office.lifeboat().export("db", "mongodump-archive", str(whole))
    expected = office.database_now()
    office.keep("stored")

    def begin() -> None:
        office.bring_back("stored")
        out.unlink(missing_ok=True)

    def after_export(moment: str) -> None:
        if out.exists():
            assert out.read_bytes() == whole.read_bytes(), f"half a file under its name: {moment}"
            out.unlink()
        office.lifeboat().export("db", "mongodump-archive", str(out))
        assert out.read_bytes() == whole.read_bytes(), moment
        assert sorted(one.name for one in tmp_path.iterdir() if "archive" in one.name) == [out.name, whole.name], moment

    def after_import(moment: str) -> None:
        assert office.problems("structure") == [], moment
        office.lifeboat().import_dump(str(whole))
        (taken, *_) = [one for one in office.lifeboat().snapshots() if one.purpose == "import"]
        found = office.restored_database(taken.snapshot)
        must_be(followed(found), followed(expected), moment)

    with told(record_property) as sweeps:
        sweep(
            doing(office, "export", tmp_path, **{EXPORT: str(out)}), begin, after_export, told=sweeps, at_most=at_most
        )
        sweep(
            doing(office, "import", tmp_path, **{DUMP: str(whole)}), begin, after_import, told=sweeps, at_most=at_most
        )
    really_swept(sweeps[0], "store read")
    really_swept(sweeps[1], "store write")


def is_object(path: Path) -> bool:
    """What a folder was killed while writing lies aside under no object's name, and goes by itself."""
    return path.is_file() and ".~writing" not in path.parts


def until(reached: Callable[[], object], what: str, seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def processes_with(words: str) -> list[int]:
    """Processes whose command line has these words, ours left out."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            with suppress(OSError):
                if words in (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"):
                    found.append(int(folder.name))
    return found


def test_the_checkers_notice_a_server_that_was_left_and_a_replica_that_lacks_something(
    office: Office, tmp_path: Path
) -> None:
    (office.folder / "lifeboat.toml").write_text(TOML_REPLICA)
    office.fill_uploads(1)
    office.lifeboat().initialise(guarded=False, new_key=None)
    office.lifeboat().backup("files")
    office.lifeboat().replicate((), HowToReplicate())
    there = office.looking_at(office.folder / "second")
    assert there.problems("structure") == []
    next(one for one in (office.folder / "second" / "files").rglob("*") if one.is_file()).unlink()
    assert there.problems("structure") != []
    assert processes_with(str(tmp_path)) == []
    keeper = subprocess.Popen(["python3", "-c", "import time; time.sleep(60)", str(tmp_path)])
    try:
        until(lambda: processes_with(str(tmp_path)) == [keeper.pid], "not seen")
    finally:
        keeper.kill()
        keeper.wait()
