"""The ledger: what people and drills put down for good, beside the copies and apart from any writer (docs/format.md, section 19).

What was to be erased, what a drill came to, what is still to be done about it, which plan was approved. Each entry is one small object,
signed by a recipient and sealed for all recipients: whoever can restore can read all of it, nobody else anything.

Invariants: an entry counts only when a recipient signed it, for this repository, under this number and kind; so no writer's host, however
stolen, can have a restore leave something out. Numbers have no gap, and this machine remembers the highest that it has seen: an entry that
somebody removed is missed. Two machines may take the same number at the same time: both count. When recipients come or go, entries are said
again for those who are there now (kind ``...-again``): a repeat stands in for an entry that does not open or count any longer, and for nothing else.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Any

from lifeboat.compression.zstd import compress_always, decompress_bounded
from lifeboat.crypto.identity import Identity, from_base64, to_base64
from lifeboat.crypto.sealing import KEY_BYTES, open_once, seal_once
from lifeboat.crypto.signed import canonical_json, envelope, open_envelope, to_be_signed
from lifeboat.crypto.wrapping import unwrap, wrap
from lifeboat.foundation.errors import LifeboatError, RepositoryDamaged
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.sizes import MIB
from lifeboat.foundation.value import Value
from lifeboat.repository.description import Description
from lifeboat.repository.errors import KeyNotARecipient, NewerFormat, ObjectDamaged, SaidByNobody
from lifeboat.repository.names import LEDGER, digest, ledger_name
from lifeboat.repository.objects import SMALL_OBJECT_BYTES, list_small, read_many, read_verified, write_named
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import read_time, show_time
from lifeboat.storage.errors import ObjectMissing

FORMAT = 1
CONTENT_AT_MOST = 32 * MIB
"""Unpacked; what is stored of it has to stay below the 4 MiB that a reader takes."""
SEEN = "ledger.json"
AGAIN = "-again"
"""Behind the kind of an entry that says another one again."""
LEAP_AT_MOST = 1000
"""A damaged entry that claims to be further than this from what this machine has seen is taken for a planted one."""
_LABEL = "lifeboat ledger 1"
_NAME = re.compile(rf"{LEDGER}(\d{{8}})-([a-z][a-z-]{{0,31}})-([0-9a-f]{{64}})")


class Kind(StrEnum):
    """What an entry is about; entries of kinds that this Lifeboat does not know are passed over."""

    ERASURE = "erasure"
    """Somebody is to stay erased, whatever older copy is restored; also what became of such an entry."""
    DRILL = "drill"
    """The report of a drill, or of an exercise of people."""
    FOLLOW_UP = "follow-up"
    """What is to be done after a drill; also that it was done."""
    PLAN = "plan"
    """A version of the recovery plan, and who approved it."""
    SHREDDING = "shredding"
    """The keys of a month were destroyed: which, why, and what died of it."""


class LedgerTooLarge(LifeboatError):
    """An entry would be larger than a reader takes."""

    code = "ledger-entry-too-large"


class Entry(Value):
    """One entry. Args: content: plain JSON; signer: fingerprint (hex) of the recipient who made it; before: SHA-256 (hex) of an
    entry with the number before, empty for the first; of: of a repeat, SHA-256 (hex) of the entry that it says again.
    """

    name: str
    number: int
    kind: str
    time: datetime
    signer: str
    before: str
    content: Mapping[str, Any]
    of: str = ""


@dataclass
class Ledger:
    """The ledger of an opened repository. ``findings`` holds what was wrong with what was read so far."""

    repository: Repository
    findings: list[Finding] = field(default_factory=list)
    _repeats: dict[tuple[int, str], list[str]] | None = field(default=None, repr=False)

    def read(self, *kinds: Kind) -> list[Entry]:
        """The entries of these kinds, in order of number and then of time; no kind: all that are known.

        Raises:
            KeyMissing: There is no key that opens content.
            StorageError: The store is away; what is damaged or gone becomes a finding instead.
        """
        found = list(self._opened(self.names(*kinds)))
        return sorted(found, key=lambda one: (one.number, one.time, one.name))

    def names(self, *kinds: Kind) -> list[str]:
        """The names of the entries of these kinds, in order of number; what they hold is not looked at, but for the last."""
        wanted = {str(kind) for kind in kinds or Kind}
        return [one for one in self._names() if _split(one)[1] in wanted]

    def read_one(self, name: str) -> Entry | None:
        """One of ``names``; None where it is damaged or not ours, which becomes a finding."""
        return next(self._opened([name]), None)

    def _opened(self, names: list[str]) -> Iterator[Entry]:
        identity = self.repository.need_identity()
        for name, raw in read_many(self.repository.store, names):
            if isinstance(raw, LifeboatError) and raw.worth_retrying:
                raise raw
            try:
                if isinstance(raw, Exception):
                    raise raw
                yield open_entry(raw, name, self.repository.description, identity)
            except LifeboatError as error:
                again = self._said_again(name)
                if again is not None:
                    yield again
                    continue
                level = Level.WARNING if isinstance(error, SaidByNobody) else Level.PROBLEM
                self._say(level, error.code, name, error.message, error.hint)

    def _said_again(self, name: str) -> Entry | None:
        """What stands in for an entry that does not open for us, or that nobody who counts has signed: the same, said again later."""
        for repeat in self.repeats_of(name):
            try:
                raw = read_verified(self.repository.store, repeat)
                found = open_entry(raw, repeat, self.repository.description, self.repository.need_identity())
            except LifeboatError as error:
                if error.worth_retrying:
                    raise
                continue
            if found.of == name[-64:]:
                return replace(found, name=name, kind=_split(name)[1])
        return None

    def say_again(self, description: Description) -> tuple[int, int]:
        """Say again what some recipient of this description does not open, or none of them has signed.

        Returns:
            How many entries, and how many of those that are ours this key does not open itself.
        """
        signer = self.repository.need_identity()
        wanted, said, closed = set(description.fingerprints()), 0, 0
        for name in self._names():
            if any(self._is_for(one, description, wanted, name) for one in (name, *self.repeats_of(name))):
                continue
            entry = self.read_one(name)
            if entry is None:
                closed += self._is_for(name, self.repository.description, set(), name)  # planted ones are nobody's
                continue
            kind = entry.kind + AGAIN
            before, time = entry.before, entry.time
            raw = make_entry(description, signer, entry.number, kind, before, entry.content, time, of=name[-64:])
            write_named(self.repository.store, ledger_name(entry.number, kind, digest(raw)), raw)
            said += 1
        return said, closed

    def _is_for(self, name: str, description: Description, wanted: set[str], original: str) -> bool:
        """Whether all of them open this object, one of them signed it, and it is the entry or says it again."""
        try:
            raw = read_verified(self.repository.store, name)
            sealed_for, signer, of = opens_for(raw, name, description)
        except LifeboatError as error:
            if error.worth_retrying:
                raise
            return False
        return wanted <= sealed_for and signer is not None and (name == original or of == original[-64:])

    def repeats_of(self, name: str) -> list[str]:
        """The names of what may say this entry again; which it is, each of them says inside."""
        if self._repeats is None:
            self._sort_out(list_small(self.repository.store, LEDGER)[0])
        assert self._repeats is not None
        return self._repeats.get(_split(name)[:2], [])

    def _sort_out(self, listed: list[str]) -> list[str]:
        """The entries among these names, sorted; what says some of them again is remembered."""
        self._repeats = {}
        entries = []
        for name in sorted(one for one in listed if _NAME.fullmatch(one)):
            number, kind, _ = _split(name)
            if kind.endswith(AGAIN):
                self._repeats.setdefault((number, kind.removesuffix(AGAIN)), []).append(name)
            else:
                entries.append(name)
        return entries

    def append(self, kind: Kind, content: Mapping[str, Any], now: datetime) -> Entry:
        """Put something down; durable when it returns.

        Args:
            now: The store's time.

        Raises:
            KeyMissing, IsAReplica, LedgerTooLarge.
        """
        self.repository.refuse_replica("an entry of the ledger")
        signer = self.repository.need_identity()
        names = self._names()
        number, before = (_split(names[-1])[0], _split(names[-1])[2]) if names else (0, "")
        description = self.repository.description
        raw = make_entry(description, signer, number + 1, str(kind), before, content, now)
        name = ledger_name(number + 1, str(kind), digest(raw))
        write_named(self.repository.store, name, raw)
        self._remember(number + 1)
        return Entry(name, number + 1, str(kind), now, signer.recipient.fingerprint.hex(), before, content)

    def _names(self) -> list[str]:
        """All entries by name, planted ones above the last true one left out; says which numbers are missing."""
        listed, refused = list_small(self.repository.store, LEDGER)
        for error in refused:
            self._say(Level.WARNING, error.code, LEDGER, error.message, error.hint)
        names = self._sort_out(listed)
        for name in listed:
            if not _NAME.fullmatch(name):
                message = f"{name} is no entry of the ledger"
                self._say(Level.WARNING, "ledger-stranger", name, message, "who put it there?")
        while names and not self._is_ours(names[-1]):
            names.pop()
        numbers = {_split(name)[0] for name in names}
        newest = max(numbers, default=0)
        highest = max(newest, self._seen())
        # Counted, and the first of them listed: what is remembered may be spoilt, and say a hundred million.
        missing = highest - sum(1 <= one <= highest for one in numbers)
        if missing:
            first = islice((one for one in range(1, highest + 1) if one not in numbers), 10)
            shown = ", ".join(map(str, first)) + (" ..." if missing > 10 else "")
            self._say(
                Level.PROBLEM,
                "ledger-entry-missing",
                LEDGER,
                f"{missing:,} {'entry' if missing == 1 else 'entries'} of the ledger cannot be found: number {shown}",
                "somebody removed them: bring them back from older versions (`lifeboat aws undelete`) or from a replica",
            )
        self._remember(newest)
        return names

    def _is_ours(self, name: str) -> bool:
        """Whether a recipient signed it: anybody who may write could claim a high number, and so that all before it are missing.

        One that is damaged stays: it was ours, as far as can be told, and is a problem when it is read.
        """
        try:
            raw = read_verified(self.repository.store, name)
            open_entry(raw, name, self.repository.description, self.repository.need_identity())
        except (SaidByNobody, ObjectMissing) as error:
            if self._said_again(name) is not None:
                return True
            self._say(Level.WARNING, error.code, name, error.message, error.hint)
            return False
        except KeyNotARecipient:
            return True
        except RepositoryDamaged as error:
            if _split(name)[0] > self._seen() + LEAP_AT_MOST:
                self._say(Level.WARNING, error.code, name, error.message, error.hint)
                return False
        return True

    def _seen(self) -> int:
        seen = (self.repository.state.read_json(SEEN) or {}).get("number", 0)
        return seen if isinstance(seen, int) and seen < 100_000_000 else 0

    def _remember(self, number: int) -> None:
        if number > self._seen():
            self.repository.state.write_json(SEEN, {"number": number})

    def _say(self, level: Level, code: str, subject: str, message: str, hint: str) -> None:
        finding = Finding(level, code, subject, message, hint)
        if finding not in self.findings:
            self.findings.append(finding)


def make_entry(
    description: Description,
    signer: Identity,
    number: int,
    kind: str,
    before: str,
    content: Mapping[str, Any],
    now: datetime,
    *,
    of: str = "",
) -> bytes:
    """The bytes of an entry, sealed for every recipient; raises ``LedgerTooLarge``.

    Args:
        of: SHA-256 (hex) of the entry that this says again; its kind then ends in ``AGAIN``.
    """
    key = os.urandom(KEY_BYTES)
    plain = canonical_json(content)
    sealed = seal_once(key, compress_always(plain, 9), _aad(description.repository, number, kind))
    body: dict[str, Any] = {
        "format": FORMAT,
        "repository": description.repository.hex(),
        "number": number,
        "kind": kind,
        "before": before,
        "time": show_time(now),
        "keys": {
            named.recipient.fingerprint.hex(): to_base64(
                wrap(key, named.recipient, _info(description.repository, number, named.recipient.fingerprint))
            )
            for named in description.recipients
        },
        "sealed": to_base64(sealed),
    }
    if of:
        body["of"] = of
    raw = envelope(body, {signer.recipient.fingerprint.hex(): signer.sign(to_be_signed(_LABEL, body))})
    if len(raw) > SMALL_OBJECT_BYTES or len(plain) > CONTENT_AT_MOST:
        raise LedgerTooLarge(
            f"an entry of {len(raw):,} bytes is larger than the {SMALL_OBJECT_BYTES:,} that a reader takes",
            "say less in it, or say it in several",
        )
    return raw


def open_entry(raw: bytes, name: str, description: Description, identity: Identity) -> Entry:
    """Check that a recipient signed it, and open it; raises ``ObjectDamaged``, ``SaidByNobody``, ``NewerFormat``, ``KeyNotARecipient``."""
    body, signatures = open_envelope(raw, name)
    try:
        if int(body["format"]) > FORMAT:
            raise NewerFormat(f"{name} was written by a newer Lifeboat", "install the newest Lifeboat on this machine")
        number, kind = int(body["number"]), str(body["kind"])
        if body["repository"] != description.repository.hex():
            raise ValueError("of another repository")
        if ledger_name(number, kind, name[-64:]) != name or not _NAME.fullmatch(name):
            raise ValueError("of another place than the one it lies in")
        time, before, of = read_time(body["time"]), str(body["before"]), str(body.get("of", ""))
        wrapped = {str(who): from_base64(one) for who, one in body["keys"].items()}
        sealed = from_base64(body["sealed"])
        message = to_be_signed(_LABEL, body)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ObjectDamaged(f"{name} is not an entry of the ledger", "somebody may have planted it") from error
    signer = description.signer_of(message, signatures)
    if signer is None:
        raise description.signed_by_nobody(name, message, signatures, "somebody planted it: it counts for nothing")
    fingerprint = identity.recipient.fingerprint
    if fingerprint.hex() not in wrapped:
        raise KeyNotARecipient(
            f"{name} was sealed before key {identity.recipient.fingerprint_short} became a recipient",
            "where the key of an older recipient is, `lifeboat recipient open` opens it",
        )
    key = unwrap(wrapped[fingerprint.hex()], identity, _info(description.repository, number, fingerprint))
    packed = open_once(key, sealed, _aad(description.repository, number, kind), name)
    try:
        content = json.loads(decompress_bounded(packed, CONTENT_AT_MOST))
        if not isinstance(content, dict):
            raise TypeError("no object")
    except (ValueError, TypeError, RecursionError) as error:
        raise ObjectDamaged(f"{name} holds no JSON object") from error
    return Entry(name, number, kind, time, signer, before, content, of)


def opens_for(raw: bytes, name: str, description: Description) -> tuple[frozenset[str], str | None, str]:
    """For whom an entry was sealed, who signed it, and which it says again, without opening it; raises ``ObjectDamaged``.

    Returns:
        Fingerprints (hex); that of the signer, None where no recipient of this description signed it; ``Entry.of``.
    """
    body, signatures = open_envelope(raw, name)
    try:
        sealed_for = frozenset(str(one) for one in body["keys"])
        return sealed_for, description.signer_of(to_be_signed(_LABEL, body), signatures), str(body.get("of", ""))
    except (KeyError, TypeError, ValueError) as error:
        raise ObjectDamaged(f"{name} is not an entry of the ledger", "somebody may have planted it") from error


def _split(name: str) -> tuple[int, str, str]:
    number, kind, sha256 = (_NAME.fullmatch(name) or _no_entry(name)).groups()
    return int(number), kind, sha256


def _no_entry(name: str) -> re.Match[str]:
    raise ObjectDamaged(f"{name} is no entry of the ledger")


def _aad(repository: bytes, number: int, kind: str) -> bytes:
    return f"{_LABEL}\n{repository.hex()}\n{number}\n{kind}".encode("ascii")


def _info(repository: bytes, number: int, fingerprint: bytes) -> bytes:
    return b"lifeboat ledger key 1\x00" + repository + number.to_bytes(8, "big") + fingerprint
