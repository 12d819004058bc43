"""Second copies: whether there are any, how far they are behind, and whether this is one."""

from collections.abc import Sequence
from datetime import datetime

from lifeboat.foundation.finding import Finding, Level
from lifeboat.operations.replicate.lag import check_replicas
from lifeboat.operations.reports.replicas import ReplicaStatus
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.replica import read_marks


def check_second_copies(
    repository: Repository, replicas: Sequence[ReplicaStatus], allowed_seconds: float, now: datetime
) -> list[Finding]:
    """One finding for each thing that is wrong, else one for each replica. To have none is a choice, and said."""
    marks = read_marks(repository.store)
    if marks:
        message = f"it is marked as a replica of {marks[-1].of}: no new machine can back up into it"
        hint = "if it is the repository now: `lifeboat replicate --promote`; if nobody made it one, ask who could write there"
        return [Finding(Level.WARNING, "marked-as-replica", repository.store.describe(), message, hint)]
    if not replicas:
        message = (
            'none is set: all copies lie in one place; docs/operations.md, "A second copy", says how to have another'
        )
        return [Finding(Level.OK, "replicas", "second copies", message)]
    doubts = list(check_replicas(replicas, allowed_seconds, now))
    doubtful = {one.subject for one in doubts}
    good = [
        Finding(
            Level.OK,
            "replicas",
            one.name,
            "up to date" if not one.missing_snapshots else f"{one.missing_snapshots} snapshots behind",
        )
        for one in replicas
        if one.name not in doubtful
    ]
    return [*doubts, *good]
