"""One run: chunks in, a snapshot out.

Invariant, at every instant and whatever dies: a stored record names only stored indexes and packs, and a stored pack names a stored key.
So the order is wrapped key, packs, index, record (the commit), link; each is durable before the next begins.

Limits: plain bytes in flight, open packs and packs being uploaded are all bounded (``WriteLimits``), whatever the size of the data.
Sealing and uploading run in threads; everything heavy in them releases the GIL. ``store`` is called from one thread or several.
"""

import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lifeboat.compression.zstd import DEFAULT_LEVEL, compress
from lifeboat.crypto.sealing import LARGEST_CHUNK_BYTES, Compression, Kind, chunk_id, seal_chunk
from lifeboat.foundation.byte_budget import ByteBudget
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import StorageError
from lifeboat.foundation.sizes import MIB
from lifeboat.foundation.value import Value
from lifeboat.repository.catalog_format import Index, IndexedPack, seal_index, seal_record
from lifeboat.repository.data_keys import DataKey, make_data_key
from lifeboat.repository.effort import Effort
from lifeboat.repository.errors import StoreClockMoved
from lifeboat.repository.linking import write_link
from lifeboat.repository.names import (
    Class,
    Source,
    digest,
    index_name,
    key_name,
    pack_name,
    snapshot_name,
)
from lifeboat.repository.objects import write_named
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.pack_format import finish_pack
from lifeboat.repository.record import Record, show_time
from lifeboat.repository.writers import WriterSecret
from lifeboat.retention.periods import closes, generation_of

COMMITS_UNTIL_BEFORE = timedelta(days=1)
"""Before its generation closes: a commit whose reply takes long must have landed when prune begins to look (repository.md, "Ageing")."""

INDEXED_AT_ONCE_BYTES = 8 * MIB
"""Of chunk tables of carried packs in one index: an index lies in memory while it is sealed."""


class WriteLimits(Value):
    """What bounds the memory and the loss of a run."""

    pack_bytes: int = 24 * MIB
    """An open pack is finished when it reaches this."""
    in_flight_bytes: int = 16 * MIB
    """Plain bytes handed to the sealing threads and not sealed yet."""
    sealers: int = 2
    uploads: int = 2
    """Packs being stored at once; each is wholly in memory."""
    index_every_packs: int = 64
    index_every_seconds: float = 20.0
    """A run that is cut off loses at most what was stored since its last index."""
    compression_level: int = DEFAULT_LEVEL
    """The least: see ``effort.py``."""


class Stored(NamedTuple):
    """A chunk that is in the repository, or will be before the record is."""

    chunk: bytes
    plain_bytes: int
    new: bool


class RunAborted(RuntimeError):
    """The run is over: an earlier step failed (the cause) and nothing is committed."""


class _OpenPack:
    """Sealed chunks that wait to become a pack."""

    def __init__(self) -> None:
        self.chunks: list[tuple[bytes, int, int, int]] = []
        self.sealed: list[bytes] = []
        self.sealed_bytes = 0


