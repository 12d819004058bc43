"""The steps of an emergency that may fail and are then tried again, or said in other words."""

import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from lifeboat.cli.emergency.place import ask_for_place
from lifeboat.cli.run import Run
from lifeboat.foundation.errors import LifeboatError

if TYPE_CHECKING:
    from lifeboat.app.settings import Settings
    from lifeboat.operations.emergency.advise import Proposal
    from lifeboat.operations.emergency.situation import Situation

STOPPED = "the restore was stopped: the same command goes on from where it was"


def look(run: Run, settings: "Settings", when: str | None) -> "Situation":
    """Raises:
    LifeboatError: The copies cannot be opened; a second copy was named then, if there is one.
    """
    from lifeboat.app.emergency import Emergency
    from lifeboat.cli.show.progress import watch

    try:
        with watch(run) as progress:
            return Emergency(settings, run.clock, progress).look(when)
    except LifeboatError:
        if run.replica is None:
            for one in settings.replicas:
                run.say(f"there is a second copy: try `lifeboat emergency --replica {one.name}`")
        raise


def look_until_open(
    run: Run, settings: "Settings", said: dict[str, str], when: str | None
) -> "tuple[Settings, Situation]":
    """Look; where what was typed does not open the copies, ask for it again."""
    while True:
        try:
            return settings, look(run, settings, when)
        except LifeboatError as error:
            if not said:
                raise
            run.say(f"\nThat does not open them: {error.message}.")
            if error.hint:
                run.say(f"{error.hint}")
            run.say("So once more; Ctrl-C ends it, and nothing was changed.")
        said.clear()
        settings, again = ask_for_place(run)
        said |= again


def as_typed(run: Run, proposal: "Proposal") -> "Proposal":
    """With the options of this run in the command, so that it can be typed as it stands."""
    if proposal.request is None:
        return proposal
    words = [*shlex.split(proposal.words), *(["--replica", run.replica] if run.replica else [])]
    words += ["--config", str(run.config)] if run.config else []
    return replace(proposal, words=shlex.join(words))


def carry_out(run: Run, proposal: "Proposal", said: Mapping[str, str], *how: str) -> int:
    """Run the very command that was shown, with its own plan, audit and progress; what was typed goes to it in its environment.

    Args:
        how: ``--dry-run`` or ``--yes``.
    """
    done = subprocess.run(
        [sys.executable, "-m", "lifeboat", *shlex.split(proposal.words)[1:], *how],
        env={**run.environment, **said},
        cwd=run.folder,
        check=False,
    )
    return done.returncode
