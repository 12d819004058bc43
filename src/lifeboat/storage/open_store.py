"""From words to a store: ``s3://bucket[/prefix]``, ``file:///path`` or a path.

Limits: nothing is asked of the network, so a wrong key or bucket shows at the first use. boto3 is imported only when
an S3 location is opened: it costs half a second at every start.
"""

import os
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.secret import Secret
from lifeboat.storage.local import LocalStore
from lifeboat.storage.object_lock import ObjectLock
from lifeboat.storage.object_store import ObjectStore


def open_store(
    location: str,
    *,
    clock: Clock,
    region: str | None = None,
    endpoint_url: str | None = None,
    access_key_id: Secret | None = None,
    secret_access_key: Secret | None = None,
    session_token: Secret | None = None,
    checksum_mode: Literal["when_required", "when_supported"] = "when_required",
    create: bool = False,
    lock: ObjectLock | None = None,
) -> ObjectStore:
    """Open the store at ``location``.

    Args:
        location: ``s3://bucket[/prefix]``, ``file:///path`` or a directory's path, where ``~`` is understood.
        create: Make the directory, and those above it, if it does not exist; buckets are never made here.
        lock: In a bucket, how what is written is locked; a directory has no locks.
        (for the rest, see ``S3Settings``; a directory does not need them)

    Raises:
        SettingsError: The location cannot be understood.
        BucketMissing: The directory does not exist.
    """
    scheme = location.split("://", 1)[0].lower() if "://" in location else ""
    if scheme == "":
        return _open_directory(location, clock, create)
    if scheme == "file":
        parts = urlsplit(location)
        if parts.netloc not in ("", "localhost"):
            raise SettingsError(
                f"{location} names a directory on another machine", "write file:///path, with three slashes"
            )
        return _open_directory(unquote(parts.path), clock, create)
    if scheme != "s3":
        raise SettingsError(f"{scheme}:// is no place for a repository", "use s3://bucket/prefix or a directory's path")
    bucket, _, prefix = location[len("s3://") :].partition("/")
    if not bucket:
        raise SettingsError("the location s3:// names no bucket", "write s3://bucket or s3://bucket/prefix")
    from lifeboat.storage.s3 import S3Settings, S3Store

    settings = S3Settings(
        bucket=bucket,
        prefix=prefix.strip("/"),
        region=region or None,
        endpoint_url=endpoint_url or None,
        access_key_id=access_key_id,
        secret_access_key=secret_access_key,
        session_token=session_token,
        checksum_mode=checksum_mode,
        lock=lock,
    )
    return S3Store(settings, clock)


def _open_directory(text: str, clock: Clock, create: bool) -> LocalStore:
    if not text.strip():
        raise SettingsError("the location of the repository is empty", "set LIFEBOAT_REPOSITORY or S3_BACKUP_BUCKET")
    directory = Path(os.path.expanduser(text))
    return LocalStore.create(directory, clock) if create else LocalStore(directory, clock)
