"""The small files of the state folder, each read by who reads it: hints that may be lost, and must not hurt when they are spoilt."""

import json
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import zstandard
from fuzz_kit import Target
from fuzz_mutate import bytes_mutated, json_mutated
from fuzz_scene import NOW, Scene

from lifeboat.app.cloudwatch import SENT, _sent_at
from lifeboat.app.exercise.place import RECORD, find_place
from lifeboat.app.exercise.place import Record as Exercise
from lifeboat.app.measured_rates import RATES, estimate
from lifeboat.app.plan_memory import MEMORY as PLAN
from lifeboat.app.plan_memory import remembered_plan
from lifeboat.evidence.anchoring import HINT as ANCHORED
from lifeboat.evidence.anchoring import Anchoring
from lifeboat.evidence.log import HEAD, AuditLog
from lifeboat.evidence.log import NAME as LOG
from lifeboat.foundation.errors import LifeboatError
from lifeboat.journal.journal import Journal
from lifeboat.operations.audit import SEEN as ANCHORS_SEEN
from lifeboat.operations.audit import Audit
from lifeboat.operations.classes import _hint, class_of_backup
from lifeboat.operations.doctor.stream import check_stream
from lifeboat.operations.drill.book import MEMORY as DRILLS
from lifeboat.operations.drill.book import DrillBook
from lifeboat.operations.drill.content import from_content, to_content
from lifeboat.operations.drill.report import DrillReport
from lifeboat.operations.key_escrow import ESCROW_FILE, read_escrow
from lifeboat.operations.last_instant import FILE as INSTANT
from lifeboat.operations.last_instant import last_instant
from lifeboat.operations.last_restore import FILE as RESTORED
from lifeboat.operations.last_restore import last_restore
from lifeboat.operations.proofs import FILE as PROVED
from lifeboat.operations.proofs import _read_local
from lifeboat.operations.replicate.lag import _file as lag_file
from lifeboat.operations.replicate.lag import recall
from lifeboat.operations.retrieve.journal import NAME as RETRIEVALS
from lifeboat.operations.retrieve.journal import RetrievalJournal
from lifeboat.operations.stream.memory import FILE as STREAM
from lifeboat.operations.stream.memory import TOLD_FILE, StreamMemory
from lifeboat.operations.tree_memory import _MAGIC, Remembered, TreeMemory, to_row
from lifeboat.operations.verify.memory import FILE as SCRUB
from lifeboat.operations.verify.memory import ScrubMemory, key_of
from lifeboat.operations.verify.run import VERIFIED, last_verify
from lifeboat.repository.ledger import SEEN as LEDGER_SEEN
from lifeboat.repository.ledger import Ledger
from lifeboat.repository.linking import linked_memory
from lifeboat.repository.names import Source
from lifeboat.repository.quarantine import FILE as QUARANTINE
from lifeboat.repository.quarantine import quarantined
from lifeboat.repository.record import show_time
from lifeboat.retention.rules import Rules
from lifeboat.sources.files.entry import STAMP
from lifeboat.sources.files.siblings import Siblings

Read = Callable[[], object]


def state_targets(folder: Path) -> list[Target]:
    scene = Scene(folder / "scene")
    return [*_hints(scene), *_audit(scene), *_own_forms(scene), *_journal(folder), *_reports(folder)]


