"""What looks like a disaster in the archive, so that a person picks the moment before it: drops, renames, collections that were
replaced, and far more deletes or updates than usual. Pure.

Limits: a suspicion is no proof. What deletes all the time (a TTL index, a clean-up every hour) is left out; so what is called a
disaster depends on what is usual there.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from bson import Timestamp

from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.value import Value
from lifeboat.sources.mongodb.landing_names import is_ours
from lifeboat.sources.mongodb.oplog.change import Change, elements_of, text_of
from lifeboat.sources.mongodb.oplog.command import Command, Event

TOGETHER_SECONDS = 10
"""Drops of one database that lie no further apart are of one ``dropDatabase``; large collections take a moment each."""
RESTORE_TOGETHER_SECONDS = 600
"""Between two collections that one restore swaps in, their indexes may be built."""
_OF_THE_SERVER = re.compile(r"tmp\.(agg_out|mr)\..*|tmp\w{5}\.(convertToCapped|renameCollection)\b.*")
BUCKETS, _VIEWS = "system.buckets.", "system.views"
_COUNT_TYPES = {0x10, 0x12}


class Kind(StrEnum):
    """What happened."""

    DROP_DATABASE = "dropDatabase"
    DROP = "drop"
    RENAME = "rename"
    REPLACE = "replace"
    DELETES = "deletes"
    UPDATES = "updates"
    SHAPE = "shape"
    """Options, indexes or a view: no document is lost."""
    RESTORE = "restore"
    """By Lifeboat itself."""


class Suspect(Value):
    """Something that may be what somebody wants undone.

    Args:
        op: ``SECONDS.INCREMENT`` of its first operation: what ``--before-op`` takes.
        through: The same of its last. seconds: From the one to the other.
        documents: How many it took away or changed; None where the server does not say.
        examples: Some ``_id``, as they can be typed into a filter.
        minor: Loses no documents.
    """

    op: str
    through: str
    kind: Kind
    namespaces: tuple[str, ...]
    instant: datetime
    seconds: int
    documents: int | None
    sentence: str
    examples: tuple[str, ...] = ()
    in_transaction: bool = False
    minor: bool = False


class _Deed(Value):
    """One command, understood. Args: where: Namespaces; the one that loses something first."""

    time: ClusterTime
    kind: Kind
    where: tuple[str, ...]
    documents: int | None
    words: str
    minor: bool = False
    in_buckets: bool = False
    """``documents`` counts buckets of a time series."""


def time_of(when: Timestamp) -> ClusterTime:
    return ClusterTime(when.time, when.inc)


def suspects_among(events: Iterable[Event]) -> list[Suspect]:
    """Those among commands and changes of views, in their order; what belongs together is one."""
    open_drops: dict[str, list[_Deed]] = {}
    restored: list[_Deed] = []
    found: list[Suspect] = []

    def end_drops(database: str) -> None:
        found.extend(map(_alone, open_drops.pop(database, ())))

    for event in events:
        deed = _understood(event)
        if deed is None:
            if isinstance(event, Command) and event.name != "drop":
                end_drops(event.database)  # a ``dropDatabase`` lets nothing be made in between
            continue
        database = deed.where[0].partition(".")[0]
        dropped = open_drops.get(database, [])
        if dropped and (
            deed.time.seconds - dropped[-1].time.seconds > TOGETHER_SECONDS
            or deed.kind not in (Kind.DROP, Kind.DROP_DATABASE)
        ):
            end_drops(database)
        if deed.kind is Kind.DROP:
            open_drops.setdefault(database, []).append(deed)
        elif deed.kind is Kind.DROP_DATABASE:
            found.append(_whole_database(open_drops.pop(database, []), deed))
        elif deed.kind is Kind.RESTORE:
            if restored and deed.time.seconds - restored[-1].time.seconds > RESTORE_TOGETHER_SECONDS:
                found.append(_restore(restored))
                restored = []
            restored.append(deed)
        else:
            found.append(_alone(deed))
    for database in list(open_drops):
        end_drops(database)
    if restored:
        found.append(_restore(restored))
    return in_order(found)


def _understood(event: Event) -> _Deed | None:
    """None for what takes nothing away: ``create``, index builds, and what the server does for itself."""
    time = time_of(event.when)
    if isinstance(event, Change):
        return _of_view(event, time)
    o = elements_of(event.o)
    if event.name == "dropDatabase":
        return _Deed(time, Kind.DROP_DATABASE, (event.database,), None, "")
    if event.name == "renameCollection":
        return _renamed(event, time)
    name = text_of(o.get(event.name.encode()))
    namespace = f"{event.database}.{name}"
    if event.name == "drop":
        if is_ours(name) or _OF_THE_SERVER.fullmatch(name):
            return None
        shown = people_say(namespace)
        records = _records(event)
        buckets = name.startswith(BUCKETS)
        words = f"{shown} dropped{_with(records, namespace)}"
        return _Deed(time, Kind.DROP, (shown,), records, words, in_buckets=buckets)
    if is_ours(name):
        return None
    if event.name == "collMod":
        said = ", ".join(one.decode("utf-8", "replace") for one in o if one != b"collMod")
        words = f"{namespace}: its options were changed ({said or 'collMod'})"
        return _Deed(time, Kind.SHAPE, (namespace,), None, words, minor=True)
    if event.name in ("dropIndexes", "dropIndex", "deleteIndexes", "deleteIndex"):
        index = text_of(o.get(b"index")) or "some"
        return _Deed(time, Kind.SHAPE, (namespace,), None, f"{namespace}: index {index} dropped", minor=True)
    return None


def _renamed(command: Command, time: ClusterTime) -> _Deed | None:
    o = elements_of(command.o)
    source, to = text_of(o.get(b"renameCollection")), text_of(o.get(b"to"))
    target = o.get(b"dropTarget")
    replaces = target is not None and target[1] != b"\0"
    names = [one.partition(".")[2] for one in (source, to)]
    if any(map(is_ours, names)):
        kept = to if is_ours(names[0]) else source
        return _Deed(time, Kind.RESTORE, (people_say(kept),), None, "", minor=not replaces and is_ours(names[0]))
    records = _records(command)
    by_server = _OF_THE_SERVER.fullmatch(names[0])
    if by_server and not replaces:
        return None
    if by_server:
        what = "converted to another kind of collection" if "convertToCapped" in source else "replaced by $out"
        return _Deed(time, Kind.REPLACE, (to,), records, f"{to} {what}{_before(records)}")
    if replaces:
        words = f"{to} replaced: {source} was renamed over it{_before(records)}"
        return _Deed(time, Kind.REPLACE, (to, source), records, words)
    return _Deed(time, Kind.RENAME, (source, to), None, f"{source} renamed to {to}")


def _of_view(change: Change, time: ClusterTime) -> _Deed | None:
    if change.kind != "d":
        return None
    name = text_of(elements_of(change.o).get(b"_id"))
    return _Deed(time, Kind.SHAPE, (name,), None, f"view {name} dropped", minor=True)


def _alone(deed: _Deed) -> Suspect:
    return Suspect(
        op=deed.time.words(),
        through=deed.time.words(),
        kind=deed.kind,
        namespaces=deed.where,
        instant=deed.time.instant,
        seconds=0,
        documents=deed.documents,
        sentence=deed.words,
        minor=deed.minor,
    )


def _whole_database(drops: Sequence[_Deed], last: _Deed) -> Suspect:
    first = drops[0] if drops else last
    collections = [one for one in drops if not one.where[0].endswith(f".{_VIEWS}")]
    plain = [one.documents for one in collections if not one.in_buckets]
    documents = sum(one for one in plain if one is not None) if plain and None not in plain else None
    said = [f"{len(collections)} collection{'s' if len(collections) != 1 else ''}"] if collections else []
    said += [] if documents is None else [f"{documents:,} document{'s' if documents != 1 else ''}"]
    said += ["time series"] if len(plain) < len(collections) else []
    return replace(
        _alone(first),
        through=last.time.words(),
        kind=Kind.DROP_DATABASE,
        namespaces=(last.where[0], *(one.where[0] for one in collections)),
        seconds=last.time.seconds - first.time.seconds,
        documents=documents,
        sentence=f"database {last.where[0]} dropped{': ' if said else ''}{', '.join(said)}",
    )


def _restore(deeds: Sequence[_Deed]) -> Suspect:
    names = tuple(dict.fromkeys(one.where[0] for one in deeds))
    said = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    minor = all(one.minor for one in deeds)
    return replace(
        _alone(deeds[0]),
        through=deeds[-1].time.words(),
        namespaces=names,
        seconds=deeds[-1].time.seconds - deeds[0].time.seconds,
        sentence=f"a restore by Lifeboat {'put' if minor else 'replaced'} {said}{' there' if minor else ''}",
        minor=minor,
    )


def _records(command: Command) -> int | None:
    if command.o2 is None:
        return None
    kind, raw = elements_of(command.o2).get(b"numRecords", (0, b""))
    return int.from_bytes(raw, "little", signed=True) if kind in _COUNT_TYPES else None


def people_say(namespace: str) -> str:
    """A time series' buckets under the name that people know."""
    database, _, name = namespace.partition(".")
    return f"{database}.{name.removeprefix(BUCKETS)}"


def _with(records: int | None, namespace: str) -> str:
    if records is None:
        return ""
    one, many = ("bucket", "buckets") if f".{BUCKETS}" in namespace else ("document", "documents")
    return f", with {records:,} {one if records == 1 else many}"


def _before(records: int | None) -> str:
    return "" if records is None else f"; it held {records:,} document{'s' if records != 1 else ''}"


def operations_of(suspect: Suspect) -> tuple[ClusterTime, ClusterTime]:
    """Its first and its last operation."""
    first, last = (ClusterTime(*map(int, one.split("."))) for one in (suspect.op, suspect.through))
    return first, last


def in_order(suspects: Iterable[Suspect]) -> list[Suspect]:
    return sorted(suspects, key=lambda one: operations_of(one)[0])
