"""Is each pack that an index or a snapshot names in its place, with the size that the index states, and does its data key open?

One place (source, class, month) after another: what is listed is compared as it comes, and only what differs is kept.
"""

from array import array
from collections.abc import Mapping

from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.operations.retrieve.needs import away_under
from lifeboat.operations.verify.claims import judge
from lifeboat.operations.verify.damage import name_snapshot
from lifeboat.operations.verify.found import DAMAGE, Structure, breaks, damaged, report
from lifeboat.repository.catalog_format import Index
from lifeboat.repository.names import Class, Source, key_name, month_in, packs_prefix
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.pack_format import ROW_BYTES, unpack_row
from lifeboat.repository.record import Record
from lifeboat.retention.periods import closes
from lifeboat.storage.archive import ARCHIVE_CLASSES, REST_DAYS
from lifeboat.storage.errors import ObjectArchived

_NOT_LISTED = (1 << 64) - 1
"""In place of a size: larger than any that is listed. An index may state it."""


def read_indexes(repository: Repository, found: Structure) -> None:
    """Take in what the indexes of all snapshots say, each read once, and tell where they differ."""
    for writer, generation in sorted({(record.writer, record.generation) for record in found.records}):
        for name, index in repository.indexes(writer, generation):
            if isinstance(index, Index):
                place = packs_prefix(Source(index.source), Class(index.class_), generation)
                found.packs.add(place, name, writer, index.packs)
                continue
            found.closed_indexes.setdefault((writer, generation), []).append(index)
            damaged(
                found, name, index, ("where the chunks are; `rescue.py --rebuild-index` finds them from the packs",)
            )
    verdict = judge(found.packs, repository.store)
    for claim in verdict.contradicting:
        found.disputed.add(claim.at)
        message = f"it says something else of pack {claim.pack.name.hex()[:16]} than another index does"
        report(found, claim.pack.origin.told_in, "index-contradicted", message)
    for lie in verdict.lies:
        message = f"it tells of pack {lie.pack.name.hex()[:16]}, which is another writer's"
        report(found, lie.pack.origin.told_in, "index-contradicted", message)


def check_packs(repository: Repository, found: Structure) -> None:
    """Compare what is listed with what indexes and snapshots name."""
    of_place = found.records_by_place()
    archived: list[str] = []
    odd: dict[str, list[tuple[bytes, int, bool]]] = {}
    for place in sorted({*of_place, *found.packs.places()}):
        needed: set[bytes] = set().union(*(record.packs for record in of_place.get(place, ())))
        numbers = found.packs.numbers(place)
        listed = array("Q", [_NOT_LISTED]) * len(numbers)
        if place in of_place and _list_into(listed, numbers, repository, found, place):
            archived.append(place)
        _tell_of_unindexed(found, of_place.get(place, []), needed.difference(numbers))
        stated = found.packs.sizes(place)
        odd[place] = [
            (name, listed[number], name in needed)
            for name, number in numbers.items()
            if listed[number] == _NOT_LISTED or listed[number] != stated[number]
        ]
    now = repository.store.time_there()
    for place in archived:
        found.away |= {one.name for one in away_under(repository.store, place, now)}
    for place, differing in odd.items():
        may_be_pruned = closes(month_in(place)) <= now
        gone = [name for name, size, is_needed in differing if size == _NOT_LISTED and not is_needed and may_be_pruned]
        found.packs.drop(place, gone)  # pruned: an index stays as long as any of its packs does
        for name, size, is_needed in differing:
            if size != _NOT_LISTED or is_needed or not may_be_pruned:
                _tell_of_damaged(found, place, name, size, is_needed)


def check_keys(repository: Repository, found: Structure) -> None:
    """Whether the data key of each pack that a snapshot names is there, and opens."""
    needed: dict[str, set[str]] = {}
    for place, records in found.records_by_place().items():
        keys = found.packs.keys(place)
        for record in records:
            for key in {keys[pack] for pack in record.packs if pack in keys}:
                needed.setdefault(key_name(record.generation, key.hex()), set()).add(name_snapshot(record))
    stored = {
        one.name
        for generation in {name.split("/")[1] for name in needed}
        for one in repository.store.list_under(f"keys/{generation}/")
    }
    for name, hurt in sorted(needed.items()):
        if name not in stored:
            found.bad_keys.add(name)
            report(found, name, "data-key-missing", "the wrapped data key is gone", tuple(sorted(hurt)))
        elif repository.identity is not None:
            try:
                repository.data_key(bytes.fromhex(name.rsplit("/", 1)[-1]), name.split("/")[1])
            except ObjectArchived as error:
                found.foreign_keys.add(name)
                found.findings.append(_archived_key(name, error, tuple(sorted(hurt))))
            except LifeboatError as error:
                if error.worth_retrying:
                    raise
                (found.bad_keys if isinstance(error, DAMAGE) else found.foreign_keys).add(name)
                damaged(found, name, error, tuple(sorted(hurt)))


def _list_into(
    listed: "array[int]", numbers: Mapping[bytes, int], repository: Repository, found: Structure, place: str
) -> bool:
    """Note the size of each pack that lies there; returns whether anything there is in an archive class."""
    is_archived = False
    for stored in repository.store.list_under(place):
        number = numbers.get(_stated_name(stored.name[len(place) :]))
        if number is not None:
            listed[number] = stored.size_bytes
        if stored.storage_class in ARCHIVE_CLASSES:
            is_archived = True
        elif stored.storage_class in REST_DAYS:
            found.rest_days[stored.name] = REST_DAYS[stored.storage_class]
    return is_archived


def _stated_name(digits: str) -> bytes:
    """Empty for what is not written as packs' names are."""
    try:
        name = bytes.fromhex(digits)
    except ValueError:
        return b""
    return name if name.hex() == digits else b""


def _tell_of_unindexed(found: Structure, records: list[Record], unindexed: set[bytes]) -> None:
    for record in records if unindexed else ():
        for pack in record.packs:
            if pack in unindexed:
                breaks(found, record)
                where = record.place + pack.hex()
                report(found, where, "pack-not-indexed", "no index says what is in this pack", (name_snapshot(record),))


def _tell_of_damaged(found: Structure, place: str, name: bytes, size: int, is_needed: bool) -> None:
    """Args: size: As listed."""
    told, where = found.packs.get(place, name), place + name.hex()
    assert told is not None
    rows = told.rows
    found.damage.add((place, name), (unpack_row(rows, number).chunk for number in range(len(rows) // ROW_BYTES)))
    if size != _NOT_LISTED:
        report(found, where, "pack-cut", f"the pack has {size} bytes instead of {told.size_bytes}")
    elif is_needed:
        report(found, where, "pack-missing", "the pack is gone")
    else:
        message = "the pack is gone, and no snapshot needs it"
        found.findings.append(Finding(Level.WARNING, "pack-missing", where, message))


def _archived_key(name: str, error: ObjectArchived, hurts: tuple[str, ...]) -> Finding:
    message = (
        "the wrapped data key lies in an archive class: nothing sealed under it can be read before it is brought back"
    )
    hint = "does an age rule cover more than packs? Keys and catalog must have none"
    return Finding(Level.WARNING, error.code, name, message, hint, hurts)
