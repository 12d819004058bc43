"""What a store that keeps versions offers beyond ``ObjectStore``: what was hidden or overwritten, and bringing it back.

Reached through ``unwrapped(store)``. A delete adds a marker on top of an object's versions; a write on a taken name adds a version.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol, runtime_checkable

from lifeboat.foundation.value import Value


class Version(Value):
    """One of the things that lie under a name. Args: id: what the store calls it; is_marker: it only says "deleted"."""

    id: str
    is_marker: bool
    size_bytes: int
    modified: datetime
    """By the store's clock, UTC."""
    storage_class: str = "STANDARD"


class Versioned(Value):
    """A name with all that lies under it, the newest first; never empty."""

    name: str
    versions: tuple[Version, ...]

    @property
    def is_hidden(self) -> bool:
        """Whether readers are told that there is no such object."""
        return self.versions[0].is_marker


@runtime_checkable
class KeepsVersions(Protocol):
    """A store in which what was deleted or overwritten can be had back."""

    def versions_under(self, prefix: str) -> Iterator[Versioned]:
        """Every name that has or had an object, sorted; needs ``s3:ListBucketVersions``."""
        ...

    def hash_of_version(self, name: str, version: str) -> str | None:
        """SHA-256 (hex) of a version as the store recorded it when it was written; None: it recorded none of the whole."""
        ...

    def read_version(self, name: str, version: str) -> bytes:
        """The bytes of a version; needs ``s3:GetObjectVersion``. Raises ``ObjectArchived``, ``ObjectMissing``."""
        ...

    def remove_marker(self, name: str, version: str) -> None:
        """Take a marker away, so that what lies below it shows again; needs ``s3:DeleteObjectVersion``."""
        ...

    def remove_version(self, name: str, version: str) -> None:
        """Destroy one version, or a marker, for ever; needs ``s3:DeleteObjectVersion``. Raises ``StorageDenied`` where it is locked."""
        ...

    def renew_version(self, name: str, version: str, over: bool) -> None:
        """Copy an older version on top, inside the store; needs the rights to read versions and to write.

        Args:
            over: On top of another version; else the name must be hidden, and a policy may ask for that.
        """
        ...
