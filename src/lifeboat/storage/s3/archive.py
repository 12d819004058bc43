"""Objects of a bucket in archive classes: how they stand, and asking for them (S3 RestoreObject).

Rights used: ``s3:ListBucket`` to see how they stand (``s3:GetObject`` where the store is not Amazon's), ``s3:RestoreObject`` to ask.
"""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from lifeboat.storage.archive import ARCHIVE_CLASSES, Answer, ArchivedObject, Tier
from lifeboat.storage.names import check_name, check_prefix, is_name
from lifeboat.storage.s3.words import code_of, next_page

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import RestoreRequestTypeDef

LOOKS_AT_ONCE = 16
_EXPIRY = re.compile(r'expiry-date="([^"]+)"')


class S3Archive:
    """The archive classes of one prefix of a bucket; a part of ``S3Store``."""

    _client: "S3Client"
    _bucket: str
    _before: str
    _listing_tells_all: bool
    """Amazon's listing says of each object whether it was asked for; others leave that out, and each object is looked at."""

    def archived_under(self, prefix: str) -> Iterator[ArchivedObject]:
        check_prefix(prefix)
        more: dict[str, Any] = {}
        while True:
            with self._in_our_words("list", prefix or "everything"):
                page = self._client.list_objects_v2(
                    Bucket=self._bucket,
                    Prefix=self._before + prefix,
                    OptionalObjectAttributes=["RestoreStatus"],
                    **more,
                )
                told, untold = self._archived_of(cast("list[dict[str, Any]]", page.get("Contents", [])))
                more = next_page(page, {"ContinuationToken": "NextContinuationToken"}, more)
            yield from self._with_looks(told, untold)
            if not more:
                return

    def archive_state(self, name: str) -> ArchivedObject | None:
        check_name(name)
        with self._in_our_words("look at", name):
            told = self._client.head_object(Bucket=self._bucket, Key=self._before + name)
            kept_as = str(told.get("StorageClass") or "")
            if kept_as not in ARCHIVE_CLASSES:
                return None
            return ArchivedObject(name, told["ContentLength"], kept_as, *_said(told.get("Restore", "")))

    def bring_back(self, name: str, days: int, tier: Tier) -> Answer:
        check_name(name)
        asked: RestoreRequestTypeDef = {"Days": days, "GlacierJobParameters": {"Tier": tier.capitalize()}}  # type: ignore[typeddict-item]
        with self._in_our_words("bring back", name):
            try:
                answer = self._client.restore_object(Bucket=self._bucket, Key=self._before + name, RestoreRequest=asked)
            except ClientError as error:
                code = code_of(error)
                if code == "RestoreAlreadyInProgress":
                    return Answer.COMING
                if code == "InvalidObjectState":
                    return Answer.NOT_ARCHIVED
                raise
        return Answer.PROLONGED if answer["ResponseMetadata"]["HTTPStatusCode"] == 200 else Answer.TAKEN

    def _archived_of(self, rows: list[dict[str, Any]]) -> tuple[list[ArchivedObject], list[ArchivedObject]]:
        """Those of a page, and those of it of which the listing does not tell how they stand."""
        told: list[ArchivedObject] = []
        untold: list[ArchivedObject] = []
        for row in rows:
            name = row["Key"].removeprefix(self._before)
            if row.get("StorageClass") not in ARCHIVE_CLASSES or not is_name(name):
                continue
            status = row.get("RestoreStatus", {})
            until = status.get("RestoreExpiryDate")
            one = ArchivedObject(
                name,
                row["Size"],
                row["StorageClass"],
                bool(status.get("IsRestoreInProgress")),
                until.astimezone(UTC) if until else None,
            )
            (told if self._listing_tells_all or status else untold).append(one)
        return told, untold

    def _with_looks(self, told: list[ArchivedObject], untold: list[ArchivedObject]) -> Iterator[ArchivedObject]:
        if untold:
            with ThreadPoolExecutor(min(LOOKS_AT_ONCE, len(untold)), thread_name_prefix="look") as pool:
                looked = pool.map(self.archive_state, [one.name for one in untold])
                told += [one for one in looked if one is not None]
        yield from sorted(told, key=lambda one: one.name)

    def _in_our_words(self, action: str, thing: str) -> AbstractContextManager[None]:
        raise NotImplementedError


def _said(header: str) -> tuple[bool, datetime | None]:
    """What ``x-amz-restore`` says: whether it is coming, and until when a copy can be read."""
    if 'ongoing-request="true"' in header:
        return True, None
    found = _EXPIRY.search(header)
    return False, parsedate_to_datetime(found[1]).astimezone(UTC) if found else None
