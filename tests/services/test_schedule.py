"""The schedule as text: jobs from objectives, units that systemd takes, a crontab that touches nothing of others."""

import os
import re
import shlex
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeboat.cli.commands.schedule import JOBS
from lifeboat.cli.main import overview
from lifeboat.services.schedule import cron, systemd
from lifeboat.services.schedule.child import ended
from lifeboat.services.schedule.installation import Installation
from lifeboat.services.schedule.jobs import ARGUMENTS, DAY, HOUR, MINUTE, STEPS_SECONDS, plan_jobs
from lifeboat.services.schedule.memory import JobStillRuns, ScheduleMemory, is_silent

NOW = datetime(2026, 11, 25, 2, 0, 13, tzinfo=UTC)
FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def installation(folder: Path = Path("/srv/shop"), **more: object) -> Installation:
    said = {"folder": folder, "user": None, "command": "/opt/lifeboat/bin/lifeboat"}
    return Installation(**{**said, "jobs": tuple(plan_jobs(HOUR, DAY, can_prune=True)), **more})  # type: ignore[arg-type]


def times_of_day(field_minute: str, field_hour: str) -> list[int]:
    """Minutes of a day at which a line is due: a small reader of crontabs, apart from what is tested."""

    def values(field: str, low: int, high: int) -> list[int]:
        found: set[int] = set()
        for part in field.split(","):
            span, _, step = part.partition("/")
            first, last = (low, high) if span == "*" else (int(span), int(span))
            assert low <= first <= last <= high
            found.update(range(first, last + 1, int(step or 1)))
        return sorted(found)

    return [hour * 60 + minute for hour in values(field_hour, 0, 23) for minute in values(field_minute, 0, 59)]


# jobs


@pytest.mark.parametrize(
    ("db", "files", "names"),
    [
        (HOUR, DAY, ["db", "all", "age"]),
        (None, DAY, ["all", "age"]),
        (HOUR, None, ["db", "all", "age"]),
        (None, None, ["age"]),
        (DAY, DAY, ["all", "age"]),
        (15 * MINUTE, 6 * HOUR, ["db", "files", "all", "age"]),
    ],
)
def test_the_jobs_follow_from_what_may_be_lost(db: float | None, files: float | None, names: list[str]) -> None:
    assert [job.name for job in plan_jobs(db, files, can_prune=False)] == names


def test_second_copies_are_made_every_day_where_there_are_any() -> None:
    [job] = [job for job in plan_jobs(HOUR, DAY, can_prune=True, has_replicas=True) if job.name == "replicate"]
    assert (job.every_seconds, job.cron) == (DAY, "30 4 * * *")
    for without in (plan_jobs(HOUR, DAY, can_prune=True), plan_jobs(HOUR, DAY, can_prune=False, has_replicas=True)):
        assert "replicate" not in {job.name for job in without}


@given(st.floats(300, DAY - 1))
def test_a_backup_is_never_further_from_the_next_than_the_objective(objective: float) -> None:
    jobs = plan_jobs(objective, None, can_prune=False)
    assert jobs[0].every_seconds <= objective and jobs[0].every_seconds in STEPS_SECONDS
    due = sorted(minute for job in jobs if job.name in ("db", "all") for minute in times_of_day(*job.cron.split()[:2]))
    gaps = [(after - before) % (24 * 60) for before, after in zip(due, due[1:] + due[:1], strict=True)]
    assert max(gaps) * 60 <= objective


def test_every_job_types_something_that_the_command_understands() -> None:
    assert set(ARGUMENTS) <= set(JOBS)
    for name, *rest in ARGUMENTS.values():
        found = overview.get_command(click.Context(overview), name)
        assert found is not None
        found.make_context(name, [*rest, "--json"])


# cron


