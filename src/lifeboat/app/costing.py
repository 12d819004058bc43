"""What the copies cost: of the real repository, or of one that is only thought of; and what is remembered of it for pages and alerts.

Invariant: no page and no metric asks the store. ``look_again`` does, once a day, from `alerts check` and `serve`; all others read what it kept.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lifeboat.app.build import build_aws, build_journal, build_repository
from lifeboat.app.settings import S3Location, Settings
from lifeboat.cloud.cost.bill import Beside
from lifeboat.cloud.cost.cohort import Policy
from lifeboat.cloud.cost.coming import ArchiveGrowth, Growth
from lifeboat.cloud.cost.lying import Lying, gather
from lifeboat.cloud.cost.versions import Versions, read_versions
from lifeboat.cloud.lifecycle.bucket import read_bucket
from lifeboat.cloud.lifecycle.presets import PRESETS, preset
from lifeboat.cloud.lifecycle.rules import Lifecycle, LifecycleUnreadable, read_lifecycle
from lifeboat.cloud.prices.load import load_prices
from lifeboat.cloud.prices.prices import GB, MONTH_DAYS, Prices
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError, SettingsError
from lifeboat.foundation.value import Value
from lifeboat.operations.cost.measure import archive_growth, measure
from lifeboat.operations.cost.project import GB_A_NIGHT, Question, project
from lifeboat.operations.cost.report import CostReport
from lifeboat.repository.names import Class, Source, packs_prefix
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import read_time, show_time
from lifeboat.storage.errors import StorageDenied
from lifeboat.storage.object_store import StoredObject

OFF = "off"
OFF_WORDS = "no age rules: nothing is moved, prune alone deletes"
KEPT = "cost"
"""In the journal."""
LOOK_AFTER = timedelta(hours=20)
YEAR = 12
USUAL_METRICS, USUAL_ALARMS = 10, 10
"""What ``aws alarms`` sets up stays within the free tier."""


class NoPrice(SettingsError):
    """Nobody publishes a price for the place where the repository lies."""

    code = "no-price"


class CostRequest(Value):
    """What to project.

    Args:
        day_gb: What if so much were uploaded each day, and all of it kept as the age rules say?
        db_gb, files_gb: What if that much were backed up, compressed? change_percent: of it each day.
        policy: A set by name, ``off``, or a file; None: what the bucket does, else what the settings say.
        outside: Who verifies is not in AWS: downloads are billed.
    """

    months: int = 84
    day_gb: float | None = None
    db_gb: float | None = None
    files_gb: float | None = None
    change_percent: float = 2.0
    policy: str | None = None
    compare: bool = True
    prices: Path | None = None
    outside: bool = False

    @property
    def is_what_if(self) -> bool:
        return not self.day_gb is self.db_gb is self.files_gb is None


class Costing:
    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    def report(self, request: CostRequest) -> CostReport:
        """Raises ``NoPrice``, ``PriceFileInvalid``, ``LifecycleUnreadable``."""
        prices = load_prices(self._region(), request.prices or self._settings.aws.prices)
        question = self._what_if(request, prices) if request.is_what_if else self._real(request, prices)
        policy, words = self._policy(request, question.prefix)
        others = list(self._others(question.prefix)) if request.compare else []
        return project(question, policy, words, others)

    def remembered(self) -> "CostRemembered | None":
        """What the last look kept on this machine; None: nobody has looked yet."""
        try:
            said = build_journal(self._settings).kept(KEPT)
            return CostRemembered(
                read_time(said["at"]), said["now"], said["month"], said["year"], said["policy"], said["prices"]
            )
        except (LifeboatError, TypeError, KeyError, ValueError):
            return None

    def look_again(self) -> "CostRemembered | None":
        """The same, looked at anew where it is old. Never raises what is a matter of costs: a backup is worth more."""
        known = self.remembered()
        if not self._has_price():
            return None
        if known is not None and timedelta() <= self._clock.now() - known.at < LOOK_AFTER:
            return known
        with suppress(LifeboatError):
            self.remember(self.report(CostRequest(months=YEAR, compare=False)))
        return self.remembered()

    def remember(self, report: CostReport) -> None:
        """Keep the main figures of the real repository."""
        months = report.policy.months
        value = {
            "at": show_time(self._clock.now()),
            "now": None if report.now is None else report.now.dollars,
            "month": months[0].dollars,
            "year": months[min(YEAR, len(months)) - 1].dollars,
            "policy": report.policy.name,
            "prices": report.prices,
        }
        with suppress(LifeboatError):
            build_journal(self._settings).keep(KEPT, value)

    def _region(self) -> str | None:
        if isinstance(self._settings.repository.location, S3Location):
            return build_aws(self._settings).region
        return self._settings.repository.region

    def _has_price(self) -> bool:
        said = self._settings
        at_amazon = isinstance(said.repository.location, S3Location) and said.repository.endpoint_url is None
        return at_amazon or said.aws.prices is not None

    def _what_if(self, request: CostRequest, prices: Prices) -> Question:
        settings, growths, archive = self._settings, list[Growth](), None
        share = request.change_percent / 100
        if request.db_gb is not None:
            size = request.db_gb * GB
            growths.append(Growth(Source.MONGODB, size, size * share, 24.0))
            if settings.serve.stream:
                archive = ArchiveGrowth(size * share, 86_400 / settings.stream.every_seconds)
        if request.files_gb is not None:
            growths.append(Growth(Source.FILES, request.files_gb * GB, request.files_gb * GB * share, 1.0))
        day_bytes = None if request.day_gb is None else request.day_gb * GB
        basis = f"what if {request.day_gb:g} GB were uploaded every day?" if request.day_gb is not None else (
            f"what if backups were of this size, and {request.change_percent:g} % of it changed every day?"
        )  # fmt: skip
        return replace(
            self._base(request, prices),
            growths=tuple(growths),
            archive=archive,
            day_bytes=day_bytes,
            gb_a_night=0.0 if request.day_gb is not None else self._reading()[0],
            basis=basis,
        )

    def _real(self, request: CostRequest, prices: Prices) -> Question:
        location = self._settings.need_repository()
        if not self._has_price() and request.policy is None and request.prices is None:
            what = "a folder" if isinstance(location, Path) else "not at Amazon"
            raise NoPrice(
                f"there is no price for {location}: it is {what}",
                "what would it cost in S3? `lifeboat cost --policy mission`; or a price list: --prices FILE",
            )
        repository = build_repository(self._settings, self._clock)
        now = repository.store.time_there()
        measured = measure(repository.snapshots(), repository.label_of, now)
        lying, exact = _lying(repository)
        prefix = f"{location.prefix}/" if isinstance(location, S3Location) and location.prefix else ""
        return replace(
            self._base(request, prices),
            begin=now,
            subject=repository.store.describe(),
            prefix=prefix,
            growths=measured.growths,
            archive=archive_growth(lying, now),
            begun=measured.begun,
            lying=lying,
            lying_exact=exact,
            versions=self._versions(),
            noncurrent_days=self._settings.aws.noncurrent_days,
            gb_a_night=self._reading()[0],
            basis=measured.words,
        )

    def _base(self, request: CostRequest, prices: Prices) -> Question:
        """What any question says; of nothing yet."""
        said = self._settings
        usual = (USUAL_METRICS, USUAL_ALARMS) if said.aws.cloudwatch else (0, 0)
        return Question(
            subject="what if",
            begin=self._clock.now().astimezone(UTC),
            months=request.months,
            prices=prices,
            rules=said.retention,
            nights=self._reading()[1],
            outside=request.outside,
            beside=Beside(said.aws.encryption == "kms", *usual),
            budget=said.alerts.thresholds.cost_month,
        )

    def _reading(self) -> tuple[float, float]:
        """GB a night that the rolling verification reads at most, and on how many nights of a month."""
        when = dict(self._settings.serve.jobs).get("scrub", "")
        if when == OFF:
            return 0.0, 0.0
        fields = when.split()
        return GB_A_NIGHT, MONTH_DAYS / 7 if len(fields) == 5 and fields[4].isalnum() else MONTH_DAYS

    def _policy(self, request: CostRequest, prefix: str) -> tuple[Policy, str]:
        said = self._settings
        if request.policy is None and not request.is_what_if:
            there = self._bucket_policy()
            if there is not None:
                return there, "the bucket's own age rules"
        return self._named(request.policy or said.aws.lifecycle, prefix)

    def _named(self, chosen: str | Path, prefix: str) -> tuple[Policy, str]:
        said = self._settings
        if chosen == OFF:
            return Policy(OFF, Lifecycle(), versions_kept=False), OFF_WORDS
        if isinstance(chosen, str) and chosen in PRESETS:
            rules = preset(chosen, prefix.rstrip("/"), said.retention, said.aws.noncurrent_days)
            return Policy(chosen, rules), PRESETS[chosen].words
        path = Path(chosen)
        try:
            value = json.loads(path.read_text())
        except (OSError, ValueError, RecursionError) as error:
            why = (error.strerror or str(error)).lower() if isinstance(error, OSError) else "it is no JSON"
            names = ", ".join((*PRESETS, OFF))
            raise LifecycleUnreadable(
                f"the age rules in {path} cannot be read: {why}", f"one of {names}, or a file with S3's JSON"
            ) from error
        if not isinstance(value, dict):
            raise LifecycleUnreadable(f"the age rules in {path} are no JSON object", 'the form is {"Rules": [...]}')
        return Policy(path.name, read_lifecycle(value)), f"the rules in {path}"

    def _others(self, prefix: str) -> Iterator[tuple[Policy, str]]:
        for name in (*PRESETS, OFF):
            yield self._named(name, prefix)

    def _bucket_policy(self) -> Policy | None:
        """What the bucket does by itself; None where it says nothing, or may not be asked."""
        location = self._settings.repository.location
        if not isinstance(location, S3Location):
            return None
        try:
            there = read_bucket(build_aws(self._settings), location.bucket)
        except LifeboatError:
            return None
        if not there.lifecycle.rules:
            return None
        return Policy("the bucket's", there.lifecycle, there.versions_kept)

    def _versions(self) -> Versions | None:
        """What was deleted and is billed still; None for a folder, and where it may not be listed."""
        location = self._settings.repository.location
        if not isinstance(location, S3Location):
            return None
        try:
            prefix = f"{location.prefix}/" if location.prefix else ""
            return read_versions(build_aws(self._settings), location.bucket, prefix)
        except LifeboatError:
            return None


class CostRemembered(Value):
    """Dollars a month. Args: now: Storage of what lies there. month: All of this month. year: Of the month in a year."""

    at: datetime
    now: float | None
    month: float
    year: float
    policy: str
    prices: str


def _lying(repository: Repository) -> tuple[Lying, bool]:
    """What is listed, else what the records say."""
    try:
        return gather(repository.store.list_under("")), True
    except StorageDenied:
        return gather(
            StoredObject(
                packs_prefix(Source(one.source), Class(one.class_), one.generation) + one.snapshot,
                one.stored_bytes,
                one.finished,
            )
            for one in repository.snapshots()
        ), False
