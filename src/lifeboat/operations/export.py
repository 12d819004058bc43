"""Take a snapshot out in a form that needs no Lifeboat: a mongodump archive or directory, or a tar archive.

Invariant: a file or folder under the name that was asked for is whole; what was cut off lies beside it as ``.lifeboat-partial`` at most.
What comes out is plain text: nothing in it is encrypted any more.
"""

import gzip
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from bson import decode, encode

from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.near_names import did_you_mean
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.standard_output import standard_output
from lifeboat.operations.database_point import DatabasePoint, StoredCollection
from lifeboat.operations.erased import NOTHING_ERASED, Erased, Eraser
from lifeboat.operations.erasing.names import ErasedNames
from lifeboat.operations.reports.snapshots import ExportReport
from lifeboat.operations.status import row_of
from lifeboat.operations.stored_trees import content_of, lines_of, stored_roots
from lifeboat.repository.names import Source
from lifeboat.repository.reading import SnapshotReader
from lifeboat.sources.files.tar_write import TarWriter
from lifeboat.sources.mongodb.catalog import LENIENT
from lifeboat.sources.mongodb.documents import spans_of
from lifeboat.sources.mongodb.dump.archive_write import write_archive
from lifeboat.sources.mongodb.dump.dumped import Dump, Dumped, accounts
from lifeboat.sources.mongodb.dump.folder_write import GZIP_LEVEL, ExportRefused, write_folder
from lifeboat.sources.mongodb.oplog.named import as_named

ARCHIVE, FOLDER, TAR = "mongodump-archive", "mongodump-dir", "tar"
FORMATS = {Source.MONGODB: (ARCHIVE, FOLDER), Source.FILES: (TAR,), Source.CONFIG: (TAR,)}
STANDARD_OUTPUT = "-"
PARTIAL = ".lifeboat-partial"


def export(
    what: SnapshotReader | DatabasePoint,
    form: str | None,
    out: str,
    *,
    namespaces: Sequence[str] = (),
    with_users: bool = True,
    compress: bool = False,
    progress: Progress,
    erased: Erased = NOTHING_ERASED,
) -> ExportReport:
    """Write a snapshot, or a database as of any moment, to ``out``.

    Args:
        form: One of ``FORMATS``; None: an archive for a database, a tar for files.
        out: A file that does not exist, an empty or new folder, or ``-`` for standard output.
        namespaces: Only these databases or collections; empty for all.
        erased: What must not leave the repository any more.

    Raises:
        ExportRefused: Changes would come along, in which nobody can be left out; The form does not fit the snapshot, or the place is taken.
    """
    reader = what.reader if isinstance(what, DatabasePoint) else what
    source = Source(reader.record.source)
    form = form or FORMATS[source][0]
    if form not in FORMATS[source]:
        raise ExportRefused(
            f"a snapshot of {'the database' if source is Source.MONGODB else source} cannot be exported as {form}",
            f"as {' or '.join(FORMATS[source])}, or name another snapshot: `lifeboat snapshots`",
        )
    progress.begin("exporting", reader.record.total_bytes)
    has_oplog = False
    left_out: Counter[str] = Counter()
    if form == TAR:
        with _file_at(out, compress) as file:
            items = _write_tar(reader, file, progress, erased, left_out)
    else:
        point = what if isinstance(what, DatabasePoint) else DatabasePoint(reader)
        has_oplog = point.has_changes
        chosen = _choose(point.collections, namespaces)
        _refuse_changes(point, chosen, erased)
        dump = _dump_of(point, chosen, with_users and not namespaces, progress, erased, left_out)
        if form == ARCHIVE:
            with _file_at(out, compress) as file:
                write_archive(file.write, dump)
        else:
            write_folder(_empty_folder(out), dump, compress=compress)
        items = sum(one.documents for one in chosen) - left_out[_WHOLE]
    findings = _left_out(left_out, "file" if form == TAR else "document")
    return ExportReport(row_of(reader.record), form, out, items, has_oplog=has_oplog, findings=findings)


_WHOLE = ""
"""Counts what was left out whole, by whatever erasure."""


def _left_out(counts: Counter[str], what: str) -> tuple[Finding, ...]:
    found = []
    for erasure, count in sorted(counts.items()):
        if erasure != _WHOLE:
            message = f"{count:,} {what if count == 1 else what + 's'} of erasure {erasure} did not come along, or not in full"
            found.append(Finding(Level.OK, "erased-left-out", erasure, message, f"`lifeboat erase status {erasure}`"))
    return tuple(found)


def _refuse_changes(point: DatabasePoint, chosen: Sequence[StoredCollection], erased: Erased) -> None:
    """Changes that mongorestore replays cannot be looked at document by document: a part of one would be there."""
    hurt = [one.entry.namespace for one in chosen if one.entry.namespace in erased.collections]
    series = [one for one in chosen if one.entry.namespace in hurt and one.entry.is_series]
    if hurt and (point.has_changes or series):
        raise ExportRefused(
            f"from {hurt[0]} somebody was erased, who cannot be left out of {'what changed meanwhile' if point.has_changes else 'a time series'}",
            "restore it beside the live data (`lifeboat restore db --to NAME`) and export from there with mongodump; "
            "or --without-erasures",
        )


