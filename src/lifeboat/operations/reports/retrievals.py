"""What has to be brought back from archive classes, what that takes and costs, and how it stands."""

from datetime import datetime

from lifeboat.foundation.value import Value


class AwayRow(Value):
    """What lies in one archive class and was not asked for yet."""

    storage_class: str
    """As S3 names it: ``GLACIER``, ``DEEP_ARCHIVE``."""
    objects: int
    bytes: int


class Offer(Value):
    """What bringing all of it back at one tier takes and costs."""

    tier: str
    """``bulk``, ``standard`` or ``expedited``."""
    seconds: float | None
    """The longest that AWS names; None where a class is not to be had at this tier."""
    dollars: float | None
    refused_for: str | None = None
    """The class that is not to be had at this tier."""


class RetrievalReport(Value):
    """How the objects that a job needs stand.

    Everything is readable when ``away`` and ``coming`` are empty.
    """

    snapshots: tuple[str, ...]
    """Ids."""
    objects: int
    """In archive classes, of those that the job needs."""
    bytes: int
    readable: int
    """Brought back already."""
    coming: int
    """Asked for, and not there yet."""
    coming_bytes: int
    ready_at: datetime | None
    """By when all that is coming should be there, as AWS promises it; None where it is not known when it was asked for."""
    readable_until: datetime | None
    """When the first of the copies goes again."""
    away: tuple[AwayRow, ...]
    offers: tuple[Offer, ...]
    """Of what is away, slowest first."""
    days: int
    """For how long a copy that is asked for now can be read."""
    prices: str = ""
    """Whose prices the dollars are, in words."""
    only_lists: bool = False
    """Only what says where everything is: what the chosen part needs besides is known when that can be read."""
    all_for_a_part: bool = False
    """A part was chosen; which objects hold it is not known before the lists can be read, so all of the snapshot's are meant."""
    lists: int = 0
    """With ``all_for_a_part``: how many of the objects hold the lists."""
    lists_bytes: int = 0
    requested: int = 0
    """By this run."""
    prolonged: int = 0
    """Copies that this run made last longer."""
    tier: str | None = None
    """At which this run asked."""

    @property
    def is_readable(self) -> bool:
        return not self.away and not self.coming

    @property
    def away_objects(self) -> int:
        return sum(one.objects for one in self.away)

    @property
    def away_bytes(self) -> int:
        return sum(one.bytes for one in self.away)

    def offer(self, tier: str) -> Offer:
        return next(one for one in self.offers if one.tier == tier)
