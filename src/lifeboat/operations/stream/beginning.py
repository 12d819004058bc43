"""Where a stream goes on, or begins anew.

It goes on where its memory ends; where that is lost, where its own newest segment in the repository ends, if it may look there. Whether
the server still tells that same history is proved by the first look (``oplog/tail.py``). Otherwise a new chain begins: at the
newest snapshot of one instant, if the oplog reaches back to it, because then that is its base; else now, and a snapshot is needed.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from bson import Timestamp

from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.value import Value
from lifeboat.operations.last_instant import last_instant
from lifeboat.operations.segment_summary import read_summary
from lifeboat.operations.stream.filling import edge_of
from lifeboat.operations.stream.memory import Remembered
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.segment_format import Edge
from lifeboat.repository.segment_writing import new_chain
from lifeboat.repository.segments import Segment, list_segments
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.errors import DatabaseBusy
from lifeboat.sources.mongodb.oplog.flatten import position_of
from lifeboat.sources.mongodb.oplog.read import entry_at, majority_point

FIRST = "the archive begins here"


class Beginning(Value):
    """Args:
    because: Why a new chain begins; None where an earlier one goes on.
    snapshot_after: See ``Remembered``.
    """

    chain: str
    edge: Edge
    because: str | None
    snapshot_after: ClusterTime | None
    is_at_snapshot: bool = False


def own_newest(repository: Repository, writer: str) -> Remembered | None:
    """Where this writer's archive ends, by the repository itself; None when there is none, or its rights and keys do not allow to look."""
    try:
        own = [one for one in list_segments(repository) if one.writer == writer and not one.is_part]
        # By when it was stored: after a server was set back, the newest chain may well end before an older one.
        newest = max(own, key=lambda one: (one.modified, one.through), default=None)
        if newest is None:
            return None
        segment = Segment(repository, newest)
        statement, databases = segment.statement, read_summary(segment.summary()).databases
    except LifeboatError as error:
        if error.worth_retrying:
            raise
        return None
    return Remembered(
        writer=writer,
        set_name=statement.set_name,
        chain=newest.chain,
        through=statement.through,
        previous=newest.name,
        databases=databases,
        written=statement.written,
        # Whether it has its snapshot went with the memory: at worst one more is taken.
        snapshot_after=min(one.after for one in own if one.chain == newest.chain),
    )


def go_on(last: Remembered) -> Beginning:
    return Beginning(last.chain, last.through, None, last.snapshot_after)


def begin_anew(
    client: Client,
    repository: Repository,
    writer: str,
    databases: Sequence[str] | None,
    hash_of: Callable[[bytes], bytes],
    because: str,
    *,
    may_use_snapshot: bool,
) -> Beginning:
    """A new chain.

    Args:
        may_use_snapshot: Not after another history began: the newest snapshot may be of the one before.
    """
    base = base_of(repository, writer, databases) if may_use_snapshot else None
    entry = entry_at(client, Timestamp(*base)) if base else None
    if entry is None:
        now = majority_point(client)
        entry = entry_at(client, now)
        if entry is None:
            raise DatabaseBusy("reading the oplog: its newest entry is not to be read yet", "try again in a moment")
    edge = edge_of(position_of(entry), hash_of(entry))
    return Beginning(new_chain(), edge, because, edge.time, is_at_snapshot=base == edge.time)


def begin_at(edge: Edge, because: str) -> Beginning:
    """A new chain right after an entry that could not be taken."""
    return Beginning(new_chain(), edge, because, edge.time)


def base_of(repository: Repository, writer: str, databases: Sequence[str] | None) -> ClusterTime | None:
    """The instant of the newest snapshot that this writer's archive can begin at; None when none is known here."""
    last = last_instant(repository.state)
    if last is None or last.writer != writer or _set_of(last.databases) != _set_of(databases):
        return None
    return last.time


def differences(last: Remembered, databases: Sequence[str] | None, set_name: str) -> str | None:
    """Why what was archived so far cannot simply go on, before the server was asked anything; None when it can."""
    if last.set_name != set_name:
        return f"the server is a member of the set {set_name}, and {last.set_name} was archived before"
    if _set_of(last.databases) != _set_of(databases):
        return f"other databases are followed now: {named(databases)} instead of {named(last.databases)}"
    return None


def named(databases: Sequence[str] | None) -> str:
    return "all" if databases is None else ", ".join(databases) or "none"


def instant_of(time: ClusterTime) -> str:
    return f"{datetime.fromtimestamp(time.seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _set_of(databases: Sequence[str] | None) -> frozenset[str] | None:
    return None if databases is None else frozenset(databases)
