"""The snapshot that an archive needs to be of use: one of an instant at or after its chain began. Taken at once, again until there is one.

Whoever takes it counts: the stream's own, or one of the schedule.
"""

from collections.abc import Callable, Sequence

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.sizes import show_seconds
from lifeboat.operations.stream.beginning import base_of, instant_of
from lifeboat.operations.stream.report import SnapshotTaker
from lifeboat.repository.open_repository import Repository

FIRST_PAUSE_SECONDS = 30.0
LONGEST_PAUSE_SECONDS = 3600.0
LOOK_EVERY_SECONDS = 5.0


class NeededSnapshot:
    def __init__(
        self,
        repository: Repository,
        writer: str,
        databases: Sequence[str] | None,
        taker: SnapshotTaker,
        *,
        clock: Clock,
        say: Callable[[Finding], None],
        is_there: Callable[[], None],
    ) -> None:
        self._tell_there = is_there
        self._repository = repository
        self._writer = writer
        self._databases = databases
        self._taker = taker
        self._clock = clock
        self._say = say
        self._runs = False
        self._not_before = 0.0
        self._look_at = 0.0
        self._pause = FIRST_PAUSE_SECONDS
        self.after: ClusterTime | None = None
        """A snapshot of this instant or a later one is needed; None: there is one."""
        self.has_failed = False

    @property
    def is_needed(self) -> bool:
        return self.after is not None

    @property
    def is_awaited(self) -> bool:
        """Needed, and no try has failed yet."""
        return self.after is not None and not self.has_failed

    @property
    def words(self) -> str | None:
        if self.after is None:
            return None
        if self._runs:
            return "a snapshot is being taken"
        if self.has_failed:
            return f"a snapshot is needed, and taking one failed; again in {show_seconds(max(0.0, self._not_before - self._clock.monotonic()))}"
        return "a snapshot is needed"

    def need(self, after: ClusterTime | None, quiet_seconds: float = 0.0) -> None:
        """Args: quiet_seconds: Wait this long: more of what asks for it may be to come."""
        if after is None:
            return
        self.after = after if self.after is None else max(self.after, after)
        self._look_at = 0.0
        if not self.has_failed:
            self._not_before = self._clock.monotonic() + quiet_seconds

    def mind(self) -> None:
        """Take it, look how far it is, or see that there is one; returns at once."""
        if self.after is None:
            return
        now = self._clock.monotonic()
        if self._runs:
            self._look_at_outcome(now)
        elif now >= self._look_at:
            self._look_at = now + LOOK_EVERY_SECONDS
            if not self._is_there() and now >= self._not_before:
                self._taker.begin()
                self._runs = True

    def stop(self) -> None:
        if self._runs:
            self._taker.stop()

    def _look_at_outcome(self, now: float) -> None:
        outcome = self._taker.outcome()
        if outcome is None:
            return
        self._runs = False
        if self._is_there():
            return
        self.has_failed = True
        self._not_before = now + self._pause
        self._look_at = 0.0
        self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
        why = outcome.message or "it was stored, but is not complete and of one instant"
        words = f"the snapshot that the archive needs could not be taken: {why}; without it nothing after the gap can be restored"
        self._say(Finding(Level.PROBLEM, "stream-snapshot-failed", "snapshot", words, outcome.hint))

    def _is_there(self) -> bool:
        base = base_of(self._repository, self._writer, self._databases)
        if base is None or self.after is None or base < self.after:
            return False
        words = f"the archive has its snapshot, of {instant_of(base)} ({base.words()}): every instant from there on can be restored"
        self._say(
            Finding(Level.OK, "stream-snapshot-failed" if self.has_failed else "stream-snapshot", "snapshot", words)
        )
        self.after, self.has_failed, self._pause = None, False, FIRST_PAUSE_SECONDS
        self._tell_there()
        return True
