"""Why a place cannot be the replica of a repository."""

from lifeboat.foundation.errors import SettingsError


class ReplicaRefused(SettingsError):
    """The place cannot be the replica that was asked for; nothing there was changed."""

    code = "replica-refused"


class ReplicaUnknown(SettingsError):
    """No replica of this name is set, or none at all."""

    code = "replica-unknown"


class ReplicaIsTheSource(ReplicaRefused):
    """The replica is the repository itself, or lies in it, or holds it."""

    code = "replica-is-the-source"


class ReplicaOfAnother(ReplicaRefused):
    """Another repository lies there."""

    code = "replica-of-another"


class ReplicaPlaceTaken(ReplicaRefused):
    """Something lies there that is no repository."""

    code = "replica-place-taken"


class ReplicaGone(ReplicaRefused):
    """This machine has made a replica there before, and nothing is there."""

    code = "replica-gone"


class ReplicaNotMarked(ReplicaRefused):
    """The same repository lies there, but not as a replica: it may be in use by itself."""

    code = "replica-not-marked"
