"""The questions of ``lifeboat init``: only what is not set, and each answer is kept where it is found again.

Invariant: an answer that is a secret goes to a file of its own, mode 0600; ``lifeboat.toml`` only names that file.
"""

from pathlib import Path

from lifeboat.app.private_files import write_private_file
from lifeboat.app.read_settings import SETTINGS_FILE, read_location
from lifeboat.app.settings import Settings, passwords_in_uri
from lifeboat.app.write_settings import add_to_settings_file
from lifeboat.cli.ask import ask_hidden, ask_text
from lifeboat.cli.run import Run
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.secret import Secret

URI_FILE = "mongodb-uri"


def ask_what_is_unset(run: Run, settings: Settings) -> Settings:
    """Ask, keep the answers, and return the settings as they are read from then on."""
    answers: dict[tuple[str, str], str | list[str]] = {}
    path = next((one for one in settings.files_read if one.suffix == ".toml"), run.config or run.folder / SETTINGS_FILE)
    if settings.repository.location is None:
        answers["repository", "location"] = _ask_location(run)
    if settings.mongodb.uri is None and (uri := _ask_uri(run)):
        answers["mongodb", "uri"] = _keep_uri(uri, settings)
    if not settings.files.paths and (folder := _ask_folder(run)):
        answers["files", "paths"] = [str(folder)]
    if not answers:
        return settings
    add_to_settings_file(path, answers)
    run.say(f"kept in {path}")
    run.forget_settings()
    return run.settings()


def _ask_location(run: Run) -> str:
    while True:
        answer = ask_text("\nWhere shall the backups lie? s3://bucket/prefix, or a folder on another disk")
        try:
            return str(read_location(answer, run.folder, "this"))
        except SettingsError as error:
            run.say(f"{error.message}: {error.hint}")


def _ask_uri(run: Run) -> str:
    while True:
        answer = ask_hidden("\nMongoDB URI, such as mongodb://user:password@host/database; empty for none")
        if not answer or answer.startswith(("mongodb://", "mongodb+srv://")):
            return answer
        run.say("it starts with mongodb:// or mongodb+srv://")


def _keep_uri(uri: str, settings: Settings) -> str:
    if not passwords_in_uri(uri):
        return uri
    path, number = settings.state / URI_FILE, 1
    while path.exists():
        number += 1
        path = settings.state / f"{URI_FILE}-{number}"
    write_private_file(path, Secret(uri), "MongoDB URI for Lifeboat")
    return f"file:{path}"


def _ask_folder(run: Run) -> Path | None:
    while True:
        answer = ask_text("\nFolder of the uploaded files; empty for none")
        folder = (run.folder / Path(answer).expanduser()).resolve() if answer else None
        if folder is None or folder.is_dir():
            return folder
        run.say(f"{folder} is no folder")
