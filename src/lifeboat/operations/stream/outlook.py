"""How far behind the archive is, how fast it goes, and how long the server's oplog still holds what is not stored."""

from collections.abc import Callable

from bson import Timestamp

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.sizes import show_seconds
from lifeboat.foundation.value import Value
from lifeboat.operations.doctor.database import TELLING_SECONDS, check_oplog
from lifeboat.operations.stream.memory import StreamMemory
from lifeboat.operations.stream.report import StreamStatus, Watcher
from lifeboat.repository.record import show_time
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.history import oplog_window
from lifeboat.sources.mongodb.oplog.read import majority_point
from lifeboat.sources.mongodb.server_facts import ServerFacts

ASK_EVERY_SECONDS = 2.0
WINDOW_EVERY_SECONDS = 3600.0
WINDOW_IN_TROUBLE_SECONDS = 60.0
TELL_EVERY_SECONDS = 1.0
WRITE_EVERY_SECONDS = 10.0
PACE_OVER_SECONDS = 10.0
SOON_SECONDS = 3600.0
"""When this is left, somebody should know."""
SURELY_SECONDS = 30.0
"""What is over by then was an election, or a store that stumbled."""


class Outlook:
    """Args: say: Hears of a short oplog."""

    def __init__(
        self,
        client: Client,
        clock: Clock,
        watcher: Watcher,
        memory: StreamMemory,
        outage_seconds: float,
        say: Callable[[Finding], None],
    ) -> None:
        self._client = client
        self._clock = clock
        self._watcher = watcher
        self._memory = memory
        self._outage_seconds = outage_seconds
        self._say = say
        self._newest: ClusterTime | None = None
        self._asked_at = -ASK_EVERY_SECONDS
        self._window_seconds: float | None = None
        self._window_at: float | None = None
        self._told_at = -TELL_EVERY_SECONDS
        self._written_at = -WRITE_EVERY_SECONDS
        self._taken: list[tuple[float, int]] = []
        self._said_soon = False
        self._waits_since: float | None = None

    def ask(self, facts: ServerFacts, in_trouble: bool) -> None:
        """Ask the server how far it is, and now and then how long its oplog is; raises what a server that is away raises."""
        now = self._clock.monotonic()
        if now - self._asked_at >= ASK_EVERY_SECONDS:
            self._newest = _cluster_time(majority_point(self._client))
            self._asked_at = now
        every = WINDOW_IN_TROUBLE_SECONDS if in_trouble else WINDOW_EVERY_SECONDS
        if self._window_at is None or now - self._window_at >= every:
            self._look_at_window(facts, now)

    def _look_at_window(self, facts: ServerFacts, now: float) -> None:
        first = self._window_at is None
        window = oplog_window(self._client)
        self._window_at = now
        if window is not None:
            best = max(window.seconds, window.full_seconds or 0.0)
            is_full = window.full_seconds == window.seconds
            self._window_seconds = best if is_full or window.seconds >= TELLING_SECONDS else None
        for one in check_oplog(self._client, facts, 0.0, self._outage_seconds):
            if one.level is not Level.OK or first:
                self._say(one)

    def status(self, seen: "Seen") -> StreamStatus:
        now = self._clock.monotonic()
        self._taken = [one for one in self._taken if now - one[0] <= PACE_OVER_SECONDS] or self._taken[-1:]
        self._taken.append((now, seen.events))
        (since, before), span = self._taken[0], max(now - self._taken[0][0], 1e-9)
        safe = seen.stored if seen.is_pending else seen.taken or seen.stored
        lag: float | None = None
        if seen.waiting_for is None and self._newest is not None and safe is not None:
            lag = max(0.0, float(self._newest.seconds - safe.seconds)) if safe < self._newest else 0.0
        return StreamStatus(
            at=self._clock.now(),
            chain=seen.chain,
            through=safe,
            lag_seconds=lag,
            events=seen.events,
            events_per_second=(seen.events - before) / span if now - since >= TELL_EVERY_SECONDS / 2 else 0.0,
            segments=seen.segments,
            stored_bytes=seen.stored_bytes,
            oplog_left_seconds=self._left(safe),
            waiting_for=seen.waiting_for,
            snapshot=seen.snapshot,
            gap=seen.gap,
        )

    def tell(self, seen: "Seen", *, at_once: bool = False) -> StreamStatus | None:
        """Tell the watcher, and leave word, when it is time to."""
        now = self._clock.monotonic()
        if not at_once and now - self._told_at < TELL_EVERY_SECONDS:
            return None
        self._told_at = now
        status = self.status(seen)
        self._watcher.moved(status)
        self._warn_if_soon(status)
        if at_once or now - self._written_at >= WRITE_EVERY_SECONDS:
            self._written_at = now
            self._memory.tell(as_told(status, ended=seen.ended))
        return status

    def _left(self, safe: ClusterTime | None) -> float | None:
        if self._window_seconds is None or safe is None:
            return None
        behind = max(0.0, self._clock.now().timestamp() - safe.seconds)
        return max(0.0, self._window_seconds - behind)

    def _warn_if_soon(self, status: StreamStatus) -> None:
        left = status.oplog_left_seconds
        now = self._clock.monotonic()
        if status.waiting_for is None:
            self._said_soon, self._waits_since = False, None
            return
        self._waits_since = now if self._waits_since is None else self._waits_since
        if now - self._waits_since < SURELY_SECONDS:
            return
        if left is not None and left < SOON_SECONDS and not self._said_soon:
            self._said_soon = True
            words = f"{status.waiting_for}; the oplog holds what is not stored for about {show_seconds(left)} more, then there is a gap"
            hint = "make it larger: `db.adminCommand({replSetResizeOplog: 1, size: MEGABYTES})`"
            self._say(Finding(Level.PROBLEM, "stream-oplog-ends-soon", "oplog", words, hint))


class Seen(Value):
    """What the stream itself knows, for a status.

    Args:
        stored: The end of what is durable. taken: Of what was read.
        is_pending: Whether some change between the two is not durable yet.
    """

    chain: str
    stored: ClusterTime | None
    taken: ClusterTime | None
    is_pending: bool
    events: int
    segments: int
    stored_bytes: int
    waiting_for: str | None
    snapshot: str | None
    gap: str | None
    ended: bool


def as_told(status: StreamStatus, *, ended: bool) -> dict[str, object]:
    """Form of ``stream-state.json``."""
    return {
        "at": show_time(status.at),
        "ended": ended,
        "chain": status.chain,
        "through": None if status.through is None else list(status.through),
        "lag_seconds": status.lag_seconds,
        "oplog_left_seconds": status.oplog_left_seconds,
        "waiting_for": status.waiting_for,
        "snapshot": status.snapshot,
        "gap": status.gap,
    }


def _cluster_time(when: Timestamp) -> ClusterTime:
    return ClusterTime(when.time, when.inc)
