"""A drill's report as plain JSON, for the ledger, and back.

Unknown fields are passed over, and missing ones take their defaults: a report of an older or newer Lifeboat is read as far as it is known.
"""

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

from lifeboat.operations.drill.report import DrillReport
from lifeboat.repository.errors import ObjectDamaged


def to_content(value: Any) -> Any:
    """Plain values: what ``json`` writes as it is."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: to_content(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): to_content(one) for key, one in value.items()}
    if isinstance(value, list | tuple | frozenset | set):
        return [to_content(one) for one in value]
    return value


def from_content(content: Mapping[str, Any]) -> DrillReport:
    """Raises ``ObjectDamaged``: it is no report of a drill."""
    try:
        report = _read_fields(DrillReport, content)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise ObjectDamaged("an entry of the ledger holds no report of a drill") from error
    assert isinstance(report, DrillReport)
    return report


def _read(kind: Any, value: Any) -> Any:
    if value is None or kind is Any:
        return value
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _read(next(one for one in get_args(kind) if one is not type(None)), value)
    if origin is tuple:
        return tuple(_read(get_args(kind)[0], one) for one in value)
    if origin is dict:
        return {str(key): _read(get_args(kind)[1], one) for key, one in value.items()}
    if is_dataclass(kind):
        return _read_fields(kind, value)
    if kind is datetime:
        return datetime.fromisoformat(value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    return kind(value)


def _read_fields(kind: Any, value: Mapping[str, Any]) -> Any:
    hints, found = get_type_hints(kind), {}
    for one in fields(kind):
        if one.name in value:
            found[one.name] = _read(hints[one.name], value[one.name])
        elif one.default is MISSING and one.default_factory is MISSING:
            raise KeyError(one.name)
    return kind(**found)
