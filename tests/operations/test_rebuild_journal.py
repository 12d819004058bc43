"""A journal that was lost, or a keeper's that never saw a run, knows from the repository what was stored and proved."""

from datetime import timedelta
from pathlib import Path

from prune_kit import World

from lifeboat.journal.journal import Journal
from lifeboat.operations.rebuild_journal import rebuild_from_repository, size_of
from lifeboat.repository.names import Source
from lifeboat.repository.statements import Verb


def test_a_new_journal_knows_runs_sizes_and_proofs_of_every_writer(tmp_path: Path) -> None:
    world = World(tmp_path / "world")
    records = []
    for label in ("app", "other"):
        records.append(world.take(label=label))
        world.clock.moment += timedelta(hours=1)
    world.say(Verb.PROOF, records[1])
    repository = world.open()
    journal = Journal(tmp_path / "journal.sqlite3")
    assert rebuild_from_repository(repository, journal, world.clock.now()) == 3
    assert rebuild_from_repository(repository, journal, world.clock.now()) == 0
    assert [(one.job, one.label, one.status) for one in journal.runs()] == [
        ("verify", "", 0),
        ("backup files", "other", 0),
        ("backup files", "app", 0),
    ]
    assert [(one.snapshot, one.bytes, one.stored) for one in journal.sizes("files")] == [
        (one.snapshot, one.total_bytes, one.stored_bytes) for one in records
    ]


def test_what_was_seen_here_is_not_told_a_second_time(tmp_path: Path) -> None:
    world = World(tmp_path / "world")
    record = world.take(label="app")
    assert record.source == Source.FILES
    journal = Journal(tmp_path / "journal.sqlite3")
    journal.end_run(journal.begin_run("backup all", record.started), record.finished, status=0)
    journal.record_size(size_of(record, "app"))
    assert rebuild_from_repository(world.open(), journal, world.clock.now()) == 0
    assert [one.job for one in journal.runs()] == ["backup all"]
