"""Who asked for what: the bucket's access log, in a bucket of its own.

Source: Amazon S3 User Guide, "Enabling Amazon S3 server access logging": the other bucket lies in the same region and account, is
encrypted with S3's own keys, has no Object Lock, and lets the logging service write.
"""

from typing import Any

from lifeboat.cloud.bucket.calls import BucketCalls
from lifeboat.cloud.bucket.closed import Ownership, PublicAccess
from lifeboat.cloud.bucket.encryption import Encryption
from lifeboat.cloud.bucket.place import find_region, make_bucket
from lifeboat.cloud.bucket.policy import BucketPolicy
from lifeboat.cloud.bucket.step import NOT_THERE, NOTHING, ON, BucketStep
from lifeboat.cloud.bucket.versions import NO_LOCK
from lifeboat.cloud.policies import VERSION
from lifeboat.cloud.steps import Difference, Looked

LOGGING_SERVICE = "logging.s3.amazonaws.com"
KEPT_DAYS = 400
"""A year and a month: what happened on the same days of last year can still be looked up."""
RULE = "lifeboat-access-logs"


def log_prefix(bucket: str) -> str:
    return f"{bucket}/"


def log_policy(log_bucket: str, bucket: str, owner: str | None) -> dict[str, Any]:
    """TLS only, and the logging service may write logs of this one bucket."""
    arn = f"arn:aws:s3:::{log_bucket}"
    condition: dict[str, Any] = {"ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{bucket}"}}
    if owner:
        condition["StringEquals"] = {"aws:SourceAccount": owner}
    return {
        "Version": VERSION,
        "Statement": [
            {
                "Sid": "S3ServerAccessLogs",
                "Effect": "Allow",
                "Principal": {"Service": LOGGING_SERVICE},
                "Action": ["s3:PutObject"],
                "Resource": f"{arn}/{log_prefix(bucket)}*",
                "Condition": condition,
            },
            {
                "Sid": "EncryptedConnectionsOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": ["s3:*"],
                "Resource": [arn, f"{arn}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
        ],
    }


class LogBucket(BucketStep):
    """The bucket that the log goes to is there, closed, and lets the log in."""

    name = "log-bucket"
    title = "a bucket for the access log"
    why = "the log must not lie in what it is about: who can delete backups could delete the traces"

    def __init__(self, calls: BucketCalls, log_bucket: str, region: str | None) -> None:
        super().__init__(calls)
        self._log = calls.beside(log_bucket)
        self._region = region
        self._parts = (
            Ownership(self._log),
            PublicAccess(self._log),
            Encryption(self._log, None),
            BucketPolicy(self._log, log_policy(log_bucket, calls.bucket, calls.owner)),
            Expiry(self._log),
        )

    def look(self) -> Looked:
        # Where the server writes no log, no bucket is made for one.
        self.calls.look("get_bucket_logging", "look at access logging")
        found = find_region(self._log)
        there = self.calls.region or self._region
        if found is None:
            made = Difference(f"bucket {self._log.bucket}", NOT_THERE, f"made in {there}" if there else "made")
            return Looked((made, *self._in_parts()))
        self._log.region = found
        unfit = self._unfit(found, there)
        if unfit:
            return Looked(unfit, only_by_hand="name another one: `log_bucket` under [aws] in lifeboat.toml")
        return Looked(self._in_parts(), said=f"{self._log.bucket}; logs go after {KEPT_DAYS} days")

    def change(self) -> None:
        if find_region(self._log) is None:
            make_bucket(self._log, self.calls.region or self._region)
        for part in self._parts:
            if part.look().differences:
                part.change()

    def _in_parts(self) -> tuple[Difference, ...]:
        return tuple(one for part in self._parts for one in part.look().differences)

    def _unfit(self, found: str, there: str | None) -> tuple[Difference, ...]:
        if there and found != there and self.calls.aws.is_amazon:
            return (Difference("region of the log's bucket", found, f"{there}, as the bucket itself"),)
        locks = self._log.look("get_object_lock_configuration", "look at Object Lock", NO_LOCK) or {}
        if locks.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled":
            return (Difference("Object Lock of the log's bucket", ON, "none: S3 writes no logs there"),)
        return ()


class Expiry(BucketStep):
    """Old logs go."""

    name = "log-expiry"
    title = "old logs go"
    why = "else they are paid for for ever"

    def look(self) -> Looked:
        if self._own() in self._rules():
            return Looked(said=f"after {KEPT_DAYS} days")
        return Looked((Difference("old logs", "kept for ever", f"gone after {KEPT_DAYS} days"),))

    def change(self) -> None:
        rules = [one for one in self._rules() if one.get("ID") != RULE]
        self.calls.change(
            "put_bucket_lifecycle_configuration",
            "let old logs go",
            LifecycleConfiguration={"Rules": [*rules, self._own()]},
        )

    def _rules(self) -> list[dict[str, Any]]:
        answer = self.calls.look(
            "get_bucket_lifecycle_configuration", "look at age rules", ["NoSuchLifecycleConfiguration"]
        )
        found: list[dict[str, Any]] = (answer or {}).get("Rules", [])
        return found

    def _own(self) -> dict[str, Any]:
        return {
            "ID": RULE,
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "Expiration": {"Days": KEPT_DAYS},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
        }


class AccessLog(BucketStep):
    """S3 writes down every request."""

    name = "access-log"
    title = "the access log"
    why = "after a break-in it is the only record of what was read or deleted; age rules leave their only trace there"
    after = ("bucket", "log-bucket")

    def __init__(self, calls: BucketCalls, log_bucket: str) -> None:
        super().__init__(calls)
        self._log_bucket = log_bucket

    def look(self) -> Looked:
        answer = self.calls.look("get_bucket_logging", "look at access logging") or {}
        now = answer.get("LoggingEnabled", {})
        target = now.get("TargetBucket", "")
        if not self._log_bucket:
            return Looked(said=f"not asked for{f'; it goes to {target}' if target else ''}")
        where = f"{target}/{now.get('TargetPrefix', '')}" if target else NOTHING
        wanted = f"{self._log_bucket}/{log_prefix(self.calls.bucket)}"
        if where == wanted:
            return Looked(said=f"goes to s3://{wanted}, within hours of each request")
        return Looked((Difference("access log", where, wanted),))

    def change(self) -> None:
        if not self._log_bucket:
            return
        enabled = {"TargetBucket": self._log_bucket, "TargetPrefix": log_prefix(self.calls.bucket)}
        self.calls.change(
            "put_bucket_logging", "turn on the access log", BucketLoggingStatus={"LoggingEnabled": enabled}
        )
