"""The table ``[aws]`` of ``lifeboat.toml``."""

from pathlib import Path

from lifeboat.app.aws_settings import LOCK_DAYS, PRESETS, AwsSettings
from lifeboat.app.settings_file import SettingsFileInvalid
from lifeboat.app.settings_tables import AwsTable
from lifeboat.app.variables import absolute_path
from lifeboat.repository.locking import LEAST_DAYS


def read_aws(said: AwsTable, base: Path) -> AwsSettings:
    """Raises ``SettingsFileInvalid``. Args: base: the folder that relative paths are meant from."""
    if said.encryption == "kms" and not (said.kms_key or "").startswith("arn:"):
        raise SettingsFileInvalid(
            '[aws] encryption = "kms" needs kms_key, the full ARN of the key',
            'kms_key = "arn:aws:kms:REGION:ACCOUNT:key/ID"; an alias would be looked up in the account of whoever asks',
        )
    if said.object_lock != "off" and said.lock_days < LEAST_DAYS:
        raise SettingsFileInvalid(
            f"[aws] lock_days = {said.lock_days} is less than {LEAST_DAYS}: a lock could be over before its month is closed",
            f"set lock_days = {LEAST_DAYS} or more; {LOCK_DAYS} is the default",
        )
    return AwsSettings(
        account=said.account,
        log_bucket="" if said.log_bucket == "off" else said.log_bucket,
        encryption=said.encryption,
        kms_key=said.kms_key,
        object_lock=said.object_lock,
        lock_days=said.lock_days,
        custodians=tuple(said.custodians),
        lifecycle=_lifecycle(said.lifecycle, base),
        noncurrent_days=said.noncurrent_days,
        tags=tuple(sorted(said.tags.items())),
        cloudwatch=said.cloudwatch,
        alarm_topic=said.alarm_topic,
        retrieval=said.retrieval,
        prices=absolute_path(said.prices, base) if said.prices else None,
    )


def _lifecycle(text: str, base: Path) -> str | Path:
    if text in (*PRESETS, "off"):
        return text
    if not text.startswith("file:"):
        raise SettingsFileInvalid(
            f"[aws] lifecycle names no set of age rules: {text}",
            f'one of {", ".join(PRESETS)}, "off", or a file: lifecycle = "file:/etc/lifeboat/lifecycle.json"',
        )
    return absolute_path(text.removeprefix("file:"), base)
