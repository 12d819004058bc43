"""The installed command as timers run it: real backups that fail, processes really killed, mail that really arrives."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "services"))

from machine import LIFEBOAT, Machine, fill_some
from post import MailServer, WebServer, mail_server, web_server

NOWHERE = "mongodb://127.0.0.1:1/shop?serverSelectionTimeoutMS=300"


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def web() -> Iterator[WebServer]:
    with web_server() as server:
        yield server


@pytest.fixture
def machine(make_machine, tmp_path: Path, mail: MailServer) -> Machine:
    """Everything stands in ``.env``, as for a timer; the process's own environment has next to nothing."""
    made: Machine = make_machine(tmp_path / "shop")
    made.uploads.mkdir()
    (made.uploads / "a.pdf").write_bytes(b"a" * 1000)
    fill_some(made.collections, 20)
    made.run("init", "--yes")
    said = {**made.variables, "LIFEBOAT_NOTIFY_EMAIL": "ops@example.com", "LIFEBOAT_SMTP_HOST": "127.0.0.1"}
    write_env(made, **said, LIFEBOAT_SMTP_PORT=str(mail.port))
    made.variables = {"UPLOADS_DIR": made.variables["UPLOADS_DIR"]}
    return made


def write_env(machine: Machine, **variables: str) -> None:
    path = machine.folder / ".env"
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}={text}\n" for name, text in variables.items()))


