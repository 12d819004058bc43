"""Whatever is sent to the dashboard, it answers: never with a bug, never a stranger with a page, never not at all."""

import random
from pathlib import Path

import pytest
from fuzz_kit import Target
from fuzz_runs import LONG_INPUTS, Tried, try_long, try_short
from fuzz_web import Site, answers_of, raw_inputs, web_targets
from web_kit import served

PATIENCE_SECONDS = 0.15
"""For an answer to bytes that may not be a whole request: the server rightly waits for the rest."""


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> list[Target]:
    return web_targets(tmp_path_factory.mktemp("web"))


def test_no_request_is_answered_with_a_bug(targets: list[Target], tmp_path: Path, tried: Tried) -> None:
    tried("fuzz inputs", try_short(targets, tmp_path))


@pytest.mark.long
def test_no_request_is_answered_with_a_bug_in_very_many(targets: list[Target], tmp_path: Path, tried: Tried) -> None:
    tried("fuzz inputs", try_long(targets, tmp_path))


@pytest.mark.parametrize("count", [40, pytest.param(LONG_INPUTS // 10, marks=pytest.mark.long)])
def test_the_real_server_lives_through_bytes_that_are_nearly_requests(count: int, tmp_path: Path, tried: Tried) -> None:
    site, seed = Site(tmp_path), random.SystemRandom().randrange(2**32)
    make = raw_inputs(site)
    with served(site.dashboard) as address:
        port = int(address.rpartition(":")[2])
        for number in range(count):
            raw = make(seed, number)
            said = answers_of(port, raw, PATIENCE_SECONDS)
            good = not said or said.startswith((b"HTTP/1.1 2", b"HTTP/1.1 3", b"HTTP/1.1 4"))
            assert good, f"{said[:200]!r}\ninput {number} of seed {seed}: {raw!r}"
        assert answers_of(port, site.with_session("GET", "/signin")).startswith(b"HTTP/1.1 303"), (
            "it forgot who is there"
        )
    tried("fuzz inputs", count)
