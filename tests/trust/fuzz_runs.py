"""How many inputs a run of the fuzz tests tries, and how it tells what it found."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from drawn import drawn_seed
from fuzz_kit import Target, again, fuzz, known_inputs, save

SHORT_INPUTS = 200
"""Of a usual target: all targets together try some 20,000 in `make test`, with other inputs each time (on CI the same)."""
LONG_INPUTS = int(os.environ.get("LIFEBOAT_FUZZ_INPUTS", "12000"))
"""Of a usual target: all together more than a million in `make test-trust`, the first half the same each time. That takes one core about
eleven minutes (430 seconds of processor for 792,000 inputs were measured).
"""
SAME_SEED = 20261126


def try_short(targets: Sequence[Target], folder: Path) -> int:
    """What once went wrong, then new inputs; returns how many were tried."""
    tried = sum(_try_known(target) for target in targets)
    return tried + _try(targets, SHORT_INPUTS, drawn_seed(), folder)


def try_long(targets: Sequence[Target], folder: Path) -> int:
    new = drawn_seed() + 1
    return sum(_try(targets, LONG_INPUTS // 2 + 1, seed, folder) for seed in (SAME_SEED, new))


def _try(targets: Sequence[Target], count: int, seed: int, folder: Path) -> int:
    failures, inputs = [], 0
    for target in targets:
        told = fuzz(target, max(1, int(count * target.share)), seed)
        failures += told.failures
        inputs += told.inputs
    assert not failures, f"the inputs lie in {folder}\n{save(failures, folder)}"
    return inputs


def _try_known(target: Target) -> int:
    known = known_inputs(target.name)
    for raw in known:
        failures = again(target, raw)
        assert not failures, "\n".join(map(str, failures))
    return len(known)


Tried = Callable[[str, int], None]
