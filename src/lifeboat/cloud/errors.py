"""What AWS's control plane refuses, in our words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lifeboat.foundation.errors import StorageError

if TYPE_CHECKING:
    from botocore.exceptions import ClientError


class CloudError(StorageError):
    """AWS does not do what it was asked."""

    code = "cloud-error"


class CloudDenied(CloudError):
    """A right is missing. Args: right: its name in policies, such as ``s3:PutBucketVersioning``."""

    code = "cloud-denied"

    def __init__(self, message: str, hint: str = "", right: str = "") -> None:
        super().__init__(message, hint)
        self.right = right


class CloudMissing(CloudError):
    """What was asked about is not there."""

    code = "cloud-missing"


class CloudRefused(CloudError):
    """AWS finds the request itself wrong; its own sentence is repeated."""

    code = "cloud-refused"


class PolicyUnreadable(CloudError):
    """A policy that lies there already is not written as AWS writes one, so nothing can be put beside what it says."""

    code = "policy-unreadable"


class CloudNotOffered(CloudError):
    """The server at this address does not know the call: it is not Amazon's, or older."""

    code = "cloud-not-offered"


class CloudUnreachable(CloudError):
    """No answer."""

    code = "cloud-unreachable"
    worth_retrying = True


_DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation", "AllAccessDisabled"}
_WHO = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidClientTokenId", "ExpiredToken", "ExpiredTokenException"}
_NOT_OFFERED = {"NotImplemented", "MethodNotAllowed", "UnknownOperationException", "InvalidAction"}
_RIGHTS = {
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:HeadObject": "s3:GetObject",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:DeleteBucketLifecycle": "s3:PutLifecycleConfiguration",
    "s3:GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "s3:PutObjectLockConfiguration": "s3:PutBucketObjectLockConfiguration",
    "s3:GetBucketReplication": "s3:GetReplicationConfiguration",
    "s3:GetBucketAccelerateConfiguration": "s3:GetAccelerateConfiguration",
    "s3:GetBucketCors": "s3:GetBucketCORS",
    "s3:ListBuckets": "s3:ListAllMyBuckets",
    "s3:CopyObject": "s3:GetObject and s3:PutObject",
    "s3control:GetPublicAccessBlock": "s3:GetAccountPublicAccessBlock",
    "s3control:PutPublicAccessBlock": "s3:PutAccountPublicAccessBlock",
    "budgets:DescribeBudget": "budgets:ViewBudget",
    "budgets:DescribeBudgets": "budgets:ViewBudget",
    "budgets:CreateBudget": "budgets:ModifyBudget",
    "budgets:UpdateBudget": "budgets:ModifyBudget",
}
"""Where the right is not called as the call is (AWS's service authorization reference)."""


def right_of(service: str, operation: str) -> str:
    """The right that a call needs, as policies name it: ``right_of("s3", "PutBucketEncryption")``."""
    return _RIGHTS.get(f"{service}:{operation}", f"{service}:{operation}")


@contextmanager
def in_cloud_words(service: str, action: str) -> Iterator[None]:
    """Turn what AWS refuses inside into an error of ours. Args: action: as in ``"turn on versioning of my-bucket"``."""
    from botocore import exceptions as boto

    try:
        yield
    except boto.ClientError as error:
        raise _in_our_words(service, action, error) from error
    except boto.BotoCoreError as error:
        text = str(error).split("\n")[0].rstrip(".")
        kind = CloudUnreachable if isinstance(error, boto.HTTPClientError | boto.ConnectionError) else CloudError
        if isinstance(error, boto.NoCredentialsError | boto.PartialCredentialsError):
            kind = CloudDenied
        raise kind(
            f"cannot {action}: {text[:1].lower()}{text[1:300]}", "check the network, the key pair and AWS_REGION"
        ) from error


def code_of(error: BaseException | None) -> str:
    """AWS's own name of a failure; empty for what is none of AWS's."""
    from botocore.exceptions import ClientError

    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def _in_our_words(service: str, action: str, error: "ClientError") -> CloudError:
    code = code_of(error)
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    told = str(error.response.get("Error", {}).get("Message", ""))
    said = "".join(one for one in told if one.isprintable())[:300].strip().rstrip(".")
    quoted = f"AWS says: {said}" if said and not said.isdigit() else ""
    if code in _WHO:
        return CloudDenied(f"cannot {action}: the credentials are not valid ({code})", f"check the key pair. {quoted}")
    if code in _DENIED or status == 403:
        right = right_of(service, error.operation_name)
        return CloudDenied(
            f"cannot {action}: the right {right} is missing", f"ask an administrator for it. {quoted}".rstrip(), right
        )
    if code in _NOT_OFFERED or status in (405, 501):
        return CloudNotOffered(f"cannot {action}: the server at this address does not offer that", quoted)
    if status == 404 or code.startswith("NoSuch") or code.endswith(("NotFound", "NotFoundException")):
        return CloudMissing(f"cannot {action}: there is none ({code})", quoted)
    if status >= 500 or code in ("SlowDown", "Throttling", "OperationAborted"):
        return CloudUnreachable(f"cannot {action}: AWS cannot serve now ({code})", "try again in a minute")
    return CloudRefused(f"cannot {action}: {code}", quoted)
