"""Repositories that a Lifeboat of each format version once wrote are read for ever, byte for byte, also by the rescue script alone.

They lie in ``tests/golden`` and are never made again: a new version of the format adds one.
"""

import hashlib
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from golden_kit import dump_of, expected_of, lifeboat_of, tree_of
from in_process import rescue_here

from lifeboat.crypto.sealing import FORMAT_VERSION
from lifeboat.foundation.finding import Level
from lifeboat.repository.segments import Segment, list_segments

GOLDEN = Path(__file__).parents[1] / "golden"

VERSIONS = sorted(one.name.removesuffix(".tar.gz") for one in GOLDEN.glob("v*.tar.gz"))
Tried = Callable[[str, int], None]


@pytest.fixture(scope="module", params=VERSIONS)
def golden(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp(request.param)
    with tarfile.open(GOLDEN / f"{request.param}.tar.gz") as archive:
        archive.extractall(folder / "repository", filter="data")
    return folder / "repository", json.loads((GOLDEN / f"{request.param}.json").read_text())


def test_there_is_one_for_each_version_of_the_format() -> None:
    assert [f"v{n}" for n in range(1, FORMAT_VERSION + 1)] == VERSIONS


def test_lifeboat_reads_all_of_it_as_it_was(golden: tuple[Path, dict[str, Any]], tmp_path: Path, tried: Tried) -> None:
    repository, expected = golden
    found = expected_of(repository, tmp_path)
    assert found["files"] == expected["files"] and found["dumps"] == expected["dumps"]
    assert len(found["files"]) >= 2 and len(found["dumps"]) >= 2
    opened = lifeboat_of(repository, tmp_path / "memory").repository()
    blocks = {one.name: b"".join(Segment(opened, one).blocks()) for one in list_segments(opened)}
    assert {name: hashlib.sha256(one).hexdigest() for name, one in blocks.items()} == expected["segments"]
    tried("golden snapshots", len(found["files"]) + len(found["dumps"]))


@pytest.mark.parametrize("which", ["key", "second_key"])
def test_it_verifies_with_each_of_its_keys(golden: tuple[Path, dict[str, Any]], tmp_path: Path, which: str) -> None:
    repository, expected = golden
    report = lifeboat_of(repository, tmp_path, expected[which]).verify("full")
    problems = {(one.code, one.message) for one in report.findings if one.level is Level.PROBLEM}
    assert {code for code, _ in problems} <= {"same-machine", "no-snapshot", "snapshot-too-old", "proof-too-old"}, (
        problems
    )
    assert report.chunks > 10


def test_who_was_erased_is_left_out_of_what_is_exported(golden: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    repository, expected = golden
    lifeboat = lifeboat_of(repository, tmp_path / "memory")
    oldest = [one.snapshot for one in lifeboat.snapshots() if one.source == "mongodb"][-1]
    for name, without in (("all", True), ("left", False)):
        lifeboat.export(oldest, "mongodump-dir", str(tmp_path / name), without_erasures=without)
    holds = {
        name: any(expected["erased"].encode() in one.read_bytes() for one in (tmp_path / name).rglob("cases.bson"))
        for name in ("all", "left")
    }
    assert holds == {"all": True, "left": False}


@pytest.mark.parametrize("which", ["key", "second_key"])
def test_the_rescue_script_reads_it_alone(golden: tuple[Path, dict[str, Any]], tmp_path: Path, which: str) -> None:
    repository, expected = golden
    seed = bytes.fromhex(expected[which])
    for snapshot, tree in expected["files"].items():
        out = tmp_path / snapshot
        done = rescue_here(seed, "files", repository, snapshot, out, *_signed_by(repository, which))
        assert done.code in (0, 1), done.out + done.err
        (root,) = [one for one in out.rglob("uploads") if one.is_dir()]
        found = tree_of(root)
        assert {name: one.get("sha256") for name, one in found.items()} == {
            name: one.get("sha256") for name, one in tree.items()
        }
    for snapshot, dump in expected["dumps"].items():
        out = tmp_path / snapshot
        assert rescue_here(seed, "dump", repository, snapshot, out, *_signed_by(repository, which)).code in (0, 1)
        nothing = hashlib.sha256(b"").hexdigest()
        theirs, ours = (
            {name: one for name, one in each.items() if name.endswith(".bson") and one != nothing}
            for each in (dump_of(out), dump)
        )
        assert theirs == ours


def _signed_by(repository: Path, which: str) -> tuple[str, ...]:
    """A second recipient has signed nothing: he has to know who did."""
    if which == "key":
        return ()
    said = json.loads(next((repository / "config").glob("repository-*")).read_text())
    return ("--signer", next(iter(said["signatures"]))[:16])
