"""Make docs/format-vectors.json: a tiny repository with every intermediate value, in hex. Run by hand:

    .venv/bin/python tests/rescue/make_vectors.py docs/format-vectors.json custodian

With a part's name only that part is made, and added to what stands there.

HPKE draws its own randomness and zstd frames differ between releases, so a new run gives other bytes of the same
meaning. The file is frozen: make it anew only when the format gets a new version.
"""

import base64
import hashlib
import hmac
import json
import struct
import sys
import tempfile
from pathlib import Path
from typing import Any

import zstandard
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from format_writer import (
    CHUNK_LIST,
    CONTENT,
    EVENTS,
    LINES,
    ROW,
    Recipient,
    RepositoryWriter,
    Run,
    b64,
    canonical,
    hkdf,
    key_text,
)

SEED = bytes(range(32))
CUSTODIAN_SEED = bytes(range(32, 64))
DOCUMENTS = [bytes.fromhex("0e000000105f6964000700000000"), bytes.fromhex("0500000000") * 3]
METADATA = '{"indexes":[{"v":{"$numberInt":"2"},"key":{"_id":{"$numberInt":"1"}},"name":"_id_"}]}'


def signed_file(label: str, content: bytes) -> dict[str, Any]:
    """A signed JSON file, and the bytes its signatures are of."""
    body = json.loads(content)["body"]
    return {"file": content.decode(), "signed_bytes": (label.encode() + b"\n" + canonical(body)).hex()}


def explain_pack(writer: RepositoryWriter, run: Run, content: bytes) -> dict[str, Any]:
    """Take a pack apart into all that a reader computes on its way."""
    salt, length = content[56:88], struct.unpack(">I", content[88:92])[0]
    key = hkdf(writer.catalog_key, salt, b"lifeboat pack table 1" + writer.repository)
    rows = AESGCM(key).decrypt(bytes(12), content[92 : 92 + length], content[:92])
    chunks = []
    for chunk_id, kind, compression, offset, sealed_length, plain_length in ROW.iter_unpack(rows):
        sealed = content[offset : offset + sealed_length]
        aad = b"LBCH\0\1\1" + bytes([kind, compression]) + chunk_id + struct.pack(">I", plain_length)
        body = AESGCM(run.data_key).decrypt(sealed[:12], sealed[12:], aad)
        plain = zstandard.decompress(body) if compression else body
        chunks.append(
            {
                "kind": kind,
                "compression": compression,
                "plain": plain.hex(),
                "chunk_id": chunk_id.hex(),
                "aad": aad.hex(),
                "nonce": sealed[:12].hex(),
                "body": body.hex(),
                "sealed": sealed.hex(),
                "offset": offset,
            }
        )
    return {"object": content.hex(), "salt": salt.hex(), "table_key": key.hex(), "rows": rows.hex(), "chunks": chunks}


def explain_catalog(writer: RepositoryWriter, label: bytes, generation: str, content: bytes) -> dict[str, str]:
    """Take an index or a record apart."""
    key = hkdf(writer.catalog_key, content[24:56], label + writer.repository + generation.encode())
    frame = AESGCM(key).decrypt(bytes(12), content[56:], content[:56])
    plain = zstandard.decompress(frame)
    return {"object": content.hex(), "key": key.hex(), "frame": frame.hex(), "plain": plain.hex()}


