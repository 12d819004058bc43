"""The alerts of the journal: which are open, when each was told, which are over."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lifeboat.journal.database import Database
from lifeboat.journal.rows import AlertRow
from lifeboat.journal.times import as_text, from_text

_COLUMNS = "number, key, rule, severity, subject, facts, opened, told, times_told, closed, recovery_told"


class Alerts:
    """As ``Journal.alerts``. Without a journal that can be written every alert seems new each time: told too often, never too seldom."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(
        self,
        key: str,
        now: datetime,
        *,
        rule: str,
        severity: str,
        subject: str,
        facts: Mapping[str, Any] | None = None,
    ) -> bool:
        """It is so; True when it was not so before. One that is open already takes on the new severity and facts."""
        said = json.dumps(dict(facts or {}))

        def work(connection: Any) -> bool:
            known = connection.execute(
                "UPDATE alerts SET severity = ?, subject = ?, facts = ? WHERE key = ? AND closed IS NULL",
                (severity, subject, said, key),
            )
            if known.rowcount:
                return False
            connection.execute(
                "INSERT INTO alerts (key, rule, severity, subject, facts, opened) VALUES (?, ?, ?, ?, ?, ?)",
                (key, rule, severity, subject, said, as_text(now)),
            )
            return True

        return self._database.use(work, True)

    def told(self, key: str, now: datetime) -> None:
        """Somebody was told of the open one."""
        self._change(
            "UPDATE alerts SET told = ?, times_told = times_told + 1 WHERE key = ? AND closed IS NULL", now, key
        )

    def close(self, key: str, now: datetime) -> AlertRow | None:
        """It is over; the alert that was open, or None when there was none."""

        def work(connection: Any) -> AlertRow | None:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM alerts WHERE key = ? AND closed IS NULL", (key,)
            ).fetchone()
            connection.execute("UPDATE alerts SET closed = ? WHERE key = ? AND closed IS NULL", (as_text(now), key))
            return None if row is None else _alert(row)

        return self._database.use(work, None)

    def recovery_told(self, number: int, now: datetime) -> None:
        """Somebody was told that it is over."""
        self._change("UPDATE alerts SET recovery_told = ? WHERE number = ?", now, number)

    def open_alerts(self) -> list[AlertRow]:
        """What is wrong now, oldest first."""
        return self._rows("WHERE closed IS NULL ORDER BY opened, number", ())

    def recovered_untold(self) -> list[AlertRow]:
        """Over, somebody was told of it, and nobody yet that it is over; oldest first."""
        return self._rows(
            "WHERE closed IS NOT NULL AND told IS NOT NULL AND recovery_told IS NULL ORDER BY opened, number", ()
        )

    def history(self, since: datetime | None = None, limit: int = 1000) -> list[AlertRow]:
        """Open ones and those that are over, newest first."""
        return self._rows(
            "WHERE opened >= ? ORDER BY opened DESC, number DESC LIMIT ?", (as_text(since) if since else "", limit)
        )

    def _change(self, statement: str, now: datetime, which: str | int) -> None:
        def work(connection: Any) -> None:
            connection.execute(statement, (as_text(now), which))

        self._database.use(work, None)

    def _rows(self, where: str, values: tuple[str | int, ...]) -> list[AlertRow]:
        def work(connection: Any) -> list[AlertRow]:
            return [_alert(row) for row in connection.execute(f"SELECT {_COLUMNS} FROM alerts {where}", values)]

        return self._database.look(work, [])


def _alert(row: Any) -> AlertRow:
    number, key, rule, severity, subject, facts, opened, told, times_told, closed, recovery_told = row
    return AlertRow(
        number,
        key,
        rule,
        severity,
        subject,
        json.loads(facts),
        from_text(opened),
        from_text(told) if told else None,
        times_told,
        from_text(closed) if closed else None,
        from_text(recovery_told) if recovery_told else None,
    )
