"""``lifeboat shred`` for one set of settings: the repository and every replica that the settings name."""

from dataclasses import replace
from datetime import datetime

from lifeboat.app.build import build_repository, build_store
from lifeboat.app.settings import Settings
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.finding import Finding
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.value import Value
from lifeboat.operations.shredding.plan import ShredPlan, ShredRefused, plan_shredding
from lifeboat.operations.shredding.run import Shredded, shred
from lifeboat.repository.names import is_generation
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import Record


class DyingSnapshot(Value):
    """A snapshot that nobody will open again. Args: kept: it is kept on purpose."""

    snapshot: str
    source: str
    instant: datetime
    writer: str
    generation: str
    kept: bool


class PlaceReport(Value):
    """One copy. Args: objects: keys and grants, every version of each; left: still there afterwards; None: a plan."""

    place: str
    replica: str
    objects: int
    keeps_versions: bool
    destroyed: int | None = None
    left: int | None = None


class ShredReport(Value):
    """What was destroyed, or with ``dry_run`` would be; and what dies of it."""

    dry_run: bool
    generation: str
    carried: tuple[str, ...]
    data_keys: int
    snapshots: tuple[DyingSnapshot, ...]
    segments: int
    moments_from: datetime | None
    moments_to: datetime | None
    last_of: tuple[str, ...]
    places: tuple[PlaceReport, ...]
    findings: tuple[Finding, ...] = ()


class Shredding:
    """Looks once, and then does what was shown. Args: generation: ``YYYY-MM``, perhaps with ``.2``."""

    def __init__(self, settings: Settings, clock: Clock, progress: Progress, generation: str) -> None:
        if not is_generation(generation):
            raise SettingsError(
                f"{generation!r} is no month",
                "such as 2026-09; `lifeboat snapshots --json` tells each one's generation",
            )
        self._settings = settings
        self._clock = clock
        self._progress = progress
        self._generation = generation
        self._looked: tuple[Repository, ShredPlan] | None = None

    def plan(self) -> ShredReport:
        """What would die; changes nothing. Raises ``ShredRefused``, ``KeyMissing``."""
        repository, plan = self._look()
        return _report(repository, plan, None, ())

    def run(self, why: str, *, even_the_last: bool, even_kept: bool) -> ShredReport:
        """Destroy it.

        Args:
            why: For the ledger.
            even_the_last: Also where nothing would be left of a source.
            even_kept: Also snapshots that are kept on purpose.

        Raises:
            ShredRefused: Neither was said.
        """
        repository, plan = self._look()
        if plan.last_of and not even_the_last:
            raise ShredRefused(
                f"nothing would be left of {' and '.join(plan.last_of)}",
                "take a backup in a later month first; or say --even-the-last",
            )
        if plan.kept and not even_kept:
            raise ShredRefused(
                f"{len(plan.kept)} of the snapshots are kept on purpose",
                "`lifeboat shred --dry-run` names them; release them, or say --even-kept",
            )
        done, findings = shred(repository, plan, why, self._progress)
        return _report(repository, plan, done, tuple(findings))

    def _look(self) -> tuple[Repository, ShredPlan]:
        if self._looked is None:
            repository = build_repository(self._settings, self._clock)
            repository.need_identity()
            repository.refuse_replica("shredding")
            replicas = []
            for one in self._settings.replicas:
                if one.trouble is not None:
                    raise one.trouble
                replicas.append((one.name, build_store(replace(self._settings, repository=one.place), self._clock)))
            self._looked = repository, plan_shredding(repository, self._generation, replicas)
        return self._looked


def _report(
    repository: Repository, plan: ShredPlan, done: list[Shredded] | None, findings: tuple[Finding, ...]
) -> ShredReport:
    kept = {one.object_name for one in plan.kept}

    def row(one: Record) -> DyingSnapshot:
        label = repository.label_of(one)
        return DyingSnapshot(one.snapshot, one.source, one.instant, label, one.generation, one.object_name in kept)

    places = []
    for at, place in enumerate(plan.places):
        came = None if done is None else done[at]
        places.append(
            PlaceReport(
                place.store.describe(),
                place.name,
                place.objects,
                place.keeps_versions,
                None if came is None else came.destroyed,
                None if came is None else came.left,
            )
        )
    return ShredReport(
        dry_run=done is None,
        generation=plan.generation,
        carried=plan.carried,
        data_keys=len(plan.data_keys),
        snapshots=tuple(map(row, plan.dies)),
        segments=len(plan.segments),
        moments_from=min((one.after.instant for one in plan.segments), default=None),
        moments_to=max((one.through.instant for one in plan.segments), default=None),
        last_of=plan.last_of,
        places=tuple(places),
        findings=findings,
    )
