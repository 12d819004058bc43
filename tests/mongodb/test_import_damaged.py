"""A dump that is damaged, cut off or hostile is refused in words, and nothing of it becomes a snapshot."""

import gzip
import io
import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import Int64, Timestamp
from fastcrc import crc64
from hypothesis import given, settings
from hypothesis import strategies as st

from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.read_settings import read_settings
from lifeboat.foundation.errors import LifeboatError
from lifeboat.sources.mongodb.dump import packed_input
from lifeboat.sources.mongodb.dump.archive_read import OPEN_AT_MOST, ArchiveReader
from lifeboat.sources.mongodb.dump.archive_write import MAGIC, TERMINATOR, write_archive
from lifeboat.sources.mongodb.dump.dumped import Dump, Dumped, accounts, file_name
from lifeboat.sources.mongodb.errors import DumpNotFollowed, DumpUnreadable

METADATA = json.dumps({"indexes": [{"v": 2, "key": {"_id": 1}, "name": "_id_"}], "uuid": "ab" * 16})
VERSION = {"concurrent_collections": 4, "version": "0.1", "server_version": "6.0.5", "tool_version": "100.10"}


@pytest.fixture(scope="module")
def lifeboat(tmp_path_factory: pytest.TempPathFactory) -> Lifeboat:
    folder = tmp_path_factory.mktemp("damaged")
    environment = {
        "BACKUP_ENCRYPTION_KEY": "5e" * 32,
        "LIFEBOAT_REPOSITORY": str(folder / "repository"),
        "LIFEBOAT_STATE": str(folder / "state"),
    }
    made = Lifeboat(read_settings(None, environment, folder))
    made.initialise(guarded=False, new_key=None)
    return made


def entry(number: int) -> bytes:
    inserted = {"_id": 1000 + number, "text": "later"}
    ui = bson.Binary(b"\xab" * 16, 4)
    one = {
        "ts": Timestamp(100 + number, 1),
        "t": Int64(1),
        "v": Int64(2),
        "op": "i",
        "ns": "shop.a",
        "ui": ui,
        "o": inserted,
    }
    return bson.encode(one)


def sound() -> bytes:
    documents = [bson.encode({"_id": n, "text": f"document {n}"}) for n in range(40)]
    parts = bytearray()
    collections = (
        Dumped("shop", "a", "collection", METADATA, lambda: iter([b"".join(documents)])),
        Dumped("shop", "empty", "collection", METADATA.replace("ab", "cd"), lambda: iter(())),
        Dumped("shop", "seen", "view", '{"options":{"viewOn":"a","pipeline":[]},"indexes":[]}', lambda: iter(())),
    )
    users = accounts([bson.encode({"_id": "shop.anna", "user": "anna", "db": "shop"})], [])
    write_archive(parts.extend, Dump("6.0.5", users, collections, lambda: iter([entry(n) for n in range(5)])))
    return bytes(parts)


SOUND = sound()


def refused(lifeboat: Lifeboat, folder: Path, raw: bytes) -> LifeboatError | None:
    """Why it was refused; None when it was taken."""
    (folder / "dump").write_bytes(raw)
    before = len(lifeboat.snapshots())
    try:
        lifeboat.import_dump(str(folder / "dump"))
    except LifeboatError as refusal:
        assert len(lifeboat.snapshots()) == before
        assert refusal.message and refusal.hint
        return refusal
    assert len(lifeboat.snapshots()) == before + 1
    return None


def read(raw: bytes) -> DumpUnreadable | None:
    """Why the reader refused it: in our words, whatever it was."""
    try:
        for _ in ArchiveReader(io.BytesIO(raw), "dump", lambda count: None).pieces():
            pass
    except DumpUnreadable as refusal:
        return refusal
    return None


