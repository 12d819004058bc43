"""The journal: runs, sizes, alerts and a few kept values, in ``journal.sqlite3`` of the repository's state directory.

Hints, all of it: a backup, a restore and ``status`` are right without it, and what the repository can tell is filled in again
(``operations/rebuild_journal.py``). Nothing here raises; see ``trouble``.
"""

import json
import os
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from lifeboat.journal.alerts import Alerts
from lifeboat.journal.database import Database
from lifeboat.journal.rows import RunRow, SizeRow
from lifeboat.journal.times import as_text, from_text

NAME = "journal.sqlite3"
KEPT_DAYS = 400
"""A year and a month: a year ago can still be compared with."""
RUNS_AT_MOST = 100_000
REPORTS_AT_MOST = 1_000
"""Of each job the newest have their reports; at 10 kB each and with ten jobs that is 100 MB at the very most."""
REPORT_AT_MOST = 64 * 1024
_RUN = "number, job, label, slot, began, ended, status, error, report, process, begun_by"
_TRIMMED = "journal trimmed"
_HISTORY = "journal history"


class Journal:
    """Args: path: the file; its folder exists (``LocalState.directory / NAME``)."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path)
        self.alerts = Alerts(self._database)

    @property
    def trouble(self) -> str | None:
        """Why the last call did or told nothing; None when it worked."""
        return self._database.trouble

    @property
    def notes(self) -> list[str]:
        """What happened to the file since this object was made, such as that it was damaged and begun anew."""
        return self._database.notes

    def begin_run(
        self, job: str, now: datetime, *, label: str = "", slot: datetime | None = None, begun_by: str = "command"
    ) -> int:
        """Note that a run of this process begins; returns its number, 0 when it could not be noted."""
        values = (job, label, as_text(slot) if slot else None, as_text(now), this_process(), begun_by)

        def work(connection: Any) -> int:
            _trim_once_a_day(connection, now)
            added = connection.execute(
                "INSERT INTO runs (job, label, slot, began, process, begun_by) VALUES (?, ?, ?, ?, ?, ?)", values
            )
            return int(added.lastrowid)

        return self._database.use(work, 0)

    def end_run(
        self,
        number: int,
        now: datetime,
        *,
        status: int | None,
        error: str | None = None,
        report: Mapping[str, Any] | None = None,
    ) -> None:
        """Note how it ended. Number 0 is a run that could not be noted: nothing is done."""
        said = None if report is None else json.dumps(report)
        if said is not None and len(said) > REPORT_AT_MOST:
            said = json.dumps({"too_long": len(said)})

        def work(connection: Any) -> None:
            connection.execute(
                "UPDATE runs SET ended = ?, status = ?, error = ?, report = ? WHERE number = ?",
                (as_text(now), status, error, said, number),
            )

        if number:
            self._database.use(work, None)

    def close_abandoned(self, now: datetime) -> list[RunRow]:
        """End the runs whose process is gone, as ``killed``; returns them. Those of another host are left alone."""
        gone = [row for row in self._runs("ended IS NULL", ()) if is_gone(row.process)]

        def work(connection: Any) -> None:
            for row in gone:
                connection.execute(
                    "UPDATE runs SET ended = ?, error = 'killed' WHERE number = ? AND ended IS NULL",
                    (as_text(now), row.number),
                )

        if gone:
            self._database.use(work, None)
        return gone

    def runs(
        self,
        since: datetime | None = None,
        job: str | None = None,
        limit: int = 1000,
        *,
        label: str | None = None,
        number: int | None = None,
    ) -> list[RunRow]:
        """Runs, newest first.

        Args:
            job: Exactly this job, or with ``*`` at its end what begins so (``backup*``).
        """
        where, values = ["began >= ?"], [as_text(since) if since else ""]
        if job is not None:
            where.append("substr(job, 1, ?) = ?" if job.endswith("*") else "job = ?")
            values += [len(job) - 1, job[:-1]] if job.endswith("*") else [job]  # type: ignore[list-item]
        if label is not None:
            where.append("label = ?")
            values.append(label)
        if number is not None:
            where.append("number = ?")
            values.append(number)  # type: ignore[arg-type]
        return self._runs(" AND ".join(where), (*values, limit), " LIMIT ?")

    def record_size(self, row: SizeRow) -> None:
        """Note what a snapshot took; said twice, the later counts."""
        self._database.use(lambda connection: _put_size(connection, row), None)

    def sizes(self, source: str | None = None, since: datetime | None = None) -> list[SizeRow]:
        """Sizes of snapshots, oldest first."""
        statement = (
            "SELECT snapshot, time, source, label, bytes, items, stored, complete FROM sizes"
            " WHERE time >= ? AND (? IS NULL OR source = ?) ORDER BY time"
        )
        values = (as_text(since) if since else "", source, source)

        def work(connection: Any) -> list[SizeRow]:
            return [
                SizeRow(snapshot, from_text(time), source, label, size, items, stored, bool(complete))
                for snapshot, time, source, label, size, items, stored, complete in connection.execute(
                    statement, values
                )
            ]

        return self._database.look(work, [])

    def keep(self, key: str, value: Any) -> bool:
        """Keep a small JSON value under a key, such as when a job was last begun; False when it could not be kept."""

        def work(connection: Any) -> bool:
            connection.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (key, json.dumps(value)))
            return True

        return self._database.use(work, False)

    def kept(self, key: str) -> Any:
        """The value that was kept; None when there is none."""

        def work(connection: Any) -> Any:
            row = connection.execute("SELECT value FROM kept WHERE key = ?", (key,)).fetchone()
            return None if row is None else json.loads(row[0])

        return self._database.look(work, None)

    @property
    def filled_in(self) -> datetime | None:
        """When what the repository tells was last filled in; None for a new journal, and after a damaged one was moved aside."""
        said = self.kept(_HISTORY)
        return from_text(said) if isinstance(said, str) else None

    @property
    def lacks_history(self) -> bool:
        """Whether nobody has filled in yet what the repository tells."""
        return self.filled_in is None and self.trouble is None

    def fill_in(self, runs: Iterable[tuple[str, RunRow]], sizes: Iterable[SizeRow], now: datetime) -> int:
        """Add what the repository tells of runs that this journal has not seen; returns how many runs were new.

        Args:
            runs: With what each is known by in the repository. Of a backup: the snapshot's id; a run whose snapshot has its size
                noted already was seen here.
        """
        oldest = as_text(now - timedelta(days=KEPT_DAYS))

        def work(connection: Any) -> int:
            known = {row[0] for row in connection.execute("SELECT snapshot FROM sizes")}
            added = 0
            for origin, run in runs:
                if origin not in known and as_text(run.began) >= oldest:
                    added += connection.execute(
                        "INSERT OR IGNORE INTO runs (job, label, began, ended, status, process, begun_by, origin)"
                        " VALUES (?, ?, ?, ?, ?, '', 'repository', ?)",
                        (
                            run.job,
                            run.label,
                            as_text(run.began),
                            as_text(run.ended) if run.ended else None,
                            run.status,
                            origin,
                        ),
                    ).rowcount
            for size in sizes:
                if size.snapshot not in known and as_text(size.time) >= oldest:
                    _put_size(connection, size)
            connection.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (_HISTORY, json.dumps(as_text(now))))
            return added

        return self._database.use(work, 0)

    def _runs(self, where: str, values: tuple[Any, ...], rest: str = "") -> list[RunRow]:
        statement = f"SELECT {_RUN} FROM runs WHERE {where} ORDER BY began DESC, number DESC{rest}"

        def work(connection: Any) -> list[RunRow]:
            return [_run(row) for row in connection.execute(statement, values)]

        return self._database.look(work, [])


def this_process() -> str:
    """Host, process id and when that process began: an id alone comes back, and containers share them."""
    return f"{os.uname().nodename} {os.getpid()} {_began(os.getpid())}"


def is_gone(process: str) -> bool:
    """Whether a process of this host has ended; of another host's nothing is known."""
    host, _, rest = process.rpartition(" ")[0].rpartition(" ")
    if host != os.uname().nodename or not rest.isdigit():
        return False
    return _began(int(rest)) != process.rpartition(" ")[2]


