"""Packs that verify found damaged or gone: a small local note, so that this machine's next backup stores their chunks again.

A pack that is damaged and has its right size looks whole in a listing, and deduplication would go on leaning on it for the rest of the month.
The note is a hint: lost, the next verify writes it again. It speaks of this machine's own next backup; a writer on another machine does not see
it (docs/decisions/0071).
"""

from collections.abc import Collection, Iterable

from lifeboat.repository.local_state import LocalState
from lifeboat.repository.names import At, stated_digest

FILE = "quarantine.json"


def quarantined(state: LocalState, repository: bytes) -> frozenset[At]:
    """The packs that no new snapshot may need."""
    stored = state.read_json(FILE) or {}
    packs = stored.get("packs")
    if stored.get("repository") != repository.hex() or not isinstance(packs, list):
        return frozenset()
    try:
        return frozenset((one[:-64], bytes.fromhex(one[-64:])) for one in packs if stated_digest(one) == one[-64:])
    except (AttributeError, TypeError, ValueError):
        return frozenset()


def spoilt_in(quarantine: Iterable[At], place: str) -> set[bytes]:
    """The names of those that lie in one place."""
    return {name for where, name in quarantine if where == place}


def change_quarantine(state: LocalState, repository: bytes, *, damaged: Collection[At], whole: Collection[At]) -> None:
    """Add packs and take out those that were found whole again; raises ``SettingsError``."""
    with state.one_at_a_time():
        before = quarantined(state, repository)
        after = (before - frozenset(whole)) | frozenset(damaged)
        if after != before:
            packs = sorted(place + name.hex() for place, name in after)
            state.write_json(FILE, {"repository": repository.hex(), "packs": packs})
