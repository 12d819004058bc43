"""The audit log of one application's folder, opened as far as it can be: without the repository, this machine's file alone."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path

from lifeboat.app.build import build_repository, build_state
from lifeboat.app.settings import Settings
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError, SettingsError
from lifeboat.foundation.standard_output import standard_output
from lifeboat.operations.audit import Audit
from lifeboat.operations.audit_reports import AuditExport, AuditReport, AuditRows
from lifeboat.operations.moments import read_moment

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class Auditing:
    """What ``lifeboat audit`` does."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    def verify(self, since: str | None) -> AuditReport:
        """Check the chain and its anchors; nothing is said of what lies before ``since``."""
        return self._open().verify(self._time(since))

    def rows(self, since: str | None, who: str | None, act: str | None) -> AuditRows:
        """Entries, oldest first; see ``Audit.rows``."""
        return self._open().rows(self._time(since), who, act)

    def export(self, out: str) -> AuditExport:
        """Write everything to a new file, 0600, or ``-`` for standard output."""
        audit = self._open()
        if out == "-":
            try:
                with standard_output() as file:
                    return audit.export(file, out)
            except OSError as error:
                raise SettingsError(
                    f"standard output did not take all of it: {(error.strerror or str(error)).lower()}",
                    "what came out is not whole: is there room where it goes?",
                ) from error
        path = Path(out)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise SettingsError(
                f"{path} cannot be written: {(error.strerror or str(error)).lower()}",
                "name a file that does not exist yet",
            ) from error
        with os.fdopen(descriptor, "wb") as file:
            return audit.export(file, out)

    def _open(self) -> Audit:
        state = build_state(self._settings)
        try:
            return Audit(state, build_repository(self._settings, self._clock)).read()
        except LifeboatError as error:
            return Audit(state, None, error).read()

    def _time(self, text: str | None) -> datetime | None:
        if text is None:
            return None
        written = f"{text.strip()}T00:00:00Z" if _DATE.fullmatch(text.strip()) else text
        goal = read_moment(written, self._clock.now()).goal
        return None if goal is None else datetime.fromtimestamp(goal.seconds, UTC)
