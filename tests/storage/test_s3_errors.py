"""What S3 answers when something is wrong, and what the user then reads."""

import socket
from datetime import timedelta

import pytest
from rude_servers import answering

from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.errors import StorageError
from lifeboat.foundation.secret import Secret
from lifeboat.storage.conformance.suite import check_conformance
from lifeboat.storage.errors import (
    BucketMissing,
    ClockSkewed,
    ContentRefused,
    ObjectArchived,
    ObjectExists,
    ObjectMissing,
    ObjectTooShort,
    StorageBusy,
    StorageDenied,
    StorageFull,
    StorageUnreachable,
)
from lifeboat.storage.s3 import S3Settings, S3Store
from lifeboat.storage.s3.client import make_client

CLOCK = SystemClock()


def store_at(address, clock=CLOCK, **changes):
    keys = {"access_key_id": Secret("a-key"), "secret_access_key": Secret("a-secret"), **changes}
    return S3Store(S3Settings("bucket", "", "eu-west-1", address, **keys), clock)


@pytest.mark.parametrize(
    ("status", "code", "kind", "said"),
    [
        (403, "AccessDenied", StorageDenied, "s3:PutObject"),
        (403, "InvalidAccessKeyId", StorageDenied, "access key"),
        (403, "SignatureDoesNotMatch", StorageDenied, "secret key"),
        (400, "ExpiredToken", StorageDenied, "expired"),
        (403, "SomethingNew", StorageDenied, "SomethingNew"),
        (404, "NoSuchBucket", BucketMissing, "bucket"),
        (412, "PreconditionFailed", ObjectExists, "taken"),
        (409, "ConditionalRequestConflict", StorageBusy, "another writer"),
        (503, "SlowDown", StorageBusy, "fewer"),
        (500, "InternalError", StorageBusy, "inside"),
        (502, "", StorageBusy, "502"),
        (599, "WhoKnows", StorageBusy, "WhoKnows"),
        (429, "TooManyRequests", StorageBusy, "TooManyRequests"),
        (400, "RequestTimeout", StorageBusy, "slowly"),
        (400, "BadDigest", ContentRefused, "other bytes"),
        (400, "XAmzContentSHA256Mismatch", ContentRefused, "other bytes"),
        (403, "QuotaExceeded", StorageFull, "quota"),
        (507, "InsufficientStorage", StorageFull, "space"),
        (400, "InvalidStorageClass", StorageError, "InvalidStorageClass"),
    ],
)
def test_each_answer_becomes_one_of_our_errors_that_names_object_and_place(status, code, kind, said):
    with answering(status, code) as address, pytest.raises(StorageError) as failure:
        store_at(address).write("pack/1", b"content")
    assert type(failure.value) is kind
    text = failure.value.message
    assert said in text and "pack/1" in text and "s3://bucket" in text
    assert text.startswith("cannot write") and not text.endswith(".")


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "NoSuchKey", ObjectMissing),
        (403, "InvalidObjectState", ObjectArchived),
        (403, "ObjectNotInActiveTierError", ObjectArchived),
        (416, "InvalidRange", ObjectTooShort),
        (403, "AccessDenied", StorageDenied),
    ],
)
def test_reading_tells_missing_from_archived_cut_and_forbidden(status, code, kind):
    with answering(status, code) as address, pytest.raises(kind, match="pack/1"):
        store_at(address).read("pack/1", (5, 5))


@pytest.mark.parametrize(("minutes", "side"), [(23, "behind"), (-23, "ahead of")])
def test_a_wrong_clock_is_reported_with_how_wrong_it_is_and_the_stores_time_is_still_told(clock, minutes, side):
    there = clock.now() + timedelta(minutes=minutes)
    with answering(403, "RequestTimeTooSkewed", date=there) as address:
        store = store_at(address, clock)
        with pytest.raises(ClockSkewed, match=f"23 min 0 s {side} the store"):
            store.write("a", b"")
        assert store.time_there() == there


@pytest.mark.parametrize("code", ["AuthorizationHeaderMalformed", "PermanentRedirect"])
def test_a_wrong_region_is_reported_with_the_right_one(code):
    status = 400 if code == "AuthorizationHeaderMalformed" else 301
    headers = [("x-amz-bucket-region", "ap-south-1")]
    with answering(status, code, more="<Region>ap-south-1</Region>", headers=headers) as address:
        with pytest.raises(StorageDenied, match="ap-south-1") as denied:
            store_at(address).write("a", b"")
        assert "AWS_REGION" in denied.value.hint


def test_the_clouds_own_sentence_is_kept_because_it_names_the_policy():
    with (
        answering(
            403, "AccessDenied", "User u is not authorized because of an explicit deny\n in policy P."
        ) as address,
        pytest.raises(StorageDenied) as denied,
    ):
        store_at(address).delete("a")
    assert "explicit deny in policy P" in denied.value.hint and "s3:DeleteObject" in denied.value.message


def test_an_answer_that_is_cut_off_is_never_taken_for_the_object():
    with answering(200, body=b"x" * 100_000, cut_to=50_000) as address, pytest.raises(StorageBusy):
        store_at(address).read("a")


def test_a_store_that_knows_no_ranges_still_gives_the_right_bytes():
    with answering(200, body=b"0123456789") as address:
        store = store_at(address)
        assert store.read("a", (3, 4)) == b"3456"
        for span in ((8, 4), (5, 10)):
            with pytest.raises(ObjectTooShort):
                store.read("a", span)


def test_a_store_that_says_it_received_other_bytes_is_believed():
    headers = [("x-amz-checksum-sha256", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="), ("ETag", '"x"')]
    with answering(200, headers=headers) as address, pytest.raises(ContentRefused, match="other bytes"):
        store_at(address).write("a", b"not empty")


def test_a_web_page_in_the_place_of_s3_is_reported_and_not_listed_as_empty():
    with answering(200, body=b"<html><body>Please log in</body>") as address, pytest.raises(StorageError):
        list(store_at(address).list_under(""))


def test_an_address_where_nobody_answers_is_reported_as_unreachable():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        store = store_at(f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(StorageUnreachable) as failure:
            store.write("a", b"")
        assert "AWS_ENDPOINT_URL" in failure.value.hint


def test_missing_credentials_are_reported_with_the_names_of_the_variables(tmp_path, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with answering(200) as address:
        store = store_at(address, access_key_id=None, secret_access_key=None)
        for act in (lambda: store.write("a", b""), store.time_there):
            with pytest.raises(StorageDenied) as denied:
                act()
            assert "AWS_ACCESS_KEY_ID" in denied.value.hint


def test_a_name_of_a_bucket_that_cannot_be_one_is_reported():
    with answering(200) as address, pytest.raises(BucketMissing, match="not a bucket"):
        S3Store(S3Settings("not a bucket", "", "x", address, Secret("a"), Secret("b")), CLOCK).write("a", b"")


def test_the_suite_finds_what_the_simulator_of_aws_does_not_check():
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        address = f"http://{host.replace('0.0.0.0', '127.0.0.1')}:{port}"
        store = store_at(address)
        with pytest.raises(BucketMissing):
            store.write("a", b"")
        make_client(S3Settings("", "", "us-east-1", address, Secret("a"), Secret("b"))).create_bucket(Bucket="bucket")
        findings = check_conformance(store, "config/probe/", clock=CLOCK, thorough=False)
    finally:
        server.stop()
    odd = {finding.code for finding in findings if finding.level != "ok"}
    assert "store-checks-hash" in odd, "accepts a wrong hash: moto 5.2.5"
    assert odd <= {"store-checks-hash", "store-has-one-winner"}
