"""Inside a pack: is its chunk table what the index says, and does every chunk open?"""

from lifeboat.crypto.sealing import Kind
from lifeboat.foundation.errors import KeyTrouble, LifeboatError, RepositoryDamaged
from lifeboat.operations.verify.outcome import Outcome
from lifeboat.operations.verify.rolling import Unit
from lifeboat.operations.verify.told_packs import ToldPack
from lifeboat.repository.chunk_table import Place
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.pack_format import HEADER_BYTES, ROW_BYTES, open_table, read_header, unpack_row
from lifeboat.repository.reading import ChunkOpener
from lifeboat.repository.record import Record
from lifeboat.storage.errors import ObjectMissing


def look_inside(
    repository: Repository, record: Record | None, unit: Unit, raw: bytes, outcome: Outcome, sentence: str
) -> str:
    """Compare the chunk table with the index's and open every chunk, as far as the keys at hand reach; returns what is wrong."""
    indexed = unit.indexed
    if record is None or indexed is None:
        return sentence
    secret, rows = repository.secrets[record.writer], indexed.rows
    try:
        header = read_header(raw[:HEADER_BYTES], unit.name)
        table = raw[HEADER_BYTES : HEADER_BYTES + header.table_bytes]
        if open_table(header, table, secret.catalog_key, repository.id, unit.name) != rows:
            sentence = sentence or "its chunk table is not what the index says"
    except LifeboatError as error:
        sentence = sentence or error.message
    if unit.can_be_opened:
        outcome.chunks, outcome.bad = _open_all(repository, record, indexed, rows, raw)
        outcome.opened = not outcome.bad and not sentence
        if outcome.bad:
            total = len(rows) // ROW_BYTES
            sentence = f"{sentence or 'it'}; {len(outcome.bad)} of its {total} chunks cannot be opened"
            sentence = sentence.removeprefix("it; ")
    return sentence


def _open_all(
    repository: Repository, record: Record, indexed: ToldPack, rows: bytes, raw: bytes
) -> tuple[int, list[bytes]]:
    view, good, bad = memoryview(raw), 0, []
    opener = ChunkOpener(repository, record)
    for number in range(len(rows) // ROW_BYTES):
        row = unpack_row(rows, number)
        sealed = view[row.offset : row.offset + row.sealed_bytes]
        try:
            opener.open(Place(row, indexed.name, indexed.data_key_name), sealed, Kind(row.kind))
            good += 1
        except (RepositoryDamaged, KeyTrouble, ObjectMissing, ValueError):
            bad.append(row.chunk)  # without its key, gone or damaged, no chunk opens
    return good, bad
