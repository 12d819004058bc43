"""What indexes say, held small, against what dictionaries would hold: of each pack and place the same word is believed, whoever says what."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from repository_kit import HandClock

from lifeboat.operations.verify import spool, told_packs
from lifeboat.operations.verify.claims import judge
from lifeboat.operations.verify.spool import Spool
from lifeboat.operations.verify.told_packs import ToldPacks, fingerprint_of
from lifeboat.repository.catalog_format import IndexedPack
from lifeboat.repository.names import key_name
from lifeboat.repository.pack_format import ROW_BYTES, finish_pack
from lifeboat.storage.memory import MemoryStore

PLACES = [f"files/pack/short/2026-{month:02d}/" for month in (1, 2, 3)]
WRITERS = ["aa" * 16, "bb" * 16]
NAMES = [bytes(8) + bytes((number,)) * 24 for number in range(4)] + [bytes((number,)) * 32 for number in range(1, 5)]
"""Half of them begin alike."""
KEYS = [b"k" * 32, b"l" * 32]


class Said(NamedTuple):
    """By one index."""

    writer: str
    place: str
    pack: IndexedPack


packs = st.builds(
    IndexedPack,
    st.sampled_from(NAMES),
    st.sampled_from(KEYS),
    st.sampled_from([100, 1 << 63]),
    st.sampled_from([b"", b"a" * ROW_BYTES, b"b" * ROW_BYTES]),
)
words = st.lists(st.builds(Said, st.sampled_from(WRITERS), st.sampled_from(PLACES), packs), max_size=30)
owners = st.dictionaries(st.sampled_from(NAMES), st.sampled_from([*WRITERS, "cc" * 16]))


def told(said: Sequence[Said], folder: Path) -> ToldPacks:
    found = ToldPacks(Spool(folder))
    for number, one in enumerate(said):
        found.add(one.place, str(number), one.writer, [one.pack])
    return found


def store_of(owner_of: dict[bytes, str], said: Sequence[Said]) -> MemoryStore:
    store = MemoryStore(HandClock())
    for name, owner in owner_of.items():
        front, _ = finish_pack(bytes.fromhex(owner), KEYS[0], bytes(32), bytes(16), [], [])
        for place in {one.place for one in said if one.pack.name == name}:
            store.write(place + name.hex(), front)
    return store


def by_dictionary(
    said: Sequence[Said], owner_of: dict[bytes, str]
) -> tuple[dict[tuple[str, bytes], int], set[int], set[int]]:
    """Which word is believed of each pack and place, which contradict that, and which are lies; by their numbers."""
    believed: dict[tuple[str, bytes], int] = {}
    contradicting, lies = set(), set()
    for name in {one.pack.name for one in said}:
        every = [number for number, one in enumerate(said) if one.pack.name == name]
        every = [every[0], *(number for number in every[1:] if said[number] != said[every[0]])]
        writers = {said[number].writer for number in every}
        owner = next(iter(writers)) if len(writers) == 1 else owner_of.get(name)
        owner = owner if owner in writers else None
        lies |= {number for number in every if owner is not None and said[number].writer != owner}
        for number in [number for number in every if owner is None or said[number].writer == owner]:
            first = believed.setdefault((said[number].place, name), number)
            if said[first].pack != said[number].pack:
                contradicting.add(number)
    return believed, contradicting, lies


@pytest.mark.parametrize("at_once", [1, 3, 100_000])
@pytest.mark.parametrize("block_bytes", [1, 1 << 22])
def test_what_is_believed_is_what_dictionaries_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int, block_bytes: int
) -> None:
    monkeypatch.setattr(told_packs, "SOUGHT_AT_ONCE", at_once)
    monkeypatch.setattr(spool, "BLOCK_BYTES", block_bytes)

    @given(words, owners)
    def is_so(said: list[Said], owner_of: dict[bytes, str]) -> None:
        found = told(said, tmp_path)
        verdict = judge(found, store_of(owner_of, said))
        believed, contradicting, lies = by_dictionary(said, owner_of)
        assert {at: int(one.origin.told_in) for at, one in found.every()} == believed
        assert sorted(int(one.pack.origin.told_in) for one in verdict.contradicting) == sorted(contradicting)
        assert sorted(int(one.pack.origin.told_in) for one in verdict.lies) == sorted(lies)
        for (place, name), number in believed.items():
            one = found.get(place, name)
            pack = said[number].pack
            assert one is not None and one.fingerprint == fingerprint_of(pack.data_key_name, pack.rows)
            assert (one.name, one.data_key_name, one.size_bytes, one.rows) == (name, *_fields(pack))

    is_so()


def _fields(pack: IndexedPack) -> tuple[bytes, int, bytes]:
    return pack.data_key_name, pack.size_bytes, pack.rows


@given(words, owners)
def test_a_writers_own_snapshots_go_by_all_that_it_says(
    tmp_path_factory: pytest.TempPathFactory, said: list[Said], owner_of: dict[bytes, str]
) -> None:
    """As ``Repository.chunk_table`` does: lies of its own included."""
    found = told(said, tmp_path_factory.getbasetemp())
    judge(found, store_of(owner_of, said))
    for place in PLACES:
        for writer in WRITERS:
            table = found.chunk_table(place, writer)
            rows = {(pack[0], table.rows_of(number)) for number, pack in enumerate(table.packs())}
            assert rows == {
                (one.pack.name, one.pack.rows) for one in said if (one.place, one.writer) == (place, writer)
            }


@given(words)
def test_one_place_is_asked_about_at_a_time(tmp_path_factory: pytest.TempPathFactory, said: list[Said]) -> None:
    found = told(said, tmp_path_factory.getbasetemp())
    judge(found, MemoryStore(HandClock()))
    every = dict(found.every())
    for place in PLACES:
        here = {name: one for (at, name), one in every.items() if at == place}
        assert list(found.numbers(place).items()) == [(name, number) for number, name in enumerate(sorted(here))]
        assert list(found.sizes(place)) == [here[name].size_bytes for name in sorted(here)]
        assert found.keys(place) == {name: one.data_key_name for name, one in here.items()}
        assert found.writers(place) == {name: one.origin.writer for name, one in here.items()}
        assert all((found.get(place, name) is not None) == (name in here) for name in NAMES)
    bad = {key_name("2026-02", KEYS[0].hex())}
    assert set(found.under_keys(bad)) == {
        at for at, one in every.items() if at[0] == PLACES[1] and one.data_key_name == KEYS[0]
    }
    for place, name in list(every)[::2]:
        found.drop(place, [name])
    assert dict(found.every()) == dict(list(every.items())[1::2])


def test_words_that_differ_and_have_one_fingerprint_are_told_apart(tmp_path: Path) -> None:
    said = [
        Said(WRITERS[0], PLACES[0], IndexedPack(NAMES[5], KEYS[0], 9, letter * ROW_BYTES)) for letter in (b"a", b"b")
    ]
    with mock.patch.object(told_packs, "fingerprint_of", lambda *_: bytes(8)):
        found = told(said, tmp_path)
        assert len(judge(found, MemoryStore(HandClock())).contradicting) == 1