def test_a_crontab_gets_the_lines_once_and_the_rest_stays_as_it_was() -> None:
    before = "MAILTO=me\n# mine\n5 4 * * *  /usr/bin/thing 100\\% done\n\n"
    once = cron.with_block(before, installation())
    assert once.startswith(before) and cron.with_block(once, installation()) == once
    other = cron.with_block(once, installation(Path("/srv/shop2")))
    assert cron.without_block(other, Path("/srv/shop")) == cron.with_block(before, installation(Path("/srv/shop2")))
    assert cron.without_block(cron.without_block(other, Path("/srv/shop")), Path("/srv/shop2")) == before
    assert cron.has_block(once, Path("/srv/shop")) and not cron.has_block(once, Path("/srv/sho"))
    assert cron.with_block("no newline at the end", installation()).startswith(
        "no newline at the end\n# lifeboat begin"
    )


@given(st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\r\x00"), max_size=300))
def test_whatever_stands_in_a_crontab_comes_back_as_it_was(text: str) -> None:
    whole = text if text.endswith("\n") or not text else text + "\n"
    if not cron.has_block(whole, Path("/srv/shop")):
        assert cron.without_block(cron.with_block(whole, installation()), Path("/srv/shop")) == whole


@pytest.mark.parametrize("user", [None, "shop"])
def test_every_line_is_five_fields_and_a_command(user: str | None) -> None:
    lines = [line for line in cron.block(installation(user=user)).splitlines() if not line.startswith("#")]
    assert len(lines) >= 3
    for line in lines:
        fields = line.split(None, 6 if user else 5)
        for field, (low, high) in zip(fields[:5], FIELDS, strict=True):
            for number in re.findall(r"\d+", field.partition("/")[0]):
                assert low <= int(number) <= high
        assert not user or fields[5] == user
        assert "schedule run" in fields[-1]


def test_a_line_does_what_it_should_in_the_poor_surroundings_of_cron(tmp_path: Path) -> None:
    """Names with blanks, quotes and per cent signs; cron's own environment; a shell as cron calls it."""
    folder = tmp_path / "100% shop's own"
    folder.mkdir()
    program = tmp_path / "life boat"
    program.write_text('#!/bin/sh\npwd > said\necho "$@" >> said\necho "$LIFEBOAT_STATE" >> said\n')
    program.chmod(0o755)
    said = installation(folder, command=str(program), environment={"LIFEBOAT_STATE": "/a b/$HOME"})
    [line] = [one for one in cron.block(said).splitlines() if "run all" in one]
    command = re.sub(r"\\%", "%", line.split(None, 5)[5])  # as cron does before it calls the shell
    assert not re.search(r"(?<!\\)%", line)
    environment = {"HOME": str(tmp_path), "LOGNAME": "shop", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
    subprocess.run(["/bin/sh", "-c", command], env=environment, cwd="/", check=True)
    assert (folder / "said").read_text().splitlines() == [str(folder), "schedule run all --quiet", "/a b/$HOME"]


@pytest.mark.skipif(shutil.which("crontab") is None, reason="no crontab on this machine")
def test_crontab_itself_takes_the_lines(tmp_path: Path) -> None:
    """Checked, not installed: ``-n`` of Debian's cron, ``-T`` of cronie."""
    file = tmp_path / "crontab"
    file.write_text(cron.with_block("MAILTO=me\n", installation()))

    def checked(option: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["crontab", option, str(file)], capture_output=True, text=True, check=False)

    option = next((one for one in ("-n", "-T") if "option" not in checked(one).stderr), None)
    if option is None:
        pytest.skip("this crontab cannot check without installing")
    assert checked(option).returncode == 0, checked(option).stderr
    file.write_text("61 * * * * true\n")
    assert checked(option).returncode != 0, "the checker checks"


# systemd


SYSTEM = {
    "user": "root",
    "writable": (Path("/var/lib/lifeboat state"),),
    "environment": {"LIFEBOAT_STATE": "/a b/%h $x"},
}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze on this machine")
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"stream": True},
        {**SYSTEM, "stream": True},
        SYSTEM,
        {**SYSTEM, "environment_file": Path("/etc/lifeboat/shop.env")},
    ],
)
def test_systemd_takes_the_units(tmp_path: Path, more: dict[str, object]) -> None:
    units = systemd.units(installation(tmp_path, command="/bin/true", **more))
    for name, content in units.items():
        (tmp_path / name).write_text(content)
    # A template is checked as an instance of it.
    template = next(name for name in units if "@" in name)
    (tmp_path / template.replace("@", "@db")).symlink_to(tmp_path / template)
    checked = [str(tmp_path / name) for name in os.listdir(tmp_path) if "@." not in name]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *checked], capture_output=True, text=True, check=False
    )
    ours = [line for line in done.stderr.splitlines() if "lifeboat" in line]
    assert ours == [] and done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze on this machine")
