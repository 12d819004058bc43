"""Encryption by S3, below Lifeboat's own.

Source: Amazon S3 User Guide, "Setting default server-side encryption behavior" and "Blocking or unblocking SSE-C".
"""

from typing import Any

from lifeboat.cloud.bucket.calls import BucketCalls
from lifeboat.cloud.bucket.step import NOTHING, BucketStep, switched
from lifeboat.cloud.errors import CloudDenied, CloudError, CloudRefused, in_cloud_words
from lifeboat.cloud.steps import Difference, Looked

NONE_SET = ("ServerSideEncryptionConfigurationNotFoundError",)
CUSTOMER_KEYS = "SSE-C"
_LOSING_IT = "who deletes the KMS key destroys every backup in the bucket, whatever Object Lock says"


class Encryption(BucketStep):
    """New objects are encrypted by S3 with its own keys, or with a KMS key; with keys of whoever writes by nobody."""

    name = "encryption"
    title = "encryption by S3"

    def __init__(self, calls: BucketCalls, kms_key: str | None) -> None:
        super().__init__(calls)
        self._key = kms_key
        self.why = (
            f"auditors ask for it beside Lifeboat's own encryption; {_LOSING_IT}"
            if kms_key
            else "auditors ask for it beside Lifeboat's own encryption, and objects under a stranger's key (SSE-C) could not be read"
        )

    def look(self) -> Looked:
        answer = self.calls.look("get_bucket_encryption", "look at the encryption", NONE_SET) or {}
        rules = answer.get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
        differences = [*compare(rules[0] if rules else {}, self._key), *self._key_trouble()]
        if any(one.what.startswith("the KMS key") for one in differences):
            return Looked(tuple(differences), only_by_hand=_HELP_WITH_KEY)
        if differences:
            return Looked(tuple(differences))
        return Looked(said=f"with {self._key}; {_LOSING_IT}" if self._key else "with keys of S3 (SSE-S3)")

    def change(self) -> None:
        default: dict[str, Any] = {"SSEAlgorithm": "AES256"}
        rule: dict[str, Any] = {"ApplyServerSideEncryptionByDefault": default}
        if self._key:
            default.update(SSEAlgorithm="aws:kms", KMSMasterKeyID=self._key)
            rule["BucketKeyEnabled"] = True  # else every object costs a request to KMS
        try:
            self._put({**rule, "BlockedEncryptionTypes": {"EncryptionType": [CUSTOMER_KEYS]}})
        except CloudRefused:
            if self.calls.aws.is_amazon:
                raise
            self._put(rule)  # a server that does not know how to refuse SSE-C

    def _put(self, rule: dict[str, Any]) -> None:
        self.calls.change(
            "put_bucket_encryption", "set the encryption", ServerSideEncryptionConfiguration={"Rules": [rule]}
        )

    def _key_trouble(self) -> list[Difference]:
        """A key that is going, or lies elsewhere; where KMS may not be asked, nothing."""
        if not self._key:
            return []
        region = self._key.split(":")[3]
        if self.calls.aws.is_amazon and self.calls.region and region != self.calls.region:
            return [Difference("the KMS key's region", region, f"{self.calls.region}, as the bucket")]
        try:
            with in_cloud_words("kms", "look at the KMS key"):
                answer = self.calls.aws.client("kms", region).describe_key(KeyId=self._key)
        except CloudDenied:
            return []
        except CloudError as error:
            return [Difference("the KMS key", error.message, "there, and enabled")]
        state = answer["KeyMetadata"].get("KeyState", "Enabled")
        return [] if state == "Enabled" else [Difference("the KMS key", state, "Enabled")]


_HELP_WITH_KEY = (
    "mend the key, or name another one under [aws] in lifeboat.toml; one that waits to be deleted is saved by "
    "`aws kms cancel-key-deletion --key-id ARN` and `aws kms enable-key --key-id ARN`"
)


def compare(rule: dict[str, Any], kms_key: str | None) -> list[Difference]:
    """What is otherwise in the rule that S3 shows; empty: it shows none."""
    default = rule.get("ApplyServerSideEncryptionByDefault", {})
    algorithm, key = default.get("SSEAlgorithm", NOTHING), default.get("KMSMasterKeyID", NOTHING)
    wanted = "aws:kms" if kms_key else "AES256"
    found = [] if algorithm == wanted else [Difference("encryption", algorithm, wanted)]
    if kms_key and key != kms_key:
        found.append(Difference("key", key, kms_key))
    if kms_key and not rule.get("BucketKeyEnabled"):
        found.append(Difference("bucket key", switched(False), switched(True)))
    blocked = rule.get("BlockedEncryptionTypes")  # where the server does not show it, it cannot be compared
    if blocked is not None and CUSTOMER_KEYS not in blocked.get("EncryptionType", []):
        found.append(Difference("customer keys (SSE-C)", "taken", "refused"))
    return found
