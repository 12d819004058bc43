"""Whether the repository lies where what it protects lies."""

from lifeboat.foundation.finding import Finding, Level
from lifeboat.repository.open_repository import Repository
from lifeboat.storage.conformance.hooks import Inspectable, unwrapped


def same_machine_warning(repository: Repository) -> list[Finding]:
    """A repository on the machine that it protects draws a warning every time."""
    place = unwrapped(repository.store)
    if isinstance(place, Inspectable) and not place.on_this_machine():
        return []
    where = repository.store.describe()
    return [
        Finding(
            Level.WARNING,
            "same-machine",
            where,
            "the repository lies on this machine: what takes the machine takes the backups too",
            "set LIFEBOAT_REPOSITORY=s3://bucket/prefix, or keep a second copy elsewhere: `lifeboat replicate PLACE`",
        )
    ]