@pytest.mark.parametrize("more", [{}, SYSTEM])
def test_systemd_takes_the_service_that_does_all_of_it(tmp_path: Path, more: dict[str, object]) -> None:
    [(name, content)] = systemd.serve_unit(installation(tmp_path, command="/bin/true", **more)).items()
    (tmp_path / name).write_text(content)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / name)], capture_output=True, text=True, check=False
    )
    ours = [line for line in done.stderr.splitlines() if "lifeboat" in line]
    assert ours == [] and done.returncode == 0, done.stderr
    assert "Type=notify" in content and "KillMode=mixed" in content and "WatchdogSec=" in content


def exposure(tmp_path: Path, content: str) -> float:
    """What ``systemd-analyze security`` finds open, from 0 (closed) to 10; it is only asked about system units."""
    path = tmp_path / "lifeboat-shop-asked.service"
    path.write_text(content)
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", "--json=off", str(path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = re.search(r"Overall exposure level for .*?: ([0-9.]+)", done.stdout)
    if found is None:
        pytest.skip(f"this systemd-analyze does not judge files: {done.stderr[:200]}")
    return float(found[1])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze on this machine")
def test_system_units_are_closed_by_systemds_own_judgement(tmp_path: Path) -> None:
    made = installation(tmp_path, command="/bin/true", **{**SYSTEM, "stream": True})
    services = {name: one for name, one in systemd.units(made).items() if name.endswith("-db.service")}
    for content in (*services.values(), *systemd.serve_unit(made).values()):
        assert exposure(tmp_path, content) <= 3.0
    bare = "[Service]\nExecStart=/bin/true\nUser=nobody\n"
    assert exposure(tmp_path, bare) > 8, "a unit without any hardening would be noticed"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze on this machine")
def test_a_unit_that_is_wrong_would_be_noticed(tmp_path: Path) -> None:
    units = systemd.units(installation(tmp_path, command="/no/such/program"))
    name = next(name for name in units if name.endswith("-db.service"))
    (tmp_path / name).write_text(units[name].replace("Type=oneshot", "Typo=oneshot"))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / name)], capture_output=True, text=True, check=False
    )
    assert "Typo" in done.stderr and "/no/such/program" in done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze on this machine")
