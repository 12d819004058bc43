"""What is sent to Amazon itself, and what is made of its answers where the servers of the tests answer otherwise."""

import json
from datetime import timedelta

import pytest
from aws_desk import QuickClock
from pretend_amazon import ACCOUNT, Answer, PretendAmazon, in_result, refusal

from lifeboat.cloud.account import AccountPublicAccess, Credentials, RootUser
from lifeboat.cloud.bucket.arrangement import BucketWish, bucket_steps
from lifeboat.cloud.bucket.calls import BucketCalls
from lifeboat.cloud.bucket.encryption import Encryption, compare
from lifeboat.cloud.bucket.place import Bucket, BucketOfOthers, Region, open_bucket
from lifeboat.cloud.bucket.versions import Versioning
from lifeboat.cloud.errors import CloudDenied
from lifeboat.cloud.policies import Place, bucket_policy
from lifeboat.cloud.steps import State, carry_out, look_at

NOT_FOUND = Answer(404)
KEY = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/1b2c"


@pytest.fixture
def amazon() -> PretendAmazon:
    return PretendAmazon()


@pytest.fixture
def clock() -> QuickClock:
    return QuickClock()


def at(amazon: PretendAmazon, clock: QuickClock) -> BucketCalls:
    return BucketCalls(amazon, "town", ACCOUNT, amazon.region, clock)


def there_after(tries: int, region: str = "eu-central-1"):  # type: ignore[no-untyped-def]
    return lambda asked: NOT_FOUND if asked < tries else Answer(headers={"x-amz-bucket-region": region})


