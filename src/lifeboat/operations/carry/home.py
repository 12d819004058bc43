"""Packs where they were first stored, or were carried to last: what keeps them from being copied."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from enum import StrEnum

from lifeboat.foundation.errors import LifeboatError, RepositoryDamaged
from lifeboat.foundation.value import Value
from lifeboat.repository.carrying import Lane
from lifeboat.repository.data_keys import read_wrapped_key
from lifeboat.repository.names import key_name
from lifeboat.repository.objects import read_many
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.quarantine import quarantined, spoilt_in
from lifeboat.storage.archive import ARCHIVE_CLASSES
from lifeboat.storage.errors import StorageDenied
from lifeboat.storage.object_store import ObjectStore, StoredObject


class Hindrance(StrEnum):
    """Why a pack cannot be copied, whatever it holds."""

    NONE = ""
    SPOILT = "gone, cut or found damaged"
    ARCHIVED = "in an archive class"
    OTHER_RECIPIENTS = "sealed for other recipients than today's"


class Told(Value):
    """What the writer's index says of a pack, and how much of it is needed still."""

    data_key: bytes
    size_bytes: int
    live_bytes: int


class HomePack(Value):
    """A pack that could be copied, or why not. Args: live_bytes: Of it, what the newest snapshot needs."""

    name: bytes
    size_bytes: int
    live_bytes: int
    data_key: bytes
    hindrance: Hindrance = Hindrance.NONE
    storage_class: str = "STANDARD"


def home_packs(repository: Repository, lane: Lane, told: Mapping[bytes, Told]) -> Iterator[HomePack]:
    """Each of these packs as it lies where the lane comes from; raises ``StorageDenied``."""
    stored = packs_in(repository.store, lane.origin)
    spoilt = spoilt_in(quarantined(repository.state, repository.id), lane.origin)
    sealed_alike = _for_todays_recipients(repository, lane.from_generation, {one.data_key for one in told.values()})
    for name, one in sorted(told.items()):
        found = stored.get(name)
        hindrance = Hindrance.NONE
        if name in spoilt or found is None or found.size_bytes != one.size_bytes:
            hindrance = Hindrance.SPOILT
        elif found.storage_class in ARCHIVE_CLASSES:
            hindrance = Hindrance.ARCHIVED
        elif one.data_key not in sealed_alike:
            hindrance = Hindrance.OTHER_RECIPIENTS
        kept_as = "STANDARD" if found is None else found.storage_class
        yield HomePack(name, one.size_bytes, min(one.size_bytes, one.live_bytes), one.data_key, hindrance, kept_as)


def packs_in(store: ObjectStore, place: str) -> dict[bytes, StoredObject]:
    """What is listed in one place, by name."""
    return {bytes.fromhex(one.name[-64:]): one for one in store.list_under(place) if len(one.name) == len(place) + 64}


def _for_todays_recipients(repository: Repository, generation: str, keys: Collection[bytes]) -> set[bytes]:
    """The data keys that exactly the present recipients open: a recipient who came or went since must find its will done this month."""
    today = {named.recipient.fingerprint for named in repository.description.recipients}
    names = {key_name(generation, key.hex()): key for key in keys}
    found = set()
    for name, raw in _sound(read_many(repository.store, sorted(names))):
        try:
            if read_wrapped_key(raw, repository.id, generation, name).wrapped_for.keys() == today:
                found.add(names[name])
        except RepositoryDamaged:
            continue
    return found


def _sound(read: Iterable[tuple[str, bytes | Exception]]) -> Iterator[tuple[str, bytes]]:
    """Those that could be read; a store that is away, or does not let us, is raised."""
    for name, raw in read:
        if isinstance(raw, bytes):
            yield name, raw
        elif not isinstance(raw, LifeboatError) or raw.worth_retrying or isinstance(raw, StorageDenied):
            raise raw
