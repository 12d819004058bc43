"""The package against the frozen vectors: what was once written must open for ever, value by value."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from bson import Binary, Decimal128, ObjectId
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lifeboat.compression.zstd import decompress
from lifeboat.crypto.identity import Identity, Recipient
from lifeboat.crypto.sealing import Compression, Kind, chunk_id, open_chunk
from lifeboat.crypto.signed import envelope, to_be_signed
from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.errors import RepositoryDamaged
from lifeboat.operations.erasing.entries import erasures_in
from lifeboat.operations.erasing.load import erased_by
from lifeboat.repository.carrying import open_carry, write_carry
from lifeboat.repository.catalog_format import open_index, open_record
from lifeboat.repository.chain import open_link
from lifeboat.repository.data_keys import open_data_key
from lifeboat.repository.description import open_description
from lifeboat.repository.errors import SaidByNobody
from lifeboat.repository.ledger import open_entry
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.names import digest
from lifeboat.repository.open_repository import Repository, open_repository
from lifeboat.repository.pack_format import HEADER_BYTES, open_table, read_header, unpack_row
from lifeboat.repository.record import record_from_json
from lifeboat.repository.segment_writing import SegmentWriter
from lifeboat.repository.segments import Segment, list_segments
from lifeboat.repository.statements import Verb, open_statement, say_again, standings
from lifeboat.repository.writers import WriterSecret, open_registration
from lifeboat.storage.memory import MemoryStore

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "docs" / "format-vectors.json").read_text())


def raw(value: str) -> bytes:
    return bytes.fromhex(value)


@pytest.fixture(scope="module")
def identity() -> Identity:
    return Identity(raw(VECTORS["identity"]["seed"]))


@pytest.fixture(scope="module")
def secret(identity: Identity) -> WriterSecret:
    description = open_description(VECTORS["description"]["file"].encode(), "description")
    registration = open_registration(VECTORS["registration"]["file"].encode(), "registration", description)
    return registration.open_secret(identity, raw(VECTORS["repository"]))


def test_the_identity_and_its_recipient_are_the_frozen_ones(identity: Identity) -> None:
    frozen = VECTORS["identity"]
    assert identity.to_text().reveal() == frozen["text"]
    assert identity.recipient.public.hex() == frozen["recipient"]
    assert identity.recipient.to_text() == frozen["recipient_text"]
    assert identity.recipient.fingerprint.hex() == frozen["fingerprint"]
    assert Identity.from_text(frozen["text"]).recipient == Recipient.from_text(frozen["recipient_text"])


def test_the_frozen_registration_gives_the_writer_secret(secret: WriterSecret) -> None:
    assert secret.raw.hex() == VECTORS["registration"]["secret"]
    assert secret.writer.hex() == VECTORS["writer"]


def test_the_frozen_data_key_opens(identity: Identity) -> None:
    frozen = VECTORS["data_key"]
    stored = raw(frozen["object"])
    assert digest(stored) == frozen["name"]
    opened = open_data_key(stored, identity, raw(VECTORS["repository"]), frozen["generation"], "key")
    assert opened.hex() == frozen["data_key"]


def test_every_frozen_chunk_opens_and_has_its_id(secret: WriterSecret) -> None:
    cipher = AESGCM(raw(VECTORS["data_key"]["data_key"]))
    seen = set()
    for pack in VECTORS["packs"]:
        stored = raw(pack["object"])
        header = read_header(stored[:HEADER_BYTES], "pack")
        table = open_table(
            header,
            stored[HEADER_BYTES : HEADER_BYTES + header.table_bytes],
            secret.catalog_key,
            raw(VECTORS["repository"]),
            "pack",
        )
        assert table.hex() == pack["rows"]
        for number, chunk in enumerate(pack["chunks"]):
            row = unpack_row(table, number)
            kind, compression = Kind(row.kind), Compression(row.compression)
            sealed = stored[row.offset : row.offset + row.sealed_bytes]
            assert sealed.hex() == chunk["sealed"]
            body = open_chunk(cipher, kind, compression, row.chunk, row.plain_bytes, sealed)
            plain = decompress(body, row.plain_bytes) if compression is Compression.ZSTD else body
            assert plain.hex() == chunk["plain"]
            assert chunk_id(secret.id_key, kind, plain) == row.chunk == raw(chunk["chunk_id"])
            seen.add(kind)
    assert {Kind.CONTENT, Kind.LIST, Kind.ROOT} <= seen


def test_the_frozen_catalog_opens(secret: WriterSecret) -> None:
    where = {
        "writer": secret.writer,
        "catalog_key": secret.catalog_key,
        "repository": raw(VECTORS["repository"]),
        "generation": VECTORS["data_key"]["generation"],
        "name": "object",
    }
    index = open_index(raw(VECTORS["index"]["object"]), **where)
    assert len(index.packs) == len(VECTORS["packs"])
    record = open_record(raw(VECTORS["record"]["object"]), **where)
    assert record == json.loads(raw(VECTORS["record"]["plain"]))
    assert record_from_json(record, VECTORS["writer"], "object").snapshot == VECTORS["snapshot"]
    signing_key = secret.signing_key().public_key().public_bytes_raw()
    link = open_link(
        VECTORS["link"]["file"].encode(), "link-00000001-" + "0" * 64, signing_key, raw(VECTORS["repository"])
    )
    assert link.sequence == 1


def test_the_frozen_custodian_opens_the_frozen_catalog(secret: WriterSecret) -> None:
    frozen = VECTORS["custodian"]
    custodian = Identity(raw(frozen["seed"]))
    description = open_description(frozen["description"]["file"].encode(), "description")
    assert description.is_custodian(custodian.recipient) and not description.holds(custodian.recipient)
    registration = open_registration(frozen["registration"]["file"].encode(), "registration", description)
    opened = registration.open_catalog_key(custodian, raw(VECTORS["repository"]))
    assert opened.catalog_key == raw(frozen["registration"]["catalog_key"]) == secret.catalog_key
    assert registration.machine == "a machine"


def test_the_frozen_statements_count_from_those_who_may_say_them(identity: Identity) -> None:
    """And what is said today has the very bytes of the frozen ones."""
    description = open_description(VECTORS["custodian"]["description"]["file"].encode(), "description")
    signers = {"recipient": identity, "custodian": Identity(raw(VECTORS["custodian"]["seed"]))}
    heard = []
    for one in VECTORS["statements"]:
        content = one["file"].encode()
        assert digest(content) == one["name"][-64:]
        if not one["counts"]:
            with pytest.raises(SaidByNobody):
                open_statement(content, one["name"], description)
            continue
        said = open_statement(content, one["name"], description)
        heard.append(said)
        signer, store = signers[one["signer"]], MemoryStore(SystemClock())
        assert said.signer == signer.recipient.fingerprint.hex()
        groups = {(said.writer, said.generation): said.records}
        (name,) = say_again(store, description, signer, said.verb, groups, said.text, said.time)
        assert (name, store.read(name)) == (one["name"], content)
    assert [said.verb for said in heard] == list(Verb)
    (standing,) = standings(heard).values()
    assert (standing.proved, standing.forgotten, standing.kept) == (None, None, None)
    assert standing.released == heard[-1].time


def test_the_frozen_carries_count_from_those_who_may_say_them(identity: Identity) -> None:
    """And what is said today has the very bytes of the frozen ones."""
    description = open_description(VECTORS["custodian"]["description"]["file"].encode(), "description")
    signers = {"recipient": identity, "custodian": Identity(raw(VECTORS["custodian"]["seed"]))}
    packs = sorted(raw(name[-64:]) for name in VECTORS["names"] if "/pack/" in name)
    for one in VECTORS["carries"]:
        content = one["file"].encode()
        if not one["counts"]:
            with pytest.raises(SaidByNobody):
                open_carry(content, one["name"], description)
            continue
        said, store = open_carry(content, one["name"], description), MemoryStore(SystemClock())
        assert said.packs == tuple(packs)
        assert (said.lane.source, said.lane.generation) == ("mongodb", "2026-12")
        assert (said.lane.from_class, said.lane.from_generation) == ("short", "2026-11")
        (name,) = write_carry(store, description, signers[one["signer"]], said.lane, said.packs, said.time)
        assert (name, store.read(name)) == (one["name"], content)


@pytest.mark.parametrize(
    "changes",
    [
        {"generation": "2026-13.x"},
        {"from": {"class": "short", "generation": "2027-01"}},
        {"from": {"class": "short", "generation": "2026-12"}},
        {"from": {"class": "../..", "generation": "2026-11"}},
        {"from": {"class": "short", "generation": "../../x"}},
        {"from": []},
        {"source": "tapes"},
        {"packs": "AAAA"},
        {"repository": "00" * 16},
        {"writer": "ff" * 16},
        {"format": 2},
        {"time": "yesterday"},
    ],
)
def test_a_carry_that_makes_no_sense_counts_for_nothing(identity: Identity, changes: dict[str, Any]) -> None:
    description = open_description(VECTORS["description"]["file"].encode(), "description")
    first = VECTORS["carries"][0]
    body = json.loads(first["file"])["body"] | changes
    raw_ = envelope(body, {identity.recipient.fingerprint.hex(): identity.sign(to_be_signed("lifeboat carry 1", body))})
    with pytest.raises(RepositoryDamaged):
        open_carry(raw_, first["name"][:-64] + digest(raw_), description)


def test_a_carried_key_opens_where_it_lies_and_not_before_it_was_made(identity: Identity) -> None:
    frozen = VECTORS["data_key"]
    stored, repository = raw(frozen["object"]), raw(VECTORS["repository"])
    for later in ("2026-11.2", "2026-12", "2031-01"):
        assert open_data_key(stored, identity, repository, later, "key").hex() == frozen["data_key"]
    for earlier in ("2026-10", "2025-12"):
        with pytest.raises(RepositoryDamaged):
            open_data_key(stored, identity, repository, earlier, "key")


def test_the_frozen_segment_opens_with_its_part(identity: Identity, tmp_path: Path) -> None:
    part, whole = VECTORS["segments"]
    store = MemoryStore(SystemClock())
    for name, kind in (("repository", "description"), (f"writer-{VECTORS['writer']}", "registration")):
        content = VECTORS[kind]["file"].encode()
        store.write(f"config/{name}-{digest(content)}.json", content)
    key = raw(part["data_key_object"])
    store.write(f"keys/2026-11/{digest(key)}", key)
    for one in (part, whole):
        store.write(one["name"], raw(one["object"]))
    repository = open_repository(store, identity=identity, state=LocalState(tmp_path, "here"), label="host")
    listed = {one.name: one for one in list_segments(repository)}
    segment = Segment(repository, listed[whole["name"]])
    assert segment.statement.parts == (part["name"],) and segment.statement.because == "the archive begins here"
    assert segment.statement.after.entry.hex() == entry_hash(repository, b"an entry")
    assert segment.summary().hex() == whole["chunks"][0]["plain"]
    assert [block.hex() for block in segment.blocks()] == [
        part["chunks"][1]["plain"],
        *(chunk["plain"] for chunk in whole["chunks"][1:]),
    ]


def entry_hash(repository: Repository, entry: bytes) -> str:
    secret = repository.writer_secret(VECTORS["writer"])
    return SegmentWriter(repository, secret).entry_hash(entry).hex()


def test_the_frozen_ledger_opens_and_means_the_frozen_values(identity: Identity) -> None:
    description = open_description(VECTORS["description"]["file"].encode(), "description")
    entries = [open_entry(one["file"].encode(), one["name"], description, identity) for one in VECTORS["ledger"]]
    assert [one.content for one in entries] == [one["content"] for one in VECTORS["ledger"]]
    [erasure] = erasures_in(entries)
    assert (erasure.id, erasure.files) == ("0a0b0c0d", (b"/srv/uploads/clients/7/", b"/srv/uploads/\xff.pdf"))
    assert erasure.until is not None and erasure.until.hour == 13
    documents: list[dict[str, Any]] = [
        {"email": "anna@example.org"},
        {"email": "Anna@EXAMPLE.org"},
        {"number": [Decimal128("12.500")]},
        {"_id": ObjectId("65f0000000000000000000aa")},
        {"uuid": Binary(bytes(15) + b"\x07", 4)},
        {"born": datetime(1990, 5, 1)},
    ]
    eraser = erased_by([erasure]).collections["shop.users"]
    assert [eraser.erasure_of(one) for one in documents] == ["0a0b0c0d"] * len(documents)
    assert eraser.without({"vip": True, "notes": 1, "log": [{"by": 1}]})[0] == {"vip": True, "log": [{}]}
    assert [eraser.erasure_of(one) for one in ({"email": "ben"}, {"number": 12}, {"vip": True})] == [None] * 3
