"""Take in what mongodump wrote: a snapshot like any other, which ``restore`` brings back and compares.

Invariant: a snapshot is committed only when the dump was read to its end and found whole. Until then nothing of it is visible;
what was stored of it already is removed by a later prune. Memory: a few MiB for each collection that the dump has open.
"""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bson import Timestamp

from lifeboat.chunking.cut import Cutter, after_document
from lifeboat.crypto.sealing import Kind
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.sizes import MIB
from lifeboat.foundation.value import Value
from lifeboat.operations.backup_mongodb import write_catalog
from lifeboat.operations.read_collections import count_documents
from lifeboat.operations.reports.snapshots import ImportReport
from lifeboat.operations.taking import Taken, Taking, finding_to_json
from lifeboat.repository.streams import StreamWriter, WrittenStream, write_root
from lifeboat.repository.writing import Run
from lifeboat.sources.mongodb.catalog import BUCKETS, CollectionEntry
from lifeboat.sources.mongodb.catalog_listed import is_captured
from lifeboat.sources.mongodb.dump.archive_read import ArchiveReader
from lifeboat.sources.mongodb.dump.dump_catalog import DumpCatalog
from lifeboat.sources.mongodb.dump.dump_oplog import DumpOplog
from lifeboat.sources.mongodb.dump.dumped import OPLOG
from lifeboat.sources.mongodb.dump.folder_read import FolderReader
from lifeboat.sources.mongodb.dump.found import DumpReader, Piece
from lifeboat.sources.mongodb.errors import DumpUnreadable

STANDARD_INPUT = "-"
ACCOUNTS_AT_MOST_BYTES = 64 * MIB
_OF_THE_SERVER = ("system.version", "system.keys", "system.backup_users", "system.new_users", "system.sessions")


class OpenDump(Value):
    """A dump that was recognised. Args: modified: when its newest file was written; None for a pipe."""

    name: str
    reader: DumpReader
    modified: datetime | None


@contextmanager
def open_dump(dump: str, progress: Progress) -> Iterator[OpenDump]:
    """Recognise a dump, by what it is and not by its name.

    Args:
        dump: An archive, a directory, or ``-`` for an archive on standard input.

    Raises:
        DumpUnreadable: It is neither, or cannot be read.
    """

    def passed(count: int) -> None:
        progress.advance(count)

    if dump == STANDARD_INPUT:
        progress.begin("importing")
        yield OpenDump("standard input", ArchiveReader(sys.stdin.buffer, "standard input", passed), None)
        return
    path = Path(dump)
    try:
        if path.is_dir():
            folder = FolderReader(path, passed)
            progress.begin("importing", folder.total_bytes)
            yield OpenDump(path.resolve().name, folder, datetime.fromtimestamp(folder.newest, UTC))
            return
        with open(path, "rb") as file:
            looked = path.stat()
            progress.begin("importing", looked.st_size or None)
            modified = datetime.fromtimestamp(looked.st_mtime, UTC)
            yield OpenDump(path.name, ArchiveReader(file, str(path), passed), modified)
    except OSError as trouble:
        if trouble.filename is None or str(trouble.filename) != str(path):
            raise
        raise DumpUnreadable(
            f"{dump} cannot be read: {(trouble.strerror or str(trouble)).lower()}",
            "name a mongodump archive, its directory, or - for standard input",
        ) from trouble


def import_dump(taking: Taking, dump: OpenDump, taken: datetime, dump_words: str) -> ImportReport:
    """Store a dump as one snapshot.

    Args:
        taken: The instant of a dump without an oplog.
        dump_words: What the dump was called by whoever imports it.

    Raises:
        DumpUnreadable: It is damaged; nothing was committed.
        DumpNotFollowed: Its oplog cannot be applied exactly.
    """
    with taking.run() as run:
        importing = _Importing(taking, run, dump.reader)
        with closing(importing.oplog):
            for piece in dump.reader.pieces():
                importing.take(piece)
        done = importing.commit(taken)
    changes = importing.oplog.changes if importing.oplog.last is not None else None
    return ImportReport(done.report, dump_words, dump.reader.form, len(importing.catalog.described()), changes)


@dataclass
class _Open:
    """A stream that is being written."""

    stream: StreamWriter
    cutter: Cutter
    documents: int = 0


