"""What MongoDB and its tools write, made unsound: entries of the oplog, differences, catalogs, dumps; and filters that people type."""

import gzip
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import bson
from bson import SON, Int64, Timestamp, json_util
from fuzz_kit import Target
from fuzz_mutate import bson_mutated, json_mutated, text_bytes_mutated

from lifeboat.foundation.errors import LifeboatError
from lifeboat.sources.mongodb.catalog import EXACT, JSON_OPTIONS, CollectionEntry, describe
from lifeboat.sources.mongodb.catalog_listed import is_captured
from lifeboat.sources.mongodb.document_words import differences, id_text, summary
from lifeboat.sources.mongodb.documents import spans_of
from lifeboat.sources.mongodb.dump.archive_read import ArchiveReader
from lifeboat.sources.mongodb.dump.archive_write import write_archive
from lifeboat.sources.mongodb.dump.dump_catalog import DumpCatalog
from lifeboat.sources.mongodb.dump.dump_oplog import DumpOplog
from lifeboat.sources.mongodb.dump.dumped import OPLOG, Dump, Dumped, accounts
from lifeboat.sources.mongodb.dump.folder_read import FolderReader
from lifeboat.sources.mongodb.dump.found import DumpReader
from lifeboat.sources.mongodb.dump.metadata_text import parse_metadata
from lifeboat.sources.mongodb.filter_match import needles_of
from lifeboat.sources.mongodb.filter_text import read_filter
from lifeboat.sources.mongodb.oplog.apply_diff import apply_diff
from lifeboat.sources.mongodb.oplog.catalog_follow import CatalogFollower
from lifeboat.sources.mongodb.oplog.change import Change
from lifeboat.sources.mongodb.oplog.command import Command, read_event
from lifeboat.sources.mongodb.oplog.compose_diff import composed
from lifeboat.sources.mongodb.oplog.flatten import Flattener, position_of
from lifeboat.sources.mongodb.oplog.fold import windows
from lifeboat.sources.mongodb.oplog.statements import statements_apart, update_statement
from lifeboat.sources.mongodb.shape_words import shape_in_words

SHAPES: list[Any] = json_util.loads(
    (Path(__file__).parents[1] / "mongodb" / "oplog-shapes.json").read_text(encoding="utf-8"), json_options=JSON_OPTIONS
)
"""Entries that real servers wrote."""
METADATA = json.dumps(
    {
        "options": {"validator": {"email": {"$regex": "@"}}, "capped": True, "size": {"$numberInt": "4096"}},
        "indexes": [
            {"v": {"$numberInt": "2"}, "key": {"_id": {"$numberInt": "1"}}, "name": "_id_"},
            {"v": {"$numberInt": "2"}, "key": {"a": {"$numberDouble": "-1.0"}}, "name": "a_-1", "unique": True},
        ],
        "uuid": "ab" * 16,
        "collectionName": "a",
        "type": "collection",
    }
)
SERIES = json.dumps(
    {
        "options": {"timeseries": {"timeField": "t", "metaField": "m", "granularity": "seconds"}},
        "indexes": [{"v": 2, "key": {"m": 1, "t": 1}, "name": "m_1_t_1"}],
        "uuid": "cd" * 16,
    }
)
FILTERS = (
    '{_id: ObjectId("65f0c0ffee65f0c0ffee0001"), "n": {$gt: 5, $lt: NumberLong("9")}}',
    "{when: {$gte: ISODate('2026-11-26')}, name: /^a.*b$/i, $or: [{a: 1.5e3}, {b: null}]}",
    '{"_id": {"$oid": "65f0c0ffee65f0c0ffee0001"}, "x": {"$numberDecimal": "1.5"}, "u": UUID("00112233-4455-6677-8899-aabbccddeeff")}',
)


def encoded(document: Any) -> bytes:
    return bson.encode(document, codec_options=EXACT)


ENTRIES = [encoded(entry) for shape in SHAPES for entry in shape["entries"]]


