"""What can be restored, and what should perhaps be undone: the archive looked at for one set of settings."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from lifeboat.app.points import goal_of
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.progress import Progress
from lifeboat.operations.find_suspects import SuspectsReport, find_suspects
from lifeboat.operations.moments import MomentUnclear, read_moment, writer_in
from lifeboat.operations.timeline_report import MomentReport, TimelineReport, look_at_moment, look_at_timeline
from lifeboat.repository.open_repository import Repository

LAST = timedelta(hours=24)


class LookingBack:
    """Args: clock: Gives what ``10 minutes ago`` counts from."""

    def __init__(self, repository: Repository, clock: Clock, progress: Progress) -> None:
        self._repository = repository
        self._clock = clock
        self._progress = progress

    def timeline(self, since: str | None, until: str | None) -> TimelineReport:
        begin, end = self._instant(since), self._instant(until)
        _refuse_backwards(begin, end or self._clock.now())
        return look_at_timeline(self._repository, begin, end)

    def moment(self, at: str | None, before_op: str | None) -> MomentReport:
        goal = goal_of(self._repository, at, before_op, self._clock.now())
        return look_at_moment(self._repository, goal, writer_in(at or before_op))

    def suspects(
        self,
        since: str | None,
        until: str | None,
        near: str | None,
        within_seconds: float,
        namespaces: Sequence[str],
        least: int | None,
        writer: str | None = None,
    ) -> SuspectsReport:
        """Args: near: Looks so many seconds to both sides of it; else from ``since`` to ``until``, which are the last day if not said."""
        now = self._clock.now()
        begin, end = self._instant(since), self._instant(until)
        middle = self._instant(near)
        if middle is not None:
            apart = timedelta(seconds=within_seconds)
            begin, end = middle - apart, middle + apart
        end = end or now + timedelta(hours=1)  # a server's clock may run ahead
        begin = begin or min(now, end) - LAST
        _refuse_backwards(begin, end)
        return find_suspects(
            self._repository,
            ClusterTime(max(0, int(begin.timestamp())), 0),
            ClusterTime(int(end.timestamp()) + 1, 0),
            namespaces=namespaces,
            least=least,
            label=writer,
            progress=self._progress,
        )

    def _instant(self, text: str | None) -> datetime | None:
        if text is None:
            return None
        now = self._clock.now()
        goal = read_moment(text, now).goal
        return now if goal is None else goal.instant


def _refuse_backwards(begin: datetime | None, end: datetime) -> None:
    if begin is not None and begin >= end:
        raise MomentUnclear("the window ends before it begins", "--from comes before --to; both with their time zone")
