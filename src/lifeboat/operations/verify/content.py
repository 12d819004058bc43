"""Is everything what it was? Whole objects against the hash in their names; packs opened chunk by chunk."""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from lifeboat.crypto.sealing import Kind
from lifeboat.foundation.errors import KeyTrouble, LifeboatError, RepositoryDamaged
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress
from lifeboat.operations.verify.damage import name_snapshot
from lifeboat.operations.verify.structure import Structure, damaged, readers
from lifeboat.repository.catalog_format import IndexedPack
from lifeboat.repository.chunk_table import Place
from lifeboat.repository.errors import ChunkMissing, ObjectDamaged
from lifeboat.repository.names import PROBES, digest, stated_digest
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.pack_format import (
    HEADER_BYTES,
    LARGEST_PACK_BYTES,
    ROW_BYTES,
    open_table,
    read_header,
    unpack_row,
)
from lifeboat.repository.reading import ChunkOpener, SnapshotReader
from lifeboat.repository.record import Record
from lifeboat.sources.files.entry import Entry, Piece, show
from lifeboat.sources.files.manifest import decode
from lifeboat.storage.errors import ObjectMissing

AT_ONCE = 3
"""Packs in memory at once, each read whole."""


@dataclass
class ContentCheck:
    """What was read."""

    objects: int = 0
    bytes_read: int = 0
    chunks: int = 0
    findings: list[Finding] = field(default_factory=list)


def choose_sample(packs: Sequence[bytes], percent: float) -> list[bytes]:
    """A random share of the packs, at least one."""
    count = max(1, round(len(packs) * percent / 100)) if packs else 0
    return sorted(packs, key=lambda pack: os.urandom(8))[:count]


def check_packs(repository: Repository, found: Structure, packs: Iterable[bytes], progress: Progress) -> ContentCheck:
    """Read packs whole: hash, chunk table, and with the identity every chunk. Adds to ``found.damage``."""
    check = ContentCheck()
    owners = _owners(found)
    waiting = [pack for pack in packs if pack not in found.damage.chunks and pack in found.packs]
    progress.begin("reading packs", sum(found.packs[pack][1].size_bytes for pack in waiting), len(waiting))
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="verify") as pool:
        rest = iter(waiting)
        while batch := list(islice(rest, AT_ONCE)):
            for outcome in pool.map(lambda pack: _check_pack(repository, found, pack, owners.get(pack)), batch):
                check.objects += 1
                check.bytes_read += outcome.size
                check.chunks += outcome.chunks
                if outcome.trouble is not None:
                    found.damage.add(outcome.pack, outcome.bad)
                    check.findings.append(outcome.trouble)
                progress.advance(outcome.size, 1)
    return check


def check_trees(repository: Repository, found: Structure, progress: Progress) -> ContentCheck:
    """Whether every slice that a line of a files manifest names is there: the lists of chunks do not say that.

    Lines that snapshots share are read once. One finding for each snapshot is enough to act on.
    """
    check = ContentCheck()
    seen: set[bytes] = set()
    progress.begin("checking lines of files", total_items=len(found.records))
    for record, reader in readers(repository, found.records):
        # What cannot be read at all has been told already, with its list, pack or key.
        with suppress(RepositoryDamaged, KeyTrouble, ObjectMissing):
            trouble = _check_lines(reader, seen)
            if trouble is not None:
                hurts = (name_snapshot(record),)
                check.findings.append(
                    Finding(Level.PROBLEM, trouble.code, record.object_name, trouble.message, trouble.hint, hurts)
                )
        progress.advance(done_items=1)
    return check


def _check_lines(reader: SnapshotReader, seen: set[bytes]) -> RepositoryDamaged | None:
    """The first thing wrong in lines that were not read before."""
    for stream in reader.streams().values():
        if stream.kind is not Kind.LINES or not stream.name.startswith("tree/"):
            continue
        fresh = [chunk for chunk, _ in reader.chunk_list(stream) if chunk not in seen]
        seen.update(fresh)
        for block in reader.chunks(fresh, Kind.LINES):
            try:
                for line in block.splitlines(keepends=True):
                    _check_pieces(reader, *decode(line))
            except RepositoryDamaged as error:
                return error
    return None


