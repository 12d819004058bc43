"""What is asked of one bucket, and changed there: always with the account it must belong to.

Limits: S3's settings of a bucket show after seconds, not at once; ``settle`` waits for that, within reason.
"""

from collections.abc import Callable, Collection
from typing import Any

from botocore.exceptions import ClientError

from lifeboat.cloud.errors import CloudError, code_of, in_cloud_words
from lifeboat.cloud.session import Aws
from lifeboat.foundation.clock import Clock

NO_BUCKET = ("NoSuchBucket", "404")
PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0)
"""Between looks at what was just changed, and between tries of what collides with a change before it."""
_LATER = ("OperationAborted", "NoSuchBucket")
"""Of a change: another one is still under way, or the bucket was made a moment ago."""


class BucketCalls:
    """S3's calls, for one bucket.

    Args:
        owner: Account that the bucket must belong to; None where the server knows no accounts.
        region: Where the bucket lies; None: where the settings say.
    """

    def __init__(self, aws: Aws, bucket: str, owner: str | None, region: str | None, clock: Clock) -> None:
        self.aws = aws
        self.bucket = bucket
        self.owner = owner
        self.region = region
        self.clock = clock

    def beside(self, bucket: str) -> "BucketCalls":
        """The same for another bucket of the same account and region."""
        return BucketCalls(self.aws, bucket, self.owner, self.region, self.clock)

    def look(
        self, operation: str, action: str, absent: Collection[str] = (), **parameters: Any
    ) -> dict[str, Any] | None:
        """Ask: ``look("get_bucket_tagging", "look at its tags", ["NoSuchTagSet"])``; None where it, or the bucket, is not there."""
        with in_cloud_words("s3", f"{action} of {self.bucket}"):
            try:
                return self._call(operation, parameters)
            except ClientError as error:
                if code_of(error) in (*absent, *NO_BUCKET):
                    return None
                raise

    def change(self, operation: str, action: str, **parameters: Any) -> dict[str, Any]:
        """Ask for a change, again where it collides with another one. Raises ``CloudError``."""
        for pause in PAUSES_SECONDS:
            try:
                return self._changed(operation, action, parameters)
            except CloudError as error:
                if code_of(error.__cause__) not in _LATER:
                    raise
            self.clock.sleep(pause)
        return self._changed(operation, action, parameters)

    def settle(self, is_so: Callable[[], bool]) -> None:
        """Wait until another look shows what was changed, or long enough."""
        for pause in PAUSES_SECONDS:
            if is_so():
                return
            self.clock.sleep(pause)

    def _changed(self, operation: str, action: str, parameters: dict[str, Any]) -> dict[str, Any]:
        with in_cloud_words("s3", f"{action} of {self.bucket}"):
            return self._call(operation, parameters)

    def _call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        client = self.aws.client("s3", self.region)
        if self.owner is not None:
            parameters = {"ExpectedBucketOwner": self.owner, **parameters}
        answer: dict[str, Any] = getattr(client, operation)(Bucket=self.bucket, **parameters)
        return answer
