"""Checks of the application: what fails is found, what hangs is ended, no secret reaches a program, no other machine is asked."""

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from mongod import private_server
from pymongo import MongoClient

from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.progress import Silent
from lifeboat.foundation.secret import Secret
from lifeboat.operations.drill.checks.kinds import (
    AppCheck,
    Command,
    Http,
    Query,
    References,
    Service,
    SignIn,
    Surroundings,
)
from lifeboat.operations.drill.checks.run import run_checks
from lifeboat.operations.drill.report import Checked
from lifeboat.operations.erased import Erased

LIVE = Path("/srv/live/uploads")


class Application(BaseHTTPRequestHandler):
    """Answers as applications do, well and badly."""

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path == "/slow":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            for _ in range(1000):
                time.sleep(0.2)
                self.wfile.write(b".")
                self.wfile.flush()
        elif self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "http://production.example/")
            self.end_headers()
        elif self.path == "/mine":
            self._answer(200 if "good-token" in self.headers.get("Authorization", "") else 401, {})
        elif self.path == "/health":
            self._answer(200, {"status": "ok", "cases": [{"n": 3}]})
        else:
            self._answer(500, {"error": "no database"})

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        good = said == {"email": "test@example.com", "password": "the password"}
        self._answer(200 if good else 403, {"data": {"token": "good-token"}})

    def _answer(self, status: int, body: object) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Application)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


@pytest.fixture(scope="module")
def uri() -> Iterator[str]:
    with private_server() as running, MongoClient(running.uri) as client:
        client["shop"]["orders"].insert_many(
            [
                {"_id": 1, "files": [{"path": "/uploads/a.pdf"}, {"path": "/uploads/b.pdf"}]},
                {"_id": 2, "files": [{"path": "/uploads/gone.pdf"}]},
                {"_id": 3, "files": [{"path": "/uploads/../../../etc/passwd"}, {"path": None}]},
            ]
        )
        yield running.uri


