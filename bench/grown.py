"""Repositories larger than anybody waits for: ``grown.py snapshots COUNT`` or ``grown.py packs COUNT``, in the repository that the settings name.

What is in them is what Lifeboat would have stored: sealed, signed, chained, in its place, found by its own commands. Left out is the work of
storing it (``fsync``, reading the catalog before each run), and of the packs that are not this month's the bytes: files of their size with holes.

Snapshots: one an hour until now, each with new content of its own in a pack and an index of its own, all in this month (a real repository has
an eighth in one month at most). Packs: of 24 MiB and twenty chunks each, in the last twelve months and this one, with one snapshot a month that needs
all of its month's. 1,000,000 are 24 TB.
"""

import os
import random
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lifeboat.app.build import build_repository
from lifeboat.app.read_settings import read_settings
from lifeboat.crypto.sealing import Compression, Kind
from lifeboat.foundation.clock import SystemClock
from lifeboat.repository import writing
from lifeboat.repository.catalog_format import Index, IndexedPack, seal_index, seal_record
from lifeboat.repository.chain import make_link, open_link
from lifeboat.repository.chunk_table import ChunkTable
from lifeboat.repository.data_keys import make_data_key
from lifeboat.repository.names import Class, Source, digest, index_name, key_name, link_name, pack_name, snapshot_name
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.pack_format import HEADER_BYTES, Row, pack_row
from lifeboat.repository.record import Record, show_time
from lifeboat.repository.streams import StreamWriter, write_root
from lifeboat.repository.writers import WriterSecret
from lifeboat.repository.writing import Run, WriteLimits

CHUNKS, CHUNK_BYTES = 20, 1_258_291
PACK_BYTES = HEADER_BYTES + CHUNKS * (CHUNK_BYTES + 62)
INDEXED = 64
MONTHS = 12


class Growing:
    """One repository and its writer; ``os.fsync`` does nothing from now on."""

    def __init__(self) -> None:
        os.fsync = lambda _: None
        settings = read_settings(None, os.environ, Path.cwd())
        self.repository: Repository = build_repository(settings, SystemClock())
        self.folder = Path(settings.repository.location)
        self.now = datetime.now(UTC)
        self.writer: WriterSecret = self.repository.writer(self.now)
        self.chance = random.Random(7)
        # Each run begins as if it knew nothing: what it would read is not what is measured.
        self.repository.chunks_to_count_on = lambda *_: ChunkTable()  # type: ignore[method-assign]
        self.repository.carried_packs = lambda *_: iter(())  # type: ignore[method-assign]
        writing.write_link = lambda *_: None

    def snapshots(self, count: int) -> None:
        taken = [self._take(self.now, self.now - timedelta(hours=count - number), number) for number in range(count)]
        self._chain(taken)

    def packs(self, count: int) -> None:
        taken = [self._month(months_ago, count // (MONTHS + 1)) for months_ago in range(MONTHS, -1, -1)]
        self._chain(taken)

    def _take(self, now: datetime, finished: datetime, number: int) -> Record:
        limits = WriteLimits(pack_bytes=100_000, in_flight_bytes=200_000, sealers=1, uploads=1)
        with Run(self.repository, self.writer, Source.FILES, now=now, clock=SystemClock(), limits=limits) as run:
            stream = StreamWriter(run, "one", Kind.CONTENT)
            stream.extend([b"%d" % number * 100])
            root = write_root(run, [stream.finish()], {"roots": []}, [])
            return run.commit(
                root,
                point=f"p{number}",
                instant=finished,
                one_instant=True,
                complete=True,
                total_bytes=500,
                items=1,
                software="bench",
                now=lambda: now,
            )

    def _month(self, months_ago: int, count: int) -> Record:
        """A month's key, packs and indexes, and a record that needs them; of this month also what is really there."""
        year, month = divmod(self.now.year * 12 + self.now.month - 1 - months_ago, 12)
        moment = self.now if months_ago == 0 else datetime(year, month + 1, 20, 3, tzinfo=UTC)
        generation = f"{year}-{month + 1:02d}"
        real = self._take(moment, moment, months_ago)
        recipients = [named.recipient for named in self.repository.description.recipients]
        key = make_data_key(self.repository.id, self.writer.writer, os.urandom(16), generation, recipients)
        self._write(key_name(generation, key.name.hex()), key.stored)
        packs = [IndexedPack(self.chance.randbytes(32), key.name, PACK_BYTES, self._rows()) for _ in range(count)]
        for start in range(0, count, INDEXED):
            index = Index(Source.FILES, Class.SHORT, tuple(packs[start : start + INDEXED]))
            raw = seal_index(
                index,
                writer=self.writer.writer,
                catalog_key=self.writer.catalog_key,
                repository=self.repository.id,
                generation=generation,
            )
            self._write(index_name(self.writer.writer.hex(), generation, digest(raw)), raw)
        for pack in packs:
            self._hole(self.folder / pack_name(Source.FILES, Class.SHORT, generation, pack.name.hex()))
        names = sorted([*(pack.name for pack in packs), *real.packs])
        return self._record(replace(real, snapshot=os.urandom(16).hex(), packs=tuple(names)), in_place_of=real)

    def _rows(self) -> bytes:
        offset, rows = HEADER_BYTES + CHUNKS * 46 + 16, bytearray()
        for _ in range(CHUNKS):
            rows += pack_row(
                Row(self.chance.randbytes(32), Kind.CONTENT, Compression.ZSTD, offset, CHUNK_BYTES, CHUNK_BYTES)
            )
            offset += CHUNK_BYTES
        return bytes(rows)

    def _record(self, record: Record, in_place_of: Record) -> Record:
        raw = seal_record(
            record.to_json(),
            writer=self.writer.writer,
            catalog_key=self.writer.catalog_key,
            repository=self.repository.id,
            generation=record.generation,
        )
        name = snapshot_name(record.writer, record.generation, digest(raw))
        self._write(name, raw)
        (self.folder / in_place_of.object_name).unlink()
        return replace(record, object_name=name)

    def _chain(self, records: list[Record]) -> None:
        """A link for each snapshot, as after each run, behind the chain that is there."""
        previous = self.repository.newest_link(self.writer.writer.hex())
        public = self.repository.registrations[self.writer.writer.hex()].signing_key
        for record in records:
            names = [record.object_name.rsplit("-", 1)[-1]]
            sequence, raw = make_link(
                self.writer, self.repository.id, record.generation, previous, names, {}, show_time(record.finished)
            )
            name = link_name(record.writer, record.generation, sequence, digest(raw))
            self._write(name, raw)
            previous = open_link(raw, name, public, self.repository.id)

    def _write(self, name: str, raw: bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)

    def _hole(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.truncate(PACK_BYTES)


if __name__ == "__main__":
    getattr(Growing(), sys.argv[1])(int(sys.argv[2]))
