"""The age rules of a real bucket: read with what they depend on, and replaced without losing anybody else's.

Invariant: S3 takes all rules at once or none, so rules that are not ours are put back as they were read. What was put is believed only after
another look, which is the step's (``step.py``).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from lifeboat.cloud.errors import CloudDenied, CloudMissing, CloudNotOffered, code_of, in_cloud_words
from lifeboat.cloud.lifecycle.rules import Lifecycle, Rule, read_lifecycle, write_lifecycle
from lifeboat.cloud.session import Aws

NONE = "NoSuchLifecycleConfiguration"


@dataclass(frozen=True, slots=True)
class BucketRules:
    """What the bucket says.

    Args:
        raw: As S3 answered: ``{"Rules": [...]}``.
        versions_kept: Versioning is on; suspended counts as off, for what is written then is removed at once.
        locked: Object Lock is on; None: it could not be found out.
    """

    lifecycle: Lifecycle
    raw: Mapping[str, Any] = field(default_factory=lambda: {"Rules": []}, compare=False)
    versions_kept: bool = True
    locked: bool | None = False

    def others(self, own: Collection[str]) -> tuple[Rule, ...]:
        """Rules that are somebody else's."""
        return tuple(one for one in self.lifecycle.rules if one.id not in own)

    def ours(self, own: Collection[str]) -> tuple[Rule, ...]:
        return tuple(one for one in self.lifecycle.rules if one.id in own)


def read_bucket(aws: Aws, bucket: str) -> BucketRules:
    """Raises ``CloudError``; ``LifecycleUnreadable`` for rules that say what we do not know."""
    s3 = aws.client("s3")
    raw = _rules(s3, bucket)
    with in_cloud_words("s3", f"look whether {bucket} keeps versions"):
        versioning = s3.get_bucket_versioning(Bucket=bucket).get("Status", "Off")
    return BucketRules(read_lifecycle(raw), raw, versioning == "Enabled", _is_locked(s3, bucket))


def merged(wanted: Lifecycle, there: BucketRules, own: Collection[str], drop: Collection[str] = ()) -> dict[str, Any]:
    """The whole of what is to be put: somebody else's rules as they were, ours as wanted.

    Args:
        own: Ids of the rules that are ours, whether they are wanted still or not.
        drop: Ids of somebody else's rules that are to go.
    """
    rules = there.raw.get("Rules") or []
    kept = [_with_filter(one) for one in rules if one.get("ID") not in own and one.get("ID") not in drop]
    return {"Rules": [*kept, *write_lifecycle(wanted)["Rules"]]}


def put_rules(aws: Aws, bucket: str, said: Mapping[str, Any], minimum: str) -> None:
    """Replace all rules. Raises ``CloudError``. Args: minimum: what the bucket says of small objects, which a put must repeat."""
    s3 = aws.client("s3")
    with in_cloud_words("s3", f"set the age rules of {bucket}"):
        if not said["Rules"]:
            s3.delete_bucket_lifecycle(Bucket=bucket)
        else:
            s3.put_bucket_lifecycle_configuration(
                Bucket=bucket, LifecycleConfiguration=dict(said), TransitionDefaultMinimumObjectSize=minimum
            )


def _rules(s3: Any, bucket: str) -> dict[str, Any]:
    try:
        with in_cloud_words("s3", f"read the age rules of {bucket}"):
            answer = s3.get_bucket_lifecycle_configuration(Bucket=bucket)
    except CloudMissing as error:
        if code_of(error.__cause__) != NONE:
            raise
        return {"Rules": []}
    return {name: answer[name] for name in ("Rules", "TransitionDefaultMinimumObjectSize") if name in answer}


def _is_locked(s3: Any, bucket: str) -> bool | None:
    try:
        with in_cloud_words("s3", f"look whether {bucket} has Object Lock"):
            answer = s3.get_object_lock_configuration(Bucket=bucket)
    except CloudMissing:
        return False
    except (CloudDenied, CloudNotOffered):
        return None
    return bool(answer.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled")


def _with_filter(rule: Mapping[str, Any]) -> dict[str, Any]:
    """The older form, with the prefix in the rule itself, may not stand beside the newer one; the two mean the same."""
    if "Prefix" not in rule or "Filter" in rule:
        return dict(rule)
    return {name: value for name, value in rule.items() if name != "Prefix"} | {"Filter": {"Prefix": rule["Prefix"]}}
