"""rescue.py on damaged and hostile repositories: a sentence and exit code 2, never a wrong byte."""

import hashlib
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from format_writer import CHUNK_LIST, CONTENT, LINES, Recipient, RepositoryWriter, b64, canonical, key_text
from in_process import rescue_here
from rescue_alone import SEED, Outcome

STRANGER = bytes(reversed(range(32)))
DOCUMENT = b"\x05\x00\x00\x00\x00"
BIG = b"".join(hashlib.sha256(bytes([n])).digest() for n in range(64))
Rescue = Callable[..., Outcome]


def small_repository(home: Path) -> RepositoryWriter:
    writer = RepositoryWriter(home, SEED)
    writer.add_mongodb_snapshot(
        [("shop", "orders", [DOCUMENT * 3, BIG], '{"indexes":[]}'), ("shop", "view", None, "{}")], users=DOCUMENT
    )
    return writer


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(outcome: Outcome) -> bool:
    """A sentence, code 2, and nobody saw a traceback or the catch-all."""
    return (
        outcome.code == 2
        and "PROBLEM: " in outcome.err
        and "Traceback" not in outcome.err
        and "does not understand" not in outcome.err
    )


def only(home: Path, pattern: str) -> Path:
    [found] = home.glob(pattern)
    return found


def replace(path: Path, content: bytes) -> Path:
    """Put other bytes in an object's place, under the name that fits them, as one who rules the bucket can."""
    old = path.name[-69:-5] if path.suffix == ".json" else path.name[-64:]
    path.unlink()
    new = path.with_name(path.name.replace(old, hashlib.sha256(content).hexdigest()))
    new.write_bytes(content)
    return new


def test_every_flipped_bit_is_noticed_and_no_wrong_byte_is_written(home: Path, tmp_path: Path) -> None:
    small_repository(home)
    assert rescue_here(SEED, "dump", home, "latest", tmp_path / "right").code == 0
    right = tree(tmp_path / "right")
    tried = 0
    for path in sorted(path for path in home.rglob("*") if path.is_file()):
        sound = path.read_bytes()
        # Every byte of the headers, and then some of each region.
        for at in sorted({*range(0, min(len(sound), 100), 3), *range(100, len(sound), 83), len(sound) - 1}):
            damaged = bytearray(sound)
            damaged[at] ^= 1 << (at % 8)
            path.write_bytes(damaged)
            out = tmp_path / "out"
            assert refused(rescue_here(SEED, "check", home)), f"{path.name}, byte {at}: not noticed"
            outcome = rescue_here(SEED, "dump", home, "latest", out)
            got = tree(out) if out.exists() else {}
            assert refused(outcome) or (outcome.code == 0 and got == right), f"{path.name}, byte {at}: {outcome}"
            assert all(right[name] == content for name, content in got.items()), f"{path.name}, byte {at}: wrong byte"
            shutil.rmtree(out, ignore_errors=True)
            tried += 1
        path.write_bytes(sound)
    assert tried > 300


def test_a_pack_cut_short_anywhere_is_noticed_and_the_rest_still_comes_out(home: Path, tmp_path: Path) -> None:
    writer = RepositoryWriter(home, SEED)
    writer.add_mongodb_snapshot([("shop", "orders", [DOCUMENT], "{}"), ("shop", "items", [BIG, DOCUMENT * 2], "{}")])
    pack = max(home.glob("mongodb/pack/short/2026-11/*"), key=lambda path: path.stat().st_size)
    sound = pack.read_bytes()
    for length in (0, 1, 50, 91, 92, 150, len(sound) // 2, len(sound) - 1):
        pack.write_bytes(sound[:length])
        assert refused(rescue_here(SEED, "check", home))
        outcome = rescue_here(SEED, "dump", home, "latest", tmp_path / f"out{length}")
        assert refused(outcome), outcome.err
        assert not (tmp_path / f"out{length}/shop/items.bson").exists()
    # The last cut hit the last chunk; the collection before it is whole.
    assert (tmp_path / f"out{len(sound) - 1}/shop/orders.bson").read_bytes() == DOCUMENT
    assert not list(tmp_path.glob("out*/**/.rescue-partial*"))


def test_two_packs_that_changed_places_are_noticed(home: Path, tmp_path: Path) -> None:
    small_repository(home)
    assert rescue_here(SEED, "dump", home, "latest", tmp_path / "right").code == 0
    first, second = home.glob("mongodb/pack/short/2026-11/*")
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)
    assert refused(rescue_here(SEED, "check", home))
    assert refused(rescue_here(SEED, "dump", home, "latest", tmp_path / "out"))
    # The packs say themselves what is in them, so their places do not matter.
    assert rescue_here(SEED, "dump", home, "latest", tmp_path / "out2", "--rebuild-index").code == 0
    assert tree(tmp_path / "out2") == tree(tmp_path / "right")


