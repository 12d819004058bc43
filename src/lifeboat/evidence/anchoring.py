"""Anchor what the log holds and the repository does not yet: at the end of commands, from time to time beside a stream.

Limits: one machine, its own writer, its own catalog: a guarded writer's rights are enough. Never in the way: whoever calls this warns when
it fails, and goes on.
"""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from lifeboat.evidence.anchor import (
    ENTRIES_AT_MOST,
    Anchored,
    anchor_names,
    list_anchors,
    read_anchor,
    remembered,
    write_anchor,
)
from lifeboat.evidence.entry import Entry
from lifeboat.evidence.log import AuditLog, Line
from lifeboat.foundation.errors import LifeboatError
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.objects import read_listed
from lifeboat.repository.writers import WriterSecret
from lifeboat.storage.object_store import ObjectStore

HINT = "audit-anchored.json"
BEGAN_ANEW = "began anew"
NOT_AS_ANCHORED = "not as anchored"
LARGEST_START = 2**40
"""No log becomes so large, and a file system may refuse to look further behind its end than its files can be."""


@dataclass
class Anchoring:
    """Args: repository: its id."""

    state: LocalState
    store: ObjectStore
    secret: WriterSecret
    repository: bytes

    def anchor(self, now: datetime) -> int:
        """Anchor all that is not anchored yet; returns how many entries. Another run that does it just now makes this one do nothing."""
        with _alone(self.state) as is_ours:
            return self._anchor(now) if is_ours else 0

    def _anchor(self, now: datetime) -> int:
        log, said = AuditLog(self.state), self.state.read_json(HINT) or {}
        lines = _from_the_last_anchored(log, said)
        if not lines:
            return 0
        name = lines[-1].entry.log  # type: ignore[union-attr]
        starts = {one.entry.seq: one.start for one in lines if one.entry is not None}
        entries = [one.entry for one in lines if one.entry is not None and one.entry.log == name]
        before, repairs = self._before(said, name)
        due = [one for one in entries if one.seq > before.last] if before.log == name else entries
        if before.log == name and not _goes_on(entries, before):
            # Somebody shortened or changed what was anchored: all that differs is anchored beside it, so that both can be compared.
            due, repairs = self._differing(entries, before), NOT_AS_ANCHORED
        count = len(due)
        while due:
            # Killed between the anchor and the note of it, the next one must not take the same number: it looks first.
            self.state.write_json(HINT, {**(self.state.read_json(HINT) or {}), "pending": True})
            batch, due = due[:ENTRIES_AT_MOST], due[ENTRIES_AT_MOST:]
            before = write_anchor(self.store, self.secret, self.repository, before, batch, now, repairs=repairs)
            hint = {**asdict(before), "writer": self.secret.writer.hex(), "start": starts[before.last]}
            self.state.write_json(HINT, {**hint, "time": now.isoformat()})
            repairs = ""
        return count

    def _before(self, said: Mapping[str, Any], log: str) -> tuple[Anchored, str]:
        """The last anchor: as remembered, else as listed; of an earlier writer of this machine only its name counts."""
        known = remembered(said)
        if known is None:
            known = self._listed()
        elif said.get("writer") != self.secret.writer.hex():
            known = Anchored(known.sha256, self._listed().number, known.log, known.last, known.hash)
        elif said.get("pending"):
            listed = self._listed()
            known = listed if listed.number > known.number else known
        return known, BEGAN_ANEW if known.sha256 is not None and known.log != log else ""

    def _listed(self) -> Anchored:
        names = anchor_names(self.store, self.secret.writer.hex())
        if not names:
            return Anchored()
        _, number, log, _, last, sha256 = names[-1].rsplit("/", 1)[-1].split("-")
        return Anchored(sha256, int(number), log, int(last))

    def _differing(self, entries: list[Entry], before: Anchored) -> list[Entry]:
        anchored: dict[int, str] = {}
        signing_key = self.secret.signing_key().public_key().public_bytes_raw()
        listed = [one for one in list_anchors(self.store, self.secret.writer.hex()) if f"-{before.log}-" in one.name]
        for name, raw in read_listed(self.store, listed):
            if isinstance(raw, LifeboatError) and raw.worth_retrying:
                raise raw
            if isinstance(raw, bytes):
                try:
                    anchor = read_anchor(raw, name, self.secret, signing_key, self.repository)
                except LifeboatError:
                    continue
                anchored.update({one.seq: one.hash for one in anchor.entries})
        return [one for one in entries if anchored.get(one.seq) != one.hash]


def _from_the_last_anchored(log: AuditLog, said: Mapping[str, Any]) -> list[Line]:
    """The lines that are entries, from the last anchored one on where that still is as it was; else all of them."""
    start = said.get("start")
    if isinstance(start, int) and 0 <= start < LARGEST_START:
        found = [line for line in log.lines(start) if line.entry is not None]
        if found and found[0].entry is not None and found[0].entry.hash == said.get("hash"):
            return found
    return [line for line in log.lines() if line.entry is not None]


def _goes_on(entries: list[Entry], before: Anchored) -> bool:
    """Whether the log still holds the last entry that was anchored."""
    held = next((one for one in reversed(entries) if one.seq == before.last), None)
    return held is not None and before.hash in ("", held.hash)


@contextmanager
def _alone(state: LocalState) -> Iterator[bool]:
    descriptor = os.open(state.directory / "audit.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        except OSError:
            pass  # no locks here: two anchors of one number at worst, which ``verify`` tells
        yield True
    finally:
        os.close(descriptor)
