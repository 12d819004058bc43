"""Stores of ours on test servers."""

from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.secret import Secret
from lifeboat.storage.s3 import S3Settings, S3Store


def store_on(server, bucket, prefix="", clock=None, **changes):
    """An S3Store on a test server, with its owner's keys unless told otherwise."""
    settings = {
        "region": server.region,
        "endpoint_url": server.endpoint_url,
        "access_key_id": Secret(server.access_key_id),
        "secret_access_key": Secret(server.secret_access_key),
        **changes,
    }
    return S3Store(S3Settings(bucket, prefix, **settings), clock or SystemClock())