def test_objects_of_another_generation_or_kind_do_not_fit(home: Path) -> None:
    small_repository(home)
    moved = home / "keys/2026-10"
    (home / "keys/2026-11").rename(moved)
    outcome = rescue_here(SEED, "check", home)
    assert refused(outcome)
    assert "keys/2026-10" in outcome.err
    moved.rename(home / "keys/2026-11")
    catalog = only(home, "catalog/*")
    (catalog / "2026-11").rename(catalog / "2026-10")
    outcome = rescue_here(SEED, "list", home)
    assert refused(outcome)
    assert "snapshot-" in outcome.err


def test_a_missing_pack_is_named_and_what_is_elsewhere_comes_out(home: Path, tmp_path: Path) -> None:
    writer = RepositoryWriter(home, SEED)
    run = writer.begin("mongodb")
    line = {"database": "a", "documents": 0, "metadata": "{}"}
    streams, lines = [], []
    for name, part in (("kept", DOCUMENT), ("lost", BIG)):
        streams.append(run.stream(f"documents/a.{name}", CONTENT, [part]))
        lines.append(
            canonical(line | {"collection": name, "kind": "collection", "stream": streams[-1]["name"]}) + b"\n"
        )
        run.flush()
    run.finish([*streams, run.stream("catalog", LINES, lines)], {})
    lost = max(home.glob("mongodb/pack/short/2026-11/*"), key=lambda path: path.stat().st_size)
    lost.unlink()
    checked, dumped = rescue_here(SEED, "check", home), rescue_here(SEED, "dump", home, "latest", tmp_path / "out")
    assert refused(checked) and lost.name in checked.err
    assert refused(dumped) and lost.name in dumped.err and "a.lost" in dumped.err
    assert (tmp_path / "out/a/kept.bson").read_bytes() == DOCUMENT
    assert not (tmp_path / "out/a/lost.bson").exists()


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        (key_text(STRANGER), "is it the key of another repository"),
        (key_text(SEED)[:-1] + "A", "typing mistake"),
        ("letmein", "this is not a Lifeboat key"),
        (None, "there is no key"),
    ],
)
def test_a_wrong_key_is_told_so_and_never_printed(home: Path, rescue: Rescue, key: str | None, sentence: str) -> None:
    small_repository(home)
    outcome = rescue("list", home, key=key)
    assert refused(outcome)
    assert sentence in outcome.err
    assert key is None or key not in outcome.err + outcome.out


def test_a_description_forged_by_a_stranger_is_not_believed(home: Path) -> None:
    writer = small_repository(home)
    me, stranger = writer.recipients[0], Recipient(STRANGER)
    people = [{"name": "me", "recipient": me.text}, {"name": "us too", "recipient": stranger.text}]
    writer.put("config/repository-{}.json", writer.description(99, [stranger], recipients=people))
    # The forger, now a recipient in his own eyes, registers a writer of his own whose secret he knows.
    forger = RepositoryWriter(home / "forged", STRANGER, writer_seed=b"forger", others=(SEED,))
    for path in (home / "forged/config").glob("writer-*"):
        path.rename(home / "config" / path.name)
    shutil.rmtree(home / "forged")
    forger.directory = home
    forger.add_mongodb_snapshot([("shop", "orders", [b"forged"], "{}")], instant="2027-01-01T00:00:00Z")
    outcome = rescue_here(SEED, "list", home)
    assert outcome.code == 2
    assert "no recipient of this repository signed it" in outcome.err
    assert "2027-01-01" not in outcome.out
    assert "2026-11-23" in outcome.out


