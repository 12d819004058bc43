"""Has anybody read the copies back: all that the newest proved snapshot of each source needs, with the key?"""

from collections.abc import Sequence
from datetime import datetime

from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.sizes import show_seconds
from lifeboat.operations.proofs import Proofs
from lifeboat.operations.status import check_proofs
from lifeboat.repository.names import typed
from lifeboat.repository.open_repository import Repository


def check_proved(repository: Repository, sources: Sequence[str], proved_seconds: float) -> list[Finding]:
    """One finding for each source that has snapshots.

    Args:
        proved_seconds: The age that the newest proved one may reach.
    """
    proofs, now = Proofs(repository), repository.store.time_there()
    snapshots = [record for record in repository.snapshots() if record.is_backup]
    findings = []
    for source in sources:
        stored = [record for record in snapshots if record.source == source]
        proved = max(
            (record for record in stored if proofs.of(record) is not None),
            key=lambda record: record.believed_instant,
            default=None,
        )
        doubts = check_proofs(source, stored, proved, proved_seconds, now)
        findings += doubts or [_good(source, bool(stored), None if proved is None else proved.believed_instant, now)]
    return findings


def _good(source: str, is_stored: bool, proved: datetime | None, now: datetime) -> Finding:
    if not is_stored:
        message = "no snapshot yet"
    elif proved is None:
        message = "not proved yet; the verification of the night does it, or `lifeboat verify --level full`"
    else:
        message = f"the newest proved snapshot is {show_seconds((now - proved).total_seconds())} old"
    return Finding(Level.OK, "proved", typed(source), message)
