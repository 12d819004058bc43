"""Read a mongodump directory: ``<database>/<collection>.bson`` and ``.metadata.json``, ``oplog.bson`` at the top; each gzip or not.

Only ordinary files and folders two levels deep are looked at: no link, pipe or device in a dump leads anywhere. A directory has
no checksums: a file that was cut between two documents looks whole here (gzip has a checksum of its own).
"""

import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote_plus

from lifeboat.foundation.sizes import MIB
from lifeboat.sources.mongodb.catalog import BUCKETS
from lifeboat.sources.mongodb.dump.dumped import CUT_NAME, OPLOG, file_name
from lifeboat.sources.mongodb.dump.found import TAKE_ANOTHER, Found, Passed, Piece, check_name
from lifeboat.sources.mongodb.dump.metadata_text import is_series, name_in, version_in
from lifeboat.sources.mongodb.dump.packed_input import PackedInput
from lifeboat.sources.mongodb.dump.whole_documents import blocks_of
from lifeboat.sources.mongodb.errors import DumpUnreadable

METADATA_AT_MOST_BYTES = 64 * MIB
_METADATA, _DATA, _GZIP = ".metadata.json", ".bson", ".gz"
_PRELUDE, _OPLOG = "prelude.json", "oplog"
_CUT = re.compile(r"%24[A-Za-z0-9_-]{27}\Z")


class FolderReader:
    """Args: folder: what mongodump was given as ``--out``, or the folder of one database in it."""

    form = "directory"

    def __init__(self, folder: Path, passed: Passed) -> None:
        self._passed = passed
        self._data: dict[tuple[str, str], Path] = {}
        self._found: dict[tuple[str, str], Found] = {}
        self.server_version = ""
        self.total_bytes = 0
        self.newest = 0.0
        """When the file in it that was changed last was changed."""
        top = self._files_in(folder)
        databases = [one for one in sorted(folder.iterdir()) if one.is_dir() and not one.is_symlink()]
        self._take_oplog(top)
        if any(name.endswith((_DATA, _METADATA)) for name in top):
            self._take_database(folder.resolve().name, top)
        for one in databases:
            self._take_database(one.name, self._files_in(one))
        if not self._found and not self._data:
            raise DumpUnreadable(
                f"{folder} holds no dump: no folder of a database with .bson files",
                "name the folder that mongodump was given as --out",
            )

    @property
    def found(self) -> Sequence[Found]:
        return list(self._found.values())

    def pieces(self) -> Iterator[Piece]:
        for namespace, path in sorted(self._data.items(), key=lambda one: (one[0] == OPLOG, one[0])):
            with open(path, "rb") as raw:
                for block in blocks_of(PackedInput(raw, str(path), self._passed), terminated=False):
                    yield Piece(*namespace, block)
            yield Piece(*namespace, b"", ended=True)

    def _files_in(self, folder: Path) -> dict[str, Path]:
        """The ordinary files, by their name without ``.gz``."""
        files: dict[str, Path] = {}
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        continue
                    looked = entry.stat(follow_symlinks=False)
                    if not stat.S_ISREG(looked.st_mode):
                        raise DumpUnreadable(
                            f"{entry.path} is no ordinary file",
                            "a dump has none: remove it, or look where it came from",
                        )
                    name = entry.name.removesuffix(_GZIP)
                    if name in files:
                        raise DumpUnreadable(
                            f"{folder / name} is there twice, with and without .gz", "remove one of the two"
                        )
                    files[name] = Path(entry.path)
                    if name.endswith((_DATA, _METADATA)):
                        self.total_bytes += looked.st_size
                        self.newest = max(self.newest, looked.st_mtime)
        except OSError as trouble:
            raise DumpUnreadable(
                f"{folder} cannot be read: {(trouble.strerror or str(trouble)).lower()}", "may this user read it?"
            ) from trouble
        if _PRELUDE in files:
            self.server_version = version_in(self._text_of(files.pop(_PRELUDE)))
        return files

    def _take_oplog(self, top: dict[str, Path]) -> None:
        path = top.pop(_OPLOG + _DATA, None)
        top.pop(_OPLOG + _METADATA, None)
        if path is not None:
            self._data[OPLOG] = path

    def _take_database(self, database: str, files: dict[str, Path]) -> None:
        data = {name.removesuffix(_DATA): path for name, path in files.items() if name.endswith(_DATA)}
        for file, path in files.items():
            if not file.endswith(_METADATA):
                continue
            base, metadata = file.removesuffix(_METADATA), self._text_of(path)
            name = _name_behind(base, metadata, path)
            self._add(Found(database, name, metadata))
            stored_as = BUCKETS + name if is_series(metadata) else name
            if is_series(metadata) and file_name(stored_as) not in data:
                stored_as = name  # servers from 8.3 on have no buckets that show
            expected = file_name(stored_as) if base == file_name(name) else base
            if expected in data:
                self._data[database, stored_as] = data.pop(expected)
        for base, path in data.items():
            name = _name_behind(base, "", path)
            self._add(Found(database, name, ""))
            self._data[database, name] = path

    def _add(self, one: Found) -> None:
        check_name(one.database, one.name)
        if (one.database, one.name) in self._found:
            raise DumpUnreadable(f"the dump holds {one.database}.{one.name} twice", "are two dumps in one folder?")
        self._found[one.database, one.name] = one

    def _text_of(self, path: Path) -> str:
        with open(path, "rb") as raw:
            data = PackedInput(raw, str(path), self._passed)
            if data.has(METADATA_AT_MOST_BYTES):
                raise DumpUnreadable(f"{path} is larger than any description of a collection", TAKE_ANOTHER)
            return data.buffer.decode("utf-8", "surrogateescape")


def _name_behind(base: str, metadata: str, path: Path) -> str:
    """The collection's name; one that was cut stands in the metadata, and must fit what is left of it."""
    if len(base) > CUT_NAME and _CUT.search(base):
        name = name_in(metadata)
        if file_name(name) != base:
            raise DumpUnreadable(
                f"the name of {path} is cut, and no description beside it says the whole one", TAKE_ANOTHER
            )
        return name
    return unquote_plus(base, errors="surrogateescape")
