"""Do locks hold what they promise? Tried on scratch that is locked for a minute: some stores take locks and do not keep them."""

import os
from collections.abc import Iterator
from contextlib import suppress

from lifeboat.foundation.errors import StorageError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.repository.names import PROBES
from lifeboat.storage.conformance.hooks import unwrapped
from lifeboat.storage.errors import LockNotOffered, StorageDenied
from lifeboat.storage.object_lock import Locks, LockTrial
from lifeboat.storage.object_store import ObjectStore

CODE = "object-lock"


def check_object_lock(store: ObjectStore, wanted: str) -> list[Finding]:
    """Try one. Args: wanted: ``governance`` or ``compliance``."""
    place = unwrapped(store)
    if not isinstance(place, Locks):
        return []
    where, name = store.describe(), f"{PROBES}{os.urandom(8).hex()}/locked"
    try:
        trial = place.try_lock(name)
    except LockNotOffered as error:
        return [
            Finding(
                Level.PROBLEM, error.code, where, "object_lock is set, and the bucket has no Object Lock", error.hint
            )
        ]
    except StorageDenied as error:
        message = f"whether locks hold could not be tried: {error.message}"
        return [Finding(Level.WARNING, "lock-not-tried", where, message, error.hint)]
    with suppress(StorageError):  # the version goes with the others that are not shown any more
        store.delete(name)
    return list(_judged(trial, wanted, where))


def _judged(trial: LockTrial, wanted: str, where: str) -> Iterator[Finding]:
    if trial.held is False:
        message = "this store takes locks and does not keep them: a locked version was removed"
        yield Finding(
            Level.PROBLEM, "lock-not-held", where, message, "object_lock promises nothing here: use another store"
        )
    elif trial.ended and wanted == "governance":
        message = (
            "locked versions cannot be removed, but for these very credentials: they may end governance locks early"
        )
        hint = "take s3:BypassGovernanceRetention away from this machine; `lifeboat aws setup` has the bucket refuse it to everybody"
        yield Finding(Level.WARNING, "can-end-locks", where, message, hint)
    elif trial.held is None:
        message = f"locks are taken ({wanted}); these credentials may remove no version at all, locked or not"
        yield Finding(Level.OK, CODE, where, message)
    else:
        yield Finding(Level.OK, CODE, where, f"locked versions cannot be removed ({wanted}): it was tried")
