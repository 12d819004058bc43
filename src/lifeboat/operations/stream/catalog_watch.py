"""Follow the catalog while archiving, for one reason: an entry that no restore could follow is found now, not on the day of the restore.

It begins at the catalog of the present, as soon as the stream has caught up: that of an instant long past is out of reach. Where a user
may not list the catalog it does not begin at all, and the first restore finds out; that is said once.
"""

from collections.abc import Callable, Sequence

from bson import Timestamp

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import SourceError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.sources.mongodb.capture import capture
from lifeboat.sources.mongodb.catalog_read import is_wanted
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.oplog.catalog_follow import CatalogFollower
from lifeboat.sources.mongodb.oplog.command import Event
from lifeboat.sources.mongodb.oplog.read import majority_point

AGAIN_SECONDS = 60.0


class CatalogWatch:
    def __init__(
        self,
        client: Client,
        databases: Sequence[str] | None,
        *,
        clock: Clock,
        say: Callable[[Finding], None],
    ) -> None:
        self._client = client
        self._databases = databases
        self._clock = clock
        self._say = say
        self._follower: CatalogFollower | None = None
        self._from: Timestamp | None = None
        self._next_try = 0.0
        self._said = False

    @property
    def is_on(self) -> bool:
        return self._follower is not None

    def follow(self, event: Event) -> None:
        """Raises ``OplogNotFollowed``."""
        if self._follower is not None and self._from is not None and event.when > self._from:
            self._follower.follow(event)

    def forget(self) -> None:
        """Begin anew, at a later catalog."""
        self._follower, self._next_try = None, 0.0

    def mind(self, taken: Timestamp) -> None:
        """Begin, if it has not begun: the stream has caught up.

        Args:
            taken: Everything up to here was taken; the catalog is read at a later instant or this one.
        """
        now = self._clock.monotonic()
        if self._follower is not None or now < self._next_try:
            return
        self._next_try = now + AGAIN_SECONDS
        try:
            at = max(taken, majority_point(self._client))
            with capture(self._client, self._databases, clock=self._clock, at=at) as captured:
                time, entries = captured.time, captured.collections
            if time is not None:
                self._follower = CatalogFollower(entries, lambda name: is_wanted(name, self._databases))
                self._from = time
        except SourceError as error:
            if not error.worth_retrying and not self._said:
                self._said = True
                words = f"the catalog is not followed while archiving: {error.message}; what cannot be replayed is found by a restore only"
                self._say(Finding(Level.WARNING, "stream-catalog-unseen", "catalog", words, error.hint))
