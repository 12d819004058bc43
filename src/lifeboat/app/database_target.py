"""Which server and database the words after ``--to`` mean; never guessed, never the live one by accident."""

import os
from collections.abc import Sequence

from lifeboat.app.settings import Settings
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.secret import Secret
from lifeboat.operations.reports.restores import RestoreRequest
from lifeboat.sources.mongodb.connect import database_of


def database_target(settings: Settings, request: RestoreRequest, databases: Sequence[str]) -> tuple[Secret, list[str]]:
    """The server, and the renames that the target itself implies.

    Args:
        databases: Those that are stored.
    """
    renames = [f"{old}={new}" for old, new in request.renames]
    if request.to is None:
        return settings.need_mongodb(), renames
    meant = {namespace.partition(".")[0] for namespace in request.namespaces}
    stored = sorted(meant) or list(databases)
    text = request.to
    if text.startswith("env:"):
        text = os.environ.get(text[4:], "")
        if not text:
            raise SettingsError(
                f"the variable {request.to[4:]} is not set in the environment",
                "export it, with the target's connection string; .env is not looked into for it",
            )
        if not text.startswith(("mongodb://", "mongodb+srv://")):
            # Never to be taken for the name of a database: that would be one on the live server.
            raise SettingsError(
                f"the variable {request.to[4:]} does not hold a connection string",
                "it begins with mongodb:// or mongodb+srv://",
            )
    if text.startswith(("mongodb://", "mongodb+srv://")):
        uri = Secret(text)
        wanted = database_of(uri)
    else:
        uri, wanted = settings.need_mongodb(), text
    renamed = {old for old, _ in request.renames}
    all_renamed = renamed.issuperset(request.namespaces or ("",)) or not renamed.isdisjoint(stored)
    if wanted is not None and not all_renamed and len(stored) == 1 and wanted != stored[0]:
        # What --rename does not name must not land in the live database of its old name.
        renames = [f"{stored[0]}={wanted}", *renames]
    elif wanted is not None and not text.startswith("mongodb") and len(stored) != 1:
        raise SettingsError(
            f"there are {len(stored)} databases to restore, so {wanted} cannot be the name of all of them",
            f"name each: --rename {stored[0] if stored else 'OLD'}=NEW",
        )
    return uri, renames
