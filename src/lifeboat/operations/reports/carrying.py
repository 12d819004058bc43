"""What was carried into this month, or would be, and what that saves."""

from datetime import datetime

from lifeboat.foundation.finding import Finding
from lifeboat.foundation.value import Value


class LeftBehind(Value):
    """Packs that are not copied, and why."""

    why: str
    packs: int
    bytes: int


class CarryRow(Value):
    """One writer's source, into one class of this month."""

    label: str
    source: str
    snapshot_class: str
    from_class: str
    from_generation: str
    snapshot: str
    """Whose packs they are: the newest."""
    counted: bool
    """With the key, chunk by chunk; else guessed from the catalog."""
    again: bool
    """They had been carried before, and were gone."""
    packs: int
    bytes: int
    live_bytes: int
    """Of them, what that snapshot needs: so much the next backup need not seal and send."""
    left: tuple[LeftBehind, ...]
    why: str
    """Why nothing is copied; empty when something is."""
    seconds_saved: float | None
    """At the rate of that writer's largest backup; None: it was never measured."""
    dollars_saved: float | None
    """Requests that storing it again would cost; None, as the next two, where S3 is not what stores it."""
    dollars_copying: float | None
    dollars_dead: float | None
    """Room for what is copied along and nobody needs, for as long as it lies there."""


class CarryReport(Value):
    """What ``carry-forward`` did, or with ``dry_run`` would do."""

    dry_run: bool
    now: datetime
    """By the store's clock, which alone counts."""
    generation: str
    rows: tuple[CarryRow, ...]
    packs: int
    """Copied, or to be copied."""
    bytes: int
    live_bytes: int
    prices: str
    """Whose they are, in words; empty where S3 is not what stores it."""
    findings: tuple[Finding, ...] = ()
