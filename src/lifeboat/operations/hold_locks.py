"""Keep what every generation needs locked as long as what is stored now: description, registrations, rescue kit, ledger.

They are written once and needed for ever, so no lock set at writing is long enough. Once a month each machine that backs up goes on with
it; where backups stop, these locks end with those of the last packs. A writer may not list the ledger: whoever holds a key goes on with that.
"""

from lifeboat.foundation.errors import StorageError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.repository.names import CONFIG, LEDGER, PROBES
from lifeboat.repository.open_repository import Repository
from lifeboat.retention.periods import generation_of
from lifeboat.storage.conformance.hooks import unwrapped
from lifeboat.storage.object_lock import Locks

REMEMBERED = "locks.json"


def hold_locks(repository: Repository) -> list[Finding]:
    """Prolong the locks, unless this machine has done so for this month. What fails is a finding: the backup itself is stored."""
    place = unwrapped(repository.store)
    if not isinstance(place, Locks) or place.object_lock is None:
        return []
    try:
        generation = generation_of(repository.store.time_there())
        names = [one.name for one in repository.store.list_under(CONFIG) if _describes(one.name)]
        if repository.identity is not None:
            names += [one.name for one in repository.store.list_under(LEDGER)]
        done = {"generation": generation, "names": names}
        if repository.state.read_json(REMEMBERED) == done:
            return []
        for name in names:
            place.prolong_lock(name)
        repository.state.write_json(REMEMBERED, done)
    except StorageError as error:
        message = f"the locks of what describes the repository could not be prolonged: {error.message}"
        hint = "without them whoever may remove versions could make locked packs useless; " + (
            error.hint or "`lifeboat aws policy` prints the rights"
        )
        return [Finding(Level.WARNING, "locks-not-prolonged", "config/", message, hint)]
    return []


def _describes(name: str) -> bool:
    return name.count("/") == 1 and not name.startswith(PROBES)
