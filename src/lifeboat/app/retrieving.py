"""What a request needs from archive classes: told, asked for, waited for."""

from collections.abc import Iterable

from lifeboat.app.plan_jobs import ORDER, together
from lifeboat.app.points import goal_of, newest_until
from lifeboat.app.settings import Settings
from lifeboat.cloud.prices.load import load_prices
from lifeboat.cloud.prices.prices import Prices
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.operations.moments import writer_in
from lifeboat.operations.recovery_points import base_of
from lifeboat.operations.reports.restores import RestoreRequest
from lifeboat.operations.reports.snapshots import SnapshotRow
from lifeboat.operations.retrieve.chosen import chunks_of_collections, chunks_of_files
from lifeboat.operations.retrieve.needs import ArchivedObjects, Chosen, Wanted, WantedChanges
from lifeboat.operations.retrieve.run import DAYS, Retrieval
from lifeboat.operations.retrieve.whereabouts import with_whereabouts
from lifeboat.operations.timeline import find_bases
from lifeboat.repository.errors import RetrievalNeeded
from lifeboat.repository.names import Source
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.record import Record


class Retrieving:
    """For one repository. Where the store has no archive classes nothing is asked of it."""

    def __init__(self, settings: Settings, repository: Repository, clock: Clock) -> None:
        self._settings = settings
        self._repository = repository
        self._clock = clock
        self.may_be_any = ArchivedObjects(repository.store, clock).may_be_any

    def retrieval(self, request: RestoreRequest, *, days: int = DAYS, only_lists: bool = False) -> Retrieval:
        """Of what a restore of this request reads, whatever its target; ``source`` may be empty where the snapshot says it."""
        wanted = self._wanted(request) if self.may_be_any else []
        return Retrieval(self._repository, wanted, self._clock, days=days, only_lists=only_lists, prices=self._prices)

    def whereabouts(self, rows: Iterable[SnapshotRow]) -> list[SnapshotRow]:
        """The same rows, each with ``where`` it lies."""
        return with_whereabouts(self._repository, rows, self._clock, self._prices)

    def _prices(self) -> Prices:
        said = self._settings
        return load_prices(said.repository.region, said.aws.prices)

    def _wanted(self, request: RestoreRequest) -> list[Wanted | WantedChanges]:
        if request.is_of_a_moment:
            return self._of_a_moment(request)
        if request.source != "all":
            record = self._repository.find_snapshot(request.snapshot, ORDER.get(request.source))
            return [Wanted(record, chosen_of(request, record))]
        return [Wanted(one, chosen_of(request, one)) for one in together(self._repository, request.snapshot)]

    def _of_a_moment(self, request: RestoreRequest) -> list[Wanted | WantedChanges]:
        """Collections may have had other names in the snapshot than at the moment: of the database all is wanted."""
        repository, wanted = self._repository, list[Wanted | WantedChanges]()
        goal: ClusterTime | None = None
        is_known = True
        try:
            goal = goal_of(repository, request.at, request.before_op, self._clock.now())
        except RetrievalNeeded:
            is_known = False  # the operation is looked for in the archive of changes, which cannot be read itself
            wanted.append(WantedChanges(None, None))
        for name, source in ORDER.items():
            if not is_known or request.source not in (name, "all"):
                continue
            if source == Source.MONGODB:
                wanted += self._database(goal, writer_in(request.at or request.before_op))
            elif (record := newest_until(repository, source, goal)) is not None:
                wanted.append(Wanted(record, chosen_of(request, record)))
        return wanted

    def _database(self, goal: ClusterTime | None, writer: str | None) -> list[Wanted | WantedChanges]:
        repository = self._repository
        try:
            base, stretch = next(find_bases(repository, goal, writer))
        except RetrievalNeeded as needed:
            # Where not even the changes around it can be read, names and records alone say what the moment follows from.
            record = self._newest_base(goal) if not needed.snapshot else repository.find_snapshot(needed.snapshot)
            if record is None:
                return [WantedChanges(None, goal)]
            return [Wanted(record), WantedChanges(ClusterTime(int(record.instant.timestamp()), 0), goal)]
        changes = [] if stretch is None else [WantedChanges(base.earliest, goal)]
        return [Wanted(base.record), *changes]

    def _newest_base(self, goal: ClusterTime | None) -> Record | None:
        bases = (one for one in self._repository.judged_here(self._repository.snapshots()) if base_of(one) is not None)
        return next((one for one in bases if goal is None or one.instant <= goal.instant), None)


def chosen_of(request: RestoreRequest, record: Record) -> Chosen | None:
    """What the request chooses of this snapshot; None for all of it."""
    if record.source == Source.MONGODB:
        if not request.namespaces:
            return None
        return lambda reader: chunks_of_collections(reader, request.namespaces)
    if not (request.include or request.exclude or request.paths):
        return None

    def of_files(reader: SnapshotReader) -> "list[bytes]":
        return list(chunks_of_files(reader, request.include, request.exclude, request.paths))

    return of_files
