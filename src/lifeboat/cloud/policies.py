"""Least-privilege policies, as JSON: one for each role, one for who sets the bucket up, and one for the bucket itself.

Limits: text only; nothing is asked of AWS and nothing is changed there. Shape and names of actions and conditions: Amazon S3 User Guide,
"Policies and permissions", "Enforce conditional writes on Amazon S3 buckets", "Object Lock considerations"; the service
authorization references of S3, IAM, CloudWatch, SNS and Budgets.

Invariant: a statement's name (``Sid``) never changes, since what is already attached is compared and replaced by it.
"""

from collections.abc import Iterable
from typing import Any

from lifeboat.cloud.bucket.rights import IN_ACCOUNT, IN_BUCKETS
from lifeboat.cloud.watch.points import NAMESPACE
from lifeboat.foundation.value import Value
from lifeboat.repository.locking import LockPeriods
from lifeboat.repository.roles import NAMED_BY_HASH, PACKS, Rights, Role, rights_of

VERSION = "2012-10-17"
BUCKET = "bucket"
ADMIN = "admin"
KINDS = (*map(str, Role), ADMIN, BUCKET)
LARGEST_CHARACTERS = 6144
"""Of a managed policy, white space not counted; an inline policy of a user holds 2,048, which long prefixes exceed."""
LARGEST_BUCKET_POLICY_BYTES = 20 * 1024
NAMES = "lifeboat-*"
"""Of everything that ``aws setup`` makes outside the bucket."""

Policy = dict[str, Any]


class Place(Value):
    """A repository in a bucket, and how it is set up there.

    Args:
        prefix: Of the repository in the bucket, without slashes at its ends; may be empty.
        locks: How long objects are locked; None: there is no Object Lock.
        kms_key: ARN of the key that the bucket encrypts with; None: S3's own.
        log_bucket: Where the access log goes; empty: it is not kept.
    """

    bucket: str
    prefix: str = ""
    locks: LockPeriods | None = None
    kms_key: str | None = None
    log_bucket: str = ""

    @property
    def arn(self) -> str:
        return f"arn:aws:s3:::{self.bucket}"

    def names(self, patterns: Iterable[str]) -> list[str]:
        """Patterns of names as they lie in the bucket."""
        before = f"{self.prefix}/" if self.prefix else ""
        return [before + pattern for pattern in patterns]

    def objects(self, patterns: Iterable[str]) -> list[str]:
        """The same as resources of policies."""
        return [f"{self.arn}/{name}" for name in self.names(patterns)]


def role_policy(role: Role, place: Place, writer: str = "") -> Policy:
    """The policy to attach to the user or role whose credentials a machine of this role has.

    Args:
        writer: Id (hex) of the writer, for that role.
    """
    rights = rights_of(role, writer)
    read = ["s3:GetObject", *(["s3:GetObjectVersion", "s3:GetObjectRetention"] if rights.versions else [])]
    found = [
        _listing(place, rights),
        _allow("Read", read, place.objects(rights.read)),
        _allow("Write", ["s3:PutObject", "s3:AbortMultipartUpload"], place.objects(rights.write)),
        _allow("Delete", ["s3:DeleteObject"], place.objects(rights.delete)),
    ]
    if rights.copy:
        copy = _allow("Copy", ["s3:PutObject"], place.objects(rights.copy))
        sources = [f"{place.bucket}/{name}" for name in place.names(rights.copy)]
        found.append(copy | {"Condition": {"StringLike": {"s3:x-amz-copy-source": sources}}})
    if rights.unarchive:
        found.append(_allow("Unarchive", ["s3:RestoreObject"], place.objects(rights.unarchive)))
    if place.locks is not None:
        found.append(_allow("Lock", ["s3:PutObjectRetention"], place.objects(rights.lock)))
    if rights.look_at_bucket:
        looks = ["s3:GetBucket*", "s3:GetLifecycleConfiguration", "s3:GetEncryptionConfiguration"]
        found.append(_allow("LookAtBucket", looks, [place.arn]))
    if place.kms_key is not None:
        # Decrypt also for who only writes: S3 opens the parts of a large upload to put them together.
        found.append(_allow("Encryption", ["kms:GenerateDataKey", "kms:Decrypt"], [place.kms_key]))
    if rights.publish:
        send = _allow("Metrics", ["cloudwatch:PutMetricData"], ["*"])
        found.append(send | {"Condition": {"StringEquals": {"cloudwatch:namespace": NAMESPACE}}})
    return _policy(found)


