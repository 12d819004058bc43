"""Every step of the bucket, in the order in which they are made. Another one: a class beside these, and a line here.

Limits: age rules are a step of ``cloud/lifecycle``; who composes (``app/aws_bucket.py``) gives it in ``besides``.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from lifeboat.cloud.account import AccountPublicAccess, Credentials, RootUser
from lifeboat.cloud.bucket.access_log import AccessLog, LogBucket
from lifeboat.cloud.bucket.calls import BucketCalls
from lifeboat.cloud.bucket.closed import Ownership, PublicAccess
from lifeboat.cloud.bucket.encryption import Encryption
from lifeboat.cloud.bucket.place import Bucket, Region
from lifeboat.cloud.bucket.policy import BucketPolicy, Strangers
from lifeboat.cloud.bucket.surroundings import Shared, Unusual
from lifeboat.cloud.bucket.tags import Tags
from lifeboat.cloud.bucket.versions import ObjectLock, Versioning
from lifeboat.cloud.steps import Step
from lifeboat.foundation.value import Value


class BucketWish(Value):
    """What the bucket should be like.

    Args:
        prefix: Of the repository in it, without slashes at its ends; may be empty.
        region: Where it is made, and should lie; None: nobody said.
        log_bucket: Where the access log goes; empty: it is not kept.
        kms_key: ARN; None: S3's own keys.
        policy: The policy whose statements must stand in the bucket's.
    """

    prefix: str
    region: str | None
    object_lock: Literal["off", "governance", "compliance"]
    log_bucket: str
    kms_key: str | None
    tags: Mapping[str, str]
    policy: Mapping[str, Any]


def bucket_steps(calls: BucketCalls, wish: BucketWish, besides: Sequence[Step] = ()) -> list[Step]:
    """What is arranged. Args: besides: steps of others that need the bucket, such as its age rules."""
    log = [LogBucket(calls, wish.log_bucket, wish.region)] if wish.log_bucket else []
    return [
        Bucket(calls, wish.region, locked=wish.object_lock != "off"),
        Region(calls, wish.region),
        Shared(calls, wish.prefix),
        Ownership(calls),
        PublicAccess(calls),
        Versioning(calls),
        ObjectLock(calls, wish.object_lock),
        Encryption(calls, wish.kms_key),
        BucketPolicy(calls, wish.policy),
        Strangers(calls),
        *log,
        AccessLog(calls, wish.log_bucket),
        Tags(calls, wish.tags),
        *besides,
    ]


def account_steps(calls: BucketCalls) -> list[Step]:
    """What is advised, for the account around it."""
    aws = calls.aws
    return [Unusual(calls), RootUser(aws), Credentials(aws, calls.clock), AccountPublicAccess(aws)]
