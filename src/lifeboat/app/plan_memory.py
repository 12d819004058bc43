"""Where a plan is remembered besides its own file: the ledger, with what people wrote into it, and this machine's state.

With the key everything of a plan comes back from the repository, also when its file went with the machine.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lifeboat.evidence.plan.facts import Approval
from lifeboat.evidence.plan.kept import KeptPlan, read_kept
from lifeboat.evidence.plan.stable import Parts, parts_digest
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.value import Value
from lifeboat.repository.ledger import Entry, Kind, Ledger
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import show_time

MEMORY = "recovery-plan.json"
VERSION, APPROVAL = "version", "approval"


class Approved(Value):
    """An approval, and the file as it was then."""

    approval: Approval
    document: str

    @property
    def yours(self) -> Mapping[str, str]:
        """What people had written into it; nothing where it cannot be read."""
        try:
            return read_kept(self.document.encode(), "the approved plan").yours
        except LifeboatError:
            return {}


class PlanLedger:
    """The plan's entries of one installation. Args: label: What the installation is called."""

    def __init__(self, repository: Repository, label: str) -> None:
        self._ledger = Ledger(repository)
        self._label = label
        entries = self._ledger.read(Kind.PLAN)
        self._own = [one for one in entries if one.content.get("installation") == label]
        self._all = entries
        self.findings = self._ledger.findings

    def newest(self) -> KeptPlan | None:
        """The newest version of this installation."""
        return next((found for one in reversed(self._own) if (found := _version(one)) is not None), None)

    def newest_of_any(self) -> KeptPlan | None:
        """The newest of any installation: on a new machine this is the plan of the one that is gone."""
        return next((found for one in reversed(self._all) if (found := _version(one)) is not None), None)

    def approvals(self) -> tuple[Approved, ...]:
        """Oldest first."""
        return tuple(found for one in self._own if (found := _approval(one)) is not None)

    def put_version(self, version: int, parts: Parts, yours: Mapping[str, str], made: datetime, now: datetime) -> None:
        content = {
            "what": VERSION,
            "installation": self._label,
            "version": version,
            "made": show_time(made),
            "parts": parts,
            "parts_sha256": parts_digest(parts),
            "yours": dict(yours),
        }
        self._ledger.append(Kind.PLAN, content, now)

    def put_approval(self, approval: Approval, document: str, parts: Parts, now: datetime) -> None:
        content = {
            "what": APPROVAL,
            "installation": self._label,
            "version": approval.version,
            "by": approval.by,
            "at": show_time(approval.when),
            "parts_sha256": parts_digest(parts),
            "document_sha256": approval.document_sha256,
            "document": document,
        }
        self._ledger.append(Kind.PLAN, content, now)


def remember_plan(state: LocalState, path: str, version: int) -> None:
    """Where the plan lies, for ``status`` and ``doctor``."""
    state.write_json(MEMORY, {"path": path, "version": version})


def remembered_plan(state: LocalState) -> str | None:
    """Its path; None when none was ever written on this machine."""
    said = (state.read_json(MEMORY) or {}).get("path")
    return said if isinstance(said, str) else None


def _version(entry: Entry) -> KeptPlan | None:
    said: Mapping[str, Any] = entry.content
    try:
        if said["what"] != VERSION:
            return None
        yours = {str(name): str(text) for name, text in said["yours"].items() if text}
        return KeptPlan(int(said["version"]), datetime.fromisoformat(said["made"]), dict(said["parts"]), yours)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _approval(entry: Entry) -> Approved | None:
    said: Mapping[str, Any] = entry.content
    try:
        if said["what"] != APPROVAL:
            return None
        approval = Approval(str(said["by"]), entry.time, int(said["version"]), str(said["document_sha256"]))
        return Approved(approval, str(said["document"]))
    except (KeyError, TypeError, ValueError):
        return None