def _choose(stored: Sequence[StoredCollection], namespaces: Sequence[str]) -> list[StoredCollection]:
    wanted = set(namespaces)
    known = {name for one in stored for name in (one.entry.database, one.entry.namespace)}
    for name in sorted(wanted - known):
        raise ExportRefused(
            f"the snapshot has nothing called {name}",
            f"{did_you_mean(name, known)}`lifeboat snapshots SNAPSHOT` lists what it has",
        )
    return [one for one in stored if not wanted or {one.entry.database, one.entry.namespace} & wanted]


def _dump_of(
    point: DatabasePoint,
    chosen: Sequence[StoredCollection],
    with_users: bool,
    progress: Progress,
    erased: Erased,
    left_out: Counter[str],
) -> Dump:
    def counted(blocks: Iterator[bytes]) -> Iterator[bytes]:
        for block in blocks:
            progress.advance(len(block))
            yield block

    def allowed(eraser: Eraser | None, blocks: Iterator[bytes]) -> Iterator[bytes]:
        return blocks if eraser is None else _without_erased(eraser, blocks, left_out)

    def collection(one: StoredCollection) -> Dumped:
        kind = one.entry.kind if one.entry.kind in ("view", "timeseries") else "collection"
        return Dumped(
            one.entry.database,
            one.entry.name,
            kind,
            one.entry.metadata,
            lambda: allowed(erased.collections.get(one.entry.namespace), counted(point.read_chunks(one.entry))),
        )

    def accounts_of(kind: str) -> list[bytes]:
        return point.accounts(kind) if with_users and kind in point.reader.streams() else []

    server = point.reader.details.get("server")
    version = str(server.get("version", "")) if isinstance(server, dict) else ""
    names = {one.entry.uuid: f"{one.entry.database}.{one.entry.stored_as}" for one in chosen if one.entry.uuid}
    return Dump(
        version or "6.0.0",
        accounts(accounts_of("users"), accounts_of("roles")),
        tuple(map(collection, chosen)),
        (lambda: as_named(counted(point.changes()), names, point.births)) if point.has_changes else None,
    )


def _without_erased(eraser: Eraser, blocks: Iterator[bytes], left_out: Counter[str]) -> Iterator[bytes]:
    for block in blocks:
        kept = []
        for begin, end in spans_of(block):
            document = bytes(block[begin:end])
            opened = decode(document, codec_options=LENIENT)
            erasure = eraser.erasure_of(opened)
            if erasure is not None:
                left_out[erasure] += 1
                left_out[_WHOLE] += 1
                continue
            less, trimmed = eraser.without(opened)
            left_out.update(trimmed)
            kept.append(encode(less, codec_options=LENIENT) if trimmed else document)
        if kept:
            yield b"".join(kept)


def _write_tar(
    reader: SnapshotReader, file: BinaryIO, progress: Progress, erased: Erased, left_out: Counter[str]
) -> int:
    roots = stored_roots(reader)
    items = 0
    with TarWriter(file) as tar:
        for root in roots:
            prefix = b"" if len(roots) == 1 else os.fsencode(root.path).strip(b"/")
            names = ErasedNames(erased, root.path, (entry for entry, _ in lines_of(reader, root)))
            for entry, blocks in content_of(reader, root):
                if (erasure := names.of(entry)) is not None:
                    left_out[erasure] += entry.kind != "directory"
                    continue
                tar.put(prefix, entry, blocks)
                items += 1
                progress.advance(entry.size, 1)
    return items


@contextmanager
def _file_at(out: str, compress: bool) -> Iterator[BinaryIO]:
    """The file to write into: standard output, or a temporary name that becomes the wanted one at the end."""
    if out == STANDARD_OUTPUT:
        try:
            with standard_output() as raw, _packed(raw, compress) as file:
                yield file
        except OSError as error:
            raise ExportRefused(
                f"standard output did not take all of it: {(error.strerror or str(error)).lower()}",
                "what came out is not whole: is there room where it goes, and does somebody read it to its end?",
            ) from error
        return
    final = Path(out)
    partial = final.with_name(final.name + PARTIAL)
    if final.exists() or final.is_symlink():
        raise ExportRefused(f"{final} is there already", "name a file that does not exist")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise ExportRefused(
            f"{final} cannot be written: {(error.strerror or str(error)).lower()}", "does its folder exist?"
        ) from error
    try:
        with open(descriptor, "wb") as raw:
            with _packed(raw, compress) as file:
                yield file
            raw.flush()
            os.fsync(raw.fileno())
        os.link(partial, final)  # unlike a rename, refuses a name that was taken meanwhile
    except OSError as error:
        raise ExportRefused(
            f"{final} cannot be written: {(error.strerror or str(error)).lower()}", "is there room on that disk?"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _packed(file: BinaryIO, compress: bool) -> Iterator[BinaryIO]:
    if not compress:
        yield file
        return
    with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=GZIP_LEVEL, mtime=0) as packed:
        yield cast(BinaryIO, packed)


def _empty_folder(out: str) -> Path:
    if out == STANDARD_OUTPUT:
        raise ExportRefused("a directory cannot be written to standard output", f"use --format {ARCHIVE}")
    folder = Path(out)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        taken = any(folder.iterdir())
    except OSError as error:
        raise ExportRefused(
            f"{folder} cannot be used: {(error.strerror or str(error)).lower()}", "name a new folder"
        ) from error
    if taken:
        raise ExportRefused(f"{folder} is not empty", "name a new or an empty folder")
    return folder
