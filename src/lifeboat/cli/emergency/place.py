"""On a machine that knows nothing: where the copies lie, what opens them, where everything is to go. Answers are kept in memory alone.

Invariant: nothing that is asked here is written to disk, or shown while it is typed if it is a secret.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lifeboat.app.read_replicas import as_replica
from lifeboat.app.read_settings import read_location, read_settings
from lifeboat.cli.ask import ask_hidden, ask_text
from lifeboat.cli.run import Run
from lifeboat.foundation.errors import LifeboatError

if TYPE_CHECKING:
    from lifeboat.app.settings import Settings


def ask_for_place(run: Run) -> "tuple[Settings, dict[str, str]]":
    """The settings, completed by questions; and the variables that say the same to a command that is started.

    Raises:
        LifeboatError: What the settings say cannot be read.
    """
    said: dict[str, str] = {}
    settings = run.settings()
    if settings.repository.location is None:
        run.say("\nNothing here says where the copies lie.")
        said["LIFEBOAT_REPOSITORY"] = _location(run)
        if said["LIFEBOAT_REPOSITORY"].startswith("s3://"):
            said |= _entrance(run)
    if settings.key is None:
        return _with_key(run, said), said
    return _read(run, said), said


def _with_key(run: Run, said: dict[str, str]) -> "Settings":
    while True:
        key = _key(run)
        try:
            settings = _read(run, {**said, **key})
        except LifeboatError as error:
            run.say(f"{error.message}: {error.hint}")
            continue
        said |= key
        return settings


def ask_for_targets(run: Run, settings: "Settings", said: dict[str, str], sources: tuple[str, ...]) -> "Settings":
    """Where the database and the files are to go, where nothing says it."""
    if "db" in sources and settings.mongodb.uri is None:
        run.say("\nNothing here says which server the database is to go to; leave it empty to look only.")
        while uri := ask_hidden("MongoDB URI, such as mongodb://user:password@host/database"):
            if uri.startswith(("mongodb://", "mongodb+srv://")):
                said["MONGODB_URI"] = uri
                break
            run.say("it starts with mongodb:// or mongodb+srv://")
    if "files" in sources and not settings.files.paths:
        folder = ask_text("Folder of the uploads on this machine; empty to look only", "")
        if folder:
            said["UPLOADS_DIR"] = str(Path(folder).expanduser().absolute())
    return _read(run, said)


def _read(run: Run, said: Mapping[str, str]) -> "Settings":
    settings = read_settings(run.config, {**run.environment, **said}, run.folder)
    if run.replica is not None:
        settings = as_replica(settings, run.replica, run.folder)
    run.hidden.update(settings.hidden_texts())
    return settings


def _location(run: Run) -> str:
    while True:
        answer = ask_text("Where are they? s3://bucket/prefix, or a folder")
        try:
            if answer:
                return str(read_location(answer, run.folder, "this"))
        except LifeboatError as error:
            run.say(f"{error.message}: {error.hint}")


def _entrance(run: Run) -> dict[str, str]:
    """What S3 wants to know."""
    said: dict[str, str] = {}
    known = any(run.environment.get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE"))
    access = "" if known else ask_text("Access key id; empty for this machine's own role or profile", "")
    if access:
        secret = ask_hidden("Secret access key")
        run.hidden.update((access, secret))
        said |= {"AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": secret}
    if not run.environment.get("AWS_ENDPOINT_URL") and not run.environment.get("AWS_REGION"):
        if endpoint := ask_text("Address of the S3, as https://s3.example.com; empty for Amazon's", ""):
            said["AWS_ENDPOINT_URL"] = endpoint
        elif region := ask_text("Region of the bucket, as eu-central-1; empty if you do not know", ""):
            said["AWS_REGION"] = region
    return said


def _key(run: Run) -> dict[str, str]:
    run.say("\nThe key that opens them: with whoever holds it, in the safe, in the password manager.")
    while True:
        answer = ask_hidden("The key itself, or the path of a file that holds it")
        if not answer:
            run.say("without a key nothing can be brought back; a second key holder may have one")
            continue
        path = Path(answer).expanduser()
        if len(answer) < 1000 and path.is_file():
            return {"LIFEBOAT_KEY_FILE": str(path.absolute())}
        run.hidden.add(answer)
        return {"BACKUP_ENCRYPTION_KEY": answer}
