"""The package and a stranger's reader and writer, both made from the document alone, understand each other."""

from collections.abc import Callable
from pathlib import Path

import pytest
from format_writer import CONTENT as CONTENT_KIND
from format_writer import RepositoryWriter, key_text
from in_process import fresh_rescue, rescue_here
from make_vectors import objects_of
from repository_kit import CONTENT, HandClock, back_up, make, read_back, reopen
from rescue_alone import SEED, Outcome
from test_format_vectors import VECTORS

from lifeboat.crypto.identity import Identity
from lifeboat.storage.memory import MemoryStore
from lifeboat.storage.object_store import ObjectStore

ME = Identity.from_text(key_text(SEED))
Rescue = Callable[..., Outcome]


def copied(store: ObjectStore, folder: Path) -> Path:
    """Write the objects of a store to a plain directory."""
    for one in store.list_under(""):
        path = folder / one.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(store.read(one.name))
    return folder


def taken_in(folder: Path) -> MemoryStore:
    """Put the objects of a plain directory into a store."""
    store = MemoryStore(HandClock())
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        store.write(str(path.relative_to(folder)), path.read_bytes())
    return store


@pytest.mark.parametrize("rebuild_index", [False, True])
def test_rescue_reads_what_the_package_wrote(tmp_path: Path, rescue: Rescue, rebuild_index: bool) -> None:
    repository, store, clock = make(tmp_path / "state", identities=[ME])
    first = back_up(repository, clock, CONTENT)
    second = back_up(repository, clock, {**CONTENT, "new": b"abc" * 9999})
    home = copied(store, tmp_path / "repository")
    checked = rescue("check", home)
    assert checked.code == 0, checked.err
    listed = rescue("list", home)
    assert first.snapshot[:12] in listed.out and second.snapshot[:12] in listed.out
    script = fresh_rescue()
    opened = script.Repository(str(home), script.Identity(SEED))
    snapshot = script.choose(opened, first.snapshot, ("files",))
    _, contents = script.open_contents(opened, snapshot, rebuild_index)
    assert {name: b"".join(contents.read(stream)) for name, stream in contents.streams.items()} == CONTENT


def test_the_package_reads_what_a_stranger_wrote(home: Path, tmp_path: Path) -> None:
    writer = RepositoryWriter(home, SEED)
    run = writer.begin("files")
    run.chunk(CONTENT_KIND, CONTENT["tiny"], compression=0)
    pieces = {name: [raw[at : at + 5000] for at in range(0, len(raw), 5000)] for name, raw in CONTENT.items()}
    snapshot = run.finish([run.stream(name, CONTENT_KIND, parts) for name, parts in pieces.items()], {})
    repository = reopen(taken_in(home), tmp_path / "state", ME)
    assert read_back(repository, repository.find_snapshot(snapshot)) == CONTENT


def test_the_package_reads_the_frozen_repository(tmp_path: Path) -> None:
    store = MemoryStore(HandClock())
    for name, content in objects_of(VECTORS).items():
        store.write(name, content)
    repository = reopen(store, tmp_path, Identity.from_text(VECTORS["identity"]["text"]))
    streams = read_back(repository, repository.find_snapshot(VECTORS["snapshot"]))
    assert streams["documents/shop.orders"].hex() == VECTORS["expected"]["shop/orders.bson"]


def test_both_have_the_same_keys() -> None:
    assert ME.to_text().reveal() == key_text(SEED)
    assert ME.recipient.fingerprint_short == fresh_rescue().Identity(SEED).fingerprint.hex()[:16]


def test_damage_that_one_notices_the_other_notices(tmp_path: Path) -> None:
    repository, store, clock = make(tmp_path / "state", identities=[ME])
    back_up(repository, clock, CONTENT)
    home = copied(store, tmp_path / "repository")
    for path in sorted(path for path in home.rglob("*") if path.is_file()):
        sound = path.read_bytes()
        path.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
        assert rescue_here(SEED, "check", home).code == 2, path
        path.write_bytes(sound)
