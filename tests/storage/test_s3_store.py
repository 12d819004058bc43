"""S3 as a repository, on a real server: the way of the bytes, and what rights do."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rude_servers import ReplyEater
from stores_on_servers import store_on

from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.finding import Level
from lifeboat.foundation.secret import Secret
from lifeboat.foundation.sizes import MIB
from lifeboat.storage.conformance.suite import check_conformance, find_abilities
from lifeboat.storage.errors import BucketMissing, ObjectExists, ObjectMissing, StorageBusy, StorageDenied
from lifeboat.storage.retrying import RetryingStore
from lifeboat.storage.s3.body import Body, cut
from lifeboat.storage.s3.upload import PARTS_AT_MOST, choose_part_size

CLOCK = SystemClock()
USER = {"access_key_id": Secret("writer"), "secret_access_key": Secret("writers-secret")}


@pytest.mark.parametrize("bucket", ["plain", "versioned"])
def test_a_real_s3_server_keeps_every_promise(s3_server, bucket):
    store = store_on(s3_server, bucket, "judged")
    findings = check_conformance(store, "config/probe/", clock=CLOCK, thorough=bucket == "plain")
    assert [finding for finding in findings if finding.level is not Level.OK] == []
    assert list(store.list_under("")) == []


def test_abilities_tell_the_versioned_bucket_from_the_plain_one(s3_server):
    plain = find_abilities(store_on(s3_server, "plain", "able"), "config/probe/", clock=CLOCK)
    versioned = find_abilities(store_on(s3_server, "versioned", "able"), "config/probe/", clock=CLOCK)
    assert plain.create_once and plain.checks_hash and plain.same_machine and not plain.keeps_versions
    assert versioned.create_once and versioned.checks_hash and versioned.keeps_versions


def test_a_bucket_holds_several_repositories_that_do_not_see_each_other(s3_server):
    ours, theirs, whole = (store_on(s3_server, "plain", prefix) for prefix in ("two/a", "two/ab", "two"))
    ours.write("pack/1", b"ours")
    theirs.write("pack/1", b"theirs")
    assert ours.read("pack/1") == b"ours"
    assert [row.name for row in ours.list_under("")] == ["pack/1"]
    assert [row.name for row in whole.list_under("")] == ["a/pack/1", "ab/pack/1"]
    ours.delete("pack/1")
    assert theirs.read("pack/1") == b"theirs"


def test_a_large_object_goes_up_in_parts_once_and_a_refused_one_leaves_no_parts_to_pay_for(s3_server):
    store = store_on(s3_server, "plain", "large", part_bytes=5 * MIB)
    content = [bytes([number]) * 1_300_003 for number in range(14)]
    store.write("a", content)
    assert hashlib.sha256(store.read("a")).digest() == hashlib.sha256(b"".join(content)).digest()
    with pytest.raises(ObjectExists):
        store.write("a", content[::-1])
    assert store.read("a", (0, 1)) == b"\0"
    assert "Uploads" not in s3_server.client().list_multipart_uploads(Bucket="plain")


def test_an_upload_in_parts_that_is_cut_off_leaves_nothing_and_no_parts_to_pay_for(s3_server):
    with ReplyEater(s3_server.endpoint_url) as eater:
        store = store_on(s3_server, "plain", "cut-off", part_bytes=5 * MIB, endpoint_url=eater.address)
        eater.eats, eater.spares = 1, 2
        with pytest.raises(StorageBusy):
            store.write("a", b"x" * 11 * MIB)
        assert eater.eaten == 1
        with pytest.raises(ObjectMissing):
            store.read("a")
    assert "Uploads" not in s3_server.client().list_multipart_uploads(Bucket="plain")


@pytest.mark.parametrize("size_bytes", [1000, 11 * MIB])
def test_a_write_whose_reply_was_lost_on_the_way_ends_as_a_success(s3_server, clock, size_bytes):
    with ReplyEater(s3_server.endpoint_url) as eater:
        name = f"lost-{size_bytes}"
        inner = store_on(s3_server, "plain", "lossy", endpoint_url=eater.address, part_bytes=5 * MIB)
        content = b"mine" * (size_bytes // 4)
        eater.eats = 1
        RetryingStore(inner, clock).write(name, content)
        assert eater.eaten == 1 and len(clock.slept_seconds) == 1
        assert inner.read(name) == content
        eater.eats = 1
        with pytest.raises(ObjectExists):
            RetryingStore(inner, clock).write(name, b"other")
        assert inner.read(name) == content


def test_a_name_deleted_in_a_versioned_bucket_can_be_written_again(s3_server):
    store = store_on(s3_server, "versioned", "again")
    store.write("pack", b"first")
    store.delete("pack")
    store.write("pack", b"second")
    assert store.read("pack") == b"second"
    with pytest.raises(ObjectExists):
        store.write("pack", b"third")


@pytest.fixture(scope="module")
def guarded(s3_server):
    """A bucket where the user may do nothing but put."""
    s3_server.make_bucket("guarded")
    s3_server.make_user(USER["access_key_id"].reveal(), USER["secret_access_key"].reveal())
    allow = {"Effect": "Allow", "Principal": {"AWS": ["writer"]}, "Action": ["s3:PutObject"]}
    policy = {"Version": "2012-10-17", "Statement": [{**allow, "Resource": "arn:aws:s3:::guarded/*"}]}
    s3_server.client().put_bucket_policy(Bucket="guarded", Policy=json.dumps(policy))
    return store_on(s3_server, "guarded", **USER)


def test_a_writer_that_may_only_put_can_store_once_and_tell_the_time_and_nothing_else(guarded, s3_server):
    guarded.write("pack/1", b"mine")
    with pytest.raises(ObjectExists):
        guarded.write("pack/1", b"other")
    assert store_on(s3_server, "guarded").read("pack/1") == b"mine"
    assert abs((guarded.time_there() - CLOCK.now()).total_seconds()) < 10
    for act, right in (
        (lambda: guarded.read("pack/1"), "s3:GetObject"),
        (lambda: list(guarded.list_under("")), "s3:ListBucket"),
        (lambda: guarded.delete("pack/1"), "s3:DeleteObject"),
    ):
        with pytest.raises(StorageDenied, match=right):
            act()


def test_credentials_that_cannot_be_judged_make_warnings_that_say_so(guarded):
    findings = check_conformance(guarded, "config/probe/", clock=CLOCK, thorough=False)
    assert not [finding for finding in findings if finding.level is Level.PROBLEM]
    assert "store-scratch-left" in {finding.code for finding in findings}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"access_key_id": Secret("nobody")}, "access key"),
        ({"secret_access_key": Secret("wrong-secret")}, "secret key"),
    ],
)
def test_a_wrong_key_is_named_and_its_secret_never(s3_server, changes, code):
    store = store_on(s3_server, "plain", **changes)
    with pytest.raises(StorageDenied, match=code) as denied:
        store.write("a", b"")
    assert "AWS_ACCESS_KEY_ID" in denied.value.hint
    assert "wrong-secret" not in str(denied.value) + denied.value.hint + repr(denied.value.__cause__)
    assert abs((store.time_there() - CLOCK.now()).total_seconds()) < 10


def test_a_bucket_that_does_not_exist_is_named_with_the_variable_to_check(s3_server):
    store = store_on(s3_server, "absent-bucket")
    for act in (lambda: store.write("a", b""), lambda: store.read("a"), lambda: list(store.list_under(""))):
        with pytest.raises(BucketMissing, match="absent-bucket") as missing:
            act()
        assert "S3_BACKUP_BUCKET" in missing.value.hint


def test_what_other_programs_put_under_the_prefix_is_not_listed(s3_server, s3_store):
    s3_store.write("a", b"1")
    prefix = s3_store.describe().split("/plain/")[1].split(" ")[0]
    s3_server.client().put_object(Bucket="plain", Key=f"{prefix}/not ours.txt", Body=b"")
    s3_server.client().put_object(Bucket="plain", Key=f"{prefix}/folder/", Body=b"")
    assert [row.name for row in s3_store.list_under("")] == ["a"]


def test_many_threads_share_one_store(s3_store):
    contents = {f"pack/{number:02d}": bytes([number]) * 50_000 for number in range(40)}
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda item: s3_store.write(*item), contents.items()))
        assert dict(zip(contents, pool.map(s3_store.read, contents), strict=True)) == contents


@given(st.lists(st.binary(max_size=40), max_size=8), st.lists(st.tuples(st.integers(0, 200), st.integers(-1, 90))))
def test_a_body_over_buffers_reads_like_the_joined_bytes(buffers, steps):
    whole = b"".join(buffers)
    body = Body([memoryview(buffer) for buffer in buffers if buffer])
    assert len(body) == len(whole)
    for offset, length in steps:
        body.seek(offset)
        expected = whole[offset:] if length < 0 else whole[offset : offset + length]
        assert body.read(length) == expected and body.tell() == offset + len(expected)
    body.seek(0, 2)
    assert body.tell() == len(whole) and body.read() == b""


@given(st.lists(st.binary(max_size=40), max_size=8), st.integers(1, 50))
def test_parts_are_full_but_the_last_and_lose_nothing(buffers, part_bytes):
    parts = [b"".join(part) for part in cut([memoryview(buffer) for buffer in buffers], part_bytes)]
    assert b"".join(parts) == b"".join(buffers)
    assert all(len(part) == part_bytes for part in parts[:-1]) and len(parts[-1]) <= part_bytes


@given(st.integers(0, 5 * 1024**4), st.sampled_from([5 * MIB, 16 * MIB, 64 * MIB]))
def test_every_size_that_s3_allows_fits_into_the_parts_that_s3_allows(object_bytes, part_bytes):
    chosen = choose_part_size(object_bytes, part_bytes)
    assert chosen >= part_bytes and chosen % MIB == 0 and -(-object_bytes // chosen) <= PARTS_AT_MOST
