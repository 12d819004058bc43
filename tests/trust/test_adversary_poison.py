"""Who holds a host poisons what it backs up from then on: a drill finds it, `verify` what can be seen without looking, and a new generation ends it.

The thief is made up of the real thing: the same program on the same machine, with what it seals or reads in his hand.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from adversary_kit import Attempts, Host, contents

import lifeboat.repository.writing as writing
from lifeboat.crypto.sealing import Kind

Tried = Callable[[str, int], None]
LOOK = """
import os, pathlib, sys
wrong = [one.name for one in pathlib.Path(os.environ["UPLOADS_DIR"]).iterdir() if not one.read_bytes().startswith(b"contract")]
sys.exit(f"no contracts: {wrong}" if wrong else 0)
"""
SETTINGS = """
[[drills.check]]
name = "contracts are contracts"
kind = "command"
argv = ["{python}", "{look}"]
"""


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "host")


def test_chunks_that_lie_are_found_by_a_drill_and_by_verify_and_a_new_generation_shares_none_of_them(
    host: Host, monkeypatch: pytest.MonkeyPatch, tried: Tried
) -> None:
    """Sealed under the right ids, with other bytes: every later honest backup leans on them, and nothing but reading them shows it."""
    attempts = Attempts()
    good, before = host.back_up(), contents(host.uploads)
    assert host.drill().outcome == "passed" and host.told() == []
    host.upload(5)
    real = writing.seal_chunk

    def lying(key: Any, kind: Kind, compression: Any, name: bytes, plain: int, body: bytes) -> bytes:
        return real(key, kind, compression, name, plain, bytes(len(body)) if kind is Kind.CONTENT else body)

    with monkeypatch.context() as thief:
        thief.setattr(writing, "seal_chunk", lying)
        host.back_up()
    # The thief is gone. What the host stores now leans on what he left.
    host.upload(6)
    poisoned = host.back_up()
    assert {one.code for one in host.lifeboat().status().findings} <= {"same-machine"}, "it looks as it should"
    failed = host.drill()
    assert failed.outcome != "passed", "the drill believed it"
    assert any(poisoned[:8] in f"{one.subject} {one.message}" or "chunk" in one.message for one in failed.findings), (
        failed.findings
    )
    attempts.append("chunks that lie: found by the next drill")
    told = host.told()
    attempts.told("chunks that lie: found by the next proof", told, "pack-damaged")
    assert poisoned[:8] in " ".join(hurt for one in told for hurt in one.hurts), "what it costs is not said"
    assert good[:8] not in " ".join(hurt for one in told for hurt in one.hurts)
    # The answer: everything anew. It shares nothing with what he left; what was stored before he came is as it was.
    fresh = host.back_up(new_generation=True)
    assert host.drill().outcome == "passed"
    assert host.restored(fresh) == contents(host.uploads)
    assert host.restored(good) == before
    later = host.back_up()
    assert later != fresh and host.drill().outcome == "passed"
    tried("attacks", len(attempts))


@pytest.mark.long
def test_a_snapshot_of_something_else_is_proved_and_only_who_looks_at_what_came_back_finds_it(
    host: Host, tmp_path: Path, tried: Tried
) -> None:
    """The limit of a proof: it does not say that the writer told the truth. A drill with a check of the application does."""
    attempts = Attempts()
    good, before = host.back_up(), contents(host.uploads)
    aside = tmp_path / "aside"
    host.uploads.rename(aside)
    host.uploads.mkdir()
    for name in before:
        (host.uploads / name).write_bytes(b"rubbish")
    host.back_up()
    assert host.told() == [] and host.lifeboat().snapshots()[0].proved, "it is whole"
    assert host.drill().outcome == "passed", "a drill without checks compares with what is stored"
    look = tmp_path / "look.py"
    look.write_text(LOOK)
    (host.folder / "lifeboat.toml").write_text(SETTINGS.format(python=sys.executable, look=look))
    failed = host.drill()
    assert failed.outcome == "failed"
    assert [(one.name, one.passed) for one in failed.checked] == [("contracts are contracts", False)]
    attempts.append("a snapshot of something else: found by the application's check in a drill")
    for one in host.uploads.iterdir():
        one.unlink()
    host.uploads.rmdir()
    aside.rename(host.uploads)
    fresh = host.back_up(new_generation=True)
    assert host.drill().outcome == "passed"
    assert host.restored(fresh) == before == host.restored(good)
    tried("attacks", len(attempts))
