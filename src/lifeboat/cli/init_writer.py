"""``lifeboat init --writer FILE``: this machine becomes a writer that was made for it where the key is."""

import os
from pathlib import Path

from lifeboat.app.private_files import read_private_file
from lifeboat.app.variables import SETTINGS_FILE
from lifeboat.app.write_settings import add_to_settings_file
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.init_questions import ask_what_is_unset
from lifeboat.cli.run import Run
from lifeboat.cli.show.writer import draw_enrolled
from lifeboat.repository.enrolment import Enrolment, enrolment_from_text


def become_writer(run: Run, file: Path, asks: bool) -> ExitStatus:
    """Take the file in and say what this machine is now. The file stays: destroying it is for whoever carries it."""
    path = Path(os.path.normpath(run.folder / file))
    enrolment = enrolment_from_text(read_private_file(path, "--writer"), str(file))
    _keep_location(run, enrolment)
    if asks:
        ask_what_is_unset(run, run.settings())
    run.when_stopped = "nothing was changed in the repository; run the same command again"
    with run.lifeboat() as lifeboat:
        enrolled = lifeboat.enrol(enrolment)
    run.show(enrolled, lambda: draw_enrolled(enrolled, str(path)))
    return ExitStatus.DONE


def _keep_location(run: Run, enrolment: Enrolment) -> None:
    """Where the settings name no repository, the file does."""
    settings = run.settings()
    if settings.repository.location is not None or not enrolment.location:
        return
    said = {"location": enrolment.location, "region": enrolment.region, "endpoint": enrolment.endpoint}
    path = next((one for one in settings.files_read if one.suffix == ".toml"), run.config or run.folder / SETTINGS_FILE)
    add_to_settings_file(path, {("repository", name): value for name, value in said.items() if value})
    run.say(f"the repository's place is kept in {path}")
    run.forget_settings()
