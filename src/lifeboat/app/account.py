"""What a run leaves behind: a row in the journal, and two entries in the audit log, when it begins and when it has ended.

Which commands: all that change something, and all that read content. ``status``, ``doctor``, ``timeline`` and lists of snapshots are no acts.

Invariant: nothing here makes a command fail, or changes its exit status: what could not be noted is said in a warning. No secret and no
content of a document is noted: words come scrubbed, filters are left out, reports that show documents are not kept.
"""

import os
import pwd
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from lifeboat.app.build import build_journal, build_state, build_store, label
from lifeboat.app.settings import Settings
from lifeboat.evidence.anchoring import HINT, Anchoring
from lifeboat.evidence.log import AuditLog
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError, SettingsError, StorageError
from lifeboat.foundation.value import Value, field
from lifeboat.journal.journal import Journal
from lifeboat.journal.rows import SizeRow
from lifeboat.operations.reports.snapshots import BackupReport, ImportReport, SnapshotReport
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.names import typed
from lifeboat.repository.record import read_time, show_time
from lifeboat.services.schedule.told import BEGUN_BY, ON_BEHALF, SLOT

ACTS = (
    *(
        "backup",
        "restore",
        "retrieve",
        "export",
        "import",
        "diff",
        "verify",
        "prune",
        "carry-forward",
        "replicate",
        "stream",
        "drill",
    ),
    *("init", "writer", "keygen", "schedule", "serve", "dashboard", "aws", "report", "erase", "recipient", "shred"),
)
"""By their first word. Those in the second line act without ``Run.lifeboat`` in part, and say so by ``Run.note``."""
JOBS = ("backup", "restore", "export", "import", "verify", "prune", "carry-forward", "replicate", "stream", "drill")
"""What the journal is told of: work that takes time and may fail, not every look."""
LOOKS_AT_DRILLS = ("list", "show", "calendar")
"""Words behind ``drill`` that only look."""
LOOKS_AT_AWS = ("policy", "check", "plan", "simulate", "show")
"""Words behind ``aws`` that change nothing there."""
WITH_REPORT = ("backup", "verify", "prune", "carry-forward", "replicate", "import", "export", "restore", "drill")
"""Whose report the journal keeps. ``diff`` and ``restore --filter`` show documents."""
NOT_IN_WORDS = ("--filter", "--set")
SELDOM_SECONDS = 300.0
"""Runs that a schedule began anchor at most so often; what a person began is anchored when it ends."""
WORDS_AT_MOST = 2000
SUBJECTS_AT_MOST = 200


class Asked(Value):
    """What was asked for.

    Args:
        command: Without options: ``backup``, ``writer``.
        job: What the journal calls it: ``backup db``.
        words: As typed, scrubbed, without what ``NOT_IN_WORDS`` names.
        parameters: As parsed.
    """

    command: str
    job: str
    words: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_part(self) -> bool:
        """Whether another process tells how the whole of it ended: the last of several shards."""
        number, _, of = str(self.parameters.get("shard") or "").partition("/")
        return number.isdecimal() and of.isdecimal() and int(number) + 1 < int(of)

    @property
    def is_act(self) -> bool:
        said = self.parameters
        if self.command == "snapshots":
            return bool(said.get("snapshot"))
        if self.command in ("writer", "recipient") and said.get("action") == "list":
            return False
        first, _, action = self.command.partition(" ")
        if first == "aws" and (action in LOOKS_AT_AWS or said.get("action") in LOOKS_AT_AWS):
            return False
        if first == "erase" and action in ("list", "status"):
            return False
        if first == "report" and said.get("check"):
            return False
        if first == "drill" and (action in LOOKS_AT_DRILLS or (action == "follow-up" and said.get("action") == "list")):
            return False
        return first in ACTS and not said.get("dry_run")

    @property
    def keeps_report(self) -> bool:
        return self.command in WITH_REPORT and not self.parameters.get("wanted")


