"""Where an exercise lies, what is in it, and what is remembered of it.

Limits: sample data only; the key and what is looked for lie readable beside it.

Invariant: works in a folder that an exercise was begun in, and on the server that was started for it.
"""

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lifeboat.app.demo_scene import CONFIGURATION, UPLOADS
from lifeboat.app.private_files import write_private_file
from lifeboat.app.settings import ConfigSettings, FilesSettings, MongodbSettings, RepositorySettings, Settings
from lifeboat.app.variables import DOTENV, SETTINGS_FILE
from lifeboat.app.write_settings import add_to_settings_file
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.secret import Secret

RECORD = ".exercise/record.json"
SAFE = "safe"
KEY = "backup.key"
NEW_SERVER = "new-server"


class ExerciseMissing(SettingsError):
    """No exercise was begun in this folder, or its server was ended, or nothing was broken in it yet."""

    code = "exercise-missing"


@dataclass
class Record:
    """What is remembered between ``--break`` and ``--check``.

    Args:
        task: Number of what was broken last; 0: nothing. begun: When, in ISO 8601.
        wanted: By what the judge of that task knows that it is mended.
    """

    uri: str
    key: str
    task: int = 0
    begun: str = ""
    wanted: dict[str, Any] = field(default_factory=dict)


class Place:
    """One exercise's folder: like the machine that an application and Lifeboat run on, with a safe in it."""

    def __init__(self, folder: Path, record: Record) -> None:
        self.folder = folder
        self.record = record
        self.uploads = folder / UPLOADS
        self.configuration = folder / CONFIGURATION
        self.safe = folder / SAFE
        self.state = folder / "state"
        self.settings_file = folder / SETTINGS_FILE
        self.dotenv = folder / DOTENV

    def settings(self) -> Settings:
        """As they were in the beginning, whatever the files say by now."""
        return Settings(
            state=self.state,
            repository=RepositorySettings(location=self.folder / "repository"),
            mongodb=MongodbSettings(uri=Secret(self.record.uri)),
            files=FilesSettings(paths=(self.uploads,)),
            config=ConfigSettings(paths=(self.configuration,)),
            key=Secret(self.record.key),
            key_from="the exercise's safe",
        )

    def put_in_order(self) -> None:
        """Settings, safe and key as in the beginning."""
        shutil.rmtree(self.safe, ignore_errors=True)
        for one in (self.settings_file, self.dotenv):
            one.unlink(missing_ok=True)
        write_private_file(self.safe / KEY, Secret(self.record.key), "Key of an exercise; it opens sample data only.")
        add_to_settings_file(
            self.settings_file,
            {
                ("repository", "location"): str(self.folder / "repository"),
                ("repository", "key"): f"file:{self.safe / KEY}",
                ("files", "paths"): [str(self.uploads)],
                ("config", "paths"): [str(self.configuration)],
            },
        )
        self.dotenv.touch(mode=0o600)
        self.dotenv.write_text(f"MONGODB_URI={self.record.uri}\nLIFEBOAT_STATE={self.state}\n")

    def keep(self) -> None:
        path = self.folder / RECORD
        path.parent.mkdir(mode=0o700, exist_ok=True)
        beside = path.with_suffix(".new")
        beside.touch(mode=0o600)
        beside.write_text(json.dumps(asdict(self.record)))
        beside.replace(path)


def find_place(folder: Path) -> Place:
    """The exercise of this folder, or of one above it.

    Raises:
        ExerciseMissing: There is none.
    """
    for one in (folder, *folder.parents):
        if (one / RECORD).is_file():
            try:
                return Place(one, Record(**json.loads((one / RECORD).read_text())))
            except (OSError, ValueError, TypeError, RecursionError):
                break
    raise ExerciseMissing(
        f"no exercise was begun in {folder}",
        "`lifeboat demo --exercise FOLDER` begins one; type this in that folder, in another terminal",
    )