def _check_pieces(reader: SnapshotReader, entry: Entry, pieces: Sequence[Piece]) -> None:
    for chunk, offset, length in pieces:
        place = reader.place_of(chunk)
        if place is None:
            raise ChunkMissing(
                f"chunk {chunk.hex()[:16]} of the file {show(entry.path)} is in no pack that its snapshot names"
            )
        if offset + length > place.row.plain_bytes:
            raise ObjectDamaged(f"the file {show(entry.path)} asks for more than its chunk holds")


def check_other_objects(repository: Repository, found: Structure, progress: Progress) -> ContentCheck:
    """Hash every object that is not a pack of a known index; name what does not fit its name."""
    check = ContentCheck()
    known = {where for where, _ in found.packs.values()}
    progress.begin("hashing the rest")
    for stored in repository.store.list_under(""):
        if stored.name in known or stored.name.startswith(PROBES):
            continue
        stated = stated_digest(stored.name)
        if stated is None or stored.size_bytes > LARGEST_PACK_BYTES:
            check.findings.append(
                Finding(Level.WARNING, "stranger", stored.name, "is not an object of Lifeboat's", "who put it there?")
            )
            continue
        try:
            raw = repository.store.read(stored.name)
        except ObjectMissing:
            continue
        check.objects += 1
        check.bytes_read += len(raw)
        progress.advance(len(raw), 1)
        if digest(raw) != stated and stored.name not in found.damaged_objects:
            damaged(found, stored.name, RepositoryDamaged("its bytes do not have the hash in its name"))
    return check


@dataclass
class _Outcome:
    pack: bytes
    size: int = 0
    chunks: int = 0
    bad: list[bytes] = field(default_factory=list)
    trouble: Finding | None = None


def _owners(found: Structure) -> dict[bytes, Record]:
    return {pack: record for record in found.records for pack in record.packs}


def _check_pack(repository: Repository, found: Structure, pack: bytes, record: Record | None) -> _Outcome:
    where, indexed = found.packs[pack]
    outcome = _Outcome(pack)
    try:
        raw = repository.store.read(where)
    except ObjectMissing:
        outcome.bad = [unpack_row(indexed.rows, n).chunk for n in range(len(indexed.rows) // ROW_BYTES)]
        outcome.trouble = Finding(Level.PROBLEM, "pack-missing", where, "the pack is gone")
        return outcome
    outcome.size = len(raw)
    sentence = "" if digest(raw) == where.rsplit("/", 1)[-1] else "its bytes do not have the hash in its name"
    secret = repository.secrets[record.writer] if record else None
    if secret is not None:
        try:
            header = read_header(raw[:HEADER_BYTES], where)
            table = raw[HEADER_BYTES : HEADER_BYTES + header.table_bytes]
            if open_table(header, table, secret.catalog_key, repository.id, where) != indexed.rows:
                sentence = sentence or "its chunk table is not what the index says"
        except LifeboatError as error:
            sentence = sentence or error.message
    if record is not None and repository.identity is not None:
        outcome.chunks, outcome.bad = _open_all(repository, record, indexed, raw)
        if outcome.bad:
            total = len(indexed.rows) // ROW_BYTES
            sentence = f"{sentence or 'it'}; {len(outcome.bad)} of its {total} chunks cannot be opened".removeprefix(
                "it; "
            )
    if sentence:
        outcome.trouble = Finding(
            Level.PROBLEM, "pack-damaged", where, sentence, "is there an older version or a replica of it?"
        )
    return outcome


def _open_all(repository: Repository, record: Record, indexed: IndexedPack, raw: bytes) -> tuple[int, list[bytes]]:
    view, good, bad = memoryview(raw), 0, []
    opener = ChunkOpener(repository, record)
    for number in range(len(indexed.rows) // ROW_BYTES):
        row = unpack_row(indexed.rows, number)
        sealed = view[row.offset : row.offset + row.sealed_bytes]
        try:
            opener.open(Place(row, indexed.name, indexed.data_key_name), sealed, Kind(row.kind))
            good += 1
        except (RepositoryDamaged, KeyTrouble, ObjectMissing, ValueError):
            bad.append(row.chunk)  # without its key, gone or not wrapped for us, no chunk opens
    return good, bad