def _hints(scene: Scene) -> Iterable[Target]:
    repository, state, secret = scene.repository, scene.repository.state, scene.secret
    identity, writer, at = repository.id.hex(), scene.record.writer, show_time(NOW)

    def target(name: str, file: str, sound: dict[str, object], read: Read, share: float = 0.5) -> Target:
        """Args: read: What this file is for."""

        def parse(raw: bytes) -> None:
            (state.directory / file).write_bytes(raw)
            try:
                read()
            finally:
                (state.directory / file).unlink(missing_ok=True)

        return Target(name, parse, [json.dumps(sound).encode()], json_mutated, share=share)

    def pins() -> None:
        state.pinned_repository(), state.pinned_recipients()
        state.check_pins(repository.id, repository.description.fingerprints(), 1)
        state.about_to_pin(("ab" * 32,))

    sound = {
        "location": "x",
        "repository": identity,
        "recipients": list(repository.description.fingerprints()),
        "revision": 1,
    }
    yield target("pins", "pins.json", {**sound, "coming": ["ab" * 32]}, pins)
    yield target(
        "writer of this machine", "writer.json", {"writer": writer, "secret": secret.raw.hex()}, state.load_writer
    )
    packs = [f"files/pack/short/2026-11/{'ab' * 32}"]
    yield target(
        "quarantine", QUARANTINE, {"repository": identity, "packs": packs}, lambda: quarantined(state, repository.id)
    )
    yield target("newest number of the ledger", LEDGER_SEEN, {"number": 3}, Ledger(repository).names)
    linked = {
        "writer": writer,
        "head": "ab" * 32,
        "sequence": 1,
        "generation": "2026-11",
        "records": ["cd" * 32],
        "lost": [],
    }

    def links() -> None:
        memory = linked_memory(state)
        set(memory.get("records", ())), [one.get("head") for one in memory.get("lost", ())]

    yield target("newest link", "linked.json", linked, links)
    instant = {"time": [1_700_000_000, 1], "databases": ["shop"], "writer": writer, "snapshot": "ab" * 16}
    yield target("last instant", INSTANT, instant, lambda: last_instant(state))
    hint = {"writer": writer, "generation": "2026-11", "record": "x"}
    yield target(
        "copy of the month",
        _hint(Source.FILES),
        hint,
        lambda: class_of_backup(repository, secret, Source.FILES, NOW, Rules()),
    )
    drill = {"drill": "ab", "number": 1, "scenario": "all", "outcome": "passed", "ended": at, "rto_seconds": 1.0}
    drill |= {"technical_seconds": 1.0, "restored_bytes": 5, "sources": ["db"], "label": "x"}  # type: ignore[dict-item]
    yield target("drills that were read", DRILLS, {identity: {"ledger/x": drill}}, DrillBook(repository).summaries)
    yield target(
        "stored key",
        ESCROW_FILE,
        {"fingerprint": "ab", "day": "2026-11-26", "how": "typed"},
        lambda: read_escrow(state),
    )
    yield target(
        "proofs of this machine",
        PROVED,
        {"repository": identity, "records": {"ab": at}},
        lambda: _read_local(repository),
    )
    lag = {"location": "x", "as_of": at, "through": at, "kept_on": 0, "missing": 0, "problems": 0}
    yield target("last replication", lag_file("x"), lag, lambda: recall(state, "riyadh", "x"))
    rotation = {"checked": 1, "units": 2, "bytes": 3, "total_bytes": 4}
    verified = {"repository": identity, "level": "full", "at": at, "with_key": True, "problems": 0, "stopped_by": None}
    yield target("last verification", VERIFIED, {**verified, "rotation": None}, lambda: last_verify(repository))
    yield target(
        "last verification turned", VERIFIED, {**verified, "rotation": rotation}, lambda: last_verify(repository)
    )
    yield target("last restore", RESTORED, {"seconds": 1.5, "at": at}, lambda: last_restore(state))
    rates = {"files": {"bytes_per_second": 1e6, "at": at}}
    yield target("measured rates", RATES, rates, lambda: estimate(state, {"files": 10**9}))
    yield target("place of the plan", PLAN, {"path": "/x", "version": 1}, lambda: remembered_plan(state))
    yield target("metrics sent", SENT, {"at": at}, lambda: _sent_at(state))
    stream = {"writer": writer, "set": "rs0", "chain": "ab" * 8, "through": [1, 2, 3, "AAAA"], "previous": "x"}
    stream |= {"databases": None, "written": at, "snapshot_after": [1, 2]}  # type: ignore[dict-item]
    yield target("end of the archive", STREAM, stream, StreamMemory(state, writer).load)
    told = {
        "at": at,
        "through": [1_700_000_000, 1],
        "waiting_for": "",
        "snapshot": "",
        "ended": None,
        "lag_seconds": 2.0,
    }
    yield target("word of the stream", TOLD_FILE, told, lambda: check_stream(state, NOW, installed=True))


def _audit(scene: Scene) -> Iterable[Target]:
    repository, state, secret = scene.repository, scene.repository.state, scene.secret
    log = AuditLog(state)
    entry = {"time": show_time(NOW), "who": {"user": "anna"}, "act": "restore", "words": ["restore"], "phase": "begun"}
    entries = [
        log.append(entry, secret),
        log.append({**entry, "phase": "ended", "result": {"status": 0, "error": None}, "begun": 1}, secret),
    ]
    Anchoring(state, repository.store, secret, repository.id).anchor(NOW)
    Audit(state, repository).read().verify()
    sound = {name: (state.directory / name).read_bytes() for name in (LOG, HEAD, ANCHORED)}
    sound[ANCHORS_SEEN] = json.dumps({secret.writer.hex(): [1, "ab" * 32]}).encode()
    objects = dict(repository.store._objects)  # type: ignore[attr-defined]

    def audited(name: str) -> Callable[[bytes], None]:
        def parse(raw: bytes) -> None:
            for each, content in sound.items():
                (state.directory / each).write_bytes(raw if each == name else content)
            repository.store._objects = dict(objects)  # type: ignore[attr-defined]
            audit = Audit(state, repository).read()
            audit.verify(NOW - timedelta(days=1))
            audit.rows(NOW - timedelta(days=1), "anna", "restore")
            log.append(entry, secret)
            Anchoring(state, repository.store, secret, repository.id).anchor(NOW)

        return parse

    yield Target("audit log", audited(LOG), [sound[LOG]], _line_mutated, share=0.2)
    for name in (HEAD, ANCHORED, ANCHORS_SEEN):
        yield Target(f"audit {name.removesuffix('.json')}", audited(name), [sound[name]], json_mutated, share=0.1)
    del entries