def bucket_policy(place: Place, custodians: Iterable[str] = ()) -> Policy:
    """The policy to put on the bucket: encrypted connections only, no object ever replaced, locks of the length that is meant.

    Args:
        custodians: ARNs of users and roles that alone may delete, where the profile is guarded; empty: whoever has the right.
    """
    everything = [place.arn, f"{place.arn}/*"]
    # Parts of a large upload carry no condition; completing it does.
    makes_object = {"Bool": {"s3:ObjectCreationOperation": "true"}}
    found = [
        _deny("EncryptedConnectionsOnly", ["s3:*"], everything, {"Bool": {"aws:SecureTransport": "false"}}),
        _deny("NoOutdatedEncryption", ["s3:*"], everything, {"NumericLessThan": {"s3:TlsVersion": "1.2"}}),
        _deny(
            "WrittenOnce",
            ["s3:PutObject"],
            place.objects(NAMED_BY_HASH),
            {"Null": {"s3:if-none-match": "true"}, **makes_object},
        ),
    ]
    if place.locks is not None:
        longest = str(place.locks.longest_days)
        found += [
            _deny(
                "PacksAreLocked",
                ["s3:PutObject"],
                place.objects(PACKS),
                {"Null": {"s3:object-lock-mode": "true"}, **makes_object},
            ),
            _deny(
                "NoEndlessLocks",
                ["s3:PutObject", "s3:PutObjectRetention"],
                place.objects(["*"]),
                {"NumericGreaterThan": {"s3:object-lock-remaining-retention-days": longest}},
            ),
            _deny("LocksStay", ["s3:BypassGovernanceRetention"], place.objects(["*"]), {}),
        ]
    if deleters := sorted(custodians):
        others = {"ArnNotLike": {"aws:PrincipalArn": deleters}}
        found += [
            _deny("CustodiansDelete", ["s3:DeleteObject"], place.objects(NAMED_BY_HASH), others),
            _deny("VersionsStay", ["s3:DeleteObjectVersion"], place.objects(NAMED_BY_HASH), {}),
        ]
    return _policy(found)


def admin_policy(place: Place) -> Policy:
    """What ``aws setup``, ``alarms`` and ``budget`` need: nothing of what is stored, but who may grant rights can grant himself any."""
    buckets = [place.arn, *([f"arn:aws:s3:::{place.log_bucket}"] if place.log_bucket else [])]
    arrange = sorted({*IN_BUCKETS, "s3:ListBucketVersions", "s3:GetBucketPolicyStatus"})
    people = [f"arn:aws:iam::*:{kind}/{NAMES}" for kind in ("user", "role")]
    ours = f"arn:aws:iam::*:policy/{NAMES}"
    topics = f"arn:aws:sns:*:*:{NAMES}"
    only_ours = {"Condition": {"ArnLike": {"iam:PolicyARN": ours}}}
    keys = [_allow("Key", ["kms:DescribeKey"], [place.kms_key])] if place.kms_key else []
    return _policy(
        [
            _allow("Bucket", arrange, buckets),
            _allow("Account", [*ACCOUNT_WIDE], ["*"]),
            _allow("People", [f"iam:{one}" for one in PEOPLE], people),
            _allow("Attach", ["iam:AttachUserPolicy", "iam:AttachRolePolicy"], people) | only_ours,
            _allow("Policies", [f"iam:{one}" for one in POLICIES], [ours]),
            _allow(
                "Alarms",
                ["cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms", "cloudwatch:SetAlarmState"],
                ["arn:aws:cloudwatch:*:*:alarm:Lifeboat *"],
            ),
            _allow("Topics", [f"sns:{one}" for one in TOPICS], [topics]),
            *keys,
        ]
    )


ACCOUNT_WIDE = (
    *IN_ACCOUNT,
    "iam:SimulatePrincipalPolicy",
    "cloudwatch:DescribeAlarms",
    "budgets:ViewBudget",
    "budgets:ModifyBudget",
)
"""Rights that cannot be narrowed to what is ours; ``ModifyBudget`` alone changes anything."""
PEOPLE = (
    *("GetUser", "CreateUser", "ListAttachedUserPolicies", "ListUserPolicies", "ListGroupsForUser"),
    *("ListAccessKeys", "CreateAccessKey"),
    *("GetRole", "CreateRole", "UpdateAssumeRolePolicy", "ListAttachedRolePolicies", "ListRolePolicies"),
)
POLICIES = (
    "GetPolicy",
    "GetPolicyVersion",
    "CreatePolicy",
    "CreatePolicyVersion",
    "DeletePolicyVersion",
    "ListPolicyVersions",
)
TOPICS = (
    *("CreateTopic", "GetTopicAttributes", "SetTopicAttributes", "Subscribe", "ListSubscriptionsByTopic", "Publish"),
)


def _listing(place: Place, rights: Rights) -> Policy:
    actions = ["s3:ListBucket", *(["s3:ListBucketVersions"] if rights.versions else [])]
    listing = _allow("List", actions, [place.arn])
    patterns = place.names(rights.list_under)
    return listing if patterns == ["*"] else listing | {"Condition": {"StringLike": {"s3:prefix": patterns}}}


def _policy(statements: list[Policy]) -> Policy:
    return {"Version": VERSION, "Statement": statements}


def _allow(name: str, actions: list[str], resources: list[str]) -> Policy:
    return {"Sid": name, "Effect": "Allow", "Action": actions, "Resource": resources}


def _deny(name: str, actions: list[str], resources: list[str], when: Policy) -> Policy:
    denied = {"Sid": name, "Effect": "Deny", "Principal": "*", "Action": actions, "Resource": resources}
    return denied | ({"Condition": when} if when else {})
