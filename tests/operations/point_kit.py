"""An archive made of a real server's oplog without a stream process: what it holds is then exactly known."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from bson import Timestamp
from pymongo import MongoClient
from window_kit import CLOCK, Client, WindowKit, held_now

from lifeboat.app.points import open_point
from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.operations.restore_mongodb import DatabaseRestore
from lifeboat.operations.segment_summary import SummaryBuilder
from lifeboat.repository.segment_format import Edge
from lifeboat.repository.segment_writing import Draft, SegmentWriter, in_blocks, new_chain
from lifeboat.sources.mongodb.catalog_read import is_wanted
from lifeboat.sources.mongodb.landing import Target
from lifeboat.sources.mongodb.oplog.command import Event
from lifeboat.sources.mongodb.oplog.flatten import Flattener
from lifeboat.sources.mongodb.oplog.read import entries_from, entry_at, majority_point


@dataclass
class PointKit(WindowKit):
    """A repository in memory with an archive beside the snapshots."""

    chain: str = field(default_factory=new_chain)
    databases: Sequence[str] | None = None

    def archive(
        self,
        client: Client,
        after: Timestamp,
        through: Timestamp | None = None,
        *,
        entries_each: int = 50,
        part: int = 0,
    ) -> Timestamp:
        """Store what happened after one instant up to another (else now), some entries in a segment; returns the end.

        Args:
            part: Events in a part; 0 for none.
        """
        writer = SegmentWriter(self.repository, self.repository.writer(CLOCK.now()))
        flattener = Flattener(lambda name: is_wanted(name, self.databases), lambda when: entry_at(client, when))
        set_name = client.admin.command("hello")["setName"]
        through = through or client.admin.command("appendOplogNote", 1, data={"kit": 1})["operationTime"]
        held: list[Event] = []
        begin = reached = after
        seen = 0

        def store() -> None:
            nonlocal begin, held, seen
            if reached == begin:
                return
            edges = [Edge(ClusterTime(one.time, one.inc), 1, b"") for one in (begin, reached)]
            draft = Draft(edges[0], edges[1], self.chain, None, None, (), len(held), set_name, "kit")
            parts, events = [], len(held)
            while part and len(held) > part:
                own = replace(draft.part(), events=part)
                parts.append(writer.write(own, self._summary(held[:part]), self._blocks(held[:part])).name)
                held = held[part:]
            whole = Draft(edges[0], edges[1], self.chain, None, None, tuple(parts), events, set_name, "kit")
            writer.write(whole, self._summary(held), self._blocks(held))
            begin, held, seen = reached, [], 0

        for position, entry in entries_from(client, after, None, through):
            if position.when <= after:
                continue
            held += flattener.events_of(entry)
            reached, seen = position.when, seen + 1
            if seen >= entries_each:
                store()
        store()
        return reached

    def restore_at(
        self,
        goal: Timestamp | None,
        client: Client,
        *,
        renames: Sequence[str] = (),
        namespaces: Sequence[str] = (),
        target: Target = Target.EMPTY_PLACE,
    ) -> tuple[Any, Any]:
        """Bring the database back as of an instant; returns the parts and the findings."""
        with ExitStack() as stack:
            at = None if goal is None else ClusterTime(goal.time, goal.inc)
            point = open_point(self.repository, at, stack)
            restore = DatabaseRestore(point, client, "here", target, namespaces, renames, self.repository.state)
            done = restore.carry_out(
                restore.plan(), compare="full", with_users=False, clock=CLOCK, progress=self.progress
            )
            restore.forget_journal()
        return done

    def held_at(self, goal: Timestamp | None, scratch: str, database: str, **how: Any) -> dict[str, Any]:
        """What a restore to an empty server brings back of one database."""
        with MongoClient[dict[str, Any]](scratch) as other:
            for name in other.list_database_names():
                if name not in ("admin", "local", "config"):
                    other.drop_database(name)
            self.restore_at(goal, other, **how)
            return held_now(other, database)

    def _summary(self, events: Sequence[Event]) -> bytes:
        builder = SummaryBuilder(self.databases)
        for event in events:
            builder.add(event, event.to_bson())
        return builder.build()

    def _blocks(self, events: Sequence[Event]) -> list[bytes]:
        return in_blocks([event.to_bson() for event in events], 20_000)


def now_of(client: Client) -> Timestamp:
    """The instant of the newest write that a majority has."""
    client.admin.command("appendOplogNote", 1, data={"kit": 1}, writeConcern={"w": "majority"})
    return majority_point(client)
