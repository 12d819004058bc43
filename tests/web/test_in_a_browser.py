"""The dashboard as people use it: the installed command, a real repository, a real browser."""

import json
import os
import pty
import select
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import warm
from bare import BARE
from scene import NOW, Scene, alert
from web_kit import PASSWORD, Steps, browser_for_tests, page_of, served, sign_in_with, until, users_in

from lifeboat.services.web.pages import PAGES, Dashboard

KEY = "5e" * 32
ALL_PAGES = [*(path for path, _ in PAGES), "/history/1000", "/jobs/db", "/nowhere"]
PHONE, DESKTOP = (360, 740), (1280, 900)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browser_for_tests() as found:
        yield found


class Shop:
    """A machine that backs up a folder to another folder, and nothing else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        uploads = folder / "uploads"
        uploads.mkdir()
        (uploads / "contract.txt").write_text("a contract")
        self.environment = {
            **BARE,
            "HOME": str(folder),
            "LIFEBOAT_REPOSITORY": str(folder / "backups"),
            "LIFEBOAT_STATE": str(folder / "state"),
            "UPLOADS_DIR": str(uploads),
            "BACKUP_ENCRYPTION_KEY": KEY,
            "LIFEBOAT_LABEL": "shop-1",
        }

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "lifeboat", *arguments]

    def json(self, *arguments: str) -> Any:
        done = warm.run([*arguments, "--json"], self.folder, self.environment)
        return json.loads(done.stdout)

    def kills(self, job: str) -> bool:
        """Kill the run that the journal says is under way; False while there is none."""
        for path in (self.folder / "state").glob("*/journal.sqlite3"):
            with closing(sqlite3.connect(path)) as journal:
                rows = journal.execute("SELECT process FROM runs WHERE job = ? AND ended IS NULL", (job,)).fetchall()
            for (process,) in rows:
                os.kill(int(process.split()[-2]), signal.SIGKILL)
                return True
        return False

    def types(self, answers: list[str], *arguments: str) -> str:
        """Run it in a terminal; each answer is typed when something ends with a colon."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.folder)
            os.execve(sys.executable, self.command(*arguments), {**self.environment, "TERM": "dumb"})
        screen, seen, end = "", 0, time.monotonic() + 180
        while time.monotonic() < end:
            if select.select([terminal], [], [], 0.2)[0]:
                try:
                    got = os.read(terminal, 4096).decode()
                except OSError:
                    break
                if not got:
                    break
                screen += got
            if answers and screen[seen:].rstrip().endswith(":"):
                seen = len(screen)
                os.write(terminal, f"{answers.pop(0)}\n".encode())
        os.waitpid(pid, 0)
        os.close(terminal)
        return screen

    @contextmanager
    def runs(self, *arguments: str, says: str) -> Iterator[str]:
        """A command that serves; yields its address, and ends it by SIGTERM."""
        log = self.folder / "log"
        with log.open("w") as out:
            process = subprocess.Popen(
                self.command(*arguments),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=self.folder,
                env=self.environment,
            )
        try:
            until(lambda: says in log.read_text() or process.poll() is not None)
            assert process.poll() is None, log.read_text()
            yield log.read_text().partition(says)[2].split()[0].rstrip("/")
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(120) == 0, log.read_text()
            assert "Traceback" not in log.read_text()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    made.json("init", "--yes")
    said = made.types([PASSWORD.reveal(), PASSWORD.reveal()], "dashboard", "user", "add", "alice", "--role", "operator")
    assert "alice may sign in" in said and PASSWORD.reveal() not in said
    return made


def test_a_backup_is_begun_and_watched_to_its_end(shop: Shop, browser: Any) -> None:
    with (
        shop.runs("dashboard", "--listen", "127.0.0.1:0", says="the dashboard is on ") as address,
        page_of(browser, address) as page,
    ):
        sign_in_with(page)
        page.wait_for_selector("#start-all")
        page.focus("#start-all")
        page.keyboard.press("Enter")
        page.wait_for_url("**/jobs/all")
        page.wait_for_selector("[role=status]:has-text('Runs')")
        page.wait_for_selector("[role=status]:has-text('well')")
        until(lambda: shop.json("snapshots")["snapshots"])
        page.goto("/")
        page.wait_for_selector("article:has-text('Files') .big.good")
        page.goto("/history")
        assert "dashboard" in page.inner_text("tbody")
        page.goto("/snapshots")
        assert "files" in page.inner_text("tbody")
        page.goto("/jobs/verify")
        page.click("#start")
        page.wait_for_selector("[role=status]:has-text('well')")
        for path in ALL_PAGES:
            page.goto(path)
            assert KEY not in page.content() and PASSWORD.reveal() not in page.content(), path
        page.click("text=Sign out")
        page.wait_for_selector("#password")
    acts = shop.json("audit", "query")["entries"]
    assert any(one["act"] == "dashboard sign in" and "alice" in one["who"] for one in acts)
    assert any(one["act"] == "backup all" and "alice of the dashboard" in one["who"] for one in acts)


def test_who_is_removed_is_out_and_who_is_there_is_listed(shop: Shop, browser: Any) -> None:
    assert [(one["name"], one["role"]) for one in shop.json("dashboard", "user", "list")["users"]] == [
        ("alice", "operator")
    ]
    with (
        shop.runs("dashboard", "--listen", "127.0.0.1:0", says="the dashboard is on ") as address,
        page_of(browser, address) as page,
    ):
        sign_in_with(page)
        assert shop.json("dashboard", "user", "remove", "alice") == {"removed": "alice"}
        page.wait_for_selector("text=lifeboat dashboard user add")  # the page noticed by itself
    assert shop.json("dashboard", "user", "remove", "alice")["error"]["code"] == "dashboard-user-refused"
    assert shop.json("dashboard", "user", "add", "bob")["error"]["code"] == "cannot-ask"


