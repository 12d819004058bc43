"""Install the schedule of one application's folder: plan it from the settings, write it for systemd or cron, take it away again, look at it.

Invariant: the plan is complete before anything is written, and ``--print`` is simply not carrying it out. No secret is written anywhere.
"""

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from lifeboat.app.read_notify import notify_table
from lifeboat.app.settings import Settings
from lifeboat.app.source_names import objectives, set_up
from lifeboat.app.variables import DOTENV, NAMES, SECRET_NAMES, Variables
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.value import Value
from lifeboat.services.schedule import cron, systemd
from lifeboat.services.schedule.installation import Installation
from lifeboat.services.schedule.jobs import plan_jobs
from lifeboat.services.schedule.memory import ScheduleMemory

Manager = Literal["systemd", "cron"]
_AWS_NAMES = ("AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CA_BUNDLE", "SSL_CERT_FILE")
_KEYS = (*SECRET_NAMES, "AWS_ACCESS_KEY_ID")
_NOT_HANDED_ON = ("LIFEBOAT_STATE", "LIFEBOAT_MONGOD")
_TEMPORARY = (Path("/tmp"), Path("/var/tmp"))


class ScheduleRefused(SettingsError):
    """The schedule cannot be installed as asked; nothing was written."""

    code = "schedule-refused"


class ScheduleEnvironment(ScheduleRefused):
    """Settings are set in this shell alone, where no scheduled run would find them."""

    code = "schedule-environment"


class SchedulePlan(Value):
    """Everything an installation will do."""

    manager: Manager
    system: bool
    folder: str
    files: dict[str, str]
    """Path to content. For a user's crontab the path is ``crontab``."""
    commands: tuple[tuple[str, ...], ...]
    """Run in order after the files are written."""
    jobs: dict[str, str]
    """Name to when it runs."""


