"""Which snapshots a verification proves, and whose proofs it takes back.

A snapshot is proved when its record, root, lists and data keys open now, every pack it names is there with the size and chunk table that the index
states and was opened whole since it was written (packs never change: any time is after that), and, of files, every slice that a line names is
there. So a night that reads the day's new packs proves all snapshots of that day.
"""

from collections.abc import Iterable
from datetime import datetime
from itertools import chain

from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.operations.database_point import stored_collections
from lifeboat.operations.proofs import Proofs, doubt, prove
from lifeboat.operations.stored_trees import stored_roots
from lifeboat.operations.verify.damage import name_snapshot
from lifeboat.operations.verify.found import Structure
from lifeboat.operations.verify.memory import ScrubMemory, key_of
from lifeboat.operations.verify.structure import readers
from lifeboat.operations.verify.told_packs import ToldPack
from lifeboat.operations.verify.trees import TreeCheck
from lifeboat.repository.errors import ObjectDamaged
from lifeboat.repository.names import At, Source, key_name, month_in
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.record import Record
from lifeboat.storage.errors import ObjectArchived


def prove_what_was_opened(
    repository: Repository, found: Structure, memory: ScrubMemory, trees: TreeCheck, now: datetime
) -> tuple[list[Record], list[Finding]]:
    """Store proofs of what is proved and was not yet, and doubts of what is proved no longer; returns the newly proved and findings."""
    proofs = Proofs(repository)
    said = {record.object_name for record in found.records if proofs.said_of(record) is not None}
    spoilt = _hurt(found, [record for record in found.records if record.object_name in said])
    findings = doubt(repository, spoilt, "something it needs was found damaged or missing by lifeboat verify", now)
    opened: dict[str, set[bytes]] = {}
    for at, indexed in found.packs.every():
        if _was_opened(found, memory, at, indexed):
            opened.setdefault(at[0], set()).add(at[1])
    due = [
        record
        for record in found.records
        if (record.object_name not in said or proofs.is_only_known_here(record))
        and record.object_name not in found.unsound
        and opened.get(record.place, set()).issuperset(record.packs)
    ]
    proved = []
    for record, reader in readers(repository, found, due):
        try:
            trouble = _what_keeps_it_from_coming_back(reader, trees)
        except ObjectArchived:
            continue
        if trouble is None:
            proved.append(record)
        elif record.object_name not in found.unsound:
            hurts = (name_snapshot(record),)
            findings.append(
                Finding(Level.PROBLEM, trouble.code, record.object_name, trouble.message, trouble.hint, hurts)
            )
    not_stored = prove(repository, proved, "everything it needs was opened by lifeboat verify", now)
    if not_stored:
        proved = [record for record in proved if not proofs.is_only_known_here(record)]
    return proved, [*findings, *not_stored]


def _hurt(found: Structure, records: Iterable[Record]) -> list[Record]:
    """Those that need something damaged or gone (a key that merely is not wrapped for us does not count)."""
    damaged: dict[str, set[bytes]] = {}
    for place, name in chain(found.damage.chunks, found.packs.under_keys(found.bad_keys)):
        damaged.setdefault(place, set()).add(name)
    return [
        record
        for record in records
        if record.object_name in found.broken or not damaged.get(record.place, set()).isdisjoint(record.packs)
    ]


def _was_opened(found: Structure, memory: ScrubMemory, at: At, indexed: ToldPack) -> bool:
    """Whether every chunk of the pack opened once, by the table that all indexes state now, and its key still opens."""
    if at in found.damage.chunks or at in found.disputed:
        return False
    key = key_name(month_in(at[0]), indexed.data_key_name.hex())
    last = memory.of(key_of(at[0] + at[1].hex()))
    return (
        not last.damaged
        and last.opened == indexed.fingerprint
        and key not in found.bad_keys
        and key not in found.foreign_keys
    )


def _what_keeps_it_from_coming_back(reader: SnapshotReader, trees: TreeCheck) -> LifeboatError | None:
    """Read the lists as a restore would, without the content."""
    try:
        if reader.record.source == Source.MONGODB:
            stored_collections(reader)
        else:
            stored_roots(reader)
            return trees.first_trouble(reader)
    except ObjectArchived:
        raise
    except LifeboatError as error:
        if error.worth_retrying:
            raise
        return error
    except KeyError as error:
        return ObjectDamaged(f"snapshot {reader.record.snapshot[:8]} lacks the stream {error}")
    return None
