"""Versions of the objects of a bucket: seeing them, reading them, bringing them back."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from datetime import UTC
from itertools import groupby
from typing import TYPE_CHECKING, Any

from lifeboat.foundation.errors import StorageError
from lifeboat.storage.errors import ObjectExists
from lifeboat.storage.names import check_name, check_prefix, is_name
from lifeboat.storage.s3.upload import hash_told
from lifeboat.storage.s3.words import is_not_implemented, next_page
from lifeboat.storage.versions import Version, Versioned

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


class S3Versions:
    """The versions under one prefix of a bucket; a part of ``S3Store``."""

    _client: "S3Client"
    _bucket: str
    _before: str

    def versions_under(self, prefix: str) -> Iterator[Versioned]:
        check_prefix(prefix)
        for name, rows in groupby(self._rows(prefix), key=lambda pair: pair[0]):
            # The newest first, as S3 lists them; of two in one second it knows the order and says which is the latest.
            found = sorted(
                (row for _, row in rows), key=lambda row: (row["IsLatest"], row["LastModified"]), reverse=True
            )
            if is_name(name):
                yield Versioned(name, tuple(map(_version, found)))

    def hash_of_version(self, name: str, version: str) -> str | None:
        check_name(name)
        with self._in_our_words("look at a version of", name):
            told = self._client.head_object(
                Bucket=self._bucket, Key=self._before + name, VersionId=version, ChecksumMode="ENABLED"
            )
            return hash_told(told.get("ChecksumSHA256"))

    def read_version(self, name: str, version: str) -> bytes:
        check_name(name)
        with self._in_our_words("read a version of", name):
            answer = self._client.get_object(Bucket=self._bucket, Key=self._before + name, VersionId=version)
            with closing(answer["Body"]) as body:
                content: bytes = body.read()
        return content

    def remove_marker(self, name: str, version: str) -> None:
        check_name(name)
        with self._in_our_words("take the delete marker off", name):
            self._client.delete_object(Bucket=self._bucket, Key=self._before + name, VersionId=version)

    def remove_version(self, name: str, version: str) -> None:
        check_name(name)
        with self._in_our_words("destroy a version of", name):
            self._client.delete_object(Bucket=self._bucket, Key=self._before + name, VersionId=version)

    def renew_version(self, name: str, version: str, over: bool) -> None:
        check_name(name)
        try:
            self._copy_up(name, version, {} if over else {"IfNoneMatch": "*"})
        except StorageError as error:
            # Some stores count a marker as an object, or do not know the condition for copies.
            if over or not (isinstance(error, ObjectExists) or is_not_implemented(error.__cause__)):
                raise
            self._copy_up(name, version, {})

    def _copy_up(self, name: str, version: str, condition: dict[str, Any]) -> None:
        key = self._before + name
        with self._in_our_words("bring back", name):
            self._client.copy_object(
                Bucket=self._bucket,
                Key=key,
                CopySource={"Bucket": self._bucket, "Key": key, "VersionId": version},
                ChecksumAlgorithm="SHA256",
                MetadataDirective="COPY",
                **condition,
                **self._lock(name),
            )

    def _rows(self, prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Versions and markers of each page merged by name: a name that goes on over the page's end comes out in one piece."""
        more: dict[str, Any] = {}
        waiting: list[tuple[str, dict[str, Any]]] = []
        while True:
            with self._in_our_words("list versions of", prefix or "everything"):
                page: Any = self._client.list_object_versions(Bucket=self._bucket, Prefix=self._before + prefix, **more)
                rows = [*page.get("Versions", []), *({**row, "Marker": True} for row in page.get("DeleteMarkers", []))]
                waiting += [(row["Key"].removeprefix(self._before), _checked(row)) for row in rows]
                marks = {"KeyMarker": "NextKeyMarker", "VersionIdMarker": "NextVersionIdMarker"}
                more = next_page(page, marks, more)
            waiting.sort(key=lambda pair: pair[0])
            if not more:
                yield from waiting
                return
            last = waiting[-1][0] if waiting else ""
            yield from (pair for pair in waiting if pair[0] != last)
            waiting = [pair for pair in waiting if pair[0] == last]

    def _in_our_words(self, action: str, thing: str) -> AbstractContextManager[None]:
        raise NotImplementedError

    def _lock(self, name: str) -> dict[str, Any]:
        raise NotImplementedError


def _checked(row: dict[str, Any]) -> dict[str, Any]:
    """The row, if all is in it that is read of it later; raises what a missing or strange field raises."""
    _version(row)
    return {**row, "IsLatest": bool(row["IsLatest"])}


def _version(row: dict[str, Any]) -> Version:
    return Version(
        row["VersionId"],
        bool(row.get("Marker")),
        int(row.get("Size") or 0),
        row["LastModified"].astimezone(UTC),
        row.get("StorageClass") or "STANDARD",
    )
