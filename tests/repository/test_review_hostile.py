"""What somebody with a right to write could put into a bucket: told as damage, passed over, and never in anybody's way."""

import json
import os
import struct
import time
from pathlib import Path
from typing import Any

import pytest
from repository_kit import CONTENT, HandClock, back_up, make, read_back, reopen

from lifeboat.crypto.identity import Identity
from lifeboat.crypto.signed import envelope, to_be_signed
from lifeboat.crypto.wrapping import wrap
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.progress import Silent
from lifeboat.operations.verify.run import verify
from lifeboat.repository import catalog_format
from lifeboat.repository.catalog_format import Index, IndexedPack, seal_index, seal_record
from lifeboat.repository.data_keys import _info
from lifeboat.repository.description import Description, NamedRecipient
from lifeboat.repository.errors import NewerFormat
from lifeboat.repository.names import description_name, digest, index_name, key_name, registration_name, snapshot_name
from lifeboat.repository.objects import write_named
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.pack_format import ROW_BYTES
from lifeboat.repository.record import Record
from lifeboat.repository.writers import WriterSecret, register_writer
from lifeboat.storage.memory import MemoryStore

Built = tuple[Repository, MemoryStore, HandClock, Record]


@pytest.fixture
def built(tmp_path: Path) -> Built:
    repository, store, clock = make(tmp_path)
    return repository, store, clock, back_up(repository, clock, CONTENT)


def problems(repository: Repository, clock: HandClock, level: str = "full") -> str:
    report = verify(repository, level, objectives={}, sample_percent=100, clock=clock, progress=Silent())
    return " ".join(f"{one.subject} {one.message}" for one in report.findings if one.level == "problem")


DEEP = b'{"body": {"x": ' + b"[" * 900 + b"]" * 900 + b'}, "signatures": {}}'
NONSENSE = {
    "not JSON": b"hello",
    "empty": b"",
    "deep": b"[" * 100_000,
    "deep body": DEEP,
    "a list": b"[]",
    "a revision without end": b'{"body": {"format": 1, "repository": "00", "revision": 1e999, "created": "x", '
    b'"profile": "x", "recipients": []}, "signatures": {}}',
    "a long number": b'{"body": {"format": 1, "repository": "00", "revision": ' + b"9" * 5000 + b'}, "signatures": {}}',
    "a newer format that nobody signed": b'{"body": {"format": 99}, "signatures": {}}',
    "a format that is no number": b'{"body": {"format": "x"}, "signatures": {}}',
    "a newer format without end": b'{"body": {"format": 1e999}, "signatures": {}}',
    "signatures that are none": b'{"body": {"format": 1}, "signatures": {"x": 5}}',
}


@pytest.mark.parametrize("kind", NONSENSE)
@pytest.mark.parametrize("place", ["description", "registration"])
def test_a_planted_configuration_object_stops_nobody(built: Built, tmp_path: Path, kind: str, place: str) -> None:
    repository, store, clock, record = built
    raw = NONSENSE[kind]
    name = description_name(digest(raw)) if place == "description" else registration_name("0" * 32, digest(raw))
    store.write(name, raw)
    for folder in (tmp_path, tmp_path / "another machine"):
        again = reopen(store, folder, repository.identity)
        assert read_back(again, again.find_snapshot(record.snapshot)) == CONTENT
    if place == "registration":
        assert name in problems(again, clock, "structure")


def test_a_newer_format_that_a_recipient_signed_is_obeyed(built: Built, tmp_path: Path) -> None:
    repository, store, _, _ = built
    assert repository.identity
    recipient = repository.identity.recipient
    body: dict[str, Any] = {"format": 2, "revision": 2, "what": "this Lifeboat does not know"}
    message = to_be_signed("lifeboat description 1", body)
    raw = envelope(body, {recipient.fingerprint.hex(): repository.identity.sign(message)})
    store.write(description_name(digest(raw)), raw)
    with pytest.raises(NewerFormat):
        reopen(store, tmp_path, repository.identity)


def test_an_endless_configuration_object_is_not_read(built: Built, tmp_path: Path) -> None:
    repository, store, _, _ = built

    class Endless(MemoryStore):
        def read(self, name: str, span: tuple[int, int] | None = None) -> bytes:
            content = super().read(name, span)
            assert len(content) < 5_000_000, name
            return content

    endless = Endless(HandClock())
    endless._objects = store._objects
    for name in (description_name("a" * 64), registration_name("0" * 32, "b" * 64)):
        endless.write(name, bytes(6_000_000))
    assert len(reopen(endless, tmp_path, repository.identity).snapshots()) == 1


def replant(built: Built, **changes: object) -> str:
    """A record as a stolen writer could seal it."""
    repository, _, _, record = built
    secret = repository.secrets[record.writer]
    raw = seal_record(
        {**record.to_json(), "snapshot": os.urandom(16).hex(), **changes},
        writer=secret.writer,
        catalog_key=secret.catalog_key,
        repository=repository.id,
        generation=record.generation,
    )
    name = snapshot_name(record.writer, record.generation, digest(raw))
    write_named(repository.store, name, raw)
    return name


