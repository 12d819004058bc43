"""A moment whose snapshot, or whose changes, lie in an archive class: found, brought back, and no cause to forget what can be restored."""

from datetime import timedelta
from pathlib import Path

import pytest
from archiving_store import ArchivingStore
from timeline_kit import Archived, at

from lifeboat.app.read_settings import read_settings
from lifeboat.app.retrieving import Retrieving
from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.operations.reports.restores import RestoreRequest
from lifeboat.operations.retrieve.run import Retrieval
from lifeboat.operations.timeline import MomentNotCovered, find_base, read_histories
from lifeboat.operations.timeline_report import look_at_timeline
from lifeboat.repository.errors import RetrievalNeeded
from lifeboat.repository.record import Record
from lifeboat.repository.segments import Segment
from lifeboat.storage.archive import Tier


class FrozenHistory(Archived):
    """A history whose store has archive classes."""

    store: ArchivingStore

    def freeze(self, record: Record) -> list[str]:
        return [name for pack in record.packs for name in self.store.freeze(pack.hex())]

    def retrieval(self, moment: ClusterTime) -> Retrieval:
        settings = read_settings(None, {}, self.folder)
        retrieving = Retrieving(settings, self.opened(), self.clock)
        return retrieving.retrieval(RestoreRequest("db", at=f"{moment.seconds}.{moment.increment}"))

    def bring_back(self, moment: ClusterTime) -> set[str]:
        """Returns what was asked for."""
        before = len(self.store.asked)
        self.retrieval(moment).request(Tier.STANDARD)
        self.retrieval(moment).wait()
        return {name for name, _, _ in self.store.asked[before:]}


@pytest.fixture
def history(tmp_path: Path) -> FrozenHistory:
    return FrozenHistory(tmp_path, make_store=ArchivingStore)


def test_a_moment_after_an_archived_snapshot_names_it_and_comes_back(history: FrozenHistory) -> None:
    first, second = history.snapshot(at(10, 7)), history.snapshot(at(50, 7))
    history.stream(at(0), at(100), 30)
    away = {*history.freeze(first), *history.freeze(second)}
    with pytest.raises(RetrievalNeeded, match=second.snapshot[:8]):
        find_base(history.opened(), at(70))
    assert (
        history.bring_back(at(70))
        == {name for name in away if name.rsplit("/", 1)[1] in {pack.hex() for pack in second.packs}}
        < away
    )
    base, stretch = find_base(history.opened(), at(70))
    assert (base.record.snapshot, base.latest) == (second.snapshot, at(50, 7)) and stretch is not None


def test_an_older_snapshot_that_can_be_read_now_is_taken_before_one_that_comes_in_hours(
    history: FrozenHistory,
) -> None:
    first, second = history.snapshot(at(10, 7)), history.snapshot(at(50, 7))
    history.stream(at(0), at(100), 30)
    history.freeze(second)
    assert find_base(history.opened(), at(70))[0].record.snapshot == first.snapshot
    assert history.bring_back(at(70)) == set()


def test_the_own_instant_of_an_archived_snapshot_comes_back(history: FrozenHistory) -> None:
    only = history.snapshot(at(10, 7))
    history.freeze(only)
    with pytest.raises(RetrievalNeeded):
        find_base(history.opened(), at(10, 7))
    history.bring_back(at(10, 7))
    assert find_base(history.opened(), at(10, 7))[0].latest == at(10, 7)


def test_an_archived_snapshot_covers_no_moment_that_it_would_not_cover_at_hand(history: FrozenHistory) -> None:
    history.freeze(history.snapshot(at(10, 7)))
    history.stream(at(5), at(40), 10)
    with pytest.raises(MomentNotCovered):
        find_base(history.opened(), at(60))
    with pytest.raises(MomentNotCovered):
        find_base(history.opened(), at(8))


def test_changes_that_were_archived_come_back_with_the_snapshot(history: FrozenHistory) -> None:
    record = history.snapshot(at(10, 7))
    history.stream(at(0), at(100), 20)
    segments = history.store.freeze("mongodb/oplog/")
    packs = history.freeze(record)
    asked = history.bring_back(at(50))
    # Those around and after the snapshot, up to the moment; what lies behind it is not paid for.
    assert set(packs) <= asked and len(asked - set(packs)) == 3 < len(segments)
    base, stretch = find_base(history.opened(), at(50))
    assert stretch is not None
    for stored, _ in stretch.between(base.latest, at(50)):
        Segment(history.opened(), stored)


def test_the_timeline_shows_what_can_be_restored_though_it_is_archived(history: FrozenHistory) -> None:
    record = history.snapshot(at(10, 7))
    history.stream(at(0), at(100), 20)
    history.freeze(record)
    (found,) = read_histories(history.opened()).of
    assert [(span.since.seconds, span.through) for span in found.spans] == [(at(10).seconds, at(100))]
    history.clock.moment += timedelta(minutes=5)
    report = look_at_timeline(history.opened())
    assert [len(one.spans) for one in report.histories] == [1]


def test_a_segment_planted_into_an_archive_class_promises_nothing(history: FrozenHistory) -> None:
    """Who may write there may choose the class: what does not open must not make the archive look longer than it is."""
    history.snapshot(at(10, 7))
    history.stream(at(0), at(100), 20)
    planted = history.segment(at(100), at(500))
    history.store.freeze(planted.name)
    assert read_histories(history.opened()).of[0].newest == at(100)
