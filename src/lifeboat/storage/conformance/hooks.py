"""What a store may offer to conformance beyond ``ObjectStore``: ways to provoke it that no ordinary caller needs."""

from typing import Protocol, runtime_checkable

from lifeboat.storage.object_store import Content, ObjectStore


@runtime_checkable
class SendsHash(Protocol):
    """A store that sends a hash along with each body."""

    def write_with_wrong_hash(self, name: str, content: Content, over: bool = False) -> None:
        """Send a body with the hash of another; where it is checked this raises ``ContentRefused``.

        Args:
            over: Without the condition that the name is free, which a policy may ask for.
        """
        ...


@runtime_checkable
class Inspectable(Protocol):
    """A store that can tell about the place behind it."""

    def keeps_versions(self, name: str, content: Content) -> bool:
        """Write under a name that is free, delete, and see whether the bytes can still be had."""
        ...

    def on_this_machine(self) -> bool:
        """Whether losing this machine loses the store."""
        ...


@runtime_checkable
class Provokable(Protocol):
    """A store behind which somebody's rights stand: ways to find out what they are that no ordinary caller needs."""

    def write_over(self, name: str, content: Content) -> None:
        """Write whether or not the name is taken; raises ``StorageDenied`` where that is refused."""
        ...

    def delete_a_version(self, name: str) -> None:
        """Ask for the removal of a version that is not there; raises ``StorageDenied`` where the right to remove any is missing."""
        ...


def unwrapped(store: ObjectStore) -> object:
    """The store below all wrappers, which name what they hold ``inner``."""
    innermost: object = store
    while hasattr(innermost, "inner"):
        innermost = innermost.inner
    return innermost
