"""The parsers of a repository, and objects for them that the right hand sealed or signed after they had been made unsound.

Whoever may only write into a bucket gets as far as the seal (targets called ``raw``); a stolen writer, or a recipient gone bad, gets behind it.
"""

import json
from collections.abc import Callable, Iterable
from functools import partial
from hashlib import sha256
from pathlib import Path

from bson import Timestamp, encode
from fuzz_kit import Target
from fuzz_mutate import bytes_mutated, json_mutated
from fuzz_scene import NOW, Forbidden, Scene, body_of, of_place, signed
from repository_kit import HandClock

from lifeboat.compression.zstd import compress_always, decompress_bounded
from lifeboat.crypto.identity import to_base64
from lifeboat.crypto.sealing import Kind
from lifeboat.crypto.signed import canonical_json, to_be_signed
from lifeboat.crypto.wrapping import wrap
from lifeboat.evidence import anchor as anchors
from lifeboat.evidence.entry import first_previous, make_entry
from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.errors import LifeboatError
from lifeboat.operations.segment_summary import SummaryBuilder, read_summary
from lifeboat.repository import catalog_format, granting, ledger, segment_format
from lifeboat.repository.carrying import Lane, open_carry, write_carry
from lifeboat.repository.catalog_format import LARGEST_PLAIN_BYTES, open_index, open_record
from lifeboat.repository.chain import faults_in_chain, open_link
from lifeboat.repository.chunk_table import ChunkTable
from lifeboat.repository.data_keys import open_data_key
from lifeboat.repository.description import open_description
from lifeboat.repository.names import Class, Source, grant_name, ledger_name, link_name, statement_name
from lifeboat.repository.pack_format import HEADER_BYTES, finish_pack, open_table, read_header, unpack_row
from lifeboat.repository.reading import SnapshotReader, open_row
from lifeboat.repository.record import record_from_json
from lifeboat.repository.replica import read_marks, write_mark
from lifeboat.repository.segment_format import Edge
from lifeboat.repository.segment_writing import Draft, SegmentWriter, new_chain
from lifeboat.repository.segments import Segment, read_segment_name
from lifeboat.repository.statements import Verb, open_statement, standings, write_statements
from lifeboat.repository.writers import open_registration
from lifeboat.sources.mongodb.documents import spans_of, tally_of
from lifeboat.sources.mongodb.oplog.change import Change
from lifeboat.sources.mongodb.oplog.command import Command, read_event
from lifeboat.storage.memory import MemoryStore


def repository_targets(folder: Path) -> list[Target]:
    scene = Scene(folder)
    return [
        *_signed_objects(scene),
        *_ledger_and_grants(scene),
        *_catalog(scene),
        *_packs_and_keys(scene),
        *_segments(scene),
        *_snapshots(scene),
    ]