@dataclass
class _Importing:
    taking: Taking
    run: Run
    reader: DumpReader
    catalog: DumpCatalog = field(default_factory=DumpCatalog)
    findings: list[Finding] = field(default_factory=list)
    _open: dict[tuple[str, str], _Open] = field(default_factory=dict)
    _written: dict[tuple[str, str], tuple[WrittenStream, int]] = field(default_factory=dict)
    _accounts: dict[str, bytearray] = field(default_factory=dict)
    _left_out: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for one in self.reader.found:
            if _is_of_the_server(one.database, one.name):
                continue
            if one.name.startswith(BUCKETS) and not one.metadata:
                raise DumpUnreadable(
                    f"{one.database}.{one.name} is the data of a time-series collection that the dump does not describe",
                    "dump the whole database, with its .metadata.json files",
                )
            self.catalog.add(one)
            if not one.metadata:
                self.findings.append(_not_described(f"{one.database}.{one.name}"))
        self.oplog = DumpOplog(self.catalog)
        self._oplog = self._begin("oplog")

    def take(self, piece: Piece) -> None:
        if piece.namespace == OPLOG:
            for change in self.oplog.changes_of(piece.documents):
                self._oplog.stream.extend(self._oplog.cutter.feed(change))
            return
        kind = _account_kind(piece.database, piece.name)
        if kind:
            self._keep_accounts(kind, piece.documents)
        elif _is_of_the_server(piece.database, piece.name):
            self._leave_out(piece)
        else:
            self._store(piece)

    def commit(self, taken: datetime) -> Taken:
        """Everything was read and is whole: store what describes it, and the record."""
        entries = self._entries()
        if not entries:
            raise DumpUnreadable("the dump holds no collection of an application", "was it taken of the right server?")
        streams = [stream for _, stream, _ in entries if stream is not None]
        # Each was read while it might change, if an oplog came along.
        later = self.oplog.last is not None
        streams.append(write_catalog(self.taking, self.run, entries, later=later))
        for name in ("users", "roles"):
            streams.append(self._write_accounts(name))
        oplog = self._finish(self._oplog)
        if self.oplog.changes:
            streams.append(oplog)
        self._say_what_is_left_out()
        last = self.oplog.last
        instant = taken if last is None else datetime.fromtimestamp(last.time, UTC)
        said = [finding_to_json(one) for one in self.findings]
        root = write_root(self.run, streams, self._details(entries), said)
        return self.taking.commit(
            self.run,
            root,
            instant=instant,
            one_instant=last is not None,
            total_bytes=sum(stream.total_bytes for stream in streams),
            items=sum(documents for _, _, documents in entries),
            findings=self.findings,
        )

    def _entries(self) -> list[tuple[CollectionEntry, WrittenStream | None, int]]:
        if self.oplog.last is not None:
            self.catalog.name_uuids()
        entries: list[tuple[CollectionEntry, WrittenStream | None, int]] = []
        for entry, counts in self.catalog.described():
            if entry.kind == "view":
                entries.append((entry, None, 0))
                continue
            places = [(entry.database, entry.stored_as), (entry.database, entry.name)]
            stream, documents = next((self._written[one] for one in places if one in self._written), (None, 0))
            if stream is None or not counts:
                stream, documents = self._finish(self._begin(f"documents/{entry.database}.{entry.stored_as}")), 0
            entries.append((entry, stream, documents))
        return entries

    def _details(self, entries: list[tuple[CollectionEntry, WrittenStream | None, int]]) -> dict[str, Any]:
        first, last = self.oplog.first, self.oplog.last
        details: dict[str, Any] = {
            "server": {"version": self.reader.server_version, "set_name": None, "feature_version": None},
            "cluster_time": None if last is None else [last.time, last.inc],
            "databases": sorted({entry.database for entry, _, _ in entries}),
        }
        if first is not None and last is not None:
            before = _just_before(first)
            details["window"] = {
                "from": [before.time, before.inc],
                "to": [last.time, last.inc],
                "changes": self.oplog.changes,
            }
        return details

    def _store(self, piece: Piece) -> None:
        if not self.catalog.holds(piece.database, piece.name) and self.oplog.last is None:
            raise DumpUnreadable(
                f"the dump holds documents of {piece.database}.{piece.name}, which it does not describe",
                "was the dump put together by hand?",
            )
        writing = self._open.get(piece.namespace)
        if writing is None:
            writing = self._open[piece.namespace] = self._begin(f"documents/{piece.database}.{piece.name}")
        if piece.documents:
            writing.documents += count_documents(piece.documents)
            writing.stream.extend(writing.cutter.feed(piece.documents))
        if piece.ended:
            del self._open[piece.namespace]
            self._written[piece.namespace] = (self._finish(writing), writing.documents)

    def _begin(self, name: str) -> _Open:
        return _Open(StreamWriter(self.run, name, Kind.CONTENT), Cutter(self.taking.cutting_seed, after_document))

    def _finish(self, writing: _Open) -> WrittenStream:
        writing.stream.extend(writing.cutter.finish())
        return writing.stream.finish()

    def _keep_accounts(self, kind: str, documents: bytes) -> None:
        held = self._accounts.setdefault(kind, bytearray())
        held += documents
        if len(held) > ACCOUNTS_AT_MOST_BYTES:
            raise DumpUnreadable("the dump holds more users and roles than any server", "is it a dump at all?")

    def _write_accounts(self, kind: str) -> WrittenStream:
        stream = StreamWriter(self.run, kind, Kind.CONTENT)
        if held := self._accounts.get(kind):
            stream.append(bytes(held))
        return stream.finish()

    def _leave_out(self, piece: Piece) -> None:
        if piece.documents and piece.database not in ("config", "local") and piece.name not in _OF_THE_SERVER:
            self._left_out.add(f"{piece.database}.{piece.name}")

    def _say_what_is_left_out(self) -> None:
        for namespace in sorted(self._left_out):
            self.findings.append(
                Finding(
                    Level.WARNING,
                    "left-out",
                    namespace,
                    f"{namespace} is the server's own, and is not in the snapshot",
                    "what the application keeps there, keep in a database of its own; the dump still has it",
                )
            )


def _account_kind(database: str, name: str) -> str:
    """``users`` or ``roles``, also as dumps of a single database have them; else empty."""
    own = name.removeprefix("$admin.") if name.startswith("$admin.") else name if database == "admin" else ""
    return {"system.users": "users", "system.roles": "roles"}.get(own, "")


def _is_of_the_server(database: str, name: str) -> bool:
    if name.startswith("$admin."):
        return True
    if not is_captured(database):
        return True
    return name.startswith("system.") and name != "system.js" and not name.startswith(BUCKETS)


def _just_before(when: Timestamp) -> Timestamp:
    return Timestamp(when.time, when.inc - 1) if when.inc else Timestamp(max(when.time - 1, 0), 2**32 - 1)


def _not_described(namespace: str) -> Finding:
    return Finding(
        Level.WARNING,
        "not-described",
        namespace,
        f"the dump has documents of {namespace} but no .metadata.json: its options and indexes are not known",
        "create its indexes by hand after a restore, or look for the file that is missing",
    )
