"""Losses planted in the fleet: the model finds each within its short budget, or it would find none that we do not know of."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from clients_kit import Fleet, Host, Tree
from clients_model import Clients
from test_model_clients import run

from lifeboat.foundation.errors import LifeboatError
from lifeboat.operations.prune import plan as prune_plan
from lifeboat.operations.reports.checks import VerifyReport
from lifeboat.operations.reports.pruning import PruneReport
from lifeboat.operations.reports.standing import StatusReport
from lifeboat.repository.chunk_table import ChunkTable
from lifeboat.repository.names import Class, Source
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import Record
from lifeboat.repository.statements import Standing
from lifeboat.retention.periods import generation_before
from lifeboat.storage.faults import Passing
from lifeboat.storage.object_store import Content, ObjectStore

BUDGET = 30
"""Histories at most."""
LONG = pytest.mark.long


def finds(plant: type[Fleet]) -> str:
    """What the model says of a fleet in which a loss was planted; empty when it finds nothing."""
    found: list[Exception] = []
    with suppress(Exception):
        run(type("Planted", (Clients,), {"FLEET": plant}), BUDGET, 20, found)
    return "\n".join([str(found[0]), *found[0].__notes__]) if found else ""


class OnePackTooMany(Fleet):
    """Prune removes a pack that is needed, and its dry run says so."""

    def _one(self, gone: set[str]) -> str:
        return min(one for one in self.names() - gone if "/pack/" in one)

    def would_prune(self, repository: Repository) -> tuple[PruneReport, set[str]]:
        report, would = super().would_prune(repository)
        return report, would | {self._one(would)}

    def prune(self, repository: Repository) -> PruneReport:
        report = super().prune(repository)
        self.store.delete(self._one(set()))
        return replace(report, objects_removed=report.objects_removed + 1)


class SaysLess(Fleet):
    """Prune removes more than its dry run said."""

    def would_prune(self, repository: Repository) -> tuple[PruneReport, set[str]]:
        report, would = super().would_prune(repository)
        return report, {one for one in would if "/pack/" not in one}


class OlderVersion(Fleet):
    """A restore gives what the snapshot before held."""

    last: tuple[str, Record] | None = None

    def restore(self, record: Record, repository: Repository, only: Sequence[str] = ()) -> Tree:
        earlier = [
            one for one in repository.snapshots() if one.label == record.label and one.finished < record.finished
        ]
        chosen = max(earlier, key=lambda one: one.finished, default=record)
        return super().restore(chosen, repository, only)


class WrongByte(Fleet):
    """A restore that meets damage goes on with nothing in its place."""

    def restore(self, record: Record, repository: Repository, only: Sequence[str] = ()) -> Tree:
        try:
            return super().restore(record, repository, only)
        except LifeboatError:
            return {**self.take_landed(), "a": b""}


class RecordFirst(Fleet):
    """A host's packs are stored only behind the record that names them."""

    def at(self, host: Host, store: ObjectStore | None = None, state: Path | None = None) -> Repository:
        return super().at(host, Late(store or self.store), state)


class Late(Passing):
    """Holds packs back until a record was written."""

    def __init__(self, inner: ObjectStore) -> None:
        super().__init__(inner)
        self._waiting: list[tuple[str, Content]] = []

    def write(self, name: str, content: Content) -> None:
        if "/pack/" in name:
            self._waiting.append((name, content))
            return
        super().write(name, content)
        if "snapshot-" in name:
            for one in self._waiting:
                super().write(*one)


class BlindToHoles(Fleet):
    """Verify does not miss a pack."""

    def verify(self, repository: Repository, level: str) -> VerifyReport:
        return without(super().verify(repository, level), "pack-missing", "chunk-missing")


class BlindToClones(Fleet):
    """Verify does not look at chains."""

    def verify(self, repository: Repository, level: str) -> VerifyReport:
        return without(super().verify(repository, level), "chain-broken")


def without(report: VerifyReport, *codes: str) -> VerifyReport:
    return replace(report, findings=tuple(one for one in report.findings if one.code not in codes))


class SafeToday(Fleet):
    """Status tells of what was listed when it was first asked."""

    first: StatusReport | None = None

    def status(self, repository: Repository) -> StatusReport:
        report = super().status(repository)
        self.first = self.first or report
        return replace(report, sources=self.first.sources)


class HalfAReplica(Fleet):
    """A second copy without its indexes."""

    def replicate(self, target: ObjectStore | None = None, source: ObjectStore | None = None) -> list[Any]:
        findings = super().replicate(target, source)
        for name in [one for one in self.replica._objects if "/index-" in one]:
            self.replica.delete(name)
        return findings


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (OnePackTooMany, "a restore was refused|pack-missing|against its word"),
        (OlderVersion, "(gives|restores) something else"),
        pytest.param(SaysLess, "against its word", marks=LONG),
        pytest.param(WrongByte, "(gives|restores) something else", marks=LONG),
        pytest.param(RecordFirst, "a restore was refused|pack-missing", marks=LONG),
        pytest.param(BlindToHoles, "verify does not name", marks=LONG),
        pytest.param(BlindToClones, "verify sees no clone|verify does not name chain-broken", marks=LONG),
        pytest.param(SafeToday, "status tells of another newest snapshot", marks=LONG),
        pytest.param(HalfAReplica, "the replica lacks", marks=LONG),
    ],
)
def test_a_loss_that_was_planted_is_found(plant: type[Fleet], said: str) -> None:
    assert re.search(said, finds(plant))


def test_a_backup_that_counts_on_another_month_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its record names packs that lie in the month before."""
    real = Repository.chunks_to_count_on

    def two_months(self: Repository, writer: str, generation: str, source: Source, class_: Class) -> ChunkTable:
        table = real(self, writer, generation, source, class_)
        for pack in self._indexed_packs(writer, generation_before(generation), source, class_, []):
            table.add_pack(pack.name, pack.data_key_name, pack.size_bytes, pack.rows)
        return table

    monkeypatch.setattr(Repository, "chunks_to_count_on", two_months)
    assert re.search("a restore was refused|pack-not-indexed", finds(Fleet))


@LONG
def test_a_prune_that_does_not_hear_what_is_kept_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Standing, "keep_of", lambda self, record: None)
    assert "must stay" in finds(Fleet)


@LONG
def test_a_prune_without_a_grace_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prune_plan, "GRACE", timedelta())
    assert "removed a snapshot too early" in finds(Fleet)


@LONG
def test_a_run_that_is_never_linked_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Repository.unlinked_records
    monkeypatch.setattr(Repository, "unlinked_records", lambda self, writer, linked: real(self, writer, linked)[-1:])
    assert "in no link" in finds(Fleet)
