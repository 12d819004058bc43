"""What a store can say besides yes. Foreign errors become one of these at the door of each store."""

from lifeboat.foundation.errors import StorageError


class ObjectMissing(StorageError):
    """No object has this name."""

    code = "object-missing"


class ObjectExists(StorageError):
    """The name is taken; nothing was changed."""

    code = "object-exists"


class ObjectTooShort(StorageError):
    """The object ends before the span that was asked for: it was cut."""

    code = "object-too-short"


class StorageBusy(StorageError):
    """Throttled, timed out or cut off: the same call may succeed in a moment."""

    code = "storage-busy"
    worth_retrying = True


class StorageUnreachable(StorageError):
    """Nobody answers at this address."""

    code = "storage-unreachable"
    worth_retrying = True


class StorageDenied(StorageError):
    """The credentials are missing, wrong, or lack a right (named in the message)."""

    code = "storage-denied"


class BucketMissing(StorageError):
    """The bucket or directory does not exist."""

    code = "bucket-missing"


class LockNotOffered(StorageError):
    """Objects are to be locked, and the bucket has no Object Lock."""

    code = "lock-not-offered"


class StorageFull(StorageError):
    """No space, quota or file handles left."""

    code = "storage-full"


class ClockSkewed(StorageError):
    """The store refused a request because this machine's clock is wrong."""

    code = "clock-skewed"


class ContentRefused(StorageError):
    """The store received other bytes than were sent: its checksum says so."""

    code = "content-refused"
    worth_retrying = True


class NameRefused(StorageError):
    """The name is not one that every kind of store can hold; nothing was touched."""

    code = "name-refused"


class ObjectArchived(StorageError):
    """The object lies in an archive class and has to be brought back before it can be read."""

    code = "object-archived"


class TierArchived(ObjectArchived):
    """The object lies in an archive tier inside INTELLIGENT_TIERING, where only AWS's own tools bring it back."""

    code = "tier-archived"
