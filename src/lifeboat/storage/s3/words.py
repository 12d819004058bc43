"""What S3 and the way to it answer, in our words.

Every code that is not in the table counts by its HTTP status: 5xx and 429 may pass, the rest will not. The cloud's
own sentence is kept in the hint: it names the policy that refused, and never holds a secret.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from botocore import exceptions as boto
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import StorageError
from lifeboat.foundation.sizes import show_seconds
from lifeboat.storage.archive import ExpeditedUnavailable
from lifeboat.storage.errors import (
    BucketMissing,
    ClockSkewed,
    ContentRefused,
    LockNotOffered,
    ObjectArchived,
    ObjectExists,
    ObjectMissing,
    ObjectTooShort,
    StorageBusy,
    StorageDenied,
    StorageFull,
    StorageUnreachable,
    TierArchived,
)

_KEYS = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, in the environment or in .env"
_REGION = "set AWS_REGION to the region where the bucket lies"

MEANING: dict[str, tuple[type[StorageError], str, str]] = {
    "NoSuchKey": (ObjectMissing, "there is no such object", "was it deleted, expired or never written?"),
    "NoSuchVersion": (ObjectMissing, "there is no such version", ""),
    "NoSuchBucket": (
        BucketMissing,
        "the bucket does not exist",
        "check S3_BACKUP_BUCKET and AWS_REGION, or make it: `lifeboat aws setup`",
    ),
    "InvalidBucketName": (BucketMissing, "this cannot be the name of a bucket", "check S3_BACKUP_BUCKET"),
    "PreconditionFailed": (ObjectExists, "the name is taken", ""),
    "ConditionalRequestConflict": (StorageBusy, "another writer is at the same name", ""),
    "OperationAborted": (StorageBusy, "another change of the bucket is under way", ""),
    "AccessDenied": (StorageDenied, "this right is missing", "does a policy of the user, role or bucket refuse it?"),
    "AllAccessDisabled": (StorageDenied, "all access to the bucket is switched off", ""),
    "AccountProblem": (StorageDenied, "the AWS account has a problem", "has it been suspended or not been paid?"),
    "InvalidAccessKeyId": (StorageDenied, "nobody has this access key", _KEYS),
    "SignatureDoesNotMatch": (StorageDenied, "the secret key does not belong to the access key", _KEYS),
    "ExpiredToken": (StorageDenied, "the temporary credentials have expired", "sign in again or renew them"),
    "InvalidToken": (StorageDenied, "the session token is not valid", "check AWS_SESSION_TOKEN, or unset it"),
    "KMS.DisabledException": (StorageDenied, "the bucket's KMS key is disabled", "enable the key in AWS KMS"),
    "InvalidObjectState": (
        ObjectArchived,
        "the object lies in an archive class",
        "`lifeboat retrieve` tells how long it takes to bring a snapshot back, and what it costs",
    ),
    "ObjectNotInActiveTierError": (
        ObjectArchived,
        "what is to be copied lies in an archive class",
        "`lifeboat retrieve` tells how long it takes to bring a snapshot back, and what it costs",
    ),
    "GlacierExpeditedRetrievalNotAvailable": (
        ExpeditedUnavailable,
        "there is no room for expedited retrievals now",
        "ask at another tier, `--tier standard`, or try again in an hour",
    ),
    "InvalidRange": (ObjectTooShort, "the object ends before the span", ""),
    "BadDigest": (ContentRefused, "other bytes arrived than were sent", ""),
    "InvalidDigest": (ContentRefused, "the checksum was not understood", ""),
    "XAmzContentSHA256Mismatch": (ContentRefused, "other bytes arrived than were sent", ""),
    "XAmzContentChecksumMismatch": (ContentRefused, "other bytes arrived than were sent", ""),
    "IncompleteBody": (StorageBusy, "the request was cut off", ""),
    "RequestTimeout": (StorageBusy, "the request came too slowly", ""),
    "SlowDown": (StorageBusy, "the store asks for fewer requests", ""),
    "ServiceUnavailable": (StorageBusy, "the store cannot serve now", ""),
    "InternalError": (StorageBusy, "the store failed inside", ""),
    "NoSuchUpload": (StorageBusy, "the upload in parts is gone", "does a lifecycle rule end uploads too early?"),
    "QuotaExceeded": (StorageFull, "the quota is used up", "raise the quota of the bucket or of its owner"),
    "InsufficientStorage": (StorageFull, "the store has no space left", "free or add space"),
    "XMinioStorageFull": (StorageFull, "the store has no space left", "free or add space"),
    "EntityTooLarge": (StorageFull, "the store refuses objects of this size", ""),
}

_BY_STATUS = {
    "403": "AccessDenied",
    "404": "NoSuchKey",
    "409": "ConditionalRequestConflict",
    "412": "PreconditionFailed",
    "416": "InvalidRange",
    "507": "InsufficientStorage",
}
_KIND_OF_STATUS: dict[int, type[StorageError]] = {
    401: StorageDenied,
    403: StorageDenied,
    404: ObjectMissing,
    412: ObjectExists,
    429: StorageBusy,
    507: StorageFull,
}

_RIGHTS = {
    "GetObject": "s3:GetObject",
    "HeadObject": "s3:GetObject",
    "ListObjectsV2": "s3:ListBucket",
    "ListObjectVersions": "s3:ListBucketVersions",
    "HeadBucket": "s3:ListBucket",
    "DeleteObject": "s3:DeleteObject",
    "CopyObject": "s3:GetObject on it, or s3:PutObject on its copy,",
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "RestoreObject": "s3:RestoreObject",
    "PutObjectRetention": "s3:PutObjectRetention",
}

_BY_HAND = (
    "no listing shows that, so Lifeboat does not bring it back: `aws s3api restore-object`, or AWS's S3 Batch Operations; "
    "then switch the archive tiers off for the bucket"
)

_WRONG_REGION = ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301")

_NO_S3 = "does an S3 answer at AWS_ENDPOINT_URL, or a proxy's page?"

_ON_THE_WAY: tuple[tuple[type[Exception], type[StorageError], str], ...] = (
    (boto.SSLError, StorageDenied, "the certificate of the store is not trusted: is AWS_ENDPOINT_URL right?"),
    (boto.EndpointConnectionError, StorageUnreachable, "is the network up, and AWS_ENDPOINT_URL or AWS_REGION right?"),
    (boto.ConnectTimeoutError, StorageUnreachable, "does a firewall stand between this machine and the store?"),
    (boto.ProxyConnectionError, StorageUnreachable, "check HTTPS_PROXY and NO_PROXY"),
    (boto.FlexibleChecksumError, ContentRefused, "what arrived has another checksum than what the store sent"),
    (boto.HTTPClientError, StorageBusy, "the connection broke or the store kept silent"),
    (boto.IncompleteReadError, StorageBusy, "the connection broke or the store kept silent"),
    (ResponseParserError, StorageBusy, _NO_S3),
    (boto.NoCredentialsError, StorageDenied, f"no credentials were found: {_KEYS}"),
    (boto.PartialCredentialsError, StorageDenied, f"half of the credentials is missing: {_KEYS}"),
    (boto.CredentialRetrievalError, StorageDenied, "the machine's credential helper failed: sign in again"),
    (boto.TokenRetrievalError, StorageDenied, "the sign-in has expired: sign in again"),
    (boto.SSOError, StorageDenied, "the sign-in has expired: aws sso login"),
    (boto.ParamValidationError, BucketMissing, "is S3_BACKUP_BUCKET the plain name of a bucket?"),
)


_STRANGE = (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RuntimeError)
"""What the driver, and whoever reads what it made of an answer, raises where that is not what S3 says: numbers that are none, dates of no
calendar, fields that are missing.
"""


@contextmanager
def in_our_words(action: str, thing: str, place: str, clock: Clock) -> Iterator[None]:
    """Turn what S3 or the way to it refuses inside into an error of ours; what it answers is to be read inside, too."""
    try:
        yield
    except ClientError as error:
        raise _answer_in_our_words(error, f"cannot {action} {thing} in {place}", clock) from error
    except (boto.BotoCoreError, ResponseParserError) as error:
        raise _failure_in_our_words(error, f"cannot {action} {thing} in {place}") from error
    except RecursionError as error:  # a redirect makes the driver ask where the bucket lies; that was redirected, too
        raise StorageUnreachable(
            f"cannot {action} {thing} in {place}: every request is sent elsewhere",
            "is AWS_ENDPOINT_URL the store's own address? The login page of a network answers like that, too",
        ) from error
    except _STRANGE as error:
        reason = "the answer makes no sense"
        raise StorageBusy(f"cannot {action} {thing} in {place}: {reason}", _NO_S3) from error


def next_page(page: Any, marks: dict[str, str], before: dict[str, Any]) -> dict[str, Any]:
    """What to ask for the next page of a listing with; empty where there is none.

    Args:
        marks: Parameter to the field of the answer that it is taken from.
        before: What this page was asked with.

    Raises:
        ValueError: The store says that there is more, and not where; or leads in a circle.
    """
    if not page.get("IsTruncated"):
        return {}
    found = {name: page.get(field, "") for name, field in marks.items()}
    if not any(found.values()) or found == before:
        raise ValueError("a listing without end")
    return found


def date_of(answer: Any) -> datetime | None:
    """When the store sent this answer, by its own clock; every answer tells, an error too."""
    stamp = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        found = parsedate_to_datetime(stamp)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, LookupError, OverflowError):
        return None


def code_of(error: ClientError) -> str:
    """S3's name of the error; answers to HEAD have no body and tell only their status."""
    code = str(error.response.get("Error", {}).get("Code", "")) or str(_status_of(error))
    return _BY_STATUS.get(code, code)


