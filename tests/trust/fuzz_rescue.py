"""The rescue script's own readers: one object that makes no sense is told of by its name, and keeps nobody from the others."""

import contextlib
import io
import json
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import bson
from bson import Timestamp
from fuzz_kit import Target
from fuzz_mongodb import ENTRIES, METADATA
from fuzz_mutate import bson_mutated, bytes_mutated, json_mutated, text_bytes_mutated
from fuzz_scene import NOW, Scene, body_of, signed
from in_process import fresh_rescue

from lifeboat.crypto.identity import to_base64
from lifeboat.repository import catalog_format, ledger
from lifeboat.repository.names import ledger_name
from lifeboat.sources.files.entry import Entry
from lifeboat.sources.files.manifest import encode
from lifeboat.sources.mongodb.oplog.change import Change
from lifeboat.sources.mongodb.oplog.command import Command


class Copy:
    """A plain copy of the repository, as the script finds it, in which objects are exchanged."""

    def __init__(self, folder: Path) -> None:
        self.scene, self.folder = Scene(folder / "state"), folder / "copy"
        self.rescue: ModuleType = fresh_rescue()
        self.identity = self.rescue.Identity(self.scene.owner._seed)
        scene = self.scene
        content = {
            "act": "record",
            "id": "0a0a0a0a",
            "request": "r",
            "note": "",
            "key": to_base64(b"k" * 32),
            "until": None,
        }
        entry = ledger.make_entry(
            scene.description, scene.owner, 1, "erasure", "", {**content, "documents": [], "files": []}, NOW
        )
        scene.store.write(ledger_name(1, "erasure", sha256(entry).hexdigest()), entry)
        for one in scene.store.list_under(""):
            self.put(one.name, scene.read(one.name))

    def put(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def with_object(self, name: str, look: Callable[[Any], None]) -> Callable[[bytes], None]:
        """Parse by putting the bytes in the place of an object, under the name that their hash gives them."""

        def parse(raw: bytes) -> None:
            digest = sha256(raw).hexdigest()
            last = name.rsplit("/", 1)[-1]
            there = name.rsplit("/", 1)[0] + "/" + last.replace(last.removesuffix(".json")[-64:], digest)
            planted, old = self.put(there, raw), self.folder / name
            away = old.with_name("away")
            old.rename(away) if there != name else None
            try:
                with quiet():
                    look(self.rescue.Repository(str(self.folder), self.identity))
            finally:
                planted.unlink()
                away.rename(old) if away.exists() else self.put(name, self.scene.read(name))

        return parse

    def beside(self, name: str, look: Callable[[Any], None]) -> Callable[[bytes], None]:
        """The same without taking the sound object away: what is planted must not keep anybody from what is sound."""

        def parse(raw: bytes) -> None:
            digest = sha256(raw).hexdigest()
            last = name.rsplit("/", 1)[-1]
            there = name.rsplit("/", 1)[0] + "/" + last.replace(last.removesuffix(".json")[-64:], digest)
            planted = self.put(there, raw)
            try:
                with quiet():
                    look(self.rescue.Repository(str(self.folder), self.identity))
            finally:
                if there != name:
                    planted.unlink()

        return parse


@contextlib.contextmanager
def quiet():  # type: ignore[no-untyped-def]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def rescue_targets(folder: Path) -> list[Target]:
    copy = Copy(folder)
    return [*_objects(copy), *_texts(copy.rescue), *_contents(copy.rescue)]


def _objects(copy: Copy) -> Iterable[Target]:
    scene, rescue = copy.scene, copy.rescue
    trouble = (rescue.Trouble,)
    fingerprint = scene.owner.recipient.fingerprint.hex()

    def by_owner(label: str) -> Callable[[bytes], bytes]:
        return lambda raw: signed(label, raw, scene.owner.sign, fingerprint)

    def by_writer(label: str) -> Callable[[bytes], bytes]:
        return lambda raw: signed(label, raw, scene.secret.signing_key().sign, "writer")

    def sealed(magic: bytes) -> Callable[[bytes], bytes]:
        return lambda raw: scene.sealed(magic, raw)

    def target(
        name: str,
        object_name: str,
        plain: bytes,
        make: Callable[[bytes], bytes],
        look: Callable[[Any], None],
        mutate: Any,
    ) -> Iterable[Target]:
        inside, planted = copy.with_object(object_name, look), copy.beside(object_name, look)
        yield Target(f"rescue {name}", lambda raw: inside(make(raw)), [plain], mutate, trouble, share=0.2)
        # Nothing at all may stop it here: the sound object is still there. A description that our own key signed is obeyed.
        may_stop = trouble if name == "description" else ()
        yield Target(f"rescue {name} planted", lambda raw: planted(make(raw)), [plain], mutate, may_stop, share=0.2)

    def lists(repository: Any) -> None:
        rescue.list_snapshots(repository)

    def checks(repository: Any) -> None:
        rescue.check(repository)

    def erasures(repository: Any) -> None:
        for one in rescue.erasures_at(repository, None):
            rescue.erasure_words(one)

    (described, *_) = scene.names("config/", "/repository-")
    (registered, *_) = scene.names("config/", "/writer-")
    (recorded,) = scene.names("catalog/", "/snapshot-")
    (indexed, *_) = scene.names("catalog/", "/index-")
    (linked, *_) = scene.names("catalog/", "/link-")
    (entry,) = scene.names("ledger/")
    yield from target(
        "description",
        described,
        body_of(scene.read(described)),
        by_owner("lifeboat description 1"),
        lists,
        json_mutated,
    )
    yield from target(
        "registration", registered, body_of(scene.read(registered)), by_owner("lifeboat writer 1"), lists, json_mutated
    )
    record = scene.plain(catalog_format.RECORD_MAGIC, recorded)
    yield from target("record", recorded, record, sealed(catalog_format.RECORD_MAGIC), lists, json_mutated)
    index = scene.plain(catalog_format.INDEX_MAGIC, indexed)
    yield from target("index", indexed, index, sealed(catalog_format.INDEX_MAGIC), checks, bytes_mutated)
    yield from target("link", linked, body_of(scene.read(linked)), by_writer("lifeboat link 1"), checks, json_mutated)
    yield from target(
        "ledger entry", entry, body_of(scene.read(entry)), by_owner("lifeboat ledger 1"), erasures, json_mutated
    )
    (key, *_) = [one for one in scene.names("keys/") if "grant" not in one]
    yield from target("wrapped key", key, scene.read(key), bytes, checks, bytes_mutated)


def _texts(rescue: ModuleType) -> Iterable[Target]:
    trouble = (rescue.Trouble,)

    def text(read: Callable[[str], object]) -> Callable[[bytes], object]:
        return lambda raw: read(raw.decode("utf-8", "surrogateescape"))

    yield Target("rescue key", text(rescue.read_seed), [b"5e" * 32], text_bytes_mutated, trouble, share=0.5)
    moments = [b"2026-11-26T10:00:00Z", b"1764123456.3"]
    also = [b"0001-01-01T00:00:00+14:00", b"9999-12-31T23:59:59-14:00"]
    yield Target("rescue moment", text(rescue.read_at), moments, text_bytes_mutated, trouble, share=0.5, also=also)
    entries = [
        Entry(
            b"a/b.txt",
            "file",
            0o644,
            1000,
            1000,
            1_700_000_000_000_000_001,
            10,
            "anna",
            "staff",
            ((b"user.a", b"\0x"),),
        ),
        Entry(b"link", "symlink", 0o777, 0, 0, 0, target=b"../\xff"),
        Entry(b"hole", "file", 0o600, 1, 1, 0, 200, extents=((0, 10), (100, 5))),
    ]
    pieces = {10: [(b"c" * 32, 0, 10)], 200: [(b"c" * 32, 0, 15)]}
    lines = [encode(one, pieces.get(one.size, ())) for one in entries]

    def line(raw: bytes) -> None:
        entry = rescue.read_entry(rescue.from_json(raw))
        rescue.steps_of(entry.path), rescue.shown(entry.path)

    yield Target("rescue line of a tree", line, lines, json_mutated, trouble)

    catalog = {"database": "shop", "collection": "a", "kind": "collection", "metadata": METADATA, "stream": None}

    def collection(raw: bytes) -> None:
        said = rescue.from_json(raw)
        rescue.is_temporary(said), rescue.uuid_and_name(said)
        rescue.dump_file_name(rescue.take(said, "collection", str))

    yield Target("rescue line of a catalog", collection, [json.dumps(catalog).encode()], json_mutated, trouble)


def _contents(rescue: ModuleType) -> Iterable[Target]:
    trouble = (rescue.Trouble,)
    o = bson.encode({"_id": 1, "a": "x"})
    changes = [
        Change(Timestamp(1_760_000_000, n + 1), bytes(8), kind, "shop.a", b"u" * 16, o, o).to_bson()
        for n, kind in enumerate("iud")
    ]
    commands = [
        Command(Timestamp(1_760_000_000, 9), bytes(8), "shop.$cmd", b"u" * 16, bson.encode(one), None).to_bson()
        for one in (
            {"create": "a"},
            {"drop": "a"},
            {"renameCollection": "shop.a", "to": "shop.b"},
            {"dropDatabase": 1},
            {"collMod": "a"},
        )
    ]

    def replayed(raw: bytes) -> None:
        """As ``dump --at`` goes over the archive."""
        since = object.__new__(rescue.Since)
        since._repository, since._way, since._goal = None, [(SimpleNamespace(name="x"), 0)], 2**64 - 1
        since._names, since._count, since._left_out = {b"u" * 16: b"shop.a"}, 0, {}
        chunks = {"chunks": [raw]}
        original = rescue.chunks_of
        rescue.chunks_of = lambda *_: iter(chunks["chunks"])
        try:
            with quiet():
                for event in rescue.changes_in(iter([raw])):
                    since._follow(event)
                list(since.events())
                since.takes_along({"database": "shop", "collection": "a", "metadata": METADATA}, {b"u" * 16: b"shop.a"})
        finally:
            rescue.chunks_of = original

    seeds = [b"".join(changes), *changes, *commands]
    yield Target("rescue events", replayed, seeds, bson_mutated, trouble)
    entries = [one for one in ENTRIES if _taken(replayed, one, rescue.Trouble)]
    yield Target("rescue entries", replayed, entries[:40], bson_mutated, trouble, share=0.5)


def _taken(parse: Callable[[bytes], object], raw: bytes, refused: type[Exception]) -> bool:
    try:
        parse(raw)
    except refused:
        return False
    return True