def mongodb_targets(folder: Path) -> list[Target]:
    return [*_oplog(), *_differences(), *_catalogs(), *_dumps(folder), *_typed()]


def whole_documents(raw: bytes) -> list[bytes]:
    """What is none goes to other targets."""
    return [raw[begin:end] for begin, end in spans_of(raw)]


def _oplog() -> Iterable[Target]:
    known = {position_of(entry).when: entry for entry in ENTRIES}

    def entries(raw: bytes) -> None:
        """Each entry, with itself and all others at hand where a transaction asks for an earlier one."""
        there, changes = dict(known), []
        documents = whole_documents(raw)
        for one in documents:
            there[position_of(one).when] = one
        flattener = Flattener(lambda database: True, there.get)
        for one in documents:
            for event in flattener.events_of(one):
                stored = event.to_bson()
                again = read_event(stored)
                assert isinstance(again, type(event))
                if isinstance(event, Change):
                    changes.append(event)
                else:
                    _ = event.name, event.database
        for window in windows(changes, at_most_changes=3):
            for writes in window.values():
                for key, write in writes.items():
                    update_statement(key, write), statements_apart(key, write)

    transactions = [b"".join(map(encoded, shape["entries"])) for shape in SHAPES if "txn" in shape["name"]]
    yield Target("oplog entries", entries, [*ENTRIES, *(one for one in transactions if one)], bson_mutated, share=3)


def _differences() -> Iterable[Target]:
    updates = [shape for shape in SHAPES if "before" in shape and shape["entries"]]
    pairs = [encoded(shape["before"]) + encoded(shape["entries"][0]["o"]) for shape in updates]

    def applied(raw: bytes) -> None:
        document, diff, *_ = whole_documents(raw) + [b"\5\0\0\0\0"] * 2
        apply_diff(document, diff)

    yield Target("oplog difference", applied, [one for one in pairs if _is_taken(applied, one)], bson_mutated, share=2)

    def together(raw: bytes) -> None:
        """Composed, differences do what they do one after another."""
        document, *diffs = whole_documents(raw) or [b"\5\0\0\0\0"]
        one_by_one = document
        for diff in diffs:
            one_by_one = apply_diff(one_by_one, diff)
        at_once = document
        for diff in composed(diffs):
            at_once = apply_diff(at_once, diff)
        assert at_once == one_by_one, "composed differences make another document"

    diffs = [encoded(shape["entries"][0]["o"]) for shape in updates]
    sound = [diff for diff in diffs if b"diff\0" in diff]
    several = [encoded(shape["before"]) + sound[at] * 2 for at, shape in enumerate(updates[: len(sound)])]
    yield Target("composed differences", together, [one for one in several if _is_taken(together, one)], bson_mutated)

    def words(raw: bytes) -> None:
        for one in whole_documents(raw):
            id_text(one), summary(one), differences(one, encoded({"_id": 1, "a": {"b": 2}}))

    documents = [encoded(shape["before"]) for shape in updates] + [encoded({"_id": 1, "a": {"b": [1, "x"]}})]
    yield Target("document in words", words, [one for one in documents if _is_taken(words, one)], bson_mutated)


def _is_taken(parse: Callable[[bytes], None], raw: bytes) -> bool:
    try:
        parse(raw)
    except LifeboatError:
        return False
    return True


