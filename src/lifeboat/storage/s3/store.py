"""A prefix of a bucket as a store.

Rights used: ``s3:PutObject`` to write (and ``s3:PutObjectRetention`` with a lock), ``s3:GetObject`` to read, ``s3:ListBucket`` to
list, ``s3:DeleteObject`` to delete; each works without the others, and ``time_there`` with none.

Limits: an object to be written is in memory already, so uploads are one stream each. Names that another program put
under the prefix and that cannot be ours are not listed.
"""

import ipaddress
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import SettingsError, StorageError
from lifeboat.storage.content import buffers_of, joined
from lifeboat.storage.errors import ObjectExists, ObjectMissing, ObjectTooShort, StorageBusy, StorageDenied
from lifeboat.storage.names import PREFIX_LONGEST_CHARACTERS, check_name, check_prefix, is_name
from lifeboat.storage.object_lock import LockTrial, ObjectLock
from lifeboat.storage.object_store import Content, StoredObject
from lifeboat.storage.s3.archive import S3Archive
from lifeboat.storage.s3.client import S3Settings, make_client
from lifeboat.storage.s3.upload import choose_part_size, hash_told, put_in_parts, put_whole
from lifeboat.storage.s3.versions import S3Versions
from lifeboat.storage.s3.words import date_of, in_our_words, is_not_implemented, next_page

ONLY_IF_NEW = {"IfNoneMatch": "*"}
TRIAL_SECONDS = 60
"""A lock that is only tried is over soon: whoever has to can remove it then."""
QUICK_ANSWERS = ("ListObjectsV2", "GetObject", "HeadObject")
"""Each answer tells the time. Of a question that is answered at once the time is that of its answer: it need not be asked for again."""
TIME_HEARD_SECONDS = 1
TIME_TOLD_SECONDS = 600
"""Two clocks do not run apart by a second in this time, and locks go by days."""


