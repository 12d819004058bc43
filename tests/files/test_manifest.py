"""A manifest line says everything, always in the same way, and a damaged one is never taken for another."""

import json
import os
import re
import time
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifeboat.sources.files import manifest
from lifeboat.sources.files.entry import Entry, Piece
from lifeboat.sources.files.errors import ManifestDamaged
from lifeboat.sources.files.manifest import decode, encode

NAMES = st.binary(min_size=1, max_size=30).map(lambda raw: raw.replace(b"\0", b"?").replace(b"/", b"_"))
TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=10)
PIECES = st.lists(
    st.tuples(st.binary(min_size=32, max_size=32), st.integers(0, 2**40), st.integers(0, 2**40)), max_size=3
)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    kind = draw(st.sampled_from(["file", "directory", "symlink", "fifo", "character-device", "block-device"]))
    path = b"/".join(draw(st.lists(NAMES, max_size=4)))
    entry = Entry(
        path,
        kind,
        draw(st.integers(0, 0o7777)),
        draw(st.integers(0, 2**32 - 1)),
        draw(st.integers(0, 2**32 - 1)),
        draw(st.integers(-(2**63), 2**63 - 1)),
        user=draw(TEXTS),
        group=draw(TEXTS),
        xattrs=tuple(sorted(draw(st.dictionaries(NAMES, st.binary(max_size=20), max_size=3)).items())),
    )
    if kind == "symlink":
        return entry._replace(target=draw(NAMES))
    if kind.endswith("device"):
        return entry._replace(device=(draw(st.integers(0, 4095)), draw(st.integers(0, 2**20))))
    if kind == "file":
        gaps = draw(st.none() | st.lists(st.tuples(st.integers(0, 2**40), st.integers(1, 2**40)), max_size=3))
        extents, end = [], 0
        for gap, length in gaps or ():
            extents.append((end + gap, length))
            end += gap + length
        return entry._replace(
            size=end + draw(st.integers(0, 2**40)),
            extents=None if gaps is None else tuple(extents),
            hard_link_to=draw(st.just(b"") | NAMES),
        )
    return entry


@settings(max_examples=400, deadline=None)
@given(entries(), PIECES)
def test_what_is_written_is_read_back_and_is_canonical_json(entry: Entry, pieces: list[Piece]) -> None:
    line = encode(entry, pieces)
    assert decode(line) == (entry, tuple(pieces))
    assert line.isascii() and line.endswith(b"\n") and b"\n" not in line[:-1]
    as_json = json.dumps(json.loads(line), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    assert line.decode() == as_json + "\n"
    assert encode(*decode(line)) == line


@settings(max_examples=300, deadline=None)
@given(entries(), PIECES, st.data())
def test_a_broken_line_is_refused_or_reads_as_valid_entry_but_never_crashes(
    entry: Entry, pieces: list[Piece], data: st.DataObject
) -> None:
    line = bytearray(encode(entry, pieces))
    at = data.draw(st.integers(0, len(line) - 1))
    line[at] = data.draw(st.integers(0, 255))
    try:
        encode(*decode(bytes(line)))
    except ManifestDamaged as error:
        assert error.hint


BASE = '{"gid":0,"mode":420,"mtime":0,"path":"a","uid":0'


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "[]",
        "null",
        '{"gid":0}',
        BASE + '}{"more":1}',
        BASE + ',"mode":4096}',
        BASE + ',"mode":"420"}',
        BASE + ',"uid":true}',
        BASE + ',"size":-1}',
        BASE + ',"kind":"socket"}',
        BASE + ',"surprise":1}',
        BASE + ',"pieces":[["AAAA",0,1]]}',
        BASE + ',"pieces":[["' + "A" * 43 + '",-1,1]]}',
        BASE + ',"size":5,"extents":[[0,3],[2,1]]}',
        BASE + ',"size":5,"extents":[[3,3]]}',
        BASE + ',"xattrs":{"user.a":"%%%"}}',
        BASE + ',"device":[1]}',
        BASE + ',"path":"\\ud800"}',
    ],
)
def test_a_line_that_encode_never_writes_is_refused(bad: str) -> None:
    with pytest.raises(ManifestDamaged):
        decode(bad.encode())


def test_a_line_looks_as_the_format_document_shows_it() -> None:
    entry = Entry(
        b"uploads/\xff \xc3\xa4\n", "file", 0o640, 33, 33, 1_700_000_000_123_456_789, 5, "www-data", "www-data"
    )
    chunk = bytes(range(224, 256))
    assert encode(entry, [(chunk, 7, 5)]) == (
        b'{"gid":33,"group":"www-data","mode":416,"mtime":1700000000123456789,"path":"uploads/\\udcff \\u00e4\\n",'
        b'"pieces":[["4OHi4-Tl5ufo6err7O3u7_Dx8vP09fb3-Pn6-_z9_v8",7,5]],"size":5,"uid":33,"user":"www-data"}\n'
    )


def test_what_only_this_machine_knows_stays_out_of_the_line() -> None:
    entry = Entry(b"a", "file", 0o644, 0, 0, 0, stamp=os.urandom(40), link_count=3)
    assert encode(entry) == encode(entry.portable())


def test_the_table_in_the_docstring_names_exactly_the_keys_there_are() -> None:
    table = re.findall(r"^([a-z]+) \*? +\S", manifest.__doc__ or "", re.MULTILINE)
    assert set(table) - {"key"} == manifest._KNOWN
    assert table[1:] == sorted(table[1:])


@dataclass
class Speed:
    encode_seconds: float = 1.0
    decode_seconds: float = 1.0


def test_a_million_plain_files_take_seconds_not_minutes() -> None:
    entry = Entry(b"0001/upload-0001234.json", "file", 0o644, 0, 0, 1_700_000_000_123_456_789, 700, "root", "root")
    pieces = [(bytes(range(32)), 123_456, 700)]
    line = encode(entry, pieces)
    best = Speed()
    for _ in range(5):
        started = time.process_time()
        for _ in range(2000):
            encode(entry, pieces)
        between = time.process_time()
        for _ in range(2000):
            decode(line)
        best.encode_seconds = min(best.encode_seconds, (between - started) / 2000)
        best.decode_seconds = min(best.decode_seconds, (time.process_time() - between) / 2000)
    print(best)
    # Measured 2 and 5 microseconds; of the processor, not of a busy machine.
    assert best.encode_seconds < 20e-6 and best.decode_seconds < 30e-6
