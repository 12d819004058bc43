"""A dashboard to call, and a browser to look at it."""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from page_client import InProcess
from scene import NOW, Scene
from starlette.applications import Starlette

from lifeboat.app.serve_web import WebServer
from lifeboat.foundation.secret import Secret
from lifeboat.services.web.facts import Facts
from lifeboat.services.web.pages import Dashboard
from lifeboat.services.web.users import Role, Users

PASSWORD = Secret("seven grey boats at noon")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE_MS = 120_000


class Steps:
    """A clock for waits and sessions: it goes when it is told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> Any:
        return NOW

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def users_in(state: Path) -> Users:
    """Alice may begin backups, Bob only looks."""
    users = Users(state)
    users.path.write_bytes(_alice_and_bob())
    users.path.chmod(0o600)
    return users


@cache
def _alice_and_bob() -> bytes:
    """Their file: to make it is slow on purpose."""
    with TemporaryDirectory() as folder:
        users = Users(Path(folder))
        users.add("alice", Role.OPERATOR, PASSWORD, NOW)
        users.add("bob", Role.READER, PASSWORD, NOW)
        return users.path.read_bytes()


def client_for(facts: Facts, users: Users, clock: Any, **more: Any) -> httpx.Client:
    dashboard = Dashboard(facts, users, clock, **more)
    return httpx.Client(transport=InProcess(dashboard.app), base_url="http://127.0.0.1:8765", follow_redirects=False)


def token_in(text: str) -> str:
    return text.partition('name="token" value="')[2].partition('"')[0]


def sign_in(client: httpx.Client, name: str = "alice", password: str = PASSWORD.reveal()) -> Any:
    token = token_in(client.get("/signin").text)
    return client.post("/signin", data={"name": name, "password": password, "token": token})


@contextmanager
def served(dashboard: Dashboard) -> Iterator[str]:
    """The address of the dashboard on a free port."""
    server = WebServer(Starlette(routes=dashboard_mounts(dashboard)), ("127.0.0.1", 0))
    server.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.stop()


def dashboard_mounts(dashboard: Dashboard) -> list[Any]:
    from starlette.routing import Mount

    return [Mount("/", app=dashboard.app)]


@contextmanager
def browser_for_tests() -> Iterator[Any]:
    """Debian's Chromium; skips where there is none, but in CI."""
    from playwright.sync_api import sync_playwright

    named = os.environ.get("LIFEBOAT_CHROMIUM")
    found = named or next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        why = "no Chromium: apt-get install chromium, or name one in LIFEBOAT_CHROMIUM"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    with sync_playwright() as playwright:
        # --no-sandbox: as root Chromium does not start with it; it only sees pages of ours.
        browser = playwright.chromium.launch(
            executable_path=found,
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
            timeout=PATIENCE_MS,
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def page_of(browser: Any, address: str, width: int = 1280, height: int = 900, **more: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": width, "height": height}, base_url=address, **more)
    context.set_default_timeout(PATIENCE_MS)
    context.set_default_navigation_timeout(PATIENCE_MS)
    page = context.new_page()
    try:
        yield page
    finally:
        context.close()


def sign_in_with(page: Any, name: str = "alice") -> None:
    page.goto("/signin")
    page.fill("#name", name)
    page.fill("#password", PASSWORD.reveal())
    page.keyboard.press("Enter")
    page.wait_for_selector(".verdict")


def until(true: Any, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.1)


def in_background(target: Any) -> threading.Thread:
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread


def small_scene() -> Scene:
    return Scene(hours=30)
