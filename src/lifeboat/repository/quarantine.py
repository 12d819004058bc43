"""Packs that verify found damaged or gone: a small local note, so that this machine's next backup stores their chunks again.

A pack that is damaged and has its right size looks whole in a listing, and deduplication would go on leaning on it for the rest of the month.
The note is a hint: lost, the next verify writes it again. It speaks of this machine's own next backup; a writer on another machine does not see
it (docs/decisions/0071).
"""

from collections.abc import Collection

from lifeboat.repository.local_state import LocalState

FILE = "quarantine.json"


def quarantined(state: LocalState, repository: bytes) -> frozenset[bytes]:
    """Names of the packs that no new snapshot may need."""
    stored = state.read_json(FILE) or {}
    packs = stored.get("packs")
    if stored.get("repository") != repository.hex() or not isinstance(packs, list):
        return frozenset()
    try:
        return frozenset(bytes.fromhex(one) for one in packs)
    except (TypeError, ValueError):
        return frozenset()


def change_quarantine(
    state: LocalState, repository: bytes, *, damaged: Collection[bytes], whole: Collection[bytes]
) -> None:
    """Add packs and take out those that were found whole again; raises ``SettingsError``."""
    with state.one_at_a_time():
        before = quarantined(state, repository)
        after = (before - frozenset(whole)) | frozenset(damaged)
        if after != before:
            packs = sorted(pack.hex() for pack in after)
            state.write_json(FILE, {"repository": repository.hex(), "packs": packs})
