"""Two listings, sorted by name, walked side by side. Pure; memory does not grow with their length."""

from collections.abc import Iterator

from lifeboat.foundation.errors import StorageError
from lifeboat.storage.object_store import StoredObject

Pair = tuple[StoredObject | None, StoredObject | None]


class ListingUnordered(StorageError):
    """A store lists names in another order than that of their bytes."""

    code = "listing-unordered"


def side_by_side(here: Iterator[StoredObject], there: Iterator[StoredObject]) -> Iterator[Pair]:
    """Every name of either listing once, in order, with its row in each or None where it lacks it.

    Raises:
        ListingUnordered: Taken for sorted, it would say that objects are missing which are there.
    """
    one, other = _in_order(here), _in_order(there)
    ours, theirs = next(one, None), next(other, None)
    while ours is not None or theirs is not None:
        if theirs is None or (ours is not None and ours.name < theirs.name):
            yield ours, None
            ours = next(one, None)
        elif ours is None or theirs.name < ours.name:
            yield None, theirs
            theirs = next(other, None)
        else:
            yield ours, theirs
            ours, theirs = next(one, None), next(other, None)


def _in_order(listing: Iterator[StoredObject]) -> Iterator[StoredObject]:
    last = ""
    for row in listing:
        if row.name <= last:
            raise ListingUnordered(
                f"the store lists {row.name} after {last}: not in the order of names",
                "S3 promises that order; tell whoever runs this store",
            )
        last = row.name
        yield row
