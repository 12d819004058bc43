"""Times as the journal keeps them: UTC with microseconds, so that they sort as texts."""

from datetime import UTC, datetime


def as_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def from_text(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
