"""How much of each pack a snapshot still needs: counted chunk by chunk with the key, guessed without.

Limits: one byte for each chunk of the month, besides its table.
"""

from collections.abc import Iterator

from lifeboat.crypto.sealing import Kind
from lifeboat.repository.chunk_table import ChunkTable
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.pack_format import ROW_BYTES, unpack_row
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.record import Record
from lifeboat.sources.files.manifest import decode


def count_living(repository: Repository, record: Record, table: ChunkTable) -> dict[bytes, int]:
    """Sealed bytes that the snapshot needs, by pack; reads its lists and the lines of its trees, no content.

    Raises:
        RepositoryDamaged kinds: Something of that does not open.
    """
    marked = bytearray(len(table))
    with SnapshotReader(repository, record, table) as reader:
        for chunk in _needed(reader):
            number = table.number_of(chunk)
            if number >= 0:
                marked[number] = 1
    return table.sealed_bytes(marked)


def guess_living(record: Record, table: ChunkTable) -> dict[bytes, int]:
    """The same from the catalog alone: all packs of a snapshot have the share in common that its content has in theirs.

    That is too much where a snapshot holds the same content twice. A wrong guess costs room for a month, never a byte of a backup.
    """
    named, content = frozenset(record.packs), 0
    packs = [(number, pack, size) for number, (pack, _, size) in enumerate(table.packs()) if pack in named]
    for number, _, _ in packs:
        rows = table.rows_of(number)
        every = (unpack_row(rows, at) for at in range(len(rows) // ROW_BYTES))
        content += sum(row.plain_bytes for row in every if row.kind == Kind.CONTENT)
    share = min(1.0, record.total_bytes / content) if content else 1.0
    return {pack: int(size * share) for _, pack, size in packs}


def _needed(reader: SnapshotReader) -> Iterator[bytes]:
    """Every chunk that the snapshot needs, some more than once."""
    yield reader.record.root
    for stream in reader.streams().values():
        yield from stream.lists
        yield from (chunk for chunk, _ in reader.chunk_list(stream))
        if stream.kind is Kind.LINES and stream.name.startswith("tree/"):
            for line in reader.lines(stream):
                yield from (piece[0] for piece in decode(line)[1])
