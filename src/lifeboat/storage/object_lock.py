"""What a store with Object Lock is told about it: in which mode, and by which rule of names the day is found until which an object is locked.

Limits: stores know nothing of what names mean; the rule comes from above.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

from lifeboat.foundation.value import Value

LockMode = Literal["GOVERNANCE", "COMPLIANCE"]
"""As S3 names them: whether somebody with a right of his own can end a lock early, or nobody at all."""
LockUntil = Callable[[str, Callable[[], datetime]], datetime | None]
"""From a name, and a way to ask for the store's time, to the day of the lock; None: no lock."""


class ObjectLock(Value):
    """Lock what is written."""

    mode: LockMode
    until: LockUntil


@runtime_checkable
class Locks(Protocol):
    """A store that may lock objects."""

    @property
    def object_lock(self) -> ObjectLock | None:
        """How it was told to lock what is written; None: not at all."""
        ...

    def prolong_lock(self, name: str) -> None:
        """Lock an object that is there until the day that the rule says now; raises ``StorageDenied``, ``LockNotOffered``."""
        ...

    def try_lock(self, name: str) -> "LockTrial":
        """Write scratch, lock it for a minute, and try to remove it all the same; raises ``StorageDenied``, ``LockNotOffered``."""
        ...


class LockTrial(Value):
    """What came of it.

    Args:
        held: The locked version could not be removed; None: these credentials may remove no version at all.
        ended: With the request to end the lock early it could.
    """

    held: bool | None
    ended: bool = False
