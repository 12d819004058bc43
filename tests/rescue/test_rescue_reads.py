"""rescue.py, alone with two libraries, reads what the format document says: databases, lists, keys."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from format_writer import CONTENT, LINES, Recipient, RepositoryWriter, canonical, key_text
from rescue_alone import SEED, Alone, Outcome

DOCUMENT = b"\x05\x00\x00\x00\x00"
BIG = b"".join(hashlib.sha256(bytes([n])).digest() for n in range(64))
Rescue = Callable[..., Outcome]


def test_the_script_runs_where_the_package_cannot_be_imported(alone: Alone, rescue: Rescue) -> None:
    path = f"import sys; sys.path.insert(0, {str(alone.libraries)!r}); "
    assert "No module named 'lifeboat'" in alone.python("-c", path + "import lifeboat").err
    assert alone.python("-c", path + "import cryptography, zstandard").code == 0
    helped = rescue("--help")
    assert helped.code == 0
    assert "pip install" in helped.out


def test_without_its_libraries_it_says_what_to_install(alone: Alone) -> None:
    outcome = alone.python(str(alone.script), "list", "somewhere")
    assert outcome.code == 2
    assert 'pip install "cryptography>=50" zstandard' in outcome.err + outcome.out
    assert "Traceback" not in outcome.err


def test_a_list_shows_all_writers_newest_first(home: Path, rescue: Rescue) -> None:
    first = RepositoryWriter(home, SEED, label="shop-1")
    second = RepositoryWriter(home, SEED, writer_seed=b"writer 2", label="shop-2\x1b[2J")
    oldest = first.add_mongodb_snapshot([("a", "b", [DOCUMENT], "{}")], instant="2026-11-22T23:59:59.5Z")
    newest = second.add_files_snapshot("/srv", [], instant="2026-11-24T10:00:00+02:00", complete=False)
    middle = first.add_files_snapshot("/etc/.env", [], source="config")
    outcome = rescue("list", home)
    assert outcome.code == 0, outcome.err
    lines = outcome.out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == [newest[:12], middle[:12], oldest[:12]]
    assert [line.split()[1] for line in lines] == ["files", "config", "mongodb"]
    assert "2026-11-24 08:00:00" in lines[0]
    assert " NO " in lines[0] and " yes " in lines[1]
    assert "\x1b" not in outcome.out


def test_a_database_comes_out_as_a_mongodump_directory(home: Path, tmp_path: Path, rescue: Rescue) -> None:
    writer = RepositoryWriter(home, SEED)
    long_name = "k" * 250
    snapshot = writer.add_mongodb_snapshot(
        [
            ("shop", "orders", [DOCUMENT, BIG, DOCUMENT, BIG * 3, b"x", b"y", b"z"], '{"indexes":[],"uuid":"é"}'),
            ("shop", "empty", [], '{"indexes":[]}'),
            ("shop", "odd/na me.%", [DOCUMENT], "{}"),
            ("shop", "view", None, '{"options":{}}'),
            ("shop", "weather", [DOCUMENT * 2], "{}"),
            ("other", long_name, [DOCUMENT], "{}"),
        ],
        users=DOCUMENT * 2,
        roles=DOCUMENT * 4,
        kinds={"weather": "timeseries"},
    )
    outcome = rescue("dump", home, snapshot[:6], tmp_path / "out")
    assert outcome.code == 0, outcome.err
    written = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    shortened = "k" * 208 + "%24jFYhH6KwKOid4oUIhJofrzvjPL8"
    assert written == {
        "prelude.json",
        "admin/system.users.bson",
        "admin/system.users.metadata.json",
        "admin/system.roles.bson",
        "admin/system.roles.metadata.json",
        "admin/system.version.bson",
        "admin/system.version.metadata.json",
        "shop/orders.bson",
        "shop/orders.metadata.json",
        "shop/empty.bson",
        "shop/empty.metadata.json",
        "shop/odd%2Fna+me.%25.bson",
        "shop/odd%2Fna+me.%25.metadata.json",
        "shop/view.metadata.json",
        "shop/system.buckets.weather.bson",
        "shop/weather.metadata.json",
        f"other/{shortened}.bson",
        f"other/{shortened}.metadata.json",
    }
    out = tmp_path / "out"
    assert (out / "shop/orders.bson").read_bytes() == DOCUMENT + BIG + DOCUMENT + BIG * 3 + b"xyz"
    assert (out / "shop/orders.metadata.json").read_text("utf-8") == '{"indexes":[],"uuid":"é"}'
    assert (out / "admin/system.roles.bson").read_bytes() == DOCUMENT * 4


def test_lost_indexes_are_made_up_from_the_packs(home: Path, tmp_path: Path, rescue: Rescue) -> None:
    writer = RepositoryWriter(home, SEED)
    writer.add_mongodb_snapshot([("shop", "orders", [DOCUMENT, BIG], "{}")])
    for index in home.glob("catalog/*/*/index-*"):
        index.write_bytes(index.read_bytes()[:-1])
    damaged = rescue("dump", home, "latest", tmp_path / "out0")
    assert damaged.code == 0
    assert "going on with the chunk tables" in damaged.err
    for index in home.glob("catalog/*/*/index-*"):
        index.unlink()
    for number, option in enumerate(([], ["--rebuild-index"]), 1):
        assert rescue("dump", home, "latest", tmp_path / f"out{number}", *option).code == 0
        assert (tmp_path / f"out{number}/shop/orders.bson").read_bytes() == DOCUMENT + BIG


def test_a_chunk_is_taken_from_another_pack_when_its_own_is_gone(home: Path, tmp_path: Path, rescue: Rescue) -> None:
    writer = RepositoryWriter(home, SEED)
    # A run that was cut off stored the same chunks and an index, but no record.
    cut_off = writer.begin("mongodb")
    cut_off.stream("documents/shop.orders", CONTENT, [BIG])
    cut_off.flush()
    cut_off.index()
    writer.add_mongodb_snapshot([("shop", "orders", [BIG], "{}")])
    kept = cut_off.stored[0][0].hex()
    [lost] = [
        path
        for path in home.glob("mongodb/pack/short/2026-11/*")
        if path.name != kept and path.stat().st_size == (path.parent / kept).stat().st_size
    ]
    lost.unlink()
    outcome = rescue("dump", home, "latest", tmp_path / "out")
    assert outcome.code == 2
    assert lost.name in outcome.err
    assert (tmp_path / "out/shop/orders.bson").read_bytes() == BIG


def test_plain_and_compressed_chunks_and_frames_without_a_size_are_read(
    home: Path, tmp_path: Path, rescue: Rescue
) -> None:
    writer = RepositoryWriter(home, SEED)
    run = writer.begin("mongodb", generation="2026-11.2", storage_class="long")
    run.chunk(CONTENT, b"stored plain", compression=0)
    run.chunk(CONTENT, b"", compression=0)
    compressor = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    run.chunk(CONTENT, BIG, body=compressor.compress(BIG) + compressor.flush())
    run._ids.add((CONTENT, run.chunk(CONTENT, BIG)))
    stream = run.stream("documents/a.c", CONTENT, [b"stored plain", b"", BIG])
    line = {"database": "a", "collection": "c", "kind": "collection", "stream": "documents/a.c", "metadata": "{}"}
    run.finish([stream, run.stream("catalog", LINES, [canonical(line) + b"\n"])], {})
    assert rescue("check", home).code == 0
    outcome = rescue("dump", home, "latest", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "out/a/c.bson").read_bytes() == b"stored plain" + BIG


@pytest.mark.parametrize("form", ["hex", "lower", "spaced"])
def test_the_key_may_be_typed_in_many_ways(home: Path, tmp_path: Path, rescue: Rescue, form: str) -> None:
    RepositoryWriter(home, SEED)
    text = {
        "hex": SEED.hex(),
        "lower": key_text(SEED).lower().replace("-", ""),
        "spaced": key_text(SEED).replace("-", " "),
    }[form]
    assert rescue("list", home, key=text).code == 0
    assert rescue("list", home, key=None, typed=text + "\n").code == 0
    (tmp_path / "key").write_text(f"# on paper in the safe\n\n{text}\n")
    assert rescue("list", home, "--key-file", tmp_path / "key", key=None).code == 0


def test_a_second_recipient_reads_what_his_signer_vouches_for(home: Path, rescue: Rescue) -> None:
    second = bytes(32)
    writer = RepositoryWriter(home, SEED, others=(second,))
    snapshot = writer.add_mongodb_snapshot([("a", "b", [DOCUMENT], "{}")])
    outcome = rescue("list", home, key=key_text(second))
    assert outcome.code == 2
    assert Recipient(SEED).fingerprint.hex()[:16] in outcome.err
    assert rescue("list", home, "--signer", "", key=key_text(second)).code == 2
    assert rescue("list", home, "--signer", Recipient(SEED).fingerprint.hex()[:8], key=key_text(second)).code == 2
    outcome = rescue("list", home, "--signer", Recipient(SEED).fingerprint.hex()[:16], key=key_text(second))
    assert outcome.code == 0, outcome.err
    assert snapshot[:12] in outcome.out


def test_check_without_a_key_compares_hashes(home: Path, rescue: Rescue) -> None:
    RepositoryWriter(home, SEED).add_mongodb_snapshot([("a", "b", [BIG], "{}")])
    assert rescue("check", home, "--without-key", key=None).code == 0
    pack = max(home.glob("mongodb/pack/short/2026-11/*"), key=lambda path: path.stat().st_size)
    pack.write_bytes(pack.read_bytes()[:-1] + b"!")
    outcome = rescue("check", home, "--without-key", key=None)
    assert outcome.code == 2
    assert pack.name in outcome.err
