"""Restore a MongoDB snapshot: the repository's authenticated streams into the source's landing, comparison and swap.

What lands where, and how it is compared and swapped, stands in ``sources/mongodb``; here the two meet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding
from lifeboat.foundation.progress import Progress
from lifeboat.operations.database_point import DatabasePoint
from lifeboat.operations.erased import NOTHING_ERASED, Erased
from lifeboat.operations.reports.restores import ErasureReplayed, PlanStep, RestoredPart
from lifeboat.repository.local_state import LocalState
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.land_window import Changes
from lifeboat.sources.mongodb.landing import Found, Target
from lifeboat.sources.mongodb.restore import carry_out
from lifeboat.sources.mongodb.restore_plan import RestorePlan, plan_restore
from lifeboat.sources.mongodb.target_server import TargetServer
from lifeboat.sources.mongodb.users_restore import Account, missing_accounts


@dataclass
class DatabaseRestore:
    """One restore of one point into one server.

    Args:
        where: The target for people, without a password; with the point and ``renames`` it names the journal of a restore
            that was cut off, from which the next run goes on.
    """

    point: DatabasePoint
    client: Client
    where: str
    target: Target
    namespaces: Sequence[str]
    renames: Sequence[str]
    state: LocalState
    erased: Erased = NOTHING_ERASED
    """What must not come back."""
    replayed: tuple[ErasureReplayed, ...] = ()
    """After ``carry_out``: what of it was there."""

    def __post_init__(self) -> None:
        self._stored = self.point.by_namespace
        key = "\n".join((self.where, self.point.key, *self.renames, *self.namespaces))
        self._journal = f"restore-{sha256(key.encode()).hexdigest()[:16]}.json"

    def plan(self, *, resume: bool = True) -> RestorePlan:
        """What would be done; changes nothing."""
        return plan_restore(
            self.client,
            [one.entry for one in self._stored.values()],
            target=self.target,
            renames=self.renames,
            only=self.namespaces,
            finished=self._finished() if resume else frozenset(),
        )

    def steps(self, plan: RestorePlan) -> tuple[PlanStep, ...]:
        """The plan as people and programs read it."""
        steps = []
        for landing in plan.landings:
            stored = self._stored[landing.entry.namespace]
            action = {Found.NOTHING: "create", Found.RESTORED: "leave"}.get(landing.found, "replace")
            steps.append(PlanStep(landing.entry.namespace, landing.namespace, action, stored.documents, stored.bytes))
        steps.extend(PlanStep(name, name, "leave", None, 0) for name in plan.untouched)
        return tuple(steps)

    def carry_out(
        self, plan: RestorePlan, *, compare: str, with_users: bool, clock: Clock, progress: Progress
    ) -> tuple[tuple[RestoredPart, ...], tuple[Finding, ...]]:
        """Land, compare, swap; returns what was restored and what is to be said of it."""
        names = [landing.entry.namespace for landing in plan.landings]
        total_bytes = sum(self._stored[name].bytes for name in names) + self.point.change_bytes
        progress.begin("restoring the database", total_bytes)
        try:
            report = carry_out(
                plan,
                self.client,
                self.point.read_chunks,
                clock=clock,
                users=self.point.accounts("users") if with_users else (),
                roles=self.point.accounts("roles") if with_users else (),
                compare="full" if compare == "full" else "counts",
                progress=_OneTask(progress),
                finished=self._finished(),
                mark=self._mark,
                changes=self._changes(),
                erased=self.erased.collections,
            )
        except LifeboatError:
            progress.note(
                "what had landed stays beside the live data as lifeboat.tmp.*: the same command goes on from it; "
                "else drop those collections"
            )
            raise
        self.replayed = tuple(
            ErasureReplayed(one.erasure, namespace, one.documents, one.trimmed)
            for namespace, several in report.erased.items()
            for one in several
        )
        how = "documents, indexes, options" if compare == "full" else "counts, indexes, options"
        came = {landing.namespace: landing.entry for landing in plan.landings}
        parts = tuple(
            RestoredPart(
                came[one.namespace].namespace,
                one.namespace,
                one.documents,
                one.size_bytes,
                "definition" if came[one.namespace].kind == "view" else _how_compared(how, one.changes),
            )
            for one in report.collections
        )
        return parts, report.findings

    def forget_journal(self) -> None:
        """The restore is done: a later one begins from the start."""
        (self.state.directory / self._journal).unlink(missing_ok=True)

    def missing_accounts(self) -> list[Account]:
        """Users and roles that this restore would add."""
        return missing_accounts(TargetServer(self.client), self.point.accounts("users"), self.point.accounts("roles"))

    def _changes(self) -> Changes | None:
        if not self.point.has_changes:
            return None
        return Changes(self.point.changes, self.point.later, self.point.births)

    def _finished(self) -> frozenset[str]:
        stored = self.state.read_json(self._journal) or {}
        return frozenset(stored.get("finished", ()))

    def _mark(self, step: str, namespace: str) -> None:
        self._note(finished=sorted({*self._finished(), f"{step} {namespace}"}))

    def _note(self, **fields: object) -> None:
        self.state.write_json(self._journal, {**(self.state.read_json(self._journal) or {}), **fields})


def _how_compared(how: str, changes: int | None) -> str:
    """What was compared with what is stored, and what came after that: nobody stored what the result of it should be."""
    if not changes:
        return how
    documents, _, rest = how.partition(", ")
    return f"{documents}, then {changes:,} {'change' if changes == 1 else 'changes'} replayed; {rest}"


class _OneTask:
    """Progress of many collections as one task."""

    def __init__(self, whole: Progress) -> None:
        self._whole = whole

    def begin(self, task: str, total_bytes: int | None = None, total_items: int | None = None) -> None:
        pass

    def advance(self, done_bytes: int = 0, done_items: int = 0) -> None:
        self._whole.advance(done_bytes)

    def note(self, message: str) -> None:
        self._whole.note(message)
