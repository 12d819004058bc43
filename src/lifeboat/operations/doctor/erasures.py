"""Erasures: whether the ledger can be read in full, and whether any is still open when its answer is due."""

from datetime import datetime

from lifeboat.foundation.finding import Finding, Level
from lifeboat.operations.erasing.load import all_erasures
from lifeboat.repository.open_repository import Repository


def check_erasures(repository: Repository, now: datetime) -> list[Finding]:
    """A problem where a restore would refuse; a warning for each that is open longer than an answer may take."""
    if repository.identity is None:
        return [Finding(Level.OK, "erasures", "ledger", "known to whoever holds the key")]
    erasures, problems = all_erasures(repository)
    late = [one for one in erasures if one.until is None and not one.hold and one.answer_until < now]
    doubts = [
        Finding(
            Level.WARNING,
            "erasure-open",
            one.id,
            f"live was not seen to be clean of it since it was recorded on {one.recorded:%Y-%m-%d}; an answer was due on {one.answer_until:%Y-%m-%d}",
            f"when the application has erased it: `lifeboat erase close {one.id}`",
        )
        for one in late
    ]
    if problems or doubts:
        return [*problems, *doubts]
    still_open = sum(one.until is None and not one.hold for one in erasures)
    message = f"{len(erasures):,} recorded, {still_open:,} open" if erasures else "none recorded"
    return [Finding(Level.OK, "erasures", "ledger", message)]
