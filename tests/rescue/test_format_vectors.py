"""The frozen vectors of docs/format-vectors.json: rescue.py computes every value that stands there.

The package's own functions are held to the same file in their folders' tests.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from in_process import fresh_rescue, rescue_here
from make_vectors import make, make_carries, make_statements, objects_of

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "docs/format-vectors.json").read_text())
SEED = bytes.fromhex(VECTORS["identity"]["seed"])


def raw(*path: str) -> bytes:
    value: Any = VECTORS
    for step in path:
        value = value[step]
    return bytes.fromhex(value)


def test_a_seed_gives_the_frozen_keys() -> None:
    rescue = fresh_rescue()
    assert rescue.read_seed(VECTORS["identity"]["text"]) == SEED
    identity = rescue.Identity(SEED)
    assert identity.recipient == raw("identity", "recipient")
    assert identity.fingerprint == raw("identity", "fingerprint")
    assert rescue.read_recipient(VECTORS["identity"]["recipient_text"]) == raw("identity", "recipient")
    assert hashlib.shake_256(SEED).hexdigest(64) == VECTORS["identity"]["ml_kem_seed"]


def test_the_frozen_wrappings_open() -> None:
    rescue = fresh_rescue()
    identity, registration = rescue.Identity(SEED), VECTORS["registration"]
    wrapped = rescue.from_b64(registration["wrapped_base64url"])
    assert identity.unwrap(wrapped, raw("registration", "info"), 96) == raw("registration", "secret")
    assert identity.unwrap(raw("data_key", "wrapped"), raw("data_key", "info"), 32) == raw("data_key", "data_key")


@pytest.mark.parametrize(
    ("part", "label"), [("description", b"lifeboat description 1"), ("registration", b"lifeboat writer 1")]
)
def test_the_frozen_signatures_hold(part: str, label: bytes) -> None:
    rescue = fresh_rescue()
    signed = json.loads(VECTORS[part]["file"])
    mine = {VECTORS["identity"]["fingerprint"]: raw("identity", "recipient")[-32:]}
    assert rescue.signers_of(label, signed, mine) == set(mine)
    assert rescue.signers_of(b"lifeboat link 1", signed, mine) == set()


def test_the_frozen_catalog_opens(tmp_path: Path) -> None:
    rescue = fresh_rescue()
    secret = raw("registration", "secret")
    writer = rescue.Writer(raw("repository"), raw("writer"), "", secret[:32], secret[32:64], b"")
    for part, magic, label in (("index", b"LBIX", b"lifeboat index 1"), ("record", b"LBSN", b"lifeboat snapshot 1")):
        name = f"catalog/{VECTORS['writer']}/{VECTORS['data_key']['generation']}/x"
        frame = rescue.open_sealed(raw(part, "object"), name, magic, label, writer)
        assert frame == raw(part, "frame")
        assert b"".join(rescue.decompressed(frame, 10_000)) == raw(part, "plain")


def test_the_frozen_chunks_open() -> None:
    rescue = fresh_rescue()
    secret, data_key = raw("registration", "secret"), rescue.AESGCM(raw("data_key", "data_key"))
    writer = rescue.Writer(raw("repository"), raw("writer"), "", secret[:32], secret[32:64], b"")
    for pack in VECTORS["packs"]:
        rows = [tuple(row) for row in rescue.ROW.iter_unpack(bytes.fromhex(pack["rows"]))]
        assert [row[0].hex() for row in rows] == [chunk["chunk_id"] for chunk in pack["chunks"]]
        for row, chunk in zip(rows, pack["chunks"], strict=True):
            sealed = bytes.fromhex(chunk["sealed"])
            assert rescue.open_chunk(writer, data_key, row, sealed).hex() == chunk["plain"]
            assert rescue.unseal(data_key, sealed[:12], sealed[12:], bytes.fromhex(chunk["aad"])).hex() == chunk["body"]


def test_the_frozen_repository_is_read_and_checked(tmp_path: Path) -> None:
    for name, content in objects_of(VECTORS).items():
        (tmp_path / "repository" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "repository" / name).write_bytes(content)
    assert rescue_here(SEED, "check", tmp_path / "repository").code == 0
    outcome = rescue_here(SEED, "dump", tmp_path / "repository", VECTORS["snapshot"][:8], tmp_path / "out")
    assert outcome.code == 0, outcome.err
    for name, content in VECTORS["expected"].items():
        assert (tmp_path / "out" / name).read_bytes().hex() == content


def test_the_maker_still_makes_the_same_but_for_what_is_random(tmp_path: Path) -> None:
    made = make(tmp_path)
    assert made["identity"] == VECTORS["identity"]
    assert made["registration"]["secret"] == VECTORS["registration"]["secret"]
    plains = [[chunk["plain"] for chunk in pack["chunks"]] for pack in made["packs"]]
    frozen = [[chunk["plain"] for chunk in pack["chunks"]] for pack in VECTORS["packs"]]
    assert sorted(plains) == sorted(frozen)


def test_custodians_are_passed_over_and_their_wrapping_is_the_frozen_one(tmp_path: Path) -> None:
    rescue = fresh_rescue()
    frozen = VECTORS["custodian"]
    for name, content in objects_of(VECTORS).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    for name, part in (("repository", "description"), (f"writer-{VECTORS['writer']}", "registration")):
        content = frozen[part]["file"].encode()
        (tmp_path / f"config/{name}-{hashlib.sha256(content).hexdigest()}.json").write_bytes(content)
    assert rescue_here(SEED, "check", tmp_path).code == 0
    custodian = rescue.Identity(bytes.fromhex(frozen["seed"]))
    wrapped = rescue.from_b64(frozen["registration"]["wrapped_base64url"])
    info = bytes.fromhex(frozen["registration"]["info"])
    assert custodian.unwrap(wrapped, info, 32).hex() == frozen["registration"]["catalog_key"]


def test_statements_of_every_kind_are_passed_over_and_made_the_same_again(tmp_path: Path) -> None:
    frozen, rescue = VECTORS["statements"], fresh_rescue()
    assert make_statements(tmp_path / "again", VECTORS) == frozen
    contents = objects_of(VECTORS) | {one["name"]: one["file"].encode() for one in frozen}
    for name, content in contents.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert rescue_here(SEED, "check", tmp_path).code == 0
    assert VECTORS["snapshot"][:8] in rescue_here(SEED, "list", tmp_path).out
    mine = {VECTORS["identity"]["fingerprint"]: raw("identity", "recipient")[-32:]}
    for one in frozen:
        held = rescue.signers_of(b"lifeboat statement 1", json.loads(one["file"]), mine)
        assert held == (set(mine) if one["signer"] == "recipient" else set()), one["name"]


def test_packs_and_keys_that_were_carried_are_read_where_they_lie(tmp_path: Path) -> None:
    """The frozen snapshot's packs and key, in the next month too: checked in both places, and the word for it is passed over."""
    frozen, rescue = VECTORS["carries"], fresh_rescue()
    assert make_carries(tmp_path / "again", VECTORS) == frozen
    home = tmp_path / "home"
    contents = objects_of(VECTORS) | {one["name"]: one["file"].encode() for one in frozen}
    copies = {name: content for name, content in contents.items() if "/pack/" in name or name.startswith("keys/")}
    contents |= {name.replace("/2026-11/", "/2026-12/"): content for name, content in copies.items()}
    for name, content in contents.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(content)
    outcome = rescue_here(SEED, "check", home)
    assert outcome.code == 0 and "problems: 0" in outcome.err, outcome.err
    mine = {VECTORS["identity"]["fingerprint"]: raw("identity", "recipient")[-32:]}
    for one in frozen:
        held = rescue.signers_of(b"lifeboat carry 1", json.loads(one["file"]), mine)
        assert held == (set(mine) if one["signer"] == "recipient" else set()), one["name"]
    for name in copies:
        (home / name.replace("/2026-11/", "/2026-10/")).parent.mkdir(parents=True, exist_ok=True)
        (home / name).rename(home / name.replace("/2026-11/", "/2026-10/"))
    assert rescue_here(SEED, "check", home).code != 0, "a key does not go back in time"


def test_the_script_opens_the_frozen_ledger(tmp_path: Path) -> None:
    rescue = fresh_rescue()
    for one in [*objects_of(VECTORS).items(), *((each["name"], each["file"].encode()) for each in VECTORS["ledger"])]:
        path = tmp_path / one[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(one[1])
    repository = rescue.Repository(str(tmp_path), rescue.Identity(bytes.fromhex(VECTORS["identity"]["seed"])))
    [erasure] = rescue.erasures_at(repository, None)
    assert erasure == {**VECTORS["ledger"][0]["content"], "hold": "", "until": VECTORS["ledger"][1]["content"]["until"]}
    closed = rescue.read_until(erasure["until"])
    assert rescue.erasures_at(repository, closed) == [erasure]
    assert rescue.erasures_at(repository, closed.replace(hour=14)) == []
    (tmp_path / VECTORS["ledger"][0]["name"]).unlink()
    assert rescue.erasures_at(repository, None) == [] and rescue.complaints == 2, "a gap, and what follows it"