class Account:
    """One run. ``begin`` as soon as it is known which repository is meant, ``end`` when its exit status is.

    Args:
        warn: Hears what could not be noted.
        scrub: Takes secrets out of text.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        asked: Asked,
        environment: Mapping[str, str],
        warn: Callable[[str], None],
        scrub: Callable[[str], str],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._asked = asked
        self._environment = environment
        self._warn = warn
        self._scrub = scrub
        self.job = asked.job
        self.began = clock.now()
        self._number = 0
        self._entry: int | None = None

    def begin(self) -> None:
        """Note that it begins."""
        slot = self._environment.get(SLOT, "")
        try:
            # A journal is written by processes of one machine; the parts of one act may run on many.
            if self._asked.command in JOBS and not self._asked.is_part:
                self._number = build_journal(self._settings).begin_run(
                    self._asked.job,
                    self.began,
                    label=label(self._settings),
                    slot=_time(slot),
                    begun_by=self._begun_by,
                )
            self._entry = self._append("begun", self.began, {}, None)
            if self._asked.command == "stream":
                self._anchor()  # it may run for months
        except (LifeboatError, OSError) as error:
            self._complain(error)

    def end(self, status: int, error: str | None, report: object, as_json: Callable[[object], Any]) -> None:
        """Note how it ended, and anchor that.

        Args:
            as_json: Makes plain values of a report.
        """
        now = self._clock.now()
        try:
            if not self._asked.is_part:
                self._end_in_journal(now, status, error, report, as_json)
            self._append("ended", now, subject_of(report, self._asked.parameters, self._scrub), (status, error))
        except (LifeboatError, OSError) as trouble:
            self._complain(trouble)
            return
        if error is None or not _cannot_reach(status):
            self._anchor()

    def _end_in_journal(
        self, now: datetime, status: int, error: str | None, report: object, as_json: Callable[[object], Any]
    ) -> None:
        journal = build_journal(self._settings)
        kept = as_json(report) if report is not None and self._asked.keeps_report else None
        journal.end_run(self._number, now, status=status, error=error, report=kept if isinstance(kept, dict) else None)
        _note_sizes(journal, report, label(self._settings), now)

    @property
    def _begun_by(self) -> str:
        said = self._environment.get(BEGUN_BY, "")
        return said if said in ("schedule", "dashboard") else "command"

    def _append(
        self, phase: str, when: datetime, subject: Mapping[str, Any], ended: tuple[int, str | None] | None
    ) -> int:
        state = build_state(self._settings)
        content: dict[str, Any] = {
            "time": show_time(when),
            "who": who(self._environment),
            "from": origin(self._environment),
            "act": self._asked.job,
            "words": self._asked.words[:WORDS_AT_MOST],
            "phase": phase,
            "subject": subject,
        }
        if ended is not None:
            content["result"] = {"status": ended[0], "error": ended[1]}
            content["begun"] = self._entry
        if self._begun_by != "command":
            content["begun_by"] = self._begun_by
        return AuditLog(state).append(content, state.load_writer()).seq

    def _anchor(self) -> None:
        try:
            state = build_state(self._settings)
            if self._begun_by != "schedule" or _is_due(state, self._clock.now()):
                anchor_log(self._settings, self._clock, state)
        except (LifeboatError, OSError) as error:
            self._complain(error)

    def _complain(self, error: LifeboatError | OSError) -> None:
        if isinstance(error, StorageError | SettingsError) and self._asked.command == "init":
            return  # there is no repository yet
        words = error.message if isinstance(error, LifeboatError) else (error.strerror or str(error)).lower()
        self._warn(f"warning: the audit log could not be kept in full: {words}; what was done is done all the same")


def note_act(
    settings: Settings,
    clock: Clock,
    act: str,
    *,
    words: str = "",
    by: Mapping[str, str],
    at: Mapping[str, str],
    status: int = 0,
    error: str | None = None,
    subject: Mapping[str, Any] | None = None,
) -> None:
    """Note an act that is no command, such as somebody who signed in to the dashboard; anchored with the next command.

    Args:
        by: Who, as ``who`` says it. at: From where, as ``origin`` says it. words: Without secrets.

    Raises:
        LifeboatError, OSError: It could not be noted; that must stop nothing.
    """
    state = build_state(settings)
    content = {
        "time": show_time(clock.now()),
        "who": dict(by),
        "from": dict(at),
        "act": act,
        "words": words[:WORDS_AT_MOST],
        "phase": "ended",
        "subject": dict(subject or {}),
        "result": {"status": status, "error": error},
    }
    AuditLog(state).append(content, state.load_writer())


def anchor_log(settings: Settings, clock: Clock, state: LocalState) -> int:
    """Anchor what is not anchored yet; returns how many entries. Nothing where this machine is no writer yet."""
    secret, repository = state.load_writer(), state.pinned_repository()
    if secret is None or repository is None:
        return 0
    store = build_store(settings, clock, patient=False)
    return Anchoring(state, store, secret, bytes.fromhex(repository)).anchor(clock.now())


def subject_of(report: object, parameters: Mapping[str, Any], scrub: Callable[[str], str]) -> dict[str, Any]:
    """Which snapshots, which target, which namespaces."""
    found: dict[str, Any] = {}
    snapshots: list[str] = []
    for name in ("snapshots", "snapshot", "safety_snapshot", "forgotten"):
        value = report.get(name) if isinstance(report, Mapping) else getattr(report, name, None)
        for one in value if isinstance(value, list | tuple) else [value]:
            identifier = getattr(one, "snapshot", one)
            if isinstance(identifier, str):
                snapshots.append(identifier)
    if snapshots:
        found["snapshots"] = sorted(set(snapshots))[:SUBJECTS_AT_MOST]
    target = getattr(report, "target", None) or parameters.get("to") or parameters.get("out") or parameters.get("name")
    if target is not None:
        found["target"] = scrub(str(target))
    erasures: set[str] = {one.erasure for one in getattr(report, "erasures", ()) if hasattr(one, "erasure")}
    recorded = getattr(getattr(report, "erasure", None), "id", None)
    if isinstance(recorded, str):
        erasures.add(recorded)
    if erasures:
        found["erasures"] = sorted(erasures)[:SUBJECTS_AT_MOST]
    namespaces = parameters.get("namespaces") or parameters.get("namespace")
    if namespaces:
        named = [namespaces] if isinstance(namespaces, str) else list(namespaces)
        found["namespaces"] = [str(one) for one in named[:SUBJECTS_AT_MOST]]
    if type(report).__name__ == "DrillReport":
        # Loaded here: every command ends in this function, and few have made a drill.
        from lifeboat.operations.drill.paper import digest_of
        from lifeboat.operations.drill.report import DrillReport

        assert isinstance(report, DrillReport)
        # What was put down cannot be exchanged for another report later: its hash is in the chain.
        found["drill"] = {
            "id": report.drill,
            "outcome": str(report.outcome),
            "entry": report.ledger_number,
            "sha256": digest_of(report),
        }
    return found


def who(environment: Mapping[str, str]) -> dict[str, str]:
    """The system's user; whom sudo knows; for whom, as whoever started this says."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = f"uid {os.getuid()}"
    others = {"sudo": environment.get("SUDO_USER"), "for": environment.get(ON_BEHALF)}
    return {"user": user, **{name: text[:200] for name, text in others.items() if text}}


