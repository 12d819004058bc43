"""Is the bucket there, whose is it, where does it lie; and how it is made.

Invariant: nothing is asked of a bucket, and nothing set in it, unless it belongs to the account that is meant, as far as the server
knows accounts. Names of buckets are everybody's: who guesses one first has it.
"""

from typing import Any

from botocore.exceptions import ClientError

from lifeboat.cloud.bucket.calls import BucketCalls
from lifeboat.cloud.bucket.step import NOT_THERE, BucketStep
from lifeboat.cloud.errors import CloudDenied, CloudError, CloudRefused, code_of, in_cloud_words
from lifeboat.cloud.regions import where_it_lies
from lifeboat.cloud.session import EVERYWHERE, Aws
from lifeboat.cloud.steps import Difference, Looked
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import SettingsError

_PLACE_UNKNOWN = ("InvalidLocationConstraint", "IllegalLocationConstraintException", "InvalidRegion")


class BucketOfOthers(CloudError):
    """The bucket belongs to somebody else."""

    code = "bucket-of-others"


def open_bucket(aws: Aws, bucket: str, account: str | None, clock: Clock) -> BucketCalls:
    """Find out whose the bucket must be and where it lies; it need not be there yet.

    Args:
        account: As the settings say it; None: whose the credentials are.

    Raises:
        BucketOfOthers: It is not ours; nothing else may be asked of it.
        CloudDenied: The credentials are not valid, or may not even see it.
    """
    calls = BucketCalls(aws, bucket, account or _own_account(aws), aws.region, clock)
    found = find_region(calls)
    if found:
        calls.region = found
    return calls


def find_region(calls: BucketCalls) -> str | None:
    """Where the bucket lies; None: it is not there. Raises as ``open_bucket``."""
    try:
        # Not through `look`: a bucket of somebody else is told by a bare 403, which has to be understood first.
        client, owner = calls.aws.client("s3", calls.region), calls.owner
        with in_cloud_words("s3", f"look at the bucket {calls.bucket}"):
            try:
                answer = client.head_bucket(Bucket=calls.bucket, **({"ExpectedBucketOwner": owner} if owner else {}))
            except ClientError as error:
                if code_of(error) in ("404", "NoSuchBucket"):
                    return None
                raise
    except CloudDenied as error:
        raise _refused(calls, error) from error
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return str(answer.get("BucketRegion") or headers.get("x-amz-bucket-region") or calls.region or EVERYWHERE)


def _own_account(aws: Aws) -> str | None:
    try:
        return aws.account()
    except CloudError:
        if aws.is_amazon:
            raise
        return None  # Other servers know buckets, not accounts.


def _refused(calls: BucketCalls, error: CloudDenied) -> CloudError:
    """Why the server will not even say that the bucket is there."""
    bucket = calls.bucket
    try:
        with in_cloud_words("s3", "list the buckets of these credentials"):
            mine = calls.aws.client("s3", calls.region).list_buckets(Prefix=bucket)
    except CloudDenied as other:
        if not other.right:
            return other
        return CloudDenied(
            f"cannot look at the bucket {bucket}: it is somebody else's, or the right s3:ListBucket is missing",
            "is the name right? names of buckets are taken world-wide: a longer one is free. Else ask an administrator for the right",
            "s3:ListBucket",
        )
    except CloudError:
        return error
    if any(one["Name"] == bucket for one in mine.get("Buckets", ())):
        caller = _own_account(calls.aws)
        if caller and caller != calls.owner:
            return BucketOfOthers(
                f"the bucket {bucket} belongs to account {caller}, and the settings name {calls.owner}",
                "which one is meant? `account` under [aws] in lifeboat.toml",
            )
        return CloudDenied(f"the right s3:ListBucket in {bucket} is missing", error.hint, "s3:ListBucket")
    return of_others(bucket)


