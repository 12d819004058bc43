"""Least-privilege policies for S3, as JSON to paste: one for each role, and one for the bucket itself.

Limits: text only; nothing is asked of AWS and nothing is changed there. Shape and action names: Amazon S3 User Guide, "Policies and
permissions"; write-once by ``s3:if-none-match``: the same, "Enforce conditional writes on Amazon S3 buckets".
"""

from typing import Any

from lifeboat.repository.roles import Role, rights_of

VERSION = "2012-10-17"
BUCKET = "bucket"
KINDS = (*map(str, Role), BUCKET)
LARGEST_CHARACTERS = 2048
"""Of an inline policy of an IAM user, white space not counted; a role or a managed policy may be larger."""


def role_policy(role: Role, bucket: str, prefix: str, writer: str = "") -> dict[str, Any]:
    """The policy to attach to the user or role whose credentials a machine of this role has.

    Args:
        prefix: Of the repository in the bucket, without slashes at its ends; may be empty.
        writer: Id (hex) of the writer, for that role.
    """
    rights, before = rights_of(role, writer), f"{prefix}/" if prefix else ""
    arn = f"arn:aws:s3:::{bucket}"

    def objects(patterns: tuple[str, ...]) -> list[str]:
        return [f"{arn}/{before}{pattern}" for pattern in patterns]

    listing: dict[str, Any] = {"Sid": "List", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": arn}
    patterns = [f"{before}{pattern}" for pattern in rights.list_under]
    if patterns != ["*"]:
        listing["Condition"] = {"StringLike": {"s3:prefix": patterns}}
    return {
        "Version": VERSION,
        "Statement": [
            listing,
            _allow("Read", ["s3:GetObject"], objects(rights.read)),
            _allow("Write", ["s3:PutObject", "s3:AbortMultipartUpload"], objects(rights.write)),
            _allow("Delete", ["s3:DeleteObject"], objects(rights.delete)),
        ],
    }


def bucket_policy(bucket: str, prefix: str) -> dict[str, Any]:
    """The policy to put on the bucket: encrypted connections only, and no object is ever replaced."""
    arn, before = f"arn:aws:s3:::{bucket}", f"{prefix}/" if prefix else ""
    return {
        "Version": VERSION,
        "Statement": [
            {
                "Sid": "EncryptedConnectionsOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [arn, f"{arn}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
            {
                "Sid": "WrittenOnce",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:PutObject",
                "Resource": f"{arn}/{before}*",
                # Parts of a large upload carry no condition; completing it does.
                "Condition": {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}},
            },
        ],
    }


def _allow(name: str, actions: list[str], resources: list[str]) -> dict[str, Any]:
    return {"Sid": name, "Effect": "Allow", "Action": actions, "Resource": resources}
