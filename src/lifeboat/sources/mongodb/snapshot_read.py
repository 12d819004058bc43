"""Reads at one cluster time T, shared by any number of threads.

Limit: PyMongo has no public way to open a snapshot session at a given time, so its private attribute is set, here
and nowhere else. The first read of a session without a time fixes it; every later session is given that one.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from bson import Timestamp
from pymongo.client_session import ClientSession

from lifeboat.sources.mongodb.connect import Client

_TIME = "_snapshot_time"


@contextmanager
def session_at(client: Client, time: Timestamp | None) -> Iterator[ClientSession]:
    """A session whose reads all see the server as of ``time``; None lets its first read choose."""
    with client.start_session(snapshot=True) as session:
        setattr(session, _TIME, time)
        yield session


def time_of(session: ClientSession) -> Timestamp | None:
    """The instant its first read fixed."""
    time: Timestamp | None = getattr(session, _TIME)
    return time


def session_if(client: Client, time: Timestamp | None) -> Any:
    """As ``session_at``; without a time (a standalone) a context that gives no session."""
    return session_at(client, time) if time else nullcontext()
