"""How far away a store is, as far as it matters to whoever reads from it."""

from lifeboat.storage.conformance.hooks import unwrapped
from lifeboat.storage.local import LocalStore
from lifeboat.storage.object_store import ObjectStore


def is_far(store: ObjectStore) -> bool:
    """Whether each question costs a way there and back: of anything but a folder of this machine it is assumed."""
    return not isinstance(unwrapped(store), LocalStore)
