"""``schedule_backups`` inside real applications: FastAPI under uvicorn with two workers, Django's own server, a plain ``with``."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from statistics import median

import pytest
from bare import BARE
from machine import Machine
from serve_kit import OFF, commands_of, settings, slots_done, until

FASTAPI = """
import logging, os
from fastapi import FastAPI
from lifeboat import schedule_backups

logging.basicConfig(level=logging.INFO)
backups = schedule_backups()
app = FastAPI(lifespan=backups.lifespan)


@app.get("/")
async def root():
    return {"pid": os.getpid(), "schedules": backups.schedules_here}
"""
DJANGO_WSGI = """
import os
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from lifeboat import schedule_backups

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_settings")
application = get_wsgi_application()
schedule_backups().start()
"""
DJANGO_SETTINGS = """
SECRET_KEY = "only a test"
DEBUG = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "site_urls"
WSGI_APPLICATION = "site_wsgi.application"
LOGGING = {"version": 1, "disable_existing_loggers": False}
"""
DJANGO_URLS = """
from django.http import HttpResponse
from django.urls import path
urlpatterns = [path("", lambda request: HttpResponse("hello"))]
"""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def running(machine: Machine, *command: str, **variables: str) -> Iterator["subprocess.Popen[bytes]"]:
    environment = {**BARE, "HOME": str(machine.folder), **machine.variables, **variables}
    with (machine.folder / "application.log").open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=machine.folder,
            env=environment,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        # With its workers: one that outlives a killed supervisor would serve for ever.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def get(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
        return str(answer.read().decode())


def answers(port: int) -> bool:
    try:
        return bool(get(port))
    except OSError:
        return False


def holder(machine: Machine) -> int:
    [lock] = (machine.folder / ".local/state/lifeboat/schedule").glob("*.serve.lock")
    return int(lock.read_text())


@pytest.mark.long
def test_of_two_uvicorn_workers_one_schedules_and_the_other_takes_over(set_machine: Machine) -> None:
    machine, port = set_machine, free_port()
    log = machine.folder / "application.log"
    settings(machine, **OFF | {"db": "every 8s"})
    (machine.folder / "shop.py").write_text(FASTAPI)
    command = ("-m", "uvicorn", "shop:app", "--workers", "2", "--port", str(port), "--log-level", "warning")
    with running(machine, *command) as supervisor:
        until(lambda: answers(port))
        until(lambda: "this one stands by" in log.read_text())
        until(lambda: len(slots_done(machine, "backup db")) >= 2)
        said = log.read_text()
        assert said.count("runs as simple") == 1 and said.count("this one stands by") == 1
        waited = []
        for _ in range(30):
            began = time.monotonic()
            get(port)
            waited.append(time.monotonic() - began)
            time.sleep(0.1)
        # The longest one is the machine's: others work on it.
        assert median(waited) < 0.5, f"requests waited {sorted(waited)}"
        first, before = holder(machine), set(slots_done(machine, "backup db"))
        os.kill(first, signal.SIGKILL)
        until(lambda: len(set(slots_done(machine, "backup db")) - before) >= 2)
        assert holder(machine) != first
        supervisor.terminate()
        assert supervisor.wait(60) is not None
    until(lambda: commands_of(machine) == [], 60)
    done = slots_done(machine, "backup db")
    assert set(done.values()) == {1}, f"a slot was done twice: {done}"
    assert all(datetime.fromisoformat(slot).timestamp() % 8 == 0 for slot in done), done


def test_django_serves_and_backs_up(set_machine: Machine) -> None:
    machine, port = set_machine, free_port()
    settings(machine, **OFF | {"db": "every 5s"})
    for name, text in (("site_wsgi", DJANGO_WSGI), ("site_settings", DJANGO_SETTINGS), ("site_urls", DJANGO_URLS)):
        (machine.folder / f"{name}.py").write_text(text)
    command = ("-m", "django", "runserver", "--noreload", f"127.0.0.1:{port}")
    paths = os.pathsep.join([str(machine.folder), *filter(None, [BARE.get("PYTHONPATH")])])
    where = {"DJANGO_SETTINGS_MODULE": "site_settings", "PYTHONPATH": paths}
    with running(machine, *command, **where) as server:
        until(lambda: answers(port))
        until(lambda: len(machine.snapshots("mongodb")) >= 2)
        assert get(port) == "hello"
        server.send_signal(signal.SIGINT)
        server.wait(60)
    until(lambda: commands_of(machine) == [], 60)
    with running(machine, "-m", "django", "check", **where) as check:
        assert check.wait(60) == 0
    assert commands_of(machine) == [], "a management command schedules nothing"


def test_a_with_backs_up_while_it_lasts_and_bad_settings_leave_the_application_alone(set_machine: Machine) -> None:
    machine = set_machine
    settings(machine, **OFF | {"db": "every 3s"})
    script = (
        "import sys, lifeboat\nwith lifeboat.schedule_backups() as backups:\n    sys.stdin.read()\nprint('went on')\n"
    )
    environment = {**BARE, "HOME": str(machine.folder), **machine.variables}
    for text, expected in ((None, True), ("[serve]\nlisten = 5\n", False)):
        if text:
            (machine.folder / "lifeboat.toml").write_text(text)
        before = len(machine.snapshots("mongodb")) if expected else 0
        process = subprocess.Popen(
            [sys.executable, "-c", script],
            cwd=machine.folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        if expected:
            until(lambda wanted=before + 2: len(machine.snapshots("mongodb")) >= wanted)  # type: ignore[misc]
        else:
            time.sleep(2)
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0 and out == b"went on\n"
        until(lambda: commands_of(machine) == [], 60)


def test_importing_the_package_imports_nothing_of_it() -> None:
    script = "import sys, lifeboat; print([one for one in sys.modules if one.startswith('lifeboat.')]); lifeboat.schedule_backups"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
