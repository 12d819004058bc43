"""Locks on a real server: set on everything that is written, in one request or in parts, by copying too; and a thief with all rights."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from stores_on_servers import store_on

from lifeboat.operations.doctor.locks import check_object_lock
from lifeboat.storage.errors import LockNotOffered
from lifeboat.storage.memory import MemoryStore
from lifeboat.storage.object_lock import LockTrial, ObjectLock

DAY = (datetime.now(UTC) + timedelta(days=3)).replace(hour=0, minute=0, second=0, microsecond=0)


def until(name, time_there):
    """Free names are not locked; the others until a day."""
    return None if name.startswith("free/") else DAY


@pytest.fixture(scope="module")
def locking(s3_server):
    s3_server.client().create_bucket(Bucket="locking", ObjectLockEnabledForBucket=True)
    return s3_server


def lock_of(server, name):
    try:
        return server.client().get_object_retention(Bucket="locking", Key=name)["Retention"]
    except ClientError as error:
        assert error.response["Error"]["Code"] == "NoSuchObjectLockConfiguration"
        return None


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_what_is_written_in_one_request_in_parts_and_by_copy_is_locked_until_its_day(locking, mode):
    # Where the server does not lock, this reads None: the next test shows it.
    store = store_on(locking, "locking", lock=ObjectLock(mode, until), part_bytes=5 * 1024 * 1024)
    names = [f"{mode}/{kind}" for kind in ("whole", "parts", "copied")]
    store.write(names[0], b"small")
    store.write(names[1], b"p" * (6 * 1024 * 1024))
    store.copy_within(names[0], names[2])
    for name in names:
        assert lock_of(locking, name) == {"Mode": mode, "RetainUntilDate": DAY}, name
    store.write(f"free/{mode}", b"scratch")
    assert lock_of(locking, f"free/{mode}") is None


def test_without_the_setting_nothing_is_locked(locking):
    store_on(locking, "locking").write("not-locked", b"x")
    assert lock_of(locking, "not-locked") is None


def test_a_thief_with_all_rights_hides_what_is_locked_and_cannot_remove_it(locking):
    store_on(locking, "locking", lock=ObjectLock("COMPLIANCE", until)).write("stolen", b"precious")
    thief = locking.client()
    version = thief.head_object(Bucket="locking", Key="stolen")["VersionId"]
    thief.delete_object(Bucket="locking", Key="stolen")
    for more in ({}, {"BypassGovernanceRetention": True}):
        with pytest.raises(ClientError, match="protected by object lock"):
            thief.delete_object(Bucket="locking", Key="stolen", VersionId=version, **more)
    for day in (datetime.now(UTC) + timedelta(minutes=1), DAY - timedelta(days=1)):
        with pytest.raises(ClientError):
            thief.put_object_retention(
                Bucket="locking",
                Key="stolen",
                VersionId=version,
                Retention={"Mode": "COMPLIANCE", "RetainUntilDate": day},
                BypassGovernanceRetention=True,
            )
    assert thief.get_object(Bucket="locking", Key="stolen", VersionId=version)["Body"].read() == b"precious"


def test_a_lock_is_prolonged_and_never_by_a_second_request_for_what_has_none(locking):
    later = DAY + timedelta(days=30)
    store_on(locking, "locking", lock=ObjectLock("GOVERNANCE", until)).write("held", b"x")
    store = store_on(
        locking, "locking", lock=ObjectLock("GOVERNANCE", lambda name, _: None if "free" in name else later)
    )
    store.prolong_lock("held")
    store.prolong_lock("free/never-written")
    assert lock_of(locking, "held")["RetainUntilDate"] == later


def test_a_bucket_without_locks_is_refused_with_what_to_type(s3_server):
    store = store_on(s3_server, "versioned", lock=ObjectLock("GOVERNANCE", until))
    with pytest.raises(LockNotOffered) as caught:
        store.write("not-there", b"x")
    assert "has no Object Lock" in caught.value.message and "lifeboat aws setup" in caught.value.hint


def test_the_stores_time_is_asked_once_for_many_objects(locking):
    asked = []

    def by_time(name, time_there):
        asked.append(time_there())
        return DAY

    store = store_on(locking, "locking", lock=ObjectLock("GOVERNANCE", by_time))
    requests = []
    store._client.meta.events.register("before-call.s3.HeadBucket", lambda **_: requests.append(1))
    for number in range(5):
        store.write(f"asked/{number}", b"x")
    assert len(asked) == 5 and len(requests) == 1


def test_doctor_says_whether_locks_hold_and_for_whom(locking, s3_server):
    lock = ObjectLock("GOVERNANCE", until)
    store = store_on(locking, "locking", lock=lock)
    (owner,) = check_object_lock(store, "governance")
    assert (owner.level, owner.code) == ("warning", "can-end-locks")
    (strict,) = check_object_lock(store, "compliance")
    assert (strict.level, strict.code) == ("ok", "object-lock") and "cannot be removed" in strict.message
    (without,) = check_object_lock(store_on(s3_server, "versioned", lock=lock), "governance")
    assert (without.level, without.code) == ("problem", "lock-not-offered") and "aws setup" in without.hint


@pytest.mark.parametrize(
    ("trial", "level", "code"),
    [
        (LockTrial(False), "problem", "lock-not-held"),
        (LockTrial(None), "ok", "object-lock"),
        (LockTrial(True), "ok", "object-lock"),
    ],
)
def test_a_store_that_takes_locks_and_does_not_keep_them_is_found_out(clock, trial, level, code):
    class Locking(MemoryStore):
        object_lock = None

        def prolong_lock(self, name):
            """As any."""

        def try_lock(self, name):
            return trial

    (found,) = check_object_lock(Locking(clock), "governance")
    assert (found.level, found.code) == (level, code)
    assert check_object_lock(MemoryStore(clock), "governance") == []