def make(folder: Path) -> dict[str, Any]:
    """Write the repository and explain every object of it."""
    writer = RepositoryWriter(folder, SEED, writer_seed=b"lifeboat format vectors")
    run = writer.begin("mongodb")
    run.chunk(CONTENT, DOCUMENTS[0], compression=0)
    documents = run.stream("documents/shop.orders", CONTENT, DOCUMENTS)
    line = {"database": "shop", "collection": "orders", "kind": "collection", "documents": 4}
    line |= {"stream": documents["name"], "metadata": METADATA}
    catalog = run.stream("catalog", LINES, [canonical(line) + b"\n"])
    snapshot = run.finish(
        [documents, catalog], {"server": {"version": "6.0.5"}, "cluster_time": [1, 1], "databases": ["shop"]}
    )
    me, objects = (
        Recipient(SEED),
        {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()},
    )

    def one(part: str) -> bytes:
        return next(content for name, content in objects.items() if part in name)

    data_key_object, registration = one("keys/"), one("config/writer-")
    packs = [explain_pack(writer, run, content) for name, content in sorted(objects.items()) if "/pack/" in name]
    ids = writer.repository + writer.id
    assert {CONTENT, CHUNK_LIST, LINES} < {chunk["kind"] for pack in packs for chunk in pack["chunks"]}
    return {
        "format": 1,
        "identity": {
            "seed": SEED.hex(),
            "text": key_text(SEED),
            "ml_kem_seed": me.ml_kem_seed.hex(),
            "x25519_private": me.x25519_bytes.hex(),
            "ed25519_private": me.signing_bytes.hex(),
            "recipient": me.public.hex(),
            "recipient_text": me.text,
            "fingerprint": me.fingerprint.hex(),
        },
        "repository": writer.repository.hex(),
        "writer": writer.id.hex(),
        "description": signed_file("lifeboat description 1", one("config/repository-")),
        "registration": signed_file("lifeboat writer 1", registration)
        | {
            "secret": writer.secret.hex(),
            "info": (b"lifeboat writer secret 1\0" + ids + me.fingerprint).hex(),
            "wrapped_base64url": json.loads(registration)["body"]["secret"][me.fingerprint.hex()],
        },
        "data_key": {
            "object": data_key_object.hex(),
            "name": hashlib.sha256(data_key_object).hexdigest(),
            "run": run.run.hex(),
            "generation": run.generation,
            "info": (b"lifeboat data key 1\0" + ids + run.run + me.fingerprint + run.generation.encode()).hex(),
            "wrapped": data_key_object[-1168:].hex(),
            "data_key": run.data_key.hex(),
        },
        "packs": packs,
        "index": explain_catalog(writer, b"lifeboat index 1", run.generation, one("/index-")),
        "record": explain_catalog(writer, b"lifeboat snapshot 1", run.generation, one("/snapshot-")),
        "link": signed_file("lifeboat link 1", one("/link-")),
        "snapshot": snapshot,
        "names": sorted(objects),
        "expected": {
            "shop/orders.bson": b"".join(DOCUMENTS).hex(),
            "shop/orders.metadata.json": METADATA.encode().hex(),
        },
    }


SAID = (
    ("proof", "recipient", "everything it needs was opened", True),
    ("doubt", "recipient", "a pack was damaged", True),
    ("forget", "custodian", "24 hourly, 35 daily, 84 monthly", True),
    ("keep", "custodian", "before migration", True),
    ("release", "recipient", "", True),
    ("proof", "custodian", "who opens no content proves nothing", False),
    ("doubt", "custodian", "nor doubts it", False),
    ("forget", "writer", "a thief's", False),
)
"""Verb, who signs it, text, whether it counts."""


def make_statements(folder: Path, vectors: dict[str, Any]) -> list[dict[str, Any]]:
    """What is said of the snapshot, one minute after the other, by those who may say it and those who may not."""
    writer = RepositoryWriter(folder, SEED, writer_seed=b"lifeboat format vectors")
    recipient, custodian = Recipient(SEED), Recipient(CUSTODIAN_SEED)
    signers = {
        "recipient": {recipient.fingerprint.hex(): recipient.signing},
        "custodian": {custodian.fingerprint.hex(): custodian.signing},
        "writer": {"writer": writer.signing},
    }
    (record,) = [name[-64:] for name in vectors["names"] if "/snapshot-" in name]
    made = []
    for minute, (verb, who, text, counts) in enumerate(SAID):
        time = f"2026-11-23T13:{minute:02}:00Z"
        name, content = writer.statement(verb, [record], signers[who], text=text, time=time)
        made.append({"name": name, "signer": who, "counts": counts} | signed_file("lifeboat statement 1", content))
    return made


def make_carries(folder: Path, vectors: dict[str, Any]) -> list[dict[str, Any]]:
    """The snapshot's packs, carried into the next month, by those who may say it and by one who may not."""
    writer = RepositoryWriter(folder, SEED, writer_seed=b"lifeboat format vectors")
    recipient, custodian = Recipient(SEED), Recipient(CUSTODIAN_SEED)
    packs = [name[-64:] for name in vectors["names"] if "/pack/" in name]
    made = []
    for who, signers, changes in (
        ("recipient", {recipient.fingerprint.hex(): recipient.signing}, {}),
        ("custodian", {custodian.fingerprint.hex(): custodian.signing}, {"class": "long"}),
        ("writer", {"writer": writer.signing}, {}),
    ):
        name, content = writer.carry(packs, ("short", "2026-11"), signers, **changes)
        made.append({"name": name, "signer": who, "counts": who != "writer"} | signed_file("lifeboat carry 1", content))
    return made


