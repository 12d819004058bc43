"""Metrics to CloudWatch: what ``alerts check`` and ``serve`` have just looked at, sent every five minutes at most."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from lifeboat.app.build import build_aws, build_state
from lifeboat.app.settings import S3Location, Settings
from lifeboat.cloud.watch.alarms import PERIOD_SECONDS
from lifeboat.cloud.watch.points import Point, Seen, SourceSeen, points, send
from lifeboat.foundation.errors import SettingsError
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.record import read_time, show_time
from lifeboat.services.alerts.condition import Condition
from lifeboat.services.alerts.facts import Facts

SENT = "cloudwatch.json"
DAY = timedelta(days=1)
EARLY_SECONDS = 30.0
"""A look that comes a little early is not put off to the next: else a period stays empty."""


def repository_named(settings: Settings) -> str:
    """The repository as metrics, alarms and budget name it. Raises ``SettingsError`` for a folder."""
    location = settings.need_repository()
    if not isinstance(location, S3Location):
        raise SettingsError(
            f"the repository {location} is a folder: CloudWatch and budgets are for s3://bucket/prefix",
            "`lifeboat alerts check` and a health check watch a folder just as well: docs/operations.md, section Alerts",
        )
    return str(location)


def seen_of(repository: str, facts: Facts, found: Sequence[Condition]) -> Seen:
    """What alert rules looked at, as CloudWatch takes it. Pure."""
    day_ago = facts.now - DAY
    runs = [
        one for one in facts.runs if one.job.startswith("backup") and one.ended is not None and one.ended >= day_ago
    ]
    lags = [one.lag_seconds for one in facts.archives if one.lag_seconds is not None]
    return Seen(
        repository,
        tuple(
            SourceSeen(
                one.name,
                None if one.newest_point is None else (facts.now - one.newest_point).total_seconds(),
                one.sizes[-1] if one.sizes else None,
            )
            for one in facts.sources
        ),
        sum(one.ok is True for one in runs),
        len(runs),
        None if facts.unreachable else sum(one.key.startswith("size-anomaly") for one in found),
        facts.stored_bytes,
        facts.cost_month,
        None if facts.verified is None else (facts.now - facts.verified).total_seconds(),
        max(lags, default=None),
    )


def tell_cloudwatch(
    settings: Settings, facts: Facts, found: Sequence[Condition], *, at_once: bool = False
) -> list[Point]:
    """Send what is due; returns what was sent. Raises ``CloudError``.

    Args:
        at_once: However short ago the last was.
    """
    repository, state = repository_named(settings), build_state(settings)
    last = _sent_at(state)
    if not at_once and last and 0 <= (facts.now - last).total_seconds() < PERIOD_SECONDS - EARLY_SECONDS:
        return []
    sent = points(seen_of(repository, facts, found))
    send(build_aws(settings), repository, sent, facts.now)
    state.write_json(SENT, {"at": show_time(facts.now)})
    return sent


def last_sent(settings: Settings) -> datetime | None:
    """When this machine last sent metrics."""
    return _sent_at(build_state(settings))


def _sent_at(state: LocalState) -> datetime | None:
    try:
        return read_time((state.read_json(SENT) or {})["at"])
    except (KeyError, TypeError, ValueError):
        return None
