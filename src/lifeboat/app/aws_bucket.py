"""The steps of ``lifeboat aws setup`` and ``aws check``, for these settings."""

from collections.abc import Sequence

from lifeboat.app.aws_lifecycle import AwsLifecycle
from lifeboat.app.aws_place import place_of
from lifeboat.app.build import build_aws
from lifeboat.app.settings import S3Location, Settings
from lifeboat.cloud.bucket.arrangement import BucketWish, account_steps, bucket_steps
from lifeboat.cloud.bucket.place import open_bucket
from lifeboat.cloud.policies import bucket_policy
from lifeboat.cloud.steps import Step, StepReport, look_at
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import SettingsError

LONGEST_NAME = 63
"""Characters in a bucket's name."""
LOOKED_AT_LENGTH = ("shared", "log-bucket", "lifecycle")
"""Steps that ``aws check`` makes and ``doctor`` does not; age rules have a check of their own there."""


def need_bucket(settings: Settings) -> S3Location:
    """The bucket that is arranged; raises ``SettingsError`` where the repository lies in a folder."""
    location = settings.need_repository()
    if isinstance(location, S3Location):
        return location
    raise SettingsError(
        f"the repository {location} is a folder: there is nothing to arrange at AWS",
        "name a bucket in S3_BACKUP_BUCKET or as LIFEBOAT_REPOSITORY=s3://bucket/prefix",
    )


def setup_steps(settings: Settings, clock: Clock, *, with_account: bool = True) -> list[Step]:
    """Everything that is looked at and arranged. Raises ``BucketOfOthers`` before anything is asked of a stranger's bucket.

    Args:
        with_account: Look at the account around the bucket, too.
    """
    location = need_bucket(settings)
    place = place_of(settings, location)
    if place.log_bucket == location.bucket:
        raise SettingsError(
            f"the access log of {location.bucket} would go into the bucket itself: each entry would make another one",
            'name another bucket as `log_bucket` under [aws], or log_bucket = "off"',
        )
    if len(place.log_bucket) > LONGEST_NAME:
        raise SettingsError(
            f"the access log's bucket would be called {place.log_bucket}, which is longer than {LONGEST_NAME} characters",
            "name one: `log_bucket` under [aws] in lifeboat.toml",
        )
    aws = build_aws(settings)
    calls = open_bucket(aws, location.bucket, settings.aws.account, clock)
    wish = BucketWish(
        prefix=location.prefix,
        region=aws.region,
        object_lock=settings.aws.object_lock,
        log_bucket=place.log_bucket,
        kms_key=place.kms_key,
        tags=dict(settings.aws.tags),
        policy=bucket_policy(place, settings.aws.custodians),
    )
    steps = bucket_steps(calls, wish, _besides(settings, clock))
    return [*steps, *account_steps(calls)] if with_account else steps


def look_at_bucket(settings: Settings, clock: Clock) -> list[StepReport]:
    """The bucket's own settings only, without those of the log's bucket: for ``doctor``, which looks at much else."""
    return look_at(
        [one for one in setup_steps(settings, clock, with_account=False) if one.name not in LOOKED_AT_LENGTH]
    )


def _besides(settings: Settings, clock: Clock) -> Sequence[Step]:
    """Steps of other parts that need the bucket."""
    return [] if settings.aws.lifecycle == "off" else [AwsLifecycle(settings, clock).step()]
