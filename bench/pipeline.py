"""The bare pipelines: what two cores can do with the same libraries and nothing around them.

``pipeline.py files|database backup|restore SOURCE FOLDER TARGET``. Not a backup tool: no catalog, no resume, no check that
what was written can be read, one key for all. It is the yardstick that says how much of a run is Lifeboat's own.
"""

import hashlib
import os
import struct
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import bson
import zstandard
from bson.raw_bson import RawBSONDocument
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pyfastcdc import FastCDC
from pymongo import MongoClient, WriteConcern

MIB = 1024 * 1024
PACK_BYTES = 32 * MIB
AHEAD = 6
KEY = AESGCM(bytes(32))
RAW = bson.CodecOptions(document_class=RawBSONDocument)


def seal(chunk: bytes) -> bytes:
    """With what is needed to open it again in front."""
    name = hashlib.sha256(chunk).digest()
    return name[:12] + name + KEY.encrypt(name[:12], zstandard.ZstdCompressor(level=3).compress(chunk), name)


def backup(pieces: Iterator[bytes], folder: Path) -> None:
    """Two threads hash, compress and encrypt; this one writes packs."""
    pack, size, number = [], 0, 0
    with ThreadPoolExecutor(2) as pool:
        for sealed in _in_order(pool, seal, pieces):
            pack.append(struct.pack("<I", len(sealed)) + sealed)
            size += len(pack[-1])
            if size >= PACK_BYTES:
                _write(folder / f"{number:05}", pack)
                pack, size, number = [], 0, number + 1
    _write(folder / f"{number:05}", pack)


def chunks_of_files(source: str) -> Iterator[bytes]:
    cutter = FastCDC(avg_size=MIB, min_size=MIB // 2, max_size=4 * MIB)
    for folder, _, names in os.walk(source):
        for name in names:
            content = Path(folder, name).read_bytes()
            if len(content) <= MIB // 2:
                yield content
                continue
            yield from (bytes(chunk.data) for chunk in cutter.cut_buf(content))


def batches_of_database(source: str) -> Iterator[bytes]:
    with MongoClient(source) as client:
        database = client.get_default_database()
        for name in database.list_collection_names():
            yield from database[name].find_raw_batches(batch_size=100_000)


def restore_database(folder: Path, target: str) -> None:
    with MongoClient(target, w=1) as client:
        documents = client.get_default_database().get_collection("documents", write_concern=WriteConcern(w=1))

        def insert(sealed: bytes) -> bytes:
            content = zstandard.ZstdDecompressor().decompress(KEY.decrypt(sealed[:12], sealed[44:], sealed[12:44]))
            documents.insert_many(bson.decode_all(content, RAW), ordered=False)
            return b""

        with ThreadPoolExecutor(3) as pool:
            for _ in _in_order(pool, insert, _sealed_batches(folder)):
                pass
        documents.create_index([("client", 1), ("at", -1)])
        documents.create_index("number", unique=True)


def _sealed_batches(folder: Path) -> Iterator[bytes]:
    for pack in sorted(folder.iterdir()):
        with pack.open("rb") as file:
            while length := file.read(4):
                yield file.read(struct.unpack("<I", length)[0])


def _in_order(pool: ThreadPoolExecutor, act: Callable[[bytes], bytes], pieces: Iterator[bytes]) -> Iterator[bytes]:
    under_way: list[Future[bytes]] = []
    for piece in pieces:
        under_way.append(pool.submit(act, piece))
        if len(under_way) > AHEAD:
            yield under_way.pop(0).result()
    for last in under_way:
        yield last.result()


def _write(path: Path, pack: list[bytes]) -> None:
    with path.open("wb") as file:
        file.writelines(pack)
        file.flush()
        os.fsync(file.fileno())


def main(kind: str, act: str, source: str, folder: str, target: str) -> None:
    if act == "restore":
        restore_database(Path(folder), target)
    else:
        backup(chunks_of_files(source) if kind == "files" else batches_of_database(source), Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
