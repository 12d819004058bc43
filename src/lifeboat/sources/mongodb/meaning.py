"""The door: what PyMongo and the server say, in our words.

Invariant: every call to the driver in this folder stands inside ``in_our_words``; what comes out is one of ``errors.py``.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bson.errors import BSONError
from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    DocumentTooLarge,
    InvalidURI,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from lifeboat.foundation.errors import LifeboatError
from lifeboat.sources.mongodb.errors import (
    ROLE_HINT,
    CaptureMoved,
    CaptureTooSlow,
    DatabaseBusy,
    DatabasePasswordWrong,
    DatabaseRefused,
    DatabaseRightMissing,
    DatabaseUnreachable,
    DatabaseUriInvalid,
)

UNAUTHORIZED = 13
PASSWORD_CODES = frozenset({11, 18, 8000})
MOVED_CODES = frozenset({136, 175, 246, 361})
"""Dropped, renamed, replaced or overtaken (capped) while it was read: see the table of DDL after T."""
SNAPSHOT_TOO_OLD = 239
BUSY_CODES = frozenset({6, 7, 24, 43, 46, 50, 64, 89, 91, 100, 112, 117, 134, 189, 262, 9001})
BUSY_CODES |= frozenset({237, 276, 285, 365, 10107, 11600, 11602, 12587, 13435, 13436})
"""Elections, shutdowns, locks, time limits, lost cursors, index builds in the way or broken off."""
DISK_FULL_CODES = frozenset({14031})
SERVER_WORDS_AT_MOST = 300
"""Characters of the server's own message that are passed on: some quote whole commands."""


@contextmanager
def in_our_words(doing: str) -> Iterator[None]:
    """Turn what the driver raises inside the block into one of our errors.

    Args:
        doing: What was being done, to begin the sentence: ``"reading shop.orders"``. Never a secret.
    """
    try:
        yield
    except (PyMongoError, BSONError) as foreign:
        raise explain(doing, foreign) from foreign


def raise_if_unconfirmed(doing: str, answer: Mapping[str, Any]) -> None:
    """Hold an answer that says "ok" to what it says besides: the driver does not look, for commands given by name.

    Raises:
        DatabaseBusy: No majority has confirmed it, or not all of it was done. What was done may be there or not.
    """
    if "writeConcernError" in answer:
        raise DatabaseBusy(f"{doing}: no majority of the set confirmed it", "are all nodes of the set up?")
    if any(error.get("code") in BUSY_CODES for error in answer.get("writeErrors") or ()):
        raise DatabaseBusy(f"{doing}: the primary changed", "try again in a moment")


def explain(doing: str, foreign: Exception) -> LifeboatError:
    """The error of ours for one of the driver's."""
    if isinstance(foreign, InvalidURI | ConfigurationError):
        return _uri_trouble(doing, foreign)
    if isinstance(foreign, NotPrimaryError):
        return DatabaseBusy(f"{doing}: the primary changed", "try again in a moment")
    if isinstance(foreign, ConnectionFailure) and not isinstance(foreign, OperationFailure):
        return _unreachable(doing, foreign)
    if isinstance(foreign, DocumentTooLarge):
        return DatabaseRefused(f"{doing}: a document is larger than the server takes", "is the target an older server?")
    if isinstance(foreign, OperationFailure):
        return _refusal(doing, foreign)
    return DatabaseRefused(f"{doing}: {_short(foreign)}", "does `mongosh` get further with the same connection string?")


def _uri_trouble(doing: str, foreign: Exception) -> LifeboatError:
    text = str(foreign)
    if "dnspython" in text:
        return DatabaseUriInvalid(
            f"{doing}: a mongodb+srv address needs the module dnspython",
            "run `pip install 'lifeboat[srv]'`, or give the mongodb:// address with its hosts",
        )
    if "DNS" in text or "resolution" in text.lower() or "SRV" in text:
        return DatabaseUnreachable(
            f"{doing}: the name of the server is not known to DNS", "is the host spelt right, and is the network up?"
        )
    # The driver quotes parts of the string in some messages, and a part can be a password.
    return DatabaseUriInvalid(
        f"{doing}: the connection string is not valid ({type(foreign).__name__})",
        "it reads mongodb://user:password@host:27017/database; are the characters : / ? # @ % in user name and "
        "password written as %3A %2F %3F %23 %40 %25, and are the options after ? spelt right?",
    )


