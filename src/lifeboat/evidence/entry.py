"""One entry of the audit log and how it is chained to the one before (docs/format.md, section 16). Pure.

Invariant: the hash of an entry covers everything in it and the hash of the one before; so whoever changes an entry has to make anew every
later one, and every later one's ``mac``, which needs the writer's secret.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from lifeboat.crypto.sealing import derive
from lifeboat.crypto.signed import canonical_json
from lifeboat.foundation.value import Value
from lifeboat.repository.writers import WriterSecret

FORMAT = 1
_ENTRY = b"lifeboat audit entry 1\n"
_LOG = b"lifeboat audit log 1\n"
_MAC_KEY = b"lifeboat audit mac 1"
_NOT_HASHED = ("hash",)
_NOT_MACED = ("hash", "mac")


class Entry(Value):
    """An entry as it was found. Nothing is checked yet but its shape."""

    seq: int
    log: str
    previous: str
    hash: str
    mac: str | None
    writer: str | None
    """Whose secret the ``mac`` was made with; None where no writer was at hand."""
    fields: Mapping[str, Any]
    """All of it."""

    @property
    def time(self) -> str:
        return str(self.fields.get("time", ""))

    @property
    def act(self) -> str:
        return str(self.fields.get("act", ""))

    def line(self) -> bytes:
        return canonical_json(self.fields)

    def is_as_hashed(self) -> bool:
        """Whether its content is what its own hash says."""
        return hmac.compare_digest(self.hash, hash_of(self.fields))

    def is_by(self, secret: WriterSecret) -> bool:
        """Whether its ``mac`` was made with this secret."""
        return self.mac is not None and hmac.compare_digest(self.mac, mac_of(secret, self.fields))


def first_previous(log: str) -> str:
    """What the first entry of a log names as the one before."""
    return hashlib.sha256(_LOG + log.encode("ascii")).hexdigest()


def hash_of(fields: Mapping[str, Any]) -> str:
    """Hex SHA-256 over all fields but ``hash``."""
    return hashlib.sha256(_ENTRY + _without(fields, _NOT_HASHED)).hexdigest()


def mac_of(secret: WriterSecret, fields: Mapping[str, Any]) -> str:
    """Hex HMAC-SHA256 over all fields but ``hash`` and ``mac``."""
    key = derive(secret.raw, bytes(32), _MAC_KEY)
    return hmac.new(key, _ENTRY + _without(fields, _NOT_MACED), "sha256").hexdigest()


def make_entry(content: Mapping[str, Any], *, seq: int, log: str, previous: str, secret: WriterSecret | None) -> Entry:
    """Chain what happened to the entry before.

    Args:
        content: Time, who, from where, act, result; JSON values.
    """
    fields: dict[str, Any] = {**content, "format": FORMAT, "seq": seq, "log": log, "previous": previous}
    if secret is not None:
        fields["writer"] = secret.writer.hex()
        fields["mac"] = mac_of(secret, fields)
    fields["hash"] = hash_of(fields)
    return read_entry(fields)


def parse_entry(line: bytes) -> Entry:
    """An entry of the file; raises ``ValueError``. A line that is not written as we write it is none: bytes are compared elsewhere."""
    try:
        entry = read_entry(json.loads(line))
        if entry.line() != line:
            raise ValueError("not canonical")
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    return entry


def read_entry(fields: Any) -> Entry:
    """An entry out of JSON; raises ``ValueError`` when its shape is another."""
    try:
        seq, log, previous, stated = fields["seq"], fields["log"], fields["previous"], fields["hash"]
        mac, writer = fields.get("mac"), fields.get("writer")
        for text in (previous, stated, *([] if mac is None else [mac])):
            if len(bytes.fromhex(text)) != 32:
                raise ValueError("not a hash")
        if type(seq) is not int or seq < 1 or len(bytes.fromhex(log)) != 8 or not isinstance(writer, str | None):
            raise ValueError("not an entry")
        return Entry(seq, log, previous, stated, mac, writer, fields)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("not an entry") from error


def _without(fields: Mapping[str, Any], names: Sequence[str]) -> bytes:
    return canonical_json({name: value for name, value in fields.items() if name not in names})
