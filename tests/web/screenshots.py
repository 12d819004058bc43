"""Make ``docs/screenshots/``: ``make screenshots``. Made-up facts, so that the pictures stay the same but for the design."""

import sys
import tempfile
from pathlib import Path

from scene import NOW, Scene, alert
from web_kit import Steps, browser_for_tests, page_of, served, sign_in_with, users_in

from lifeboat.services.web.pages import Dashboard

OUT = Path(__file__).parents[2] / "docs" / "screenshots"


def main(out: Path) -> None:
    out.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as state, browser_for_tests() as browser:
        users = users_in(Path(state))
        safe, late = (
            Scene(),
            Scene(late=True, open=[alert(1, "critical", NOW, "the newest copy of the files is 2 d 4 h old")]),
        )
        with served(Dashboard(safe, users, Steps())) as address, page_of(browser, address, timezone_id="UTC") as page:
            sign_in_with(page)
            page.screenshot(path=out / "dashboard.png")
            for name in ("snapshots", "sizes"):
                page.goto(f"/{name}")
                page.screenshot(path=out / f"{name}.png", clip={"x": 0, "y": 0, "width": 1280, "height": 420})
        with (
            served(Dashboard(late, users, Steps())) as address,
            page_of(browser, address, 390, 844, color_scheme="dark", is_mobile=True) as page,
        ):
            sign_in_with(page)
            page.evaluate("scrollTo(0, 0)")
            page.screenshot(path=out / "phone-dark.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else OUT)
