"""What was deleted or replaced and is billed still, in a bucket that keeps versions: gathered from a listing of all versions."""

from lifeboat.cloud.errors import in_cloud_words
from lifeboat.cloud.session import Aws

Versions = dict[str, tuple[int, int]]
"""By storage class: bytes, objects."""


def read_versions(aws: Aws, bucket: str, prefix: str) -> Versions:
    """Raises ``CloudError``. Args: prefix: Empty or ending in a slash."""
    found: Versions = {}
    with in_cloud_words("s3", f"list the versions in {bucket}"):
        for page in aws.client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
            for one in page.get("Versions", ()):
                if not one["IsLatest"]:
                    size, count = found.get(one.get("StorageClass", "STANDARD"), (0, 0))
                    found[one.get("StorageClass", "STANDARD")] = (size + one["Size"], count + 1)
    return found
