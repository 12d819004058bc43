"""What ``lifeboat audit`` tells."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lifeboat.foundation.finding import Finding
from lifeboat.foundation.value import Value


class AuditedWriter(Value):
    """The anchors of one writer."""

    writer: str
    label: str
    anchors: int
    entries: int
    """In its anchors."""
    newest: datetime | None
    """When the newest anchor was made."""


class AuditReport(Value):
    """What was looked at, and what is wrong with it."""

    log: str
    """The file of this machine."""
    entries: int
    """In that file."""
    not_anchored: int
    """Of those."""
    writers: tuple[AuditedWriter, ...]
    findings: tuple[Finding, ...] = ()


class AuditRow(Value):
    """One entry, for people and programs."""

    time: datetime
    label: str
    """The installation; empty where its entry was never anchored and this machine is no writer."""
    log: str
    seq: int
    who: str
    origin: str
    """From where: host, terminal, address."""
    act: str
    words: str
    phase: str
    status: int | None
    error: str | None
    subject: Mapping[str, Any]
    anchored: bool


class AuditRows(Value):
    """What a query found, oldest first."""

    entries: tuple[AuditRow, ...]
    findings: tuple[Finding, ...] = ()


class AuditExport(Value):
    """A file for an auditor."""

    out: str
    entries: int
    anchors: int
    findings: tuple[Finding, ...] = ()