def _began(process: int) -> str:
    """Ticks after the boot at which it began; empty when there is no such process, or none that is seen from here."""
    try:
        said = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    return said.rpartition(")")[2].split()[19]


def _run(row: Any) -> RunRow:
    number, job, label, slot, began, ended, status, error, report, process, begun_by = row
    return RunRow(
        number,
        job,
        label,
        from_text(slot) if slot else None,
        from_text(began),
        from_text(ended) if ended else None,
        status,
        error,
        json.loads(report) if report else None,
        process,
        begun_by,
    )


def _put_size(connection: Any, row: SizeRow) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO sizes VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            row.snapshot,
            as_text(row.time),
            row.source,
            row.label,
            row.bytes,
            row.items,
            row.stored,
            int(row.complete),
        ),
    )


def _trim_once_a_day(connection: Any, now: datetime) -> None:
    """Keep the file bounded: old rows go, then the oldest reports."""
    today = as_text(now)[:10]
    row = connection.execute("SELECT value FROM kept WHERE key = ?", (_TRIMMED,)).fetchone()
    if row is not None and json.loads(row[0]) == today:
        return
    oldest = as_text(now - timedelta(days=KEPT_DAYS))
    connection.execute("DELETE FROM runs WHERE began < ?", (oldest,))
    connection.execute("DELETE FROM sizes WHERE time < ?", (oldest,))
    connection.execute("DELETE FROM alerts WHERE closed < ?", (oldest,))
    connection.execute(
        "DELETE FROM runs WHERE number NOT IN (SELECT number FROM runs ORDER BY began DESC LIMIT ?)", (RUNS_AT_MOST,)
    )
    connection.execute(
        "UPDATE runs SET report = NULL WHERE report IS NOT NULL AND number IN (SELECT number FROM ("
        "SELECT number, ROW_NUMBER() OVER (PARTITION BY job ORDER BY began DESC) AS nth FROM runs) WHERE nth > ?)",
        (REPORTS_AT_MOST,),
    )
    connection.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (_TRIMMED, json.dumps(today)))
