"""Several machines on one repository, whatever happens to them, against a dictionary of what each snapshot must give back."""

import os
from collections import Counter
from collections.abc import Callable

import pytest
from clients_model import AtOnce, Clients
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

EXAMPLES = int(os.environ.get("LIFEBOAT_MODEL_EXAMPLES", "150"))
"""Histories of the long form."""
PLANNED = ("died", "refused", "interleaved", "stale", "forked", "forgotten", "removed")
TAKEN = ("pack/", "keys/", "index-", "snapshot-", "link-")


def histories(examples: int, steps: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        # Ids are random: a smaller history is another one.
        phases=[Phase.generate],
        report_multiple_bugs=False,
    )


def run(machine: type[Clients], examples: int, steps: int, found: list[Exception] | None = None) -> Counter[str]:
    """Returns what was reached. Args: found: Takes what was found, of which the first is enough."""
    fresh = type(machine.__name__, (machine,), {"reached": Counter(), "found": found})
    run_state_machine_as_test(fresh, settings=histories(examples, steps))  # type: ignore[no-untyped-call]
    reached: Counter[str] = fresh.reached  # type: ignore[attr-defined]
    return reached


def test_whatever_happens_to_the_fleet_what_the_rules_keep_comes_back(tried: Callable[[str, int], None]) -> None:
    reached = run(Clients, 6, 20)
    assert sum(reached[one] > 0 for one in PLANNED) >= 3, reached
    tried("model steps", reached["steps"])


@pytest.mark.long
def test_whatever_happens_in_thousands_of_steps(tried: Callable[[str, int], None]) -> None:
    reached = run(Clients, EXAMPLES, 50)
    planned = [*PLANNED, *(f"took {kind}" for kind in TAKEN)]
    assert [one for one in planned if not reached[one]] == [], "planned and never reached"
    tried("model steps", reached["steps"])


@pytest.mark.long
def test_whatever_happens_at_once_in_threads(tried: Callable[[str, int], None]) -> None:
    reached = run(AtOnce, EXAMPLES // 3, 40)
    assert reached["at once"] > EXAMPLES
    tried("model steps", reached["steps"])
