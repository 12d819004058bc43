"""Carry out a restore: land all beside the live data, compare, erase, swap collection by collection, arm, views, users.

Invariant: until every collection has landed and was compared, nothing live is touched; from then on each live
collection is the old one whole or the new one whole, and a run that was killed is finished by running it again with what
it had marked. Marks (``mark(step, namespace)``, given back as ``finished`` in the form ``"step namespace"``):
``landed:<uuid>`` and ``replayed:<uuid>`` where changes follow the documents, ``compared:<uuid>`` before the swap,
``erasing:<uuid>:<which>:<counts>`` when it is known what is to be erased of what landed, ``erased:<uuid>:<which>`` when that is gone,
``armed`` when a collection is done, ``viewed`` for a view.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Literal

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.finding import Finding
from lifeboat.foundation.progress import Progress, Silent
from lifeboat.foundation.value import Value, field
from lifeboat.sources.mongodb.any_name import collection_of
from lifeboat.sources.mongodb.arm import arm
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.documents import Tally
from lifeboat.sources.mongodb.erase import Chooses, ErasedThere
from lifeboat.sources.mongodb.erase_landed import ErasingLanded
from lifeboat.sources.mongodb.errors import DatabaseAway, LandingDiffers
from lifeboat.sources.mongodb.land import How, Landed, ReadChunks, land
from lifeboat.sources.mongodb.land_window import REPLAYS_AT_MOST, Changes, finish_after_replay, place_of, staged
from lifeboat.sources.mongodb.landing import SERVER_SCRIPTS, Found, Landing
from lifeboat.sources.mongodb.meaning import in_our_words
from lifeboat.sources.mongodb.oplog.replay import Place, replay
from lifeboat.sources.mongodb.restore_plan import RestorePlan
from lifeboat.sources.mongodb.restore_views import drop_views_in_the_way, restore_view
from lifeboat.sources.mongodb.series_swap import allow_mixed_buckets, swap_in_series, tidy_series
from lifeboat.sources.mongodb.server_scripts import copy_server_scripts, make_server_scripts
from lifeboat.sources.mongodb.swap import swap_in
from lifeboat.sources.mongodb.target_server import TargetServer
from lifeboat.sources.mongodb.users_restore import restore_users

THREADS = 2
"""Two saturate a server that shares two cores with us (120 MB/s; one 79, three 115)."""


class CollectionReport(Value):
    """Args: result: ``"new"``, ``"replaced"`` or ``"already restored"``; documents and bytes are those compared."""

    namespace: str
    documents: int
    size_bytes: int
    seconds: float
    result: str
    changes: int | None = None
    """How many were replayed after the comparison; None where none were to be."""


class RestoreReport(Value):
    """What was done. Args: untouched: live collections that the snapshot does not have."""

    collections: tuple[CollectionReport, ...]
    untouched: tuple[str, ...]
    findings: tuple[Finding, ...]
    erased: Mapping[str, tuple[ErasedThere, ...]] = field(default_factory=dict)
    """What was taken out before the swap, by the collection's name here."""

    @property
    def documents(self) -> int:
        return sum(collection.documents for collection in self.collections)

    @property
    def size_bytes(self) -> int:
        return sum(collection.size_bytes for collection in self.collections)


def _no_mark(step: str, namespace: str) -> None:
    pass


def carry_out(
    plan: RestorePlan,
    client: Client,
    read_chunks: ReadChunks,
    *,
    clock: Clock,
    users: Sequence[bytes] = (),
    roles: Sequence[bytes] = (),
    compare: Literal["full", "counts"] = "full",
    threads: int = THREADS,
    progress: Progress | None = None,
    finished: AbstractSet[str] = frozenset(),
    mark: Callable[[str, str], None] = _no_mark,
    changes: Changes | None = None,
    erased: Mapping[str, Chooses] | None = None,
) -> RestoreReport:
    """Do what the plan says.

    Args:
        read_chunks: Gives the authenticated chunks of an entry, each of whole BSON documents and at most 20 MiB.
        users: Raw documents; those missing on the server are added. Give none to leave users alone.
        finished: What an earlier, killed run of the same restore marked.
        mark: Called when a step is done; must have stored it durably when it returns.
        changes: What happened to the documents since they were read, if they were not all read as of one instant.
        erased: What must not come back, by namespace as it was stored: taken out when all was compared, before the first swap.

    Raises:
        TargetNotEmpty, RestorePlanInvalid: The plan has refusals; nothing was done.
        LandingDiffers, ErasureRefused: Before the first swap: nothing live was touched.
        DatabaseAway: The server went away and did not come back for two minutes; run again, it goes on.
    """
    for refusal in plan.refusals:
        raise refusal
    server = TargetServer(client, clock=clock, progress=progress)
    how = How(compare == "full", max(1, threads), progress or Silent())
    run = _Run(plan, server, how, finished, mark)
    run.land_all(read_chunks) if changes is None else run.land_and_replay(read_chunks, changes)
    erasing = ErasingLanded(server, erased or {}, finished, mark)
    for landing, landed in run.landed():
        erasing.erase(landing, landed.uuid)
    run.swap_all()
    run.put_views()
    findings = [*plan.findings, *run.findings, *erasing.findings, *restore_users(server, users, roles)]
    return RestoreReport(tuple(run.reports), plan.untouched, tuple(findings), erasing.account)


