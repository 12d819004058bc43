"""The schedule over weeks: machines that sleep, clocks that are set, runs that are slow, fail or are killed."""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import BEGIN, Machine, Ran, slots_lost, slots_run_twice

from lifeboat.services.schedule.due import TRIES_AT_MOST, Past, Timed, decide, jitter_of, pause_after
from lifeboat.services.schedule.loop import LONGEST_WAIT_SECONDS
from lifeboat.services.schedule.slots import Slots

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ZONES = ("Asia/Riyadh", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")


def mission(zone: str = "Europe/Berlin") -> list[Timed]:
    """The defaults of an installation, with the daily backup that does the hourly one's work too."""
    where = ZoneInfo(zone)
    data = frozenset({"sources"})
    return [
        Timed("all", Slots("0 2 * * *", where), data, at_once=True),
        Timed("db", Slots("0 * * * *", where), data, done_by=("all",), at_once=True),
        Timed("verify", Slots("0 8 * * *", where), frozenset({"reading"})),
        Timed("scrub", Slots("30 3 * * *", where), frozenset({"reading"})),
        Timed("prune", Slots("30 5 * * 0", where)),
    ]


def hourly(name: str = "db", **more: object) -> Timed:
    return Timed(name, Slots("0 * * * *", UTC), frozenset({name}), at_once=True, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("zone", ZONES)
def test_three_weeks_over_a_change_of_the_clock_lose_nothing_and_do_nothing_twice(zone: str) -> None:
    jobs = mission(zone)
    machine = Machine(jobs)
    machine.live(timedelta(weeks=3))
    both = [Ran("db", ran.slot, ran.began, ran.ended) for ran in machine.runs_of("all")]
    assert slots_lost(jobs, machine.history + both, BEGIN, machine.clock.watch) == []
    assert slots_run_twice(machine.history) == []
    assert len(machine.runs_of("all")) in (21, 22) and len(machine.runs_of("prune")) == 3
    begun = sorted(ran.slot for ran in machine.runs_of("db") + machine.runs_of("all"))
    assert len(begun) == len(set(begun)), "the hourly backup ran beside the daily one of the same hour"
    assert {later - earlier for earlier, later in itertools.pairwise(begun[1:])} <= {HOUR, HOUR / 2}


def test_the_checkers_notice_a_slot_that_was_lost_and_one_that_ran_twice() -> None:
    jobs = [hourly()]
    machine = Machine(jobs)
    machine.live(5 * HOUR)
    lost = machine.history.pop(2)
    assert slots_lost(jobs, machine.history, BEGIN, machine.clock.watch) == [lost.slot]
    assert slots_run_twice([lost, *machine.history, lost]) == [lost]


def test_a_machine_that_was_off_for_days_runs_each_job_once_and_at_once() -> None:
    machine = Machine(mission())
    machine.live(2 * DAY)
    machine.kill()
    before = len(machine.history)
    machine.clock.watch += 5 * DAY + 37 * MINUTE
    machine.start()
    back = machine.clock.watch
    machine.live(10 * MINUTE)
    assert sorted(ran.job for ran in machine.history[before:]) == ["all", "prune", "scrub", "verify"]
    assert all(ran.began - back < 3 * MINUTE for ran in machine.history[before:])


def test_a_machine_that_slept_runs_what_is_due_when_it_wakes() -> None:
    machine = Machine([hourly()], in_haste=False)
    machine.live(90 * MINUTE)
    machine.suspend(7 * HOUR)
    woke, before = machine.clock.watch, len(machine.history)
    machine.live(MINUTE)
    assert [ran.began - woke <= timedelta(seconds=LONGEST_WAIT_SECONDS) for ran in machine.history[before:]] == [True]
    assert [round(jump.by / HOUR) for jump in machine.jumps] == [7]


@pytest.mark.parametrize("back", [20 * MINUTE, 55 * MINUTE, 3 * HOUR, 400 * DAY])
def test_a_clock_set_back_does_not_stop_the_backups(back: timedelta) -> None:
    machine = Machine([hourly()])
    machine.live(5 * HOUR + 10 * MINUTE)
    machine.set_clock(-back)
    machine.live(6 * HOUR)
    began = [ran.began for ran in machine.runs_of("db")]
    assert max(later - earlier for earlier, later in itertools.pairwise(began)) < 2 * HOUR
    assert len(machine.jumps) == 1 and machine.jumps[0].by == -back


def test_a_clock_set_back_while_nobody_ran_does_not_stop_the_backups() -> None:
    machine = Machine([hourly()])
    machine.live(5 * HOUR)
    machine.kill()
    machine.set_clock(-300 * DAY)
    machine.start()
    back = machine.clock.watch
    machine.live(2 * HOUR)
    assert [ran for ran in machine.history if back < ran.began < back + 70 * MINUTE]


def test_a_small_correction_of_the_clock_runs_nothing_twice() -> None:
    machine = Machine([hourly()])
    machine.live(HOUR + 2 * MINUTE)
    machine.set_clock(-3 * MINUTE)
    machine.live(3 * HOUR)
    assert slots_run_twice(machine.history) == []


def test_a_clock_that_leapt_ahead_and_back_costs_one_run_and_no_slot() -> None:
    machine = Machine([hourly()])
    machine.live(HOUR + 10 * MINUTE)
    machine.set_clock(200 * DAY)
    machine.live(5 * MINUTE)
    machine.set_clock(-200 * DAY)
    before = len(machine.history)
    machine.live(3 * HOUR)
    assert len(machine.history) - before == 3 and before == 3


def test_a_run_that_takes_longer_than_its_step_is_not_joined_by_a_second_one() -> None:
    machine = Machine([hourly()], takes={"db": 150 * MINUTE})
    machine.live(DAY)
    runs = machine.runs_of("db")
    assert all(later.began >= earlier.ended for earlier, later in itertools.pairwise(runs) if earlier.ended)
    assert len(runs) == 10, "after each run the newest slot only, at once"


def test_a_run_that_fails_is_tried_again_with_longer_pauses_and_not_without_end() -> None:
    machine = Machine([hourly()], failing={"db"})
    machine.live(55 * MINUTE)
    runs = machine.runs_of("db")
    assert len(runs) == TRIES_AT_MOST and {ran.slot for ran in runs} == {BEGIN}
    pauses = [later.began - earlier.ended for earlier, later in itertools.pairwise(runs) if earlier.ended]
    assert [round(pause.total_seconds()) for pause in pauses] == [30, 60, 120, 240]
    machine.failing.clear()
    machine.live(10 * MINUTE)
    assert machine.runs_of("db")[-1].slot == BEGIN + HOUR and machine.runs_of("db")[-1].good


def test_pauses_stay_within_the_slot() -> None:
    for step in (timedelta(seconds=5), 5 * MINUTE, HOUR, DAY):
        assert all(pause_after(tries, step) <= step / 4 for tries in range(1, TRIES_AT_MOST + 1))
    assert sum((pause_after(tries, DAY) for tries in range(1, TRIES_AT_MOST)), timedelta()) < HOUR


def test_a_run_that_was_killed_is_tried_again_at_the_next_start() -> None:
    machine = Machine([hourly()], takes={"db": 10 * MINUTE})
    machine.live(5 * MINUTE)
    machine.kill()
    machine.start()
    machine.live(20 * MINUTE)
    assert [ran.slot for ran in machine.runs_of("db")] == [BEGIN, BEGIN]
    assert machine.history[-1].ended


def test_what_would_kill_the_machine_each_time_is_not_tried_for_ever() -> None:
    machine = Machine([hourly()], takes={"db": 10 * MINUTE})
    for _ in range(20):
        machine.live(2 * MINUTE)
        machine.kill()
        machine.start()
    assert len(machine.runs_of("db")) == TRIES_AT_MOST


def test_a_daily_job_that_fails_leaves_the_hourly_one_to_do_its_own_part() -> None:
    machine = Machine(mission("UTC"), failing={"all"})
    machine.live(DAY)
    at_two = datetime(2026, 10, 20, 2, 0, tzinfo=UTC)
    assert [ran.good for ran in machine.runs_of("db") if ran.slot == at_two] == [True]


def test_a_slot_that_another_machine_has_done_is_done() -> None:
    job, now = hourly(), BEGIN + 10 * MINUTE
    theirs = Past(slot=BEGIN - HOUR, seen=BEGIN + timedelta(seconds=4))
    assert decide([job], {"db": theirs}, (), now)["db"].settle == BEGIN
    older = Past(slot=BEGIN - HOUR, seen=BEGIN - 20 * MINUTE)
    assert decide([job], {"db": older}, (), now)["db"].start == BEGIN
    impossible = Past(slot=BEGIN - HOUR, seen=BEGIN + 9 * HOUR)
    assert decide([job], {"db": impossible}, (), now)["db"].start == BEGIN, "a record of the future proves nothing"


def test_what_the_other_machine_leaves_undone_is_taken_over_in_the_same_slot() -> None:
    job, past = hourly(), Past(slot=BEGIN - HOUR, behind=15 * MINUTE)
    waiting = decide([job], {"db": past}, (), BEGIN + 10 * MINUTE)["db"]
    assert waiting.start is None and waiting.next_at == BEGIN + 15 * MINUTE
    assert decide([job], {"db": past}, (), BEGIN + 15 * MINUTE)["db"].start == BEGIN


def test_jobs_that_work_on_the_same_wait_for_each_other() -> None:
    machine = Machine(
        [
            Timed("verify", Slots("0 * * * *", UTC), frozenset({"reading"}), at_once=True),
            Timed("scrub", Slots("0 * * * *", UTC), frozenset({"reading"}), at_once=True),
            Timed("db", Slots("0 * * * *", UTC), frozenset({"db"}), at_once=True),
        ],
        takes={"verify": 10 * MINUTE, "scrub": 10 * MINUTE},
    )
    machine.live(30 * MINUTE)
    began = {ran.job: ran.began - BEGIN for ran in machine.history}
    assert began["verify"] == began["db"] == timedelta() and began["scrub"] >= 10 * MINUTE


def test_jitter_is_the_same_every_time_and_another_elsewhere() -> None:
    ours = {jitter_of(f"machine {number}", "db", HOUR) for number in range(50)}
    assert len(ours) > 40 and all(timedelta() <= one <= 2 * MINUTE for one in ours)
    assert jitter_of("machine 1", "db", HOUR) == jitter_of("machine 1", "db", HOUR)
    assert all(jitter_of(f"{number}", "all", DAY) <= 10 * MINUTE for number in range(50))


Happening = st.tuples(
    st.sampled_from(["live", "live", "live", "suspend", "kill", "off", "slow", "fail", "work"]),
    st.integers(1, 600).map(lambda minutes: timedelta(minutes=minutes)),
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ZONES), st.lists(Happening, min_size=3, max_size=25), st.integers(0, 119))
def test_whatever_happens_no_slot_is_lost_and_none_done_twice(
    zone: str, happenings: list[tuple[str, timedelta]], jitter: int
) -> None:
    jobs = [
        Timed("db", Slots("0 * * * *", ZoneInfo(zone)), at_once=True, jitter=timedelta(seconds=jitter)),
        Timed("files", Slots("30 2 * * *", ZoneInfo(zone)), at_once=True),
    ]
    machine = Machine(jobs)
    machine.clock.watch = datetime(2026, 10, 24, 12, tzinfo=UTC)
    for kind, span in happenings:
        since, before = machine.clock.watch, len(machine.history)
        if kind == "suspend":
            machine.suspend(span)
        elif kind in ("kill", "off"):
            machine.kill()
            machine.clock.watch += span if kind == "off" else timedelta()
            machine.start()
        elif kind == "slow":
            machine.takes["db"] = span
        elif kind == "fail":
            machine.failing = {"db"}
        elif kind == "work":
            machine.failing, machine.takes = set(), {}
        else:
            machine.live(span)
            began = machine.history[before:]
            # While it lives undisturbed, and nothing runs on from before or longer than a slot, no slot passes by.
            if machine.takes.get("db", MINUTE) <= HOUR / 2 and not any(ran.slot < since - HOUR for ran in began):
                assert slots_lost(jobs[:1], began, since + HOUR / 2, machine.clock.watch) == []
    machine.failing, machine.takes = set(), {}
    machine.live(timedelta(hours=12))
    assert slots_run_twice(machine.history) == []
    now = machine.clock.watch
    for job in jobs:
        good = [ran.slot for ran in machine.runs_of(job.name) if ran.good and ran.ended]
        newest = {job.slots.last_until(now - job.jitter - late) for late in (timedelta(), MINUTE)}
        assert good[-1] in newest, f"{job.name} does not stand at its newest slot"
    for job in jobs:
        tries = [ran.slot for ran in machine.runs_of(job.name)]
        assert all(tries.count(slot) <= TRIES_AT_MOST for slot in tries)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-3000, 3000), st.integers(5, 300)).map(
            lambda pair: (timedelta(minutes=pair[0]), timedelta(minutes=pair[1]))
        ),
        max_size=10,
    )
)
def test_whatever_is_done_to_the_clock_backups_go_on_by_the_watch(
    settings_of_clock: list[tuple[timedelta, timedelta]],
) -> None:
    machine = Machine([hourly()])
    for by, then in settings_of_clock:
        machine.set_clock(by)
        machine.live(then)
    machine.live(3 * HOUR)
    began = [ran.began for ran in machine.runs_of("db")]
    # Each setting may cost one step, never more: what lies between two settings has its backups.
    apart = [later - earlier for earlier, later in itertools.pairwise(began)]
    allowed = (1 + 2 * sum(then < 2 * HOUR for _, then in settings_of_clock)) * HOUR + 10 * MINUTE
    assert max(apart) <= max(allowed, 2 * HOUR + 10 * MINUTE)
