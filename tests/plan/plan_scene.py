"""Facts of made-up installations: a full one in a bucket, and others that differ from it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lifeboat.evidence.plan.facts import (
    Approval,
    DatabaseFacts,
    DrillRow,
    DueRow,
    Gap,
    Installation,
    JobFacts,
    KeepFacts,
    KeyFacts,
    Measured,
    Person,
    Place,
    PlanFacts,
    RetrievalRow,
    SourceFacts,
    TreeFacts,
)

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def source(name: str, **more: Any) -> SourceFacts:
    said: dict[str, Any] = {
        "is_set_up": True,
        "objective_seconds": 3600.0 if name == "db" else 86_400.0,
        "snapshots": 40,
        "newest": NOW - timedelta(minutes=20),
        "oldest": NOW - 30 * DAY,
        "age_seconds": 1200.0,
        "meets_objective": True,
        "proved": NOW - DAY,
        "items": 120_331,
        "bytes": 3 * 2**30,
        "restore_seconds": 200.0,
    }
    return SourceFacts(name, **{**said, **more})


BUCKET = PlanFacts(
    made=NOW,
    organisation="Al-Rashid Legal Services",
    application="the client portal",
    systems=("portal.example.sa, on two hosts in Riyadh",),
    contacts=(
        Person(
            "Noura Al-Harbi",
            "incident lead",
            "+966 50 000 0000",
            "noura@example.sa",
            ("declares a disaster", "tells the clients"),
            True,
        ),
        Person("Omar Said", "restores", "+966 50 000 0001", "omar@example.sa", ("restores", "writes down times"), True),
        Person("Lina Aziz", "tells users", "+966 50 000 0002"),
    ),
    installation=Installation(
        label="shop-1",
        host="db1.example.sa",
        user="lifeboat",
        folder="/srv/shop",
        settings_files=("/srv/shop/.env", "/srv/shop/lifeboat.toml"),
        config=None,
        program="/usr/local/bin/lifeboat",
        state="/home/lifeboat/.local/state/lifeboat",
        role="simple",
        has_key=True,
        profile="simple",
        repository_id="5f" * 16,
        created="2026-05-01",
        software="0.1.0",
        rescue=f"config/rescue-{'a1' * 32}.py",
        python="3.11.7",
        format=1,
    ),
    place=Place("", "s3://my-backups/production", True, "eu-central-1", None, "Germany"),
    replicas=(Place("riyadh", "s3://my-backups-2/production", True, "me-south-1", None, "Bahrain", "up to date"),),
    sources=(source("db"), source("files", items=826, bytes=40 * 2**30), source("config", items=6, bytes=654)),
    database=DatabaseFacts(
        address="db1.example.sa:27017",
        chosen=(),
        protected=("legal",),
        left_out=("analytics",),
        collections=14,
        special=("Capped collections (`legal.recent`) are of one instant only as long as the oplog can be read",),
        example="legal.messages",
        version="6.0.5",
        in_a_set=True,
        seen="server",
    ),
    trees=TreeFacts(("/srv/shop/uploads",), (), ("*.tmp",), False, ("/srv/shop/.env", "/etc/nginx")),
    rto_seconds=4 * 3600.0,
    streams=True,
    stream_every_seconds=30.0,
    jobs=(
        JobFacts("all", "backup of everything", "backup all", "0 2 * * *"),
        JobFacts("db", "backup of the database", "backup db", "0 * * * *"),
        JobFacts("prune", "prune", "prune --yes", "30 5 * * 0"),
    ),
    keep=KeepFacts(
        ("Of each of the newest 24 hours that have one, the last copy stays.",), {"hourly": 24, "daily": 35}, 7
    ),
    keys=(
        KeyFacts("key", "919ac617e439a21f", True, "some of it was typed in from the stored copy, 2026-10-01"),
        KeyFacts("recipient 1", "642f1140aa11bb22"),
    ),
    custodians=(),
    drill_to="env:STAGING_URI",
    drill_every={"restore to staging": 7 * 86_400.0, "full drill": 30 * 86_400.0, "exercise of people": 90 * 86_400.0},
    measured=Measured(620.0, 840.0, "5 drills", "full, 2026-11-26 03:30 UTC, no problems", 60 * 2**30),
    drills=(
        DrillRow("server-loss", NOW - 3 * DAY, "passed", 812.0, 4),
        DrillRow("database-loss", NOW - 9 * DAY, "failed", 230.0, 3),
    ),
    due=(
        DueRow(
            "restore to staging", 7 * 86_400.0, "drill --scenario database-loss", NOW - 9 * DAY, NOW - 2 * DAY, True
        ),
        DueRow("full drill", 30 * 86_400.0, "drill --scenario server-loss", NOW - 3 * DAY, NOW + 27 * DAY, False),
        DueRow("exercise of people", 90 * 86_400.0, "drill exercise", None, NOW + 30 * DAY, False),
    ),
    gaps=(
        Gap(
            "warning",
            "nobody-to-tell",
            "somebody is told",
            "nobody is told when a backup fails",
            "set LIFEBOAT_NOTIFY_EMAIL",
        ),
    ),
    retrieval=(
        RetrievalRow("GLACIER", "standard", 5.0, 0.01),
        RetrievalRow("DEEP_ARCHIVE", "bulk", 48.0, 0.0025),
    ),
    archived_objects=0,
    approvals=(Approval("Noura Al-Harbi, incident lead", NOW - 2 * DAY, 2, "ab" * 32),),
)
"""Everything set, everything looked at."""

BARE = replace(
    BUCKET,
    organisation="",
    application="",
    systems=(),
    contacts=(),
    replicas=(),
    sources=(
        source(
            "db", snapshots=0, newest=None, proved=None, items=None, bytes=None, restore_seconds=None, age_seconds=None
        ),
        source("files", is_set_up=False, snapshots=0, newest=None, items=None, bytes=None),
        source("config", is_set_up=False, snapshots=0, newest=None, items=None, bytes=None),
    ),
    database=DatabaseFacts("127.0.0.1:27017"),
    trees=TreeFacts(),
    place=Place("", "/mnt/other disk/backups", False, where="this machine, or a disk of it"),
    streams=False,
    drill_to=None,
    drills=(),
    due=(),
    gaps=(),
    retrieval=(),
    approvals=(),
    measured=Measured(),
)
"""Nothing set that can be left out, nothing stored yet."""

WRITER = replace(
    BUCKET,
    installation=replace(
        BUCKET.installation, role="writer", profile="guarded", has_key=False, config="/etc/life boat.toml"
    ),
    drills=None,
    due=tuple(replace(one, last=None, is_overdue=False) for one in BUCKET.due),
    approvals=(),
)
"""A guarded host: no key, a settings file that is named by hand."""

KEEPER = replace(
    BUCKET,
    installation=replace(BUCKET.installation, role="keeper", profile="guarded"),
    sources=tuple(replace(one, is_set_up=False) for one in BUCKET.sources),
    database=DatabaseFacts(protected=("legal", "shop"), collections=20, seen="snapshot"),
    trees=TreeFacts(),
    streams=False,
    drill_to=None,
)
"""The machine with the key: it protects nothing of its own."""

AWAY = replace(
    BUCKET,
    sources=tuple(SourceFacts(one.source, True, one.objective_seconds) for one in BUCKET.sources),
    database=DatabaseFacts("db1.example.sa:27017"),
    keys=None,
    custodians=None,
    drills=None,
    archived_objects=None,
    unknown=("The repository could not be looked at: the store does not answer.",),
    installation=replace(BUCKET.installation, profile=None, created=None),
)
"""Store and server are away."""

SEVERAL = replace(BUCKET, stored_by=("shop-1", "shop-2"))
"""Two machines' databases in one repository."""

ALL = {"several": SEVERAL, "bucket": BUCKET, "bare": BARE, "writer": WRITER, "keeper": KEEPER, "away": AWAY}
