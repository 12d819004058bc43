"""What ``[alerts]`` in lifeboat.toml says: how much is too much, and when nobody is to be woken."""

from lifeboat.app.settings import AlertSettings
from lifeboat.app.settings_file import SettingsFileInvalid
from lifeboat.app.settings_tables import AlertsTable
from lifeboat.services.alerts.quiet import QuietHours
from lifeboat.services.alerts.thresholds import Thresholds


def read_alerts(table: AlertsTable) -> AlertSettings:
    """Raises ``SettingsFileInvalid``."""
    thresholds = Thresholds(
        newest_seconds=table.newest,
        archive_lag_seconds=table.archive_lag,
        verify_seconds=table.verify,
        rehearsal_seconds=table.rehearsal,
        replica_seconds=table.replica,
        growth_factor=table.growth_factor,
        cost_month=table.cost_month,
        disk_free_share=table.disk_free_percent / 100,
    )
    if table.quiet_from is None or table.quiet_until is None:
        return AlertSettings(thresholds)
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        zone = ZoneInfo(table.quiet_zone) if table.quiet_zone else None
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise SettingsFileInvalid(
            f"[alerts] quiet_zone names no time zone: {table.quiet_zone}", 'write it like "Asia/Riyadh"'
        ) from error
    return AlertSettings(thresholds, QuietHours(_minute(table.quiet_from), _minute(table.quiet_until), zone))


def _minute(text: str) -> int:
    hour, _, minute = text.partition(":")
    return int(hour) * 60 + int(minute)
