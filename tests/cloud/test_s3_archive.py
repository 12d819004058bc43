"""Archive classes of a real S3 server: how objects stand, asking for them, and what is refused, in our words."""

import json
import sys
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pytest
from moto_aws import MotoAws

sys.path += [str(Path(__file__).parents[1] / "storage")]

from rude_servers import answering

from lifeboat.cloud.policies import Place, role_policy
from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.secret import Secret
from lifeboat.repository.roles import Role
from lifeboat.storage.archive import Answer, ArchivedObject, BringsBack, ExpeditedUnavailable, Tier
from lifeboat.storage.conformance.hooks import unwrapped
from lifeboat.storage.errors import ObjectArchived, ObjectMissing, StorageBusy, StorageDenied, TierArchived
from lifeboat.storage.retrying import RetryingStore
from lifeboat.storage.s3 import S3Settings, S3Store


def store_of(aws: MotoAws, keys: tuple[str, str] = ("root", "root-secret")) -> S3Store:
    settings = S3Settings("vault", "backups", aws.region, aws.endpoint_url, Secret(keys[0]), Secret(keys[1]))
    return S3Store(settings, SystemClock())


def put(aws: MotoAws, name: str, storage_class: str, body: bytes = b"content") -> None:
    aws.client("s3").put_object(Bucket="vault", Key=f"backups/{name}", Body=body, StorageClass=storage_class)


def takes_seconds(aws: MotoAws, seconds: float | None) -> None:
    """How long a copy takes to come; None: at once. Older objects than that count as not begun."""
    transition = {"progression": "immediate"} if seconds is None else {"progression": "time", "seconds": seconds}
    body = json.dumps({"model_name": "s3::keyrestore", "transition": transition}).encode()
    address = f"{aws.endpoint_url}/moto-api/state-manager/set-transition"
    with urllib.request.urlopen(
        urllib.request.Request(address, body, {"Content-Type": "application/json"}), timeout=30
    ):
        pass


def test_an_archived_object_is_refused_asked_for_and_read(aws: MotoAws) -> None:
    aws.make_bucket("vault")
    takes_seconds(aws, None)
    put(aws, "pack/a", "GLACIER")
    put(aws, "pack/b", "DEEP_ARCHIVE")
    put(aws, "pack/c", "STANDARD_IA")
    put(aws, "pack/d", "GLACIER_IR")
    store = store_of(aws)
    assert isinstance(unwrapped(RetryingStore(store, SystemClock())), BringsBack)
    assert list(store.archived_under("pack/")) == [
        ArchivedObject("pack/a", 7, "GLACIER"),
        ArchivedObject("pack/b", 7, "DEEP_ARCHIVE"),
    ]
    assert [one.storage_class for one in store.list_under("pack/")] == [
        *("GLACIER", "DEEP_ARCHIVE", "STANDARD_IA", "GLACIER_IR")
    ]
    with pytest.raises(ObjectArchived):
        store.read("pack/b")
    assert store.bring_back("pack/b", 7, Tier.BULK) is Answer.TAKEN
    assert store.read("pack/b") == b"content"
    state = store.archive_state("pack/b")
    assert state is not None and state.readable_until is not None and not state.coming
    assert 6 <= (state.readable_until - store.time_there()).days <= 7
    assert store.bring_back("pack/b", 30, Tier.BULK) is Answer.PROLONGED
    assert store.archive_state("pack/c") is None
    assert store.bring_back("pack/c", 7, Tier.BULK) is Answer.NOT_ARCHIVED
    with pytest.raises(ObjectMissing):
        store.archive_state("pack/none")


def test_what_is_on_its_way_is_seen_to_be(aws: MotoAws) -> None:
    aws.make_bucket("vault")
    put(aws, "pack/a", "GLACIER")
    takes_seconds(aws, 0.3)
    time.sleep(0.4)
    store = store_of(aws)
    store.bring_back("pack/a", 1, Tier.STANDARD)
    assert store.archive_state("pack/a") == ArchivedObject("pack/a", 7, "GLACIER", coming=True)
    with pytest.raises(ObjectArchived):
        store.read("pack/a")
    time.sleep(0.4)
    (state,) = store.archived_under("")
    assert not state.coming and state.readable_until is not None