def of_others(bucket: str) -> BucketOfOthers:
    return BucketOfOthers(
        f"the bucket {bucket} is somebody else's: backups would lie in a stranger's hands, and nothing was asked of it",
        "names of buckets are taken world-wide: choose a longer one in S3_BACKUP_BUCKET, such as shop-backups-4f2a; if it is your "
        "company's, name its account: `account` under [aws] in lifeboat.toml",
    )


def make_bucket(calls: BucketCalls, region: str | None, *, locked: bool = False) -> None:
    """Make it, closed to access lists from the first moment, and wait until it is there."""
    client = calls.aws.client("s3", region)
    wanted: dict[str, Any] = {"Bucket": calls.bucket, "ObjectOwnership": "BucketOwnerEnforced"}
    if locked:
        wanted["ObjectLockEnabledForBucket"] = True
    place: dict[str, Any] = {}
    if region is not None and region != EVERYWHERE:  # that region alone must not be named
        place = {"CreateBucketConfiguration": {"LocationConstraint": region}}
    with in_cloud_words("s3", f"make the bucket {calls.bucket}"):
        try:
            client.create_bucket(**wanted, **place)
        except ClientError as error:
            if code_of(error) in _PLACE_UNKNOWN and not calls.aws.is_amazon:
                client.create_bucket(**wanted)  # a server that names its places otherwise
            elif code_of(error) == "BucketAlreadyExists":
                raise of_others(calls.bucket) from error
            elif code_of(error) != "BucketAlreadyOwnedByYou":
                raise
    calls.region = region
    calls.settle(lambda: find_region(calls) is not None)


class Bucket(BucketStep):
    """The bucket is there, and ours."""

    name = "bucket"
    title = "the bucket"
    why = "the copies lie in it; it must be yours, or a stranger holds them"
    after = ()

    def __init__(self, calls: BucketCalls, region: str | None, *, locked: bool) -> None:
        super().__init__(calls)
        self._region = region
        self._locked = locked

    def look(self) -> Looked:
        found = find_region(self.calls)
        if found is not None:
            owner = f"of account {self.calls.owner}" if self.calls.owner else "of these credentials"
            return Looked(said=f"{self.calls.bucket} is there, {owner}")
        wanted = f"made in {self._region}" if self._region else "made"
        return Looked((Difference(f"bucket {self.calls.bucket}", NOT_THERE, wanted),))

    def change(self) -> None:
        aws, owner = self.calls.aws, self.calls.owner
        if aws.is_amazon:
            if self._region is None:
                raise SettingsError("no region is named to make the bucket in", "set AWS_REGION, such as eu-central-1")
            if owner and aws.account() != owner:
                raise CloudRefused(
                    f"the bucket is to belong to account {owner}, and these credentials belong to {aws.account()}",
                    "use credentials of that account, or mend `account` under [aws] in lifeboat.toml",
                )
        make_bucket(self.calls, self._region, locked=self._locked)


class Region(BucketStep):
    """It lies where the settings say, and what that means is said."""

    name = "region"
    title = "where the copies lie"
    why = "the law asks in which country they are; and a wrong AWS_REGION costs a detour with every request"

    def __init__(self, calls: BucketCalls, region: str | None) -> None:
        super().__init__(calls)
        self._region = region

    def look(self) -> Looked:
        if not self.calls.aws.is_amazon:
            return Looked(said="in the country where this server stands: which one is that?")
        found = find_region(self.calls) or self._region
        if found is None:
            return Looked(said="wherever this machine's own AWS settings say")
        if self._region is not None and found != self._region:
            by_hand = f"set AWS_REGION={found}, or name a bucket that lies in {self._region}: a bucket cannot be moved"
            difference = Difference("region", found, f"{self._region}, as AWS_REGION says")
            return Looked((difference,), where_it_lies(found), by_hand)
        return Looked(said=where_it_lies(found))

    def change(self) -> None:
        """A bucket cannot be moved."""