def test_a_run_that_was_killed_is_called_so(shop: Shop, browser: Any) -> None:
    large = shop.folder / "uploads" / "large.bin"
    large.write_bytes(os.urandom(200_000_000))
    with (
        shop.runs("dashboard", "--listen", "127.0.0.1:0", says="the dashboard is on ") as address,
        page_of(browser, address) as page,
    ):
        sign_in_with(page)
        page.click("#start-all")
        page.wait_for_url("**/jobs/all")
        until(lambda: shop.kills("backup all"))
        page.wait_for_selector("[role=status]:not(:has-text('Runs'))")
        assert "stopped" in page.inner_text("[role=status]") or "killed" in page.inner_text("[role=status]")
        page.goto("/history")
        assert "was killed" in page.inner_text("tbody")  # perhaps below what it had stored before


def test_serve_shows_it_beside_its_health(shop: Shop, browser: Any) -> None:
    (shop.folder / "lifeboat.toml").write_text('[serve]\nlisten = "127.0.0.1:0"\njitter = false\n')
    with shop.runs("serve", says="answers on ") as address, page_of(browser, address, *PHONE) as page:
        assert page.goto("/healthz").status == 200
        sign_in_with(page)
        page.wait_for_selector("article:has-text('Files') .big.good")
        assert "lifeboat serve runs the jobs" in page.inner_text(".verdict")
        assert "next tomorrow" in page.inner_text(".jobs") or "next today" in page.inner_text(".jobs")


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene(
        hours=24 * 400, late=True, open=[alert(1, "critical", NOW, "the newest copy of the files is 2 d 4 h old")]
    )


@pytest.fixture(scope="module")
def address(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(Dashboard(scene, users_in(tmp_path_factory.mktemp("state")), Steps())) as found:
        yield found


@pytest.mark.parametrize(
    ("width_height", "colours"),
    [
        pytest.param(PHONE, "light", id="phone-light"),
        pytest.param(DESKTOP, "dark", id="desktop-dark"),
        pytest.param(PHONE, "dark", id="phone-dark", marks=pytest.mark.long),
        pytest.param(DESKTOP, "light", id="desktop-light", marks=pytest.mark.long),
    ],
)
def test_every_page_can_be_read_by_everybody(
    browser: Any, address: str, width_height: tuple[int, int], colours: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    width, height = width_height
    troubles: list[str] = []
    with page_of(browser, address, width, height, color_scheme=colours) as page:
        page.on("console", lambda one: troubles.append(one.text) if "Content Security Policy" in one.text else None)
        page.on("pageerror", lambda one: troubles.append(str(one)))
        page.goto("/signin")
        troubles += _violations(Axe(), page)
        sign_in_with(page)
        for path in ALL_PAGES:
            page.goto(path)
            troubles += _violations(Axe(), page)
            wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            if wider > 0:
                troubles.append(f"{path} is {wider} px wider than the screen")
    assert not troubles, "\n".join(troubles)


def test_the_checker_of_accessibility_notices_what_cannot_be_read(browser: Any, address: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    with page_of(browser, address) as page:
        page.goto("/signin")
        page.evaluate("document.querySelector('h1').style.cssText = 'color: #eee; background: #fff'")
        page.evaluate("document.querySelector('label').remove()")
        found = " ".join(_violations(Axe(), page))
    assert "color-contrast" in found and "label" in found


def test_ten_thousand_snapshots_are_as_quick_as_a_few(browser: Any, address: str, scene: Scene) -> None:
    seen = scene.seen()
    assert seen is not None and len(seen.snapshots) > 10_000
    with page_of(browser, address) as page:
        sign_in_with(page)
        for path in ("/", "/snapshots", "/snapshots?page=200", "/sizes"):
            page.goto(path)
            took = page.evaluate("performance.getEntriesByType('navigation')[0].responseEnd")
            assert took < 3000, f"{path} took {took:.0f} ms"
            assert page.evaluate("document.getElementsByTagName('*').length") < 3000, path
        page.goto("/snapshots?page=199")
        page.click("text=Older")
        assert "page=200" in page.url


def test_it_works_without_scripts(browser: Any, address: str, scene: Scene) -> None:
    with page_of(browser, address, java_script_enabled=False) as page:
        sign_in_with(page)
        page.click("text=look again")
        page.click("#start-db")
        page.wait_for_url("**/jobs/db")
    assert scene.began[-1][:2] == ("db", "alice")


def test_all_of_it_is_reached_by_the_keyboard(browser: Any, address: str) -> None:
    with page_of(browser, address) as page:
        sign_in_with(page)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        reached = set()
        for _ in range(60):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.id || document.activeElement.getAttribute('href')"))
        assert {"start-db", "start-verify", "/jobs/db"} <= reached


def test_what_is_new_comes_by_itself_and_keeps_the_focus(browser: Any, tmp_path: Path) -> None:
    scene = Scene(hours=30)
    with (
        served(Dashboard(scene, users_in(tmp_path), Steps())) as address,
        page_of(browser, address) as page,
    ):
        sign_in_with(page)
        assert "Safe" in page.inner_text(".verdict")
        page.focus("#start-db")
        scene.open = [alert(1, "critical", NOW, "the newest verification failed")]
        page.wait_for_selector(".verdict.bad")
        assert page.evaluate("document.activeElement.id") == "start-db"


def _violations(axe: Any, page: Any) -> list[str]:
    found = axe.run(page).response["violations"]
    return [
        f"{page.url} {one['id']} ({one['impact']}): {node['html'][:150]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
