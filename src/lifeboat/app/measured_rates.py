"""How fast restores on this machine were, so that the next one can say beforehand how long it will take.

Limits: a hint in the state folder. Small restores say nothing about speed and are not kept.
"""

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.sizes import MIB
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.record import show_time

RATES = "restore-rates.json"
MEASURED_FROM_BYTES = MIB


def keep_rate(state: LocalState, clock: Clock, source: str, total_bytes: int, seconds: float) -> None:
    """Remember the rate of a restore that was just done."""
    if total_bytes >= MEASURED_FROM_BYTES and seconds > 0:
        rate = {"bytes_per_second": total_bytes / seconds, "at": show_time(clock.now())}
        state.write_json(RATES, {**(state.read_json(RATES) or {}), source: rate})


def estimate(state: LocalState, amounts: dict[str, int]) -> float | None:
    """Seconds for so many bytes of each source; None where one of them was never measured."""
    rates = state.read_json(RATES) or {}
    seconds = 0.0
    for source, total_bytes in amounts.items():
        rate = rates.get(source)
        measured = rate.get("bytes_per_second") if isinstance(rate, dict) else None
        if not isinstance(measured, int | float) or measured <= 0:
            return None
        seconds += total_bytes / measured
    return seconds