def _signed_objects(scene: Scene) -> Iterable[Target]:
    repository, store, owner, description = scene.repository, scene.store, scene.owner, scene.description
    fingerprint, writer, generation = owner.recipient.fingerprint.hex(), scene.record.writer, scene.generation
    by_owner = partial(signed, sign=owner.sign, who=fingerprint)
    by_writer = partial(signed, sign=scene.secret.signing_key().sign, who="writer")

    described = scene.names("config/", "/repository-")
    yield Target(
        "description raw", lambda raw: open_description(raw, "config/x"), list(map(scene.read, described)), json_mutated
    )
    yield Target(
        "description",
        lambda raw: open_description(by_owner("lifeboat description 1", raw), "config/x"),
        [body_of(scene.read(one)) for one in described],
        json_mutated,
    )

    def registration(raw: bytes) -> None:
        found = open_registration(by_owner("lifeboat writer 1", raw), "config/x", description)
        if fingerprint in found.wrapped:
            found.open_secret(owner, repository.id)
        if found.catalog:
            found.open_catalog_key(scene.custodian, repository.id)

    yield Target(
        "registration",
        registration,
        [body_of(scene.read(one)) for one in scene.names("config/", "/writer-")],
        json_mutated,
    )

    write_statements(store, description, owner, Verb.KEEP, [scene.record], "because", NOW)
    write_statements(store, description, owner, Verb.PROOF, [scene.record], "", NOW)

    def statement(raw: bytes) -> None:
        name = of_place(raw, lambda body: statement_name(body["verb"], body["writer"], body["generation"], "a" * 64))
        said = open_statement(by_owner("lifeboat statement 1", raw), name, description)
        standings([said])

    said = [body_of(scene.read(one)) for verb in ("keep-", "proof-") for one in scene.names("catalog/", verb)]
    yield Target("statement", statement, said, json_mutated)

    lane = Lane(writer, Source.FILES, Class.SHORT, "2026-12", Class.SHORT, generation)
    (carry,) = write_carry(store, description, owner, lane, scene.record.packs, NOW)
    carried = body_of(scene.read(carry))
    yield Target(
        "carry",
        lambda raw: open_carry(by_owner("lifeboat carry 1", raw), carry[:-64] + "a" * 64, description),
        [carried],
        json_mutated,
    )

    def link(raw: bytes) -> None:
        name = of_place(raw, lambda body: link_name(body["writer"], body["generation"], body["sequence"], "a" * 64))
        found = open_link(by_writer("lifeboat link 1", raw), name, scene.registered, repository.id)
        faults_in_chain([found])

    yield Target("link", link, [body_of(scene.read(one)) for one in scene.names("catalog/", "/link-")], json_mutated)

    def mark(raw: bytes) -> None:
        other = MemoryStore(HandClock())
        other.write(f"config/replica-{sha256(raw).hexdigest()}.json", raw)
        read_marks(other)

    marked = MemoryStore(HandClock())
    yield Target(
        "replica mark", mark, [marked.read(write_mark(marked, repository.id, "s3://other", NOW))], json_mutated
    )


def _ledger_and_grants(scene: Scene) -> Iterable[Target]:
    repository, owner, description = scene.repository, scene.owner, scene.description
    fingerprint = owner.recipient.fingerprint
    by_owner = partial(signed, sign=owner.sign, who=fingerprint.hex())
    content = {
        "act": "record",
        "id": "0a0a0a0a",
        "request": "r",
        "note": "",
        "key": to_base64(b"k" * 32),
        "until": None,
    }
    made = ledger.make_entry(description, owner, 1, "erasure", "", {**content, "documents": [], "files": []}, NOW)

    def entry(raw: bytes) -> None:
        name = of_place(raw, lambda body: ledger_name(body["number"], body["kind"], "a" * 64))
        enveloped = by_owner("lifeboat ledger 1", raw)
        ledger.opens_for(enveloped, name, description)
        ledger.open_entry(enveloped, name, description, owner)

    yield Target("ledger entry", entry, [body_of(made)], json_mutated)

    def inside(raw: bytes) -> None:
        """``raw``: packed content, sealed with the right key."""
        body = json.loads(made)["body"]
        key = b"k" * 32
        body["keys"] = {
            fingerprint.hex(): to_base64(wrap(key, owner.recipient, ledger._info(repository.id, 1, fingerprint)))
        }
        body["sealed"] = to_base64(ledger.seal_once(key, raw, ledger._aad(repository.id, 1, "erasure")))
        name = ledger_name(1, "erasure", "a" * 64)
        ledger.open_entry(by_owner("lifeboat ledger 1", canonical_json(body)), name, description, owner)

    yield Target("ledger content", inside, [compress_always(canonical_json(content))])
    yield Target("ledger JSON", lambda raw: inside(compress_always(raw)), [canonical_json(content)], json_mutated)

    keys = {bytes([n]) * 32: bytes([n + 1]) * 32 for n in range(3)}
    (name,) = granting.write_grants(scene.store, description, owner, owner.recipient, scene.generation, keys, NOW)

    def grant(raw: bytes) -> None:
        place = of_place(raw, lambda body: grant_name(body["generation"], body["recipient"][:16], "a" * 64))  # type: ignore[index]
        found = granting.read_grant(by_owner("lifeboat grant 1", raw), place, description)
        granting.open_grant(found, owner, repository.id)

    yield Target("grant", grant, [body_of(scene.read(name))], json_mutated)


