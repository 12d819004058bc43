"""What every test may count on: nothing of this machine's own settings, keys or folders reaches it.

Limits: variables that say where test servers come from are kept; so is Go's cache, which is expensive to lose.
"""

import atexit
import gc
import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

sys.path.insert(0, str(Path(__file__).parent / "servers"))

from mongo_tools import CannotBuild, MongoTools, NotToBeHad, find_or_build
from once_more import pytest_runtest_protocol, tell_who_waited  # noqa: F401 -- the first is a hook

_KEPT = {"LIFEBOAT_CHROMIUM", "LIFEBOAT_MONGOD", "LIFEBOAT_MONGO_TOOLS", "LIFEBOAT_TEST_CACHE"}
_KEPT |= {"LIFEBOAT_FAULTS", "LIFEBOAT_FUZZ_INPUTS", "LIFEBOAT_MODEL_EXAMPLES"}  # how much the long forms try
_OURS = ("LIFEBOAT_", "AWS_", "XDG_", "MONGODB_", "S3_", "BACKUP_", "UPLOADS_")
_IS_CI = os.environ.get("CI") == "true"


def _seal_off() -> None:
    """Forget this machine's settings, before any test module can look at them."""
    home = Path.home()
    # Said aloud, because both are found through HOME and that is about to move.
    os.environ.setdefault("LIFEBOAT_TEST_CACHE", str(home / ".cache" / "lifeboat-tests"))
    os.environ.setdefault("GOPATH", str(home / "go"))
    os.environ.setdefault("GOCACHE", str(Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "go-build"))
    for name in list(os.environ):
        if name.startswith(_OURS) and name not in _KEPT:
            del os.environ[name]
    # Without a key, boto3 would ask the network for one.
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    folder = tempfile.mkdtemp(prefix="lifeboat-tests-home-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["HOME"] = folder
    os.environ["XDG_STATE_HOME"] = str(Path(folder) / "state")


def _hear_signals() -> None:
    """A shell that starts the tests in the background makes them deaf to Ctrl-C and hang-up, and every program they start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


_seal_off()
_hear_signals()

hypothesis.settings.register_profile(
    "lifeboat",
    # Two cores shared by servers and tests: time says nothing about the code.
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    derandomize=_IS_CI,
    database=None,
)
hypothesis.settings.load_profile("lifeboat")


_FIRST = ("end_to_end", "moments", "stream", "interruption", "web")
"""Folders whose files take the longest: begun last, one of them would run on alone when all others are done."""


_TRUST = ("trust", "interruption")
_TRUST_TOO = (
    *(
        "test_guarded_rights.py",
        "test_locked_bucket.py",
        "test_limits.py",
        "test_planted_secrets.py",
        "test_planted_secrets_everywhere.py",
        "test_prune_custodian.py",
    ),
    *("test_review_hostile.py", "test_review_kept.py", "test_review_packs.py", "test_planted_segments.py"),
    *("test_rescue_refuses.py", "test_hostile_target.py", "test_prune_model.py", "test_prune_crashes.py"),
    *("test_prune_archive_model.py", "test_replicate_model.py", "test_ledger_everywhere.py", "test_trust.py"),
)
"""Folders, and files elsewhere, of which every test belongs to `make test-trust`."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slowest files first; the order within a file stays. Marks what belongs to `make test-trust`. Long ones may last."""
    items.sort(key=lambda item: item.path.parent.name not in _FIRST)
    for item in items:
        if item.path.parent.name in _TRUST or item.path.name in _TRUST_TOO:
            item.add_marker("trust")
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.timeout(0))


def pytest_collection_finish() -> None:
    """What five thousand tests and all modules are made of stays: looking through it for rubbish again and again took a twentieth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture
def tried(record_property: Callable[[str, object], None]) -> Callable[[str, int], None]:
    """Counts what was tried for the closing lines: ``tried("mutations", 12)``. Call it when all of them were looked at: a test
    that fails afterwards counts as a loss.
    """

    def count(kind: str, number: int) -> None:
        record_property("tried", f"{kind}|{number}")

    return count


@pytest.fixture(scope="session")
def mongo_tools() -> Iterator[MongoTools]:
    """The official mongodump and its like; on CI their absence fails, unless the registry itself says no."""
    try:
        yield find_or_build()
    except CannotBuild as error:
        if _IS_CI and not isinstance(error, NotToBeHad):
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end what was swept, and once each why tests were skipped: a skipped promise is not a kept one."""
    _tell_sweeps(terminalreporter)
    _tell_tries(terminalreporter)
    tell_who_waited(terminalreporter)
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple)
    )
    if reasons:
        terminalreporter.section("not tried on this machine")
        for reason, count in reasons.most_common():
            terminalreporter.write_line(f"{count:4} {reason}")


def _tell_tries(terminalreporter: pytest.TerminalReporter) -> None:
    """How much was tried of each kind; a test of `make test-trust` that failed is a loss, whatever it had counted."""
    counts: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", []):
        for name, value in getattr(report, "user_properties", ()):
            if name == "tried":
                kind, number = str(value).split("|")
                counts[kind] += int(number)
            if name == "swept":
                counts["crash points"] += int(str(value).split("|")[2])
    if not counts:
        return
    lost = sum("trust" in report.keywords for report in terminalreporter.stats.get("failed", []))
    terminalreporter.section("tried to make it lose or tell")
    for kind, number in sorted(counts.items()):
        terminalreporter.write_line(f"{number:>9,} {kind}")
    terminalreporter.write_line(f"losses: {lost or 'zero'}")


def _tell_sweeps(terminalreporter: pytest.TerminalReporter) -> None:
    """Kills by action, and what was lost: a sweep that failed lost something."""
    lost = swept = 0
    lines = []
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in getattr(report, "user_properties", ()):
                if name == "swept":
                    action, points, killed = str(value).split("|")
                    lines.append(f"{killed:>5} kills at {points} points of {action}")
                    swept += int(killed)
                    lost += outcome == "failed"
    if lines:
        terminalreporter.section("killed for real")
        for line in lines:
            terminalreporter.write_line(line)
        terminalreporter.write_line(f"{swept:>5} crash points swept, losses: {lost or 'zero'}")