def test_what_is_sound_is_taken(lifeboat: Lifeboat, tmp_path: Path) -> None:
    assert refused(lifeboat, tmp_path, SOUND) is None
    (tmp_path / "dump").write_bytes(gzip.compress(SOUND))
    report = lifeboat.import_dump(str(tmp_path / "dump"))
    assert (report.collections, report.changes, report.snapshot.items) == (3, 5, 40)
    assert report.snapshot.instant.timestamp() == 104
    [row] = [one for one in lifeboat.snapshots() if one.snapshot == report.snapshot.snapshot]
    assert (row.purpose, row.keep) == ("import", "imported from dump")
    with pytest.raises(LifeboatError, match="there is no snapshot"):
        lifeboat.contents("latest")  # never an old dump


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_cut_off_at_every_hundredth(lifeboat: Lifeboat, tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    raw = pack(SOUND)
    for percent in range(100):
        assert read(raw[: len(raw) * percent // 100]) is not None, percent
    for cut in range(1, len(raw)):
        assert read(raw[:-cut]) is not None, cut
    for percent in range(9, 100, 30):
        assert isinstance(refused(lifeboat, tmp_path, raw[: len(raw) * percent // 100]), DumpUnreadable), percent


@settings(max_examples=300)
@given(at=st.integers(0, len(SOUND) - 1), bits=st.integers(1, 255))
def test_one_byte_that_is_another_is_seen_by_the_reader(at: int, bits: int) -> None:
    raw = bytearray(SOUND)
    raw[at] ^= bits
    why = read(bytes(raw))
    assert why is not None or not SOUND.index(b"document 0") <= at < SOUND.index(b"document 39")


@settings(max_examples=15)
@given(at=st.integers(0, len(SOUND) - 1), bits=st.integers(1, 255))
def test_one_byte_that_is_another(
    lifeboat: Lifeboat, tmp_path_factory: pytest.TempPathFactory, at: int, bits: int
) -> None:
    raw = bytearray(SOUND)
    raw[at] ^= bits
    refusal = refused(lifeboat, tmp_path_factory.mktemp("byte"), bytes(raw))
    begin, end = SOUND.index(b"document 0"), SOUND.index(b"document 39")
    if begin <= at < end:
        assert isinstance(refusal, DumpUnreadable)


@settings(max_examples=200)
@given(
    pieces=st.lists(
        st.one_of(
            st.binary(max_size=40), st.sampled_from([MAGIC, TERMINATOR, SOUND[4:120], SOUND[200:700], b"\x1f\x8b"])
        )
    )
)
def test_anything_at_all(pieces: list[bytes]) -> None:
    assert read(b"".join(pieces)) is not None
    assert read(MAGIC + b"".join(pieces)) is not None


def archive(*announced: dict[str, Any], blocks: bytes = b"") -> bytes:
    prelude = b"".join(bson.encode({"metadata": METADATA, "size": 0, "type": "collection", **one}) for one in announced)
    return MAGIC + bson.encode(VERSION) + prelude + TERMINATOR + blocks


def block(name: str, *documents: bytes, database: str = "shop", end: bool = True) -> bytes:
    header = {"db": database, "collection": name}
    check = crc64.xz(b"".join(documents))
    last = {**header, "EOF": True, "CRC": Int64(check - (1 << 64) if check >> 63 else check)}
    opened = bson.encode({**header, "EOF": False, "CRC": Int64(0)}) + b"".join(documents) + TERMINATOR
    return opened + (bson.encode(last) + TERMINATOR if end else b"")


ONE = {"db": "shop", "collection": "a"}
MANY = [{"db": "shop", "collection": f"c{n}"} for n in range(OPEN_AT_MOST + 1)]
HOSTILE: dict[str, bytes] = {
    "a document longer than any": archive(ONE, blocks=block("a", struct.pack("<i", 2**31 - 1) + bytes(60))),
    "a document of negative length": archive(ONE, blocks=block("a", struct.pack("<i", -7) + bytes(60))),
    "a header with a text of negative length": MAGIC + b"\x20\0\0\0\x02version\0\xf0\xff\xff\xff" + bytes(15),
    "what was not announced": archive(ONE, blocks=block("a") + block("b")),
    "announced twice": archive(ONE, ONE, blocks=block("a")),
    "goes on after its end": archive(ONE, blocks=block("a") + block("a")),
    "too many at once": archive(*MANY, blocks=b"".join(block(one["collection"], end=False) for one in MANY)),
    "no such database": archive({"db": "../etc", "collection": "a"}, blocks=block("a", database="../etc")),
    "no such collection": archive({"db": "shop", "collection": "a\0b"}, blocks=block("a\0b")),
    "deep metadata": archive(
        {**ONE, "metadata": '{"options":' + '{"a":' * 100_000 + "1" + "}" * 100_001}, blocks=block("a")
    ),
    "metadata of another shape": archive({**ONE, "metadata": '{"options":[1],"indexes":{"a":1}}'}, blocks=block("a")),
    "an index without a name": archive({**ONE, "metadata": '{"indexes":[{"key":{"a":1}}]}'}, blocks=block("a")),
    "a number beyond all": archive(
        {**ONE, "metadata": '{"options":{"size":' + "9" * 40 + '},"indexes":[]}'}, blocks=block("a")
    ),
    "a bson of nothing": archive({**ONE, "metadata": '{"bson":"AAAA"}'}, blocks=block("a")),
    "version of tomorrow": MAGIC + bson.encode({**VERSION, "version": "9"}) + TERMINATOR,
    "nothing of an application": archive({"db": "config", "collection": "a"}, blocks=block("a", database="config")),
    "data of a series alone": archive(
        {**ONE, "collection": "system.buckets.a", "metadata": ""}, blocks=block("system.buckets.a")
    ),
    "an oplog that is none": archive(ONE, blocks=block("a") + block("oplog", bson.encode({"a": 1}), database="")),
    "an oplog out of order": archive(ONE, blocks=block("a") + block("oplog", entry(2), entry(1), database="")),
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_archives(lifeboat: Lifeboat, tmp_path: Path, raw: bytes) -> None:
    assert isinstance(refused(lifeboat, tmp_path, raw), DumpUnreadable)


def test_a_bomb(lifeboat: Lifeboat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_input, "BOMB_AT_LEAST_BYTES", 1 << 20)
    same = bson.encode({"_id": 1, "zeros": bytes(15 << 20)})
    refusal = refused(lifeboat, tmp_path, gzip.compress(archive(ONE, blocks=block("a", same, same))))
    assert refusal is not None and "500 times its size" in refusal.message


@pytest.mark.parametrize(
    "command",
    [{"renameCollection": "shop.a", "to": "shop.b"}, {"convertToCapped": "a", "size": 1}, {"collMod": "a", "flags": 3}],
)
def test_what_an_oplog_cannot_be_followed_in_is_named(
    lifeboat: Lifeboat, tmp_path: Path, command: dict[str, Any]
) -> None:
    ui = bson.Binary(b"\xab" * 16, 4)
    one = {"ts": Timestamp(9, 1), "t": Int64(1), "v": Int64(2), "op": "c", "ns": "shop.$cmd", "ui": ui, "o": command}
    raw = archive(ONE, blocks=block("a") + block("oplog", bson.encode(one), database=""))
    refusal = refused(lifeboat, tmp_path, raw)
    assert isinstance(refusal, DumpNotFollowed) and next(iter(command)) in refusal.message


def folder_refused(lifeboat: Lifeboat, folder: Path, match: str) -> None:
    before = len(lifeboat.snapshots())
    with pytest.raises(DumpUnreadable, match=match):
        lifeboat.import_dump(str(folder))
    assert len(lifeboat.snapshots()) == before


def test_directories_that_are_refused(lifeboat: Lifeboat, tmp_path: Path) -> None:
    folder_refused(lifeboat, tmp_path, "holds no dump")
    folder_refused(lifeboat, tmp_path / "gone", "no such file")
    database = tmp_path / "shop"
    database.mkdir()
    document = bson.encode({"_id": 1, "text": "x"})
    (database / "a.bson").write_bytes(document[:-1])
    folder_refused(lifeboat, tmp_path, "cut off")
    (database / "a.bson").write_bytes(gzip.compress(document)[:-4])
    folder_refused(lifeboat, tmp_path, "cut off")
    (database / "a.bson").write_bytes(document)
    (database / "b.bson").symlink_to("/etc/passwd")
    folder_refused(lifeboat, tmp_path, "no ordinary file")
    (database / "b.bson").unlink()
    os.mkfifo(database / "b.bson")
    folder_refused(lifeboat, tmp_path, "no ordinary file")
    (database / "b.bson").unlink()
    (database / "a.bson.gz").write_bytes(gzip.compress(document))
    folder_refused(lifeboat, tmp_path, "there twice")
    (database / "a.bson.gz").unlink()
    (database / f"{file_name('x' * 250)}.bson").write_bytes(document)
    folder_refused(lifeboat, tmp_path, "is cut, and no description")


def test_old_metadata_and_none(lifeboat: Lifeboat, tmp_path: Path) -> None:
    """As mongodump 3.4 wrote it: bare numbers, ``ns`` in indexes, no type, no UUID; and a file without any."""
    folder = tmp_path / "dump" / "shop"
    folder.mkdir(parents=True)
    document = bson.encode({"_id": 1})
    indexes = [
        {"v": 1, "key": {"_id": 1}, "name": "_id_", "ns": "shop.a b"},
        {"v": 1, "key": {"x": -1.0}, "name": "x_-1", "ns": "shop.a b", "expireAfterSeconds": {"$numberLong": "60"}},
    ]
    validator = {"email": {"$regex": "@", "$options": "i"}, "at": {"$lt": {"$date": "2015-01-01T00:00:00.000Z"}}}
    options = {"capped": True, "size": 4096, "validator": validator}
    (folder / "a+b.metadata.json").write_text(json.dumps({"options": options, "indexes": indexes}))
    (folder / "a+b.bson").write_bytes(document * 2)
    (folder / "%24odd%2F.bson").write_bytes(document)
    report = lifeboat.import_dump(str(tmp_path / "dump" / "shop"))  # one database's folder, as --db wants it
    contents = {one.name: (one.kind, one.items) for one in lifeboat.contents(report.snapshot.snapshot)}
    assert contents == {"shop.a b": ("capped", 2), "shop.$odd/": ("collection", 1)}
    assert [one.code for one in report.snapshot.findings] == ["not-described"]
    assert report.changes is None and not report.snapshot.one_instant and report.snapshot.complete
