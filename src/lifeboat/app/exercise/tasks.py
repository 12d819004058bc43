"""The disasters of an exercise, one row each: what the team is told, what is broken, and how it is seen that it was mended.

``docs/training.md`` tells the same to people; another task is a row here and a chapter there.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lifeboat.app.demo_scene import DATABASE, Scene
from lifeboat.app.exercise.place import KEY, NEW_SERVER, Place
from lifeboat.app.exercise.readings import read_collections, read_uploads, wanting
from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.private_files import write_private_file
from lifeboat.app.read_settings import read_settings
from lifeboat.crypto.identity import Identity
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.value import Value
from lifeboat.samples.damage import lose_database, lose_files
from lifeboat.sources.mongodb.connect import Client

APART_SECONDS = 1.1
"""Moments are told in seconds: what comes before and after a disaster must not share one."""
DROPPED = "invoices"
NOTE = "READ_ME_TO_RECOVER_YOUR_DATA"
CHECKS = ("enough cases", "invoices are there", "clients are listed")


class Stage(Value):
    """Everything a task works on. Args: archive: Stores what the database's oplog holds by now."""

    place: Place
    client: Client
    clock: Clock
    archive: Callable[[], None]

    @property
    def lifeboat(self) -> Lifeboat:
        return Lifeboat(self.place.settings(), clock=self.clock)

    def work(self) -> None:
        Scene(self.client, self.place.folder).go_on_working(self.clock)

    def wait(self) -> None:
        self.clock.sleep(APART_SECONDS)


class Task(Value):
    """Args:
    plant: Breaks it, and returns by what its judge knows that it is mended.
    judge: What is still wanting, a phrase each; hears what was answered.
    """

    name: str
    minutes: int
    told: str
    plant: Callable[[Stage], dict[str, Any]]
    judge: Callable[[Stage, dict[str, Any], str], list[str]]


def _newest_copy(stage: Stage) -> dict[str, Any]:
    stage.work()
    [taken] = stage.lifeboat.backup("files").snapshots
    stage.lifeboat.backup("db")
    return {"answer": taken.snapshot}


def _judge_id(stage: Stage, wanted: dict[str, Any], answer: str) -> list[str]:
    right = len(answer) >= 8 and wanted["answer"].startswith(answer.lower())
    return (
        []
        if right
        else ["that is not the ID of the newest copy of the uploads (--answer ID, its first eight characters)"]
    )


def _deleted_uploads(stage: Stage) -> dict[str, Any]:
    stage.work()
    stage.lifeboat.backup("files")
    uploads = stage.place.uploads
    before = read_uploads(uploads)
    folders = sorted({os.path.dirname(one) for one in before if "/" in one and not one.startswith("odd/")})
    chosen = folders[stage.clock.now().second % len(folders)]
    for name in [one for one in before if os.path.dirname(one) == chosen]:
        (uploads / name).unlink()
    return {"uploads": before}


def _dropped_collection(stage: Stage) -> dict[str, Any]:
    stage.work()
    stage.wait()
    dropped = read_collections(stage.client, (DROPPED,))
    stage.client[DATABASE].drop_collection(DROPPED)
    stage.wait()
    stage.work()
    stage.archive()
    return {"collections": {**dropped, **read_collections(stage.client, ("messages",))}}


def _ransom(stage: Stage) -> dict[str, Any]:
    stage.work()
    stage.lifeboat.backup("all")
    stage.archive()
    wanted = {"collections": read_collections(stage.client), "uploads": read_uploads(stage.place.uploads)}
    stage.wait()
    lose_database(stage.client, DATABASE)
    stage.client[NOTE]["note"].insert_one({"note": "your data is encrypted; pay, and you get it back"})
    for name in wanted["uploads"]:
        path = stage.place.uploads / name
        if path.is_file() and not path.is_symlink():
            path.write_bytes(os.urandom(min(path.stat().st_size, 4096) + 16))
            path.rename(path.with_name(f"{path.name[:200]}.locked"))
    stage.wait()
    stage.archive()
    stage.lifeboat.backup("files")  # the poison is the newest copy, as it is when nobody noticed
    return wanted


