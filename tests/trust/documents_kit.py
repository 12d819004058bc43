"""A pretended server with a history that is known exactly, and real snapshots and segments of it, in a repository whose clock goes by hand."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import bson
from archive_kit import edge
from bson import SON, Timestamp
from prune_kit import SMALL, World

from lifeboat.app.points import open_point
from lifeboat.crypto.sealing import Kind
from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.operations.documents_at import DocumentsAt
from lifeboat.operations.segment_summary import SummaryBuilder
from lifeboat.repository.names import Class, Source
from lifeboat.repository.record import Record
from lifeboat.repository.segment_writing import Draft, SegmentWriter, in_blocks, new_chain
from lifeboat.repository.segments import StoredSegment
from lifeboat.repository.streams import StreamWriter, write_root
from lifeboat.repository.writing import Run
from lifeboat.retention.rules import Rules
from lifeboat.sources.mongodb.catalog import describe
from lifeboat.sources.mongodb.documents import spans_of
from lifeboat.sources.mongodb.oplog.change import Change
from lifeboat.sources.mongodb.oplog.command import Command, Event

DATABASE = "shop"
Documents = dict[Any, dict[str, Any]]
State = dict[str, list[bytes]]
"""By collection's name: its documents, sorted."""
ID_INDEX = {"v": 2, "key": {"_id": 1}, "name": "_id_"}


@dataclass
class PretendedServer:
    """Collections in memory, and the oplog of what was done to them."""

    world: World
    held: dict[bytes, tuple[str, Documents]] = field(default_factory=dict)
    """By UUID: name and documents."""
    oplog: list[Event] = field(default_factory=list)
    times: list[ClusterTime] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    """As of each of ``times``."""
    copies: list[tuple[int, dict[bytes, Documents]]] = field(default_factory=list)
    """How long the oplog was, and the documents then."""
    made: int = 0

    def tick(self, seconds: int = 1) -> ClusterTime:
        """A new instant; 0: in the same second as the last."""
        self.world.after(seconds=seconds)
        now = ClusterTime(int(self.world.clock.moment.timestamp()), 1)
        return max(now, ClusterTime(self.times[-1].seconds, self.times[-1].increment + 1)) if self.times else now

    def did(self, when: ClusterTime, *events: Event) -> None:
        self.oplog += events
        self.times.append(when)
        self.states.append(self.state())
        self.copies.append((len(self.oplog), {uuid: dict(documents) for uuid, (_, documents) in self.held.items()}))

    def state(self) -> State:
        return {name: sorted(map(bson.encode, documents.values())) for name, documents in self.held.values()}

    def state_at(self, goal: ClusterTime) -> State:
        """What a client would have seen."""
        return next(
            (state for time, state in zip(reversed(self.times), reversed(self.states), strict=True) if time <= goal), {}
        )

    def named(self, name: str) -> bytes | None:
        return next((uuid for uuid, (there, _) in self.held.items() if there == name), None)

    # What clients do: each returns the events of one instant

    def put(self, when: ClusterTime, uuid: bytes, key: Any, fields: dict[str, Any]) -> Change:
        """Insert, or replace as a whole."""
        name, documents = self.held[uuid]
        kind = "u" if key in documents else "i"
        documents[key] = {"_id": key, **fields}
        return self._change(when, kind, name, uuid, documents[key], {"_id": key} if kind == "u" else None)

    def alter(self, when: ClusterTime, uuid: bytes, key: Any, fields: dict[str, Any]) -> Change:
        """Set what is not None, remove what is; told as a difference."""
        name, documents = self.held[uuid]
        before = documents[key]
        diff: dict[str, dict[str, Any]] = {}
        gone = {one: False for one, value in fields.items() if value is None and one in before}
        changed = {one: value for one, value in fields.items() if value is not None and one in before}
        new = {one: value for one, value in fields.items() if value is not None and one not in before}
        for section, part in (("d", gone), ("u", changed), ("i", new)):
            if part:
                diff[section] = part
        documents[key] = {**{one: value for one, value in before.items() if one not in gone}, **changed, **new}
        return self._change(when, "u", name, uuid, {"$v": 2, "diff": diff}, {"_id": key})

    def remove(self, when: ClusterTime, uuid: bytes, key: Any) -> Change:
        name, documents = self.held[uuid]
        del documents[key]
        return self._change(when, "d", name, uuid, {"_id": key}, None)

    def create(self, when: ClusterTime, name: str) -> Command:
        self.made += 1
        uuid = self.made.to_bytes(16, "big")
        self.held[uuid] = name, {}
        return self._command(when, uuid, {"create": name, "idIndex": ID_INDEX})

    def drop(self, when: ClusterTime, uuid: bytes) -> Command:
        name, _ = self.held.pop(uuid)
        return self._command(when, uuid, {"drop": name})

    def rename(self, when: ClusterTime, uuid: bytes, to: str) -> Command:
        """Over one of that name, if there is."""
        name, documents = self.held[uuid]
        over = self.named(to)
        if over is not None:
            del self.held[over]
        self.held[uuid] = to, documents
        o: dict[str, Any] = {"renameCollection": f"{DATABASE}.{name}", "to": f"{DATABASE}.{to}", "stayTemp": False}
        if over is not None:
            o["dropTarget"] = bson.Binary(over, 4)
        return self._command(when, uuid, o)

    def _change(
        self, when: ClusterTime, kind: str, name: str, uuid: bytes, o: dict[str, Any], o2: dict[str, Any] | None
    ) -> Change:
        stamp = Timestamp(when.seconds, when.increment)
        encoded = None if o2 is None else bson.encode(o2)
        return Change(stamp, bytes(8), kind, f"{DATABASE}.{name}", uuid, bson.encode(o), encoded)

    def _command(self, when: ClusterTime, uuid: bytes, o: dict[str, Any]) -> Command:
        stamp = Timestamp(when.seconds, when.increment)
        return Command(stamp, bytes(8), f"{DATABASE}.$cmd", uuid, bson.encode(o), None)


