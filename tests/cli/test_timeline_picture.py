"""The picture of the timeline, as people see it in narrow, usual and wide terminals, with and without more than ASCII."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from pretend_lifeboat import NOW, timeline_report
from pretend_shell import Shell

from lifeboat.cli.show.console import render
from lifeboat.cli.show.timeline import ASCII, BLOCKS, bar_of, draw_timeline
from lifeboat.operations.timeline_report import GapRow, HistoryRow, TimelineReport


@pytest.fixture(autouse=True)
def in_utc(zone: Callable[[str], None]) -> None:
    zone("UTC")


def drawn(report: TimelineReport, width: int, blocks: bool = True) -> list[str]:
    return render(draw_timeline(report, width, blocks), False, width, {}).splitlines()


PICTURES = {
    (60, True): [
        "shop  ·····················█████████████x██████████████████",
        "           ▲  ▲  ▲   ▲  ▲  ▲  ▲  ▲  ▲   ▲△ ▲  ▲  ▲  ▲  ▲",
        "                 ╵Wed 18        ╵Fri 20        ╵Sun 22",
    ],
    (100, True): [
        "shop  ·····································██████████████████████xx████████████████████████████████",
        "               ▲     ▲     ▲    ▲     ▲    ▲     ▲    ▲     ▲    ▲  △  ▲    ▲     ▲    ▲     ▲",
        "            ╵Tue 17      ╵Wed 18      ╵Thu 19      ╵Fri 20       ╵Sat 21      ╵Sun 22      ╵Mon 23",
    ],
    (60, False): [
        "shop  .....................#############x##################",
        "           ^  ^  ^   ^  ^  ^  ^  ^  ^   ^o ^  ^  ^  ^  ^",
        "                 'Wed 18        'Fri 20        'Sun 22",
    ],
}


@pytest.mark.parametrize(("width", "blocks"), PICTURES, ids=str)
def test_a_week_with_a_gap(width: int, blocks: bool) -> None:
    assert drawn(timeline_report(), width, blocks)[:3] == PICTURES[width, blocks]


def test_a_wide_terminal_shows_half_days() -> None:
    bar, ticks, axis, *_ = drawn(timeline_report(), 200)
    assert len(bar) == 199 and bar.count("x") == 3 and ticks.count("▲") == 15
    assert [one for one in axis.split() if ":" not in one] == [
        part
        for day in range(17, 24)
        for part in (f"╵{['Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun', 'Mon'][day - 17]}", str(day))
    ]
    assert axis.count("╵12:00") == 6


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_nothing_is_cut_off_and_no_line_is_too_long(width: int) -> None:
    lines = drawn(timeline_report("a-rather-long-name-of-a-machine.example.com"), width)
    assert max(len(one) for one in lines if "lifeboat " not in one) <= max(width, 50)
    whole = " ".join(" ".join(lines).split())
    assert "1795439073.12" in whole
    if width in (40, 60, 200):  # between them the cells fold, side by side
        assert "nothing in it can be restored" in whole


def test_ascii_alone_where_the_terminal_has_no_more() -> None:
    text = "\n".join(one for one in drawn(timeline_report(), 80, blocks=False) if not set(one) <= {"─"})
    assert text.isascii()


def test_the_shortest_gap_is_seen_in_a_week() -> None:
    report = timeline_report()
    (row,) = report.histories
    tiny = GapRow(NOW - timedelta(hours=20), NOW - timedelta(hours=20, seconds=-1), 1.0, "a rollback", 0, "nothing")
    assert bar_of(replace(row, gaps=(tiny,)), report, 40, BLOCKS).count("x") == 1


def test_what_lies_ahead_of_a_stream_that_stands_still_is_not_covered() -> None:
    report = timeline_report()
    (row,) = report.histories
    behind = replace(row, spans=(replace(row.spans[0], through=NOW - timedelta(hours=30)),), gaps=())
    bar = bar_of(behind, report, 56, ASCII)
    assert bar.endswith("-" * 9) and "#-" in bar


def test_when_no_stream_ever_ran_it_is_said_how_to_start_one() -> None:
    report = timeline_report()
    (row,) = report.histories
    never: HistoryRow = replace(row, streamed=False, spans=(), gaps=(), newest_op=None)
    text = "\n".join(drawn(replace(report, histories=(never,)), 100))
    assert "between two snapshots nothing can be restored" in text and "lifeboat stream" in text
    nothing = "\n".join(drawn(replace(report, histories=()), 100))
    assert "nothing of the database is stored yet" in nothing and "lifeboat stream" in nothing


def test_several_machines_have_a_bar_each() -> None:
    report = timeline_report()
    (row,) = report.histories
    both = replace(report, histories=(row, replace(row, label="other")))
    lines = drawn(both, 100)
    assert lines[0].startswith("shop   ·") and lines[2].startswith("other  ·")
    assert any("writer" in one and "gap from" in one for one in lines)


def test_who_may_not_see_the_archive_is_told_who_may() -> None:
    text = "\n".join(drawn(replace(timeline_report(), archive_seen=False), 200))
    assert "keeper's machine" in text


def test_the_picture_goes_through_the_command_and_json_has_it_all(shell: Shell) -> None:
    outcome = shell("timeline", "--from", "7 days ago")
    assert outcome.status == 0 and "█" in outcome.out and outcome.called[-1] == ("timeline", "7 days ago", None)
    value = json.loads(shell("timeline", "--json").out)
    (history,) = value["histories"]
    assert history["gaps"][0]["why"] and history["spans"][1]["through_op"] == "1795439073.12"


def test_suspects_are_listed_with_their_number_and_the_worst_is_what_is_offered(shell: Shell) -> None:
    outcome = shell("timeline", "--suspects", "--near", "2026-11-23T13:00:00Z", "--within", "20min", "--ns", "shop.*")
    assert outcome.called[-1] == ("suspects", None, None, "2026-11-23T13:00:00Z", 1200.0, ("shop.*",), None, None)
    assert "1795438509.7" in outcome.out and "database shop dropped: 2 collections, 12,431 documents" in outcome.out
    assert "lifeboat restore db --before-op 1795438509.7 --over-live" in outcome.out
    assert "shop.sessions" in outcome.out and "\x1b" not in outcome.out
    shell.answers["late"] = True
    assert "nothing suspicious" in shell("timeline", "--suspects").out


def test_one_moment_is_answered_alone(shell: Shell) -> None:
    outcome = shell("timeline", "--before-op", "1795438509.7")
    assert outcome.called[-1] == ("moment", None, "1795438509.7") and "can be restored" in outcome.out
    assert "120 segments" in outcome.out and "lifeboat restore db --at 1795439109.3" in outcome.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("--near", "1 hour ago"),
        ("--suspects", "--within", "1h"),
        ("--suspects", "--near", "1 hour ago", "--from", "2 hours ago"),
        ("--at", "newest", "--suspects"),
        ("--at", "newest", "--before-op", "1.1"),
        ("--suspects", "--near", "1 hour ago", "--within", "soon"),
        ("--ns", "shop.orders"),
    ],
    ids=" ".join,
)
def test_what_does_not_go_together_is_refused(shell: Shell, arguments: tuple[str, ...]) -> None:
    outcome = shell("timeline", *arguments)
    assert outcome.status == 2 and not outcome.called
