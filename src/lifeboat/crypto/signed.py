"""Signed JSON: the description, registrations and links, readable by people and programs (docs/format.md, section 3)."""

import json
from collections.abc import Mapping
from typing import Any

from lifeboat.crypto.identity import from_base64, to_base64
from lifeboat.foundation.errors import RepositoryDamaged


def canonical_json(value: object) -> bytes:
    """The one encoding of a value: ASCII, sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii")


def to_be_signed(label: str, body: Mapping[str, Any]) -> bytes:
    return label.encode("ascii") + b"\n" + canonical_json(body)


def envelope(body: Mapping[str, Any], signatures: Mapping[str, bytes]) -> bytes:
    """The bytes that are stored."""
    return canonical_json({"body": body, "signatures": {who: to_base64(made) for who, made in signatures.items()}})


def open_envelope(raw: bytes, what: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Split into body and signatures, nothing checked yet; raises ``RepositoryDamaged`` when it is not such a file."""
    try:
        value = json.loads(raw)
        body, signatures = value["body"], value["signatures"]
        if not isinstance(body, dict):
            raise TypeError("body")
        canonical_json(body)  # what cannot be written again cannot have been signed either: too deep, or not a number
        return body, {str(who): from_base64(made) for who, made in signatures.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RepositoryDamaged(f"{what} is not what Lifeboat wrote", "see `lifeboat verify`") from error
