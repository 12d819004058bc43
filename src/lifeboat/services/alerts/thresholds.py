"""How much is too much: what the settings say to the rules of ``rules.py``."""

from lifeboat.foundation.value import Value


class Thresholds(Value):
    """When a rule speaks; the defaults are those of the mission."""

    newest_seconds: float = 86_400
    success_seconds: float = 86_400
    """Every run that ended within this time must have gone well."""
    archive_lag_seconds: float = 900
    growth_factor: float = 2.0
    """Larger than the usual by this factor, or smaller by it."""
    growth_at_least_bytes: int = 50_000_000
    cost_month: float = 50.0
    disk_free_share: float = 0.1
    verify_seconds: float = 2 * 86_400
    rehearsal_seconds: float = 92 * 86_400
    replica_seconds: float = 26 * 3_600
    """A daily run, and two hours in which it may take its time."""