def _unreachable(doing: str, foreign: Exception) -> LifeboatError:
    text = str(foreign)
    lowered = text.lower()
    if "certificate" in lowered or "ssl" in lowered:
        hint = "does the server want TLS (tls=true), and does tlsCAFile name the authority that signed its certificate?"
    elif "refused" in lowered:
        hint = "is mongod running, and is it listening on that address and port?"
    elif "name or service" in lowered or "getaddrinfo" in lowered or "nodename" in lowered:
        hint = "is the host spelt right, and is the network up?"
    elif "no primary" in lowered or "replica set" in lowered or "primary()" in lowered:
        hint = "does the set have a primary (`rs.status()`), and does replicaSet= name it rightly?"
    else:
        hint = "is mongod running, and do firewall and bindIp let this machine in?"
    if isinstance(foreign, ServerSelectionTimeoutError):
        text = text.split(", Timeout:")[0].split(" (configured timeouts")[0]
    return DatabaseUnreachable(f"{doing}: the database does not answer ({text[:SERVER_WORDS_AT_MOST]})", hint)


def _refusal(doing: str, foreign: OperationFailure) -> LifeboatError:
    code = foreign.code or 0
    if code in PASSWORD_CODES:
        return DatabasePasswordWrong(
            f"{doing}: the server does not accept this user name and password",
            "is the password right, and does authSource= name the database in which the user was created?",
        )
    if code == UNAUTHORIZED:
        return _right_missing(doing, foreign)
    if code in MOVED_CODES:
        return CaptureMoved(
            f"{doing}: the collection was dropped, renamed or replaced meanwhile ({_short(foreign)})",
            "the backup starts anew; does a job recreate this collection all the time?",
        )
    if code == SNAPSHOT_TOO_OLD:
        return CaptureTooSlow(
            f"{doing}: the server keeps history for a few minutes only, and they have passed",
            "raise it: `db.adminCommand({setParameter: 1, minSnapshotHistoryWindowInSeconds: 3600})` "
            "(costs disk for everything overwritten within that time)",
        )
    if code in BUSY_CODES or foreign.has_error_label("RetryableWriteError"):
        return DatabaseBusy(f"{doing}: the server is busy ({_short(foreign)})", "try again in a moment")
    if code in DISK_FULL_CODES:
        return DatabaseRefused(f"{doing}: the server's disk is full", "make room on the server, then run it again")
    return DatabaseRefused(f"{doing}: the server refuses ({_short(foreign)}; code {code})", "what does its log say?")


def _right_missing(doing: str, foreign: OperationFailure) -> LifeboatError:
    text = str((foreign.details or {}).get("errmsg", foreign))
    if "requires authentication" in text:
        return DatabasePasswordWrong(
            f"{doing}: the server wants a user name and a password",
            "write them into the connection string: mongodb://user:password@host/database?authSource=admin",
        )
    found = re.search(r"not authorized on (\S+) to execute command \{ ?(\w+): (?:\"([^\"]*)\")?", text)
    if not found:
        return DatabaseRightMissing(f"{doing}: a right is missing ({_short(foreign)})", ROLE_HINT)
    database, command, collection = found.groups()
    action = _ACTIONS.get(command, command)
    if command == "aggregate" and "$listCatalog" in text:
        action = "listCollections and listIndexes"
    where = f"{database}.{collection}" if collection else database
    return DatabaseRightMissing(f"{doing}: the user may not {action} on {where}", ROLE_HINT)


_ACTIONS = {
    "aggregate": "find",
    "find": "find",
    "getMore": "find",
    "create": "createCollection",
    "createIndexes": "createIndex",
    "drop": "dropCollection",
    "renameCollection": "renameCollectionSameDB",
    "delete": "remove",
    "count": "find",
}
"""The action behind a command, where their names differ."""

OPLOG_HINT = (
    "let the user read local.oplog.rs (the role `backup` may): the backup then follows what changes while it reads, "
    "and all of it is one instant"
)


def _short(foreign: Exception) -> str:
    details = getattr(foreign, "details", None)
    text = str(details["errmsg"]) if isinstance(details, dict) and "errmsg" in details else str(foreign)
    return text[:SERVER_WORDS_AT_MOST]
