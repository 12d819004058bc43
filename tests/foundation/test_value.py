"""A value is what a frozen dataclass is, whoever asks: the difference is only in how long its class takes to be made."""

import dataclasses
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, get_type_hints

import hypothesis.strategies as st
import pytest
from hypothesis import given

from lifeboat.foundation.value import Value, field


class Inner(Value):
    """A value within another one."""

    size: int


class Outer(Value):
    name: str
    inner: Inner
    tags: tuple[str, ...] = ()
    found: dict[str, int] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        return f"{self.name} {self.inner.size}"


@dataclasses.dataclass(frozen=True, slots=True)
class Plain:
    name: str
    inner: Inner
    tags: tuple[str, ...] = ()
    found: dict[str, int] = dataclasses.field(default_factory=dict)


ONE = Outer("a", Inner(1))
GIVEN = st.fixed_dictionaries(
    {"name": st.text(), "inner": st.builds(Inner, st.integers())},
    optional={"tags": st.lists(st.text()).map(tuple), "found": st.dictionaries(st.text(), st.integers())},
)


@given(GIVEN)
def test_it_is_as_the_dataclass_with_the_same_fields(said: Mapping[str, Any]) -> None:
    value, plain = Outer(**said), Plain(**said)
    assert repr(value) == repr(plain).replace("Plain", "Outer", 1)
    assert value == Outer(**said) and value.found is not Outer("", Inner(0)).found
    assert dataclasses.asdict(value) == dataclasses.asdict(plain)
    assert dataclasses.replace(value, name="other") == Outer(**{**said, "name": "other"})
    assert {one.name: getattr(value, one.name) for one in dataclasses.fields(value)} == {
        one.name: getattr(plain, one.name) for one in dataclasses.fields(plain)
    }


def test_fields_types_and_defaults_are_told_as_a_dataclass_tells_them() -> None:
    told = [(one.name, one.type, one.default, one.default_factory) for one in dataclasses.fields(Outer)]
    assert told == [(one.name, one.type, one.default, one.default_factory) for one in dataclasses.fields(Plain)]
    assert get_type_hints(Outer)["tags"] == tuple[str, ...]
    assert dataclasses.is_dataclass(Outer) and dataclasses.is_dataclass(ONE)


def test_it_never_changes_and_takes_nothing_that_it_has_not() -> None:
    with pytest.raises(AttributeError):
        ONE.name = "b"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        ONE.other = "b"  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        Outer("a")  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        dataclasses.replace(ONE, other=1)  # type: ignore[call-arg]
    assert Outer("a", Inner(2)) != ONE and ("a", Inner(1)) != ONE and Inner(1) != Plain
    assert len({Inner(1), Inner(1), Inner(2)}) == 2


COUNT = """
import dataclasses
made, real = [], dataclasses._process_class
dataclasses._process_class = lambda cls, *said: (made.append(cls.__module__), real(cls, *said))[1]
import lifeboat.app.backing_up, lifeboat.app.account, lifeboat.app.read_settings, lifeboat.cli.show.backup, lifeboat.cli.main
print(*[one for one in made if one.startswith("lifeboat.")])
"""


def test_few_dataclasses_are_made_before_a_command_begins() -> None:
    made = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True).stdout.split()
    assert len(made) <= 15, f"each costs a millisecond whenever a command starts: {made}"
