"""The byte formats: read back what was written, refuse what was not."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeboat.crypto.sealing import SealBroken
from lifeboat.repository.catalog_format import Index, IndexedPack, open_index, seal_index
from lifeboat.repository.chain import Link, faults_in_chain, head_of_catalog
from lifeboat.repository.chunk_table import ChunkTable
from lifeboat.repository.errors import NewerFormat, ObjectDamaged
from lifeboat.repository.names import stated_digest
from lifeboat.repository.pack_format import (
    HEADER_BYTES,
    ROW_BYTES,
    Row,
    finish_pack,
    open_table,
    pack_row,
    read_header,
    unpack_row,
)

WRITER, KEY, REPOSITORY = b"w" * 16, b"k" * 32, b"r" * 16
names32 = st.binary(min_size=32, max_size=32)


@given(
    st.lists(st.tuples(names32, st.integers(1, 4), st.integers(0, 1), st.integers(0, 2**26), st.binary(max_size=99)))
)
def test_a_packs_chunk_table_says_where_each_chunk_lies(chunks: list[tuple[bytes, int, int, int, bytes]]) -> None:
    parts, rows = finish_pack(
        WRITER, b"d" * 32, KEY, REPOSITORY, [one[:4] for one in chunks], [one[4] for one in chunks]
    )
    raw = b"".join(parts)
    header = read_header(raw[:HEADER_BYTES], "p")
    table = open_table(header, raw[HEADER_BYTES : HEADER_BYTES + header.table_bytes], KEY, REPOSITORY, "p")
    assert table == rows
    for number, (name, kind, compression, plain_bytes, sealed) in enumerate(chunks):
        row = unpack_row(table, number)
        assert row[:3] == (name, kind, compression)
        assert row.plain_bytes == plain_bytes
        assert raw[row.offset : row.offset + row.sealed_bytes] == sealed
    assert len(raw) == HEADER_BYTES + header.table_bytes + sum(len(one[4]) for one in chunks)


def indexed(rows: list[bytes]) -> IndexedPack:
    table = b"".join(pack_row(Row(name, 1, 1, n * 10, 10, 20)) for n, name in enumerate(rows))
    return IndexedPack(os.urandom(32), os.urandom(32), 1000, table)


@given(st.lists(st.lists(names32, max_size=5), max_size=5))
def test_an_index_comes_back_as_it_was(packs: list[list[bytes]]) -> None:
    index = Index("files", "short", tuple(indexed(rows) for rows in packs))
    raw = seal_index(index, writer=WRITER, catalog_key=KEY, repository=REPOSITORY, generation="2026-11")
    opened = open_index(raw, writer=WRITER, catalog_key=KEY, repository=REPOSITORY, generation="2026-11", name="i")
    assert opened == index


@pytest.mark.parametrize("what", ["writer", "key", "repository", "generation", "bit", "newer", "cut"])
def test_an_index_of_another_writer_key_repository_or_generation_does_not_open(what: str) -> None:
    raw = seal_index(
        Index("files", "short", (indexed([b"x" * 32]),)),
        writer=WRITER,
        catalog_key=KEY,
        repository=REPOSITORY,
        generation="2026-11",
    )
    if what == "bit":
        raw = raw[:70] + bytes((raw[70] ^ 4,)) + raw[71:]
    if what == "newer":
        raw = raw[:5] + b"\x02" + raw[6:]
    if what == "cut":
        raw = raw[:40]
    with pytest.raises((SealBroken, ObjectDamaged, NewerFormat)):
        open_index(
            raw,
            writer=b"W" * 16 if what == "writer" else WRITER,
            catalog_key=b"K" * 32 if what == "key" else KEY,
            repository=b"R" * 16 if what == "repository" else REPOSITORY,
            generation="2026-12" if what == "generation" else "2026-11",
            name="i",
        )


@given(st.lists(st.lists(names32, min_size=1, max_size=30), max_size=20), st.lists(names32, max_size=10))
def test_the_chunk_table_finds_what_a_dictionary_would(packs: list[list[bytes]], strangers: list[bytes]) -> None:
    table, plain = ChunkTable(), {}
    for rows in packs:
        pack = indexed(rows)
        table.add_pack(pack.name, pack.data_key_name, pack.size_bytes, pack.rows)
        for number, name in enumerate(rows):
            plain.setdefault(name, (pack.name, pack.data_key_name, number * 10))
    for name, (pack_name, key_name, offset) in plain.items():
        place = table.find(name)
        assert place is not None
        assert (place.pack, place.data_key_name, place.row.offset) == (pack_name, key_name, offset)
    for name in strangers:
        assert (table.find(name) is not None) == (name in plain)
    assert len(table) == sum(map(len, packs))


def test_the_chunk_table_grows_to_many_rows() -> None:
    table = ChunkTable()
    names = [os.urandom(32) for _ in range(20_000)]
    for start in range(0, len(names), 500):
        pack = indexed(names[start : start + 500])
        table.add_pack(pack.name, pack.data_key_name, pack.size_bytes, pack.rows)
    assert all(table.find(name) is not None for name in names[::37])
    assert len(table.rows_of(3)) == 500 * ROW_BYTES


def links(count: int) -> list[Link]:
    return [
        Link(f"{n:064x}", "w", "2026-11", n, f"{n - 1:064x}" if n > 1 else None, (), {}, "t")
        for n in range(1, count + 1)
    ]


@given(st.integers(1, 9), st.data())
def test_a_link_taken_from_the_middle_is_noticed(count: int, data: st.DataObject) -> None:
    whole = links(count)
    assert faults_in_chain(whole) == []
    if count > 1:
        gone = data.draw(st.integers(0, count - 2))
        assert faults_in_chain(whole[:gone] + whole[gone + 1 :])


def test_the_head_changes_with_any_writers_newest_link() -> None:
    one = {"aa" * 16: "11" * 32, "bb" * 16: "22" * 32}
    assert head_of_catalog(one) == head_of_catalog(dict(reversed(one.items())))
    assert head_of_catalog(one) != head_of_catalog({**one, "bb" * 16: "33" * 32})


def test_the_hash_in_a_name_is_the_last_one() -> None:
    assert stated_digest(f"config/writer-{'a' * 32}-{'b' * 64}.json") == "b" * 64
    assert stated_digest("config/notes.txt") is None