@dataclass
class Recorder:
    """One chain of segments after another: what a stream does, and a second one beside it."""

    server: PretendedServer
    chain: str = ""
    at: int = 0
    """How much of the oplog it has stored or left out."""
    reached: ClusterTime = field(default_factory=lambda: ClusterTime(0, 0))
    because: str | None = None
    last: str | None = None

    def begin(self, because: str = "the stream was stopped") -> None:
        """Anew, from now on."""
        self.chain, self.because, self.last = new_chain(), because, None
        self.at, self.reached = len(self.server.oplog), self.server.tick()

    def store(self, writer: SegmentWriter, back: int = 0, *, in_parts: bool = False) -> StoredSegment:
        """Everything up to now. Args: back: So many events once more. in_parts: As a large transaction is stored."""
        oplog = self.server.oplog
        first = max(0, self.at - back)
        after = self.reached
        if first < self.at:
            stamp = oplog[first].when
            after = min(after, ClusterTime(stamp.time, stamp.inc - 1))
        events = [one for one in oplog[first:] if after < ClusterTime(one.when.time, one.when.inc)]
        through = self.server.tick()
        draft = Draft(edge(after), edge(through), self.chain, self.because, self.last, (), len(events), "rs0", "test")
        tail, parts = events, ()
        if in_parts and len(events) > 1:
            head, tail = events[:-1], events[-1:]
            own = replace(draft.part(), events=len(head), previous=None)
            parts = (writer.write(own, SummaryBuilder(None).build(), blocks(head)).name,)
        summary = SummaryBuilder(None)
        for event in events:
            summary.add(event, event.to_bson())
        stored = writer.write(replace(draft, parts=parts), summary.build(), blocks(tail))
        self.at, self.reached, self.because, self.last = len(oplog), through, None, stored.name
        return stored


