"""What a MongoDB server can say besides yes, in words a person can act on.

Invariant: nothing that PyMongo raises leaves this folder; ``meaning.py`` is the door. No message carries a password.
"""

from lifeboat.foundation.errors import SettingsError, SourceError, TargetRefused

ROLE_HINT = (
    "give the user the role `backup` for backups, `restore` and `readWriteAnyDatabase` for restores (all in admin)"
)


class MongodMissing(SourceError):
    """No ``mongod`` program was found on this machine."""

    code = "mongod-missing"


class MongodFailed(SourceError):
    """A private server did not start, or died."""

    code = "mongod-failed"


class DatabaseUnreachable(SourceError):
    """Nobody answers at the address, or the connection was lost and did not come back."""

    code = "database-unreachable"
    worth_retrying = True


class DatabasePasswordWrong(SourceError):
    """The server does not accept the user name and password (or certificate)."""

    code = "database-password-wrong"


class DatabaseRightMissing(SourceError):
    """The user is known but may not do this; the message names the action and where."""

    code = "database-right-missing"


class DatabaseUriInvalid(SourceError):
    """The connection string does not say something that can be done."""

    code = "database-uri-invalid"


class DatabaseBusy(SourceError):
    """The server refused for now (lock, election, index build, time limit): the same call may succeed in a moment."""

    code = "database-busy"
    worth_retrying = True


class DatabaseRefused(SourceError):
    """The server refused for a reason that repeating will not change; its own words are in the message."""

    code = "database-refused"


class DatabaseAway(SourceError):
    """The database was away or busy for longer than is waited (two minutes); the same command goes on from there."""

    code = "database-away"


class DatabaseUnsupported(SourceError):
    """A kind or version of server that is neither backed up nor restored to: a sharded cluster or a part of one, or older than 5.0."""

    code = "database-unsupported"


class CaptureMoved(SourceError):
    """A collection was dropped, renamed or replaced during the capture: its state at that instant is out of reach.

    The capture is begun anew, whole, at a new instant; nothing of this one may be called a backup.
    """

    code = "capture-moved"
    worth_retrying = True


class CaptureTooSlow(SourceError):
    """The server's history window has passed before the last collection was read."""

    code = "capture-too-slow"


class OplogGap(SourceError):
    """Entries of the oplog that are needed are there no more: it was overwritten, or the server went back behind them."""

    code = "oplog-gap"


class OplogRolledOver(OplogGap):
    """The oplog no longer reaches back to where an archive ended: what happened in between is lost to it."""

    code = "oplog-rolled-over"


class OplogRolledBack(OplogGap):
    """At the place where an archive ended the oplog tells another history: a rollback, a server restored, or another server."""

    code = "oplog-rolled-back"


class OplogNotFollowed(SourceError):
    """The oplog holds something whose effect on documents is not known: what came before cannot be brought to what comes after."""

    code = "oplog-not-followed"


class CatalogUnreadable(SourceError):
    """What was stored about a collection is not what a capture writes."""

    code = "catalog-unreadable"


class TargetNotEmpty(TargetRefused):
    """A collection of that name already holds something, and replacing it was not asked for."""

    code = "target-not-empty"


class RestorePlanInvalid(TargetRefused):
    """The restore cannot be done as asked: two things would land in one place, or a name is impossible."""

    code = "restore-plan-invalid"


class SeriesNotReplaceable(TargetRefused):
    """A time-series collection would replace something live, and the server does not let this user swap it."""

    code = "time-series-not-replaceable"


class LandingDiffers(TargetRefused):
    """What landed beside the live data is not what was captured; nothing live was touched for this collection."""

    code = "landing-differs"


class BlockUnreadable(SourceError):
    """Bytes that should be whole BSON documents are not."""

    code = "block-unreadable"


class DumpUnreadable(SourceError):
    """A dump that was to be imported is damaged, cut off, hostile, or no dump; nothing of it was stored as a snapshot."""

    code = "dump-unreadable"


class DumpNotFollowed(SourceError):
    """The oplog that came with a dump holds something that cannot be applied exactly to what was dumped."""

    code = "dump-not-followed"


class FilterInvalid(SettingsError):
    """The text after ``--filter`` is no MongoDB filter, or one that cannot be tried on the documents of a snapshot."""

    code = "filter-invalid"


class FilterNeedsNewerServer(SourceError):
    """A filter is tried on a snapshot's documents by the server, which can do that since MongoDB 5.1."""

    code = "filter-needs-newer-server"


class CollectionRefused(TargetRefused):
    """Single documents cannot be put into this kind of collection."""

    code = "collection-refused"
