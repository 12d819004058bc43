"""How drills are made, as somebody said it; what each setting is for says docs/operations.md."""

from pathlib import Path
from typing import TYPE_CHECKING

from lifeboat.foundation.value import Value

if TYPE_CHECKING:
    from lifeboat.operations.drill.checks.kinds import AppCheck

DAY_SECONDS = 86_400.0
SECRET_AT_LEAST = 12
"""Characters: a header such as ``Accept: text/html`` is no secret, and hiding short texts would spoil every message."""


class DrillSettings(Value):
    """Section ``[drills]``."""

    to: str | None = None
    """A server for restores, as after ``restore --to``; None: a mongod that is started for it."""
    folder: Path | None = None
    """Where scratch folders are made; None: where temporary files go."""
    restore_every_seconds: float = 7 * DAY_SECONDS
    full_every_seconds: float = 30 * DAY_SECONDS
    exercise_every_seconds: float = 90 * DAY_SECONDS
    notify: bool = True
    checks: "tuple[AppCheck, ...]" = ()

    def hidden_texts(self) -> set[str]:
        """Passwords and headers of the checks."""
        found: set[str] = set()
        if not self.checks:
            return found
        from lifeboat.operations.drill.checks.kinds import Http, SignIn

        for one in self.checks:
            if isinstance(one, SignIn):
                found.add(one.password.reveal())
            elif isinstance(one, Http):
                found |= {value.reveal() for value in one.headers.values() if len(value.reveal()) >= SECRET_AT_LEAST}
        return found
