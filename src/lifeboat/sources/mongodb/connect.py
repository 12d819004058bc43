"""Open a database by its connection string, and speak of it without its password.

Limits: everything the string says is honoured (TLS, users, mongodb+srv, read preference, compression); what we
need besides, such as write concerns, is set where it is needed and not here.
"""

import warnings
from typing import Any
from urllib.parse import quote, unquote

from pymongo import MongoClient
from pymongo.errors import InvalidURI

from lifeboat.foundation.secret import Secret
from lifeboat.sources.mongodb.errors import DatabaseUriInvalid
from lifeboat.sources.mongodb.meaning import in_our_words

Client = MongoClient[dict[str, Any]]


def connect(uri: Secret, *, application: str = "lifeboat", wait_seconds: float = 10) -> Client:
    """Connect and say hello, so that a wrong address or password is found now.

    Args:
        wait_seconds: How long to look for a server; the string's own ``serverSelectionTimeoutMS`` wins.

    Raises:
        DatabaseUnreachable, DatabasePasswordWrong, DatabaseUriInvalid.
    """
    text = uri.reveal()
    if not text.startswith(("mongodb://", "mongodb+srv://")):
        raise DatabaseUriInvalid(
            "the connection string does not begin with mongodb:// or mongodb+srv://",
            "is MONGODB_URI set to something like mongodb://user:password@host:27017/database?",
        )
    options: dict[str, Any] = {}
    if "serverselectiontimeoutms=" not in text.lower():
        options["serverSelectionTimeoutMS"] = int(wait_seconds * 1000)
    if "connecttimeoutms=" not in text.lower():
        options["connectTimeoutMS"] = int(wait_seconds * 1000)
    with in_our_words(f"connecting to {address_of(uri)}"):
        client = _client(text, appname=application, **options)
        try:
            client.admin.command("ping")
        except BaseException:
            client.close()
            raise
    return client


def _client(text: str, **options: Any) -> Client:
    # Strings written for other drivers carry options that PyMongo warns about and leaves out; so do we, quietly.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            return MongoClient(text, **options)
        except ValueError as trouble:
            raise InvalidURI(type(trouble).__name__) from None  # its words can quote the password


def address_of(uri: Secret) -> str:
    """The hosts, for messages: ``"db1:27017,db2:27017"``. Nothing before the last ``@`` survives."""
    rest = uri.reveal().partition("://")[2].rpartition("@")[2]
    return rest.partition("/")[0].partition("?")[0] or "(no host)"


def naming(uri: Secret, database: str) -> Secret:
    """The same server, with this database named in the string, as applications want it."""
    text = uri.reveal()
    scheme, _, rest = text.partition("://")
    who, at, place = rest.rpartition("@")
    hosts, _, tail = place.partition("/")
    _, question, options = tail.partition("?")
    if not question and "?" in hosts:
        hosts, question, options = hosts.partition("?")
    if who and "authsource=" not in options.lower():
        named = database_of(uri) or "admin"
        options, question = f"{options}&authSource={named}".lstrip("&"), "?"
    return Secret(f"{scheme}://{who}{at}{hosts}/{quote(database, safe='')}{question}{options}")


def database_of(uri: Secret) -> str | None:
    """The database the string names, or None for all.

    ``/admin`` counts as none: there it says where the user was created, and admin data is never backed up.
    """
    rest = uri.reveal().partition("://")[2].rpartition("@")[2]
    named = unquote(rest.partition("?")[0].partition("/")[2]).partition(".")[0]
    return named if named not in ("", "admin") else None