class Scheduling:
    """Args: environment, folder, config: As the command was called."""

    def __init__(
        self, settings: Settings, config: Path | None, environment: Mapping[str, str], folder: Path, clock: Clock
    ) -> None:
        self._settings = settings
        self._config = config
        self._environment = environment
        self._folder = folder
        self._clock = clock
        self.memory = ScheduleMemory(settings.state, folder)

    def plan(
        self, manager: Manager, *, system: bool, environment_file: Path | None = None, stream: bool = False
    ) -> SchedulePlan:
        """Plan an installation; raises ``ScheduleRefused``.

        Args:
            stream: A service that keeps ``lifeboat stream`` running, too.
        """
        if stream and manager == "cron":
            raise ScheduleRefused(
                "cron keeps nothing running", "have it type `lifeboat stream --once` every minute, or use systemd"
            )
        if stream:
            self._settings.need_mongodb()
        installation = replace(self._installation(manager, system, environment_file), stream=stream)
        when = {job.name: job.when for job in installation.jobs}
        if manager == "cron":
            text = cron.block(installation)
            if cron.too_long(text):
                raise ScheduleRefused("a line would be longer than cron reads", "use systemd, or shorter paths")
            where = str(cron.SYSTEM_FOLDER / installation.name) if system else "crontab"
            return SchedulePlan("cron", system, str(self._folder), {where: text}, (), when)
        base = systemd.SYSTEM_FOLDER if system else self._user_units()
        files = {str(base / name): content for name, content in systemd.units(installation).items()}
        ctl = ("systemctl",) if system else ("systemctl", "--user")
        timers = [f"{systemd.unit_of(installation, job.name)}.timer" for job in installation.jobs]
        commands = [(*ctl, "daemon-reload"), (*ctl, "enable", "--now", *timers)]
        if stream:
            unit = f"{systemd.unit_of(installation, systemd.STREAM)}.service"
            commands += [(*ctl, "enable", unit), (*ctl, "restart", unit)]
        if not system:
            # Without it the user's own manager, and every timer with it, ends when he signs out.
            commands.append(("loginctl", "enable-linger"))
        return SchedulePlan("systemd", system, str(self._folder), files, tuple(commands), when)

    def plan_serve(self, *, system: bool, environment_file: Path | None = None) -> SchedulePlan:
        """Plan one service that runs all of it, in place of timers and stream; raises ``ScheduleRefused``."""
        installation = self._installation("systemd", system, environment_file)
        base = systemd.SYSTEM_FOLDER if system else self._user_units()
        files = {str(base / name): content for name, content in systemd.serve_unit(installation).items()}
        ctl = ("systemctl",) if system else ("systemctl", "--user")
        unit = f"{systemd.unit_of(installation, systemd.SERVE)}.service"
        commands: list[tuple[str, ...]] = [(*ctl, "daemon-reload"), (*ctl, "enable", unit), (*ctl, "restart", unit)]
        if not system:
            commands.append(("loginctl", "enable-linger"))
        when = {job.name: job.when for job in installation.jobs}
        return SchedulePlan("systemd", system, str(self._folder), files, tuple(commands), when)

    def install(self, plan: SchedulePlan) -> list[str]:
        """Carry it out; returns what did not go well and is not fatal, as sentences."""
        self._need_manager(plan.manager)
        self._refuse_strangers(plan)
        doubts = []
        self._take_away(plan)
        for path, content in plan.files.items():
            if path == "crontab":
                _write_crontab(cron.without_block(_read_crontab(), self._folder) + content)
            else:
                _write_file(Path(path), content)
        for command in plan.commands:
            done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
            if done.returncode:
                said = " ".join(f"{done.stderr or done.stdout}".split())[:300]
                if command[0] != "loginctl":
                    raise ScheduleRefused(f"`{' '.join(command)}` failed: {said}", "type it yourself to see why")
                user = pwd.getpwuid(os.geteuid()).pw_name
                doubts.append(f"timers end when you sign out, until somebody types: sudo loginctl enable-linger {user}")
        self._remember(plan)
        return doubts

    def remove(self) -> list[str]:
        """Take away what was installed for this folder; returns what was removed."""
        removed = self._take_away(None)
        with self.memory.changed() as said:
            said.pop("installed", None)
        return removed

    def installed_as(self) -> dict[str, object] | None:
        """What the last installation wrote down; None when nothing is installed."""
        found = self.memory.read().get("installed")
        return found if isinstance(found, dict) else None

    def is_still_there(self) -> bool:
        """Whether what was installed is still where it was written."""
        installed = self.installed_as() or {}
        if installed.get("manager") == "serve":
            return self.memory.is_running("serve")
        files = installed.get("files")
        for path in files if isinstance(files, list) else []:
            if path == "crontab":
                if not cron.has_block(_read_crontab(), self._folder):
                    return False
            elif not Path(path).is_file():
                return False
        return bool(files)

    def _installation(self, manager: Manager, system: bool, environment_file: Path | None) -> Installation:
        settings, place = self._settings, self._settings.need_repository()
        environment = self._handed_on(environment_file)
        user = self._user() if system else None
        if system and os.geteuid() != 0:
            raise ScheduleRefused("only root installs for the whole system", "say it with sudo, or leave --system away")
        if environment_file and manager == "cron":
            raise ScheduleRefused("cron reads no file of variables", "put them into .env in this folder")
        copies = [one.place.location for one in settings.replicas]
        folders = [one for one in copies if isinstance(one, Path) and one.is_dir()]  # of another a unit would not start
        writable = [settings.state, *([place] if isinstance(place, Path) else []), *folders]
        touched = [*writable, *settings.files.paths, *settings.config.paths, self._folder]
        root = system and user == "root"
        is_others = isinstance(place, Path) and place.exists() and place.stat().st_uid != 0
        objectives = settings.objectives
        return Installation(
            folder=self._folder,
            user=user,
            command=_program(),
            jobs=tuple(
                plan_jobs(
                    objectives.db_seconds if settings.mongodb.uri else None,
                    objectives.files_seconds if settings.files.paths else None,
                    can_prune=settings.key is not None,
                    has_replicas=bool(settings.replicas),
                )
            ),
            environment=environment,
            environment_file=environment_file,
            writable=tuple(writable),
            private_tmp=not any(path.is_relative_to(temporary) for path in touched for temporary in _TEMPORARY),
            reads_everything=root,
            writes_everything=root and is_others,
        )

    def _handed_on(self, environment_file: Path | None) -> dict[str, str]:
        """Variables that only this shell has: those that are no secret go into the unit, the others are refused."""
        variables = Variables(self._environment, self._folder / DOTENV)
        in_shell = variables.only_in_the_environment((*NAMES, *_AWS_NAMES))
        secrets = [name for name in in_shell if name in _KEYS]
        if secrets and environment_file is None:
            raise ScheduleEnvironment(
                f"{', '.join(secrets)}: set in this shell only, where no scheduled run finds {'them' if secrets[1:] else 'it'}",
                f"write {'them' if secrets[1:] else 'it'} into {self._folder / DOTENV} (then chmod 600), as NAME=value; or, for "
                "systemd, into a file that you name with --environment-file",
            )
        handed_on = {name: text for name, text in in_shell.items() if name not in (*_KEYS, *_NOT_HANDED_ON)}
        if self._config:
            handed_on["LIFEBOAT_CONFIG"] = str(self._folder / self._config)
        return {**handed_on, "LIFEBOAT_STATE": str(self._settings.state)}

    def _user(self) -> str:
        """The user whose state this is: the one who ran ``init``, even if it is root who installs."""
        state = self._settings.state
        if not state.exists():
            sudo = self._environment.get("SUDO_USER", "")
            hint = f"run `lifeboat init` first; if {sudo or 'another user'} did: set LIFEBOAT_STATE to that user's ~/.local/state/lifeboat"
            raise ScheduleRefused(f"{state} is not there: nobody ran `lifeboat init` with this state", hint)
        return pwd.getpwuid(state.stat().st_uid).pw_name

    def _user_units(self) -> Path:
        home = self._environment.get("XDG_CONFIG_HOME") or str(Path("~/.config").expanduser())
        return Path(home) / "systemd/user"

    def _need_manager(self, manager: Manager) -> None:
        if manager == "systemd" and not has_systemd():
            raise ScheduleRefused("systemd does not run this machine", "`lifeboat schedule install cron`")
        if manager == "cron" and shutil.which("crontab") is None and not cron.SYSTEM_FOLDER.is_dir():
            raise ScheduleRefused(
                "there is no cron on this machine",
                "`sudo apt install cron` (or cronie), or: `lifeboat schedule install systemd`",
            )

    def _refuse_strangers(self, plan: SchedulePlan) -> None:
        """Two folders of the same name would share their files."""
        own = self.installed_as() or {}
        files = own.get("files")
        for path in plan.files:
            if path in (files if isinstance(files, list) else []) or not Path(path).is_file():
                continue
            raise ScheduleRefused(
                f"{path} is there already and belongs to another folder, or to another user",
                "look into it; if it is of no use any more, remove it and type this again",
            )

    def _take_away(self, new: SchedulePlan | None) -> list[str]:
        """Remove what an earlier installation wrote, unless the new one writes it again."""
        installed = self.installed_as() or {}
        removed = []
        files = installed.get("files")
        timers = []
        for path in files if isinstance(files, list) else []:
            if new and path in new.files:
                continue
            if path == "crontab":
                before = _read_crontab()
                if cron.has_block(before, self._folder):
                    _write_crontab(cron.without_block(before, self._folder))
                    removed.append("the lines in the crontab")
            elif Path(path).is_file():
                if path.endswith((".timer", f"-{systemd.STREAM}.service")):
                    timers.append(Path(path).name)
                removed.append(path)
        if timers:
            ctl = ["systemctl"] if installed.get("system") else ["systemctl", "--user"]
            subprocess.run([*ctl, "disable", "--now", *timers], capture_output=True, check=False)
        for path in removed:
            if path.startswith("/"):
                _remove_file(Path(path))
        if timers and new is None:
            subprocess.run([*ctl, "daemon-reload"], capture_output=True, check=False)
        return removed

    def _remember(self, plan: SchedulePlan) -> None:
        settings = self._settings
        jobs = self._installation_jobs()
        with self.memory.changed() as said:
            said["installed"] = {
                "manager": plan.manager,
                "stream": any(path.endswith(f"-{systemd.STREAM}.service") for path in plan.files),
                "system": plan.system,
                "at": self._clock.now().isoformat(),
                "files": list(plan.files),
                "jobs": {name: {"every_seconds": every, "when": plan.jobs[name]} for name, every in jobs.items()},
                "objectives": objectives(settings, set_up(settings)),
                "notify": notify_table(self._config, self._environment, self._folder),
            }

    def _installation_jobs(self) -> dict[str, int]:
        settings = self._settings
        jobs = plan_jobs(
            settings.objectives.db_seconds if settings.mongodb.uri else None,
            settings.objectives.files_seconds if settings.files.paths else None,
            can_prune=settings.key is not None,
            has_replicas=bool(settings.replicas),
        )
        return {job.name: job.every_seconds for job in jobs}


