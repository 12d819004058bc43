"""Steps at AWS on the command line: planned, asked for, carried out, judged; in words and as JSON."""

import io
import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pretend_lifeboat import FixedClock
from pretend_shell import Terminal

from lifeboat.cli.arranging import apply_steps, check_steps, plan_steps
from lifeboat.cli.failures import CannotAsk
from lifeboat.cli.run import Run
from lifeboat.cloud.errors import CloudDenied, CloudMissing
from lifeboat.cloud.steps import Difference, Looked, Step


@dataclass
class Valve:
    """Something that is open or shut."""

    name: str
    is_open: bool = False
    after: tuple[str, ...] = ()
    refuses: Exception | None = None
    by_hand: str = ""
    is_advice: bool = False
    turned: list[str] = field(default_factory=list)
    why: str = "without it the water stays where it is"

    @property
    def title(self) -> str:
        return f"the {self.name} valve"

    def look(self) -> Looked:
        if self.refuses:
            raise self.refuses
        if self.is_open:
            return Looked(said="it is open")
        return Looked((Difference("valve", "shut", "open"),), only_by_hand=self.by_hand)

    def carry_out(self) -> None:
        self.turned.append(self.name)
        self.is_open = True


@dataclass
class Desk:
    """A run with its streams."""

    typed: str = ""
    terminal: bool = False

    def __post_init__(self) -> None:
        make = Terminal if self.terminal else io.StringIO
        self.input, self.out, self.err = make(self.typed), make(), make()
        self.run = Run({"COLUMNS": "80"}, Path("/"), FixedClock(), streams=(self.input, self.out, self.err))

    def check(self, *valves: Step) -> int:
        return check_steps(self.run, lambda: valves, "the valves", "open them")

    def plan(self, *valves: Step) -> int:
        return plan_steps(self.run, lambda: valves, "the valves", "open them")

    def apply(self, *valves: Step, yes: bool = True) -> int:
        return apply_steps(self.run, lambda: valves, "the valves", "look at them", yes=yes)

    @property
    def said(self) -> str:
        return self.out.getvalue()


DENIED = CloudDenied("the right s3:Turn is missing", "ask for it", "s3:Turn")


def test_a_plan_says_what_would_change_and_why_and_is_no_failure() -> None:
    desk, valve = Desk(), Valve("left")
    assert desk.plan(valve, Valve("right", is_open=True)) == 0
    for words in (
        "the left valve",
        "valve: shut, wanted: open",
        "why: without it",
        "it is open",
        "1 to change",
        "open them",
    ):
        assert words in desk.said
    assert not valve.turned


def test_a_check_ends_with_three_where_something_is_otherwise_and_with_nothing_where_not() -> None:
    desk = Desk()
    assert desk.check(Valve("left", is_open=True)) == 0
    assert "1 as wanted" in desk.said and "next" not in desk.said
    assert Desk().check(Valve("left")) == 3


def test_what_applying_would_not_mend_counts_in_a_plan_too() -> None:
    for hindered in (Valve("left", refuses=DENIED), Valve("left", by_hand="use a wrench")):
        desk = Desk()
        assert desk.plan(hindered, Valve("right")) == 3
        assert "s3:Turn" in desk.said or "do: use a wrench" in desk.said


@pytest.mark.parametrize(
    ("found", "status"), [(Valve("left", by_hand="use a wrench"), 3), (Valve("left", refuses=DENIED), 0)]
)
def test_advice_counts_in_a_check_when_it_is_needed_not_when_nobody_may_look(found: Valve, status: int) -> None:
    found.is_advice = True
    desk = Desk()
    assert desk.check(found) == status
    assert "by hand" in desk.said or "unknown" in desk.said
    assert Desk().apply(found) == 0 and Desk().plan(found) == 0


def test_applying_changes_once_and_says_so_as_json_too() -> None:
    valve, desk = Valve("left"), Desk()
    desk.run.json = True
    assert desk.apply(valve) == 0
    report = json.loads(desk.said)
    assert (report["changed"], report["steps"][0]["state"]) == (1, "changed")
    again = Desk()
    assert again.apply(valve) == 0 and valve.turned == ["left"]
    assert "nothing was to be changed" in again.said


def test_where_nobody_can_be_asked_nothing_is_changed() -> None:
    valve = Valve("left")
    with pytest.raises(CannotAsk, match="this changes the valves at AWS"):
        Desk().apply(valve, yes=False)
    assert not valve.turned


def test_what_is_to_be_made_first_does_not_hide_the_plan_of_what_follows() -> None:
    desk = Desk()
    desk.plan(
        Valve("main"), Valve("left", after=("main",)), Valve("right", after=("main",), refuses=CloudMissing("none"))
    )
    assert "2 to change, 1 waiting" in desk.said and "waits for: the main valve" in desk.said


def test_a_plan_fits_a_narrow_terminal() -> None:
    desk = Desk(terminal=True)
    valve = Valve(
        "left", why="a sentence that is certainly longer than what a line of eighty columns can hold, so it is folded"
    )
    desk.plan(valve, Valve("right", is_open=True))
    assert "\x1b[" in desk.said
    plain = "".join(part.partition("m")[2] if number else part for number, part in enumerate(desk.said.split("\x1b[")))
    assert max(map(len, plain.splitlines())) <= 80