def blocks(events: Sequence[Event]) -> list[bytes]:
    return in_blocks([one.to_bson() for one in events], 2_000)


class Database:
    """A host's database in a repository. Tests that plant a loss break one of these methods in a subclass."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.server = PretendedServer(self.world)
        repository = self.world.open()
        self.writer = SegmentWriter(repository, repository.writer(self.world.clock.now()))

    def back_up(self, since: int | None = None, class_: Class = Class.SHORT) -> tuple[Record, ClusterTime]:
        """A snapshot of now. Args: since: Documents are as they were when the oplog was so long, and what changed them is stored beside."""
        repository, server = self.world.open(), self.server
        time = server.tick()
        server.did(time)
        writer = repository.writer(self.world.clock.now())
        with Run(
            repository,
            writer,
            Source.MONGODB,
            now=self.world.clock.now(),
            clock=self.world.clock,
            limits=SMALL,
            class_=class_,
        ) as run:
            streams, lines = [], []
            for uuid, (name, documents) in sorted(server.held.items()):
                stream = StreamWriter(run, f"{DATABASE}.{name}", Kind.CONTENT)
                for chunk in self.read(uuid, documents, since):
                    stream.append(chunk)
                streams.append(stream.finish())
                entry = describe(DATABASE, name, {}, [SON(ID_INDEX)], uuid)
                line = {
                    "database": DATABASE,
                    "collection": name,
                    "kind": entry.kind,
                    "documents": len(documents),
                    "stream": f"{DATABASE}.{name}",
                    "metadata": entry.metadata,
                    **({} if since is None else {"later": True}),
                }
                lines.append(json.dumps(line).encode() + b"\n")
            named = [
                ("catalog", Kind.LINES, b"".join(lines)),
                ("users", Kind.CONTENT, b""),
                ("roles", Kind.CONTENT, b""),
            ]
            if since is not None:
                changes = [one.to_bson() for one in server.oplog[since:] if isinstance(one, Change)]
                named.append(("oplog", Kind.CONTENT, b"".join(changes)))
            for name, kind, raw in named:
                stream = StreamWriter(run, name, kind)
                if raw:
                    stream.append(raw)
                streams.append(stream.finish())
            told = {
                "server": {"set_name": "rs0"},
                "cluster_time": [time.seconds, time.increment],
                "databases": [DATABASE],
            }
            record = run.commit(
                write_root(run, streams, told, []),
                point="p",
                instant=self.world.clock.moment,
                one_instant=True,
                complete=True,
                total_bytes=sum(one.total_bytes for one in streams),
                items=1,
                software="test",
                now=repository.store.time_there,
            )
        return record, time

    def read(self, uuid: bytes, documents: Documents, since: int | None) -> Iterator[bytes]:
        """A collection's documents in chunks; with ``since`` every other one as it was then, as a long read finds them."""
        raw = [bson.encode(one) for one in documents.values()]
        if since is not None:
            before = next(copy for length, copy in reversed(self.server.copies) if length <= since)[uuid]
            keys = [*documents, *(one for one in before if one not in documents)]
            raw = []
            for number, key in enumerate(keys):
                found = before.get(key) if number % 2 else documents.get(key)
                if found is not None:
                    raw.append(bson.encode(found))
        for at in range(0, len(raw), 3):
            yield b"".join(raw[at : at + 3])

    def prune(self, rules: Rules) -> None:
        self.world.prune(rules)

    def documents_at(self, goal: ClusterTime | None, held_at_most_bytes: int) -> State:
        """All collections as of an instant, out of the repository alone."""
        with ExitStack() as stack:
            point = open_point(self.world.open(), goal, stack)
            found: State = {}
            for stored in point.collections:
                documents: list[bytes] = []
                for look in DocumentsAt(point, stored, held_at_most_bytes=held_at_most_bytes).looks():
                    documents += [look.block[begin:end] for begin, end in spans_of(look.block)]
                found[stored.entry.name] = sorted(documents)
        return found
