"""Findings of a walk: kept, counted where there are too many, and weighed: is something missing that should be in the snapshot?"""

from dataclasses import replace

from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress

FINDINGS_AT_MOST = 1000
"""A disk that fails names every file; the report keeps the first of them and counts the rest."""
_INCOMPLETE = frozenset({"file-unreadable"})
"""Findings that mean: something that should be in the snapshot is not. What vanished or changed is only told."""


class Troubles:
    """Collects findings of a walk, not without end."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._kept: list[Finding] = []
        self._dropped = 0
        self.complete = True

    def __call__(self, finding: Finding) -> None:
        if finding.code in _INCOMPLETE:
            self.complete = False
            finding = replace(finding, level=Level.PROBLEM)
        if len(self._kept) >= FINDINGS_AT_MOST:
            self._dropped += 1
            return
        self._kept.append(finding)
        if finding.level is not Level.OK:
            self._progress.note(f"{finding.subject}: {finding.message}")

    def findings(self) -> list[Finding]:
        if not self._dropped:
            return self._kept
        more = Finding(Level.WARNING, "more-files", f"{self._dropped} more files", "had trouble too and are not named")
        return [*self._kept, more]
