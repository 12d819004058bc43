"""The frame of ``doctor``: a check has a permanent name, plain words, and findings; one that fails does not stop the others.

Invariant: whatever happens in a check, the diagnosis is made to its end. What cannot be looked at is told, never taken as good.
"""

from collections.abc import Callable, Iterable, Sequence

from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.value import Value
from lifeboat.operations.reports.checks import CheckResult


class Check(Value):
    """One thing to look at.

    Args:
        name: Permanent, as ``"oplog-window"``.
        title: The same in plain words, as people read it.
        run: Returns findings; an explained failure becomes a problem of this check.
        after: Names of checks without whose success this one cannot be made; it is then told as not looked at.
    """

    name: str
    title: str
    run: Callable[[], Iterable[Finding]]
    after: tuple[str, ...] = ()


def examine(checks: Sequence[Check]) -> list[CheckResult]:
    """Make every check, in order."""
    results: list[CheckResult] = []
    stopped: set[str] = set()
    for check in checks:
        if blocked := stopped & set(check.after):
            stopped.add(check.name)
            results.append(CheckResult(check.name, check.title, None, waits_for=sorted(blocked)[0]))
            continue
        try:
            findings = tuple(check.run())
        except LifeboatError as error:
            findings = (Finding(Level.PROBLEM, error.code, check.title, error.message, error.hint),)
            stopped.add(check.name)
        results.append(CheckResult(check.name, check.title, findings))
    return results


def findings_of(results: Iterable[CheckResult]) -> list[Finding]:
    """All of them in one list."""
    return [finding for result in results for finding in result.findings or ()]
