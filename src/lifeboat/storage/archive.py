"""What a store with archive classes offers beyond ``ObjectStore``: which objects have to be brought back, and bringing them back.

Reached through ``unwrapped(store)``. A copy that was brought back can be read for some days; the object itself stays where it is.

Limits: the archive tiers inside INTELLIGENT_TIERING do not show in a listing; what lies there is found out when it is read.
"""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from lifeboat.foundation.errors import StorageError
from lifeboat.foundation.value import Value

ARCHIVE_CLASSES = ("GLACIER", "DEEP_ARCHIVE")
"""S3's names of what is sold as Glacier Flexible Retrieval and Glacier Deep Archive; everything else is read at once."""
REST_DAYS = {"STANDARD_IA": 30, "ONEZONE_IA": 30, "GLACIER_IR": 180}
"""Classes that are read at once, where each GB that is read is billed, and for how long a pack there that was found whole is left alone by a
turn of the rolling check: reading then costs about as much as keeping (decision 0211).
"""


class Tier(StrEnum):
    """How fast, and for how much, slowest first."""

    BULK = "bulk"
    STANDARD = "standard"
    EXPEDITED = "expedited"

    def is_faster_than(self, other: "Tier") -> bool:
        order = list(Tier)
        return order.index(self) > order.index(other)


class Answer(StrEnum):
    """What the store made of a request."""

    TAKEN = "taken"
    """It comes, after the time of the tier."""
    PROLONGED = "prolonged"
    """It was there already, and is now there for longer."""
    COMING = "coming"
    """It had been asked for before, at this tier or a faster one; nothing is paid twice."""
    NOT_ARCHIVED = "not-archived"
    """It lies in a class that is read at once."""


class ArchivedObject(Value):
    """An object in an archive class. Args: coming: it was asked for. readable_until: by when its copy goes again; None: there is none."""

    name: str
    size_bytes: int
    storage_class: str
    coming: bool = False
    readable_until: datetime | None = None

    @property
    def is_readable(self) -> bool:
        return self.readable_until is not None


class ExpeditedUnavailable(StorageError):
    """The store has no room for expedited retrievals now: they are not guaranteed unless capacity was bought."""

    code = "expedited-unavailable"


@runtime_checkable
class BringsBack(Protocol):
    """A store with archive classes. Safe to call from many threads; nothing is tried again."""

    def archived_under(self, prefix: str) -> Iterator[ArchivedObject]:
        """Those of a prefix that lie in an archive class, and how they stand, by name."""
        ...

    def archive_state(self, name: str) -> ArchivedObject | None:
        """How one object stands; None for one that is read at once. Raises ``ObjectMissing``."""
        ...

    def bring_back(self, name: str, days: int, tier: Tier) -> Answer:
        """Ask for a copy that can be read for ``days``; of one that is there, make it last that long from now.

        Raises:
            ExpeditedUnavailable: Another tier may do. StorageDenied: Without s3:RestoreObject.
        """
        ...