class _Run:
    """The state of one run: what has landed, and what there is to report."""

    def __init__(
        self,
        plan: RestorePlan,
        server: TargetServer,
        how: How,
        finished: AbstractSet[str],
        mark: Callable[[str, str], None],
    ) -> None:
        self._plan = plan
        self._server = server
        self._how = how
        self._finished = finished
        self._mark = mark
        self._landed: dict[str, tuple[Landed, float]] = {}
        self._changes: dict[str, int] = {}
        self.findings: list[Finding] = []
        self.reports: list[CollectionReport] = []

    def land_all(self, read_chunks: ReadChunks) -> None:
        for landing in self._collections():
            self._how.progress.begin(f"restoring {landing.namespace}")
            began = self._server.clock.monotonic()
            landed = self._landed_before(landing)
            if landed is None:
                landed = land(self._server, landing, read_chunks, self._how)
                self._mark(f"compared:{landed.uuid}", landing.namespace)
            self.findings += landed.findings
            self._landed[landing.namespace] = (landed, self._server.clock.monotonic() - began)

    def land_and_replay(self, read_chunks: ReadChunks, changes: Changes) -> None:
        """Documents of all; then the changes, in one go; then indexes. Nothing is replayed onto an index: it could be unique."""
        waiting: list[tuple[Landing, Landed, float]] = []
        for landing in self._collections():
            self._how.progress.begin(f"restoring {landing.namespace}")
            began = self._server.clock.monotonic()
            landed = self._landed_before(landing)
            if landed is not None:
                self._landed[landing.namespace] = (landed, 0.0)
                continue
            stage = staged(landing)
            landed = self._marked("landed", landing, stage.temporary)
            if landed is None:
                again = landing.entry.namespace in changes.later
                landed = land(self._server, stage, read_chunks, self._how, documents_only=True, may_repeat=again)
                self._mark(f"landed:{landed.uuid}", landing.namespace)
            waiting.append((landing, landed, self._server.clock.monotonic() - began))
        self._replay([(landing, landed) for landing, landed, _ in waiting], changes)
        for landing, landed, seconds in waiting:
            self._how.progress.begin(f"finishing {landing.namespace}")
            began = self._server.clock.monotonic()
            done = finish_after_replay(self._server, landing, landed, self._how)
            self._mark(f"compared:{done.uuid}", landing.namespace)
            self.findings += done.findings
            self._landed[landing.namespace] = (done, seconds + self._server.clock.monotonic() - began)

    def _replay(self, landings: Sequence[tuple[Landing, Landed]], changes: Changes) -> None:
        still = [
            (landing, landed)
            for landing, landed in landings
            if f"replayed:{landed.uuid} {landing.namespace}" not in self._finished
        ]
        if not still:
            return
        self._how.progress.begin("replaying what happened meanwhile")
        places = {landing.entry.uuid: place_of(landing, landed.uuid) for landing, landed in still}
        counts = self._replay_undisturbed(places, changes)
        for landing, landed in still:
            self._changes[landing.namespace] = counts[landing.entry.uuid]
            self._mark(f"replayed:{landed.uuid}", landing.namespace)

    def _replay_undisturbed(self, places: Mapping[bytes, Place], changes: Changes) -> dict[bytes, int]:
        """An order given to a server that froze may be carried out behind or beside later ones; all of it again puts that right."""
        for _ in range(REPLAYS_AT_MOST):
            troubles = self._server.troubles
            try:
                counts = replay(self._server, places, changes.chunks(), self._how.progress, changes.births)
            except LandingDiffers:
                if self._server.troubles == troubles:
                    raise
            else:
                if self._server.troubles == troubles:
                    return counts
            self._how.progress.note("the database was away while changes were replayed; replaying them once more")
        raise DatabaseAway(
            f"the database went away during each of {REPLAYS_AT_MOST} replays of what happened meanwhile",
            "when it is quiet, type the same command again: it goes on from what it has done",
        )

    def landed(self) -> list[tuple[Landing, Landed]]:
        """All collections, which have been compared."""
        return [(landing, self._landed[landing.namespace][0]) for landing in self._collections()]

    def swap_all(self) -> None:
        self._how.progress.begin("swapping in", total_items=len(self._landed))
        drop_views_in_the_way(self._server, self._plan.landings)
        for landing in self._collections():
            landed, seconds = self._landed[landing.namespace]
            if landing.found is not Found.RESTORED:
                self._swap(landing, landed)
            if f"armed {landing.namespace}" not in self._finished:
                if landing.is_series:
                    tidy_series(self._server, landing)
                    self.findings += allow_mixed_buckets(self._server, landing)
                if landing.name != SERVER_SCRIPTS:
                    not_built = {finding.hurts[0] for finding in landed.findings}
                    self.findings += arm(self._server, landing, not_built)
                self._mark("armed", landing.namespace)
            changes = self._changes.get(landing.namespace)
            self.reports.append(replace(_report(landing, landed.tally, seconds), changes=changes))
            self._how.progress.advance(done_items=1)

    def _swap(self, landing: Landing, landed: Landed) -> None:
        if landing.name == SERVER_SCRIPTS:
            step = f"compared:{make_server_scripts(self._server, landing)}"
            if f"{step} {landing.namespace}" not in self._finished:
                self._mark(step, landing.namespace)
            copy_server_scripts(self._server, landing)
        elif landing.is_series:
            swap_in_series(self._server, landing, landed.uuid, self._plan.target)
        else:
            swap_in(self._server, landing, landed.uuid, self._plan.target)

    def put_views(self) -> None:
        """Those that are refused are tried again after the others: a view may look at the next, and at a former one until that is changed."""
        waiting = [
            landing
            for landing in self._plan.landings
            if landing.is_view and f"viewed {landing.namespace}" not in self._finished
        ]
        while waiting:
            refused = {landing: found for landing in waiting if (found := self._put_view(landing))}
            if len(refused) == len(waiting):
                self.findings += [finding for found in refused.values() for finding in found]
                return
            waiting = list(refused)

    def _put_view(self, landing: Landing) -> list[Finding]:
        places = {each.entry.namespace: each for each in self._plan.landings}
        view_on = str(landing.entry.options["viewOn"])
        looked_at = places.get(f"{landing.entry.database}.{view_on}")
        if looked_at and looked_at.database == landing.database:
            view_on = looked_at.name
        findings = restore_view(self._server, landing, view_on)
        if not findings:
            self._mark("viewed", landing.namespace)
            self.reports.append(_report(landing, Tally(), 0.0))
        return findings

    def _collections(self) -> list[Landing]:
        return [landing for landing in self._plan.landings if not landing.is_view]

    def _landed_before(self, landing: Landing) -> Landed | None:
        """What a killed run had already compared, under its temporary or its final name."""
        return self._marked(
            "compared", landing, landing.final if landing.found is Found.RESTORED else landing.temporary
        )

    def _marked(self, step: str, landing: Landing, name: str) -> Landed | None:
        uuid = self._server.uuid_behind(landing.database, name)
        if f"{step}:{uuid} {landing.namespace}" not in self._finished or uuid is None:
            return None
        return Landed(uuid, Tally(documents=self._server.repeat(lambda: self._count(landing, name))))

    def _count(self, landing: Landing, name: str) -> int:
        with in_our_words(f"counting {landing.namespace}"):
            return collection_of(self._server.database(landing.database), name).estimated_document_count()


def _report(landing: Landing, tally: Tally, seconds: float) -> CollectionReport:
    results = {Found.NOTHING: "new", Found.RESTORED: "already restored"}
    result = results.get(landing.found, "replaced")
    return CollectionReport(landing.namespace, tally.documents, tally.size_bytes, seconds, result)