def read_env(machine: Machine) -> dict[str, str]:
    lines = (machine.folder / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def change_env(machine: Machine, **variables: str) -> None:
    write_env(machine, **{**read_env(machine), **variables})


def memory_of(machine: Machine) -> Path:
    [path] = (machine.folder / ".local/state/lifeboat/schedule").glob("*.json")
    return path


def age_memory(machine: Machine, hours: float) -> None:
    """As if what is remembered had been longer ago."""
    from datetime import datetime, timedelta

    def older(value: object) -> object:
        if isinstance(value, dict):
            return {name: older(one) for name, one in value.items()}
        if isinstance(value, str) and value[:2] == "20" and "T" in value:
            return (datetime.fromisoformat(value) - timedelta(hours=hours)).isoformat()
        return value

    path = memory_of(machine)
    path.write_text(json.dumps(older(json.loads(path.read_text()))))


def test_a_job_that_fails_is_told_once_and_then_that_it_works_again(machine: Machine, mail: MailServer) -> None:
    machine.run("schedule", "run", "all", "--quiet")
    assert mail.messages == []
    good = read_env(machine)["MONGODB_URI"]
    change_env(machine, MONGODB_URI=NOWHERE)
    failed = machine.ends("schedule", "run", "db", "--quiet")
    assert failed.code == 13 and failed.out == ""
    first, second = failed.err.splitlines()
    assert first.startswith("db failed: ") and "[database-unreachable]" in first and "do: " in first
    assert second == "told by e-mail to ops@example.com"
    [text] = mail.texts()
    assert "backup db failed (database-unreachable)" in text
    assert "The newest copy of the database is of" in text and "would be lost" in text
    assert f"cd {machine.folder} && lifeboat backup db" in text
    assert machine.ends("schedule", "run", "db").code == 13
    assert len(mail.messages) == 1, "the same trouble, within an hour"
    age_memory(machine, 1.01)
    assert machine.ends("schedule", "run", "db").code == 13
    assert len(mail.messages) == 2
    change_env(machine, MONGODB_URI=good)
    machine.run("schedule", "run", "db")
    assert len(mail.messages) == 3 and "backup db works again" in mail.texts()[2]
    machine.run("schedule", "run", "db")
    assert len(mail.messages) == 3
    secrets = [text for name, text in read_env(machine).items() if name in ("BACKUP_ENCRYPTION_KEY", "MONGODB_URI")]
    assert not [one for one in secrets if any(one in text for text in (*mail.texts(), *machine.said))]


def test_a_backup_that_is_killed_is_told_by_the_run_that_started_it(machine: Machine, mail: MailServer) -> None:
    change_env(machine, MONGODB_URI=NOWHERE.replace("=300", "=60000"))
    run = machine.start("schedule", "run", "db", "--quiet")
    child = only_child_of(run.pid)
    os.kill(child, signal.SIGKILL)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 130 and "SIGKILL" in err
    assert "it was killed (SIGKILL)" in mail.texts()[0] and "oom" in mail.texts()[0]


def test_a_run_that_is_killed_itself_is_told_by_systemd_and_by_the_next_run(machine: Machine, mail: MailServer) -> None:
    good = read_env(machine)["MONGODB_URI"]
    change_env(machine, MONGODB_URI=NOWHERE.replace("=300", "=60000"))
    run = machine.start("schedule", "run", "db", "--quiet")
    child = only_child_of(run.pid)
    left_out = machine.ends("schedule", "run", "db", "--quiet")
    assert left_out.code == 0 and "left out" in left_out.err, "runs do not overlap"
    run.kill()
    os.kill(child, signal.SIGKILL)
    run.communicate()
    machine.run("schedule", "tell", "db")
    assert "was killed before it could tell" in mail.texts()[0]
    machine.run("schedule", "tell", "db")
    assert len(mail.messages) == 1
    change_env(machine, MONGODB_URI=good)
    machine.run("schedule", "run", "db")
    assert "works again" in mail.texts()[1]
    # Where there is no systemd: the next run of any kind.
    change_env(machine, MONGODB_URI=NOWHERE.replace("=300", "=60000"))
    run = machine.start("schedule", "run", "db", "--quiet")
    os.kill(only_child_of(run.pid), signal.SIGSTOP)
    child = only_child_of(run.pid)
    run.kill()
    os.kill(child, signal.SIGKILL)
    run.communicate()
    change_env(machine, MONGODB_URI=good)
    machine.run("schedule", "run", "db")
    assert "never came to its end" in mail.texts()[2]


def test_settings_that_cannot_be_read_are_told_too(machine: Machine, mail: MailServer) -> None:
    (machine.folder / "lifeboat.toml").write_text('[repository]\nlocaton = "x"\n')
    assert machine.ends("schedule", "run", "db", "--quiet").code == 10
    assert "settings-file-invalid" in mail.texts()[0]
    (machine.folder / "lifeboat.toml").write_text("this is no TOML")
    (machine.folder / ".env").write_text((machine.folder / ".env").read_text() + "AWS_ACCESS_KEY_ID='never closed\n")
    assert machine.ends("schedule", "run", "all", "--quiet").code == 10
    assert len(mail.messages) == 2


@pytest.mark.long
def test_a_notice_that_cannot_be_sent_is_in_the_log_and_changes_no_exit_status(machine: Machine) -> None:
    change_env(machine, MONGODB_URI=NOWHERE, LIFEBOAT_SMTP_PORT="1")
    failed = machine.ends("schedule", "run", "db", "--quiet")
    assert failed.code == 13
    assert "could not be told: e-mail to ops@example.com" in failed.err and "[notice-not-sent]" in failed.err
    machine.run("schedule", "tell", "db", code=3)
    assert machine.ends("schedule", "test-notice").code == 3
    change_env(machine, LIFEBOAT_NOTIFY_EMAIL="")
    assert "nobody was told" in machine.ends("schedule", "run", "db", "--quiet").err
    machine.refuses(10, "nobody-to-tell", "schedule", "test-notice")


def test_a_webhook_hears_the_same(machine: Machine, web: WebServer) -> None:
    change_env(machine, LIFEBOAT_NOTIFY_EMAIL="", LIFEBOAT_NOTIFY_WEBHOOK=web.url, MONGODB_URI=NOWHERE)
    machine.run("schedule", "test-notice")
    failed = machine.ends("schedule", "run", "db")
    assert [one["text"].splitlines()[0].rpartition(": ")[2] for one in web.posted] == [
        "test notice",
        "backup db failed (database-unreachable)",
    ]
    assert "Planted" not in failed.err


@pytest.mark.long
def test_a_job_that_nobody_starts_any_more_is_told_by_another(machine: Machine, mail: MailServer) -> None:
    environment = {**os.environ, "PATH": f"{pretend_crontab(machine.folder)}:{os.environ['PATH']}"}
    machine.run("schedule", "install", "cron", "--user", PATH=environment["PATH"])
    assert "test notice" in mail.texts()[0]
    machine.run("schedule", "run", "all")
    machine.run("schedule", "run", "db")
    age_memory(machine, 2)
    machine.run("schedule", "run", "all")
    assert len(mail.messages) == 1, "it has just stored the database too"
    age_memory(machine, 2)
    machine.run("schedule", "run", "prune")
    assert len(mail.messages) == 2 and "backup db failed (silent)" in mail.texts()[1]
    machine.run("schedule", "run", "prune")
    assert len(mail.messages) == 2
    machine.run("schedule", "run", "db")
    assert "works again" in mail.texts()[2]


def pretend_crontab(folder: Path) -> Path:
    """A ``crontab`` that keeps a file, as the real one does; so that no crontab of this machine is touched."""
    place = folder / "bin"
    place.mkdir(exist_ok=True)
    program, kept = place / "crontab", folder / "the-crontab"
    program.write_text(
        f'#!/bin/sh\ncase "$1" in -l) cat {kept} 2>/dev/null || {{ echo "no crontab for you" >&2; exit 1; }};; '
        f"-) cat > {kept};; *) exit 2;; esac\n"
    )
    program.chmod(0o755)
    return place


def test_cron_installs_again_removes_and_doctor_knows(machine: Machine) -> None:
    path = f"{pretend_crontab(machine.folder)}:{os.environ['PATH']}"
    kept = machine.folder / "the-crontab"
    kept.write_text("5 4 * * * mine\n")
    machine.run("schedule", "status", code=3, PATH=path)
    shown = machine.run("schedule", "install", "cron", "--user", "--print", PATH=path)
    assert kept.read_text() == "5 4 * * * mine\n" and shown.count("schedule run") == 5
    machine.run("schedule", "install", "cron", "--user", PATH=path)
    machine.run("schedule", "install", "cron", "--user", PATH=path)
    assert kept.read_text() == "5 4 * * * mine\n" + shown
    status = machine.json("schedule", "status", PATH=path)
    assert [job["job"] for job in status["jobs"]] == ["db", "all", "scrub", "verify", "prune"] and status["tested"]
    # Each line does what it says, in the surroundings of cron.
    [line] = [one for one in shown.splitlines() if "run db" in one]
    poor = {"HOME": "/nonexistent", "LOGNAME": "x", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin", "LANG": "C"}
    done = subprocess.run(
        ["/bin/sh", "-c", line.split(None, 5)[5]], env=poor, cwd="/", capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    status = machine.json("schedule", "status", PATH=path)
    assert status["jobs"][0]["state"] == "good"
    checks = {one["check"]: one for one in machine.json("doctor", PATH=path)["checks"]}
    assert checks["schedule"]["findings"][0]["code"] == "schedule"
    assert checks["notices"]["findings"][0]["code"] == "notices"
    kept.write_text("5 4 * * * mine\n")
    checks = {one["check"]: one for one in machine.json("doctor", code=3, PATH=path)["checks"]}
    assert checks["schedule"]["findings"][0]["code"] == "schedule-gone"
    machine.run("schedule", "install", "cron", "--user", PATH=path)
    machine.run("schedule", "remove", PATH=path)
    assert kept.read_text() == "5 4 * * * mine\n"


def test_systemd_timers_are_written_enabled_and_taken_away(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """With programs that write down how they are called in place of systemctl and loginctl: no systemd runs where tests run."""
    from lifeboat.app import schedule_install
    from lifeboat.app.read_settings import read_settings
    from lifeboat.foundation.clock import SystemClock

    called = machine.folder / "called"
    for name in ("systemctl", "loginctl"):
        program = pretend_crontab(machine.folder) / name
        program.write_text(f'#!/bin/sh\necho {name} "$@" >> {called}\n[ {name} = systemctl ]\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{machine.folder / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(schedule_install, "has_systemd", lambda: True)
    environment = {"HOME": str(machine.folder), "XDG_CONFIG_HOME": str(machine.folder / "config")}
    settings = read_settings(None, environment, machine.folder)
    scheduling = schedule_install.Scheduling(settings, None, environment, machine.folder, SystemClock())
    plan = scheduling.plan("systemd", system=False)
    assert not called.exists() and not list(machine.folder.rglob("*.timer")), "a plan is only a plan"
    [doubt] = scheduling.install(plan)
    assert "enable-linger" in doubt
    units = machine.folder / "config/systemd/user"
    assert {path.name for path in units.iterdir()} == {Path(path).name for path in plan.files}
    words = called.read_text()
    assert "systemctl --user daemon-reload" in words
    assert "systemctl --user enable --now lifeboat-shop-db.timer lifeboat-shop-all.timer" in words
    assert scheduling.is_still_there() and not [path for path in units.iterdir() if "5e5e" in path.read_text()]
    (units / "lifeboat-shop-db.timer").unlink()
    assert not scheduling.is_still_there()
    scheduling.install(scheduling.plan("systemd", system=False))
    scheduling.remove()
    assert list(units.iterdir()) == [] and "disable --now lifeboat-shop-" in called.read_text()
    # A folder of the same name elsewhere does not take over what is there.
    (units / "lifeboat-shop-db.timer").write_text("somebody else's")
    with pytest.raises(schedule_install.ScheduleRefused, match="belongs to another folder"):
        scheduling.install(scheduling.plan("systemd", system=False))


def can_have_a_cron_of_its_own() -> bool:
    if os.geteuid() != 0 or not all(shutil.which(name) for name in ("cron", "unshare", "mount")):
        return False
    tried = subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True, check=False)
    return tried.returncode == 0


@pytest.mark.long
@pytest.mark.skipif(not can_have_a_cron_of_its_own(), reason="no cron here, or no right to give it a /etc of its own")
def test_a_real_cron_runs_the_lines(machine: Machine) -> None:
    """Debian's own cron, in the foreground, seeing only our file: every minute instead of every hour."""
    shown = machine.run("schedule", "install", "cron", "--system", "--print")
    lines = [line for line in shown.splitlines() if "run db" in line]
    table = machine.folder / "lifeboat-shop"
    table.write_text("* * * * * " + lines[0].split(None, 5)[5] + "\n")
    script = machine.folder / "own-cron"
    script.write_text(
        "set -e\nmount -t tmpfs tmpfs /etc/cron.d\nmount -t tmpfs tmpfs /var/spool/cron/crontabs\n"
        "mount --bind /dev/null /etc/crontab\nmount -t tmpfs tmpfs /run\n"
        f"install -m 644 {table} /etc/cron.d/lifeboat-shop\nexec timeout 150 cron -f\n"
    )
    own = subprocess.Popen(["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", str(script)])
    try:
        for _ in range(40):
            time.sleep(3)
            if machine.snapshots("mongodb"):
                break
    finally:
        own.kill()
        own.wait()
    assert machine.snapshots("mongodb")


def test_secrets_that_only_this_shell_has_are_refused_by_name(machine: Machine) -> None:
    secret = read_env(machine)["BACKUP_ENCRYPTION_KEY"]
    write_env(machine, **{name: text for name, text in read_env(machine).items() if name != "BACKUP_ENCRYPTION_KEY"})
    words = machine.refuses(
        10, "schedule-environment", "schedule", "install", "cron", "--print", BACKUP_ENCRYPTION_KEY=secret
    )
    assert "BACKUP_ENCRYPTION_KEY" in words and ".env" in words
    shown = machine.run(
        *("schedule", "install", "systemd", "--print", "--user", "--environment-file", "/etc/lifeboat/shop.env"),
        BACKUP_ENCRYPTION_KEY=secret,
    )
    assert "EnvironmentFile=/etc/lifeboat/shop.env" in shown and secret not in shown


def test_who_is_told_is_kept_and_a_webhooks_address_in_a_file_of_its_own(machine: Machine, web: WebServer) -> None:
    path = f"{pretend_crontab(machine.folder)}:{os.environ['PATH']}"
    change_env(machine, LIFEBOAT_NOTIFY_EMAIL="")
    said = machine.ends("schedule", "install", "cron", "--user", "--notify-webhook", web.url, PATH=path)
    assert said.code == 0, said.err
    toml = (machine.folder / "lifeboat.toml").read_text()
    assert "Planted" not in toml + said.out + said.err and "notify-webhook" in toml
    assert len(web.posted) == 1
    machine.refuses(10, "schedule-refused", "schedule", "install", "cron", "--notify-email", "nonsense", PATH=path)


def only_child_of(process: int) -> int:
    """Wait for the command that the run starts."""
    for _ in range(600):
        found = subprocess.run(
            ["pgrep", "-P", str(process)], capture_output=True, text=True, check=False
        ).stdout.split()
        if found:
            return int(found[0])
        time.sleep(0.05)
    raise AssertionError("the run never started its command")


def test_the_command_under_test_is_the_installed_one() -> None:
    assert Path(LIFEBOAT).is_file()