class Run:
    """Writes one snapshot. Use as a context manager; leaving it without ``commit`` stores no record, only an index.

    Args:
        now: The store's time at the start; names the generation.
    """

    def __init__(
        self,
        repository: Repository,
        writer: WriterSecret,
        source: Source,
        *,
        now: datetime,
        clock: Clock,
        class_: Class = Class.SHORT,
        limits: WriteLimits | None = None,
        on_stored: Callable[[int], None] = lambda stored_bytes: None,
    ) -> None:
        self.repository = repository
        self.source = source
        self.class_ = class_
        self.started = now
        self.generation = generation_of(now)
        self._writer = writer
        self._clock = clock
        self._limits = limits or WriteLimits()
        self._on_stored = on_stored
        self._effort = Effort(self._limits.compression_level)
        self._table = repository.chunks_to_count_on(writer.writer.hex(), self.generation, source, class_)
        self._lock = threading.Lock()
        self._gate = threading.Lock()
        self._fresh: set[bytes] = set()
        self._needed: set[bytes] = set()
        self._open = {True: _OpenPack(), False: _OpenPack()}
        self._budget = ByteBudget(self._limits.in_flight_bytes)
        self._upload_slots = threading.Semaphore(self._limits.uploads)
        self._sealers = ThreadPoolExecutor(self._limits.sealers, thread_name_prefix="seal")
        self._uploaders = ThreadPoolExecutor(self._limits.uploads, thread_name_prefix="upload")
        self._uploads: list[Future[None]] = []
        self._to_index: list[IndexedPack] = []
        self._indexed_at = clock.monotonic()
        self._data_key: DataKey | None = None
        self._cipher: AESGCM | None = None
        self._failure: BaseException | None = None
        self.new_bytes = 0
        self.stored_bytes = 0
        self._take_in(repository.carried_packs(writer.writer.hex(), self.generation, source, class_, self._table))

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is not None and self._failure is None:
            self._failure = error
        self._sealers.shutdown(wait=True, cancel_futures=True)
        self._uploaders.shutdown(wait=True, cancel_futures=True)
        # What was stored without being committed is at least made findable: the next run goes on from there.
        with suppress(StorageError):
            self._write_index(even_if_few=True)

    def store(self, kind: Kind, plain: bytes | memoryview) -> "Future[Stored]":
        """Hand over one chunk; waits while too many bytes are in flight. The future tells its id.

        Raises:
            RunAborted: Something failed before; its cause says what.
        """
        if len(plain) > LARGEST_CHUNK_BYTES:
            raise ValueError(f"a chunk of {len(plain)} bytes")
        self._raise_failure()
        self._budget.take(len(plain))
        return self._sealers.submit(self._seal, kind, plain)

    def knows(self, chunks: Iterable[bytes]) -> bool:
        """Whether all of these are stored; if so this snapshot now needs their packs. For chunks recognised without being read."""
        packs = set()
        with self._lock:
            for chunk in chunks:
                pack = self._table.pack_of(chunk)
                if pack is not None:
                    packs.add(pack)
                elif chunk not in self._fresh:
                    return False
            self._needed |= packs
        return True

    def commit(
        self,
        root: bytes,
        *,
        point: str,
        instant: datetime,
        one_instant: bool,
        complete: bool,
        purpose: str = "backup",
        keep: str | None = None,
        total_bytes: int,
        items: int,
        software: str,
        now: Callable[[], datetime],
    ) -> Record:
        """Store what is open, then the index, the record and the link; returns the record once it is durable.

        Args:
            root: Chunk id of the root, already handed to ``store``.
            now: The store's time, asked again right before the record.
        """
        self._finish_packs()
        finished = now()
        if finished > closes(self.generation) - COMMITS_UNTIL_BEFORE or finished < self.started - timedelta(hours=1):
            raise StoreClockMoved(
                f"the run began at {show_time(self.started)} by the store's clock, and it is now {show_time(finished)}",
                "run the backup again; was the store's clock set?",
            )
        snapshot = os.urandom(16).hex()
        record = Record(
            writer=self._writer.writer.hex(),
            object_name="",
            snapshot=snapshot,
            point=point,
            source=self.source,
            class_=self.class_,
            generation=self.generation,
            label=self.repository.own_label(),
            instant=instant,
            one_instant=one_instant,
            started=self.started,
            finished=finished,
            complete=complete,
            purpose=purpose,
            root=root,
            packs=tuple(sorted(self._needed)),
            total_bytes=total_bytes,
            items=items,
            new_bytes=self.new_bytes,
            stored_bytes=self.stored_bytes,
            software=software,
            keep=keep,
        )
        raw = seal_record(
            record.to_json(),
            writer=self._writer.writer,
            catalog_key=self._writer.catalog_key,
            repository=self.repository.id,
            generation=self.generation,
        )
        name = snapshot_name(record.writer, self.generation, digest(raw))
        # The commit point: until this returns the snapshot never happened, and a later prune
        # removes what the lines above left behind.
        write_named(self.repository.store, name, raw)
        self.repository.wrote(name, raw)
        write_link(self.repository, self._writer, self.generation, finished)
        return replace(record, object_name=name)

    def leave(self) -> None:
        """End without a snapshot: all that was handed over is stored and findable, for the run that commits it."""
        self._finish_packs()

    def _seal(self, kind: Kind, plain: bytes | memoryview) -> Stored:
        try:
            name = chunk_id(self._writer.id_key, kind, plain)
            with self._lock:
                self._raise_failure()
                pack = self._table.pack_of(name)
                if pack is not None:
                    self._needed.add(pack)
                    return Stored(name, len(plain), False)
                if name in self._fresh:
                    return Stored(name, len(plain), False)
                self._fresh.add(name)
                cipher = self._cipher or self._make_data_key()
            packed = compress(plain, self._effort.level)
            compression = Compression.NONE if packed is None else Compression.ZSTD
            body = plain if packed is None else packed
            sealed = seal_chunk(cipher, kind, compression, name, len(plain), body)
            self._append(kind, compression, name, len(plain), sealed)
            return Stored(name, len(plain), True)
        except BaseException as error:
            self._fail(error)
            raise
        finally:
            self._budget.give_back(len(plain))

    def _make_data_key(self) -> AESGCM:
        """Make and store the run's key; under the lock, so that no pack can come before it."""
        key = make_data_key(
            self.repository.id,
            self._writer.writer,
            os.urandom(16),
            self.generation,
            [named.recipient for named in self.repository.description.recipients],
        )
        write_named(self.repository.store, key_name(self.generation, key.name.hex()), key.stored)
        self._data_key = key
        self._cipher = AESGCM(key.raw)
        return self._cipher

    def _append(self, kind: Kind, compression: Compression, name: bytes, plain_bytes: int, sealed: bytes) -> None:
        full: _OpenPack | None = None
        is_content = kind is Kind.CONTENT
        # While a full pack waits for an upload nobody fills the next one: it would wait as well, and each is 24 MiB of memory.
        with self._gate:
            with self._lock:
                pack = self._open[is_content]
                pack.chunks.append((name, kind, compression, plain_bytes))
                pack.sealed.append(sealed)
                pack.sealed_bytes += len(sealed)
                self.new_bytes += plain_bytes
                if pack.sealed_bytes >= self._limits.pack_bytes:
                    full, self._open[is_content] = pack, _OpenPack()
            if full is not None:
                self._upload(full)

    def _upload(self, pack: _OpenPack) -> None:
        """Wait for a free upload and start it: this wait is what slows the readers down to the store's speed."""
        waited = not self._upload_slots.acquire(blocking=False)
        if waited:
            self._upload_slots.acquire()
        with self._lock:
            self._effort.pack_is_full(waited)
            self._raise_failure(release=self._upload_slots)
            self._uploads = [upload for upload in self._uploads if not upload.done() or upload.exception()]
            self._uploads.append(self._uploaders.submit(self._store_pack, pack))

    def _store_pack(self, pack: _OpenPack) -> None:
        try:
            assert self._data_key is not None
            parts, rows = finish_pack(
                self._writer.writer,
                self._data_key.name,
                self._writer.catalog_key,
                self.repository.id,
                pack.chunks,
                pack.sealed,
            )
            sha256 = digest(parts)
            size = sum(map(len, parts))
            write_named(self.repository.store, pack_name(self.source, self.class_, self.generation, sha256), parts)
            indexed = IndexedPack(bytes.fromhex(sha256), self._data_key.name, size, rows)
            with self._lock:
                self._table.add_pack(indexed.name, indexed.data_key_name, indexed.size_bytes, indexed.rows)
                self._fresh.difference_update(chunk for chunk, _, _, _ in pack.chunks)
                self._needed.add(indexed.name)
                self._to_index.append(indexed)
                self.stored_bytes += size
            self._on_stored(size)
            self._write_index(even_if_few=False)
        except BaseException as error:
            self._fail(error)
            raise
        finally:
            self._upload_slots.release()

    def _write_index(self, *, even_if_few: bool) -> None:
        """Store an index of the packs since the last one: what makes them findable for the next run."""
        with self._lock:
            now = self._clock.monotonic()
            due = (
                len(self._to_index) >= self._limits.index_every_packs
                or now - self._indexed_at >= self._limits.index_every_seconds
            )
            if not self._to_index or not (due or even_if_few):
                return
            packs, self._to_index, self._indexed_at = tuple(self._to_index), [], now
        self._store_index(packs)

    def _store_index(self, packs: tuple[IndexedPack, ...]) -> None:
        raw = seal_index(
            Index(self.source, self.class_, packs),
            writer=self._writer.writer,
            catalog_key=self._writer.catalog_key,
            repository=self.repository.id,
            generation=self.generation,
        )
        name = index_name(self._writer.writer.hex(), self.generation, digest(raw))
        write_named(self.repository.store, name, raw)
        self.repository.wrote(name, raw)
        self.stored_bytes += len(raw)

    def _take_in(self, carried: Iterable[IndexedPack]) -> None:
        """Make packs that were carried into this generation findable by its own indexes, for readers and for the runs after this one."""
        batch: list[IndexedPack] = []
        batch_bytes = 0
        for pack in carried:
            self._table.add_pack(pack.name, pack.data_key_name, pack.size_bytes, pack.rows)
            batch.append(pack)
            batch_bytes += len(pack.rows)
            if batch_bytes >= INDEXED_AT_ONCE_BYTES:
                self._store_index(tuple(batch))
                batch, batch_bytes = [], 0
        if batch:
            self._store_index(tuple(batch))

    def _finish_packs(self) -> None:
        self._sealers.shutdown(wait=True)
        self._raise_failure()
        for is_content in (True, False):
            pack, self._open[is_content] = self._open[is_content], _OpenPack()
            if pack.sealed:
                self._upload(pack)
        self._uploaders.shutdown(wait=True)
        self._raise_failure()
        self._write_index(even_if_few=True)

    def _fail(self, error: BaseException) -> None:
        if self._failure is None and not isinstance(error, RunAborted):
            self._failure = error

    def _raise_failure(self, release: threading.Semaphore | None = None) -> None:
        if self._failure is not None:
            if release is not None:
                release.release()
            if isinstance(self._failure, Exception):
                raise self._failure
            raise RunAborted("the run was stopped") from self._failure