def _catalog(scene: Scene) -> Iterable[Target]:
    def taken_in(raw: bytes) -> None:
        index = open_index(raw, name="catalog/x", **scene.seal)  # type: ignore[arg-type]
        table = ChunkTable()
        for pack in index.packs:
            table.add_pack(pack.name, pack.data_key_name, pack.size_bytes, pack.rows)
        for number in range(min(len(table), 3)):
            row = unpack_row(table.rows_of(0) or bytes(46), 0)
            table.find(row.chunk), list(table.places(row.chunk)), table.number_of(bytes([number]) * 32)

    indexes = scene.names("catalog/", "/index-")
    plain = [scene.plain(catalog_format.INDEX_MAGIC, one) for one in indexes]
    yield Target("index", lambda raw: taken_in(scene.sealed(catalog_format.INDEX_MAGIC, raw)), plain, share=2)

    def nothing_else(open_it: Callable[..., object], sound: list[bytes], name: str) -> Callable[[bytes], None]:
        """What is not as it was stored opens never: nobody without the key makes anything of it."""

        def parse(raw: bytes) -> None:
            open_it(raw, name=name, **scene.seal)
            if raw not in sound:
                raise Forbidden("bytes that nobody sealed were opened")

        return parse

    raw_indexes = list(map(scene.read, indexes))
    yield Target("index raw", nothing_else(open_index, raw_indexes, "catalog/x"), raw_indexes)
    records = scene.names("catalog/", "/snapshot-")
    raw_records = list(map(scene.read, records))
    yield Target("record raw", nothing_else(open_record, raw_records, "catalog/x"), raw_records)

    def packed(magic: bytes, raw: bytes) -> None:
        """Whatever lies inside the seal where a zstd frame should."""
        secret, salt = scene.secret, bytes(32)
        header = catalog_format._HEADER.pack(magic, 1, 1, 0, secret.writer, salt)
        info = catalog_format._LABELS[magic] + scene.repository.id + scene.generation.encode()
        sealed = catalog_format.seal_once(catalog_format.derive(secret.catalog_key, salt, info), raw, header)
        open_record(header + sealed, name="catalog/x", **scene.seal)  # type: ignore[arg-type]

    plain_records = [scene.plain(catalog_format.RECORD_MAGIC, one) for one in records]
    frames = [compress_always(one) for one in plain_records]
    yield Target("record frame", partial(packed, catalog_format.RECORD_MAGIC), frames)
    yield Target("zstd", lambda raw: decompress_bounded(raw, 1 << 20), [*frames, compress_always(bytes(900_000))])
    yield Target("zstd of a gigabyte", lambda raw: decompress_bounded(raw, LARGEST_PLAIN_BYTES), frames)

    def record(raw: bytes) -> None:
        opened = open_record(scene.sealed(catalog_format.RECORD_MAGIC, raw), name="catalog/x", **scene.seal)  # type: ignore[arg-type]
        found = record_from_json(opened, scene.record.writer, f"catalog/x-{'a' * 64}")
        found.to_json(), found.place, found.believed_instant

    yield Target("record", record, plain_records, json_mutated, share=2)

    log = "0123456789abcdef"
    said = {
        "time": "2026-11-23T12:00:00Z",
        "who": {"user": "anna"},
        "act": "restore",
        "words": ["restore"],
        "phase": "begun",
    }
    first = make_entry(said, seq=1, log=log, previous=first_previous(log), secret=scene.secret)
    second = make_entry(said, seq=2, log=log, previous=first.hash, secret=scene.secret)
    anchors.write_anchor(
        scene.store, scene.secret, scene.repository.id, anchors.Anchored(), [first, second], scene.clock.now()
    )
    (name,) = anchors.anchor_names(scene.store, scene.record.writer)
    body = body_of(scene.plain(catalog_format.ANCHOR_MAGIC, name))

    def anchor(raw: bytes) -> None:
        enveloped = signed("lifeboat audit anchor 1", raw, scene.secret.signing_key().sign, "writer")
        sealed = scene.sealed(catalog_format.ANCHOR_MAGIC, enveloped)
        found = anchors.read_anchor(sealed, name, scene.secret, scene.registered, scene.repository.id)
        for one in found.entries:
            one.is_as_hashed(), one.is_by(scene.secret), one.time, one.act

    yield Target("anchor", anchor, [body], json_mutated)


