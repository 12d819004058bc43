"""Gathers what a compliance report rests on: from status, plan, drills, audit log, journal, doctor and settings.

Invariant: whatever goes wrong while one thing is looked at, the others are looked at all the same, and that one is not known.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from lifeboat.app.build import build_journal
from lifeboat.app.compliance_settings import ComplianceSettings
from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.plan_drills import every_of
from lifeboat.app.planning import Planning
from lifeboat.app.settings import S3Location, Settings
from lifeboat.cloud.regions import SAUDI_REGION
from lifeboat.evidence.compliance.facts import Fact
from lifeboat.evidence.plan.facts import PlanFacts
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Level
from lifeboat.foundation.sizes import show_seconds
from lifeboat.operations.drill.book import EXERCISE, DrillBook, DrillSummary
from lifeboat.operations.drill.calendar import due_of
from lifeboat.operations.drill.follow_ups import follow_ups
from lifeboat.operations.drill.scenario import RULES
from lifeboat.operations.erasing.load import all_erasures
from lifeboat.operations.reports.checks import CheckResult
from lifeboat.operations.reports.standing import StatusReport
from lifeboat.repository.ledger import Kind, Ledger
from lifeboat.repository.record import read_time

Found = tuple[str, bool | None, dict[str, Any]]
"""What was found, whether it holds, the values behind it."""
PRUNED_WITHIN = timedelta(days=31)
ENDED_WELL = (0, 5)
FULL_SCENARIOS = frozenset(str(name) for name, rules in RULES.items() if rules.is_full)
STORE_CHECKS = ("store-answers", "store", "clock", "rights-store", "object-lock", "lifecycle", "profile")


class ComplianceFacts:
    """For one set of settings. Args: since: beginning of the period that is reported on."""

    def __init__(self, settings: Settings, clock: Clock, since: datetime) -> None:
        self._settings = settings
        self._clock = clock
        self._since = since
        self._lifeboat = Lifeboat(settings, clock=clock)
        self._now = clock.now().astimezone(UTC).replace(microsecond=0)
        self._status: StatusReport | None = None
        self.plan: PlanFacts | None = None
        self._checks: Sequence[CheckResult] | None = None
        self._known_drills: list[DrillSummary] | None = None

    def gather(self) -> list[Fact]:
        """All facts that an article refers to."""
        self._status = self._quietly(self._lifeboat.status)
        self.plan = self._quietly(Planning(self._settings, self._clock).facts)
        looks: tuple[tuple[str, str, Callable[[], Found]], ...] = (
            ("encrypted", "the repository's format; lifeboat status", self._encrypted),
            ("key-elsewhere", "lifeboat doctor key-apart", self._key_elsewhere),
            ("two-keys", "the repository's description", self._two_keys),
            ("guarded", "the repository's description", self._guarded),
            ("store-protected", "lifeboat doctor", self._store),
            ("rpo-met", "lifeboat status", self._rpo),
            ("proved", "lifeboat status", self._proved),
            ("drill-passed", "the ledger", lambda: self._due("restore to staging")),
            ("full-drill-passed", "the ledger", lambda: self._due("full drill")),
            ("exercise-held", "the ledger", lambda: self._due("exercise of people")),
            ("rto-met", "the ledger: the newest drill", self._rto),
            ("follow-ups-closed", "the ledger", self._follow_ups),
            ("second-copy", "lifeboat.toml [[replica]]", self._replica),
            ("second-copy-current", "lifeboat status", self._replica_current),
            ("audit-whole", "lifeboat audit verify", self._audit),
            ("alerts-reach", "lifeboat.toml [notify]", self._alerts),
            ("plan-approved", "the ledger", self._plan_approved),
            ("contacts", "lifeboat.toml [[contact]]", self._contacts),
            ("retention-set", "lifeboat.toml [retention]", self._retention),
            ("retention-done", "the journal of this machine", self._pruned),
            ("erasures-known", "the ledger", self._erasures),
            ("region-known", "the settings", self._region),
            ("stays-inside", "the settings", self._inside),
            ("jobs-succeed", "the journal of this machine", self._jobs),
        )
        found = [self._fact(name, source, look) for name, source, look in looks]
        return [*found, *self._declared()]

    def _fact(self, name: str, source: str, look: Callable[[], Found]) -> Fact:
        try:
            said, holds, raw = look()
        except LifeboatError as error:
            said, holds, raw = f"could not be looked at: {error.message}", None, {"error": error.code}
        except OSError as error:
            said, holds, raw = f"could not be looked at: {(error.strerror or str(error)).lower()}", None, {}
        # Of what happened, not of when somebody looked.
        at = datetime.fromisoformat(raw["at"]) if "at" in raw else self._now
        return Fact(name, said, at.astimezone(UTC).replace(microsecond=0), source, holds, raw)

    def _quietly(self, look: Callable[[], Any]) -> Any:
        try:
            return look()
        except LifeboatError:
            return None

    def _declared(self) -> Iterator[Fact]:
        said: ComplianceSettings = self._settings.compliance
        texts = {
            "controller": said.controller,
            "purposes": "; ".join(said.purposes),
            "data-categories": "; ".join(said.data_categories),
            "data-subjects": "; ".join(said.data_subjects),
            "impact-assessment": said.impact_assessment,
            "transfers-declared": "; ".join(said.transfers),
        }
        for name, text in texts.items():
            yield Fact(
                name, text or "nobody has said it", self._now, "lifeboat.toml [compliance], declared", bool(text)
            )

    def _need_status(self) -> StatusReport:
        return self._status or self._lifeboat.status()

    def _need_plan(self) -> PlanFacts:
        return self.plan or Planning(self._settings, self._clock).facts()

    def _encrypted(self) -> Found:
        copies = sum(one.snapshots for one in self._need_status().sources)
        said = f"all {copies:,} stored copies are sealed with AES-256-GCM, their keys wrapped by HPKE (MLKEM768-X25519)"
        return said if copies else "no copy is stored", bool(copies), {"copies": copies, "suite": 1}

    def _key_elsewhere(self) -> Found:
        keys = self._need_plan().keys
        if keys is None:
            return "whose keys open the copies could not be looked at here", None, {}
        shown = [one for one in keys if one.stored]
        said = "; ".join(f"{one.name} ({one.fingerprint}): {one.stored}" for one in shown)
        return (
            said or "nobody has shown to have a key elsewhere",
            bool(shown),
            {"keys": [one.fingerprint for one in keys]},
        )

    def _two_keys(self) -> Found:
        keys = self._need_plan().keys
        if keys is None:
            return "whose keys open the copies could not be looked at here", None, {}
        named = ", ".join(f"{one.name} ({one.fingerprint})" for one in keys)
        return f"{len(keys)} keys open the copies: {named}", len(keys) >= 2, {"keys": [one.fingerprint for one in keys]}

    def _guarded(self) -> Found:
        """The profile, and that the credentials here can do no more than it says."""
        profile = self._need_status().profile
        if profile != "guarded":
            return (
                f"the profile is {profile}: the application's host can read and remove copies",
                False,
                {"profile": profile},
            )
        asked = [one for one in self._doctor() if one.check in ("profile", "rights-store")]
        wrong = [finding for one in asked for finding in one.findings or () if finding.level is not Level.OK]
        said = (
            "; ".join(one.message for one in wrong)
            or "the profile is guarded, and the rights tried from here are no wider"
        )
        return said, bool(asked) and not wrong, {"profile": profile}

    def _store(self) -> Found:
        """What doctor says of the store: versions, locks, rights."""
        asked = [one for one in self._doctor() if one.check in STORE_CHECKS]
        wrong = [finding for one in asked for finding in one.findings or () if finding.level is not Level.OK]
        is_bucket = isinstance(self._settings.repository.location, S3Location)
        raw = {"findings": [f"{one.level} {one.code}: {one.message}" for one in wrong], "bucket": is_bucket}
        if not is_bucket:
            return "the copies lie in a folder: whoever may write there may delete them", False, raw
        said = "; ".join(one.message for one in wrong) or "what doctor looks at in the store is in order"
        return said, bool(asked) and not wrong, raw

    def _doctor(self) -> Sequence[CheckResult]:
        if self._checks is None:
            self._checks = self._lifeboat.doctor()
        return self._checks

    def _drills(self) -> list[DrillSummary]:
        """Newest first; raises ``LifeboatError`` where the ledger does not open or is not whole."""
        if self._known_drills is None:
            book = DrillBook(self._lifeboat.repository())
            self._known_drills = book.summaries()
            wrong = [one for one in book.ledger.findings if one.level is Level.PROBLEM]
            if wrong:
                self._known_drills = None
                raise LifeboatError(wrong[0].message, wrong[0].hint)
        return self._known_drills

    def _rpo(self) -> Found:
        sources = self._need_status().sources
        raw = {one.source: {"age": one.age_seconds, "objective": one.objective_seconds} for one in sources}
        said = "; ".join(
            f"{one.source}: {'none' if one.age_seconds is None else show_seconds(one.age_seconds)} old, {show_seconds(one.objective_seconds)} allowed"
            for one in sources
        )
        return said or "nothing is stored", bool(sources) and all(one.meets_objective for one in sources), raw

    def _proved(self) -> Found:
        sources = self._need_status().sources
        held = [
            one.newest_proved is not None
            and one.proved_age_seconds is not None
            and one.proved_objective_seconds is not None
            and one.proved_age_seconds <= one.proved_objective_seconds
            for one in sources
        ]
        said = "; ".join(
            f"{one.source}: "
            + (
                f"every byte of the copy of {one.newest_proved.instant:%Y-%m-%d %H:%M} was opened"
                if one.newest_proved
                else "never"
            )
            for one in sources
        )
        return said or "nothing is stored", bool(held) and all(held), {}

    def _due(self, what: str) -> Found:
        since = read_time(self._lifeboat.repository().description.created)
        row = next(one for one in due_of(self._drills(), every_of(self._settings.drills), since) if one.what == what)
        last = "never" if row.last is None else f"last on {row.last:%Y-%m-%d}"
        said = f"{what}: {last}, to be done every {show_seconds(row.every_seconds)}"
        if row.failed is not None:
            said += f"; it failed on {row.failed:%Y-%m-%d} and has not passed since"
        raw = {} if row.last is None else {"at": row.last.isoformat()}
        return said, row.last is not None and row.failed is None and not row.is_overdue(self._now), raw

    def _rto(self) -> Found:
        """Of the newest drill of everything, whether it passed or not: one that took too long did not."""
        full = [one for one in self._drills() if one.scenario in FULL_SCENARIOS]
        objective = self._settings.objectives.rto_seconds
        if not full:
            return "no drill of everything has measured it", False, {}
        newest = full[0]
        raw = {"at": newest.ended.isoformat(), "seconds": newest.seconds, "objective": objective, "drill": newest.drill}
        when = f"in the drill of {newest.ended:%Y-%m-%d} ({newest.scenario}, {newest.outcome})"
        if newest.seconds is None:
            return f"nothing was back {when}", False, raw
        old = self._now - newest.ended > timedelta(seconds=2 * self._settings.drills.full_every_seconds)
        said = f"{show_seconds(newest.seconds)} {when}; {show_seconds(objective)} allowed" + (
            "; that is long ago" if old else ""
        )
        return said, newest.seconds <= objective and not old, raw

    def _follow_ups(self) -> Found:
        ledger = Ledger(self._lifeboat.repository())
        found = follow_ups(ledger.read(Kind.FOLLOW_UP))
        wrong = [one for one in ledger.findings if one.level is Level.PROBLEM]
        if wrong:
            return wrong[0].message, None, {}
        if not found and not self._drills():
            return "no drill was made, so nothing came of one", False, {}
        late = [one for one in found if one.is_overdue(self._now)]
        still = [one for one in found if one.closed is None]
        failed = next((one for one in self._drills() if one.scenario != EXERCISE), None)
        unanswered = (
            failed is not None and not failed.has_passed and not any(one.drill == failed.drill for one in found)
        )
        said = f"{len(found)} actions after drills, {len(still)} open, {len(late)} of them beyond their date"
        said += "; nothing was put down about the last drill, which failed" if unanswered else ""
        return said, not late and not unanswered, {"open": [one.id for one in still], "late": [one.id for one in late]}

    def _replica(self) -> Found:
        """A place in the settings is none yet: it counts once a run has gone to its end."""
        made = [one for one in self._need_status().replicas if one.as_of is not None]
        if not made:
            return (
                "none is set" if not self._settings.replicas else "one is set, and no run has gone to its end",
                False,
                {},
            )
        said = "; ".join(f"{one.name}: {one.location}, complete as of {one.as_of:%Y-%m-%d %H:%M}" for one in made)
        oldest = min(one.as_of for one in made if one.as_of is not None)
        return said, True, {"at": oldest.isoformat(), "replicas": [one.location for one in made]}

    def _replica_current(self) -> Found:
        replicas = [one for one in self._need_status().replicas if one.as_of is not None]
        if not replicas:
            return "there is none", False, {}
        bad = [one for one in self._need_status().findings if one.code.startswith("replica")]
        said = "; ".join(one.message for one in bad) or ", ".join(f"{one.name} is as it should be" for one in replicas)
        return said, not bad and all(not one.problems and one.trouble is None for one in replicas), {}

    def _audit(self) -> Found:
        report = self._lifeboat.verify_audit()
        wrong = [one for one in report.findings if one.level is Level.PROBLEM]
        anchored = sum(one.entries for one in report.writers)
        said = f"{report.entries:,} entries here, {anchored:,} anchored in the repository by {len(report.writers)} machines"
        said += f"; {len(wrong)} are not as they were written" if wrong else ", all as they were written"
        return said, not wrong and anchored > 0, {"findings": [one.message for one in wrong]}

    def _alerts(self) -> Found:
        channels = self._settings.notify.channels("this machine")
        said = ", ".join(one.where for one in channels)
        told = (
            f"notices are set to go to {said}; whether they arrive shows `lifeboat alerts test`"
            if said
            else "no channel is set"
        )
        return told, bool(channels), {}

    def _plan_approved(self) -> Found:
        approvals = self._need_plan().approvals
        if not approvals:
            return "no approval is on record", False, {}
        newest = max(approvals, key=lambda one: one.when)
        said = f"version {newest.version}, by {newest.by} on {newest.when:%Y-%m-%d}"
        try:
            checked = Planning(self._settings, self._clock).check()
            reasons = [*(one.sentence for one in checked.changed), *checked.reasons, checked.approval]
        except LifeboatError as error:
            reasons = [error.message]
        why = next((one for one in reasons if one), "")
        return said + (f"; {why}" if why else ""), not why, {"sha256": newest.document_sha256}

    def _contacts(self) -> Found:
        people = self._settings.organisation.contacts
        reachable = [one for one in people if one.phone or one.email]
        return f"{len(people)} people are named, {len(reachable)} can be reached", len(reachable) >= 1, {}

    def _retention(self) -> Found:
        keep = self._need_plan().keep
        return " ".join(keep.rules), bool(keep.rules), {"numbers": dict(keep.numbers)}

    def _pruned(self) -> Found:
        runs = build_journal(self._settings).runs(job="prune", since=self._now - PRUNED_WITHIN)
        good = [one for one in runs if one.status in ENDED_WELL]
        if not good:
            return "no run of prune is on record in the last month on this machine", False, {}
        newest = max(one.began for one in good)
        return (
            f"prune last ran on {newest:%Y-%m-%d}, {len(good)} times in the last month",
            True,
            {"newest": newest.isoformat()},
        )

    def _erasures(self) -> Found:
        erasures, problems = all_erasures(self._lifeboat.repository())
        wrong = [one for one in problems if one.level is Level.PROBLEM]
        if wrong:
            return wrong[0].message, None, {}
        if not erasures:
            return "none is on record, so nothing shows that requests reach it", False, {"entries": 0}
        late = [one for one in erasures if one.until is None and not one.hold and one.answer_until < self._now]
        still = [one for one in erasures if one.until is None and not one.hold]
        said = f"{len(erasures)} on record, replayed by every restore; {len(still)} open, {len(late)} of them beyond the time for an answer"
        return said, not late, {"ids": [one.id for one in erasures], "open": [one.id for one in still]}

    def _region(self) -> Found:
        """Of the repository and of every second copy."""
        places = [self._need_plan().place, *self._need_plan().replicas]
        unknown = [one.location for one in places if not one.is_bucket or not one.region]
        told = [f"{one.location}: region {one.region}" for one in places if one.is_bucket and one.region]
        told += [f"{one}: in which country nobody has said" for one in unknown]
        return "; ".join(told), not unknown, {"regions": [one.region for one in places]}

    def _inside(self) -> Found:
        """Whether everything lies in Saudi Arabia."""
        places = [self._need_plan().place, *self._need_plan().replicas]
        outside = [one for one in places if one.region != SAUDI_REGION]
        if not outside:
            return f"every copy lies in {SAUDI_REGION}, which AWS lists as Saudi Arabia", True, {}
        return "; ".join(one.where or f"{one.location}: nobody has said where that is" for one in outside), False, {}

    def _jobs(self) -> Found:
        runs = build_journal(self._settings).runs(since=self._since, limit=100_000)
        ended = [one for one in runs if one.status is not None]
        good = [one for one in ended if one.status in ENDED_WELL]
        if not ended:
            return "no run of the period is on record on this machine", None, {}
        said = f"{len(good):,} of {len(ended):,} runs of the period ended well"
        return said, len(good) == len(ended), {"runs": len(ended), "good": len(good)}
