"""From what is wrong now to what is told: each once, again after a while if it stays, and once when it is over.

Invariant: nothing critical waits for the morning, nothing that somebody was told of ends without being told, and what could not be sent is due again.
Whatever dies between sending and remembering is told twice, never not at all.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from lifeboat.foundation.value import Value
from lifeboat.journal.alerts import Alerts
from lifeboat.journal.rows import AlertRow
from lifeboat.services.alerts.condition import Condition, Severity
from lifeboat.services.alerts.quiet import QuietHours

AGAIN = {Severity.CRITICAL: timedelta(hours=6), Severity.WARNING: timedelta(days=1), Severity.INFO: timedelta(days=7)}
"""While it stays."""
STEADY = timedelta(minutes=2)
"""What is gone for less than this, or was there for less, is a flicker: a recovery is told after it."""


class Step(StrEnum):
    OPENED = "opened"
    WORSE = "worse"
    STILL = "still"
    OVER = "over"


class Told(Value):
    """One thing to tell. Args: condition: None when it is over. row: As the journal has it; None before it has."""

    step: Step
    key: str
    severity: Severity
    condition: Condition | None
    row: AlertRow | None


class Tell(Protocol):
    """Sends one; True when it reached somebody."""

    def __call__(self, told: Told) -> bool: ...


class AlertEngine:
    """Args:
    alerts: Of the journal: what is open, and what was told.
    tell: Sends one.
    """

    def __init__(self, alerts: Alerts, tell: Tell, quiet: QuietHours | None = None) -> None:
        self._alerts = alerts
        self._tell = tell
        self._quiet = quiet or QuietHours()

    def take(self, conditions: Iterable[Condition], now: datetime, *, blind: bool = False) -> list[Told]:
        """What is so now; tells what is due, and returns what reached somebody.

        Args:
            blind: Not everything could be looked at: what is not seen now is not taken for over.
        """
        current = {one.key: one for one in conditions}
        known = {row.key: row for row in self._alerts.open_alerts()}
        back = {row.key: row for row in self._alerts.recovered_untold()}
        reached: list[Told] = []
        for key, one in current.items():
            row = known.get(key)
            worse = row is not None and one.severity.rank > _severity(row).rank
            self._alerts.open(
                key,
                now,
                rule=one.rule,
                severity=one.severity,
                subject=one.subject,
                facts={**one.facts, "happened": one.happened, "means": one.means, "to_do": one.to_do},
            )
            if row is None and key in back:
                # It was over for a moment, and nobody was told so: to whoever was told of it, it never ended.
                row = back[key]
                self._alerts.told(key, row.told or now)
                self._alerts.recovery_told(row.number, now)
                worse = one.severity.rank > _severity(row).rank
            step = _due(row, one, now, worse=worse)
            if step is None or (self._quiet.hold(now) and one.severity is not Severity.CRITICAL):
                continue
            told = Told(step, key, one.severity, one, row)
            if self._tell(told):
                self._alerts.told(key, now)
                reached.append(told)
        for key in known:
            if key not in current and not blind:
                self._alerts.close(key, now)
        reached += self._tell_what_is_over(self._alerts.recovered_untold(), set(current), now)
        return reached

    def _tell_what_is_over(self, rows: Sequence[AlertRow], open_keys: set[str], now: datetime) -> list[Told]:
        reached = []
        for row in rows:
            if row.key in open_keys or row.closed is None or now - row.closed < STEADY:
                continue
            if self._quiet.hold(now) and _severity(row) is not Severity.CRITICAL:
                continue
            told = Told(Step.OVER, row.key, _severity(row), None, row)
            if self._tell(told):
                self._alerts.recovery_told(row.number, now)
                reached.append(told)
        return reached


def _due(row: AlertRow | None, one: Condition, now: datetime, *, worse: bool) -> Step | None:
    if row is None or row.told is None:
        return Step.OPENED
    if worse:
        return Step.WORSE
    return Step.STILL if now - row.told >= AGAIN[one.severity] else None


def _severity(row: AlertRow) -> Severity:
    try:
        return Severity(row.severity)
    except ValueError:
        return Severity.WARNING