def _server_lost(stage: Stage) -> dict[str, Any]:
    stage.work()
    stage.lifeboat.backup("all")
    stage.archive()
    wanted = {"collections": read_collections(stage.client), "uploads": read_uploads(stage.place.uploads)}
    lose_database(stage.client, DATABASE)
    for folder in (stage.place.uploads, stage.place.configuration):
        lose_files(folder)
        folder.rmdir()
    shutil.rmtree(stage.place.state)
    stage.place.settings_file.unlink()
    stage.place.dotenv.unlink()
    (stage.place.folder / NEW_SERVER).mkdir(exist_ok=True)
    return wanted


def _judge_data(stage: Stage, wanted: dict[str, Any], _answer: str) -> list[str]:
    collections = wanted.get("collections", {})
    found = wanting(collections, read_collections(stage.client, collections) if collections else {}, "collections")
    uploads = wanted.get("uploads", {})
    return found + wanting(uploads, read_uploads(stage.place.uploads) if uploads else {}, "uploads")


def _wrong_key(stage: Stage) -> dict[str, Any]:
    safe = stage.place.safe
    right = 2 + stage.clock.now().second % 2
    (safe / KEY).unlink()
    for number in (1, 2, 3):
        text = stage.place.settings().key if number == right else Identity.generate().to_text()
        assert text is not None
        write_private_file(safe / f"key-{number}.txt", text, f"Found in the safe, envelope {number}.")
    said = stage.place.settings_file.read_text()
    stage.place.settings_file.write_text(said.replace(f"/{KEY}", "/key-1.txt"))
    return {}


def _judge_key(stage: Stage, _wanted: dict[str, Any], _answer: str) -> list[str]:
    try:
        settings = read_settings(stage.place.settings_file, {}, stage.place.folder)
        Lifeboat(settings, clock=stage.clock).repository().need_identity()
    except LifeboatError as error:
        return [f"with lifeboat.toml as it is: {error.message}"]
    return []


def _failing_check(stage: Stage) -> dict[str, Any]:
    stage.lifeboat.backup("all")
    failing = CHECKS[stage.clock.now().second % len(CHECKS)]
    with stage.place.settings_file.open("a") as opened:
        for name in CHECKS:
            least = 99_000 if name == failing else 1
            opened.write(f'\n[[drills.check]]\nname = "{name}"\nkind = "query"\n')
            opened.write(f'collection = "{DATABASE}.{name.split()[-1] if name == CHECKS[0] else name.split()[0]}"\n')
            opened.write(f"at_least = {least}\n")
    return {"answer": failing}


def _judge_name(stage: Stage, wanted: dict[str, Any], answer: str) -> list[str]:
    right = answer.strip().casefold() == wanted["answer"]
    return [] if right else ["that is not the name of the check that failed (--answer 'NAME')"]


TASKS = {
    1: Task(
        "the newest copy", 5, "Which is the newest copy of the uploads? Answer with its ID.", _newest_copy, _judge_id
    ),
    2: Task(
        "deleted uploads",
        10,
        "A lawyer says that contracts are missing from a folder. That is all she knows.",
        _deleted_uploads,
        _judge_data,
    ),
    3: Task(
        "a dropped collection",
        15,
        "The application cannot list invoices. Nobody knows since when; messages that came in since must stay.",
        _dropped_collection,
        _judge_data,
    ),
    4: Task(
        "ransomware",
        20,
        "Uploads cannot be opened, the database is empty, and somebody wants money. Act as if this were a clean machine.",
        _ransom,
        _judge_data,
    ),
    5: Task(
        "the server is lost",
        20,
        "There is a new machine (the folder new-server), an empty database server, the folder repository, and the safe.",
        _server_lost,
        _judge_data,
    ),
    6: Task(
        "the wrong key",
        10,
        "No copy opens any more. Somebody put keys into the safe; lifeboat.toml names one.",
        _wrong_key,
        _judge_key,
    ),
    7: Task(
        "a drill's report",
        10,
        "Run a drill of everything and read what it says. Which of the application's checks fails? Answer with its name.",
        _failing_check,
        _judge_name,
    ),
}


def where_things_are(place: Place, number: int) -> tuple[str, ...]:
    """What a team needs besides what it is told."""
    if number != 5:
        return (f"everything is typed in {place.folder}",)
    new: Path = place.folder / NEW_SERVER
    return (
        f"the new machine: cd {new}",
        f"the copies: {place.folder / 'repository'}",
        f"the safe: {place.safe / KEY}",
        f"the empty database server: {place.record.uri}",
        f"the uploads go to: {place.uploads}",
    )
