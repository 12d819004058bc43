"""What a drill is asked for."""

from datetime import datetime
from pathlib import Path

from lifeboat.foundation.errors import SettingsError, TargetRefused
from lifeboat.foundation.secret import Secret
from lifeboat.foundation.value import Value
from lifeboat.operations.drill.scenario import Scenario


class DrillUnclear(SettingsError):
    """A drill that lacks something its scenario needs."""

    code = "drill-unclear"


class StagingRefused(TargetRefused):
    """The server for a drill is the source, or holds something."""

    code = "staging-refused"


class DrillRequest(Value):
    """Args:
    scenario: None: what fits what is stored (``server-loss`` where there are files, else ``database-loss``).
    point: ``latest``, ``random``, ``oldest``. at: An instant in its place, as ``restore --at`` takes it.
    before: Of the scenarios that go back before a time: that time.
    namespace: Of ``bad-deploy``.
    key: Of ``key-holder-lost``: the other recipient's.
    to: A server in place of one that is started; as after ``restore --to``. None: as the settings say.
    hook: A command that is run on what was restored before it is compared: to see for oneself that a drill notices.
    incident, detected, declared: None: when the drill begins.
    """

    scenario: Scenario | None = None
    point: str = "latest"
    at: str | None = None
    before: str | None = None
    namespace: str | None = None
    key: Secret | None = None
    to: str | None = None
    folder: Path | None = None
    hook: str | None = None
    incident: datetime | None = None
    detected: datetime | None = None
    declared: datetime | None = None
    notify: bool = True
