"""The form for machines: frozen facts as JSON, keys as in the code, instants in ISO 8601 with their zone.

Invariant: the same report always gives the same keys; a value that is not known is ``null``, never left out.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any

from lifeboat.foundation.secret import Secret


def to_json(report: object) -> str:
    """One object, indented; names that are not UTF-8 keep their odd bytes as lone surrogates, escaped."""
    return json.dumps(plain(report), indent=2, ensure_ascii=True)


def plain(value: object) -> Any:
    """Dictionaries, lists, texts and numbers out of whatever a report holds."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path | Secret):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, str | bytes):
        return [plain(one) for one in value]
    return value
