"""What ``lifeboat audit`` tells."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lifeboat.foundation.finding import Finding


@dataclass(frozen=True, slots=True)
class AuditedWriter:
    """The anchors of one writer."""

    writer: str
    label: str
    anchors: int
    entries: int
    """In its anchors."""
    newest: datetime | None
    """When the newest anchor was made."""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What was looked at, and what is wrong with it."""

    log: str
    """The file of this machine."""
    entries: int
    """In that file."""
    not_anchored: int
    """Of those."""
    writers: tuple[AuditedWriter, ...]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class AuditRow:
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


@dataclass(frozen=True, slots=True)
class AuditRows:
    """What a query found, oldest first."""

    entries: tuple[AuditRow, ...]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class AuditExport:
    """A file for an auditor."""

    out: str
    entries: int
    anchors: int
    findings: tuple[Finding, ...] = ()
