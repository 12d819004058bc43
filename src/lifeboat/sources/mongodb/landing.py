"""One collection or view of a restore: where it goes, what is there, and under which names it comes there."""

from enum import StrEnum

from lifeboat.foundation.value import Value
from lifeboat.sources.mongodb.catalog import BUCKETS, CollectionEntry
from lifeboat.sources.mongodb.landing_names import aside_name, landing_name, note_name

SERVER_SCRIPTS = "system.js"
"""Functions stored on the server: the only ``system.`` collection that is the application's."""


class Target(StrEnum):
    """Where a restore goes."""

    EMPTY_PLACE = "empty-place"
    """Another server or another name: a collection that holds anything is refused."""
    OVER_LIVE = "over-live"
    """Live collections of the same name are replaced, one by one, once all of it has landed and was compared."""


class Found(StrEnum):
    """What has the name now."""

    NOTHING = "nothing"
    EMPTY = "empty collection"
    COLLECTION = "collection"
    VIEW = "view"
    SERIES = "time-series collection"
    RESTORED = "already restored"


class Landing(Value):
    """One collection or view, and where it goes.

    Args:
        found: What is there now, and will be replaced.
        live_documents: How many documents that holds, by the server's own estimate; of a time-series collection: buckets.
        beside: Of a time-series collection: whether something has its name, so that it lands elsewhere first.
        has_begun: Whether a killed run may have taken away or replaced what was there.
    """

    entry: CollectionEntry
    database: str
    name: str
    found: Found
    live_documents: int = 0
    beside: bool = True
    has_begun: bool = False

    @property
    def namespace(self) -> str:
        return f"{self.database}.{self.name}"

    @property
    def is_series(self) -> bool:
        return self.entry.is_series

    @property
    def temporary(self) -> str:
        """Where its documents land, in the same database: beside the live ones.

        Buckets cannot be renamed by ordinary means; where nothing has the name of the collection they land in
        their final place, which users do not see before the collection is made over it.
        """
        if not self.is_series:
            return landing_name(self.name)
        return BUCKETS + (landing_name(self.name) if self.beside else self.name)

    @property
    def final(self) -> str:
        """The collection that will hold the documents."""
        return BUCKETS + self.name if self.is_series else self.name

    @property
    def note(self) -> str:
        """Of a time-series collection: where it is noted on the server whose half-made buckets these are."""
        return note_name(self.name)

    @property
    def name_of_stage(self) -> str:
        """Stands for the roomier collection in which a capped one is put together; never a name on the server."""
        return f"{self.name} (before it is capped)"

    @property
    def aside(self) -> str:
        return aside_name(self.name)

    @property
    def is_view(self) -> bool:
        return self.entry.kind == "view"

    def line(self) -> str:
        """For people: ``"shop.orders: collection, replaces a collection of 120 documents"``."""
        came = f" (was {self.entry.namespace})" if self.entry.namespace != self.namespace else ""
        if self.found is Found.NOTHING:
            act = "is new"
        elif self.found is Found.RESTORED:
            act = "is already restored and stays"
        else:
            holding = f" of about {self.live_documents} documents" if self.found is Found.COLLECTION else ""
            holding = f" of about {self.live_documents} buckets" if self.found is Found.SERIES else holding
            article = "an" if self.found is Found.EMPTY else "a"
            act = f"replaces {article} {self.found}{holding}"
        return f"{self.namespace}{came}: {self.entry.kind}, {act}"