def test_a_description_of_a_stranger_alone_is_refused_with_his_fingerprint(home: Path) -> None:
    writer = small_repository(home)
    stranger = Recipient(STRANGER)
    people = [{"name": one.text[-4:], "recipient": one.text} for one in (writer.recipients[0], stranger)]
    replace(only(home, "config/repository-*"), writer.description(1, [stranger], recipients=people))
    outcome = rescue_here(SEED, "list", home)
    assert refused(outcome)
    assert stranger.fingerprint.hex()[:16] in outcome.err
    assert rescue_here(SEED, "list", home, "--signer", stranger.fingerprint.hex()[:16]).code == 0


def test_a_later_description_signed_by_a_trusted_recipient_counts(home: Path) -> None:
    writer = RepositoryWriter(home, SEED, others=(STRANGER,))
    writer.put("config/repository-{}.json", writer.description(2, [writer.recipients[1]]))
    writer.add_mongodb_snapshot([("shop", "orders", [DOCUMENT], "{}")])
    assert rescue_here(SEED, "list", home).code == 0


def test_a_key_that_was_removed_is_told_so(home: Path) -> None:
    writer = small_repository(home)
    stranger = Recipient(STRANGER)
    people = [{"name": "new", "recipient": stranger.text}]
    both = [*people, {"name": "old", "recipient": writer.recipients[0].text}]
    writer.put("config/repository-{}.json", writer.description(2, recipients=both))
    writer.put("config/repository-{}.json", writer.description(3, [stranger], recipients=people))
    outcome = rescue_here(SEED, "list", home)
    assert refused(outcome)
    assert "removed" in outcome.err


def test_latest_is_not_guessed_when_a_record_is_damaged(home: Path, tmp_path: Path) -> None:
    writer = small_repository(home)
    older = only(home, "catalog/*/*/snapshot-*")
    newer = writer.add_mongodb_snapshot([("shop", "orders", [BIG], "{}")], instant="2026-11-24T00:00:00Z")
    [record] = set(home.glob("catalog/*/*/snapshot-*")) - {older}
    record.write_bytes(b"LBSN" + bytes(100))
    outcome = rescue_here(SEED, "dump", home, "latest", tmp_path / "out")
    assert refused(outcome) and "latest" in outcome.err
    assert not (tmp_path / "out").exists()
    assert refused(rescue_here(SEED, "dump", home, newer[:8], tmp_path / "out"))


@pytest.mark.parametrize("stated", [5, 64 * 2**20, 2**32 - 1])
def test_a_bomb_in_a_chunk_does_not_go_off(home: Path, tmp_path: Path, stated: int, rescue: Rescue) -> None:
    writer = RepositoryWriter(home, SEED)
    run = writer.begin("mongodb")
    compressor = zstandard.ZstdCompressor().compressobj()
    body = b"".join([*(compressor.compress(bytes(2**20)) for _ in range(1024)), compressor.flush()])
    chunk = run.chunk(CONTENT, DOCUMENT, body=body, length=stated)
    listed = run.chunk(CHUNK_LIST, chunk + struct.pack(">I", stated))
    stream = {"name": "documents/a.b", "bytes": stated, "chunks": 1, "kind": 1, "list": [b64(listed)]}
    line = {"database": "a", "collection": "b", "kind": "collection", "stream": "documents/a.b", "metadata": "{}"}
    run.finish([stream, run.stream("catalog", LINES, [canonical(line) + b"\n"])], {})
    outcome = rescue("dump", home, "latest", tmp_path / "out")
    assert refused(outcome), outcome.err
    assert list(tree(tmp_path / "out")) == []


def test_a_record_that_unpacks_without_end_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = small_repository(home)
    packed = zstandard.compress(bytes(200 * 2**20))
    monkeypatch.setattr(zstandard, "compress", lambda plain: packed)
    content = writer.sealed_catalog(b"LBSN", b"lifeboat snapshot 1", "2026-11", b"")
    monkeypatch.undo()
    writer.put(f"catalog/{writer.id.hex()}/2026-11/snapshot-{{}}", content)
    outcome = rescue_here(SEED, "list", home)
    assert refused(outcome) and "unpacks to more" in outcome.err