def make_custodian(folder: Path, vectors: dict[str, Any]) -> dict[str, Any]:
    """The same repository's second revision, which names a custodian, and the registration that opens the catalog to it."""
    writer, custodian = (
        RepositoryWriter(folder, SEED, writer_seed=b"lifeboat format vectors"),
        Recipient(CUSTODIAN_SEED),
    )
    named = [{"name": "custodian", "recipient": custodian.text}]
    registration = writer.registration(custodians=[custodian], machine="a machine")
    info = b"lifeboat catalog key 1\0" + writer.repository + writer.id + custodian.fingerprint
    return {
        "seed": CUSTODIAN_SEED.hex(),
        "fingerprint": custodian.fingerprint.hex(),
        "description": signed_file("lifeboat description 1", writer.description(2, custodians=named)),
        "registration": signed_file("lifeboat writer 1", registration)
        | {
            "info": info.hex(),
            "wrapped_base64url": json.loads(registration)["body"]["catalog"][custodian.fingerprint.hex()],
            "catalog_key": writer.catalog_key.hex(),
        },
    }


def make_segments(folder: Path, vectors: dict[str, Any]) -> list[dict[str, Any]]:
    """A part and the segment that names it, taken apart as a reader does. Their changes are no changes: a reader of bytes need not know."""
    writer = RepositoryWriter(folder, SEED, writer_seed=b"lifeboat format vectors")
    run = writer.begin("mongodb")
    part = run.segment((1_764_000_000, 1), (1_764_000_000, 1), DOCUMENTS[:1], events=1)
    summary = {"format": 1, "databases": ["shop"], "counts": [["shop.orders", 4, 0, 0]]}
    summary |= {"first_wall": "2025-11-24T16:00:00Z", "last_wall": "2025-11-24T16:00:05Z"}
    whole = run.segment(
        (1_764_000_000, 1),
        (1_764_000_005, 3),
        DOCUMENTS[1:],
        summary=canonical(summary) + b"\n",
        events=4,
        parts=[part],
        because="the archive begins here",
        after=[1_764_000_000, 1, 2, b64(hmac.digest(writer.chunk_id_key, bytes([EVENTS]) + b"an entry", "sha256"))],
    )
    (key,) = folder.glob("keys/*/*")
    made = []
    for name in (part, whole):
        content = (folder / name).read_bytes()
        length = struct.unpack(">I", content[88:92])[0]
        key_of = hkdf(
            writer.catalog_key, content[56:88], b"lifeboat segment 1" + writer.repository + run.generation.encode()
        )
        statement = AESGCM(key_of).decrypt(bytes(12), content[92 : 92 + length], content[:92])
        table = json.loads(statement)["body"]["chunks"]
        rows = list(ROW.iter_unpack(base64.urlsafe_b64decode(table + "=" * (-len(table) % 4))))
        chunks = []
        for chunk_id, kind, compression, offset, sealed_length, plain_length in rows:
            sealed = content[92 + length + offset :][:sealed_length]
            aad = b"LBCH\0\1\1" + bytes([kind, compression]) + chunk_id + struct.pack(">I", plain_length)
            plain = zstandard.decompress(AESGCM(run.data_key).decrypt(sealed[:12], sealed[12:], aad))
            chunks.append({"kind": kind, "chunk_id": chunk_id.hex(), "plain": plain.hex()})
        explained = {"statement_key": key_of.hex(), "statement": statement.decode(), "chunks": chunks}
        made.append({"name": name, "object": content.hex()} | explained)
    made[0] |= {"data_key_object": key.read_bytes().hex(), "data_key": run.data_key.hex()}
    return made


def objects_of(vectors: dict[str, Any]) -> dict[str, bytes]:
    """Return the objects of the repository under their names."""
    contents = [bytes.fromhex(vectors[part]["object"]) for part in ("data_key", "index", "record")]
    contents += [vectors[part]["file"].encode() for part in ("description", "registration", "link")]
    contents += [bytes.fromhex(pack["object"]) for pack in vectors["packs"]]
    by_hash = {hashlib.sha256(content).hexdigest(): content for content in contents}
    return {name: by_hash[next(digest for digest in by_hash if digest in name)] for name in vectors["names"]}


if __name__ == "__main__":
    path = Path(sys.argv[1])
    parts = {
        "custodian": make_custodian,
        "statements": make_statements,
        "segments": make_segments,
        "carries": make_carries,
    }
    with tempfile.TemporaryDirectory() as folder:
        if sys.argv[2:]:
            vectors = json.loads(path.read_text())
            vectors |= {sys.argv[2]: parts[sys.argv[2]](Path(folder), vectors)}
        else:
            vectors = make(Path(folder))
            vectors |= {name: part(Path(folder) / name, vectors) for name, part in parts.items()}
        path.write_text(json.dumps(vectors, indent=1, sort_keys=True) + "\n")
