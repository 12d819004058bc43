"""The repository's place at AWS, as the settings say it should be."""

from lifeboat.app.lock_periods import lock_periods
from lifeboat.app.settings import S3Location, Settings
from lifeboat.cloud.policies import Place


def place_of(settings: Settings, location: S3Location) -> Place:
    """What policies are made for."""
    said = settings.aws
    log_bucket = f"{location.bucket}-logs" if said.log_bucket is None else said.log_bucket
    kms_key = said.kms_key if said.encryption == "kms" else None
    return Place(location.bucket, location.prefix, lock_periods(settings), kms_key, log_bucket)
