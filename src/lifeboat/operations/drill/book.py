"""The drills of a repository, out of its ledger: summaries for who asks often, whole reports for who reads one.

Summaries are kept on this machine, so that ``status`` reads only what is new. Lost or damaged, they are read again.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.value import Value
from lifeboat.operations.drill.content import from_content
from lifeboat.operations.drill.report import DrillReport
from lifeboat.repository.ledger import Entry, Kind, Ledger
from lifeboat.repository.open_repository import Repository

MEMORY = "drills.json"
EXERCISE = "exercise"
PASSED = "passed"


class DrillUnknown(LifeboatError):
    """No drill of this id is in the ledger."""

    code = "drill-unknown"


class DrillSummary(Value):
    """What is asked of drills often.

    Args:
        number: Of the entry. scenario: or ``exercise``, of people.
        seconds: RTO; None where it was not reached. technical_seconds: Without finding out and deciding.
        restored_bytes: Plain. sources: That were brought back.
    """

    drill: str
    number: int
    scenario: str
    outcome: str
    ended: datetime
    seconds: float | None
    technical_seconds: float | None
    restored_bytes: int
    sources: tuple[str, ...]
    label: str = ""

    @property
    def has_passed(self) -> bool:
        return self.outcome == PASSED


class DrillBook:
    """Args: repository: opened with a key that opens content."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self.ledger = Ledger(repository)

    def summaries(self) -> list[DrillSummary]:
        """Newest first. Reads from the store only what this machine has not read before."""
        state = self._repository.state
        kept = (state.read_json(MEMORY) or {}).get(self._repository.id.hex())
        known: dict[str, Any] = kept if isinstance(kept, dict) else {}
        found: dict[str, DrillSummary] = {}
        fresh = False
        for name in self.ledger.names(Kind.DRILL):
            summary = _from_json(known.get(name))
            if summary is None:
                fresh = True
                entry = self.ledger.read_one(name)
                summary = None if entry is None else summary_of(entry)
            if summary is not None:
                found[name] = summary
        if fresh:
            state.write_json(MEMORY, {self._repository.id.hex(): {name: _to_json(one) for name, one in found.items()}})
        return sorted(found.values(), key=lambda one: (one.ended, one.number), reverse=True)

    def find(self, drill: str = "") -> tuple[DrillReport, Entry]:
        """The report with this id or beginning of one; empty: the newest drill. Raises ``DrillUnknown``."""
        for entry in reversed(self.ledger.read(Kind.DRILL)):
            if entry.content.get("scenario") == EXERCISE:
                continue
            if str(entry.content.get("drill", "")).startswith(drill):
                return from_content({**entry.content, "ledger_number": entry.number}), entry
        raise DrillUnknown(
            f"no drill {drill} is in the ledger" if drill else "no drill is in the ledger yet",
            "`lifeboat drill list` shows those that are; `lifeboat drill` makes one",
        )


def summary_of(entry: Entry) -> DrillSummary | None:
    """None where the entry says nothing of a drill."""
    said: Mapping[str, Any] = entry.content
    try:
        measures: Mapping[str, Any] = said.get("measures") or {}
        return DrillSummary(
            str(said["drill"]),
            entry.number,
            str(said["scenario"]),
            str(said["outcome"]),
            datetime.fromisoformat(said["ended"]),
            _seconds(measures.get("rto_seconds")),
            _seconds(measures.get("technical_seconds")),
            int(said.get("restored_bytes") or 0),
            tuple(str(one["source"]) for one in said.get("snapshots") or ()),
            str(said.get("label") or ""),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _seconds(value: Any) -> float | None:
    return None if value is None else float(value)


def _to_json(summary: DrillSummary) -> dict[str, Any]:
    return {**asdict(summary), "ended": summary.ended.isoformat(), "sources": list(summary.sources)}


def _from_json(said: Any) -> DrillSummary | None:
    try:
        return DrillSummary(
            **{**said, "ended": datetime.fromisoformat(said["ended"]), "sources": tuple(map(str, said["sources"]))}
        )
    except (KeyError, TypeError, ValueError):
        return None
