"""Check, search and hand over the audit log: this machine's file, and the anchors of every writer whose catalog opens.

On the keeper's machine the anchors alone tell of all machines. Where the repository cannot be reached the file is looked at alone, and the
report says so.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any

from lifeboat.crypto.identity import to_base64
from lifeboat.crypto.signed import canonical_json
from lifeboat.evidence.anchor import Anchor, read_anchors, remembered
from lifeboat.evidence.anchoring import HINT
from lifeboat.evidence.entry import Entry
from lifeboat.evidence.examine import Head, compare, examine_anchors, examine_lines
from lifeboat.evidence.log import AuditLog, Line
from lifeboat.foundation.errors import LifeboatError, SettingsError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.operations.audit_reports import AuditedWriter, AuditExport, AuditReport, AuditRow, AuditRows
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import read_time
from lifeboat.repository.writers import WriterSecret
from lifeboat.storage.errors import StorageDenied

SEEN = "audit-seen.json"
"""The newest anchor of each writer that this machine has seen: an older end later on means that the newer ones were removed."""


@dataclass
class Audit:
    """Args: repository: None when it cannot be reached, then ``why_not`` says why."""

    state: LocalState
    repository: Repository | None
    why_not: LifeboatError | None = None
    lines: list[Line] = field(default_factory=list)
    anchors: dict[str, list[Anchor]] = field(default_factory=dict)
    """By writer."""
    trouble: list[Finding] = field(default_factory=list)
    _head: Head | None = None
    _mine: dict[str, Any] = field(default_factory=dict)

    def read(self) -> "Audit":
        """Take in all there is: what is remembered of ends first, the log last, or what other runs add meanwhile would look cut off."""
        log = AuditLog(self.state)
        head = log.head()
        self._head, self._mine = Head(*head) if head else None, self.state.read_json(HINT) or {}
        self._read_anchors()
        try:
            self.lines = list(log.lines())
        except OSError as error:
            words = f"{log.path} cannot be read: {(error.strerror or str(error)).lower()}"
            self.trouble.append(Finding(Level.PROBLEM, "audit-log-unreadable", str(log.path), words, "is it yours?"))
        return self

    def _read_anchors(self) -> None:
        if self.repository is None:
            why = self.why_not.message if self.why_not else "no repository is named"
            words = f"the anchors could not be looked at, only this machine's own log: {why}"
            self.trouble.append(
                Finding(Level.WARNING, "audit-anchors-away", "anchors", words, "again, when it is back")
            )
            return
        for writer in self.repository.secrets:
            if writer not in self.repository.registrations:
                continue
            self.anchors[writer] = []
            with suppress(StorageDenied):  # another writer's, with this machine's rights
                for name, one in read_anchors(self.repository, writer):
                    if isinstance(one, Anchor):
                        self.anchors[writer].append(one)
                    else:
                        self.trouble.append(
                            Finding(Level.PROBLEM, "audit-anchor-damaged", name, one.message, "see `lifeboat verify`")
                        )

    def verify(self, since: datetime | None = None) -> AuditReport:
        """Everything that is wrong.

        Args:
            since: Say nothing of what is wrong with anchors and entries before it: somebody has looked into that already.
        """
        secrets = self._secrets()
        log = AuditLog(self.state)
        found = [*self.trouble, *examine_lines(self.lines, secrets, self._head)]
        for writer, anchors in self.anchors.items():
            found += _after(since, examine_anchors(anchors, secrets, writer), anchors)
        every = sorted((one for anchors in self.anchors.values() for one in anchors), key=lambda one: one.time)
        if self.lines:
            found += compare(self.lines, every)
        found += self._gone()
        if not self.lines and self._own_anchors() and not any(one.code == "audit-log-gone" for one in found):
            last = self._own_anchors()[-1].last
            words = f"this machine's log is gone; its anchors hold it up to entry {last}"
            found.append(Finding(Level.PROBLEM, "audit-log-gone", str(log.path), words, "who removed it?"))
        if not any(one.code == "audit-anchor-gone" for one in found):
            self._remember()
        anchored = {(one.log, entry.seq) for one in every for entry in one.entries}
        waiting = [one.entry for one in self.lines if one.entry and (one.entry.log, one.entry.seq) not in anchored]
        if self.repository is not None and waiting and self.state.load_writer() is None:
            words = "nothing of this machine's log is anchored: it is no writer of the repository, and only the log itself tells what was done here"
            hint = "`lifeboat writer add` on the keeper, or a first backup with the key, makes it one"
            found.append(Finding(Level.WARNING, "audit-not-anchored", str(log.path), words, hint))
        return AuditReport(str(log.path), len(self.lines), len(waiting), tuple(self._writers()), tuple(_once(found)))

    def rows(self, since: datetime | None = None, who: str | None = None, act: str | None = None) -> AuditRows:
        """Entries of all machines, oldest first.

        Args:
            who: A part of the name of the user, of the host, or of an address.
            act: A command, or its first words.
        """
        rows = sorted((_row(*one) for one in self.entries()), key=lambda row: (row.time, row.log, row.seq))
        wanted = [
            row
            for row in rows
            if (since is None or row.time >= since)
            and (who is None or who.lower() in f"{row.who} {row.origin} {row.label}".lower())
            and (act is None or row.act == act or row.words == act or row.words.startswith(f"{act} "))
        ]
        return AuditRows(tuple(wanted), tuple(self.trouble))

    def export(self, out: IO[bytes], name: str) -> AuditExport:
        """JSON lines that somebody without Lifeboat can check (docs/format.md, section 16)."""
        entries = list(self.entries())
        anchors = [one for anchors in self.anchors.values() for one in sorted(anchors, key=lambda one: one.number)]

        def put(value: Any) -> None:
            out.write(canonical_json(value) + b"\n")

        try:
            repository = self.repository
            put({"export": {"format": 1, "repository": repository.id.hex() if repository else None}})
            for writer in self.anchors:
                registered = repository.registrations[writer] if repository else None
                if registered is not None:
                    key = to_base64(registered.signing_key)
                    put({"writer": {"writer": writer, "label": registered.label, "signing_key": key}})
            for entry, _, _ in entries:
                put({"entry": dict(entry.fields)})
            for anchor in anchors:
                put({"anchor": {"name": anchor.name, "signed": anchor.signed}})
            out.flush()
        except OSError as error:
            raise SettingsError(
                f"{name} cannot be written: {(error.strerror or str(error)).lower()}", "is there room?"
            ) from error
        return AuditExport(name, len(entries), len(anchors), tuple(self.trouble))

    def entries(self) -> Iterator[tuple[Entry, str, bool]]:
        """Each entry once: with the label of its machine, and whether it is anchored. By log, then in order; two versions of one are two."""
        found: dict[tuple[str, int, str], tuple[Entry, str, bool]] = {}
        for writer, anchors in self.anchors.items():
            label = self.repository.registrations[writer].label if self.repository else ""
            for anchor in anchors:
                for entry in anchor.entries:
                    found[entry.log, entry.seq, entry.hash] = (entry, label, True)
        own = self.repository.own_label() if self.repository and self.state.load_writer() else ""
        for line in self.lines:
            if line.entry is not None:
                found.setdefault((line.entry.log, line.entry.seq, line.entry.hash), (line.entry, own, False))
        for key in sorted(found):
            yield found[key]

    def _secrets(self) -> dict[str, WriterSecret]:
        local = self.state.load_writer()
        known = {} if local is None else {local.writer.hex(): local}
        if self.repository is not None:
            known |= {name: one for name, one in self.repository.secrets.items() if isinstance(one, WriterSecret)}
        return known

    def _own_anchors(self) -> list[Anchor]:
        local = self.state.load_writer()
        return [] if local is None else self.anchors.get(local.writer.hex(), [])

    def _writers(self) -> Iterator[AuditedWriter]:
        for writer, anchors in self.anchors.items():
            label = self.repository.registrations[writer].label if self.repository else ""
            newest = max((one.time for one in anchors), default=None)
            yield AuditedWriter(writer, label, len(anchors), sum(len(one.entries) for one in anchors), newest)

    def _gone(self) -> Iterator[Finding]:
        """The end of a writer's anchors that this machine made, or saw, and that is there no more."""
        seen = self._seen()
        known, own = remembered(self._mine), str(self._mine.get("writer"))
        if known is not None and known.number >= seen.get(own, [0])[0]:
            seen[own] = [known.number, known.sha256]
        for writer, (number, sha256) in seen.items():
            there = {one.sha256 for one in self.anchors.get(writer, ())}
            if writer in self.anchors and sha256 not in there:
                words = (
                    f"anchor {number} of writer {writer[:8]} is gone, which this machine has seen: somebody removed it"
                )
                subject = f"anchor {number} of {writer[:8]}"
                yield Finding(
                    Level.PROBLEM,
                    "audit-anchor-gone",
                    subject,
                    words,
                    "who could delete there? a version of it may be left",
                )

    def _remember(self) -> None:
        newest = {}
        for writer, anchors in self.anchors.items():
            if anchors:
                last = max(anchors, key=lambda one: one.number)
                newest[writer] = [last.number, last.sha256]
        with suppress(SettingsError):  # a hint
            self.state.write_json(SEEN, {**self._seen(), **newest})

    def _seen(self) -> dict[str, list[Any]]:
        """By writer, number and hash of its newest anchor that this machine has seen; what makes no sense is left out."""
        said = self.state.read_json(SEEN) or {}
        return {
            writer: one
            for writer, one in said.items()
            if isinstance(one, list) and len(one) == 2 and isinstance(one[0], int) and isinstance(one[1], str)
        }


