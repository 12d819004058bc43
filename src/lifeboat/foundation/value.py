"""A value: named fields that never change, equal to another one with the same fields.

Used as a frozen dataclass is, ``dataclasses.replace``, ``asdict`` and ``fields`` included; but its class is made in 0.03 ms, where Python compiles
up to seven functions for each dataclass whenever a command starts (1 ms each, and a command loads a hundred; docs/decisions/0312).

Limits: what only a dataclass can (a field left out of ``repr`` or of comparison, or filled in by itself) is one still.
"""

import dataclasses
from functools import cache
from typing import Any, ClassVar, dataclass_transform

from msgspec import NODEFAULT, Struct, field

__all__ = ["Value", "field"]


class _Fields:
    """What the functions of ``dataclasses`` ask a class for; made when the first one asks."""

    def __get__(self, one: object, kind: type[Struct]) -> dict[str, dataclasses.Field[Any]]:
        return _fields_of(kind)


@cache
def _fields_of(kind: type[Struct]) -> dict[str, dataclasses.Field[Any]]:
    names, defaults = kind.__struct_fields__, kind.__struct_defaults__
    all_defaults = (NODEFAULT,) * (len(names) - len(defaults)) + defaults
    told = [(name, kind.__annotations__[name], _field(one)) for name, one in zip(names, all_defaults, strict=True)]
    # With a text of its own, or it would be given one with its signature: that takes longer than all the rest.
    made: Any = dataclasses.make_dataclass(
        kind.__name__,
        told,
        init=False,
        repr=False,
        eq=False,
        match_args=False,
        namespace={"__doc__": kind.__doc__ or " "},
    )
    return {one.name: one for one in dataclasses.fields(made)}


def _field(default: Any) -> Any:
    if default is NODEFAULT:
        return dataclasses.field()
    if hasattr(default, "factory"):
        return dataclasses.field(default_factory=default.factory)
    return dataclasses.field(default=default)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class Value(Struct, frozen=True):
    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]] = _Fields()  # type: ignore[assignment]
