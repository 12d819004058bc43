"""Single documents: found in a snapshot by a filter, shown beside what is live, put back one by one, and how to go back.

What is shown and what is then written are one look: nothing is looked for a second time.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from lifeboat.app.database_target import database_target
from lifeboat.app.points import goal_of, open_point, row_of_point
from lifeboat.app.protecting import UNDO, Protecting
from lifeboat.app.restore_job import TargetMissing, incomplete
from lifeboat.app.settings import Settings
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.near_names import did_you_mean
from lifeboat.foundation.progress import Progress
from lifeboat.operations.database_point import DatabasePoint, StoredCollection
from lifeboat.operations.documents_at import DocumentsAt
from lifeboat.operations.erasing.load import erased_or_refused
from lifeboat.operations.moments import writer_in
from lifeboat.operations.pick_documents import Match, NothingFits, Picking, choose
from lifeboat.operations.put_back_documents import (
    DOCUMENTS_OF,
    Account,
    protect_documents,
    put_back_documents,
    undo_documents,
)
from lifeboat.operations.reports.documents import DocumentsPlan, DocumentsReport, DocumentsRequest, FoundDocuments
from lifeboat.operations.reports.restores import RestoreRequest
from lifeboat.operations.status import row_of
from lifeboat.operations.taking import new_point
from lifeboat.repository.names import Source
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.record import show_time
from lifeboat.sources.mongodb.connect import Client, address_of, connect
from lifeboat.sources.mongodb.errors import CollectionRefused, RestorePlanInvalid
from lifeboat.sources.mongodb.filter_match import FieldMatcher, ServerMatcher
from lifeboat.sources.mongodb.filter_text import read_filter
from lifeboat.sources.mongodb.live_documents import LiveCollection
from lifeboat.sources.mongodb.make_collection import make_collection
from lifeboat.sources.mongodb.target_server import TargetServer

FILES, PARTS, PARENT = ".files", ".chunks", "files_id"
"""GridFS keeps a file's description and its content in two collections."""


@dataclass
class SingleDocuments:
    """Documents that were found and compared, and have not been put back yet."""

    plan: DocumentsPlan
    _repository: Repository
    _clock: Clock
    _progress: Progress
    _protecting: Protecting
    _request: DocumentsRequest
    _pickings: list[Picking]
    """In the order in which they are put back: the parts of a file before the file."""

    def put_back(
        self,
        only: str = "all",
        numbers: frozenset[int] | None = None,
        *,
        bypass_validators: bool = False,
        progress: Progress | None = None,
    ) -> DocumentsReport:
        """Put the chosen ones back; over live data a small safety snapshot comes first, and ``undo`` goes back to it.

        Args:
            only: ``gone``, ``changed`` or ``all``; elsewhere than over live only what is gone is ever written.
            numbers: Exactly these rows of the plan instead.
        """
        began = self._clock.monotonic()
        chosen = [(picking, self._chosen(picking, only, numbers)) for picking in self._pickings]
        chosen = [(picking, matches) for picking, matches in chosen if matches]
        safety = None
        if self._request.over_live and chosen:
            taken = protect_documents(self._protecting.taking(Source.MONGODB, new_point()), chosen)
            safety = taken.record.snapshot
            self._note(safety)
        findings: list[Finding] = []
        for picking, _ in chosen:
            if not picking.live.exists:
                findings += make_collection(picking.live, picking.stored.entry)
        account = put_back_documents(chosen, progress or self._progress, bypass_validators=bypass_validators)
        if safety is not None:
            state = self._repository.state
            state.write_json(UNDO, {**(state.read_json(UNDO) or {}), "unfinished": None})
        return _report(self.plan, account, findings, self._clock.monotonic() - began, safety)

    def _chosen(self, picking: Picking, only: str, numbers: frozenset[int] | None) -> list[Match]:
        if not self._request.over_live:
            only = "gone"
        if numbers is None or picking.parents is None:
            return [
                match
                for match in choose(picking.matches, only, numbers)
                if self._request.over_live or match.verdict == "gone"
            ]
        files = self._pickings[-1]
        wanted = {files.ids_of.get(number) for number in numbers}
        return [match for match in picking.matches if match.parent in wanted]

    def _note(self, safety: str) -> None:
        """What undo goes by, before anything is written. Killed and typed again, both runs are undone together."""
        request, state, point = self._request, self._repository.state, self.plan.point
        instant = [] if point is None else [point.cluster_time]
        which = ["documents", self.plan.snapshot.snapshot, request.namespace, request.filter, *instant]
        earlier = state.read_json(UNDO) or {}
        jobs = list(earlier["jobs"]) if earlier.get("unfinished") == which else []
        jobs.append({"source": "documents", "safety": safety})
        state.write_json(UNDO, {"at": show_time(self._clock.now()), "jobs": jobs, "unfinished": which})


