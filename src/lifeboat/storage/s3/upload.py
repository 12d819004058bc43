"""Send an object's bytes, in one request or in parts, each with its SHA-256, and never over another object.

Limits: parts go one after the other; callers that want speed write several objects at once.

Invariant: an upload in parts that fails is ended, so that no invisible parts are left to be paid for.
"""

import hashlib
from base64 import b64decode, b64encode
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from lifeboat.foundation.sizes import MIB
from lifeboat.storage.errors import ContentRefused
from lifeboat.storage.s3.body import Body, cut

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import CompletedPartTypeDef

PARTS_AT_MOST = 10_000
"""Amazon S3 User Guide, "Amazon S3 multipart upload limits"."""


def choose_part_size(object_bytes: int, part_bytes: int) -> int:
    """The part size asked for, or the next whole MiB with which the object fits into ``PARTS_AT_MOST`` parts."""
    if object_bytes <= part_bytes * PARTS_AT_MOST:
        return part_bytes
    least = -(-object_bytes // PARTS_AT_MOST)
    return -(-least // MIB) * MIB


def put_whole(
    client: "S3Client",
    bucket: str,
    key: str,
    buffers: list[memoryview],
    condition: dict[str, Any],
    lock: dict[str, Any],
) -> None:
    """One request; ``condition`` is what must hold for it, e.g. ``{"IfNoneMatch": "*"}``, ``lock`` what the object gets."""
    digest = _digest(buffers)
    answer = client.put_object(
        Bucket=bucket,
        Key=key,
        Body=cast(IO[bytes], Body(buffers)),
        ContentLength=sum(view.nbytes for view in buffers),
        ChecksumSHA256=_text(digest),
        **condition,
        **lock,
    )
    _compare(answer.get("ChecksumSHA256"), _text(digest), key)


def put_in_parts(
    client: "S3Client",
    bucket: str,
    key: str,
    buffers: list[memoryview],
    part_bytes: int,
    condition: dict[str, Any],
    lock: dict[str, Any],
) -> None:
    """Several requests and one that makes the object appear: the lock is said at the first, the condition asked at the last."""
    begun = client.create_multipart_upload(Bucket=bucket, Key=key, ChecksumAlgorithm="SHA256", **lock)
    upload = {"Bucket": bucket, "Key": key, "UploadId": begun["UploadId"]}
    try:
        _send_parts(client, upload, cut(buffers, part_bytes), condition)
    except BaseException:
        with suppress(ClientError, BotoCoreError):  # the first trouble is the one to report
            client.abort_multipart_upload(**upload)  # type: ignore[arg-type]
        raise


def _send_parts(
    client: "S3Client", upload: dict[str, Any], parts: list[list[memoryview]], condition: dict[str, Any]
) -> None:
    sent: list[CompletedPartTypeDef] = []
    digests = hashlib.sha256()
    for number, part in enumerate(parts, start=1):
        digest = _digest(part)
        answer = client.upload_part(
            **upload,
            PartNumber=number,
            Body=cast(IO[bytes], Body(part)),
            ContentLength=sum(view.nbytes for view in part),
            ChecksumSHA256=_text(digest),
        )
        _compare(answer.get("ChecksumSHA256"), _text(digest), upload["Key"])
        sent.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": _text(digest)})
        digests.update(digest)
    done = client.complete_multipart_upload(**upload, MultipartUpload={"Parts": sent}, **condition)
    if done.get("ChecksumType", "COMPOSITE") == "COMPOSITE":
        _compare(done.get("ChecksumSHA256"), f"{_text(digests.digest())}-{len(sent)}", upload["Key"])


def _compare(answered: str | None, sent: str, key: str) -> None:
    """Refuse an answer that names another hash; stores that name none are found out by ``conformance``."""
    if answered and answered.split("-")[0] != sent.split("-")[0]:
        raise ContentRefused(
            f"the store says that it received other bytes for {key} than were sent",
            "does a proxy or a faulty machine stand in between? The object is not counted as stored",
        )


def hash_told(answered: str | None) -> str | None:
    """The SHA-256 (hex) of a whole object as an answer tells it; None where it tells none, or one made of those of its parts."""
    if not answered or "-" in answered:
        return None
    return b64decode(answered).hex()


def _digest(buffers: list[memoryview]) -> bytes:
    running = hashlib.sha256()
    for view in buffers:
        running.update(view)
    return running.digest()


def _text(digest: bytes) -> str:
    return b64encode(digest).decode()
