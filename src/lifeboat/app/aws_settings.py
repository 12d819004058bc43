"""How the bucket is arranged at AWS, and what is watched there, as somebody said it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lifeboat.retention.periods import LOCK

LOCK_DAYS = LOCK.days
PRESETS = ("mission", "hours", "cheapest")
"""Sets of age rules by name; what they are stands in ``cloud/lifecycle/presets.py``."""


@dataclass(frozen=True, slots=True)
class AwsSettings:
    """Section ``[aws]``; docs/operations.md says what each is for."""

    account: str | None = None
    """Twelve digits: whose the bucket must be; None: whose the credentials are."""
    log_bucket: str | None = None
    """Where the bucket's access log goes; None: ``<bucket>-logs``; empty: it is not kept."""
    encryption: Literal["aes256", "kms"] = "aes256"
    kms_key: str | None = None
    """Full ARN of the key, with ``kms``."""
    object_lock: Literal["off", "governance", "compliance"] = "off"
    lock_days: int = LOCK_DAYS
    """Days after the end of a generation until which its packs are locked."""
    custodians: tuple[str, ...] = ()
    """ARNs of users and roles: nobody else may delete, by the bucket's own policy; empty: whoever has the right."""
    lifecycle: str | Path = "mission"
    """One of ``PRESETS``, ``off``, or a file with rules as S3 takes them."""
    noncurrent_days: int = 35
    """How long what was deleted or overwritten can be brought back, where versions are kept."""
    tags: tuple[tuple[str, str], ...] = field(default=(("app", "lifeboat"),))
    cloudwatch: bool = False
    """Send metrics to CloudWatch, from `serve` and `alerts check`."""
    alarm_topic: str | None = None
    """ARN of the SNS topic that alarms and budget tell; None: ``lifeboat-alarms``, which is made."""
    retrieval: Literal["bulk", "standard", "expedited"] = "standard"
    """How fast archived packs are brought back, where a restore is not told otherwise."""
    prices: Path | None = None
    """A file of prices that win over the ones that come along."""