@contextmanager
def single_documents(
    settings: Settings,
    repository: Repository,
    clock: Clock,
    progress: Progress,
    request: DocumentsRequest,
) -> Iterator[SingleDocuments]:
    """Find the documents and compare them; the server stays connected until they were put back."""
    repository.need_identity()
    if (request.to is None) == (not request.over_live):
        raise TargetMissing(
            "a restore needs exactly one target",
            "--to a server, database or directory; or --over-live to replace what is there now",
        )
    wanted = read_filter(request.filter)
    with ExitStack() as stack:
        point = _point(repository, clock, request, stack)
        record, stored = point.record, point.by_namespace
        row = row_of_point(point)
        instant = record.instant if row is None else row.instant
        then = erased_or_refused(repository, instant, anyway=request.without_erasures)
        chosen = _collection(stored, request.namespace)
        target = RestoreRequest("db", request.snapshot, request.to, request.over_live, namespaces=(request.namespace,))
        uri, renames = database_target(settings, target, point.databases)
        server = TargetServer(stack.enter_context(connect(uri)), clock=clock, progress=progress)
        goal = dict(one.split("=", 1) for one in renames)

        def place(one: StoredCollection) -> LiveCollection:
            return LiveCollection(server, goal.get(one.entry.database, one.entry.database), one.entry.name)

        live = place(chosen)
        matcher = ServerMatcher(server, live.database, wanted, chosen.entry.options.get("collation"))
        matcher.check()
        parts = _parts_of(stored, chosen)
        progress.begin("looking through what is stored", chosen.bytes + (parts.bytes if parts else 0))
        erasers = then.erased.collections
        picking = Picking(
            DocumentsAt(point, chosen),
            live,
            matcher,
            wanted,
            keeps_ids=parts is not None,
            eraser=erasers.get(chosen.entry.namespace),
        )
        found = [picking.look(progress)]
        pickings = [picking]
        if parts is not None and picking.ids:
            by_file = FieldMatcher(PARENT, frozenset(picking.ids))
            content = Picking(
                DocumentsAt(point, parts),
                place(parts),
                by_file,
                first_number=1 + len(picking.matches),
                parents=by_file,
                eraser=erasers.get(parts.entry.namespace),
            )
            found.append(content.look(progress))
            pickings.insert(0, content)
        left_out = tuple(_left_out(one) for one in pickings if one.erased)
        if not (lacking := incomplete(record)) and not left_out:
            _refuse_nothing(found[0], request)
        findings = (*lacking, *then.findings, *left_out)
        plan = DocumentsPlan(row_of(record), address_of(uri), tuple(found), request.over_live, findings, row)
        protecting = Protecting(settings, repository, clock, progress)
        yield SingleDocuments(plan, repository, clock, progress, protecting, request, pickings)