def origin(environment: Mapping[str, str]) -> dict[str, str]:
    """From where: host, terminal, the address of an SSH session."""
    found = {"host": os.uname().nodename}
    for stream in (sys.stdin, sys.stderr):
        try:
            found["tty"] = os.ttyname(stream.fileno())
            break
        except (OSError, ValueError, AttributeError):
            continue
    ssh = environment.get("SSH_CONNECTION", "").split()
    return {**found, "ssh": ssh[0]} if ssh else found


def _note_sizes(journal: Journal, report: object, name: str, now: datetime) -> None:
    rows = report.snapshots if isinstance(report, BackupReport) else ()
    if isinstance(report, ImportReport):
        rows = (report.snapshot,)
    for one in rows:
        journal.record_size(size_row(one, name, now))


def size_row(one: SnapshotReport, name: str, now: datetime) -> SizeRow:
    return SizeRow(one.snapshot, now, typed(one.source), name, one.bytes, one.items, one.stored_bytes, one.complete)


def _is_due(state: LocalState, now: datetime) -> bool:
    said = (state.read_json(HINT) or {}).get("time")
    last = _time(said) if isinstance(said, str) else None
    return last is None or abs((now - last).total_seconds()) >= SELDOM_SECONDS


def _time(text: str) -> datetime | None:
    try:
        return read_time(text)
    except ValueError:
        return None


def _cannot_reach(status: int) -> bool:
    """Whether a run that ended so could not even open the repository: trying once more would only take time."""
    return status in (10, 12)
