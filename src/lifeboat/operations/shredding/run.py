"""Destroy what a plan names, and look whether it is gone.

Order: the ledger says so → snapshots are forgotten → their records and segments go → the keys, in every version and every copy. Killed
anywhere, the next run goes on with what is left. Whoever reads the bucket meanwhile finds a snapshot, or finds that it was let go.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.value import Value
from lifeboat.operations.shredding.plan import Place, ShredPlan
from lifeboat.repository.ledger import Kind, Ledger
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.statements import NOTHING_SAID, Verb, record_digest, write_statements
from lifeboat.storage.conformance.hooks import unwrapped
from lifeboat.storage.versions import KeepsVersions

AT_ONCE = 8
TOLD_AT_MOST = 10


class Shredded(Value):
    """What one place came to. Args: destroyed, left: objects, or versions of objects."""

    place: str
    destroyed: int
    left: int


def shred(
    repository: Repository, plan: ShredPlan, why: str, progress: Progress
) -> tuple[list[Shredded], list[Finding]]:
    """Carry out the plan; returns what was destroyed where, and what could not be."""
    now = repository.store.time_there()
    if not plan.is_nothing:
        Ledger(repository).append(Kind.SHREDDING, _entry(plan, why), now)
    standings = repository.standings()
    unsaid = [one for one in plan.dies if standings.get(record_digest(one), NOTHING_SAID).forgotten is None]
    kept = [one for one in plan.kept if one in unsaid]
    if kept:
        write_statements(
            repository.store, repository.description, repository.need_identity(), Verb.RELEASE, kept, why, now
        )
    if unsaid:
        now += timedelta(seconds=1)  # behind what was released
        text = f"shredded with the keys of {plan.generation}: {why}"
        write_statements(
            repository.store, repository.description, repository.need_identity(), Verb.FORGET, unsaid, text, now
        )
    going = [one.object_name for one in plan.dies] + [one.name for one in plan.segments]
    progress.begin("destroying", total_items=len(going) + sum(one.objects for one in plan.places))
    _each(going, repository.store.delete, progress)
    done, findings = [], list[Finding]()
    for place in plan.places:
        destroyed, troubles = _destroy(place, progress)
        left = _left(place, plan)
        findings += [_not_gone(place, name, error) for name, error in troubles[:TOLD_AT_MOST]]
        done.append(Shredded(place.store.describe(), destroyed, left))
    return done, findings


def _entry(plan: ShredPlan, why: str) -> dict[str, object]:
    return {
        "generation": plan.generation,
        "carried": list(plan.carried),
        "why": why,
        "data_keys": len(plan.data_keys),
        "snapshots": [one.snapshot for one in plan.dies],
        "segments": len(plan.segments),
        "places": [one.store.describe() for one in plan.places],
    }


def _destroy(place: Place, progress: Progress) -> tuple[int, list[tuple[str, LifeboatError]]]:
    if not place.keeps_versions:
        return _each(place.keys, place.store.delete, progress)
    versioned = unwrapped(place.store)
    assert isinstance(versioned, KeepsVersions)
    by_id = {f"{name} ({version.id})": (name, version.id) for name, version in place.versions}
    return _each(by_id, lambda one: versioned.remove_version(*by_id[one]), progress)


def _each(
    names: Iterable[str], remove: Callable[[str], None], progress: Progress
) -> tuple[int, list[tuple[str, LifeboatError]]]:
    """Returns how many went, and what refused to."""
    troubles: list[tuple[str, LifeboatError]] = []

    def one(name: str) -> None:
        try:
            remove(name)
        except LifeboatError as error:
            if error.worth_retrying:
                raise
            troubles.append((name, error))
        progress.advance(done_items=1)

    every = list(names)
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="shred") as pool:
        list(pool.map(one, every))
    return len(every) - len(troubles), troubles


def _left(place: Place, plan: ShredPlan) -> int:
    """How many of those keys can still be found: looked at, not reckoned."""
    wanted = set(place.keys) | {name for name, _ in place.versions}
    prefixes = {f"{name.rpartition('/')[0]}/" for name in wanted}
    versioned = unwrapped(place.store)
    if place.keeps_versions and isinstance(versioned, KeepsVersions):
        return sum(
            len(one.versions) for prefix in prefixes for one in versioned.versions_under(prefix) if one.name in wanted
        )
    return sum(one.name in wanted for prefix in prefixes for one in place.store.list_under(prefix))


def _not_gone(place: Place, name: str, error: LifeboatError) -> Finding:
    where = f"{place.store.describe()}: {name}"
    return Finding(Level.PROBLEM, "not-shredded", where, error.message, error.hint)
