"""The last question of ``lifeboat init``: shall it happen by itself from now on, and who is told when it does not?"""

import re
import shutil

from lifeboat.app.private_files import write_private_file
from lifeboat.app.schedule_install import has_systemd
from lifeboat.app.variables import SETTINGS_FILE
from lifeboat.app.write_settings import add_to_settings_file
from lifeboat.cli.ask import ask_hidden, ask_text, ask_yes
from lifeboat.cli.run import Run
from lifeboat.cli.schedule_notices import keep_notices
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.secret import Secret

PASSWORD_FILE = "smtp-password"


def offer_schedule(run: Run) -> None:
    """Ask, install, send a test notice. What goes wrong is said with what to type; the backup that was taken stays taken."""
    manager = "systemd" if has_systemd() else "cron" if shutil.which("crontab") else None
    if manager is None:
        run.say(
            "\nneither systemd nor cron runs here: have something run `lifeboat schedule run all` in this folder every night"
        )
        return
    if not ask_yes("\nBack up by itself from now on: the database every hour, everything at 02:00?", True):
        run.say("later: `lifeboat schedule install`")
        return
    try:
        if not run.settings().notify.channels("here"):
            _ask_who_is_told(run)
        from lifeboat.cli.commands.schedule import install_plan, scheduling_of, whole_machine

        scheduling = scheduling_of(run)
        plan = scheduling.plan(manager, system=whole_machine(None))  # type: ignore[arg-type]
        install_plan(run, scheduling, plan)
    except LifeboatError as error:
        run.say(
            f"not installed: {error.message} [{error.code}]\nhint: {error.hint}\nthen: `lifeboat schedule install {manager}`"
        )


def _ask_who_is_told(run: Run) -> None:
    while True:
        answer = ask_text(
            "\nWho is told when a backup fails? An e-mail address, or a webhook's https:// address; empty for nobody"
        )
        if not answer:
            return
        if answer.startswith(("http://", "https://")):
            keep_notices(run, [], answer)
            return
        if re.fullmatch(r"[^@\s,]+@[^@\s,]+", answer):
            keep_notices(run, [answer], None)
            _ask_mail_server(run)
            return
        run.say("it looks like ops@example.com or https://hooks.example.com/...")


def _ask_mail_server(run: Run) -> None:
    answer = ask_text("Mail server, as smtp.example.com or smtp.example.com:465; empty for this machine's own")
    if not answer:
        return
    host, _, port = answer.partition(":")
    settings = run.settings()
    answers: dict[tuple[str, str], str | list[str] | int] = {("notify", "smtp_host"): host}
    if port.isdecimal() and len(port) < 6:
        answers["notify", "smtp_port"] = int(port)
    if user := ask_text("User there; empty for none"):
        answers["notify", "smtp_user"] = user
        password = ask_hidden("Its password")
        path, number = settings.state / PASSWORD_FILE, 1
        while path.exists():
            number += 1
            path = settings.state / f"{PASSWORD_FILE}-{number}"
        write_private_file(path, Secret(password), "Password of the mail server that sends Lifeboat's notices")
        answers["notify", "smtp_password"] = f"file:{path}"
    toml = next((one for one in settings.files_read if one.suffix == ".toml"), run.config or run.folder / SETTINGS_FILE)
    add_to_settings_file(toml, answers)
    run.forget_settings()
