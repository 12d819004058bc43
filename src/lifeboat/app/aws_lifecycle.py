"""Age rules for these settings: which are wanted, what is there, what they do to what is kept.

Composition only; what is decided stands in ``cloud/lifecycle`` and ``operations/age_needs.py``.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from lifeboat.app.build import build_aws, build_repository
from lifeboat.app.settings import S3Location, Settings
from lifeboat.cloud.errors import CloudDenied, CloudError, CloudMissing, CloudNotOffered
from lifeboat.cloud.lifecycle.bucket import BucketRules, read_bucket
from lifeboat.cloud.lifecycle.future import Habit, cohorts
from lifeboat.cloud.lifecycle.presets import own_ids, preset
from lifeboat.cloud.lifecycle.prove import Place, is_finer, prove, restorable_at_once_days
from lifeboat.cloud.lifecycle.rules import Lifecycle, LifecycleUnreadable, Rule, read_lifecycle, write_lifecycle
from lifeboat.cloud.lifecycle.simulate import DAY, Month, simulate
from lifeboat.cloud.lifecycle.step import LifecycleStep, Wanted, is_problem, of_file
from lifeboat.cloud.lifecycle.validate import Refusal, read_json, validate
from lifeboat.cloud.lifecycle.words import what_it_does, what_it_means
from lifeboat.cloud.session import Aws
from lifeboat.cloud.steps import Step
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import KeyTrouble, LifeboatError, SettingsError, StorageError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress, Silent
from lifeboat.foundation.value import Value
from lifeboat.operations.age_needs import Needs, habits_of, needs
from lifeboat.repository.errors import NoRepository
from lifeboat.repository.open_repository import Repository
from lifeboat.storage.errors import BucketMissing

UNREAD, MISSING, ALONE = "catalog-not-whole", "packs-missing", "copies-not-seen"


class RuleRow(Value):
    """One rule in words. Args: ours: arranged by Lifeboat; else it is kept as it is."""

    id: str
    ours: bool
    meant: str
    does: str


class LifecycleReport(Value):
    """Age rules and what they do to what is kept."""

    subject: str
    """``"the bucket my-backups"``, or the file."""
    rules: tuple[RuleRow, ...]
    refusals: tuple[Refusal, ...]
    """Why S3 would not take them."""
    findings: tuple[Finding, ...]
    kept: int
    """Snapshots that the retention rules keep."""
    objects: int
    """Packs and segments that these need."""
    at_once_days: int | None
    """Monthly copies up to this age are in no archive; None: none ever is."""
    versions_kept: bool
    locked: bool | None
    wanted: str = ""
    """Of a plan: the set or file it follows."""
    json: dict[str, Any] | None = None
    """Of a plan: everything that will be in the bucket, as S3 takes it."""

    @property
    def is_well(self) -> bool:
        return not self.refusals and not is_problem(self.findings)


class LostCopies(Value):
    """Copies that rules hid or removed while they were needed. Args: copies: ``"mongodb monthly 2026-01"``."""

    copies: str
    at: datetime


class SimulationReport(Value):
    """Age rules at work. Args: measured: the sizes are those of this repository; else they are made up."""

    subject: str
    years: int
    stop_after: int | None
    habits: tuple[Habit, ...]
    measured: bool
    months: tuple[Month, ...]
    lost: tuple[LostCopies, ...]


class AwsLifecycle:
    """Age rules of the bucket that the settings name.

    Args:
        opened: The repository, where it is open already.
        quick: List packs only where rules could do harm; see ``needs``.
        chosen: A set, instead of the one in the settings.
        drop: Ids of somebody else's rules that are to go.

    Raises:
        SettingsError: The repository is no bucket.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        progress: Progress | None = None,
        *,
        opened: Repository | None = None,
        quick: bool = False,
        chosen: str | None = None,
        drop: Collection[str] = (),
    ) -> None:
        location = settings.need_repository()
        if not isinstance(location, S3Location):
            raise SettingsError(
                f"the repository {location} is a folder: age rules are for s3://bucket/prefix",
                "prune removes in a folder",
            )
        self._settings, self._clock, self._progress = settings, clock, progress or Silent()
        self._location, self._opened, self._drop = location, opened, frozenset(drop)
        self._quick = quick
        self._chosen: str | Path = chosen or settings.aws.lifecycle
        self._aws: Aws = build_aws(settings)
        self._needs: tuple[tuple[Lifecycle, ...], Needs] | None = None

    @property
    def subject(self) -> str:
        return f"the age rules of {self._location.bucket}"

    @property
    def prefix(self) -> str:
        """Of the repository in its bucket."""
        return self._location.prefix

    def step(self) -> LifecycleStep:
        """For ``lifeboat aws setup`` and ``lifeboat aws lifecycle apply``."""
        return LifecycleStep(self._aws, self._location.bucket, self.wanted, self.proof)

    def steps(self) -> list[Step]:
        """The step alone, of a bucket that is there. Raises ``CloudError``."""
        self.read()
        return [self.step()]

    def read(self) -> BucketRules:
        """What the bucket says. Raises ``CloudError``, ``LifecycleUnreadable``."""
        try:
            return read_bucket(self._aws, self._location.bucket)
        except CloudMissing as error:
            raise CloudMissing(
                f"there is no bucket {self._location.bucket}", "`lifeboat aws setup` makes it"
            ) from error

    def check(self, file: Path | None = None) -> LifecycleReport:
        """Judge the bucket's rules, or those of a file as if they were the bucket's."""
        if file is None:
            there = self.read()
            return self._report(self.subject, there.lifecycle, there)
        said = _read_file(file)
        refusals = validate(said)
        lifecycle = _as_meant(said)
        there = BucketRules(Lifecycle())
        nothing = ((lifecycle or Lifecycle(),), Needs(self._clock.now(), 0, ()))
        alone: LifeboatError | None = None
        try:
            there = self.read()
        except CloudMissing:
            pass  # the bucket is still to be made
        except (CloudDenied, CloudNotOffered) as error:
            alone = error
        except CloudError as error:
            alone, self._needs = error, nothing  # who is away is not asked for copies
        if lifecycle is None:
            return LifecycleReport(str(file), (), refusals, (), 0, 0, None, there.versions_kept, there.locked)
        try:
            report = self._report(str(file), lifecycle, there, refusals)
        except (StorageError, KeyTrouble) as error:
            alone, self._needs = error, nothing
            report = self._report(str(file), lifecycle, there, refusals)
        if alone is None:
            return report
        message = f"judged by itself, not by what is stored: {alone.message}"
        return replace(
            report, findings=(*report.findings, Finding(Level.WARNING, ALONE, str(file), message, alone.hint))
        )

    def plan(self) -> LifecycleReport:
        """What is wanted beside what is somebody else's, and what that does to what is kept."""
        there = self.read()
        wanted = self.wanted(there)
        if wanted is None:
            return self._report(self.subject, there.lifecycle, there)
        whole, lifecycle = wanted.whole(there), wanted.whole_rules(there)
        report = self._report(self.subject, lifecycle, there, validate(whole))
        left_out = tuple(_left_out(wanted))
        return LifecycleReport(
            report.subject,
            report.rules,
            report.refusals,
            (*left_out, *report.findings),
            report.kept,
            report.objects,
            report.at_once_days,
            report.versions_kept,
            report.locked,
            wanted.name,
            whole,
        )

    def simulate(self, file: Path | None, years: int, stop_after: int | None) -> SimulationReport:
        """Years to come, under a file's rules, or those that are wanted beside somebody else's."""
        if file is not None:
            said, there, subject = _read_file(file), self._there_or_usual(), str(file)
            lifecycle = _as_meant(said)
            if lifecycle is None:
                raise LifecycleUnreadable(
                    f"{file} holds rules that S3 would not take", f"`lifeboat aws lifecycle check {file}`"
                )
        else:
            there = self.read()
            wanted = self.wanted(there)
            lifecycle = wanted.whole_rules(there) if wanted else there.lifecycle
            subject = f"the set {wanted.name}" if wanted else self.subject
        needed = self.needs([lifecycle])
        habits, measured = habits_of(needed)
        place = Place(self._location.prefix, self._settings.retention, needed.now)
        start, days = needed.now.replace(hour=0, minute=0, second=0, microsecond=0) + DAY, years * 365
        raw = {**write_lifecycle(lifecycle), "TransitionDefaultMinimumObjectSize": lifecycle.minimum}
        coming = cohorts(habits, needed.groups, place, days, stop_after)
        found = simulate(raw, coming, start, days, versions_kept=there.versions_kept)
        lost: dict[str, datetime] = {}
        for one in found.losses:
            lost.setdefault(one.cohort.copies or one.cohort.key, one.at)
        return SimulationReport(
            subject,
            years,
            stop_after,
            tuple(habits),
            measured,
            found.months,
            tuple(LostCopies(*row) for row in lost.items()),
        )

    def wanted(self, there: BucketRules) -> Wanted | None:
        """The set of the settings; without its expiry where that would eat what is kept. None: ``lifecycle = "off"``."""
        prefix, said = self._location.prefix, self._settings
        if self._chosen == "off":
            return None
        if isinstance(self._chosen, Path):
            raw = _read_file(self._chosen)
            lifecycle = read_lifecycle(raw if isinstance(raw, dict) else {})
            wanted = of_file(str(self._chosen), lifecycle, prefix)
            return Wanted(wanted.name, lifecycle, wanted.own, self._drop)
        name = str(self._chosen)
        make = partial(preset, name, prefix, said.retention, said.aws.noncurrent_days)
        lifecycle = make()
        found = self._prove(lifecycle, there, self.needs([lifecycle, there.lifecycle]))
        against = [one for one in found if one.level is Level.PROBLEM]
        if against:
            lifecycle = make(expires=False)
        return Wanted(name, lifecycle, own_ids(prefix), self._drop, tuple(against))

    def proof(self, lifecycle: Lifecycle, there: BucketRules) -> list[Finding]:
        """What these rules would do to what is kept, and what is gone already: then nothing is put, or the hidden bytes would go, too."""
        needed = self.needs([lifecycle, there.lifecycle])
        return [*_doubts(needed), *self._prove(lifecycle, there, needed)]

    def needs(self, lifecycles: Sequence[Lifecycle]) -> Needs:
        """What is kept, in groups fine enough for these rules; nothing where there is no repository yet."""
        known = self._needs[0] if self._needs else ()
        changed = self._quick and any(one not in known for one in lifecycles)  # what is listed hangs on the rules then
        if self._needs is None or changed or is_finer(lifecycles, known):
            self._needs = (*known, *lifecycles), self._look((*known, *lifecycles))
        return self._needs[1]

    def _look(self, lifecycles: tuple[Lifecycle, ...]) -> Needs:
        try:
            repository = self._opened = self._opened or build_repository(self._settings, self._clock)
        except (NoRepository, BucketMissing):
            return Needs(self._clock.now(), 0, ())
        said = self._settings.retention
        return needs(repository, said, self._location.prefix, lifecycles, self._progress, quick=self._quick)

    def _prove(self, lifecycle: Lifecycle, there: BucketRules, needed: Needs) -> list[Finding]:
        place = Place(
            self._location.prefix, self._settings.retention, needed.now, there.versions_kept, bool(there.locked)
        )
        return prove(lifecycle, needed.groups, place)

    def _report(
        self, subject: str, lifecycle: Lifecycle, there: BucketRules, refusals: tuple[Refusal, ...] = ()
    ) -> LifecycleReport:
        needed = self.needs([lifecycle])
        own = own_ids(self._location.prefix)
        return LifecycleReport(
            subject,
            tuple(_row(one, own) for one in lifecycle.rules),
            refusals,
            (*_doubts(needed), *self._prove(lifecycle, there, needed)),
            needed.kept,
            needed.packs,
            restorable_at_once_days(lifecycle, self._location.prefix),
            there.versions_kept,
            there.locked,
        )

    def _there_or_usual(self) -> BucketRules:
        """What else the bucket says; for one that is not there yet, what `aws setup` makes of it."""
        try:
            return self.read()
        except CloudError:
            return BucketRules(Lifecycle())


