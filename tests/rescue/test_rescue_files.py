"""rescue.py and trees: everything comes back as it was, and nothing is ever written outside OUT."""

import base64
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from format_writer import CONTENT, RepositoryWriter, Run, b64, directory, entry, file
from in_process import rescue_here
from rescue_alone import SEED, Outcome

Rescue = Callable[..., Outcome]
MTIME = 1_700_000_000_123_456_789


def restored(home: Path, out: Path, entries: list[Any], root: str = "/srv/up", **changes: Any) -> tuple[Outcome, Path]:
    """Write a snapshot with these entries and restore it; returns the outcome and where the root is."""
    RepositoryWriter(home, SEED).add_files_snapshot(root, [directory(""), *entries], **changes)
    return rescue_here(SEED, "files", home, "latest", out), out / root.strip("/")


def shared(run: Run) -> dict[str, Any]:
    return entry("b", size=3, pieces=[[b64(run.chunk(CONTENT, b"aaabbbccc")), 3, 3]])


def test_a_tree_comes_back_with_times_modes_links_and_holes(home: Path, tmp_path: Path, rescue: Rescue) -> None:
    big = os.urandom(1_000_000)
    writer = RepositoryWriter(home, SEED)
    snapshot = writer.add_files_snapshot(
        "/srv/up",
        [
            directory("", mode=0o750, mtime=MTIME - 5),
            file("a", b"hello ", b"world", mode=0o640),
            shared,
            directory("closed", mode=0o500, mtime=7),
            directory("closed/in", mode=0o700, mtime=-1_000_000_000),
            file("closed/in/big", big, b"", big, mode=0o4755),
            entry("empty", mode=0),
            entry("gone", kind="symlink", target="/etc/\udcff nowhere", mode=0o777),
            entry("name \udcff\x1b[2J", mtime=0),
            entry("pipe", kind="fifo", mode=0o600),
            file("sparse", b"head", b"tail", size=10_000_000, extents=[[0, 4], [9_999_990, 4]]),
            entry("void", size=5_000_000, extents=[]),
            entry("zero", kind="character-device", device=[1, 5]),
        ],
    )
    outcome = rescue("files", home, snapshot[:10], tmp_path / "out")
    root = tmp_path / "out/srv/up"
    assert outcome.code == 0, outcome.err
    assert "\x1b" not in outcome.err
    assert (root / "a").read_bytes() == b"hello world"
    assert (root / "b").read_bytes() == b"bbb"
    assert (root / "closed/in/big").read_bytes() == big + big
    assert stat.S_IMODE((root / "closed/in/big").stat().st_mode) == 0o755, "setuid only with --owners"
    assert [stat.S_IMODE((root / name).stat().st_mode) for name in (".", "a", "closed", "empty")] == [
        0o750,
        0o640,
        0o500,
        0,
    ]
    assert [(root / name).stat().st_mtime_ns for name in (".", "a", "closed", "closed/in")] == [
        MTIME - 5,
        MTIME,
        7,
        -1_000_000_000,
    ]
    assert os.readlink(os.fsencode(root / "gone")) == b"/etc/\xff nowhere"
    assert (root / "gone").lstat().st_mtime_ns == MTIME
    assert os.path.exists(os.fsencode(root) + b"/name \xff\x1b[2J")
    assert stat.S_ISFIFO((root / "pipe").stat().st_mode)
    sparse = root / "sparse"
    assert sparse.stat().st_size == 10_000_000 and sparse.stat().st_blocks * 512 < 1_000_000
    assert sparse.read_bytes() == b"head" + bytes(9_999_986) + b"tail" + bytes(6)
    assert (root / "void").read_bytes() == bytes(5_000_000)
    assert not (root / "zero").exists() and "left out" in outcome.err


def test_hard_links_are_one_file_again(home: Path, tmp_path: Path) -> None:
    outcome, root = restored(home, tmp_path / "out", [file("a", b"one"), directory("d"), file("d/b", b"one", link="a")])
    assert outcome.code == 0, outcome.err
    assert (root / "a").stat().st_ino == (root / "d/b").stat().st_ino


def test_a_link_whose_first_name_is_lost_is_restored_alone(home: Path, tmp_path: Path) -> None:
    lost = entry("a", size=3, pieces=[[b64(bytes(32)), 0, 3]])
    outcome, root = restored(home, tmp_path / "out", [lost, file("b", b"one", link="a")])
    assert outcome.code == 2
    assert "a: " in outcome.err
    assert (root / "b").read_bytes() == b"one"
    assert not (root / "a").exists()


def test_attributes_come_back_where_the_filesystem_has_them(home: Path, tmp_path: Path) -> None:
    try:
        os.setxattr(tmp_path, "user.probe", b"1")
    except OSError:
        pytest.skip("no extended attributes here")
    value = base64.b64encode(b"\x00\xffvalue").decode()
    outcome, root = restored(home, tmp_path / "out", [file("a", b"one", xattrs={"user.kept": value})])
    assert outcome.code == 0, outcome.err
    assert os.getxattr(root / "a", "user.kept") == b"\x00\xffvalue"


def test_configuration_has_its_own_latest(home: Path, tmp_path: Path) -> None:
    writer = RepositoryWriter(home, SEED)
    writer.add_files_snapshot("/srv/up", [directory(""), file("a", b"upload")], instant="2026-11-24T00:00:00Z")
    writer.add_files_snapshot("/srv/app", [directory(""), file(".env", b"SECRET=1", mode=0o600)], source="config")
    assert rescue_here(SEED, "files", home, "latest-config", tmp_path / "out").code == 0
    assert (tmp_path / "out/srv/app/.env").read_bytes() == b"SECRET=1"
    assert rescue_here(SEED, "files", home, "latest", tmp_path / "out2").code == 0
    assert (tmp_path / "out2/srv/up/a").read_bytes() == b"upload"
    assert rescue_here(SEED, "dump", home, "latest", tmp_path / "out3").code == 2