@pytest.mark.parametrize(
    "line",
    [
        {"database": "..", "collection": "c"},
        {"database": "a/b", "collection": "c"},
        {"database": "", "collection": "c"},
        {"database": "a\x00", "collection": "c"},
        {"database": "a", "collection": 7},
        {"database": "a"},
        {"database": "a", "collection": "c", "stream": "no such"},
        {"database": "a", "collection": "c", "stream": ["catalog"]},
        {"database": "a", "collection": "c", "metadata": None},
    ],
)
def test_a_hostile_catalog_line_writes_nothing(home: Path, tmp_path: Path, line: dict[str, Any]) -> None:
    writer = RepositoryWriter(home, SEED)
    run = writer.begin("mongodb")
    documents = run.stream("documents/a.c", CONTENT, [DOCUMENT])
    full = {"stream": "documents/a.c", "metadata": "{}", "kind": "collection", "documents": 1} | line
    run.finish([documents, run.stream("catalog", LINES, [canonical(full) + b"\n"])], {})
    outcome = rescue_here(SEED, "dump", home, "latest", tmp_path / "deep/er/out")
    assert refused(outcome), outcome.err
    assert [name for name in tree(tmp_path / "deep") if name.endswith(".bson")] == []


@pytest.mark.parametrize(
    "change",
    [
        {"root": "AAAA"},
        {"root": b64(bytes(32))},
        {"packs": "x"},
        {"packs": b64(bytes(32))},
        {"instant": "yesterday"},
        {"source": "../.."},
        {"generation": "2026-12"},
        {"snapshot": "zz"},
        {"format": 2},
    ],
)
def test_a_record_with_impossible_fields_is_refused(home: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    writer = RepositoryWriter(home, SEED)
    writer.add_mongodb_snapshot([("shop", "orders", [DOCUMENT], "{}")], **change)
    outcome = rescue_here(SEED, "dump", home, "latest", tmp_path / "out")
    assert refused(outcome), outcome.err


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("bytes", 4),
        ("bytes", 6),
        ("bytes", -1),
        ("chunks", 2),
        ("chunks", True),
        ("kind", 3),
        ("kind", 9),
        ("list", [1]),
    ],
)
def test_a_stream_that_is_not_what_the_root_says_is_refused(home: Path, tmp_path: Path, field: str, value: Any) -> None:
    writer = RepositoryWriter(home, SEED)
    run = writer.begin("mongodb")
    documents = run.stream("documents/a.c", CONTENT, [DOCUMENT]) | {field: value}
    line = {"database": "a", "collection": "c", "kind": "collection", "stream": "documents/a.c", "metadata": "{}"}
    run.finish([documents, run.stream("catalog", LINES, [canonical(line) + b"\n"])], {})
    assert refused(rescue_here(SEED, "dump", home, "latest", tmp_path / "out"))
    assert not (tmp_path / "out/a/c.bson").exists()


def test_deep_or_broken_json_is_refused(home: Path) -> None:
    writer = small_repository(home)
    for junk in (
        b"[" * 100_000,
        b"{}",
        b"\xff\xfe",
        b"[]",
        b'{"body":' + b"9" * 5000 + b"}",
        b'{"body":{},"signatures":7}',
    ):
        for name in ("config/repository-{}.json", f"config/writer-{writer.id.hex()}-{{}}.json"):
            writer.put(name, junk)
        run = writer.begin("mongodb")
        run.finish([run.stream("catalog", LINES, [junk + b"\n"])], {})
    assert refused(rescue_here(SEED, "list", home))
    assert refused(rescue_here(SEED, "check", home))


def test_out_must_be_empty_and_keeps_what_it_had(home: Path, tmp_path: Path) -> None:
    small_repository(home)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/precious").write_text("mine")
    assert refused(rescue_here(SEED, "dump", home, "latest", tmp_path / "out"))
    assert tree(tmp_path / "out") == {"precious": b"mine"}