def test_the_times_are_those_that_systemd_reads(tmp_path: Path) -> None:
    for job in plan_jobs(HOUR, 6 * HOUR, can_prune=True) + plan_jobs(15 * MINUTE, 4 * HOUR, can_prune=False):
        done = subprocess.run(
            ["systemd-analyze", "calendar", job.calendar], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0 and "Next elapse" in done.stdout, (job, done.stderr)


def test_the_units_are_closed_and_say_who_tells() -> None:
    units = systemd.units(installation(user="shop", writable=(Path("/state"),)))
    service = units["lifeboat-shop-db.service"]
    for line in ("NoNewPrivileges=true", "ProtectSystem=strict", "PrivateTmp=true", "CapabilityBoundingSet="):
        assert line in service.splitlines()
    assert "OnFailure=lifeboat-shop-tell@db.service" in service and "User=shop" in service
    assert "ReadWritePaths=-/state" in service
    timer = units["lifeboat-shop-db.timer"]
    assert "Persistent=true" in timer and "RandomizedDelaySec=" in timer and "WantedBy=timers.target" in timer
    assert "lifeboat-shop-tell@.service" in units


def test_the_stream_is_a_service_that_is_never_given_up() -> None:
    units = systemd.units(installation(user="shop", stream=True))
    service = units["lifeboat-shop-stream.service"].splitlines()
    for line in ("Restart=always", "StartLimitIntervalSec=0", "WantedBy=multi-user.target", "ProtectSystem=strict"):
        assert line in service
    assert "ExecStart=/opt/lifeboat/bin/lifeboat stream" in service
    assert "lifeboat-shop-stream.timer" not in units
    assert "lifeboat-shop-stream.service" not in systemd.units(installation(user="shop"))


# memory


def test_a_job_is_silent_only_after_its_step_and_some_grace() -> None:
    def silent(good_before: timedelta | None, installed_before: timedelta) -> bool:
        good = (NOW - good_before).isoformat() if good_before else None
        return is_silent(good, (NOW - installed_before).isoformat(), HOUR, NOW)

    long_ago = timedelta(days=9)
    assert not silent(timedelta(minutes=79), long_ago)
    assert silent(timedelta(minutes=81), long_ago)
    assert silent(None, long_ago) and not silent(None, timedelta(minutes=70))
    assert not silent(long_ago, timedelta(minutes=10)), "installed anew just now"


def test_the_hour_that_the_backup_of_everything_takes_is_no_silence_of_its_parts(tmp_path: Path) -> None:
    memory = ScheduleMemory(tmp_path, Path("/srv/shop"))
    with memory.job_changed("db") as job:
        job.good = (NOW - timedelta(hours=2)).isoformat()
    assert memory.last_good("db") == (NOW - timedelta(hours=2)).isoformat() and memory.last_good("verify") is None
    with memory.job_changed("all") as job:
        job.good = NOW.isoformat()
    assert memory.last_good("db") == memory.last_good("files") == NOW.isoformat()
    assert memory.last_good("verify") is None


def test_one_run_at_a_time_and_a_run_without_an_end_is_seen(tmp_path: Path) -> None:
    memory = ScheduleMemory(tmp_path, Path("/srv/shop"))
    with memory.alone("db"):
        with pytest.raises(JobStillRuns), memory.alone("db"):
            pass
        with memory.alone("all"):
            assert memory.is_running("db")
    assert not memory.is_running("db")
    with memory.job_changed("db") as job:
        job.began = NOW.isoformat()
    assert memory.job("db").was_killed and not memory.job("all").was_killed
    memory.path.write_text("{ cut off")
    assert memory.read() == {} and not memory.job("db").was_killed
    assert ScheduleMemory(tmp_path, Path("/srv/other")).path != memory.path


def test_how_a_command_ended_is_put_into_words() -> None:
    assert ended(0, {}).trouble is None
    killed = ended(-9, {})
    assert killed.status == 130 and killed.trouble and "SIGKILL" in killed.trouble.message
    said = ended(13, {"error": {"code": "database-unreachable", "message": "gone", "hint": "up?"}}).trouble
    assert said and (said.code, said.hint) == ("database-unreachable", "up?")
    problem = {
        "level": "problem",
        "code": "file-unreadable",
        "subject": "a.pdf",
        "message": "is closed",
        "hint": "chmod",
    }
    found = ended(4, {"snapshots": [{"findings": [{"level": "ok", "code": "x"}, *[problem] * 7]}]}).trouble
    assert found and found.code == "file-unreadable" and "and 2 more" in found.message
    counted = ended(3, {"snapshots": 12, "findings": [problem]}).trouble
    assert counted and "a.pdf: is closed [file-unreadable]" in counted.message
    silent = ended(7, {}).trouble
    assert silent and "exit status 7" in silent.message


def test_quoting_is_what_a_shell_reads() -> None:
    said = installation(Path("/srv/it's"), environment={"X": "a b"})
    words = shlex.split(cron.command_of(said, "db"))
    assert words[:3] == ["cd", "/srv/it's", "&&"] and "X=a b" in words
