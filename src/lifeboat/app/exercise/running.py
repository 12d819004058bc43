"""Begin an exercise and keep its server up; break something in it; say whether it was mended, and after how long."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from lifeboat.app.demo import DemoFolderTaken, Story
from lifeboat.app.demo_scene import DATABASE, Scene
from lifeboat.app.exercise.place import ExerciseMissing, Place, Record, find_place
from lifeboat.app.exercise.tasks import TASKS, Stage, where_things_are
from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.private_files import make_private_folder
from lifeboat.app.variables import NAMES
from lifeboat.crypto.identity import Identity
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.secret import Secret
from lifeboat.foundation.value import Value
from lifeboat.foundation.vanishing_folder import vanishing_folder
from lifeboat.sources.mongodb.connect import Client, connect
from lifeboat.sources.mongodb.private_server import PrivateServer, find_mongod

WAIT_SECONDS = 5.0
_HARMLESS = ("LIFEBOAT_MONGOD", "LIFEBOAT_LOG")
MISLEADING = tuple(name for name in NAMES if name not in _HARMLESS)


class ExerciseReady(Value):
    """Args: to_unset: Variables of this terminal that would lead away from the exercise, to data that is real."""

    folder: str
    mongodb_uri: str
    tasks: tuple[str, ...]
    to_unset: tuple[str, ...]


class Broken(Value):
    """What the team is told, and no more."""

    task: int
    name: str
    minutes: int
    told: str
    where: tuple[str, ...]


class Judged(Value):
    """Args: wanting: What is not mended, a phrase each; none: solved."""

    task: int
    name: str
    solved: bool
    seconds: float
    minutes: int
    wanting: tuple[str, ...]


class Exercise:
    """Args: environment: Of the command; what leads to real data is not handed on."""

    def __init__(self, clock: Clock, environment: Mapping[str, str]) -> None:
        self._clock = clock
        self._environment = environment

    @contextmanager
    def begun(self, folder: Path, scale: float, story: Story) -> Iterator[ExerciseReady]:
        """Fill, back up, archive; the server runs until the end of the block, the folder stays."""
        program = find_mongod(self._environment.get("LIFEBOAT_MONGOD"))
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise DemoFolderTaken(f"{folder} holds something already", "name a folder that is empty or not there yet")
        with vanishing_folder("lifeboat-demo-") as temporary:
            make_private_folder(folder)
            story.begins("starting a private MongoDB server")
            with PrivateServer(program, clock=self._clock, within=temporary) as server:
                story.ends("a replica set of one")
                record = Record(server.uri_for(None, None, DATABASE), Identity.generate().to_text().reveal())
                place = Place(folder, record)
                place.put_in_order()
                with connect(Secret(record.uri)) as client:
                    story.begins("making a law office's data")
                    Scene(client, folder).fill(scale, self._clock)
                    story.ends("done")
                    story.begins("backing up and archiving it")
                    Lifeboat(place.settings(), clock=self._clock).initialise(guarded=False, new_key=None)
                    Lifeboat(place.settings(), clock=self._clock).backup("all")
                    self._archive(place)
                    story.ends("done")
                place.keep()
                tasks = tuple(f"{number}. {one.name}, {one.minutes} minutes" for number, one in TASKS.items())
                yield ExerciseReady(str(folder), record.uri, tasks, self._misleading(record))

    def break_it(self, folder: Path, number: int) -> Broken:
        """Plant a disaster; what it was is not said."""
        place = self._place(folder)
        task = TASKS[number]
        place.put_in_order()
        with self._client(place) as client:
            wanted = task.plant(self._stage(place, client))
        place.record.task, place.record.wanted = number, wanted
        place.record.begun = self._clock.now().isoformat()
        place.keep()
        return Broken(number, task.name, task.minutes, task.told, where_things_are(place, number))

    def judge(self, folder: Path, answer: str) -> Judged:
        """Whether what was broken last is mended; where it is, the settings are put in order for the next task."""
        now = self._clock.now()
        place = self._place(folder)
        record = place.record
        if record.task not in TASKS:
            raise ExerciseMissing("nothing was broken yet", "`lifeboat demo --break 1` begins the first task")
        task = TASKS[record.task]
        with self._client(place) as client:
            left = task.judge(self._stage(place, client), record.wanted, answer)
        if not left:
            place.put_in_order()
        seconds = (now - datetime.fromisoformat(record.begun)).total_seconds()
        return Judged(record.task, task.name, not left, seconds, task.minutes, tuple(left))

    def _place(self, folder: Path) -> Place:
        place = find_place(folder)
        if names := self._misleading(place.record):
            raise ExerciseMissing(
                f"{', '.join(names)} of this terminal would lead away from the exercise, perhaps to data that is real",
                f"unset {' '.join(names)}",
            )
        return place

    def _misleading(self, record: Record) -> tuple[str, ...]:
        return tuple(name for name in MISLEADING if self._environment.get(name, "") not in ("", record.uri))

    @contextmanager
    def _client(self, place: Place) -> Iterator[Client]:
        try:
            client = connect(Secret(place.record.uri), wait_seconds=WAIT_SECONDS)
        except LifeboatError:
            raise ExerciseMissing(
                f"the server of the exercise in {place.folder} was ended",
                "`lifeboat demo --exercise FOLDER` begins another one, in an empty folder",
            ) from None
        with client:
            yield client

    def _stage(self, place: Place, client: Client) -> Stage:
        return Stage(place, client, self._clock, lambda: self._archive(place))

    def _archive(self, place: Place) -> None:
        """As `lifeboat stream` does it; in a process of its own, for it may start a backup of its own."""
        kept = {name: value for name, value in self._environment.items() if name not in MISLEADING}
        done = subprocess.run(
            [sys.executable, "-m", "lifeboat", "stream", "--once", "--quiet"],
            cwd=place.folder,
            env=kept,
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise ExerciseMissing("the archive of the exercise could not be written", done.stderr.strip()[-400:])