def test_who_may_read_and_not_bring_back_is_told_the_right(aws: MotoAws) -> None:
    aws.make_bucket("vault")
    put(aws, "pack/a", "GLACIER")
    actions = ["s3:GetObject", "s3:ListBucket"]
    keys = aws.make_user(
        "keeper", {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
    )
    aws.enforce()
    store = store_of(aws, keys)
    assert len(list(store.archived_under("pack/"))) == 1
    with pytest.raises(StorageDenied, match=r"cannot bring back pack/a .*: the right s3:RestoreObject is missing"):
        store.bring_back("pack/a", 7, Tier.BULK)


@pytest.mark.parametrize(("role", "may"), [(Role.SIMPLE, True), (Role.KEEPER, True), (Role.CUSTODIAN, False)])
def test_the_roles_that_restore_may_bring_packs_back_and_no_other(aws: MotoAws, role: Role, may: bool) -> None:
    aws.make_bucket("vault")
    takes_seconds(aws, None)
    name = f"files/pack/long/2026-01/{'ab' * 32}"
    put(aws, name, "DEEP_ARCHIVE")
    keys = aws.make_user("somebody", role_policy(role, Place("vault", "backups")))
    aws.enforce()
    store = store_of(aws, keys)
    if may:
        assert store.bring_back(name, 7, Tier.BULK) is Answer.TAKEN
        assert store.read(name) == b"content"
    else:
        with pytest.raises(StorageDenied, match="s3:RestoreObject"):
            store.bring_back(name, 7, Tier.BULK)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (503, "GlacierExpeditedRetrievalNotAvailable", ExpeditedUnavailable),
        (503, "SlowDown", StorageBusy),
        (403, "AccessDenied", StorageDenied),
    ],
)
def test_each_refusal_becomes_one_of_our_errors(status: int, code: str, kind: type[Exception]) -> None:
    with answering(status, code) as address, pytest.raises(kind) as refused:
        _at(address).bring_back("pack/a", 7, Tier.EXPEDITED)
    assert getattr(refused.value, "worth_retrying", None) == (code == "SlowDown")


def test_an_archive_tier_of_intelligent_tiering_is_told_from_an_archive_class() -> None:
    tier = "<StorageClass>INTELLIGENT_TIERING</StorageClass><AccessTier>ARCHIVE_ACCESS</AccessTier>"
    with answering(403, "InvalidObjectState", more=tier) as address, pytest.raises(TierArchived) as refused:
        _at(address).read("pack/a")
    assert "INTELLIGENT_TIERING" in refused.value.message and "aws s3api restore-object" in refused.value.hint
    with (
        answering(403, "InvalidObjectState", more="<StorageClass>GLACIER</StorageClass>") as address,
        pytest.raises(ObjectArchived) as refused,
    ):
        _at(address).read("pack/a")
    assert type(refused.value) is ObjectArchived and "lifeboat retrieve" in refused.value.hint


def test_an_object_that_is_coming_already_is_no_error() -> None:
    with answering(409, "RestoreAlreadyInProgress") as address:
        assert _at(address).bring_back("pack/a", 7, Tier.BULK) is Answer.COMING
    with answering(200) as address:
        assert _at(address).bring_back("pack/a", 7, Tier.BULK) is Answer.PROLONGED
    with answering(202) as address:
        assert _at(address).bring_back("pack/a", 7, Tier.BULK) is Answer.TAKEN


def _at(address: str) -> S3Store:
    settings = S3Settings("bucket", "", "eu-central-1", address, Secret("key"), Secret("secret"))
    return S3Store(settings, SystemClock())


LISTING = b"""<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name><IsTruncated>false</IsTruncated>
<Contents><Key>pack/a</Key><Size>1</Size><StorageClass>GLACIER</StorageClass></Contents>
<Contents><Key>pack/b</Key><Size>2</Size><StorageClass>GLACIER</StorageClass>
<RestoreStatus><IsRestoreInProgress>true</IsRestoreInProgress></RestoreStatus></Contents>
<Contents><Key>pack/c</Key><Size>3</Size><StorageClass>DEEP_ARCHIVE</StorageClass>
<RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress><RestoreExpiryDate>2026-12-03T00:00:00Z</RestoreExpiryDate></RestoreStatus></Contents>
<Contents><Key>pack/d</Key><Size>4</Size><StorageClass>STANDARD</StorageClass></Contents></ListBucketResult>"""
"""As the S3 API reference shows the answer; no server that can be had here gives it."""


def test_amazons_listing_tells_how_each_stands_without_a_look_at_each() -> None:
    with answering(200, body=LISTING) as address:
        store = _at(address)
        store._listing_tells_all = True
        found = list(store.archived_under("pack/"))
    assert found == [
        ArchivedObject("pack/a", 1, "GLACIER"),
        ArchivedObject("pack/b", 2, "GLACIER", coming=True),
        ArchivedObject("pack/c", 3, "DEEP_ARCHIVE", readable_until=datetime(2026, 12, 3, tzinfo=UTC)),
    ]
    assert S3Store(S3Settings("bucket", "", "eu-central-1"), SystemClock())._listing_tells_all  # Amazon's own
