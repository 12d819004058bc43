"""``aws undelete`` for these settings: without opening the repository, of which nothing may be left to see."""

from datetime import UTC, datetime

from lifeboat.app.aws_bucket import need_bucket
from lifeboat.app.build import build_store
from lifeboat.app.settings import Settings
from lifeboat.cloud.errors import CloudNotOffered
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.progress import Progress
from lifeboat.operations.moments import read_moment
from lifeboat.operations.undelete.plan import UndeletePlan, plan_undelete
from lifeboat.operations.undelete.run import UndeleteReport, carry_out, report_of
from lifeboat.storage.conformance.hooks import unwrapped
from lifeboat.storage.versions import KeepsVersions


class Undeleting:
    """Looks once, and then does what was shown. Args: since: a time as people type it; None: all that was ever hidden."""

    def __init__(self, settings: Settings, clock: Clock, progress: Progress, since: str | None) -> None:
        need_bucket(settings)
        store = build_store(settings, clock)
        place = unwrapped(store)
        if not isinstance(place, KeepsVersions):
            raise CloudNotOffered(f"{store.describe()} keeps no versions", "")
        self._place: KeepsVersions = place
        self._where = store.describe()
        self._progress = progress
        self._since = _instant(since, clock) if since is not None else None
        self._plan: UndeletePlan | None = None

    def plan(self) -> UndeleteReport:
        """Look; changes nothing. Raises ``StorageDenied``."""
        return report_of(self._looked(), self._where, dry_run=True)

    def run(self) -> UndeleteReport:
        """Bring back what ``plan`` showed."""
        plan = self._looked()
        came, copied, findings = carry_out(self._place, plan, self._progress)
        return report_of(plan, self._where, dry_run=False, brought_back=came, by_copy=copied, findings=findings)

    def _looked(self) -> UndeletePlan:
        if self._plan is None:
            self._plan = plan_undelete(self._place, self._progress, self._since)
        return self._plan


def _instant(since: str, clock: Clock) -> datetime | None:
    goal = read_moment(since, clock.now()).goal
    return None if goal is None else datetime.fromtimestamp(goal.seconds, UTC)
