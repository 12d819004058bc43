"""The tables ``[[replica]]`` of ``lifeboat.toml``, and which of them a word of the command line means."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from lifeboat.app.read_settings import check_endpoint, read_location
from lifeboat.app.settings import ReplicaSettings, RepositorySettings, S3Location, Settings
from lifeboat.app.settings_file import SettingsFileInvalid
from lifeboat.app.settings_tables import ReplicaTable
from lifeboat.app.variables import Variables, follow
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.near_names import did_you_mean
from lifeboat.operations.replicate.errors import ReplicaIsTheSource, ReplicaUnknown

AMAZON = "aws"
"""As an endpoint: Amazon's own, where the repository's is another."""
HOW_TO_SET = '[[replica]] with name = "riyadh" and location = "s3://bucket/prefix" in lifeboat.toml, or `lifeboat replicate LOCATION`'


def read_replicas(
    tables: Iterable[ReplicaTable], repository: RepositorySettings, variables: Variables, base: Path
) -> tuple[ReplicaSettings, ...]:
    """Raises ``SettingsError``. Args: base: the folder that relative paths are meant from."""
    found: list[ReplicaSettings] = []
    for table in tables:
        if any(one.name == table.name for one in found):
            raise SettingsFileInvalid(
                f"two replicas are called {table.name}", "give each [[replica]] a name of its own"
            )
        if (table.access_key_id is None) != (table.secret_access_key is None):
            raise SettingsFileInvalid(
                f"the replica {table.name} names one half of a key pair",
                "set access_key_id and secret_access_key, or neither to use those of the repository",
            )
        where = f"replica.location of {table.name}"
        place = replace(
            repository,
            location=read_location(table.location, base, where),
            endpoint_url=_endpoint(table, repository),
            region=table.region or repository.region,
            checksum_mode=table.checksums or repository.checksum_mode,
        )
        trouble = None
        if table.access_key_id is not None:
            try:
                place = replace(
                    place,
                    access_key_id=follow(table.access_key_id, variables, base),
                    secret_access_key=follow(table.secret_access_key, variables, base),
                    session_token=follow(table.session_token, variables, base),
                    secret_from=f"the replica {table.name} in lifeboat.toml",
                )
            except SettingsError as error:
                trouble = error  # a machine that only backs up need not have the key of the second copy
        found.append(ReplicaSettings(table.name, place, table.follow_prune, trouble))
    return tuple(found)


def replicas_meant(settings: Settings, words: Sequence[str], folder: Path) -> list[ReplicaSettings]:
    """Those with these names or at these locations; none said: all that are set. Raises ``ReplicaUnknown``, ``ReplicaIsTheSource``."""
    if not words and not settings.replicas:
        raise ReplicaUnknown("no replica is set", f"put {HOW_TO_SET}")
    meant = [_meant(settings, word, folder) for word in words or [one.name for one in settings.replicas]]
    for one in meant:
        _refuse_overlap(settings, one)
    return meant


def as_replica(settings: Settings, word: str, folder: Path) -> Settings:
    """The same settings with a replica in the place of the repository: whatever is done is done there."""
    one = _meant(settings, word, folder)
    return replace(settings, repository=one.place, as_replica=one.name)


def _meant(settings: Settings, word: str, folder: Path) -> ReplicaSettings:
    for one in settings.replicas:
        if one.name == word or str(one.place.location) == word:
            if one.trouble is not None:
                raise one.trouble
            return one
    if "/" not in word:
        names = [one.name for one in settings.replicas]
        known = f"set are {', '.join(names)}" if names else f"none is set: put {HOW_TO_SET}"
        raise ReplicaUnknown(f"no replica is called {word}", f"{did_you_mean(word, names)}{known}")
    return ReplicaSettings(word, replace(settings.repository, location=read_location(word, folder, "the replica")))


def _endpoint(table: ReplicaTable, repository: RepositorySettings) -> str | None:
    if table.endpoint is None:
        return repository.endpoint_url
    if table.endpoint == AMAZON:  # said in full: boto3 would take AWS_ENDPOINT_URL for what is left out
        return f"https://s3.{table.region or repository.region or 'us-east-1'}.amazonaws.com"
    return check_endpoint(table.endpoint, f"replica.endpoint of {table.name}")


def _refuse_overlap(settings: Settings, one: ReplicaSettings) -> None:
    """One must not lie in the other: each listing would show both."""
    here, there = settings.need_repository(), one.place.location
    if isinstance(here, Path) and isinstance(there, Path):
        ours, theirs = (os.path.realpath(path) for path in (here, there))
        overlap = os.path.commonpath([ours, theirs]) in (ours, theirs)
    elif isinstance(here, S3Location) and isinstance(there, S3Location):
        same = here.bucket == there.bucket and settings.repository.endpoint_url == one.place.endpoint_url
        ours, theirs = (f"{place.prefix}/" if place.prefix else "" for place in (here, there))
        overlap = same and (ours.startswith(theirs) or theirs.startswith(ours))
    else:
        overlap = False
    if overlap:
        how = "is the repository itself" if ours == theirs else "and the repository lie one in the other"
        raise ReplicaIsTheSource(f"{there} {how}", "a second copy lies somewhere else: another bucket, account or disk")
