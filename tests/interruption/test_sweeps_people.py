"""The law of interruption for who comes and goes, for what is signed and noted, and for what is brought back from versions.

As in ``test_sweeps.py``: killed for real before and after every call of the store, act on files and request to S3.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from kill_actions import FILE, anchor, undelete
from kill_points import Doing
from office import Office, tree_differences
from sweep import sweep, told
from test_sweeps import really_swept
from versitygw import RunningS3, versitygw_for_tests

from lifeboat.app.account import note_act
from lifeboat.app.build import label
from lifeboat.app.plan_memory import PlanLedger
from lifeboat.app.private_files import read_private_file
from lifeboat.crypto.identity import Identity
from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.errors import LifeboatError
from lifeboat.repository.custodians import add_custodian, open_catalogs
from lifeboat.repository.enrolment import enrolment_from_text
from lifeboat.repository.errors import EnrolmentRefused
from lifeboat.repository.statements import Verb, write_statements

Record = Callable[[str, object], None]
CI = Identity(b"\xc1" * 32)


@pytest.fixture(params=[1, pytest.param(None, marks=pytest.mark.long)], ids=["one", "all"])
def at_most(request: pytest.FixtureRequest) -> int | None:
    """At how many points it is killed; None: at every one."""
    return request.param  # type: ignore[no-any-return]


def doing(office: Office, action: str, tmp_path: Path, **more: str) -> Doing:
    return Doing(action, {**office.environment, **more}, office.folder, None, tmp_path / "points")


def stored(office: Office) -> str:
    """A repository with a snapshot; returns the snapshot."""
    office.fill_uploads(1)
    office.lifeboat().initialise(guarded=False, new_key=None)
    return str(office.lifeboat().backup("files").snapshots[0].snapshot)


def all_is_well(office: Office, taken: str, tmp_path: Path, moment: str) -> None:
    assert tree_differences(office.uploads, office.restored_uploads(taken, tmp_path / "back")) == "", moment
    assert office.problems("structure") == [], moment


def test_a_writer_that_is_added_killed_anywhere_is_one_that_somebody_can_be_or_none(
    office: Office, at_most: int | None, tmp_path: Path, record_property: Record
) -> None:
    taken, file = stored(office), tmp_path / "shop-2.writer"
    office.keep("before")

    def begin() -> None:
        office.bring_back("before")
        file.unlink(missing_ok=True)
        shutil.rmtree(tmp_path / "shop-2", ignore_errors=True)

    def named() -> list[str]:
        return [one.id for one in office.lifeboat().writers() if one.name == "shop-2"]

    def look(moment: str) -> None:
        all_is_well(office, taken, tmp_path, moment)
        assert not named() or file.exists(), f"a writer that nobody can be: {moment}"
        if file.exists() and not named():
            with pytest.raises(EnrolmentRefused):
                become()
        if not named():
            file.unlink(missing_ok=True)
            office.lifeboat().add_writer("shop-2", file)
        assert len(named()) == 1, moment
        theirs = become().backup("files").snapshots[0].snapshot
        assert theirs in [one.snapshot for one in office.lifeboat().snapshots()], moment
        assert office.problems("structure") == [], moment

    def become() -> "object":
        other = office.lifeboat(LIFEBOAT_STATE=str(tmp_path / "shop-2"), LIFEBOAT_LABEL="shop-2")
        other.enrol(enrolment_from_text(read_private_file(file, "the test"), str(file)))
        return other

    with told(record_property) as sweeps:
        adding = doing(office, "writer add", tmp_path, **{FILE: str(file)})
        sweep(adding, begin, look, told=sweeps, at_most=at_most)
    really_swept(sweeps[0], "store write")


def test_a_custodian_who_comes_killed_anywhere_opens_catalogs_in_the_end_and_one_who_goes_has_no_word_any_more(
    office: Office, at_most: int | None, tmp_path: Path, record_property: Record
) -> None:
    taken, file = stored(office), tmp_path / "ci.key"
    office.keep("before")

    def begin() -> None:
        office.bring_back("before")
        file.unlink(missing_ok=True)

    def custodians() -> list[str]:
        return [one.name for one in office.lifeboat().writers() if one.kind == "custodian"]

    def after_adding(moment: str) -> None:
        all_is_well(office, taken, tmp_path, moment)
        assert not custodians() or file.exists(), f"a custodian whose key nobody has: {moment}"
        if custodians():
            open_catalogs(office.lifeboat().repository())  # as `doctor` does
        else:
            file.unlink(missing_ok=True)
            office.lifeboat().add_custodian("ci", file)
        state = tmp_path / "ci"
        shutil.rmtree(state, ignore_errors=True)
        theirs = office.lifeboat(BACKUP_ENCRYPTION_KEY="", LIFEBOAT_KEY_FILE=str(file), LIFEBOAT_STATE=str(state))
        assert [one.snapshot for one in theirs.snapshots()] == [taken], moment
        assert office.problems("structure") == [], moment

    def after_removing(moment: str) -> None:
        if custodians():
            office.lifeboat().remove_custodian("ci")
        assert custodians() == [], moment
        # What he had forgotten and is still there is listed again; what was removed by his word is missed by nobody.
        assert [one.snapshot for one in office.lifeboat().snapshots()] == [taken], moment
        all_is_well(office, taken, tmp_path, moment)

    with told(record_property) as sweeps:
        adding = doing(office, "custodian add", tmp_path, **{FILE: str(file)})
        sweep(adding, begin, after_adding, told=sweeps, at_most=at_most)
        office.bring_back("before")
        gone = office.lifeboat().backup("files").snapshots[0].snapshot
        repository = office.lifeboat().repository()
        add_custodian(repository, "ci", CI.recipient)
        for one in repository.snapshots():
            write_statements(
                repository.store, repository.description, CI, Verb.FORGET, [one], "", repository.store.time_there()
            )
            if one.snapshot == gone:
                repository.store.delete(one.object_name)
        office.keep("with ci")
        removing = doing(office, "custodian remove", tmp_path)
        sweep(removing, lambda: office.bring_back("with ci"), after_removing, told=sweeps, at_most=at_most)
    for swept in sweeps:
        really_swept(swept, "store write")


@pytest.mark.long
def test_an_approval_killed_anywhere_is_in_the_ledger_or_not_and_the_plan_is_whole(
    office: Office, tmp_path: Path, record_property: Record
) -> None:
    """At forty points: of the hundreds that it passes nearly all only look."""
    stored(office)
    office.lifeboat().planning().write()
    plan = office.folder / "recovery-plan.md"
    written = plan.read_bytes()
    office.keep("before")

    def begin() -> None:
        office.bring_back("before")
        plan.write_bytes(written)

    def approvals() -> list[str]:
        return [
            one.approval.by
            for one in PlanLedger(office.lifeboat().repository(), label(office.lifeboat()._settings)).approvals()
        ]

    def look(moment: str) -> None:
        planning = office.lifeboat().planning()
        assert planning.check(plan).version == 1, moment
        before = approvals()
        assert before in ([], ["Noura"]), moment
        planning.approve("Noura", plan)
        assert approvals() == [*before, "Noura"], moment
        assert "Noura" in plan.read_text(), moment
        assert planning.check(plan).changed == (), moment
        assert office.problems("structure") == [], moment
        assert [one.name for one in office.folder.iterdir() if ".~" in one.name or one.name.endswith(".tmp")] == [], (
            moment
        )

    with told(record_property) as sweeps:
        sweep(doing(office, "approve", tmp_path, **{FILE: str(plan)}), begin, look, told=sweeps, at_most=40)
    really_swept(sweeps[0], "store write", "file rename")


def test_an_anchoring_of_the_audit_log_killed_anywhere_leaves_no_entry_out_and_no_number_twice(
    office: Office, at_most: int | None, tmp_path: Path, record_property: Record
) -> None:
    stored(office)
    settings = office.lifeboat()._settings
    for number in range(3):
        note_act(settings, SystemClock(), f"act {number}", by={"user": "u"}, at={"host": "h"})
    anchor(office.lifeboat())
    for number in range(3, 6):
        note_act(settings, SystemClock(), f"act {number}", by={"user": "u"}, at={"host": "h"})
    office.keep("before")

    def look(moment: str) -> None:
        anchor(office.lifeboat())
        report = office.lifeboat().verify_audit()
        assert [one for one in report.findings if one.level != "ok"] == [], moment
        assert (report.entries, report.not_anchored) == (6, 0), moment
        assert sum(one.entries for one in report.writers) == 6, f"an entry is anchored twice: {moment}"
        assert office.problems("structure") == [], moment

    with told(record_property) as sweeps:
        sweep(
            doing(office, "anchor", tmp_path), lambda: office.bring_back("before"), look, told=sweeps, at_most=at_most
        )
    really_swept(sweeps[0], "store write", "file rename")


@pytest.fixture(scope="module")
def s3() -> Iterator[RunningS3]:
    with versitygw_for_tests() as running:
        yield running


@pytest.mark.long
def test_an_undelete_killed_anywhere_has_brought_back_whole_objects_and_the_next_one_brings_back_the_rest(
    office: Office, s3: RunningS3, tmp_path: Path, record_property: Record
) -> None:
    bucket = "undeleted"
    s3.make_bucket(bucket, versioning=True)
    office.environment |= {
        "LIFEBOAT_REPOSITORY": f"s3://{bucket}/o",
        "AWS_ENDPOINT_URL": s3.endpoint_url,
        "AWS_REGION": s3.region,
        "AWS_ACCESS_KEY_ID": s3.access_key_id,
        "AWS_SECRET_ACCESS_KEY": s3.secret_access_key,
    }
    taken, thief = stored(office), s3.client()
    listed = thief.list_objects_v2(Bucket=bucket)["Contents"]
    right = {row["Key"]: thief.get_object(Bucket=bucket, Key=row["Key"])["Body"].read() for row in listed}

    def begin() -> None:
        for number, name in enumerate(sorted(right)):
            if number % 3:
                thief.delete_object(Bucket=bucket, Key=name)
            else:
                thief.put_object(Bucket=bucket, Key=name, Body=b"garbage")

    def there() -> dict[str, bytes]:
        rows = thief.list_objects_v2(Bucket=bucket).get("Contents", [])
        names = {row["Key"] for row in rows} & set(right)  # a restore stores its proof
        return {name: thief.get_object(Bucket=bucket, Key=name)["Body"].read() for name in names}

    def look(moment: str) -> None:
        assert set(there().items()) <= {*right.items(), *((name, b"garbage") for name in right)}, (
            f"a half object: {moment}"
        )
        with suppress(LifeboatError):  # what is back already is read or refused, never believed
            assert {one.snapshot for one in office.lifeboat().snapshots()} <= {taken}, moment
        assert undelete(office.lifeboat()).findings == (), moment
        assert there() == right, moment
        assert tree_differences(office.uploads, office.restored_uploads(taken, tmp_path / "back")) == "", moment

    with told(record_property) as sweeps:
        sweep(doing(office, "undelete", tmp_path), begin, look, told=sweeps)
    really_swept(sweeps[0], "s3 DeleteObject", "s3 CopyObject")