def _catalogs() -> Iterable[Target]:
    entries = [
        describe("shop", "orders", {}, [SON([("v", 2), ("key", SON(_id=1)), ("name", "_id_")])], b"u" * 16),
        describe("shop", "seen", {"viewOn": "orders", "pipeline": []}, [], b""),
    ]
    commands: list[dict[str, Any]] = [
        {"create": "new", "idIndex": {"v": 2, "key": {"_id": 1}, "name": "_id_"}, "capped": True, "size": 4096},
        {"collMod": "orders", "index": {"name": "_id_", "hidden": True}, "validator": {"a": 1}, "cappedSize": 10},
        {"createIndexes": "orders", "v": 2, "key": {"a": 1}, "name": "a_1"},
        {"commitIndexBuild": "orders", "indexes": [{"v": 2, "key": {"b": 1}, "name": "b_1"}]},
        {"dropIndexes": "orders", "index": "_id_"},
        {"renameCollection": "shop.orders", "to": "shop.other", "stayTemp": False, "dropTarget": False},
        {"drop": "orders"},
        {"dropDatabase": 1},
        {"emptycapped": "orders"},
    ]
    events = [
        Command(
            Timestamp(9, n), bytes(8), "shop.$cmd", b"n" * 16 if "create" in o else b"u" * 16, encoded(o), None
        ).to_bson()
        for n, o in enumerate(commands)
    ]
    view = Change(
        Timestamp(9, 1),
        bytes(8),
        "i",
        "shop.system.views",
        b"v" * 16,
        encoded({"_id": "shop.v", "viewOn": "orders", "pipeline": []}),
        None,
    )

    def follow(raw: bytes) -> None:
        follower = CatalogFollower(entries)
        for one in whole_documents(raw):
            follower.follow(read_event(one))
            for entry in follower.entries():
                _look_at(entry)

    sound = [one for one in [*events, view.to_bson(), events[1] + events[5]] if _is_taken(follow, one)]
    yield Target("catalog events", follow, sound, bson_mutated, share=2)

    def description(raw: bytes) -> None:
        _look_at(CollectionEntry("shop", "a", "collection", raw.decode("utf-8", "surrogateescape")))
        _look_at(CollectionEntry("shop", "a", "timeseries", raw.decode("utf-8", "surrogateescape")))

    described = [entries[0].metadata, entries[1].metadata, METADATA]
    yield Target("stored description", description, [one.encode() for one in described], json_mutated)


def _look_at(entry: CollectionEntry) -> None:
    _ = entry.options, entry.indexes, entry.uuid, entry.bucket_indexes, entry.has_mixed_buckets, entry.is_temporary
    list(shape_in_words(entry))


def _dumps(folder: Path) -> Iterable[Target]:
    documents = b"".join(encoded({"_id": n, "text": f"document {n}"}) for n in range(5))

    def entry(number: int, o: dict[str, Any], op: str = "i") -> bytes:
        ui = bson.Binary(b"\xab" * 16, 4)
        ns = "shop.$cmd" if op == "c" else "shop.a"
        when = Timestamp(100 + number, 1)
        return encoded({"ts": when, "t": Int64(1), "v": Int64(2), "op": op, "ns": ns, "ui": ui, "o": o})

    oplog = [entry(1, {"_id": 9}), entry(2, {"createIndexes": "a", "v": 2, "key": {"z": 1}, "name": "z_1"}, "c")]
    whole = bytearray()
    collections = (
        Dumped("shop", "a", "collection", METADATA, lambda: iter([documents])),
        Dumped("shop", "s", "timeseries", SERIES, lambda: iter([documents])),
        Dumped("shop", "seen", "view", '{"options":{"viewOn":"a","pipeline":[]},"indexes":[]}', lambda: iter(())),
    )
    users = accounts([encoded({"_id": "shop.anna", "user": "anna", "db": "shop"})], [])
    write_archive(whole.extend, Dump("6.0.5", users, collections, lambda: iter(oplog)))
    archive = bytes(whole)

    def read_archive(raw: bytes) -> None:
        _import(ArchiveReader(io.BytesIO(raw), "dump", lambda count: None))

    yield Target("archive", read_archive, [archive], share=2)
    yield Target("archive of BSON", lambda raw: read_archive(archive[:4] + raw), [archive[4:]], _blocks_mutated)
    yield Target("packed archive", read_archive, [gzip.compress(archive)])
    yield Target("archive repacked", lambda raw: read_archive(gzip.compress(raw, 1)), [archive], share=0.5)

    def metadata(raw: bytes) -> None:
        text = raw.decode("utf-8", "surrogateescape")
        parse_metadata(text, "shop.a")
        catalog = DumpCatalog()
        catalog.add(_found("a", text))
        for one, _ in catalog.described():
            _look_at(one)

    yield Target(
        "dump metadata", metadata, [METADATA.encode(), SERIES.encode(), b'{"indexes":[]}'], json_mutated, share=2
    )

    def dump_oplog(raw: bytes) -> None:
        catalog = DumpCatalog()
        catalog.add(_found("a", METADATA))
        catalog.add(_found("s", SERIES))
        with closing(DumpOplog(catalog)) as following:
            list(following.changes_of(raw))
        catalog.name_uuids()
        for one, _ in catalog.described():
            _look_at(one)

    shapes = [b"".join(map(encoded, shape["entries"])) for shape in SHAPES if shape["entries"]]
    sound = [one for one in [b"".join(oplog), *shapes] if _is_taken(dump_oplog, one)]
    yield Target("dump oplog", dump_oplog, sound, bson_mutated, share=2)

    files = {
        "a.metadata.json": METADATA.encode(),
        "a.bson": documents,
        "oplog.bson": b"".join(oplog),
        "b+c.bson.gz": gzip.compress(documents),
    }
    joined = SEPARATOR.join(part for name, content in files.items() for part in (name.encode(), content))

    def read_folder(raw: bytes) -> None:
        top = Path(tempfile.mkdtemp(dir=folder))
        try:
            _lay_out(top, raw)
            _import(FolderReader(top, lambda count: None))
        finally:
            shutil.rmtree(top)

    yield Target("dump folder", read_folder, [joined], share=0.5)


