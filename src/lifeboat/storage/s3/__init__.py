"""Objects in a bucket of S3 or of anything that speaks its protocol. Importing this imports boto3, which is slow."""

from lifeboat.storage.s3.client import S3Settings
from lifeboat.storage.s3.store import S3Store

__all__ = ["S3Settings", "S3Store"]