CHANGES: dict[str, dict[str, object]] = {
    "source": {"source": "tapes"},
    "class": {"class": "../../x"},
    "generation": {"generation": "../../config"},
    "another generation": {"generation": "2026-10"},
    "bytes without end": {"totals": {"bytes": float("1e999"), "items": 1, "new_bytes": 1, "stored_bytes": 1}},
    "negative": {"totals": {"bytes": -1, "items": 1, "new_bytes": 1, "stored_bytes": 1}},
    "a time before all": {"instant": "0001-01-01T00:00:00+14:00"},
    "a time behind all": {"finished": "9999-12-31T23:59:59-14:00"},
    "a snapshot that is no id": {"snapshot": "\x1b[2J"},
    "totals": {"totals": []},
    "root": {"root": "AAAA"},
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_record_that_makes_no_sense_is_told_and_hides_no_other(built: Built, tmp_path: Path, kind: str) -> None:
    repository, store, clock, record = built
    with pytest.MonkeyPatch.context() as others:
        # Our own canonical JSON has no infinities; others write what they like.
        others.setattr(catalog_format, "canonical_json", lambda value: json.dumps(value).encode())
        name = replant(built, **CHANGES[kind])
    again = reopen(store, tmp_path, repository.identity)
    assert [one.snapshot for one in again.snapshots()] == [record.snapshot]
    assert name in problems(again, clock)
    second = back_up(again, clock, CONTENT)
    assert second.new_bytes == 0


@pytest.mark.parametrize("source", ["tapes", "", "../.."])
def test_an_index_of_an_unknown_source_is_told_and_hides_no_other(built: Built, tmp_path: Path, source: str) -> None:
    repository, store, clock, record = built
    secret = repository.secrets[record.writer]
    raw = seal_index(
        Index(source, "short", (IndexedPack(os.urandom(32), os.urandom(32), 5, bytes(ROW_BYTES)),)),
        writer=secret.writer,
        catalog_key=secret.catalog_key,
        repository=repository.id,
        generation=record.generation,
    )
    name = index_name(record.writer, record.generation, digest(raw))
    store.write(name, raw)
    again = reopen(store, tmp_path, repository.identity)
    assert name in problems(again, clock)
    assert read_back(again, again.find_snapshot(record.snapshot)) == CONTENT


def plant_link(built: Built, sequence_in_name: int, **changes: object) -> str:
    repository, store, _, record = built
    secret = repository.secrets[record.writer]
    body: dict[str, Any] = {
        "format": 1,
        "repository": repository.id.hex(),
        "writer": record.writer,
        "generation": record.generation,
        "sequence": sequence_in_name,
        "previous": None,
        "records": [],
        "heads": {},
        "time": "x",
        **changes,
    }
    raw = envelope(body, {"writer": secret.signing_key().sign(to_be_signed("lifeboat link 1", body))})
    name = f"catalog/{record.writer}/{record.generation}/link-{sequence_in_name:08d}-{digest(raw)}"
    store.write(name, raw)
    return name


def test_a_link_with_a_huge_number_does_not_keep_verify_busy(built: Built, tmp_path: Path) -> None:
    repository, store, clock, _ = built
    plant_link(built, 99_999_999)
    began = time.process_time()
    assert "missing" in problems(reopen(store, tmp_path, repository.identity), clock, "structure")
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "changes", [{"sequence": 5}, {"sequence": 0}, {"sequence": "1e999"}, {"writer": "f" * 32}, {"previous": 7}], ids=str
)
def test_a_link_that_says_otherwise_than_its_name_is_told(
    built: Built, tmp_path: Path, changes: dict[str, object]
) -> None:
    repository, store, clock, _ = built
    name = plant_link(built, 77, **changes)
    again = reopen(store, tmp_path, repository.identity)
    assert name in problems(again, clock, "structure")
    back_up(again, clock, CONTENT)


def test_a_data_key_of_the_wrong_length_is_damage(built: Built, tmp_path: Path) -> None:
    repository, store, _, record = built
    assert repository.identity
    recipient = repository.identity.recipient
    writer, run = bytes.fromhex(record.writer), os.urandom(16)
    wrapped = wrap(b"short", recipient, _info(repository.id, writer, run, recipient.fingerprint, record.generation))
    label = record.generation.encode()
    raw = struct.pack(">4sHBB16s16s16sB", b"LBKY", 1, 1, 0, repository.id, writer, run, len(label)) + label
    raw += struct.pack(">H", 1) + struct.pack(">32sH", recipient.fingerprint, len(wrapped)) + wrapped
    store.write(key_name(record.generation, digest(raw)), raw)
    with pytest.raises(LifeboatError):
        reopen(store, tmp_path, repository.identity).data_key(bytes.fromhex(digest(raw)), record.generation)


def test_a_machine_whose_registration_is_not_wrapped_for_this_key_becomes_a_new_writer(tmp_path: Path) -> None:
    first, second = Identity.generate(), Identity.generate()
    repository, store, clock = make(tmp_path / "one", identities=[first, second])
    alone = Description(repository.id, 1, "x", "simple", (NamedRecipient("x", first.recipient),))
    register_writer(store, alone, WriterSecret.generate(), "office", "2026-11-23T12:00:01Z", first)
    theirs = reopen(store, tmp_path / "two", second, label="office")
    record = back_up(theirs, clock, CONTENT)
    assert read_back(theirs, record) == CONTENT