def has_systemd() -> bool:
    """Whether systemd runs this machine, as systemd itself says to find out."""
    return Path("/run/systemd/system").is_dir() and shutil.which("systemctl") is not None


def _program() -> str:
    """The command as an absolute path: beside this Python, where pip and pipx put it; else on PATH."""
    beside = Path(sys.executable).with_name("lifeboat")
    found = str(beside) if beside.is_file() else shutil.which("lifeboat")
    if found is None:
        raise ScheduleRefused("the command lifeboat is not installed beside this Python", "install it with pip or pipx")
    return os.path.abspath(found)


def _read_crontab() -> str:
    if shutil.which("crontab") is None:
        return ""
    done = subprocess.run(["crontab", "-l"], capture_output=True, check=False, stdin=subprocess.DEVNULL)
    return done.stdout.decode("utf-8", "surrogateescape") if done.returncode == 0 else ""


def _write_crontab(text: str) -> None:
    done = subprocess.run(
        ["crontab", "-"], input=text.encode("utf-8", "surrogateescape"), capture_output=True, check=False
    )
    if done.returncode:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[:300]
        raise ScheduleRefused(
            f"crontab does not take the lines: {said}", "may this user use cron? /etc/cron.allow, /etc/cron.deny"
        )


def _write_file(path: Path, content: str) -> None:
    beside = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(content, encoding="utf-8")
        beside.chmod(0o644)
        beside.replace(path)
    except OSError as error:
        raise ScheduleRefused(
            f"{path} cannot be written: {(error.strerror or str(error)).lower()}", "with sudo, or without --system?"
        ) from None


def _remove_file(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ScheduleRefused(
            f"{path} cannot be removed: {(error.strerror or str(error)).lower()}", "say it with sudo"
        ) from None