class S3Store(S3Archive, S3Versions):
    """Objects in S3; safe to call from many threads. Opening asks the network nothing."""

    def __init__(self, settings: S3Settings, clock: Clock) -> None:
        if settings.prefix and (not is_name(settings.prefix) or len(settings.prefix) > PREFIX_LONGEST_CHARACTERS):
            raise SettingsError(
                f"the prefix {settings.prefix!a} in the bucket {settings.bucket} cannot be used",
                "use letters, digits, '.', '_' and '-', with single slashes between",
            )
        if "@" in urlsplit(settings.endpoint_url or "").netloc:
            raise SettingsError(
                "AWS_ENDPOINT_URL holds a user name or password, which messages would show",
                "put the key pair into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            )
        self._settings = settings
        self._clock = clock
        self._client = make_client(settings)
        self._bucket = settings.bucket
        self._before = settings.prefix + "/" if settings.prefix else ""
        self._creates_once = True
        self._listing_tells_all = settings.endpoint_url is None
        self._told: tuple[float, datetime] | None = None
        self._heard: tuple[float, datetime] | None = None
        for answer in QUICK_ANSWERS:
            self._client.meta.events.register(f"after-call.s3.{answer}", self._hear_date)

    def write(self, name: str, content: Content) -> None:
        check_name(name)
        buffers = buffers_of(content)
        if not self._creates_once:
            self._write_after_looking(name, buffers)
            return
        try:
            with self._in_our_words("write", name):
                self._send(name, buffers, ONLY_IF_NEW)
        except ObjectExists:
            if not self._is_only_a_delete_marker(name):
                raise
            self._write_after_looking(name, buffers)
        except StorageError as error:
            if not is_not_implemented(error.__cause__):
                raise
            self._creates_once = False  # conformance tells the customer
            self._write_after_looking(name, buffers)

    def read(self, name: str, span: tuple[int, int] | None = None) -> bytes:
        check_name(name)
        if span is not None and span[1] == 0:
            return self._read_nothing(name, span[0])
        wanted: dict[str, Any] = {} if span is None else {"Range": f"bytes={span[0]}-{span[0] + span[1] - 1}"}
        with self._in_our_words("read", name):
            answer = self._client.get_object(Bucket=self._bucket, Key=self._before + name, **wanted)
            with closing(answer["Body"]) as body:  # its own "with" gives the raw stream, which checks nothing
                content: bytes = body.read()
            stated = answer.get("ContentLength", 0)
        if len(content) < stated:
            raise StorageBusy(f"the answer with {name} from {self.describe()} was cut off")
        if span is None:
            return content
        if "ContentRange" not in answer:
            content = content[span[0] : sum(span)]  # a store that knows no ranges sent the whole object
        if len(content) < span[1]:
            raise self._too_short(name, span[0] + len(content), sum(span))
        return content

    def list_under(self, prefix: str) -> Iterator[StoredObject]:
        check_prefix(prefix)
        more: dict[str, Any] = {}
        while True:
            with self._in_our_words("list", prefix or "everything"):
                page = self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._before + prefix, **more)
                found = [self._listed(row) for row in page.get("Contents", [])]
                more = next_page(page, {"ContinuationToken": "NextContinuationToken"}, more)
            yield from (one for one in found if is_name(one.name))
            if not more:
                return

    def _listed(self, row: Any) -> StoredObject:
        name, kept_as = row["Key"].removeprefix(self._before), row.get("StorageClass") or "STANDARD"
        return StoredObject(name, row["Size"], row["LastModified"].astimezone(UTC), kept_as)

    def delete(self, name: str) -> None:
        check_name(name)
        try:
            with self._in_our_words("delete", name):
                self._client.delete_object(Bucket=self._bucket, Key=self._before + name)
        except ObjectMissing:
            return  # Amazon answers 204 here; some others 404

    def copy_within(self, name: str, to_name: str) -> str | None:
        """One request, which takes up to 5 GiB; a pack has at most one. The store computes the hash as it copies."""
        check_name(name)
        check_name(to_name)
        source = {"Bucket": self._bucket, "Key": self._before + name}
        condition = ONLY_IF_NEW if self._creates_once else {}
        try:
            with self._in_our_words("copy", name):
                answer = self._client.copy_object(
                    Bucket=self._bucket,
                    Key=self._before + to_name,
                    CopySource=source,  # type: ignore[arg-type]
                    ChecksumAlgorithm="SHA256",
                    MetadataDirective="COPY",
                    **condition,  # type: ignore[arg-type]
                    **self._lock(to_name),
                )
                told = hash_told(answer.get("CopyObjectResult", {}).get("ChecksumSHA256"))
        except StorageError as error:
            if not is_not_implemented(error.__cause__) or not condition:
                raise
            self._creates_once = False
            return self.copy_within(name, to_name)
        return told

    @property
    def object_lock(self) -> ObjectLock | None:
        return self._settings.lock

    def prolong_lock(self, name: str) -> None:
        check_name(name)
        lock = self._lock(name)
        if not lock:
            return
        until = {"Mode": lock["ObjectLockMode"], "RetainUntilDate": lock["ObjectLockRetainUntilDate"]}
        with self._in_our_words("lock", name):
            self._client.put_object_retention(Bucket=self._bucket, Key=self._before + name, Retention=until)  # type: ignore[arg-type]

    def try_lock(self, name: str) -> LockTrial:
        check_name(name)
        key = {"Bucket": self._bucket, "Key": self._before + name}
        until = (self.time_there() + timedelta(seconds=TRIAL_SECONDS)).replace(microsecond=0)
        with self._in_our_words("lock", name):
            version = self._client.put_object(
                **key,  # type: ignore[arg-type]
                Body=b"locked by doctor for a minute",
                ChecksumAlgorithm="SHA256",
                ObjectLockMode="GOVERNANCE",
                ObjectLockRetainUntilDate=until,
            ).get("VersionId", "")
        held = self._is_held(name, version)
        return LockTrial(held, ended=held is not False and self._is_held(name, version, bypass=True) is False)

    def _is_held(self, name: str, version: str, bypass: bool = False) -> bool | None:
        """Whether a lock keeps the version from being removed; None: it was refused for another reason."""
        early: dict[str, Any] = {"BypassGovernanceRetention": True} if bypass else {}
        try:
            with self._in_our_words("remove the locked version of", name):
                self._client.delete_object(Bucket=self._bucket, Key=self._before + name, VersionId=version, **early)
        except StorageDenied as error:
            return True if "object lock" in str(error.__cause__).lower() else None
        return False

    def time_there(self) -> datetime:
        if self._heard is not None and 0 <= (since := self._clock.monotonic() - self._heard[0]) < TIME_HEARD_SECONDS:
            return self._heard[1] + timedelta(seconds=since)
        answer: Any
        with self._in_our_words("ask the time of", "the bucket"):
            try:
                answer = self._client.head_bucket(Bucket=self._bucket)
            except ClientError as error:
                # A refusal carries the store's time like any answer: no right is needed to ask.
                if date_of(error.response) is None:
                    raise
                answer = error.response
        there = date_of(answer)
        if there is None:
            raise StorageBusy(f"{self.describe()} did not tell its time", "does a proxy remove the Date header?")
        return there

    def _hear_date(self, parsed: dict[str, Any], **_: Any) -> None:
        there = date_of(parsed)
        if there is not None:
            self._heard = self._clock.monotonic(), there

    def describe(self) -> str:
        place = f"s3://{self._bucket}/{self._settings.prefix}".rstrip("/")
        return f"{place} at {self._settings.endpoint_url}" if self._settings.endpoint_url else place

    # What conformance and the look at rights ask for; see ``conformance/hooks.py``.

    def write_over(self, name: str, content: Content) -> None:
        """Write whether or not the name is taken; raises ``StorageDenied`` where a policy wants the condition."""
        check_name(name)
        with self._in_our_words("write", name):
            self._client.put_object(Bucket=self._bucket, Key=self._before + name, Body=joined(content))

    def delete_a_version(self, name: str) -> None:
        """Ask for the removal of a version that is not there; raises ``StorageDenied`` without s3:DeleteObjectVersion."""
        check_name(name)
        try:
            with self._in_our_words("delete a version of", name):
                self._client.delete_object(Bucket=self._bucket, Key=self._before + name, VersionId="null")
        except ObjectMissing:
            return

    def write_with_wrong_hash(self, name: str, content: Content, over: bool = False) -> None:
        """Send a body with the hash of another; a store that checks raises ``ContentRefused``."""
        check_name(name)
        wrong = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="  # of no bytes at all
        condition: dict[str, Any] = ONLY_IF_NEW if self._creates_once and not over else {}
        with self._in_our_words("write", name):
            self._client.put_object(
                Bucket=self._bucket,
                Key=self._before + name,
                Body=joined(content),
                ChecksumSHA256=wrong,
                **condition,
                **self._lock(name),
            )

    def keeps_versions(self, name: str, content: Content) -> bool:
        """Write under a name that is free, delete, and see whether the bytes can still be had."""
        check_name(name)
        key = {"Bucket": self._bucket, "Key": self._before + name}
        with self._in_our_words("write", name):
            version = self._client.put_object(**key, Body=joined(content)).get("VersionId", "")  # type: ignore[arg-type]
        self.delete(name)
        if version in ("", "null"):
            return False
        try:
            with self._in_our_words("read", name):
                answer = self._client.get_object(**key, VersionId=version)  # type: ignore[arg-type]
                return answer["Body"].read() == joined(content)
        except ObjectMissing:
            return False
        except StorageDenied:
            return True  # who may not read old versions has the store's word for it: it gave a number

    def on_this_machine(self) -> bool:
        """Whether the address is this machine's own."""
        host = urlsplit(self._settings.endpoint_url or "").hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost" or host.endswith(".localhost")

    def _send(self, name: str, buffers: list[memoryview], condition: dict[str, Any]) -> None:
        key = self._before + name
        size_bytes = sum(view.nbytes for view in buffers)
        if size_bytes <= self._settings.part_bytes:
            put_whole(self._client, self._bucket, key, buffers, condition, self._lock(name))
        else:
            part_bytes = choose_part_size(size_bytes, self._settings.part_bytes)
            put_in_parts(self._client, self._bucket, key, buffers, part_bytes, condition, self._lock(name))

    def _lock(self, name: str) -> dict[str, Any]:
        """What a request says of the lock of the object that it makes."""
        lock = self._settings.lock
        until = lock.until(name, self._time_about) if lock is not None else None
        return (
            {}
            if lock is None or until is None
            else {
                "ObjectLockMode": lock.mode,
                "ObjectLockRetainUntilDate": until.astimezone(UTC).replace(microsecond=0),
            }
        )

    def _time_about(self) -> datetime:
        """The store's time, asked once in a while: a pack should not cost a question of its own."""
        now = self._clock.monotonic()
        if self._told is None or not 0 <= now - self._told[0] < TIME_TOLD_SECONDS:
            self._told = now, self.time_there()
        return self._told[1] + timedelta(seconds=now - self._told[0])

    def _is_only_a_delete_marker(self, name: str) -> bool:
        """Some versioned stores count a deleted object as there; its name would be lost for ever."""
        try:
            self._size_of(name)
        except ObjectMissing:
            return True
        except StorageError:
            return False  # without the right to look we take the store's word
        return False

    def _write_after_looking(self, name: str, buffers: list[memoryview]) -> None:
        """All that a store without create-once can give: two writers at one instant are not kept apart."""
        try:
            self._size_of(name)
        except ObjectMissing:
            with self._in_our_words("write", name):
                self._send(name, buffers, {})
            return
        raise ObjectExists(f"{name} exists already in {self.describe()}")

    def _read_nothing(self, name: str, offset: int) -> bytes:
        size_bytes = self._size_of(name)
        if offset > size_bytes:
            raise self._too_short(name, size_bytes, offset)
        return b""

    def _size_of(self, name: str) -> int:
        with self._in_our_words("look at", name):
            return self._client.head_object(Bucket=self._bucket, Key=self._before + name)["ContentLength"]

    def _too_short(self, name: str, end: int, wanted: int) -> ObjectTooShort:
        return ObjectTooShort(
            f"{name} in {self.describe()} ends at byte {end}, before byte {wanted}",
            "the object was cut: run lifeboat verify to learn what it costs",
        )

    def _in_our_words(self, action: str, thing: str) -> AbstractContextManager[None]:
        return in_our_words(action, thing, self.describe(), self._clock)
