"""Restores of trees under patterns, hard links, stale files, other restores' leftovers and manifests of strangers."""

import json
import os
from contextlib import suppress
from pathlib import Path

import pytest
from test_trees import Kit, kit, some_tree  # noqa: F401

from lifeboat.crypto.sealing import Kind
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.progress import Silent
from lifeboat.operations import browse
from lifeboat.operations.restore_files import TreeRestore
from lifeboat.operations.taking import Taken, Taking, new_point
from lifeboat.operations.verify.run import verify
from lifeboat.repository.names import Source
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.streams import StreamWriter, write_root
from lifeboat.repository.writing import WriteLimits
from lifeboat.sources.files.entry import Entry
from lifeboat.sources.files.manifest import encode

Kit_ = Kit


def test_a_hard_link_is_restored_alone_when_its_first_name_is_not_chosen(kit: Kit_) -> None:  # noqa: F811
    kit.write("a", b"the contract")
    os.link(kit.tree / "a", kit.tree / "b")
    taken = kit.back_up()
    kit.restore(taken, kit.folder / "back", include=("b",))
    assert (kit.folder / "back" / "b").read_bytes() == b"the contract"


def test_a_hard_link_chosen_alone_never_becomes_what_its_first_name_is_now(kit: Kit_) -> None:  # noqa: F811
    kit.write("a", b"the contract")
    os.link(kit.tree / "a", kit.tree / "b")
    taken = kit.back_up()
    (kit.tree / "a").write_bytes(b"forged")
    kit.restore(taken, None, include=("b",))
    assert (kit.tree / "b").read_bytes() == b"the contract"


def test_names_of_one_inode_stay_one_when_only_its_first_name_is_left_out(kit: Kit_) -> None:  # noqa: F811
    kit.write("a", b"the contract")
    os.link(kit.tree / "a", kit.tree / "b")
    os.link(kit.tree / "a", kit.tree / "c")
    taken = kit.back_up()
    kit.restore(taken, kit.folder / "back", exclude=("a",))
    back = kit.folder / "back"
    assert (back / "b").stat().st_ino == (back / "c").stat().st_ino
    assert (back / "c").read_bytes() == b"the contract"


def test_a_restore_in_place_mends_a_file_whose_size_and_time_were_put_back(kit: Kit_) -> None:  # noqa: F811
    path = kit.write("contract.txt", b"pay 100")
    kit.settle()
    taken = kit.back_up()
    stamp = path.stat()
    path.write_bytes(b"pay 900")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    kit.restore(taken, None)
    assert path.read_bytes() == b"pay 100"


def stop_in_the_middle(kit: Kit_, taken: Taken, target: Path) -> None:  # noqa: F811
    """A restore that somebody killed after some files."""

    class Killing(Silent):
        left = 20

        def advance(self, done_bytes: int = 0, done_items: int = 0) -> None:
            self.left -= done_items
            if self.left <= 0:
                raise KeyboardInterrupt

    with SnapshotReader(kit.repository, taken.record) as reader, pytest.raises(KeyboardInterrupt):
        TreeRestore(reader, target, include=(), exclude=(), clock=kit.clock, progress=Killing()).carry_out()


def test_a_killed_restore_is_finished_by_the_same_snapshot_and_never_mixed_with_another(kit: Kit_) -> None:  # noqa: F811
    some_tree(kit)
    first = kit.back_up()
    (kit.tree / "cases" / "1" / "note 1.txt").unlink()
    second = kit.back_up()
    target = kit.folder / "back"
    stop_in_the_middle(kit, first, target)
    with pytest.raises(LifeboatError, match="another snapshot"):
        kit.restore(second, target)
    kit.restore(first, target)
    assert (target / "cases" / "1" / "note 1.txt").exists()


def forge(kit: Kit_, roots: list[tuple[str, list[Entry]]]) -> Taken:  # noqa: F811
    """A snapshot whose manifest a stolen writer wrote."""
    taking = Taking(
        kit.repository, kit.repository.writer(kit.clock.now()), Source.FILES, new_point(), kit.clock, WriteLimits()
    )
    with taking.run() as run:
        streams = []
        for number, (_, entries) in enumerate(roots):
            stream = StreamWriter(run, f"tree/{number}", Kind.LINES)
            stream.append(b"".join(encode(entry) for entry in entries))
            streams.append(stream.finish())
        details = {
            "roots": [
                {"path": path, "stream": f"tree/{number}", "entries": len(entries)}
                for number, (path, entries) in enumerate(roots)
            ]
        }
        root = write_root(run, streams, details, [])
        return taking.commit(run, root, instant=kit.clock.now(), one_instant=False, total_bytes=0, items=0, findings=())


FOLDER = Entry(b"", "directory", 0o755, 0, 0, 0)
EVIL = Entry(b"evil", "file", 0o644, 0, 0, 0)


