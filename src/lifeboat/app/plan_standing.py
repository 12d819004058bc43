"""How the recovery plan of this machine stands, in one finding, for ``status`` and ``doctor``."""

from lifeboat.app.build import build_state
from lifeboat.app.plan_facts import Gathering, HowFar
from lifeboat.app.plan_memory import remembered_plan
from lifeboat.app.planning import Planning
from lifeboat.app.settings import Settings
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.operations.doctor.recovery_plan import SUBJECT, check_no_plan, check_plan
from lifeboat.repository.open_repository import Repository


def plan_findings(settings: Settings, clock: Clock, repository: Repository | None, how: HowFar) -> list[Finding]:
    """One finding. Args: repository: that is open already; None: what it would say is left out."""
    state = build_state(settings)
    if remembered_plan(state) is None:
        protects = bool(settings.mongodb.uri or settings.files.paths)
        return check_no_plan(may_be_elsewhere=not protects or settings.key is None)
    try:
        gathering = Gathering(settings, clock, None, how, repository)
        checked = Planning(settings, clock).check_with(gathering)
    except LifeboatError as error:
        return [Finding(Level.WARNING, error.code, SUBJECT, error.message, error.hint)]
    # What it was and is stands in `report plan --check`: telephone numbers have no place in logs.
    reasons = [*dict.fromkeys(f"{one.what} changed" for one in checked.changed), *checked.reasons]
    return check_plan(checked.version, reasons, checked.approval)
