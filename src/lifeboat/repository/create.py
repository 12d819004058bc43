"""Make a repository: the description first, then this machine's writer. Nothing that exists is ever overwritten."""

import os
from collections.abc import Sequence
from datetime import datetime

from lifeboat.crypto.identity import Identity
from lifeboat.repository.description import Description, NamedRecipient, read_description, write_description
from lifeboat.repository.errors import NoRepository, RepositoryExists
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.names import digest, readme_name, rescue_name
from lifeboat.repository.objects import write_named
from lifeboat.repository.open_repository import Repository, open_repository
from lifeboat.repository.record import show_time
from lifeboat.storage.object_store import ObjectStore


def create_repository(
    store: ObjectStore,
    *,
    identity: Identity,
    recipients: Sequence[NamedRecipient],
    profile: str,
    state: LocalState,
    label: str,
    now: datetime,
    machine: str | None = None,
) -> Repository:
    """Describe a new repository, sealed for ``recipients`` and signed by ``identity``, and register this machine's writer.

    Raises:
        RepositoryExists: There is one at this place already.
    """
    try:
        found = read_description(store)
    except NoRepository:
        pass
    else:
        raise RepositoryExists(
            f"there is a repository at {store.describe()} already ({found.repository.hex()[:8]}, made {found.created})",
            "use it with `lifeboat backup all`, or name another place",
        )
    state.forget()
    write_description(store, Description(os.urandom(16), 1, show_time(now), profile, tuple(recipients)), [identity])
    repository = open_repository(store, identity=identity, state=state, label=label, machine=machine)
    repository.writer(now)
    return repository


def store_rescue_kit(store: ObjectStore, script: str, readme: str) -> tuple[str, str]:
    """Put the stand-alone reader and a note for whoever finds the bucket beside the data; returns their names."""
    names = names_of_rescue_kit(script, readme)
    for name, text in zip(names, (script, readme), strict=True):
        write_named(store, name, text.encode())
    return names


def names_of_rescue_kit(script: str, readme: str) -> tuple[str, str]:
    """Where they lie."""
    return rescue_name(digest(script.encode())), readme_name(digest(readme.encode()))
