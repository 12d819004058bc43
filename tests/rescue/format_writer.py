"""A small writer of repositories, made from docs/format.md alone.

It shares no code with the package and none with rescue.py: what both read of its work, the document really says.
Limits: everything of one snapshot is in memory; one class per snapshot; no deduplication across snapshots.
Invariant: the same seed gives the same bytes, except where HPKE draws its own randomness (wrapped secrets and keys).

    writer = RepositoryWriter(directory, seed=bytes(32))
    writer.add_mongodb_snapshot([("shop", "orders", [bson, bson], '{"indexes":[]}')])
    writer.add_files_snapshot("/srv/uploads", [directory(""), file("a.txt", b"hello")])

For hostile contents use `begin` and build the chunks, streams, root and record yourself.
"""

import base64
import hashlib
import hmac
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PublicKey, Suite

CONTENT, CHUNK_LIST, LINES, ROOT, SUMMARY, EVENTS = 1, 2, 3, 4, 5, 6
ROW = struct.Struct(">32sBBIII")
NO_SUMMARY = {"format": 1, "databases": None, "counts": [], "first_wall": None, "last_wall": None}
Instant = tuple[int, int]
SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def b64(content: bytes) -> str:
    """Section "conventions": base64url without padding."""
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def canonical(value: Any) -> bytes:
    """Section "conventions": canonical JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def hkdf(key: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA256, 32 bytes."""
    return hmac.digest(hmac.digest(salt, key, "sha256"), info + b"\1", "sha256")


def key_text(seed: bytes) -> str:
    """Section 2: the text form of a seed."""
    check = hashlib.sha256(b"lifeboat identity checksum" + seed).digest()[:4]
    letters = base64.b32encode(seed + check).decode().rstrip("=")
    return "LIFEBOAT1-" + "-".join(letters[at : at + 6] for at in range(0, len(letters), 6))


class Recipient:
    """Section 2: everything that follows from a seed."""

    def __init__(self, seed: bytes) -> None:
        self.seed = seed
        expanded = hashlib.shake_256(seed).digest(96)
        self.ml_kem_seed, self.x25519_bytes = expanded[:64], expanded[64:]
        self.signing_bytes = hashlib.shake_256(b"lifeboat identity signing key" + seed).digest(32)
        self.signing = Ed25519PrivateKey.from_private_bytes(self.signing_bytes)
        ml_kem = MLKEM768PrivateKey.from_seed_bytes(self.ml_kem_seed).public_key()
        x25519 = X25519PrivateKey.from_private_bytes(self.x25519_bytes).public_key()
        self.wrapping = MLKEM768X25519PublicKey(ml_kem, x25519)
        self.public = (
            ml_kem.public_bytes_raw() + x25519.public_bytes_raw() + self.signing.public_key().public_bytes_raw()
        )
        self.text = "lifeboat-recipient-1:" + b64(self.public)
        self.fingerprint = hashlib.sha256(b"lifeboat recipient" + self.public).digest()

    def wrap(self, secret: bytes, info: bytes) -> bytes:
        """Wrap a secret for this recipient; different bytes every time."""
        return SUITE.encrypt(secret, self.wrapping, info)


def sign(label: str, body: dict[str, Any], signers: dict[str, Ed25519PrivateKey]) -> bytes:
    """Section 3: a signed JSON file."""
    signed = label.encode() + b"\n" + canonical(body)
    return canonical({"body": body, "signatures": {name: b64(key.sign(signed)) for name, key in signers.items()}})


