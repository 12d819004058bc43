"""Write a mongodump directory: ``<database>/<collection>.bson`` and ``.metadata.json``, ``oplog.bson`` at the top.

Invariant: a file has its own name only when all of it is there. The folder was empty before, or did not exist.
"""

import gzip
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from lifeboat.foundation.errors import TargetRefused
from lifeboat.sources.mongodb.dump.archive_write import TOOL_VERSION
from lifeboat.sources.mongodb.dump.dumped import Dump, Dumped, file_name

GZIP_LEVEL = 6
_PARTIAL = ".lifeboat-partial"
_FORBIDDEN = set('/\\. "$*<>:|?\0')
"""In the name of a database: it becomes a folder here."""


class ExportRefused(TargetRefused):
    """The place for the export is taken, or a name in it cannot be a file's."""

    code = "export-refused"


def write_folder(folder: Path, dump: Dump, *, compress: bool) -> None:
    """Write all of a dump below an empty folder."""
    for part in (*dump.accounts, *dump.collections):
        if not part.database or _FORBIDDEN & set(part.database):
            raise ExportRefused(f"{part.database!r} is no name that a database can have", "is the snapshot damaged?")
        _write_part(folder / part.database, part, compress)
    if dump.oplog is not None:
        _write_file(folder, "oplog.bson", dump.oplog, compress)
    prelude = json.dumps({"ServerVersion": dump.server_version, "ToolVersion": TOOL_VERSION}).encode()
    _write_file(folder, "prelude.json", lambda: iter([prelude]), compress)


def _write_part(folder: Path, part: Dumped, compress: bool) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if part.kind != "view":
        _write_file(folder, f"{file_name(part.data_name)}.bson", part.read, compress)
    metadata = part.metadata.encode()
    _write_file(folder, f"{file_name(part.name)}.metadata.json", lambda: iter([metadata]), compress)


def _write_file(folder: Path, name: str, read: Callable[[], Iterator[bytes]], compress: bool) -> None:
    final, partial = folder / (f"{name}.gz" if compress else name), folder / _PARTIAL
    if final.exists():
        raise ExportRefused(f"{final} would be written twice", "export the collections apart, with --ns")
    try:
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            _fill(file, read, compress)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(final)
    finally:
        partial.unlink(missing_ok=True)


def _fill(file: BinaryIO, read: Callable[[], Iterator[bytes]], compress: bool) -> None:
    if not compress:
        for block in read():
            file.write(block)
        return
    with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=GZIP_LEVEL, mtime=0) as packed:
        for block in read():
            packed.write(block)
