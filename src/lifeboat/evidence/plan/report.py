"""What came of writing, checking and approving a plan, for terminal and JSON."""

from datetime import datetime

from lifeboat.evidence.plan.facts import PlanFacts
from lifeboat.evidence.plan.stable import Changed
from lifeboat.foundation.value import Value


class PlanWritten(Value):
    """A plan that was written.

    Args:
        files: The Markdown file first. changed: against the version before; empty for the first.
        to_write: Names of the parts that people have not written yet. backup: where an edited file was put aside.
        in_ledger: Whether the version is in the ledger; None: there is no key here.
        said: What somebody should know, each a sentence.
    """

    files: tuple[str, ...]
    version: int
    version_before: int | None
    changed: tuple[Changed, ...]
    to_write: tuple[str, ...]
    backup: str | None
    in_ledger: bool | None
    said: tuple[str, ...]
    facts: PlanFacts


class PlanCheck(Value):
    """Whether a plan is still true.

    Args:
        changed: What is not as it says. reasons: other reasons to make it anew, or to have it approved.
        not_looked_at: What could not be compared, and why. approval: Why it should be approved, though it is true; empty: it is, or nobody
            ever approved one.
    """

    file: str
    version: int
    made: datetime
    changed: tuple[Changed, ...]
    reasons: tuple[str, ...]
    not_looked_at: tuple[str, ...]
    approval: str = ""

    @property
    def is_stale(self) -> bool:
        return bool(self.changed or self.reasons or self.approval)
