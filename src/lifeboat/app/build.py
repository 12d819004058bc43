"""From settings to the things that work: store, keys, repository, database client. The one place that knows all of them.

Another source is one function here and one folder in ``sources``; another kind of store one line in ``storage/open_store.py``.
"""

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from lifeboat.app.lock_periods import lock_periods
from lifeboat.app.settings import S3Location, Settings
from lifeboat.cloud.session import Aws, AwsAccess
from lifeboat.crypto.identity import Identity
from lifeboat.foundation.clock import Clock
from lifeboat.journal.journal import NAME as JOURNAL
from lifeboat.journal.journal import Journal
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.open_repository import Repository, open_repository
from lifeboat.repository.writing import WriteLimits
from lifeboat.storage.object_lock import ObjectLock
from lifeboat.storage.object_store import ObjectStore
from lifeboat.storage.open_store import open_store
from lifeboat.storage.retrying import RetryingStore

if TYPE_CHECKING:
    from lifeboat.sources.mongodb.connect import Client

MACHINE_ID = Path("/etc/machine-id")


def build_store(settings: Settings, clock: Clock, *, create: bool = False, patient: bool = True) -> ObjectStore:
    """The store the settings name, with retries around it.

    Args:
        patient: False: without retries, for what can be left out.
    """
    location = settings.need_repository()
    said = settings.repository
    inner = open_store(
        str(location),
        clock=clock,
        region=said.region,
        endpoint_url=said.endpoint_url,
        access_key_id=said.access_key_id,
        secret_access_key=said.secret_access_key,
        session_token=said.session_token,
        checksum_mode=said.checksum_mode,
        create=create and isinstance(location, Path),
        lock=build_lock(settings),
    )
    return RetryingStore(inner, clock) if patient and isinstance(location, S3Location) else inner


def build_lock(settings: Settings) -> ObjectLock | None:
    """How what is written is locked; None: the settings want no Object Lock."""
    periods = lock_periods(settings)
    if periods is None:
        return None
    return ObjectLock("COMPLIANCE" if settings.aws.object_lock == "compliance" else "GOVERNANCE", periods.until)


def build_aws(settings: Settings) -> Aws:
    """The way to AWS's services, with the credentials of the store."""
    said = settings.repository
    return Aws(
        AwsAccess(said.region, said.endpoint_url, said.access_key_id, said.secret_access_key, said.session_token)
    )


def build_state(settings: Settings) -> LocalState:
    """What this machine remembers of the repository; the store is not opened for it."""
    return LocalState(settings.state, describe_place(settings))


def describe_place(settings: Settings) -> str:
    """As ``ObjectStore.describe`` says it, also of a place that is away."""
    location = settings.need_repository()
    if isinstance(location, Path):
        return os.path.abspath(location.expanduser())
    endpoint = settings.repository.endpoint_url
    return f"{location} at {endpoint}" if endpoint else str(location)


def build_journal(settings: Settings) -> Journal:
    """The journal of this machine for the repository."""
    return Journal(build_state(settings).directory / JOURNAL)


def build_identity(settings: Settings) -> Identity | None:
    """The key the settings name; raises ``KeyMalformed``."""
    return None if settings.key is None else Identity.from_text(settings.key.reveal())


def build_repository(settings: Settings, clock: Clock) -> Repository:
    """The repository, opened with what is at hand."""
    store = build_store(settings, clock)
    return open_repository(
        store,
        identity=build_identity(settings),
        state=LocalState(settings.state, store.describe()),
        label=label(settings),
        machine=machine(settings),
    )


def build_client(settings: Settings) -> "tuple[Client, list[str] | None]":
    """A connection to the database, and which databases are meant (None: all)."""
    from lifeboat.sources.mongodb.connect import connect, database_of  # the driver is slow to load

    uri = settings.need_mongodb()
    named = database_of(uri)
    databases = list(settings.mongodb.databases) or ([named] if named else None)
    return connect(uri), databases


def build_limits(settings: Settings) -> WriteLimits:
    """How hard this machine may be used while writing."""
    chosen = settings.limits.threads
    sealers = WriteLimits().sealers if chosen is None else max(1, chosen)
    return WriteLimits(sealers=sealers, compression_level=settings.limits.compression_level)


def label(settings: Settings) -> str:
    """What people call this installation: as they said, else its host's name."""
    return settings.repository.label or os.uname().nodename or "unnamed"


def machine(settings: Settings) -> str | None:
    """What tells this machine, and this memory on it, from another of the same name; empty where the system has no id.

    None when the label was chosen: who chose it says by it who this is.
    """
    if settings.repository.label is not None:
        return None
    try:
        identifier = MACHINE_ID.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        identifier = ""
    if not identifier:
        return ""
    return hashlib.sha256(f"lifeboat machine 1\n{identifier}\n{settings.state}".encode()).hexdigest()[:32]
