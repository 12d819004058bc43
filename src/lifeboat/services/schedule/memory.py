"""What became of each job: one small JSON file for each application's folder, below the state folder.

It lies outside the repository's own state because it must be there when the settings cannot be read, which is a reason to tell somebody.

Limits: hints; losing the file loses no backup. A run that was killed leaves ``began`` without ``ended``, and the next run, of any job, sees it.

Invariant: one run of a job at a time. The lock is held by the run and by the command it started, so it outlives either alone.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.replace_file import replace_file
from lifeboat.services.schedule.sound import sound_memory

PARTS_OF_ALL = ("db", "files")
GRACE_AT_LEAST = timedelta(minutes=20)


class JobStillRuns(Exception):
    """The job's earlier run is not over: this one is left out."""


@dataclass
class JobMemory:
    """One job. Instants are ISO 8601; ``troubles`` is kept for ``notify.telling.Troubles``."""

    began: str | None = None
    ended: str | None = None
    status: int | None = None
    good: str | None = None
    """When it last ended well."""
    told: bool = True
    """Whether the last failure was told, or had not to be."""
    troubles: dict[str, Any] = field(default_factory=dict)
    slot: str | None = None
    """The newest slot that ``serve`` began, or need not."""
    tries: int = 0
    """How many runs ``serve`` began for it; 0: it needed none."""
    tried: str | None = None
    """When it began the last of them."""

    @property
    def was_killed(self) -> bool:
        """Whether the last run never came to its end; only meaningful while nobody holds the job's lock."""
        return self.began is not None and self.ended is None


class ScheduleMemory:
    """Args: state: Lifeboat's state folder. folder: The application's, in which the jobs run."""

    def __init__(self, state: Path, folder: Path) -> None:
        self._directory = state / "schedule"
        self._stem = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
        self._folder = folder

    @property
    def path(self) -> Path:
        return self._directory / f"{self._stem}.json"

    def read(self) -> dict[str, Any]:
        """The file without what makes no sense in it; empty when there is none."""
        try:
            return sound_memory(json.loads(self.path.read_bytes()))
        except (OSError, ValueError, RecursionError):
            return {}

    def job(self, name: str) -> JobMemory:
        said = self.read().get("jobs", {}).get(name, {})
        return JobMemory(**{key: said[key] for key in JobMemory.__dataclass_fields__ if key in said})

    def last_good(self, name: str) -> str | None:
        """When what the job does was last done well: a backup of everything does what those of its parts do."""
        done = [self.job(one).good for one in ((name, "all") if name in PARTS_OF_ALL else (name,))]
        return max((one for one in done if one), key=datetime.fromisoformat, default=None)

    @contextmanager
    def changed(self) -> Iterator[dict[str, Any]]:
        """The file's object, to be changed in place; written whole or not at all, one process at a time."""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._directory / f"{self._stem}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._cannot(error) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            said = self.read()
            yield said
            self._write({"folder": str(self._folder), **said})
        finally:
            os.close(descriptor)

    @contextmanager
    def job_changed(self, name: str) -> Iterator[JobMemory]:
        with self.changed() as said:
            job = self.job(name)
            yield job
            said.setdefault("jobs", {})[name] = {key: getattr(job, key) for key in JobMemory.__dataclass_fields__}

    @contextmanager
    def alone(self, name: str) -> Iterator[int]:
        """Hold the job's lock; yields its descriptor, for the command to inherit. Raises ``JobStillRuns``."""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._directory / f"{self._stem}.{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._cannot(error) from None
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise JobStillRuns from None
            yield descriptor
        finally:
            os.close(descriptor)

    def holder_of(self, name: str) -> str | None:
        """The process id that whoever holds the lock wrote into it, if he did."""
        try:
            said = (self._directory / f"{self._stem}.{name}.lock").read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError):
            return None
        return said if said.isdigit() else None

    @contextmanager
    def progress_of(self, name: str) -> Iterator[Path]:
        """Where a run of the job says how far it is: no file before it does, and none after the block."""
        path = self._progress_path(name)
        with suppress(OSError):
            path.unlink()
        try:
            yield path
        finally:
            with suppress(OSError):
                path.unlink()

    def progress(self, name: str) -> tuple[str | None, int | None]:
        """What the run that goes on does, and how much of that is done, in percent; each None where it is not known."""
        try:
            said = json.loads(self._progress_path(name).read_bytes())
            doing, share = said["doing"], said["share"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None, None
        return str(doing), share if isinstance(share, int) else None

    def is_running(self, name: str) -> bool:
        try:
            with self.alone(name):
                return False
        except JobStillRuns:
            return True

    def _progress_path(self, name: str) -> Path:
        return self._directory / f"{self._stem}.{name}.progress"

    def _write(self, said: dict[str, Any]) -> None:
        try:
            replace_file(self.path, json.dumps(said, indent=1).encode())
        except OSError as error:
            raise self._cannot(error) from None

    def _cannot(self, error: OSError) -> SettingsError:
        return SettingsError(
            f"{self._directory} cannot be written: {(error.strerror or str(error)).lower()}",
            "make room there, or set LIFEBOAT_STATE to a directory that this user may write",
        )


def is_silent(last_good: str | None, installed: str, every_seconds: float, now: datetime) -> bool:
    """Whether a job has not ended well for longer than it may take: its step, and a quarter of it for the run itself."""
    last = datetime.fromisoformat(last_good or installed)
    step = timedelta(seconds=every_seconds)
    return now - max(last, datetime.fromisoformat(installed)) > step + max(step / 4, GRACE_AT_LEAST)