def lives(process: int) -> bool:
    """Whether it runs: one that ended and that nobody has asked about is still listed."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ask(tmp_path: Path, *checks: AppCheck, **more: Any) -> list[Checked]:
    restored = tmp_path / "restored"
    restored.mkdir(exist_ok=True)
    for name in ("a.pdf", "b.pdf"):
        (restored / name).write_text(name)
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    around = Surroundings(**{"uri": None, "folders": {LIVE: restored}, "scratch": scratch, **more})
    return run_checks(checks, around, SystemClock(), Silent())


def test_requests_are_held_to_what_is_expected(address: str, tmp_path: Path) -> None:
    found = ask(
        tmp_path,
        Http("health", f"{address}/health", expect_text="ok", expect_json={"status": "ok", "cases.0.n": 3}),
        Http("wrong value", f"{address}/health", expect_json={"cases.0.n": 4}),
        Http("broken", f"{address}/cases"),
        Http("slow", f"{address}/slow", seconds=1),
        Http("redirected", f"{address}/elsewhere"),
        Http("nobody", "http://127.0.0.1:9/"),
        Http("production", "https://portal.example.sa/health"),
    )
    assert [one.passed for one in found] == [True] + 6 * [False]
    by_name = {one.name: one for one in found}
    assert "500" in by_name["broken"].said
    assert by_name["slow"].seconds < 3
    assert "302" in by_name["redirected"].said
    assert "not this machine" in by_name["production"].said


def test_a_test_user_signs_in_and_his_token_opens_a_page(address: str, tmp_path: Path) -> None:
    good = SignIn(
        *("user", f"{address}/login", "test@example.com", Secret("the password")),
        token_field="data.token",
        then_url=f"{address}/mine",
    )
    wrong = SignIn("wrong password", f"{address}/login", "test@example.com", Secret("another"))
    no_token = SignIn("no token", f"{address}/login", "test@example.com", Secret("the password"), token_field="token")
    found = ask(tmp_path, good, wrong, no_token, hidden=frozenset({"the password", "another"}))
    assert [one.passed for one in found] == [True, False, False]
    assert "password" not in " ".join(one.said for one in found)


def test_a_program_gets_what_was_restored_and_no_secret(
    tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKUP_ENCRYPTION_KEY", "5e" * 32)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted-secret")
    monkeypatch.setenv("MONGODB_URI", "mongodb://live:planted@production/shop")
    told = tmp_path / "told.json"
    script = f"import json, os; open({str(told)!r}, 'w').write(json.dumps(dict(os.environ)))"
    (found,) = ask(tmp_path, Command("tell", (sys.executable, "-c", script)), uri=Secret(uri))
    assert found.passed, found.said
    given = json.loads(told.read_text())
    assert given["MONGODB_URI"] == uri and given["UPLOADS_DIR"] == str(tmp_path / "restored")
    assert "planted" not in told.read_text() and "5e5e5e" not in told.read_text()


def test_programs_that_fail_hang_or_leave_others_behind(tmp_path: Path) -> None:
    mark = tmp_path / "child.pid"
    stubborn = (
        "import os, signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(100)']); "
        f"open({str(mark)!r}, 'w').write(str(child.pid)); time.sleep(100)"
    )
    found = ask(
        tmp_path,
        Command("fails", (sys.executable, "-c", "print('no such case'); raise SystemExit(3)")),
        Command("says", (sys.executable, "-c", "print('all 3 there')"), expect_text="all 3"),
        Command("says wrong", (sys.executable, "-c", "print('only 2')"), expect_text="all 3"),
        Command("hangs", (sys.executable, "-c", stubborn), seconds=2),
        Command("is not there", ("/no/such/program",)),
        Command("prints a secret", (sys.executable, "-c", "print('x the-secret y' + 'z' * 100000)")),
        hidden=frozenset({"the-secret"}),
    )
    assert [one.passed for one in found] == [False, True, False, False, False, True]
    by_name = {one.name: one for one in found}
    assert "exit status 3: no such case" in by_name["fails"].said
    assert "not done after 2 s" in by_name["hangs"].said
    assert "the-secret" not in by_name["prints a secret"].said and len(by_name["prints a secret"].said) <= 300
    assert not lives(int(mark.read_text()))


def test_the_application_itself_is_started_asked_and_ended(tmp_path: Path) -> None:
    serve = (
        "import http.server, os; http.server.test(http.server.SimpleHTTPRequestHandler, port=int(os.environ['PORT']))"
    )
    found = ask(
        tmp_path,
        Http("page", "http://127.0.0.1:{port:app}/", expect_text="restored"),
        Service("app", (sys.executable, "-c", serve), "http://127.0.0.1:{port}/", cwd=tmp_path),
        Service(
            "dies", (sys.executable, "-c", "print('no database'); raise SystemExit(1)"), "http://127.0.0.1:{port}/"
        ),
        Http("of the dead", "http://127.0.0.1:{port:dies}/"),
    )
    by_name = {one.name: one for one in found}
    assert by_name["app"].passed and by_name["page"].passed
    assert not by_name["dies"].passed and "no database" in by_name["dies"].said
    assert "no service called" in by_name["of the dead"].said
    (answer,) = ask(tmp_path, Http("ended", f"http://127.0.0.1:{by_name['app'].said.rpartition(' ')[2]}/"))
    assert not answer.passed


def test_counts_and_references(tmp_path: Path, uri: str) -> None:
    files = References("files", "shop.orders", "files.path", LIVE, strip="/uploads/")
    found = ask(
        tmp_path,
        Query("enough", "shop.orders", at_least=3),
        Query("exactly", "shop.orders", '{"_id": {"$gt": 1}}', count=2),
        Query("too few", "shop.orders", at_least=4),
        Query("too many", "shop.orders", at_most=2),
        Query("no filter", "shop.orders", "{oops", count=1),
        files,
        uri=Secret(uri),
    )
    assert [one.passed for one in found] == [True, True, False, False, False, False]
    assert "2 files are missing: /uploads/gone.pdf (_id 2)" in found[-1].said
    (erased,) = ask(
        *(tmp_path, References("files", "shop.orders", "files.path", LIVE, strip="/uploads/")),
        uri=Secret(uri),
        erased=Erased(paths={os.fsencode(LIVE / "gone.pdf"): "e1"}),
    )
    assert "1 to what is meant to stay erased; 1 files are missing" in erased.said


def test_what_was_not_restored_is_left_out_in_words(tmp_path: Path) -> None:
    (found,) = ask(tmp_path, Query("orders", "shop.orders", count=1))
    assert found.passed and "left out" in found.said
