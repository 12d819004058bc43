"""How far a listing of the archive is believed: as far as the newest segment of each writer that opens.

A name costs nothing to plant for who may write there, and one that promises the future would keep every alarm silent. So the newest one of
each writer is opened (its front and statement, nothing of its content). What lies between is believed by name, until a restore or `verify` opens it.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta

from lifeboat.foundation.errors import RepositoryDamaged
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.segments import Segment, StoredSegment
from lifeboat.storage.errors import ObjectArchived, StorageDenied

TRIED_AT_MOST = 50
CLOCKS_APART = timedelta(hours=1)
"""A server's clock may run ahead of the store's, but not by more."""


def believed(repository: Repository, listed: Iterable[StoredSegment]) -> tuple[list[StoredSegment], tuple[str, ...]]:
    """Those up to the newest of each writer that opens, and the names past it; where none may be read, those from the future are left out."""
    latest = repository.store.time_there() + CLOCKS_APART
    by_writer: dict[str, list[StoredSegment]] = defaultdict(list)
    for one in listed:
        if one.through.instant <= latest:
            by_writer[one.writer].append(one)
    unsound = {name for of_writer in by_writer.values() for name in _until_one_opens(repository, of_writer)}
    kept = [one for of_writer in by_writer.values() for one in of_writer if one.name not in unsound]
    return kept, tuple(sorted(unsound))


def _until_one_opens(repository: Repository, of_writer: list[StoredSegment]) -> set[str]:
    unsound: set[str] = set()
    archived: set[str] = set()
    """Believed where all are: age rules take the oldest first, so one in an archive class past one that opens was put there."""
    if of_writer[0].writer in repository.secrets:
        whole = (one for one in of_writer if not one.is_part)
        for one in sorted(whole, key=lambda one: one.through, reverse=True)[:TRIED_AT_MOST]:
            try:
                Segment(repository, one)
            except RepositoryDamaged:
                unsound.add(one.name)
            except ObjectArchived:
                archived.add(one.name)
            except StorageDenied:
                break
            else:
                return unsound | archived
    return unsound
