"""The questions of ``lifeboat init``: only what is not set, and each answer is kept where it is found again.

Four of them: the database, the uploads, where the copies go, and (``init_key.py``) the key. An answer is tried at once: a wrong
password is found while it is still in the fingers.

Invariant: an answer that is a secret goes to a file of its own, mode 0600; ``lifeboat.toml`` only names that file.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lifeboat.app.private_files import write_private_file
from lifeboat.app.read_settings import read_location
from lifeboat.app.settings import MongodbSettings, RepositorySettings, S3Location, Settings, passwords_in_uri
from lifeboat.app.variables import SETTINGS_FILE
from lifeboat.app.write_settings import add_to_settings_file
from lifeboat.cli.ask import ask_hidden, ask_text, ask_yes
from lifeboat.cli.run import Run
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.finding import Level
from lifeboat.foundation.secret import Secret

URI_FILE = "mongodb-uri"
DATABASE_CHECKS = ("connection", "sign-in", "rights-backup", "replica-set")
STORE_CHECKS = ("store-answers",)

Answers = dict[tuple[str, str], str | list[str] | int]


def ask_what_is_unset(run: Run, settings: Settings) -> Settings:
    """Ask, keep the answers, and return the settings as they are read from then on."""
    answers: Answers = {}
    path = next((one for one in settings.files_read if one.suffix == ".toml"), run.config or run.folder / SETTINGS_FILE)
    if settings.mongodb.uri is None:
        if uri := _ask_uri(run, settings):
            answers["mongodb", "uri"] = _keep_uri(uri, settings)
    else:
        _try_database(run, settings)
    if not settings.files.paths and (folder := _ask_folder(run)):
        answers["files", "paths"] = [str(folder)]
    answers |= _ask_store(run, settings)
    if not answers:
        return settings
    add_to_settings_file(path, answers)
    run.say(f"\nkept in {path}")
    run.forget_settings()
    return run.settings()


def _ask_location(run: Run) -> S3Location | Path:
    while True:
        answer = ask_text("\n3 of 4. Where shall the backups lie? s3://bucket/prefix, or a folder on another disk")
        try:
            if answer:
                return read_location(answer, run.folder, "this")
        except SettingsError as error:
            run.say(f"{error.message}: {error.hint}")


def _ask_store(run: Run, settings: Settings) -> Answers:
    """The place of the copies and what opens it, kept only once the store answers: what is kept is not asked again."""
    given = settings.repository
    while True:
        said = given if given.location else replace(given, location=_ask_location(run))
        if isinstance(said.location, S3Location):
            said = _ask_entrance(run, said)
        if said == given:
            return {}
        if not isinstance(said.location, S3Location) or _try_store(run, replace(settings, repository=said)):
            break
        if ask_yes("Keep it all the same?", False):
            break
    answers = Answers()
    if said.location != given.location:
        answers["repository", "location"] = str(said.location)
    for key, secret, before in (
        ("access_key_id", said.access_key_id, given.access_key_id),
        ("secret_access_key", said.secret_access_key, given.secret_access_key),
    ):
        if secret is not None and before is None:
            answers["repository", key] = _keep(secret, settings, f"s3-{key.replace('_', '-')}")
    if said.endpoint_url and not given.endpoint_url:
        answers["repository", "endpoint"] = said.endpoint_url
    if said.region and not given.region:
        answers["repository", "region"] = said.region
    return answers


def _ask_entrance(run: Run, said: RepositorySettings) -> RepositorySettings:
    """What S3 wants to know, where nothing says it yet."""
    if said.access_key_id is None and not run.environment.get("AWS_PROFILE"):
        run.say("The bucket must exist. Its keys: from your provider, or AWS, IAM, Users, Security credentials.")
        if access := ask_text("Access key id; empty for this machine's own role or profile"):
            secret = ask_hidden("Secret access key")
            run.hidden.update((access, secret))
            said = replace(
                said, access_key_id=Secret(access), secret_access_key=Secret(secret), secret_from="what was typed"
            )
    if said.endpoint_url is None and said.region is None:
        if endpoint := ask_text("Address of the S3, as https://s3.example.com; empty for Amazon's"):
            said = replace(said, endpoint_url=endpoint)
        elif region := ask_text("Region of the bucket, as eu-central-1"):
            said = replace(said, region=region)
    return said


def _ask_uri(run: Run, settings: Settings) -> str:
    while True:
        answer = ask_hidden("\n1 of 4. MongoDB URI, such as mongodb://user:password@host/database; empty for none")
        if not answer:
            return answer
        if not answer.startswith(("mongodb://", "mongodb+srv://")):
            run.say("it starts with mongodb:// or mongodb+srv://")
            continue
        run.hidden.update((answer, *passwords_in_uri(answer)))
        tried = replace(settings, mongodb=MongodbSettings(Secret(answer), settings.mongodb.databases))
        if _try_database(run, tried) or ask_yes("Keep it all the same?", False):
            return answer


def _try_database(run: Run, settings: Settings) -> bool:
    """Connect, sign in, compare rights; say what was found, with what to type. Returns whether a backup is possible."""
    run.say("trying the database ...")
    return _say_what_was_found(run, settings, DATABASE_CHECKS)


def _try_store(run: Run, settings: Settings) -> bool:
    """Ask for what lies in the bucket; say what was found. Returns whether it answers. `init` then tries all its promises."""
    run.say("trying the store ...")
    return _say_what_was_found(run, settings, STORE_CHECKS)


def _say_what_was_found(run: Run, settings: Settings, checks: Sequence[str]) -> bool:
    with run.lifeboat(settings) as lifeboat:
        results = lifeboat.doctor(checks)
    good = True
    for result in results:
        for finding in result.findings or ():
            good = good and finding.level is not Level.PROBLEM
            word = {"ok": "good", "warning": "look", "problem": "mend"}[finding.level.value]
            run.say(f"  {word}  {result.title}: {finding.message}")
            if finding.level is not Level.OK and finding.hint:
                run.say(f"        {finding.hint}")
    return good


def _keep_uri(uri: str, settings: Settings) -> str:
    if not passwords_in_uri(uri):
        return uri
    return _keep(Secret(uri), settings, URI_FILE)


def _keep(secret: Secret, settings: Settings, name: str) -> str:
    """In a file of its own that only this user can read; returns how ``lifeboat.toml`` names it."""
    path, number = settings.state / name, 1
    while path.exists():
        number += 1
        path = settings.state / f"{name}-{number}"
    write_private_file(path, secret, f"{name} for Lifeboat")
    return f"file:{path}"


def _ask_folder(run: Run) -> Path | None:
    while True:
        answer = ask_text("\n2 of 4. Folder of the uploaded files; empty for none")
        folder = (run.folder / Path(answer).expanduser()).resolve() if answer else None
        if folder is None or folder.is_dir():
            return folder
        run.say(f"there is no folder {folder}")
