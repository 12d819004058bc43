"""How long objects are locked, as the settings say."""

from lifeboat.app.settings import Settings
from lifeboat.repository.locking import LockPeriods


def lock_periods(settings: Settings) -> LockPeriods | None:
    """How long objects are locked; None: the settings want no Object Lock."""
    if settings.aws.object_lock == "off":
        return None
    return LockPeriods(settings.aws.lock_days, settings.retention.window_days)
