"""Collections of every name that a server can hold.

Limit: PyMongo refuses names such as ``a.`` and ``a..b``, which servers take from other drivers. There is no public way
round, so a collection is opened under a plain name and then named, here and nowhere else.
"""

from typing import Any

from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import InvalidName


def collection_of(database: Database[Any], name: str, **how: Any) -> Collection[Any]:
    """As ``database.get_collection``."""
    try:
        return database.get_collection(name, **how)
    except InvalidName:
        opened: Any = database.get_collection("any", **how)
        opened._name, opened._full_name = name, f"{database.name}.{name}"
        return opened  # type: ignore[no-any-return]
