"""Which machine does what, and at what time."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lifeboat.app.duties import check_times, duties, timetable
from lifeboat.app.settings import (
    ConfigSettings,
    FilesSettings,
    MongodbSettings,
    Objectives,
    ReplicaSettings,
    RepositorySettings,
    ServeSettings,
    Settings,
)
from lifeboat.cli.commands.schedule import JOBS
from lifeboat.foundation.secret import Secret
from lifeboat.repository.roles import Role
from lifeboat.services.schedule.jobs import ARGUMENTS
from lifeboat.services.schedule.slots import ScheduleUnreadable

APPLICATION = Settings(
    state=Path("/state"),
    mongodb=MongodbSettings(Secret("mongodb://127.0.0.1/shop")),
    files=FilesSettings((Path("/srv/uploads"),)),
    config=ConfigSettings((Path("/srv/.env"),)),
    serve=ServeSettings(timezone="Asia/Riyadh"),
)
KEEPER = Settings(state=Path("/state"))


def here(settings: Settings, role: Role) -> dict[str, str]:
    return {duty.job: duty.time for duty in duties(settings, role) if duty.here}


def elsewhere(settings: Settings, role: Role) -> set[str]:
    return {duty.job for duty in duties(settings, role) if not duty.here and duty.why.startswith("due elsewhere")}


def test_the_defaults_are_those_of_the_mission() -> None:
    assert here(APPLICATION, Role.SIMPLE) == {
        "db": "0 * * * *",
        "all": "0 2 * * *",
        "verify": "0 8 * * *",
        "scrub": "30 3 * * *",
        "prune": "30 5 * * 0",
        "stream": "always",
    }
    assert elsewhere(APPLICATION, Role.SIMPLE) == set()


@pytest.mark.parametrize(
    ("settings", "role", "own", "others"),
    [
        (APPLICATION, Role.WRITER, {"db", "all", "age", "stream"}, {"verify", "scrub", "prune"}),
        (KEEPER, Role.KEEPER, {"verify", "scrub"}, {"prune", "stream"}),
        (KEEPER, Role.CUSTODIAN, {"verify", "prune"}, {"scrub", "stream"}),
    ],
)
def test_a_machine_starts_what_its_keys_permit_and_names_where_the_rest_is_due(
    settings: Settings, role: Role, own: set[str], others: set[str]
) -> None:
    assert set(here(settings, role)) == own and elsewhere(settings, role) == others
    assert all(duty.why for duty in duties(settings, role) if not duty.here)


def test_between_them_the_machines_of_the_guarded_profile_do_everything() -> None:
    done = set(here(APPLICATION, Role.WRITER)) | set(here(KEEPER, Role.KEEPER)) | set(here(KEEPER, Role.CUSTODIAN))
    assert done - {"age"} == set(here(APPLICATION, Role.SIMPLE))


def test_second_copies_are_made_where_there_are_any_and_everything_may_be_read() -> None:
    second = (ReplicaSettings("riyadh", RepositorySettings()),)
    assert here(replace(APPLICATION, replicas=second), Role.SIMPLE)["replicate"] == "30 4 * * *"
    assert "replicate" in here(replace(KEEPER, replicas=second), Role.KEEPER)
    assert "replicate" in elsewhere(replace(APPLICATION, replicas=second), Role.WRITER)
    hourly = ServeSettings(timezone="Asia/Riyadh", jobs=(("replicate", "every 1h"),))
    assert here(replace(APPLICATION, replicas=second, serve=hourly), Role.SIMPLE)["replicate"] == "every 1h"


def test_objectives_move_the_backups() -> None:
    tight = replace(APPLICATION, objectives=Objectives(db_seconds=900, files_seconds=4 * 3600))
    assert {job: here(tight, Role.SIMPLE)[job] for job in ("db", "files")} == {
        "db": "*/15 * * * *",
        "files": "0 */4 * * *",
    }
    daily = replace(APPLICATION, objectives=Objectives(db_seconds=86_400))
    assert "db" not in here(daily, Role.SIMPLE)


def test_what_lifeboat_toml_says_of_a_job_wins() -> None:
    said = replace(
        APPLICATION, serve=ServeSettings(jobs=(("db", "every 5m"), ("prune", "off"), ("config", "0 * * * *")))
    )
    assert here(said, Role.SIMPLE)["db"] == "every 5m" and here(said, Role.SIMPLE)["config"] == "0 * * * *"
    [prune] = [duty for duty in duties(said, Role.SIMPLE) if duty.job == "prune"]
    assert not prune.here and "turned off" in prune.why


def test_a_standalone_server_is_not_streamed_and_the_table_says_why() -> None:
    [stream] = [duty for duty in duties(APPLICATION, Role.SIMPLE, replica_set=False) if duty.job == "stream"]
    assert not stream.here and "replica set" in stream.why


def test_times_are_those_of_the_zone() -> None:
    jobs = {job.name: job for job in timetable(APPLICATION, Role.SIMPLE, "one")}
    assert jobs["all"].slots.first_after(datetime(2026, 11, 26, tzinfo=UTC)) == datetime(2026, 11, 26, 23, tzinfo=UTC)
    assert "stream" not in jobs and jobs["db"].done_by == ("all",)


def test_every_job_of_the_table_can_be_run_and_typed() -> None:
    for role in Role:
        for duty in duties(APPLICATION, role):
            assert duty.job == "stream" or (duty.job in JOBS and " ".join(ARGUMENTS[duty.job]) == duty.command)


def test_a_time_that_cannot_be_read_is_refused_by_its_name() -> None:
    with pytest.raises(ScheduleUnreadable, match=r"serve\.jobs\.db"):
        check_times(replace(APPLICATION, serve=ServeSettings(jobs=(("db", "hourly"),))))
    with pytest.raises(ScheduleUnreadable):
        check_times(replace(APPLICATION, serve=ServeSettings(timezone="Mars/Olympus")))