@pytest.mark.parametrize(
    "hostile",
    [
        [file("../escaped", b"x")],
        [file("/escaped", b"x")],
        [file("d/../../escaped", b"x")],
        [file("./escaped", b"x")],
        [file("a//escaped", b"x")],
        [file("escaped\x00", b"x")],
        [directory("..")],
        [entry("out", kind="symlink", target="@OUTSIDE@"), file("out/escaped", b"x")],
        [entry("out", kind="symlink", target="@OUTSIDE@"), directory("out")],
        [entry("out", kind="symlink", target="@OUTSIDE@/escaped"), file("out", b"x")],
        [directory("d"), entry("d/out", kind="symlink", target="@OUTSIDE@"), directory("d/out/escaped")],
        [entry("out", kind="symlink", target="@OUTSIDE@"), entry("out/escaped", kind="symlink", target="x")],
        [entry("out", kind="symlink", target="@OUTSIDE@"), entry("out/escaped", kind="fifo")],
        [file("a", b"x"), file("a", b"y")],
        [file("a", b"x"), file("a/escaped", b"y")],
        [entry("", kind="symlink", target="@OUTSIDE@")],
        [file("", b"x")],
    ],
)
def test_a_hostile_tree_writes_nothing_outside(home: Path, tmp_path: Path, hostile: list[Any]) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o711)
    for one in hostile:
        if isinstance(one, dict) and "target" in one:
            one["target"] = one["target"].replace("@OUTSIDE@", str(outside))
    outcome, root = restored(home, tmp_path / "out", [*hostile, file("zz-good", b"good")])
    assert outcome.code == 2 and "does not understand" not in outcome.err, outcome.err
    assert list(outside.iterdir()) == []
    assert stat.S_IMODE(outside.stat().st_mode) == 0o711
    assert not [path for path in tmp_path.rglob("*") if "escaped" in path.name]
    assert (root / "zz-good").read_bytes() == b"good", "one bad line does not cost the others"
    assert not list(tmp_path.rglob(".rescue-partial*"))


def test_a_link_cannot_drag_in_a_file_from_outside(home: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    outcome, root = restored(
        home,
        tmp_path / "out",
        [
            entry("up", kind="symlink", target=str(tmp_path)),
            entry("v", link="up/secret", size=0),
            entry("w", link="../../../secret", size=0),
        ],
    )
    assert (root / "v").read_bytes() == b"" and (root / "w").read_bytes() == b"", outcome.err


@pytest.mark.parametrize("root", ["../../up", "/srv/../../up", "a\x00b", "\ud800"])
def test_a_hostile_root_writes_nothing_outside(home: Path, tmp_path: Path, root: str) -> None:
    outcome, _ = restored(home, tmp_path / "deep/out", [file("escaped", b"x")], root=root)
    assert outcome.code == 2 and "does not understand" not in outcome.err, outcome.err
    assert not [path for path in tmp_path.rglob("*") if "escaped" in path.name]


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 4},
        {"size": -3},
        {"size": 2**64},
        {"size": "3"},
        {"mode": 1.5},
        {"mtime": 2**70},
        {"mtime": None},
        {"extents": [[0, 4]]},
        {"extents": [[2, 2], [1, 1]]},
        {"extents": [[0, 3], [0, 0]]},
        {"extents": [0, 3]},
        {"extents": [[True, 3]]},
        {"pieces": [["A" * 43, 0, 3]]},
        {"pieces": [[7, 0, 3]]},
        {"pieces": [[]]},
        {"pieces": 3},
        {"kind": 3},
        {"xattrs": {"user.x": "!"}},
        {"path": "\ud800"},
        {"path": 3},
        {"link": 3},
        {"uid": -1},
    ],
)
def test_a_line_that_cannot_be_true_is_refused_and_the_rest_comes_back(
    home: Path, tmp_path: Path, wrong: dict[str, Any]
) -> None:
    outcome, root = restored(home, tmp_path / "out", [file("a", b"abc", **wrong), file("b", b"good")])
    assert outcome.code == 2 and "does not understand" not in outcome.err, outcome.err
    assert sorted(path.name for path in root.iterdir()) == ["b"]
    assert (root / "b").read_bytes() == b"good"


def test_a_piece_that_reaches_beyond_its_chunk_is_refused(home: Path, tmp_path: Path) -> None:
    def beyond(run: Run) -> dict[str, Any]:
        return entry("a", size=3, pieces=[[b64(run.chunk(CONTENT, b"abc")), 1, 3]])

    outcome, root = restored(home, tmp_path / "out", [beyond])
    assert outcome.code == 2
    assert list(root.iterdir()) == []


def test_two_thousand_small_files_that_share_chunks_come_back(home: Path, tmp_path: Path) -> None:
    def small(number: int) -> Callable[[Run], dict[str, Any]]:
        def made(run: Run) -> dict[str, Any]:
            chunk = b"".join(b"%08d" % n for n in range(number // 1000 * 1000, number // 1000 * 1000 + 1000))
            return entry(f"f{number:05}", size=8, pieces=[[b64(run.chunk(CONTENT, chunk)), number % 1000 * 8, 8]])

        return made

    outcome, root = restored(home, tmp_path / "out", [small(number) for number in range(2000)])
    assert outcome.code == 0, outcome.err
    assert all((root / f"f{number:05}").read_bytes() == b"%08d" % number for number in range(2000))
