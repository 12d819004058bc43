"""A test that waits for ever does not hold up all others, and is never hidden."""

import subprocess
import sys
from pathlib import Path

SERVERS = Path(__file__).parents[1] / "servers"
CONFTEST = """
import sys
sys.path.insert(0, {servers!r})
from once_more import pytest_runtest_protocol, tell_who_waited
def pytest_terminal_summary(terminalreporter):
    tell_who_waited(terminalreporter)
"""
TESTS = """
import threading, pytest
from pathlib import Path
@pytest.fixture(scope="module")
def server():
    yield "there"
def test_hangs_once(server):
    marker = Path(__file__).with_name("once")
    if not marker.exists():
        marker.touch()
        threading.Event().wait()
    assert server == "there"
def test_hangs_always():
    threading.Event().wait()
def test_fails():
    Path(__file__).with_name("tries").open("a").write("x")
    assert False, "plainly"
@pytest.fixture
def never():
    threading.Event().wait()
def test_hangs_in_its_fixture(never):
    pass
def test_passes(server):
    pass
"""


def test_who_hangs_is_stopped_named_and_tried_once_more(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST.format(servers=str(SERVERS)))
    (tmp_path / "test_some.py").write_text(TESTS)
    words = ["-p", "no:cacheprovider", "-o", "timeout=1", "-n", "2", "--dist", "loadfile", "-v", "."]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *words], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    said = run.stdout
    assert run.returncode == 1 and "1 error" in said and "2 failed, 2 passed" in said, said
    waited = said.split("waited for ever, and was tried once more", 1)[1]
    assert "passed  test_some.py::test_hangs_once" in waited
    assert "failed  test_some.py::test_hangs_always" in waited
    assert (tmp_path / "tries").read_text() == "x", "what fails is not tried until it passes"