def test_check_tells_of_a_cloned_writer_and_a_broken_chain(home: Path) -> None:
    writer = small_repository(home)
    writer.sequence = 0
    writer.link("2026-11", [], time="2026-11-24T00:00:00Z")
    assert "cloned or rolled back" in rescue_here(SEED, "check", home).err
    writer.sequence, writer.previous = 1, "00" * 32
    writer.link("2026-11", [])
    assert "does not follow" in rescue_here(SEED, "check", home).err


def test_an_index_that_contradicts_its_pack_is_noticed(home: Path, tmp_path: Path) -> None:
    writer = RepositoryWriter(home, SEED)
    run = writer.begin("mongodb")
    stream = run.stream("documents/a.c", CONTENT, [DOCUMENT, BIG])
    line = {"database": "a", "collection": "c", "kind": "collection", "stream": "documents/a.c", "metadata": "{}"}
    catalog = run.stream("catalog", LINES, [canonical(line) + b"\n"])
    run.flush()
    name, size, rows = run.stored[0]
    run.stored[0] = (name, size, rows[:38] + struct.pack(">I", 2**31) + rows[42:])
    run.finish([stream, catalog], {})
    assert "contradicts" in rescue_here(SEED, "check", home).err
    assert refused(rescue_here(SEED, "dump", home, "latest", tmp_path / "out"))
    assert rescue_here(SEED, "dump", home, "latest", tmp_path / "out2", "--rebuild-index").code == 0
    assert (tmp_path / "out2/a/c.bson").read_bytes() == DOCUMENT + BIG


def test_names_it_does_not_know_are_ignored(home: Path) -> None:
    small_repository(home)
    for name in (
        "tmp/x",
        "catalog/README",
        "config/repository-1.json",
        "mongodb/pack/short/2026-11/.partial",
        "audit/1",
    ):
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(10))
    assert rescue_here(SEED, "check", home).code == 0


def test_no_flipped_byte_of_the_archive_becomes_a_change(home: Path, tmp_path: Path) -> None:
    """Whatever byte of a segment is flipped, or wherever it is cut: all of what was asked for, or nothing of it and a word."""
    change = bson_change(1_764_000_003)
    writer = RepositoryWriter(home, SEED)
    writer.add_mongodb_snapshot([("shop", "orders", [], METADATA)], cluster_time=(1_764_000_000, 1), instant=INSTANT)
    run = writer.begin("mongodb")
    name = run.segment((1_764_000_000, 1), (1_764_000_009, 1), [change], events=1)
    whole = (home / name).read_bytes()
    words = ("dump", home, "latest", "--at", "1764000005.1")
    assert rescue_here(SEED, *words, tmp_path / "sound").code == 0
    assert (tmp_path / "sound/oplog.bson").read_bytes() == change
    broken = [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(0, len(whole), 23)]
    for number, content in enumerate([*broken, b"", whole[:50], whole[:200], whole[:-1]]):
        (home / name).write_bytes(content)
        out = tmp_path / f"out{number}"
        outcome = rescue_here(SEED, *words, out)
        assert outcome.code == 2 and "does not lead" in outcome.err
        assert not (out / "oplog.bson").exists()
        digest = hashlib.sha256(content).hexdigest()
        liar = home / f"{name[:-64]}{digest}"
        (home / name).unlink()
        liar.write_bytes(content)
        assert rescue_here(SEED, *words, tmp_path / f"liar{number}").code == 2
        liar.unlink()


INSTANT = "2025-11-24T16:00:00Z"
METADATA = '{"indexes":[],"uuid":"' + "75" * 16 + '"}'


def bson_change(seconds: int) -> bytes:
    """An insert of {_id: 7} into the collection with the UUID of ``METADATA``."""
    body = b"\x11ts\0" + struct.pack("<II", 1, seconds) + b"\x12t\0" + bytes(8) + b"\x12v\0" + struct.pack("<q", 2)
    body += b"\x02op\0\x02\0\0\0i\0" + b"\x02ns\0" + struct.pack("<i", 12) + b"shop.orders\0"
    body += b"\x05ui\0\x10\0\0\0\x04" + b"\x75" * 16 + b"\x03o\0" + bytes.fromhex("0e000000105f6964000700000000")
    return struct.pack("<i", len(body) + 5) + body + b"\0"
