"""Nobody is flooded, nobody is left in the dark: what is told, when, over weeks of a simulated clock."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifeboat.journal.journal import Journal
from lifeboat.services.alerts.condition import Condition, Severity
from lifeboat.services.alerts.engine import AGAIN, STEADY, AlertEngine, Step, Told
from lifeboat.services.alerts.quiet import QuietHours

BEGIN = datetime(2026, 11, 2, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def wrong(rule: str, severity: Severity = Severity.WARNING) -> Condition:
    return Condition(rule, severity, "db", f"{rule} happened", "means", "do")


class Desk:
    """An engine with a clock that is set by hand, and what somebody got."""

    def __init__(self, folder: Path, quiet: QuietHours | None = None) -> None:
        self.now = BEGIN
        self.got: list[tuple[datetime, Told]] = []
        self.line_is_down = False
        self.journal = Journal(folder / "journal.sqlite3")
        self.engine = AlertEngine(self.journal.alerts, self._send, quiet)

    def _send(self, told: Told) -> bool:
        if not self.line_is_down:
            self.got.append((self.now, told))
        return not self.line_is_down

    def look(self, *conditions: Condition, after: timedelta = MINUTE) -> list[str]:
        """What was told by this look, as ``step key``."""
        self.now += after
        count = len(self.got)
        self.engine.take(conditions, self.now)
        return [f"{told.step} {told.key}" for _, told in self.got[count:]]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_it_is_told_once_again_after_a_while_and_when_it_is_over(desk: Desk) -> None:
    assert desk.look(wrong("failed")) == ["opened failed db"]
    for _ in range(100):
        assert desk.look(wrong("failed")) == []
    assert desk.look(wrong("failed"), after=AGAIN[Severity.WARNING]) == ["still failed db"]
    assert desk.look() == []
    assert desk.look(after=STEADY) == ["over failed db"]
    assert desk.look(after=timedelta(days=30)) == []


def test_what_gets_worse_is_told_at_once_and_what_gets_better_is_not_a_new_alarm(desk: Desk) -> None:
    desk.look(wrong("late"))
    assert desk.look(wrong("late", Severity.CRITICAL)) == ["worse late db"]
    assert desk.look(wrong("late")) == []


def test_what_could_not_be_sent_is_sent_when_the_line_is_back(desk: Desk) -> None:
    desk.line_is_down = True
    assert desk.look(wrong("failed")) == []
    desk.line_is_down = False
    assert desk.look(wrong("failed")) == ["opened failed db"]
    desk.line_is_down = True
    desk.look(), desk.look(after=STEADY)
    desk.line_is_down = False
    assert desk.look() == ["over failed db"]


def test_what_nobody_was_told_of_ends_without_a_word(desk: Desk) -> None:
    desk.line_is_down = True
    desk.look(wrong("failed"))
    desk.line_is_down = False
    assert desk.look() == [] and desk.look(after=STEADY) == []


def test_a_flicker_is_no_recovery_and_no_second_alarm(desk: Desk) -> None:
    desk.look(wrong("stalled"))
    for _ in range(20):
        assert desk.look() == []
        assert desk.look(wrong("stalled")) == []
    assert desk.look() == [] and desk.look(after=STEADY) == ["over stalled db"]


def test_who_cannot_look_does_not_say_that_it_is_over(desk: Desk) -> None:
    desk.look(wrong("late"))
    desk.engine.take([wrong("unreachable", Severity.CRITICAL)], desk.now + MINUTE, blind=True)
    desk.engine.take([wrong("unreachable", Severity.CRITICAL)], desk.now + 2 * STEADY, blind=True)
    assert [told.key for _, told in desk.got] == ["late db", "unreachable db"]


def test_quiet_hours_hold_back_all_but_what_is_critical(tmp_path: Path) -> None:
    desk = Desk(tmp_path, QuietHours(22 * 60, 7 * 60, ZoneInfo("Asia/Riyadh")))
    desk.now = datetime(2026, 11, 2, 19, 30, tzinfo=UTC)  # 22:30 there
    assert desk.look(wrong("late"), wrong("failed", Severity.CRITICAL)) == ["opened failed db"]
    assert desk.look(wrong("late"), after=timedelta(hours=8)) == []
    assert desk.look(wrong("late"), after=STEADY) == ["over failed db"], "critical: also its end"
    assert desk.look(wrong("late"), after=timedelta(minutes=40)) == ["opened late db"], "07:12 there"


def test_another_process_goes_on_where_a_killed_one_was(tmp_path: Path) -> None:
    first = Desk(tmp_path)
    first.look(wrong("failed"))
    second = Desk(tmp_path)
    second.now = first.now
    assert second.look(wrong("failed")) == []
    assert second.look() == [] and second.look(after=STEADY) == ["over failed db"]


LOOKS = st.lists(st.tuples(st.sets(st.sampled_from("abc")), st.integers(1, 600), st.booleans()), max_size=40)


@settings(max_examples=40)  # a file for each look
@given(LOOKS)
def test_whatever_happens_nobody_is_flooded_and_nothing_stays_open(
    tmp_path_factory: pytest.TempPathFactory, looks: Sequence[tuple[set[str], int, bool]]
) -> None:
    desk = Desk(tmp_path_factory.mktemp("alerts"))
    for present, minutes, line_is_down in looks:
        desk.line_is_down = line_is_down
        desk.look(*map(wrong, sorted(present)), after=timedelta(minutes=minutes))
    desk.line_is_down = False
    desk.look(), desk.look(after=STEADY), desk.look(after=STEADY)
    for key in ("a db", "b db", "c db"):
        mine = [(at, told.step) for at, told in desk.got if told.key == key]
        is_open, last = False, None
        for at, step in mine:
            if step is Step.OVER:
                assert is_open, "an end without a beginning"
                is_open = False
            else:
                assert not is_open or (last is not None and at - last >= AGAIN[Severity.WARNING]), "told too often"
                is_open, last = True, at
        assert not is_open, "somebody was told, and never that it is over"
