"""A month turns for a real database: its first backups send what changed, when packs were carried forward, and come back whole."""

import random
from datetime import UTC, datetime, timedelta

from office import Office

from lifeboat.retention.periods import end_of, generation_of


def test_the_first_backups_of_a_month_send_what_changed_of_a_database(office: Office) -> None:
    now = datetime.now(UTC)
    turn = end_of(generation_of(now + timedelta(days=3)))
    office.ahead = turn - timedelta(days=1, hours=2) - now
    office.lifeboat().initialise(guarded=False, new_key=None)
    office.fill_database(1)
    scans = random.Random(2)
    office.database.scans.insert_many({"_id": n, "scan": scans.randbytes(60_000)} for n in range(400))
    first = office.lifeboat().backup("db").snapshots[0]
    assert first.stored_bytes > 20_000_000
    office.database.scans.update_many({"_id": {"$lt": 4}}, {"$set": {"seen": True}})

    office.ahead = turn + timedelta(minutes=10) - now
    report = office.lifeboat().carry_forward(dry_run=False)
    assert report.findings == () and {row.snapshot_class for row in report.rows if row.packs} == {"long", "short"}
    months_copy = office.lifeboat().backup("db").snapshots[0]
    office.database.cases.update_one({"_id": 1}, {"$set": {"version": 9}})
    another = office.lifeboat().backup("db").snapshots[0]
    assert months_copy.stored_bytes < 6_000_000 and another.stored_bytes < 6_000_000
    live = office.database_now()
    assert office.problems() == []
    for path in (office.folder / "repository").rglob("*"):
        if path.is_file() and f"/{generation_of(turn - timedelta(days=1))}/" in str(path):
            path.unlink()
    assert office.restored_database(another.snapshot) == live
    live["cases"] = office.restored_database(months_copy.snapshot)["cases"]
    assert office.restored_database(months_copy.snapshot) == live
