"""Compare a collection at two instants: where both follow from one snapshot, by what happened between them; else document by document."""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from bson import Timestamp

from lifeboat.app.points import open_point
from lifeboat.app.restore_job import incomplete
from lifeboat.app.settings import Settings
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.near_names import did_you_mean
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.value import Value
from lifeboat.operations.archived import archived_between
from lifeboat.operations.database_point import DatabasePoint, StoredCollection
from lifeboat.operations.diff import Account, account_of, account_of_sides
from lifeboat.operations.diff_report import LIVE, DiffEnd, DiffReport, DiffRequest
from lifeboat.operations.differing import BothSides, LiveSide, Nothing, Pair, Side, StoredSide, touched_between
from lifeboat.operations.documents_at import DocumentsAt
from lifeboat.operations.moments import read_moment, writer_in
from lifeboat.operations.put_back_documents import refuse_single_documents
from lifeboat.operations.recovery_points import base_of
from lifeboat.operations.timeline import Clockwork, CommonBase, common_bases
from lifeboat.repository.names import Source
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.record import Record
from lifeboat.sources.mongodb.connect import connect
from lifeboat.sources.mongodb.errors import CollectionRefused, OplogNotFollowed, RestorePlanInvalid
from lifeboat.sources.mongodb.filter_match import Matcher, ServerMatcher
from lifeboat.sources.mongodb.filter_text import read_filter
from lifeboat.sources.mongodb.target_server import TargetServer, uuid_in

_SNAPSHOT = re.compile(r"[0-9a-f]{4,64}|latest(@.+)?", re.IGNORECASE)
PLAIN = ("collection", "capped")


class _Meant(Value):
    """What was written for one of the instants: a snapshot, or a moment (``goal`` None: the newest)."""

    text: str
    record: Record | None
    goal: ClusterTime | None


class _End(Value):
    """One side. Args: point: None for live. stored: None where the name means nothing then, and for live."""

    point: DatabasePoint | None
    stored: StoredCollection | None
    told: DiffEnd


