"""What people wrote into the recovery plan of this machine, for who needs it on the worst day; the store is not asked."""

from contextlib import suppress
from pathlib import Path

from lifeboat.app.build import build_state
from lifeboat.app.plan_memory import remembered_plan
from lifeboat.app.planning import paths_of
from lifeboat.app.settings import Settings
from lifeboat.evidence.paper.document import one_line
from lifeboat.evidence.plan.kept import read_kept
from lifeboat.foundation.errors import LifeboatError

LETTERS_AT_MOST = 600


def how_writes_are_stopped(settings: Settings) -> tuple[str, ...]:
    """As one sentence; nothing where there is no plan, or nobody wrote it, or it cannot be read."""
    with suppress(LifeboatError, OSError):
        here = paths_of(None, settings.folder)[0]
        path = here if here.exists() else Path(remembered_plan(build_state(settings)) or here)
        written = one_line(read_kept(path.read_bytes(), str(path)).yours.get("stop-writes", ""))
        if written:
            return (f"as your recovery plan says: {written[:LETTERS_AT_MOST]}",)
    return ()
