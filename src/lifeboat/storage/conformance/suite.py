"""Run the probes on a store and make findings and abilities of what they saw."""

from collections.abc import Callable

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import StorageError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.storage.conformance.bench import Bench, Misbehaves
from lifeboat.storage.conformance.hooks import Inspectable, SendsHash, unwrapped
from lifeboat.storage.conformance.probes import PROBES, Probe, checks_hash, content_of, creates_once, one_winner
from lifeboat.storage.errors import StorageDenied
from lifeboat.storage.object_store import Abilities, ObjectStore


def check_conformance(store: ObjectStore, scratch_prefix: str, *, clock: Clock, thorough: bool) -> list[Finding]:
    """Try every promise; one finding each, ``OK`` where it was kept.

    Args:
        scratch_prefix: Where probes may write, e.g. ``"config/probe/"``; they are removed again.
        thorough: Also what takes long or costs: a thousand objects, and 65 MiB twice there and once back.
    """
    bench = Bench(store, scratch_prefix, clock)
    try:
        findings = [_try(probe, bench) for probe in PROBES if thorough or not probe.thorough]
    finally:
        left = bench.clean()
    if left:
        findings.append(
            Finding(
                Level.WARNING,
                "store-scratch-left",
                bench.prefix,
                f"{left} scratch objects could not be removed",
                "is the right to delete missing on purpose? They are small and harm nothing",
            )
        )
    return findings


def find_abilities(store: ObjectStore, scratch_prefix: str, *, clock: Clock) -> Abilities:
    """Try what the place can do besides the promises; what cannot be tried counts as lacking."""
    bench = Bench(store, scratch_prefix, clock)
    inner = unwrapped(store)
    try:
        return Abilities(
            create_once=_keeps(creates_once, bench) and _keeps(one_winner, bench),
            checks_hash=isinstance(inner, SendsHash) and _keeps(checks_hash, bench),
            keeps_versions=isinstance(inner, Inspectable) and _versions(inner, bench),
            same_machine=not isinstance(inner, Inspectable) or inner.on_this_machine(),
        )
    finally:
        bench.clean()


def _try(probe: Probe, bench: Bench) -> Finding:
    subject = bench.store.describe()
    try:
        probe.run(bench)
    except Misbehaves as found:
        return Finding(found.level, probe.code, subject, found.message, found.hint)
    except StorageDenied as error:
        untried = f"could not be tried: {error.message}"
        return Finding(Level.WARNING, probe.code, subject, untried, "run this with credentials that may read and write")
    except StorageError as error:
        hint = error.hint or "this call has to succeed: use another store, or report this to its maker"
        return Finding(Level.PROBLEM, probe.code, subject, error.message, hint)
    return Finding(Level.OK, probe.code, subject, probe.promise)


def _keeps(run: Callable[[Bench], None], bench: Bench) -> bool:
    try:
        run(bench)
    except (Misbehaves, StorageDenied):
        return False
    return True


def _versions(inner: Inspectable, bench: Bench) -> bool:
    try:
        return inner.keeps_versions(bench.name("versions"), content_of("versions", 1000))
    except StorageDenied:
        return False