def test_every_request_names_the_account_that_the_bucket_must_belong_to(
    amazon: PretendAmazon, clock: QuickClock
) -> None:
    wish = BucketWish("", "eu-central-1", "governance", "town-logs", None, {"app": "x"}, bucket_policy(Place("town")))
    carry_out(bucket_steps(open_bucket(amazon, "town", None, clock), wish))
    asked = [one for one in amazon.sent if "s3" in one.host]
    assert len(asked) > 30 and {one.headers.get("x-amz-expected-bucket-owner") for one in asked} == {ACCOUNT}
    assert not [one for one in asked if one.what == "PUT"], "a bucket that is there is not made again"
    for policy in (json.loads(one.body) for one in asked if one.what == "PUT policy"):
        [tls] = [one for one in policy["Statement"] if one["Sid"] == "EncryptedConnectionsOnly"]
        assert (tls["Effect"], tls["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert amazon.count("PUT policy") == 2


@pytest.mark.parametrize(("region", "named"), [("us-east-1", False), ("eu-central-1", True)])
def test_how_a_bucket_is_made(clock: QuickClock, region: str, named: bool) -> None:
    amazon = PretendAmazon(region)
    amazon.says["HEAD"] = there_after(2, region)
    [report] = carry_out([Bucket(at(amazon, clock), region, locked=True)])
    assert report.state is State.CHANGED
    sent = amazon.only("PUT")
    assert (f"<LocationConstraint>{region}<" in sent.body) is named and (bool(sent.body) is named)
    assert sent.headers["x-amz-object-ownership"] == "BucketOwnerEnforced"
    assert sent.headers["x-amz-bucket-object-lock-enabled"] == "true"


def test_a_bucket_that_was_made_is_waited_for(amazon: PretendAmazon, clock: QuickClock) -> None:
    amazon.says["HEAD"] = there_after(4)
    [report] = carry_out([Bucket(at(amazon, clock), "eu-central-1", locked=False)])
    assert report.state is State.CHANGED and clock.slept > 0 and amazon.count("PUT") == 1


@pytest.mark.parametrize("code", ["OperationAborted", "NoSuchBucket"])
def test_a_change_that_collides_is_tried_again(amazon: PretendAmazon, clock: QuickClock, code: str) -> None:
    on = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    amazon.says["PUT versioning"] = lambda asked: refusal(code, 409) if asked < 2 else Answer()
    # And S3 shows it only at the third look after.
    amazon.says["GET versioning"] = lambda asked: Answer(body=on if asked > 2 else "<VersioningConfiguration/>")
    [report] = carry_out([Versioning(at(amazon, clock))])
    assert report.state is State.CHANGED and amazon.count("PUT versioning") == 3 and clock.slept > 3


def test_a_name_that_somebody_else_took_meanwhile_is_refused(amazon: PretendAmazon, clock: QuickClock) -> None:
    amazon.says |= {"HEAD": NOT_FOUND, "PUT": refusal("BucketAlreadyExists", 409)}
    with pytest.raises(BucketOfOthers):
        Bucket(at(amazon, clock), "eu-central-1", locked=False).carry_out()


def test_our_bucket_that_was_made_meanwhile_is_taken(amazon: PretendAmazon, clock: QuickClock) -> None:
    amazon.says |= {"HEAD": there_after(1), "PUT": refusal("BucketAlreadyOwnedByYou", 409)}
    [report] = carry_out([Bucket(at(amazon, clock), "eu-central-1", locked=False)])
    assert report.state is State.CHANGED


def test_a_403_means_a_stranger_unless_it_is_in_our_own_list(amazon: PretendAmazon, clock: QuickClock) -> None:
    amazon.says["HEAD"] = Answer(403)
    listed = "<ListAllMyBucketsResult><Buckets>{}</Buckets></ListAllMyBucketsResult>"
    amazon.says["GET"] = Answer(body=listed.format("<Bucket><Name>town-2</Name></Bucket>"))
    with pytest.raises(BucketOfOthers):
        open_bucket(amazon, "town", None, clock)
    amazon.says["GET"] = Answer(body=listed.format("<Bucket><Name>town</Name></Bucket>"))
    with pytest.raises(CloudDenied) as caught:
        open_bucket(amazon, "town", None, clock)
    assert caught.value.right == "s3:ListBucket"


def test_a_bucket_is_not_made_in_another_account_than_the_settings_name(
    amazon: PretendAmazon, clock: QuickClock
) -> None:
    amazon.says["HEAD"] = NOT_FOUND
    calls = open_bucket(amazon, "town", "111122223333", clock)
    [report] = carry_out([Bucket(calls, "eu-central-1", locked=False)])
    assert report.state is State.FAILED and "111122223333" in report.said and not amazon.count("PUT")


def test_an_account_in_the_settings_that_is_not_the_buckets_is_told(amazon: PretendAmazon, clock: QuickClock) -> None:
    amazon.says["HEAD"] = Answer(403)
    one = "<Bucket><Name>town</Name></Bucket>"
    amazon.says["GET"] = Answer(body=f"<ListAllMyBucketsResult><Buckets>{one}</Buckets></ListAllMyBucketsResult>")
    with pytest.raises(BucketOfOthers, match=f"belongs to account {ACCOUNT}, and the settings name 111122223333"):
        open_bucket(amazon, "town", "111122223333", clock)


def test_the_country_is_named_and_what_it_means_for_saudi_data(clock: QuickClock) -> None:
    amazon = PretendAmazon("us-east-1")
    [report] = look_at([Region(at(amazon, clock), "us-east-1")])
    assert report.is_well and "the United States" in report.said and "PDPL article 29" in report.said
    at_home = PretendAmazon("me-west-1")
    [report] = look_at([Region(at(at_home, clock), "me-west-1")])
    assert "Saudi Arabia" in report.said and "article 29" not in report.said


def test_a_bucket_in_another_region_than_the_settings_say_is_told(amazon: PretendAmazon, clock: QuickClock) -> None:
    amazon.says["HEAD"] = Answer(headers={"x-amz-bucket-region": "us-east-1"})
    calls = open_bucket(amazon, "town", None, clock)
    assert calls.region == "us-east-1"
    [report] = carry_out([Region(calls, "eu-central-1")])
    assert report.by_hand and "AWS_REGION=us-east-1" in report.hint


def test_mfa_delete_is_left_to_a_person(amazon: PretendAmazon, clock: QuickClock) -> None:
    both = "<Status>Enabled</Status><MfaDelete>Enabled</MfaDelete>"
    amazon.says["GET versioning"] = Answer(body=f"<VersioningConfiguration>{both}</VersioningConfiguration>")
    [report] = carry_out([Versioning(at(amazon, clock))])
    assert report.by_hand and not amazon.count("PUT versioning")


def test_encryption_with_keys_of_whoever_writes_is_refused(amazon: PretendAmazon, clock: QuickClock) -> None:
    Encryption(at(amazon, clock), None).change()
    assert "<EncryptionType>SSE-C</EncryptionType>" in amazon.only("PUT encryption").body
    default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    assert compare(default, None) == []
    [found] = compare({**default, "BlockedEncryptionTypes": {"EncryptionType": ["NONE"]}}, None)
    assert "SSE-C" in found.what
    assert compare({**default, "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]}}, None) == []


def test_a_kms_key_goes_whole_with_bucket_keys_and_must_lie_where_the_bucket_does(
    amazon: PretendAmazon, clock: QuickClock
) -> None:
    Encryption(at(amazon, clock), KEY).change()
    body = amazon.only("PUT encryption").body
    assert f"<KMSMasterKeyID>{KEY}<" in body and "<BucketKeyEnabled>true<" in body
    [report] = look_at([Encryption(at(amazon, clock), KEY.replace("eu-central-1", "us-east-1"))])
    assert report.by_hand and "region" in report.differences[-1].what


def summary(mfa: int, keys: int) -> Answer:
    entries = {"AccountMFAEnabled": mfa, "AccountAccessKeysPresent": keys}
    inner = "".join(f"<entry><key>{name}</key><value>{value}</value></entry>" for name, value in entries.items())
    return Answer(body=in_result("GetAccountSummary", f"<SummaryMap>{inner}</SummaryMap>"))


@pytest.mark.parametrize(("mfa", "keys", "found"), [(1, 0, 0), (0, 0, 1), (1, 1, 1), (0, 1, 2)])
def test_the_root_user(amazon: PretendAmazon, mfa: int, keys: int, found: int) -> None:
    amazon.says["GetAccountSummary"] = summary(mfa, keys)
    [report] = look_at([RootUser(amazon)])
    assert report.advice and len(report.differences) == found and report.by_hand is bool(found)


@pytest.mark.parametrize(
    ("who", "days", "wanted"),
    [
        (f"arn:aws:iam::{ACCOUNT}:root", None, "the root user's"),
        (f"arn:aws:iam::{ACCOUNT}:user/ops/backup", 91, "91 days old"),
        (f"arn:aws:iam::{ACCOUNT}:user/ops/backup", 90, ""),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/ci/session", None, ""),
    ],
)
def test_whose_credentials_they_are_and_how_old(clock: QuickClock, who: str, days: int | None, wanted: str) -> None:
    amazon = PretendAmazon(who=who)
    if days is not None:
        created = f"{clock.now() - timedelta(days=days, hours=1):%Y-%m-%dT%H:%M:%SZ}"
        member = (
            f"<member><UserName>backup</UserName><Status>Active</Status><CreateDate>{created}</CreateDate></member>"
        )
        listed = f"<AccessKeyMetadata>{member}</AccessKeyMetadata>"
        amazon.says["ListAccessKeys"] = Answer(body=in_result("ListAccessKeys", listed))
    [report] = look_at([Credentials(amazon, clock)])
    assert [one.now for one in report.differences] == ([wanted] if wanted else [])
    assert days is None or "UserName=backup" in amazon.only("ListAccessKeys").body


def test_public_access_blocked_for_the_whole_account(amazon: PretendAmazon) -> None:
    what = "GET account publicAccessBlock"
    amazon.says[what] = refusal("NoSuchPublicAccessBlockConfiguration", 404)
    [report] = look_at([AccountPublicAccess(amazon)])
    assert report.by_hand and report.differences[0].now == "0 of 4" and ACCOUNT in report.hint
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    inner = "".join(f"<{one}>true</{one}>" for one in names)
    amazon.says[what] = Answer(body=f"<PublicAccessBlockConfiguration>{inner}</PublicAccessBlockConfiguration>")
    assert look_at([AccountPublicAccess(amazon)])[0].is_well
    amazon.says[what] = refusal("AccessDenied", 403)
    assert look_at([AccountPublicAccess(amazon)])[0].right == "s3:GetAccountPublicAccessBlock"