def _packs_and_keys(scene: Scene) -> Iterable[Target]:
    repository, secret = scene.repository, scene.secret
    packs = [scene.read(one) for one in scene.names("files/pack/")]
    some_key = bytes.fromhex(scene.names("keys/")[0][-64:])

    def table_of(raw: bytes) -> bytes:
        header = read_header(raw[:HEADER_BYTES], "a pack")
        table = raw[HEADER_BYTES : HEADER_BYTES + header.table_bytes]
        return open_table(header, table, secret.catalog_key, repository.id, "a pack")

    sound = {raw: table_of(raw) for raw in packs}

    def front(raw: bytes) -> None:
        if table_of(raw) not in sound.values():
            raise Forbidden("a chunk table that nobody sealed was opened")

    fronts = [raw[: HEADER_BYTES + read_header(raw[:HEADER_BYTES], "").table_bytes] for raw in packs]
    yield Target("pack front raw", front, fronts)

    def rows(raw: bytes) -> None:
        """A chunk table that the writer sealed, over content that it stored."""
        pack, cipher = (
            packs[0],
            repository.data_key(read_header(packs[0][:HEADER_BYTES], "").data_key_name, scene.generation),
        )
        parts, _ = finish_pack(secret.writer, some_key, secret.catalog_key, repository.id, [], [])
        table = ChunkTable()
        table.add_pack(b"p" * 32, some_key, len(pack), raw[: len(raw) // 46 * 46])
        for number in range(min(len(table), 4)):
            row = unpack_row(table.rows_of(0), number)
            for kind in Kind:
                try:
                    open_row(row, pack[row.offset : row.offset + row.sealed_bytes], kind, cipher, secret.id_key)
                except ValueError:
                    pass  # its callers word it
                except LifeboatError:
                    pass
        del parts

    yield Target("chunk table", rows, list(sound.values()))

    keys = {raw: name for name in scene.names("keys/") if "grant" not in name for raw in [scene.read(name)]}
    opened = {open_data_key(raw, scene.owner, repository.id, scene.generation, name) for raw, name in keys.items()}

    def key(raw: bytes) -> None:
        if open_data_key(raw, scene.owner, repository.id, scene.generation, "keys/x") not in opened:
            raise Forbidden("a data key that nobody wrapped was opened")

    yield Target("wrapped key", key, list(keys))


def _segments(scene: Scene) -> Iterable[Target]:
    repository, secret = scene.repository, scene.secret
    o = encode({"_id": 1, "a": [1, {"b": "text"}], "when": Timestamp(5, 1)})
    changes = [
        Change(
            Timestamp(1_760_000_000, n + 1), bytes(8), kind, "shop.orders", b"u" * 16, o, encode({"_id": 1})
        ).to_bson()
        for n, kind in enumerate("iud")
    ]
    command = Command(
        Timestamp(1_760_000_000, 9), bytes(8), "shop.$cmd", b"u" * 16, encode({"drop": "orders"}), encode({"n": 1})
    )
    builder = SummaryBuilder(["shop"])
    for stored in (*changes, command.to_bson()):
        builder.add(read_event(stored), stored)
    builder.saw(NOW)
    summary, block = builder.build(), b"".join([*changes, command.to_bson()])

    draft = Draft(
        Edge(ClusterTime(1_760_000_000, 0), 1, b""),
        Edge(ClusterTime(1_760_000_000, 9), 1, b"h" * 32),
        new_chain(),
        "begun",
        None,
        (),
        4,
        "rs0",
        "t",
    )
    stored = SegmentWriter(repository, secret).write(draft, summary, [block])
    raw_segment = scene.read(stored.name)
    sound = (summary, [block])

    def whole(raw: bytes) -> None:
        segment = Segment(repository, stored, raw)
        if (segment.summary(), list(segment.own_blocks())) != sound:
            raise Forbidden("what nobody sealed came out of a segment")

    yield Target("segment raw", whole, [raw_segment])

    front = segment_format.read_front(raw_segment, stored.name)
    key = segment_format._key(secret.catalog_key, front.salt, repository.id, stored.generation)
    length = front.statement_bytes
    opened = segment_format.open_once(key, raw_segment[segment_format.HEADER_BYTES :][:length], front.raw, "x")

    def statement(raw: bytes) -> None:
        try:
            signature = to_base64(secret.signing_key().sign(to_be_signed(segment_format.LABEL, json.loads(raw))))
        except (ValueError, TypeError, RecursionError):
            signature = ""
        plain = b'{"body":' + raw + b',"signature":"' + signature.encode() + b'"}'
        fields = (segment_format.MAGIC, 1, 1, 0, secret.writer, front.data_key_name, front.salt, len(plain) + 16)
        header = segment_format._HEADER.pack(*fields)
        sealed = segment_format.seal_once(key, plain, header)
        segment = Segment(repository, stored, header + sealed + raw_segment[segment_format.HEADER_BYTES + length :])
        segment.summary()
        list(segment.own_blocks())
        list(segment.parts())

    yield Target("segment statement", statement, [canonical_json(json.loads(opened)["body"])], json_mutated, share=2)
    yield Target("segment summary", read_summary, [summary], share=2)

    def events(raw: bytes) -> None:
        tally_of(raw)
        for begin, end in spans_of(raw):
            event = read_event(raw[begin:end])
            if isinstance(event, Command):
                event.name, event.database, event.to_bson()
            else:
                event.document_id, event.is_whole, event.to_bson()

    yield Target("segment events", events, [block, *changes, command.to_bson()], share=2)
    yield Target(
        "segment name",
        lambda raw: read_segment_name(raw.decode("latin-1"), 1, NOW),
        [stored.name.encode()],
        bytes_mutated,
    )


def _snapshots(scene: Scene) -> Iterable[Target]:
    with SnapshotReader(scene.repository, scene.record) as reader:
        root = canonical_json(reader.root)
        rows = b"".join(
            next(iter(reader.chunks(stream.lists, Kind.LIST))) for stream in reader.streams().values() if stream.lists
        )

    class Told(SnapshotReader):
        """A snapshot whose root or lists are what somebody with the writer's secret stored."""

        root_bytes, list_bytes = root, rows

        def chunks(self, wanted: Iterable[bytes], kind: Kind):  # type: ignore[no-untyped-def]
            return iter([self.root_bytes if kind is Kind.ROOT else self.list_bytes])

    told = Told(scene.repository, scene.record)

    def root_of(raw: bytes) -> None:
        told._root, told.root_bytes, told.list_bytes = None, raw, rows
        told.streams(), told.details
        for stream in told.streams().values():
            list(told.chunk_list(stream))

    def lists(raw: bytes) -> None:
        told._root, told.root_bytes, told.list_bytes = None, root, raw
        for stream in told.streams().values():
            list(told.chunk_list(stream))

    one_stream = json.loads(root)
    one_stream["streams"] = [{**one_stream["streams"][0], "chunks": len(rows) // 36, "bytes": _total(rows)}]
    root = canonical_json(one_stream)
    yield Target("snapshot root", root_of, [root], json_mutated)
    yield Target("chunk list", lists, [rows])


def _total(rows: bytes) -> int:
    return sum(int.from_bytes(rows[at + 32 : at + 36], "big") for at in range(0, len(rows), 36))
