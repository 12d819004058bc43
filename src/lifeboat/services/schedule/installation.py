"""What has to be known to write the jobs down for systemd or cron."""

import re
from pathlib import Path

from lifeboat.foundation.value import Value, field
from lifeboat.services.schedule.jobs import Job


class Installation(Value):
    """Where the jobs run, as whom, with what.

    Args:
        folder: The application's: ``.env`` and ``lifeboat.toml`` are read there.
        user: Who runs them; None: whoever the manager belongs to (``--user``, a user's own crontab).
        command: The program, absolute.
        environment: Variables that are no secret and stand in no file.
        environment_file: A file with the others, by name.
        writable: Folders that a run writes: state, a repository in a folder.
        private_tmp: False when something to be read or written lies below /tmp.
        reads_everything: The user is root, who then keeps the right to read other people's files.
        writes_everything: Root writes a repository that is not root's.
        stream: Whether a service keeps `lifeboat stream` running.
    """

    folder: Path
    user: str | None
    command: str
    jobs: tuple[Job, ...]
    environment: dict[str, str] = field(default_factory=dict)
    environment_file: Path | None = None
    writable: tuple[Path, ...] = ()
    private_tmp: bool = True
    reads_everything: bool = False
    writes_everything: bool = False
    stream: bool = False

    @property
    def name(self) -> str:
        """Of units and files: ``lifeboat-shop``."""
        return f"lifeboat-{re.sub(r'[^A-Za-z0-9_]+', '_', self.folder.name).strip('_') or 'root'}"
