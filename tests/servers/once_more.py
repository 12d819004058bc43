"""A test that waits for ever is stopped by its time limit, named, and tried once more: a run of half an hour is not to be lost to one of 4,500 that
hung on a crowded machine. It passes only if it passes then, and the closing lines name it all the same.

A plugin of pytest's, used by ``conftest.py``.
"""

import signal

import pytest
from _pytest.runner import runtestprotocol

SAYS = "from pytest-timeout"
PROPERTY = "waited for ever"


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    hung = next((report for report in reports if report.failed and SAYS in report.longreprtext), None)
    if hung is not None:
        stacks = next((text for name, text in hung.sections if "stdout" in name), "")
        item.user_properties.append((PROPERTY, f"{item.nodeid}\n{hung.longreprtext[-2000:]}\n{stacks[-8000:]}"))
        reports = _within(float(item.config.getini("timeout")), item, nextitem)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _within(seconds: float, item: pytest.Item, nextitem: pytest.Item | None) -> list[pytest.TestReport]:
    """The second try has a limit of its own: the first one's is used up."""

    def stop(*_: object) -> None:
        pytest.fail(f"waited more than {seconds} s once more")

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return runtestprotocol(item, nextitem=nextitem, log=False)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def tell_who_waited(terminalreporter: pytest.TerminalReporter) -> None:
    """Name them, whatever became of them."""
    waited = {
        str(value): report.outcome
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        for name, value in getattr(report, "user_properties", ())
        if name == PROPERTY
    }
    if waited:
        terminalreporter.section("waited for ever, and was tried once more")
        for name, outcome in waited.items():
            terminalreporter.write_line(f"{outcome:7} {name}")