def _line_mutated(chance, sound: bytes, others: object) -> bytes:  # type: ignore[no-untyped-def]
    """One line's JSON, or bytes anywhere."""
    lines = sound.split(b"\n")
    at = chance.randrange(len(lines))
    if chance.random() < 0.4 or not lines[at]:
        return bytes_mutated(chance, sound, [sound])
    lines[at] = json_mutated(chance, lines[at], [lines[at]])
    return b"\n".join(lines)


def _own_forms(scene: Scene) -> Iterable[Target]:
    """Binary memories, and lines that are added to."""
    repository, folder = scene.repository, scene.repository.state.directory
    scrub = folder / SCRUB

    def scrubbed(raw: bytes) -> None:
        scrub.write_bytes(raw)
        memory = ScrubMemory(scrub, repository.id)
        memory.of(key_of("a")), memory.note(key_of("b"), memory.of(key_of("c"))), memory.keep_only([key_of("a")])
        memory._merge()

    rows = b"".join(sorted(key_of(name)[:16] + bytes(13) for name in "abcdef"))
    yield Target("rolling verification", scrubbed, [b"lifeboat scrub 2\n" + repository.id + rows], share=0.5)
    tree = folder / "tree-2026-11-fuzz"

    def trees(raw: bytes) -> None:
        tree.write_bytes(raw)
        memory = TreeMemory(tree)
        try:
            memory.recall(Siblings(b"a", [b"b"], bytes(STAMP.size)))
            memory.recall_one(b"a/b", bytes(STAMP.size)), memory.recall_one(b"z", bytes(STAMP.size))
        finally:
            memory.close()

    plain = _MAGIC + to_row(Remembered(b"a", b"b", bytes(STAMP.size), b"c" * 32, b'{"path":"a/b"}\n', 5)) * 3
    packed = zstandard.ZstdCompressor(level=1).compress(plain)
    yield Target("tree memory", trees, [packed], share=0.2)
    yield Target(
        "tree memory inside", lambda raw: trees(zstandard.ZstdCompressor(level=1).compress(raw)), [plain], share=0.2
    )
    journal = folder / RETRIEVALS

    def retrievals(raw: bytes) -> None:
        journal.write_bytes(raw)
        RetrievalJournal(journal, repository.id).asked()

    line = {"repository": repository.id.hex(), "tier": "Bulk", "at": show_time(NOW), "names": ["a", "b"]}
    two = b"".join(json.dumps({**line, "names": [name]}).encode() + b"\n" for name in ("a", "b"))
    yield Target("retrievals", retrievals, [two], _line_mutated, share=0.5)


def _journal(folder: Path) -> Iterable[Target]:
    """Texts inside a journal that SQLite itself finds sound."""
    path = folder / "journal.sqlite3"
    journal = Journal(path)
    number = journal.begin_run("backup files", NOW)
    journal.end_run(number, NOW, status=0)
    journal.keep("cost", {"at": show_time(NOW), "month": 1.5})
    journal.alerts.open("k", NOW, rule="rule", severity="critical", subject="files")
    cells = {
        "report": "runs SET report",
        "began": "runs SET began",
        "facts": "alerts SET facts",
        "kept value": "kept SET value",
    }
    sound = {"report": b'{"point": "ab", "snapshots": []}', "began": show_time(NOW).encode(), "facts": b'{"age": 5}'}

    def look(cell: str) -> Callable[[bytes], None]:
        def parse(raw: bytes) -> None:
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                connection.execute("PRAGMA synchronous = OFF")
                connection.execute(f"UPDATE {cells[cell]} = ?", (raw.decode("utf-8", "replace"),))
            (
                journal.runs(),
                journal.sizes(),
                journal.kept("cost"),
                journal.alerts.open_alerts(),
                journal.alerts.history(),
            )

        return parse

    for cell in cells:
        yield Target(f"journal {cell}", look(cell), [sound.get(cell, b'{"month": 1.5}')], json_mutated, share=0.05)


def _reports(folder: Path) -> Iterable[Target]:
    def drill(raw: bytes) -> None:
        try:
            said = json.loads(raw)
        except (ValueError, RecursionError):
            raise LifeboatError("no JSON") from None
        from_content(said)

    yield Target(
        "report of a drill", drill, [json.dumps(to_content(_some(DrillReport))).encode()], json_mutated, share=0.5
    )
    place = folder / "exercise"
    (place / RECORD).parent.mkdir(parents=True)

    def exercise(raw: bytes) -> None:
        (place / RECORD).write_bytes(raw)
        find_place(place)

    yield Target("exercise", exercise, [json.dumps(to_content(_some(Exercise))).encode()], json_mutated, share=0.2)


def _some(kind: Any) -> Any:
    """A value of this type; of a dataclass with all its fields."""
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return _some(next(one for one in get_args(kind) if one is not type(None)))
    if origin is tuple:
        return (_some(get_args(kind)[0]),)
    if origin is dict:
        return {"a": _some(get_args(kind)[1])}
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{one.name: _some(hints[one.name]) for one in fields(kind)})  # type: ignore[operator]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind))
    return NOW if kind is datetime else 1 if kind is Any else kind(1)
