"""Who may only write into the archive cannot keep anybody from bringing a moment back."""

from pathlib import Path

import pytest
from timeline_kit import Archived, at

from lifeboat.foundation.errors import LifeboatError
from lifeboat.operations.archived import archived_between
from lifeboat.operations.timeline import find_base, read_histories
from lifeboat.repository.segment_writing import new_chain
from lifeboat.repository.segments import StoredSegment, list_segments

FAR = "f" * 16


@pytest.fixture
def kit(tmp_path: Path) -> Archived:
    kit = Archived(tmp_path)
    kit.snapshot(at(0))
    kit.stream(at(0), at(100), 10, because="it begins here")
    return kit


def plant(kit: Archived, stored: StoredSegment, name: str, content: bytes = b"") -> None:
    kit.store.write(name, content or kit.store.read(stored.name))


def test_a_planted_end_is_not_taken_for_the_newest_moment(kit: Archived) -> None:
    for number, stored in enumerate(list_segments(kit.repository)):
        plant(kit, stored, stored.name.replace(stored.through.hex(), FAR), b"rubbish" * number)
        plant(kit, stored, stored.name.replace(stored.writer, "e" * 32).replace(stored.through.hex(), FAR))
    (history,) = read_histories(kit.opened()).of
    assert history.newest == at(100)
    base, stretch = find_base(kit.opened(), None)
    assert stretch is not None and archived_between(kit.opened(), stretch, base.latest, at(100)).goal == at(100)


def test_what_shadows_an_honest_segment_is_passed_over(kit: Archived) -> None:
    """The same stretch under another hash, and longer ones that would be taken first."""
    for stored in list_segments(kit.repository):
        plant(kit, stored, f"{stored.name[:-64]}{'0' * 64}", b"rubbish")
        if stored.through < at(90):
            longer = stored.name.replace(f"-{stored.through.hex()}-", f"-{at(90).hex()}-")
            plant(kit, stored, longer)
    base, stretch = find_base(kit.opened(), at(95))
    assert stretch is not None
    archived = archived_between(kit.opened(), stretch, base.latest, at(95))
    honest = {one.name for one, _ in archived.segments}
    assert len(honest) == 10 and not any("0" * 64 in name for name in honest)


def test_a_planted_bridge_over_a_hole_leads_nowhere_and_says_why(kit: Archived) -> None:
    segments = list_segments(kit.repository)
    lost = next(one for one in segments if one.after == at(40))
    raw = kit.store.read(lost.name)
    kit.store.delete(lost.name)
    kit.store.write(f"{lost.name[:-64]}{'1' * 64}", raw[:-1] + b"x")
    base, stretch = find_base(kit.opened(), at(80))
    assert stretch is not None
    with pytest.raises(LifeboatError):
        archived_between(kit.opened(), stretch, base.latest, at(80))
    assert archived_between(kit.opened(), stretch, base.latest, at(40)).goal == at(40)


def test_chains_of_nobody_are_no_gaps(kit: Archived) -> None:
    for stored in list_segments(kit.repository)[:3]:
        plant(kit, stored, stored.name.replace(stored.chain, new_chain()).replace(stored.through.hex(), FAR))
    (history,) = read_histories(kit.opened()).of
    assert history.holes == [] and history.newest == at(100)
