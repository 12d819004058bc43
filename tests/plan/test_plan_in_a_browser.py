"""The plan in a real browser: the card fits on the first page, nothing is loaded, a telephone shows all of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from plan_scene import ALL, BUCKET
from web_kit import browser_for_tests

from lifeboat.evidence.paper.page import to_html
from lifeboat.evidence.plan.document import plan_document

A4_WIDTH, A4_HEIGHT = 672, 986
"""What is left of an A4 page inside the margins of ``page.css``, in CSS pixels."""
YOURS = {
    "stop-writes": "1. `ssh web1 sudo systemctl stop portal portal-worker`\n2. the same on web2\n3. the page of the maintenance is shown",
    "envelopes": "- the safe on the second floor (Noura, Omar)\n- the password manager of the company, entry *Lifeboat*",
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browser_for_tests() as found:
        yield found


def shown(browser: Any, folder: Path, name: str, width: int) -> Any:
    path = folder / "plan.html"
    path.write_text(to_html(plan_document(ALL[name], 3, YOURS)), encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": A4_HEIGHT})
    loaded: list[str] = []
    page.on("request", lambda one: loaded.append(one.url))
    page.goto(path.as_uri())
    assert loaded == [path.as_uri()]
    return page


@pytest.mark.parametrize("name", ALL)
def test_the_card_fits_on_a_page_of_its_own(browser: Any, tmp_path: Path, name: str) -> None:
    page = shown(browser, tmp_path, name, A4_WIDTH)
    page.emulate_media(media="print")
    assert page.evaluate("document.querySelector('.new-page').getBoundingClientRect().top") < A4_HEIGHT
    wide = page.evaluate(
        "[...document.querySelectorAll('table, pre, svg')].filter(one => one.scrollWidth > innerWidth).length"
    )
    assert wide == 0
    page.close()


def test_a_telephone_shows_all_of_it(browser: Any, tmp_path: Path) -> None:
    page = shown(browser, tmp_path, "bucket", 390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for one in BUCKET.contacts:
        assert one.phone in page.inner_text("table >> nth=0")
    page.close()
