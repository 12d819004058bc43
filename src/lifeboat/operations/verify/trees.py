"""Whether every slice that a line of a files manifest names is there: the lists of chunks do not say that.

Lines that snapshots share are read once, and what they need is remembered: another snapshot may name fewer packs.
"""

from collections.abc import Sequence
from contextlib import suppress

from lifeboat.crypto.sealing import Kind
from lifeboat.foundation.errors import KeyTrouble, RepositoryDamaged
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress
from lifeboat.operations.verify.damage import name_snapshot
from lifeboat.operations.verify.found import Structure, breaks
from lifeboat.operations.verify.structure import readers
from lifeboat.repository.errors import ChunkMissing, ObjectDamaged
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.reading import SnapshotReader
from lifeboat.sources.files.entry import Entry, Piece, show
from lifeboat.sources.files.manifest import decode
from lifeboat.storage.errors import ObjectArchived, ObjectMissing


class TreeCheck:
    """Looks at the lines of one snapshot after another."""

    def __init__(self) -> None:
        self._packs: dict[bytes, frozenset[bytes]] = {}
        """Chunk of lines to the packs in which its lines' pieces were found."""

    def first_trouble(self, reader: SnapshotReader) -> RepositoryDamaged | None:
        """The first thing wrong in the lines of a snapshot; raises what keeps them from being read."""
        named = frozenset(reader.record.packs)
        for stream in reader.streams().values():
            if stream.kind is not Kind.LINES or not stream.name.startswith("tree/"):
                continue
            fresh = [chunk for chunk, _ in reader.chunk_list(stream) if not self._known(chunk, named)]
            for chunk, block in zip(fresh, reader.chunks(fresh, Kind.LINES), strict=True):
                packs: set[bytes] = set()
                try:
                    for line in block.splitlines(keepends=True):
                        packs.update(_packs_of(reader, *decode(line)))
                except RepositoryDamaged as error:
                    return error
                self._packs[chunk] = frozenset(packs)
        return None

    def _known(self, chunk: bytes, named: frozenset[bytes]) -> bool:
        packs = self._packs.get(chunk)
        return packs is not None and packs <= named


def check_trees(repository: Repository, found: Structure, trees: TreeCheck, progress: Progress) -> list[Finding]:
    """Look at the lines of every snapshot. One finding for each is enough to act on."""
    findings = []
    progress.begin("checking lines of files", total_items=len(found.records))
    for record, reader in readers(repository, found, found.records):
        # What cannot be read at all has been told already, with its list, pack or key.
        with suppress(RepositoryDamaged, KeyTrouble, ObjectMissing, ObjectArchived):
            trouble = trees.first_trouble(reader)
            if trouble is not None:
                breaks(found, record)
                hurts = (name_snapshot(record),)
                findings.append(
                    Finding(Level.PROBLEM, trouble.code, record.object_name, trouble.message, trouble.hint, hurts)
                )
        progress.advance(done_items=1)
    return findings


def _packs_of(reader: SnapshotReader, entry: Entry, pieces: Sequence[Piece]) -> set[bytes]:
    packs = set()
    for chunk, offset, length in pieces:
        place = reader.place_of(chunk)
        if place is None:
            raise ChunkMissing(
                f"chunk {chunk.hex()[:16]} of the file {show(entry.path)} is in no pack that its snapshot names"
            )
        if offset + length > place.row.plain_bytes:
            raise ObjectDamaged(f"the file {show(entry.path)} asks for more than its chunk holds")
        packs.add(place.pack)
    return packs