def test_no_root_path_of_a_manifest_leads_out_of_the_target(kit: Kit_) -> None:  # noqa: F811
    target = kit.folder / "deep" / "er" / "back"
    taken = forge(kit, [("/srv/uploads", [FOLDER]), ("/../../outside", [FOLDER, EVIL])])
    with suppress(LifeboatError):
        kit.restore(taken, target)
    assert [path for path in kit.folder.rglob("evil") if target not in path.parents] == []


def test_no_symlink_that_one_root_brings_leads_another_root_out_of_the_target(kit: Kit_) -> None:  # noqa: F811
    target = kit.folder / "back"
    outside = kit.folder / "outside"
    outside.mkdir()
    way_out = Entry(b"link", "symlink", 0o777, 0, 0, 0, target=os.fsencode(outside))
    taken = forge(kit, [("/srv", [FOLDER, way_out]), ("/srv/link/deep", [FOLDER, EVIL])])
    with pytest.raises(LifeboatError):
        kit.restore(taken, target)
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    "details",
    [
        [],
        {"roots": 5},
        {"roots": [{"path": "/srv\0x", "stream": "tree/0", "entries": 1}]},
        {"roots": [{"path": "/srv", "stream": "no such", "entries": 1}]},
        {"roots": [{"path": "/srv", "stream": "tree/0", "entries": 1e999}]},
    ],
    ids=json.dumps,
)
def test_a_root_that_makes_no_sense_is_told_as_damage(kit: Kit_, details: object) -> None:  # noqa: F811
    taking = Taking(
        kit.repository, kit.repository.writer(kit.clock.now()), Source.FILES, new_point(), kit.clock, WriteLimits()
    )
    with taking.run() as run:
        stream = StreamWriter(run, "tree/0", Kind.LINES)
        stream.append(encode(FOLDER))
        told = {"streams": [stream.finish().to_json()], "details": details, "findings": []}
        root = run.store(Kind.ROOT, json.dumps(told).encode()).result().chunk
        taken = taking.commit(
            run, root, instant=kit.clock.now(), one_instant=False, total_bytes=0, items=0, findings=()
        )
    with pytest.raises(LifeboatError):
        kit.restore(taken, kit.folder / "back")
    with pytest.raises(LifeboatError):
        browse.contents(kit.repository, taken.record, "nothing")


def test_a_file_from_a_far_future_can_be_looked_at(kit: Kit_) -> None:  # noqa: F811
    taken = forge(kit, [("/srv", [FOLDER, EVIL._replace(mtime_ns=10**25)])])
    assert [row.name for row in browse.contents(kit.repository, taken.record, "")] == ["evil"]


@pytest.mark.parametrize("field", ["bytes", "chunks"])
def test_a_stream_that_is_shorter_than_its_root_says_is_never_restored_as_whole(kit: Kit_, field: str) -> None:  # noqa: F811
    taking = Taking(
        kit.repository, kit.repository.writer(kit.clock.now()), Source.FILES, new_point(), kit.clock, WriteLimits()
    )
    with taking.run() as run:
        stream = StreamWriter(run, "tree/0", Kind.LINES)
        stream.append(encode(FOLDER))
        stream.append(encode(EVIL))
        written = stream.finish().to_json()
        written[field] += 1
        told = {
            "streams": [written],
            "details": {"roots": [{"path": "/srv", "stream": "tree/0", "entries": 2}]},
            "findings": [],
        }
        root = run.store(Kind.ROOT, json.dumps(told).encode()).result().chunk
        taken = taking.commit(
            run, root, instant=kit.clock.now(), one_instant=False, total_bytes=0, items=0, findings=()
        )
    with pytest.raises(LifeboatError, match="root"):
        kit.restore(taken, kit.folder / "back")
    report = verify(kit.repository, "structure", objectives={}, sample_percent=100, clock=kit.clock, progress=Silent())
    assert [one for one in report.findings if one.level == "problem"]


def test_verify_names_a_file_whose_content_is_in_no_pack(kit: Kit_) -> None:  # noqa: F811
    taking = Taking(
        kit.repository, kit.repository.writer(kit.clock.now()), Source.FILES, new_point(), kit.clock, WriteLimits()
    )
    with taking.run() as run:
        stream = StreamWriter(run, "tree/0", Kind.LINES)
        stream.append(encode(FOLDER) + encode(EVIL._replace(size=5), [(os.urandom(32), 0, 5)]))
        details = {"roots": [{"path": "/srv", "stream": "tree/0", "entries": 2}]}
        root = write_root(run, [stream.finish()], details, [])
        taking.commit(run, root, instant=kit.clock.now(), one_instant=False, total_bytes=5, items=2, findings=())
    report = verify(kit.repository, "full", objectives={}, sample_percent=100, clock=kit.clock, progress=Silent())
    assert "evil" in " ".join(one.message for one in report.findings if one.level == "problem")
