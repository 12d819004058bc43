"""Catalogs whose writer nobody has registered: with its registration all its snapshots went from every list, and nothing else misses them."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

from lifeboat.foundation.finding import Finding, Level
from lifeboat.repository.names import CATALOG, CONFIG
from lifeboat.repository.open_repository import Repository
from lifeboat.storage.errors import StorageDenied

REGISTRATION = CONFIG + "writer-"


def check_unregistered(repository: Repository) -> Iterator[Finding]:
    """A registration that is there and does not open is told of elsewhere."""
    listed = [stored.name for stored in repository.store.list_under(CONFIG)]
    known = {name[len(REGISTRATION) :].split("-")[0] for name in listed if name.startswith(REGISTRATION)}
    snapshots: Counter[str] = Counter()
    with suppress(StorageDenied):  # a guarded writer sees no catalog but its own
        for stored in repository.store.list_under(CATALOG):
            writer, _, last = stored.name[len(CATALOG) :].partition("/")
            if writer not in known and last.rpartition("/")[2].startswith("snapshot-"):
                snapshots[writer] += 1
    for writer, count in sorted(snapshots.items()):
        yield Finding(
            Level.PROBLEM,
            "writer-not-registered",
            f"catalog/{writer}/",
            f"{count} snapshot{'s' if count > 1 else ''} in the catalog of a writer that nobody has registered: listed nowhere, restored by nobody",
            f"was {REGISTRATION}{writer}-... deleted? Bring it back from an older version or a replica; else somebody planted them",
        )
