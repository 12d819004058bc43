"""What can be wrong with a repository or with the key that is held to it."""

from lifeboat.foundation.errors import KeyTrouble, LifeboatError, RepositoryDamaged, SettingsError, StorageError
from lifeboat.storage.errors import ObjectArchived


class NoRepository(SettingsError):
    """There is no repository at this place."""

    code = "no-repository"


class RepositoryExists(SettingsError):
    """There is one already, and ``init`` never overwrites."""

    code = "repository-exists"


class IsAReplica(SettingsError):
    """The place is marked as a second copy of a repository: nothing of its own is written there."""

    code = "is-a-replica"


class KeyMissing(KeyTrouble):
    """This needs a key, and none was given."""

    code = "key-missing"


class OnlyACustodian(KeyTrouble):
    """The key opens catalogs and signs what is to be forgotten; content it does not open."""

    code = "only-a-custodian"


class KeyNotARecipient(KeyTrouble):
    """The key is well-formed, but this repository was not made for it."""

    code = "key-not-a-recipient"


class RecipientsChanged(KeyTrouble):
    """The repository's description differs from what this machine has pinned."""

    code = "recipients-changed"


class DescriptionDoubtful(KeyTrouble):
    """Several descriptions lie in the repository, and nothing at hand says which one is ours."""

    code = "description-doubtful"


class RecipientExists(SettingsError):
    """The name or the key is a recipient's already, or a custodian's."""

    code = "recipient-exists"


class RecipientMissing(SettingsError):
    """No recipient of this repository has this name or fingerprint."""

    code = "recipient-missing"


class LastRecipient(SettingsError):
    """Nobody could open the repository afterwards, or not who takes the recipient away."""

    code = "last-recipient"


class WriterUnknown(KeyTrouble):
    """This machine has no writer secret for the repository, and no key to make one."""

    code = "writer-unknown"


class WriterExists(SettingsError):
    """A writer or custodian of this name is registered already."""

    code = "writer-exists"


class WriterMissing(SettingsError):
    """No writer or custodian of this name is registered."""

    code = "writer-missing"


class EnrolmentRefused(SettingsError):
    """A writer's file cannot be used here: damaged, or of another repository than the settings name."""

    code = "enrolment-refused"


class NewerFormat(RepositoryDamaged):
    """The object was written by a newer Lifeboat than this one."""

    code = "newer-format"


class ObjectDamaged(RepositoryDamaged):
    """An object's bytes are not those that its name promises, or do not have the form they should."""

    code = "object-damaged"


class SaidByNobody(ObjectDamaged):
    """A statement about snapshots is whole, and signed by nobody who may make it (now): it counts for nothing."""

    code = "said-by-nobody"


class SaidByFormer(SaidByNobody):
    """A recipient who was taken away since signed it, and nobody else: it counts for nothing."""

    code = "said-by-former"


class ChunkMissing(RepositoryDamaged):
    """No index of the generation knows where this chunk is, or its pack is gone."""

    code = "chunk-missing"


class SnapshotUnknown(LifeboatError):
    """No snapshot answers to this name."""

    code = "snapshot-unknown"


class StoreClockMoved(StorageError):
    """The run crossed into times that make its generation unsafe."""

    code = "store-clock-moved"


class RetrievalNeeded(ObjectArchived):
    """Something that this needs lies in an archive class and has to be brought back before it can be read.

    Args:
        snapshot: Id of the snapshot that it is of; empty where it is of none.
    """

    code = "retrieval-needed"

    def __init__(self, message: str, hint: str = "", snapshot: str = "") -> None:
        super().__init__(message, hint)
        self.snapshot = snapshot


def lies_in_archive(snapshot: str, name: str) -> RetrievalNeeded:
    """Args:
    snapshot: Its id. name: The object that could not be read.
    """
    return RetrievalNeeded(
        f"snapshot {snapshot[:8]} lies at least partly in an archive class and cannot be read yet ({name})",
        f"`lifeboat retrieve {snapshot[:8]}` tells how long bringing it back takes and what it costs, and asks first; then try again",
        snapshot,
    )
