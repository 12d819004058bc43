"""The continuous archive: how far it reaches, and whether the last week of it is whole."""

from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.sizes import show_seconds
from lifeboat.operations.archive_status import archives, check_archives
from lifeboat.repository.open_repository import Repository


def check_archive(repository: Repository) -> list[Finding]:
    """One finding for each thing that is wrong, else one that says how far it reaches. To have none is a choice."""
    found = archives(repository, repository.snapshots(), repository.store.time_there())
    if not found:
        message = "there is none: between two snapshots nothing can be restored; `lifeboat stream` begins one"
        return [Finding(Level.OK, "archive", "archive", message)]
    doubts = check_archives(found)
    if doubts:
        return doubts
    return [
        Finding(
            Level.OK,
            "archive",
            one.label,
            f"every moment up to {show_seconds(one.lag_seconds or 0.0)} ago can be restored",
        )
        for one in found
    ]
