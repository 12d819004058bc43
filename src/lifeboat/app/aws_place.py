"""The repository's place at AWS, as the settings say it should be."""

from lifeboat.app.settings import S3Location, Settings
from lifeboat.cloud.policies import Place
from lifeboat.repository.locking import LockPeriods


def lock_periods(settings: Settings) -> LockPeriods | None:
    """How long objects are locked; None: the settings want no Object Lock."""
    if settings.aws.object_lock == "off":
        return None
    return LockPeriods(settings.aws.lock_days, settings.retention.window_days)


def place_of(settings: Settings, location: S3Location) -> Place:
    """What policies are made for."""
    said = settings.aws
    log_bucket = f"{location.bucket}-logs" if said.log_bucket is None else said.log_bucket
    kms_key = said.kms_key if said.encryption == "kms" else None
    return Place(location.bucket, location.prefix, lock_periods(settings), kms_key, log_bucket)
