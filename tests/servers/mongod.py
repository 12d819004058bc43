"""The mongod of the tests, and servers of it that last as long as a ``with``."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient

from lifeboat.sources.mongodb.private_server import PrivateServer, ServerOptions, find_mongod

MONGOD = find_mongod(os.environ.get("LIFEBOAT_MONGOD"))


def private_server(**options: Any) -> PrivateServer:
    """A server of its own. Args: options: As ``ServerOptions``; without any it is a set of one node."""
    return PrivateServer(MONGOD, ServerOptions(**options))


@contextmanager
def emptied(server: PrivateServer) -> Iterator[MongoClient[dict[str, Any]]]:
    """A client of a server in which no earlier test has left anything."""
    with MongoClient[dict[str, Any]](server.uri) as connected:
        for name in connected.list_database_names():
            if name not in ("admin", "local", "config"):
                connected.drop_database(name)
        yield connected