class RepositoryWriter:
    """Writes one repository as one writer; several can share a directory, with the same ``repository_seed``.

    Args:
        directory: Where the objects go, under their names.
        seed: Of the first recipient, who signs everything.
        writer_seed: Of everything the writer draws: ids, secrets, salts, nonces.
        others: Seeds of further recipients.
        label: The installation's name.
    """

    def __init__(
        self,
        directory: Path,
        seed: bytes,
        *,
        writer_seed: bytes = b"writer 1",
        repository_seed: bytes = b"repository",
        others: tuple[bytes, ...] = (),
        label: str = "shop-1",
    ) -> None:
        self.directory = directory
        self._drawn = 0
        self._writer_seed = writer_seed
        self.recipients = [Recipient(one) for one in (seed, *others)]
        self.repository = hashlib.sha256(repository_seed).digest()[:16]
        self.id, self.secret, self.label = self.draw(16), self.draw(96), label
        self.chunk_id_key, self.catalog_key = self.secret[:32], self.secret[32:64]
        self.signing = Ed25519PrivateKey.from_private_bytes(self.secret[64:])
        self.sequence, self.previous = 0, None
        self.put("config/repository-{}.json", self.description())
        self.put(f"config/writer-{self.id.hex()}-{{}}.json", self.registration())

    def draw(self, length: int) -> bytes:
        """Bytes that look random and are the same each time."""
        self._drawn += 1
        return hashlib.shake_256(self._writer_seed + self._drawn.to_bytes(8, "big")).digest(length)

    def put(self, name: str, content: bytes) -> str:
        """Store an object under its name, with ``{}`` for its hash; returns the hash."""
        digest = hashlib.sha256(content).hexdigest()
        path = self.directory / name.format(digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return digest

    def description(self, revision: int = 1, signers: list[Recipient] | None = None, **changes: Any) -> bytes:
        """Section 4."""
        body = {
            "format": 1,
            "repository": self.repository.hex(),
            "revision": revision,
            "created": "2026-11-23T12:00:00Z",
            "profile": "simple",
            "recipients": [{"name": f"person {n}", "recipient": one.text} for n, one in enumerate(self.recipients)],
        } | changes
        signing = signers if signers is not None else self.recipients[:1]
        return sign("lifeboat description 1", body, {one.fingerprint.hex(): one.signing for one in signing})

    def registration(
        self,
        signers: list[Recipient] | None = None,
        custodians: list[Recipient] | None = None,
        **changes: Any,
    ) -> bytes:
        """Section 5."""
        info = b"lifeboat writer secret 1\0" + self.repository + self.id
        body = {
            "format": 1,
            "repository": self.repository.hex(),
            "writer": self.id.hex(),
            "label": self.label,
            "created": "2026-11-23T12:00:00Z",
            "signing_key": b64(self.signing.public_key().public_bytes_raw()),
            "secret": {
                one.fingerprint.hex(): b64(one.wrap(self.secret, info + one.fingerprint)) for one in self.recipients
            },
        } | changes
        signing = signers if signers is not None else self.recipients[:1]
        if custodians:
            catalog_info = b"lifeboat catalog key 1\0" + self.repository + self.id
            body["catalog"] = {
                one.fingerprint.hex(): b64(one.wrap(self.catalog_key, catalog_info + one.fingerprint))
                for one in custodians
            }
        return sign("lifeboat writer 1", body, {one.fingerprint.hex(): one.signing for one in signing})

    def wrapped_data_key(self, data_key: bytes, run: bytes, generation: str) -> bytes:
        """Section 6."""
        ids = self.repository + self.id + run
        parts = [
            b"LBKY\0\1\1\0",
            ids,
            bytes([len(generation)]),
            generation.encode(),
            struct.pack(">H", len(self.recipients)),
        ]
        for one in self.recipients:
            info = b"lifeboat data key 1\0" + ids + one.fingerprint + generation.encode()
            parts += [one.fingerprint, struct.pack(">H", 1168), one.wrap(data_key, info)]
        return b"".join(parts)

    def sealed_catalog(self, magic: bytes, label: bytes, generation: str, plain: bytes) -> bytes:
        """Sections 8 and 9: an index or a record."""
        header = magic + b"\0\1\1\0" + self.id + self.draw(32)
        key = hkdf(self.catalog_key, header[24:56], label + self.repository + generation.encode())
        return header + AESGCM(key).encrypt(bytes(12), zstandard.compress(plain), header)

    def link(self, generation: str, records: list[str], **changes: Any) -> str:
        """Section 10."""
        self.sequence += 1
        body = {
            "format": 1,
            "repository": self.repository.hex(),
            "writer": self.id.hex(),
            "generation": generation,
            "sequence": self.sequence,
            "previous": self.previous,
            "records": records,
            "heads": {},
            "time": "2026-11-23T12:00:00Z",
        } | changes
        content = sign("lifeboat link 1", body, {"writer": self.signing})
        name = f"catalog/{self.id.hex()}/{generation}/link-{self.sequence:08d}-{{}}"
        self.previous = self.put(name, content)
        return self.previous

    def statement(
        self,
        verb: str,
        records: list[str],
        signers: dict[str, Ed25519PrivateKey],
        *,
        generation: str = "2026-11",
        **changes: Any,
    ) -> tuple[str, bytes]:
        """Section 13: name and content of a statement about snapshots of this writer."""
        body = {
            "format": 1,
            "repository": self.repository.hex(),
            "verb": verb,
            "writer": self.id.hex(),
            "generation": generation,
            "records": sorted(records),
            "text": "",
            "time": "2026-11-23T13:00:00Z",
        } | changes
        content = sign("lifeboat statement 1", body, signers)
        return f"catalog/{self.id.hex()}/{generation}/{verb}-{hashlib.sha256(content).hexdigest()}", content

    def carry(
        self, packs: list[str], origin: tuple[str, str], signers: dict[str, Ed25519PrivateKey], **changes: Any
    ) -> tuple[str, bytes]:
        """Section 17: name and content of a carry statement; ``origin``: class and generation."""
        body = {
            "format": 1,
            "repository": self.repository.hex(),
            "writer": self.id.hex(),
            "generation": "2026-12",
            "source": "mongodb",
            "class": "short",
            "from": {"class": origin[0], "generation": origin[1]},
            "packs": b64(b"".join(sorted(bytes.fromhex(pack) for pack in packs))),
            "time": "2026-12-01T00:01:00Z",
        } | changes
        content = sign("lifeboat carry 1", body, signers)
        generation = body["generation"]
        return f"catalog/{self.id.hex()}/{generation}/carry-{hashlib.sha256(content).hexdigest()}", content

    def begin(self, source: str, storage_class: str = "short", generation: str = "2026-11") -> "Run":
        """Begin a snapshot whose parts you make yourself."""
        return Run(self, source, storage_class, generation)

    def add_mongodb_snapshot(
        self,
        collections: list[tuple[str, str, list[bytes] | None, str]],
        *,
        users: bytes = b"",
        roles: bytes = b"",
        kinds: dict[str, str] | None = None,
        cluster_time: tuple[int, int] = (1, 1),
        **record: Any,
    ) -> str:
        """Store (database, collection, chunks of whole documents or None for a view, metadata text); returns the id."""
        run, streams, lines = self.begin("mongodb"), [], []
        for database, collection, documents, metadata in collections:
            name = f"documents/{database}.{collection}"
            kind = (kinds or {}).get(collection, "collection" if documents is not None else "view")
            if documents is not None:
                streams.append(run.stream(name, CONTENT, documents))
            lines.append(
                {
                    "database": database,
                    "collection": collection,
                    "kind": kind,
                    "documents": 0,
                    "stream": None if documents is None else name,
                    "metadata": metadata,
                }
            )
        streams.append(run.stream("catalog", LINES, [canonical(line) + b"\n" for line in lines]))
        streams += [run.stream(name, CONTENT, [part]) for name, part in (("users", users), ("roles", roles)) if part]
        server = {"version": "6.0.5", "set_name": "rs0"}
        details = {"server": server, "cluster_time": list(cluster_time), "databases": []}
        return run.finish(streams, details, **record)

    def add_files_snapshot(self, root: str, entries: list[Any], *, source: str = "files", **record: Any) -> str:
        """Store a tree; an entry is a line, or a callable that makes one with the run's help; returns the id."""
        run = self.begin(source)
        lines = [canonical(one(run) if callable(one) else one) + b"\n" for one in entries]
        tree = run.stream("tree/0", LINES, lines)
        details = {"roots": [{"path": root, "stream": "tree/0", "entries": len(lines)}]}
        return run.finish([tree], details, **record)


def entry(path: str, /, **fields: Any) -> dict[str, Any]:
    """Section 12: a line of a tree with what every line has; ``fields`` add and replace."""
    return {"path": path, "mode": 0o644, "uid": 0, "gid": 0, "mtime": 1_700_000_000_123_456_789} | fields


def directory(path: str, /, **fields: Any) -> dict[str, Any]:
    """A directory; the root is ``directory("")``."""
    return entry(path, kind="directory", **{"mode": 0o755} | fields)


def file(path: str, /, *parts: bytes, **fields: Any) -> "Callable[[Run], dict[str, Any]]":
    """A file whose content is these parts, each a chunk of its own."""

    def made(run: Run) -> dict[str, Any]:
        pieces = [[b64(run.chunk(CONTENT, part)), 0, len(part)] for part in parts]
        return entry(path, **{"size": sum(map(len, parts)), "pieces": pieces} | fields)

    return made


@dataclass
class Pack:
    """Chunks on their way into one pack."""

    rows: list[list[Any]] = field(default_factory=list)
    sealed: list[bytes] = field(default_factory=list)


class Run:
    """One snapshot in the making."""

    def __init__(self, writer: RepositoryWriter, source: str, storage_class: str, generation: str) -> None:
        self.writer, self.source, self.storage_class, self.generation = writer, source, storage_class, generation
        self.run, self.data_key = writer.draw(16), writer.draw(32)
        wrapped = writer.wrapped_data_key(self.data_key, self.run, generation)
        self.data_key_name = bytes.fromhex(writer.put(f"keys/{generation}/{{}}", wrapped))
        self.stored: list[tuple[bytes, int, bytes]] = []  # packs: name, size, rows
        self._packs = {True: Pack(), False: Pack()}  # content, and all other kinds
        self._ids: set[tuple[int, bytes]] = set()

    def chunk(
        self, kind: int, plain: bytes, compression: int = 1, body: bytes | None = None, length: int | None = None
    ) -> bytes:
        """Section 7: store a chunk; ``body`` and ``length`` are there to lie with. Returns its id."""
        writer = self.writer
        chunk_id = hmac.digest(writer.chunk_id_key, bytes([kind]) + plain, "sha256")
        if (kind, chunk_id) in self._ids and body is None and length is None:
            return chunk_id
        self._ids.add((kind, chunk_id))
        length = len(plain) if length is None else length
        if body is None:
            body = zstandard.compress(plain) if compression else plain
        sealed = self._seal(kind, chunk_id, compression, body, length)
        pack = self._packs[kind == CONTENT]
        pack.rows.append([chunk_id, kind, compression, 0, len(sealed), length])
        pack.sealed.append(sealed)
        return chunk_id

    def _seal(self, kind: int, chunk_id: bytes, compression: int, body: bytes, length: int) -> bytes:
        aad = b"LBCH\0\1\1" + bytes([kind, compression]) + chunk_id + struct.pack(">I", length)
        nonce = self.writer.draw(12)
        return nonce + AESGCM(self.data_key).encrypt(nonce, body, aad)

    def segment(self, begin: Instant, end: Instant, blocks: list[bytes], **body: Any) -> str:
        """Section 15: store a segment under this run's data key; ``body`` replaces fields of the statement. Returns its name.

        Args:
            blocks: Plain chunks of events. body: also ``summary``, the plain summary.
        """
        writer = self.writer
        summary = body.pop("summary", canonical(NO_SUMMARY) + b"\n")
        rows, sealed, offset = b"", b"", 0
        for kind, plain in [(SUMMARY, summary), *((EVENTS, block) for block in blocks)]:
            chunk_id = hmac.digest(writer.chunk_id_key, bytes([kind]) + plain, "sha256")
            one = self._seal(kind, chunk_id, 1, zstandard.compress(plain), len(plain))
            rows += ROW.pack(chunk_id, kind, 1, offset, len(one), len(plain))
            sealed, offset = sealed + one, offset + len(one)
        said = {
            "format": 1,
            "repository": writer.repository.hex(),
            "writer": writer.id.hex(),
            "generation": self.generation,
            "after": [*begin, 1, ""],
            "through": [*end, 1, ""],
            "chain": "c" * 16,
            "because": None,
            "previous": None,
            "parts": [],
            "events": 0,
            "bytes": sum(map(len, blocks)),
            "set": "rs0",
            "written": "2026-11-23T12:00:00Z",
            "software": "format_writer",
            "chunks": b64(rows),
        } | body
        signature = b64(writer.signing.sign(b"lifeboat segment 1\n" + canonical(said)))
        plain = canonical({"body": said, "signature": signature})
        front = b"LBSG\0\1\1\0" + writer.id + self.data_key_name + writer.draw(32) + struct.pack(">I", len(plain) + 16)
        info = b"lifeboat segment 1" + writer.repository + self.generation.encode()
        statement = AESGCM(hkdf(writer.catalog_key, front[56:88], info)).encrypt(bytes(12), plain, front)
        stretch = "-".join(f"{seconds:08x}{increment:08x}" for seconds, increment in (begin, end))
        content = front + statement + sealed
        name = f"mongodb/oplog/{self.generation}/{self.data_key_name.hex()}/{stretch}-{said['chain']}-{writer.id.hex()}-{{}}"
        return name.format(writer.put(name, content))

    def stream(self, name: str, kind: int, parts: list[bytes], rows_per_list: int = 3) -> dict[str, Any]:
        """Section 11: store the parts as a stream."""
        rows = [self.chunk(kind, part) + struct.pack(">I", len(part)) for part in parts]
        lists = [b"".join(rows[at : at + rows_per_list]) for at in range(0, len(rows), rows_per_list)]
        return {
            "name": name,
            "bytes": sum(map(len, parts)),
            "chunks": len(parts),
            "kind": kind,
            "list": [b64(self.chunk(CHUNK_LIST, one)) for one in lists],
        }

    def flush(self) -> None:
        """Store the packs with what is waiting."""
        for pack in self._packs.values():
            if pack.rows:
                self._store_pack(pack)
        self._packs = {True: Pack(), False: Pack()}

    def _store_pack(self, pack: Pack) -> None:
        writer = self.writer
        table_length = 46 * len(pack.rows) + 16
        at = 92 + table_length
        for row in pack.rows:
            row[3] = at
            at += row[4]
        rows = b"".join(ROW.pack(*row) for row in pack.rows)
        salt = writer.draw(32)
        header = b"LBPK\0\1\1\0" + writer.id + self.data_key_name + salt + struct.pack(">I", table_length)
        key = hkdf(writer.catalog_key, salt, b"lifeboat pack table 1" + writer.repository)
        content = header + AESGCM(key).encrypt(bytes(12), rows, header) + b"".join(pack.sealed)
        name = writer.put(f"{self.source}/pack/{self.storage_class}/{self.generation}/{{}}", content)
        self.stored.append((bytes.fromhex(name), len(content), rows))

    def index(self) -> None:
        """Section 8: store the index of the packs of this run."""
        texts = b"".join(bytes([len(text)]) + text.encode() for text in (self.source, self.storage_class))
        heads = [
            name + self.data_key_name + struct.pack(">QI", size, len(rows) // 46) for name, size, rows in self.stored
        ]
        plain = texts + struct.pack(">I", len(heads)) + b"".join(heads) + b"".join(rows for _, _, rows in self.stored)
        content = self.writer.sealed_catalog(b"LBIX", b"lifeboat index 1", self.generation, plain)
        self.writer.put(f"catalog/{self.writer.id.hex()}/{self.generation}/index-{{}}", content)

    def finish(
        self, streams: list[dict[str, Any]], details: dict[str, Any], *, link: bool = True, **changes: Any
    ) -> str:
        """Store root, packs, index, record and link; ``changes`` replace fields of the record. Returns the id."""
        root = self.chunk(ROOT, canonical({"streams": streams, "details": details, "findings": []}))
        self.flush()
        self.index()
        snapshot = self.writer.draw(16).hex()
        record = {
            "format": 1,
            "snapshot": snapshot,
            "point": snapshot,
            "source": self.source,
            "class": self.storage_class,
            "generation": self.generation,
            "label": self.writer.label,
            "instant": "2026-11-23T12:00:00Z",
            "one_instant": True,
            "started": "2026-11-23T12:00:00Z",
            "finished": "2026-11-23T12:00:01Z",
            "complete": True,
            "root": b64(root),
            "packs": b64(b"".join(sorted(name for name, _, _ in self.stored))),
            "totals": {"bytes": sum(one["bytes"] for one in streams), "items": 1, "new_bytes": 0, "stored_bytes": 0},
            "software": "format_writer",
        } | changes
        content = self.writer.sealed_catalog(b"LBSN", b"lifeboat snapshot 1", self.generation, canonical(record))
        digest = self.writer.put(f"catalog/{self.writer.id.hex()}/{self.generation}/snapshot-{{}}", content)
        if link:
            self.writer.link(self.generation, [digest])
        return str(record["snapshot"])