SEPARATOR = b"\xf0between files\xf0"


def _lay_out(top: Path, raw: bytes) -> None:
    """Files under names that are mutated too, as far as a file can be called so."""
    (top / "shop").mkdir()
    parts = raw.split(SEPARATOR)
    for name, content in zip(parts[::2], parts[1::2], strict=False):
        kept = name.replace(b"/", b"?").replace(b"\0", b"?")[:250]
        if kept in (b"", b".", b".."):
            raise LifeboatError("no name of a file")
        where = top if name == b"oplog.bson" else top / "shop"
        (Path(os.fsdecode(os.fsencode(where) + b"/" + kept))).write_bytes(content)


def _found(name: str, metadata: str) -> Any:
    from lifeboat.sources.mongodb.dump.found import Found

    return Found("shop", name, metadata)


def _import(reader: DumpReader) -> None:
    """As ``lifeboat import`` goes over a dump, without storing it."""
    catalog = DumpCatalog()
    for one in reader.found:
        if is_captured(one.database):
            catalog.add(one)
    with closing(DumpOplog(catalog)) as following:
        for piece in reader.pieces():
            if piece.namespace == OPLOG:
                list(following.changes_of(piece.documents))
            else:
                whole_documents(piece.documents)
    catalog.name_uuids()
    for entry, _ in catalog.described():
        _look_at(entry)


def _blocks_mutated(chance: Random, sound: bytes, others: Any) -> bytes:
    """An archive behind its magic: documents and terminators; one document is mutated as such."""
    parts, at = [], 0
    while at < len(sound):
        length = int.from_bytes(sound[at : at + 4], "little", signed=True)
        size = 4 if length == -1 else length
        parts.append(sound[at : at + size])
        at += size
    number = chance.choice([n for n, part in enumerate(parts) if len(part) > 4])
    parts[number] = bson_mutated(chance, parts[number], others)
    return b"".join(parts)


def _typed() -> Iterable[Target]:
    def a_filter(raw: bytes) -> None:
        found = read_filter(raw.decode("utf-8", "surrogateescape"))
        list(needles_of(found))

    yield Target("filter", a_filter, [one.encode() for one in FILTERS], text_bytes_mutated, share=2)