class Diffing:
    """One comparison."""

    def __init__(
        self, settings: Settings, repository: Repository, clock: Clock, progress: Progress, request: DiffRequest
    ) -> None:
        self._settings = settings
        self._repository = repository
        self._clock = clock
        self._progress = progress
        self._request = request
        self._stack = ExitStack()
        self._connected: TargetServer | None = None
        self._database, _, self._name = request.namespace.partition(".")

    def run(self) -> DiffReport:
        """Raises:
        MomentUnclear, MomentNotCovered, SnapshotUnknown: One of the instants is not to be had.
        RestorePlanInvalid: There is no such collection at either.
        """
        began, request = self._clock.monotonic(), self._request
        self._repository.need_identity()
        if request.since.strip().lower() == LIVE:
            raise SettingsError(
                "--from live has nothing to go on from", "--to live: lifeboat diff --from TIME --to live"
            )
        wanted = None if request.filter is None else read_filter(request.filter)
        with self._stack:
            since, until = self._ends()
            self._refuse_what_has_no_documents(since, until)
            matcher: Matcher | None = None
            if wanted is not None:
                of = until.stored or since.stored
                collation = None if of is None else of.entry.options.get("collation")
                server_matcher = ServerMatcher(self._server(), self._database, wanted, collation)
                server_matcher.check()
                matcher = server_matcher
            account = self._account(since, until, matcher)
        counts = account.counts
        return DiffReport(
            request.namespace,
            since.told,
            until.told,
            request.filter,
            counts["added"],
            counts["removed"],
            counts["changed"],
            tuple(account.rows),
            self._clock.monotonic() - began,
            (*_findings(request.namespace, since, until), *_incomplete(since, until)),
        )

    def _account(self, since: _End, until: _End, matcher: Matcher | None) -> Account:
        total = sum(one.stored.bytes for one in (since, until) if one.stored is not None)
        limit = self._request.limit
        touched = _touched(since, until, self._progress)
        if touched is not None:
            self._progress.begin("comparing", total // 2)
            return account_of(touched, limit, matcher)
        self._progress.begin("comparing", total if until.point is not None else None)
        shared = _shared_chunks(since, until)
        sides = (self._side(since, shared), self._side(until, shared))
        return account_of_sides(BothSides(*sides, self._progress.advance), limit, matcher)

    def _side(self, end: _End, shared: frozenset[bytes]) -> Side:
        if end.point is not None:
            return Nothing() if end.stored is None else StoredSide(DocumentsAt(end.point, end.stored), shared)
        return Nothing() if end.told.uuid is None else LiveSide(self._server(), self._database, self._name)

    def _ends(self) -> tuple[_End, _End]:
        request = self._request
        first = self._meant(request.since)
        if request.until.strip().lower() == LIVE:
            return self._stored_end(first, self._open(first)), self._live_end()
        last = self._meant(request.until)
        together = None if first.record and last.record else self._open_together(first, last)
        one, other = together or (self._open(first), self._open(last))
        return self._stored_end(first, one), self._stored_end(last, other)

    def _meant(self, text: str) -> _Meant:
        written = text.strip()
        if _SNAPSHOT.fullmatch(written):
            return _Meant(written, self._repository.find_snapshot(written, Source.MONGODB), None)
        return _Meant(written, None, read_moment(written, self._clock.now()).goal)

    def _open_together(self, *meant: _Meant) -> tuple[DatabasePoint, DatabasePoint] | None:
        """On one snapshot that both follow from, so that only what happened between them is compared; None where there is none."""
        writers = {writer_in(one.text) for one in meant}
        goals = self._goals_of(meant, writers) if len(writers) == 1 else []
        for common in common_bases(self._repository, goals, *writers) if goals else ():
            with ExitStack() as own:
                reader = own.enter_context(SnapshotReader(self._repository, common.base.record))
                try:
                    first, last = (self._point_on(common, reader, goal) for goal in common.goals)
                except OplogNotFollowed:
                    continue  # taken amid an $out, say: an older one has all of that
                self._stack.push(own.pop_all())
                return first, last
        return None

    def _goals_of(self, meant: Sequence[_Meant], writers: set[str | None]) -> list[ClusterTime | None]:
        """Exactly (None: the newest); empty where one of them has no instant in this machine's history."""
        goals = []
        (writer,) = writers
        for one in meant:
            goal = one.goal
            if one.record is not None:
                base = base_of(one.record)
                exactly = None if base is None else Clockwork(self._repository)(base)
                if exactly is None or self._repository.label_of(one.record) != (writer or self._repository.own_label()):
                    return []
                goal = exactly.latest
            goals.append(goal)
        return goals

    def _point_on(self, common: CommonBase, reader: SnapshotReader, goal: ClusterTime) -> DatabasePoint:
        base, stretch = common.base, common.stretch
        if stretch is None or goal == base.latest:
            return DatabasePoint(reader)
        return DatabasePoint(reader, archived_between(self._repository, stretch, base.latest, goal))

    def _open(self, meant: _Meant) -> DatabasePoint:
        if meant.record is None:
            return open_point(self._repository, meant.goal, self._stack, writer_in(meant.text))
        reader = self._stack.enter_context(SnapshotReader(self._repository, meant.record))
        refuse_single_documents(reader)
        return DatabasePoint(reader)

    def _stored_end(self, meant: _Meant, point: DatabasePoint) -> _End:
        stored = point.by_namespace.get(self._request.namespace)
        goal, record = _instant_of(point), point.record
        told = DiffEnd(
            meant.text,
            record.instant if goal is None else goal.instant,
            None if goal is None else goal.words(),
            record.snapshot,
            point.since is not None,
            None if stored is None else stored.entry.uuid.hex(),
        )
        return _End(point, stored, told)

    def _live_end(self) -> _End:
        found = self._server().listed(self._database, self._name).get(self._name)
        if found is not None and found["type"] != "collection":
            raise _no_documents_of_its_own(self._request.namespace, str(found["type"]))
        told = DiffEnd(LIVE, self._clock.now(), None, None, False, None if found is None else uuid_in(found) or "")
        return _End(None, None, told)

    def _server(self) -> TargetServer:
        if self._connected is None:
            client = self._stack.enter_context(connect(self._settings.need_mongodb()))
            self._connected = TargetServer(client, clock=self._clock, progress=self._progress)
        return self._connected

    def _refuse_what_has_no_documents(self, *ends: _End) -> None:
        namespace = self._request.namespace
        if all(end.told.uuid is None for end in ends):
            known = {name for end in ends if end.point is not None for name in end.point.by_namespace}
            raise RestorePlanInvalid(
                f"there is no collection called {namespace} at either instant",
                f"{did_you_mean(namespace, known)}`lifeboat snapshots SNAPSHOT` lists what one has",
            )
        for end in ends:
            if end.stored is not None and end.stored.entry.kind not in PLAIN:
                raise _no_documents_of_its_own(namespace, end.stored.entry.kind)


def _touched(since: _End, until: _End, progress: Progress) -> Iterator[Pair] | None:
    """By what happened between the two; None where they do not follow from one snapshot, or are not one collection."""
    if since.point is None or until.point is None or since.stored is None or until.stored is None:
        return None
    uuid, one, other = since.stored.entry.uuid, since.point, until.point
    same = uuid == until.stored.entry.uuid and one.births.get(uuid) == other.births.get(uuid)
    instants = [_instant_of(point) for point in (one, other)]
    if not uuid or not same or one.record.snapshot != other.record.snapshot or None in instants:
        return None
    first, last = (instant for instant in instants if instant is not None)
    if first <= last:
        return touched_between(one, other, since.stored, Timestamp(*first), progress.advance)
    backwards = touched_between(other, one, until.stored, Timestamp(*last), progress.advance)
    return (pair.turned for pair in backwards)


def _shared_chunks(since: _End, until: _End) -> frozenset[bytes]:
    """Chunks that two snapshots have in common hold the same documents, unless changes follow them."""
    ends = [
        DocumentsAt(end.point, end.stored) for end in (since, until) if end.point and end.stored and not end.point.since
    ]
    if len(ends) < 2 or any(one.has_changed() for one in ends):
        return frozenset()
    return frozenset(ends[0].chunk_ids()) & frozenset(ends[1].chunk_ids())


def _instant_of(point: DatabasePoint) -> ClusterTime | None:
    """Exactly; None for a snapshot that has no such instant."""
    if point.since is not None:
        return point.since.goal
    stored = point.reader.details.get("cluster_time")
    return ClusterTime(*stored) if isinstance(stored, list) and len(stored) == 2 else None


def _findings(namespace: str, since: _End, until: _End) -> Iterator[Finding]:
    for end, what in ((since, "removed or changed"), (until, "added or changed")):
        if end.told.uuid is None:
            message = f"there is no collection of this name at {end.told.text}, so nothing was {what}"
            yield Finding(Level.WARNING, "collection-absent", namespace, message, _renamed(namespace, since, until))
    if since.told.uuid and until.told.uuid and since.told.uuid != until.told.uuid:
        message = "at the two instants this name means two collections: it was dropped and made again, or renamed"
        yield Finding(Level.WARNING, "another-collection", namespace, message, _renamed(namespace, since, until))


def _incomplete(*ends: _End) -> Iterator[Finding]:
    """What a snapshot lacks is told as removed or added, and must not be believed."""
    yield from dict.fromkeys(one for end in ends if end.point is not None for one in incomplete(end.point.record))


def _renamed(namespace: str, since: _End, until: _End) -> str:
    """Where the collection of the one instant is at the other."""
    said = []
    for end, other in ((since, until), (until, since)):
        for one in other.point.collections if other.point is not None else ():
            if end.told.uuid and one.entry.uuid.hex() == end.told.uuid and one.entry.namespace != namespace:
                said.append(f"that of {end.told.text} is called {one.entry.namespace} at {other.told.text}")
    return "; ".join(said)


def _no_documents_of_its_own(namespace: str, kind: str) -> CollectionRefused:
    return CollectionRefused(
        f"{namespace} is a {'view' if kind == 'view' else 'time-series collection'}: it is not compared document by document",
        "name the collection that it shows"
        if kind == "view"
        else "restore both beside each other: `lifeboat restore db --at TIME --ns DB.COLL --to NAME`",
    )