def _after(since: datetime | None, found: list[Finding], anchors: list[Anchor]) -> list[Finding]:
    if since is None:
        return found
    late = {f"anchor {one.number} of {one.writer[:8]}" for one in anchors if one.time >= since}
    late |= {f"entry {e.seq} of {one.writer[:8]}" for one in anchors if one.time >= since for e in one.entries}
    return [one for one in found if one.subject in late]


def _once(found: list[Finding]) -> list[Finding]:
    """The same entry, wrong in the same way, is named once: the first words are the most exact."""
    return list({(one.code, one.subject): one for one in reversed(found)}.values())[::-1]


def _row(entry: Entry, label: str, anchored: bool) -> AuditRow:
    fields = entry.fields
    try:
        time = read_time(str(fields.get("time", "")))
    except ValueError:
        time = read_time("1970-01-01T00:00:00Z")
    result = fields.get("result") or {}
    return AuditRow(
        time,
        label,
        entry.log,
        entry.seq,
        _joined(fields.get("who")),
        _joined(fields.get("from")),
        entry.act,
        str(fields.get("words", "")),
        str(fields.get("phase", "")),
        result.get("status") if isinstance(result, dict) else None,
        result.get("error") if isinstance(result, dict) else None,
        fields.get("subject") or {},
        anchored,
    )


def _joined(value: Any) -> str:
    """``{"user": "app", "sudo": "anna"}`` as ``app (sudo anna)``."""
    if not isinstance(value, dict):
        return ""
    first, *rest = [(str(name), str(one)) for name, one in value.items()] or [("", "")]
    words = first[1] if not rest else f"{first[1]} ({', '.join(f'{name} {one}' for name, one in rest)})"
    return words
