"""Build the connection to S3 out of settings.

Invariant: the client never repeats a request by itself. A repeated write that had landed is answered like a taken
name, and only ``RetryingStore``, which knows how often it tried, can tell the two apart.
"""

from typing import TYPE_CHECKING, Any, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.secret import Secret
from lifeboat.foundation.value import Value
from lifeboat.storage.object_lock import ObjectLock

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

CONNECT_SECONDS = 10
"""Longer than three lost SYN packets (1 + 2 + 4 s); an address nobody answers at is then reported soon."""
ANSWER_SECONDS = 60
"""Between two bytes, not for the whole answer: completing a large upload may keep silent for long."""

SENT_AT_ONCE_BYTES = 1024 * 1024

ChecksumMode = Literal["when_required", "when_supported"]


class S3Settings(Value):
    """Everything needed to reach one prefix of one bucket.

    Args:
        bucket: Its name.
        prefix: Where in it the repository lies, without slashes at either end; empty for the bucket itself.
        region: Region code; None lets the AWS settings of the machine decide.
        endpoint_url: Address of an S3 that is not Amazon's; buckets are then named in the path.
        access_key_id: With the secret key; None for both looks in the places where AWS tools look.
        checksum_mode: ``"when_required"`` leaves out the CRC headers that many other stores refuse. A SHA-256 is sent
            with every object all the same.
        connections: As many as there are threads that use the store, or more.
        part_bytes: Objects larger than this go up in parts of this size; it also bounds what one request loses.
        lock: How what is written is locked; None: not at all.
    """

    bucket: str
    prefix: str = ""
    region: str | None = None
    endpoint_url: str | None = None
    access_key_id: Secret | None = None
    secret_access_key: Secret | None = None
    session_token: Secret | None = None
    checksum_mode: ChecksumMode = "when_required"
    connections: int = 32
    part_bytes: int = 64 * 1024 * 1024
    lock: ObjectLock | None = None


def make_client(settings: S3Settings) -> "S3Client":
    """Connect to nothing yet; raises ``SettingsError`` for what can be seen to be wrong without asking."""
    config = Config(  # type: ignore[call-arg]
        connect_timeout=CONNECT_SECONDS,
        read_timeout=ANSWER_SECONDS,
        max_pool_connections=settings.connections,
        tcp_keepalive=True,
        retries={"mode": "standard", "total_max_attempts": 1},
        request_checksum_calculation=settings.checksum_mode,
        response_checksum_validation=settings.checksum_mode,
        s3={"addressing_style": "path" if settings.endpoint_url else "auto"},
        user_agent_appid="lifeboat",
    )
    try:
        client = boto3.session.Session().client(
            "s3",
            region_name=settings.region or None,
            endpoint_url=settings.endpoint_url,
            aws_access_key_id=_revealed(settings.access_key_id),
            aws_secret_access_key=_revealed(settings.secret_access_key),
            aws_session_token=_revealed(settings.session_token),
            config=config,
        )
        client.meta.events.register_last("before-call.s3", _send_small_bodies_at_once)
        return client
    except (BotoCoreError, ValueError) as error:
        raise SettingsError(
            f"the settings for s3://{settings.bucket} cannot be used: {str(error).rstrip('.')}",
            "check AWS_REGION, AWS_ENDPOINT_URL, AWS_PROFILE and the key pair",
        ) from error


def _send_small_bodies_at_once(params: dict[str, Any], **_: Any) -> None:
    """The client asks before each body whether it is wanted (100 Continue), one more way there and back: worth it for a pack alone."""
    if int(params["headers"].get("Content-Length", SENT_AT_ONCE_BYTES + 1)) <= SENT_AT_ONCE_BYTES:
        params["headers"].pop("Expect", None)


def _revealed(secret: Secret | None) -> str | None:
    return secret.reveal() if secret else None