def _row(rule: Rule, own: Collection[str]) -> RuleRow:
    return RuleRow(rule.id, rule.id in own, what_it_means(rule), what_it_does(rule))


def _read_file(file: Path) -> object:
    try:
        return read_json(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LifecycleUnreadable(
            f"{file} holds no age rules: {str(error).rstrip('.')}", 'the form is {"Rules": [{"ID": ..., ...}]}, in JSON'
        ) from error


def _as_meant(said: object) -> Lifecycle | None:
    """Rules as whoever wrote them meant them, also where S3 would refuse them; None where that is not to be seen."""
    if not isinstance(said, dict) or not isinstance(said.get("Rules"), list):
        return None
    rules = [
        {("ID" if name == "Id" else name): value for name, value in one.items()} if isinstance(one, dict) else one
        for one in said["Rules"]
    ]
    try:
        return read_lifecycle({**said, "Rules": rules})
    except LifecycleUnreadable:
        return None


def _doubts(needed: Needs) -> list[Finding]:
    """What the proof cannot see: packs that are gone already, and catalogs that do not open."""
    found = [
        Finding(
            Level.PROBLEM,
            MISSING,
            place,
            f"{count:,} pack{'' if count == 1 else 's'} that kept snapshots need are not there: hidden by an age rule, or deleted",
            "where versions are kept, an administrator removes their delete markers before `noncurrent_days` are over; "
            "else take them from a second copy. `lifeboat verify` says what it hurts",
            hurts,
        )
        for place, count, hurts in needed.missing
    ]
    for where, why in needed.unread:
        message = f"{why}: every pack of its month is taken for needed"
        found.append(
            Finding(
                Level.WARNING, UNREAD, where, message, "run it with a key that opens it; `lifeboat verify` says more"
            )
        )
    return found


def _left_out(wanted: Wanted) -> list[Finding]:
    if not wanted.without_expiry:
        return []
    first = wanted.without_expiry[0]
    message = f"the set's expiry is left out, prune alone removes: it {first.message}"
    hurts = tuple(dict.fromkeys(hurt for one in wanted.without_expiry for hurt in one.hurts))
    hint = "back up again, or release what is kept on purpose; the next plan has the expiry again"
    return [Finding(Level.WARNING, "expiry-left-out", f"the set {wanted.name}", message, hint, hurts)]