def is_not_implemented(error: BaseException | None) -> bool:
    """Whether the store says that it does not know a header that was sent."""
    return isinstance(error, ClientError) and _status_of(error) == 501


def _status_of(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _answer_in_our_words(error: ClientError, failed: str, clock: Clock) -> StorageError:
    code = code_of(error)
    if code in ("RequestTimeTooSkewed", "RequestExpired"):
        return _skew(error, failed, clock)
    if code in _WRONG_REGION:
        return StorageDenied(f"{failed}: {_region_of(error)}", _REGION)
    said = _said(error)
    if code == "InvalidRequest" and "objectlock" in said.replace(" ", "").lower():
        reason = "it is to be locked, and the bucket has no Object Lock"
        hint = 'run `lifeboat aws setup` with administrator\'s rights, or set object_lock = "off" under [aws]'
        return LockNotOffered(f"{failed}: {reason}", hint)
    if code == "InvalidObjectState" and error.response.get("Error", {}).get("StorageClass") == "INTELLIGENT_TIERING":
        return TierArchived(f"{failed}: the object lies in an archive tier of INTELLIGENT_TIERING", _BY_HAND)
    if code in MEANING:
        kind, reason, hint = MEANING[code]
        if kind is StorageDenied and code == "AccessDenied":
            right = _RIGHTS.get(error.operation_name, "s3:PutObject")
            if "PutObjectRetention" in said:
                right = "s3:PutObjectRetention"
            reason = f"the right {right} is missing"
            if right == "s3:GetObject":
                hint = "does a policy refuse it? Without s3:ListBucket a missing object is reported like this, too"
        return kind(f"{failed}: {reason}", f"{hint} {said}".strip() if kind is StorageDenied else hint)
    status = _status_of(error)
    otherwise = StorageBusy if status >= 500 and not is_not_implemented(error) else StorageError
    return _KIND_OF_STATUS.get(status, otherwise)(f"{failed}: the store answered {code}", said)


def _skew(error: ClientError, failed: str, clock: Clock) -> StorageError:
    there = date_of(error.response)
    hint = "set this machine's clock: timedatectl set-ntp true"
    if there is None:
        return ClockSkewed(f"{failed}: this machine's clock is wrong", hint)
    ahead_seconds = (clock.now() - there).total_seconds()
    side = "ahead of" if ahead_seconds > 0 else "behind"
    amount = show_seconds(abs(ahead_seconds))
    return ClockSkewed(f"{failed}: this machine's clock is {amount} {side} the store's", hint)


def _region_of(error: ClientError) -> str:
    told = error.response.get("Error", {})
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    region = str(told.get("Region", "") or headers.get("x-amz-bucket-region", ""))
    return f"the bucket lies in {region}" if region else "the bucket lies in another region"


def _said(error: ClientError) -> str:
    text = str(error.response.get("Error", {}).get("Message", ""))
    clean = "".join(character for character in text if character.isprintable())[:300].strip().rstrip(".")
    return f"(the store says: {clean})" if clean and not clean.isdigit() else ""


def _failure_in_our_words(error: Exception, failed: str) -> StorageError:
    for foreign, ours, hint in _ON_THE_WAY:
        if isinstance(error, foreign):
            return ours(f"{failed}: {_reason(error)}", hint)
    return StorageError(f"{failed}: {_reason(error)}", "")


def _reason(error: Exception) -> str:
    text = str(error).split("\n")[0].rstrip(".")
    return text[:1].lower() + text[1:300] if text[1:2].islower() else text[:300]
