"""``lifeboat drill list|show|calendar|exercise|follow-up`` and ``report drill``, for these settings."""

import json
import os
import re
import secrets
import socket
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

from lifeboat.app.account import who
from lifeboat.app.build import label
from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.plan_drills import every_of, today_bytes
from lifeboat.app.settings import Settings
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError, SettingsError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.value import Value
from lifeboat.operations.drill.book import EXERCISE, DrillBook, DrillSummary
from lifeboat.operations.drill.calendar import Due, due_of
from lifeboat.operations.drill.content import from_content
from lifeboat.operations.drill.follow_ups import FollowUp, closing, follow_ups, opening
from lifeboat.operations.drill.paper import digest_of
from lifeboat.operations.drill.predict import Prediction, predict
from lifeboat.operations.drill.report import DrillReport
from lifeboat.repository.ledger import Kind, Ledger
from lifeboat.repository.record import read_time

_PRINTED = re.compile(r"SHA-256 of the report ([0-9a-f]{64})")


class FollowUpUnknown(LifeboatError):
    """No action of this id is open."""

    code = "follow-up-unknown"


class ReportUnreadable(SettingsError):
    """The file is no report of a drill."""

    code = "report-unreadable"


class DrillList(Value):
    """Newest first."""

    drills: tuple[DrillSummary, ...]
    findings: tuple[Finding, ...] = ()


class DrillCalendar(Value):
    """What is due when, and how long a restore of everything would take today."""

    now: datetime
    due: tuple[Due, ...]
    prediction: Prediction | None
    objective_seconds: float


class FollowUpList(Value):
    now: datetime
    follow_ups: tuple[FollowUp, ...]


class ReportCheck(Value):
    """Whether a copy of a report is what was put down."""

    drill: str
    file: str
    is_the_same: bool
    findings: tuple[Finding, ...] = ()


class Book:
    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._repository = Lifeboat(settings, clock=clock).repository()
        self._book = DrillBook(self._repository)

    def drills(self) -> DrillList:
        return DrillList(tuple(self._book.summaries()), tuple(self._book.ledger.findings))

    def report(self, drill: str = "") -> DrillReport:
        """Raises ``DrillUnknown``."""
        return self._book.find(drill)[0]

    def calendar(self) -> DrillCalendar:
        known = self._book.summaries()
        since = read_time(self._repository.description.created)
        return DrillCalendar(
            self._clock.now(),
            due_of(known, every_of(self._settings.drills), since),
            predict(known, today_bytes(self._repository)),
            self._settings.objectives.rto_seconds,
        )

    def exercise(
        self, what: str, lead: str, participants: str, passed: bool, notes: str, minutes: float | None
    ) -> DrillSummary:
        """Put an exercise of people down."""
        now = self._clock.now()
        user = who(os.environ)
        content = {
            "drill": secrets.token_hex(4),
            "scenario": EXERCISE,
            "outcome": "passed" if passed else "failed",
            "began": now.isoformat(),
            "ended": now.isoformat(),
            "label": label(self._settings),
            "host": socket.gethostname(),
            "user": user.get("sudo", user["user"]),
            "what": what,
            "lead": lead,
            "participants": participants,
            "notes": notes,
            "measures": {"rto_seconds": None if minutes is None else minutes * 60, "technical_seconds": None},
        }
        self._append(Kind.DRILL, content)
        return self._book.summaries()[0]

    def follow_ups(self) -> FollowUpList:
        found = follow_ups(Ledger(self._repository).read(Kind.FOLLOW_UP))
        return FollowUpList(self._clock.now(), tuple(found))

    def add_follow_up(self, drill: str, text: str, owner: str, due: date | None) -> FollowUp:
        """Args: drill: id or its beginning; empty for none. Raises ``DrillUnknown``."""
        known = self._book.find(drill)[0].drill if drill else ""
        name = secrets.token_hex(3)
        self._append(Kind.FOLLOW_UP, opening(name, text, owner, known, due))
        return self._follow_up(name)

    def close_follow_up(self, name: str, outcome: str) -> FollowUp:
        """Raises ``FollowUpUnknown``."""
        found = self._follow_up(name)
        if found.closed is not None:
            raise FollowUpUnknown(f"action {found.id} is closed already", "`lifeboat drill follow-up list --all`")
        self._append(Kind.FOLLOW_UP, closing(found.id, outcome))
        return self._follow_up(found.id)

    def check(self, file: Path, drill: str = "") -> ReportCheck:
        """Whether a JSON or HTML copy says what the ledger holds; raises ``ReportUnreadable``, ``DrillUnknown``."""
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ReportUnreadable(f"{file} cannot be read", "is the path right?") from error
        if text.lstrip().startswith("{"):
            try:
                said = from_content(json.loads(text))
            except (ValueError, RecursionError, LifeboatError) as error:
                raise ReportUnreadable(
                    f"{file} is no report of a drill", "a .json or .html of `lifeboat report drill`"
                ) from error
            stored = self.report(drill or said.drill)
            same = digest_of(said) == digest_of(stored)
        else:
            from lifeboat.evidence.paper.page import to_html
            from lifeboat.operations.drill.paper import paper_of

            printed = _PRINTED.search(text)
            if printed is None:
                raise ReportUnreadable(f"{file} is no report of a drill", "a .json or .html of `lifeboat report drill`")
            stored = next((one for one in self._reports(drill) if digest_of(one) == printed[1]), self.report(drill))
            same = text == to_html(paper_of(stored))
        findings: tuple[Finding, ...] = ()
        if not same:
            message = f"it is not what was put down of drill {stored.drill}"
            hint = f"`lifeboat report drill {stored.drill} --out FOLDER` writes what was; a page of another version of Lifeboat looks different, "
            hint += "so hold the .json against the ledger"
            findings = (Finding(Level.PROBLEM, "report-changed", str(file), message, hint),)
        return ReportCheck(stored.drill, str(file), same, findings)

    def _reports(self, drill: str) -> list[DrillReport]:
        return [
            self.report(one.drill)
            for one in self._book.summaries()
            if one.drill.startswith(drill) and one.scenario != EXERCISE
        ]

    def _follow_up(self, name: str) -> FollowUp:
        found = [one for one in self.follow_ups().follow_ups if one.id.startswith(name)]
        if len(found) != 1 or not name:
            raise FollowUpUnknown(f"no action {name} is known", "`lifeboat drill follow-up list` shows them")
        return found[0]

    def _append(self, kind: Kind, content: Mapping[str, object]) -> None:
        Ledger(self._repository).append(kind, content, self._repository.store.time_there())