def _left_out(picking: Picking) -> Finding:
    """Why something that fits is not shown, and cannot be put back."""
    documents = sum(picking.erased.values())
    ids = ", ".join(sorted(picking.erased))
    return Finding(
        Level.WARNING,
        "erased-left-out",
        picking.stored.entry.namespace,
        f"{documents:,} fitting {'document was' if documents == 1 else 'documents were'} erased on request ({ids}), wholly or in part, "
        "and cannot be put back one by one",
        f"`lifeboat erase status {sorted(picking.erased)[0]}` says why",
    )


def undo_single_documents(
    repository: Repository,
    client: Client,
    clock: Clock,
    progress: Progress,
    job: dict[str, Any],
    *,
    without_erasures: bool = False,
) -> DocumentsReport:
    """Take back what was put back, as far as nobody changed it since."""
    began = clock.monotonic()
    record = repository.find_snapshot(str(job["safety"]))
    with SnapshotReader(repository, record) as reader:
        names = [str(name).split(".", 1) for name in reader.details[DOCUMENTS_OF]]
        server = TargetServer(client, clock=clock, progress=progress)
        live = [LiveCollection(server, database, name) for database, name in reversed(names)]
        then = erased_or_refused(repository, record.instant, anyway=without_erasures)
        account = undo_documents(reader, live, progress, then.erased)
    collections = tuple(FoundDocuments(one.namespace, one.namespace, 0, 0, 0, 0, 0, 0, ()) for one in live)
    plan = DocumentsPlan(row_of(record), ", ".join(one.namespace for one in live), collections, False)
    return _report(plan, account, list(then.findings), clock.monotonic() - began, None)


def _point(repository: Repository, clock: Clock, request: DocumentsRequest, stack: ExitStack) -> DatabasePoint:
    if request.is_of_a_moment:
        goal = goal_of(repository, request.at, request.before_op, clock.now())
        return open_point(repository, goal, stack, writer_in(request.at or request.before_op))
    record = repository.find_snapshot(request.snapshot, Source.MONGODB)
    return DatabasePoint(stack.enter_context(SnapshotReader(repository, record)))


def _collection(stored: dict[str, StoredCollection], namespace: str) -> StoredCollection:
    found = stored.get(namespace)
    if found is None:
        raise RestorePlanInvalid(
            f"there is no collection called {namespace} at that instant",
            f"{did_you_mean(namespace, stored)}`lifeboat snapshots SNAPSHOT` lists what one has",
        )
    if found.entry.kind not in ("collection", "capped"):
        raise CollectionRefused(
            f"{namespace} is a {'view' if found.entry.kind == 'view' else found.entry.kind}: it has no documents of its own to put back",
            "name the collection that it shows, or restore all of it: `lifeboat restore db --ns DB.COLL --to NAME`",
        )
    return found


def _parts_of(stored: dict[str, StoredCollection], chosen: StoredCollection) -> StoredCollection | None:
    """The content that belongs to the files of GridFS, if these are."""
    name = chosen.entry.namespace
    return stored.get(name.removesuffix(FILES) + PARTS) if name.endswith(FILES) else None


def _refuse_nothing(found: FoundDocuments, request: DocumentsRequest) -> None:
    if found.gone or found.changed or found.same:
        return
    live = "" if not found.new and not found.since else "; there are live ones that fit, made or changed since"
    raise NothingFits(
        f"no document of {request.namespace} at that instant fits the filter{live}",
        'is the type right ({"_id": ObjectId("...")} is not {"_id": "..."}), or is an earlier instant needed? '
        "`lifeboat snapshots`, `lifeboat timeline`",
    )


def _report(
    plan: DocumentsPlan, account: Account, findings: list[Finding], seconds: float, safety: str | None
) -> DocumentsReport:
    from lifeboat.sources.mongodb.put_back import End

    ends = account.ends
    return DocumentsReport(
        plan.snapshot,
        ", ".join(one.where for one in plan.collections),
        ends[End.DONE] - account.removed,
        account.removed,
        ends[End.ALREADY],
        ends[End.SKIPPED],
        ends[End.REFUSED],
        seconds,
        safety,
        (*plan.findings, *findings, *account.findings),
    )
