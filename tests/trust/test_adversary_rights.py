"""Adversaries against a store that holds each to his rights: a reader, a writer, a custodian of the bucket, on a real S3 server.

The rights are those that ``lifeboat aws policy`` prints, as far as this server knows what they say; each is first seen to do his
every day with them, so that what is refused is refused for its own sake. It has no age rules: whose they are, and that doctor sees
such as eat, is tried against moto in ``tests/cloud/test_lifecycle_command.py`` and below by what the policies say.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from adversary_kit import GOOD, Attempts, all_come_back, findings, looked_at
from botocore.exceptions import ClientError
from prune_kit import MovedClock, World, some_bytes
from test_prune_on_s3 import OnS3
from versitygw import RunningS3, versitygw_for_tests

from lifeboat.cloud.policies import Place, bucket_policy, role_policy
from lifeboat.crypto.identity import Identity
from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.progress import Silent
from lifeboat.foundation.secret import Secret
from lifeboat.operations.prune.run import prune
from lifeboat.operations.undelete.plan import plan_undelete
from lifeboat.operations.undelete.run import carry_out
from lifeboat.repository.create import store_rescue_kit
from lifeboat.repository.custodians import add_custodian
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.locking import LockPeriods
from lifeboat.repository.names import PROBES
from lifeboat.repository.open_repository import open_repository
from lifeboat.repository.roles import Role
from lifeboat.repository.statements import Verb
from lifeboat.rescue import rescue_script
from lifeboat.rescue.readme import README
from lifeboat.retention.rules import Rules
from lifeboat.storage.faults import Passing
from lifeboat.storage.s3 import S3Settings, S3Store

Tried = Callable[[str, int], None]
BUCKET, LOCKED, PREFIX = "adversary", "adversary-locked", "backups"
SECRETS = {"reader": "secret-of-the-reader", "host": "secret-of-the-host", "ci": "secret-of-ci"}
UNDERSTOOD = ("List", "Read", "Write", "Delete", "Lock")
"""Statements whose conditions this server knows."""
HASH = "cd" * 32


@dataclass
class Town:
    """Args: custodian: his key."""

    server: RunningS3
    world: World
    custodian: Identity
    writer: str

    def client(self, user: str) -> Any:
        """What a thief of that user has in hand."""
        return boto3.client(
            "s3",
            endpoint_url=self.server.endpoint_url,
            region_name=self.server.region,
            aws_access_key_id=user,
            aws_secret_access_key=SECRETS[user],
        )

    def store(self, user: str) -> S3Store:
        settings = S3Settings(
            BUCKET,
            PREFIX,
            region=self.server.region,
            endpoint_url=self.server.endpoint_url,
            access_key_id=Secret(user),
            secret_access_key=Secret(SECRETS[user]),
        )
        return S3Store(settings, SystemClock())

    def allow(self, user: str, bucket: str = BUCKET) -> None:
        """Attach the policy of this user and no other: the server keeps no more than 4 kB of them."""
        place = Place(bucket, PREFIX, locks=LockPeriods(35, 35) if bucket == LOCKED else None)
        if user == "reader":
            policy: dict[str, Any] = {
                "Statement": [
                    {"Sid": "List", "Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [place.arn]},
                    {"Sid": "Read", "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": [f"{place.arn}/*"]},
                ]
            }
        else:
            role = {"host": Role.WRITER, "ci": Role.CUSTODIAN}[user]
            policy = role_policy(role, place, self.writer)
        said = [
            {k: v for k, v in one.items() if k != "Sid"} | {"Principal": {"AWS": [user]}}
            for one in policy["Statement"]
            if one["Sid"] in UNDERSTOOD
        ]
        text = json.dumps({"Version": "2012-10-17", "Statement": said}, separators=(",", ":"))
        self.server.client().put_bucket_policy(Bucket=bucket, Policy=text)

    def one_of_each(self) -> dict[str, str]:
        """A stored object of each kind, with its key in the bucket."""
        kinds = {
            "a pack": "files/pack/",
            "a data key": "keys/",
            "a record": "/snapshot-",
            "an index": "/index-",
            "a link": "/link-",
            "a proof": "/proof-",
            "the description": "config/repository-",
            "a registration": "config/writer-",
            "the rescue script": "config/rescue-",
            "the note": "config/README-",
        }
        return {what: f"{PREFIX}/{min(self.world.names(part))}" for what, part in kinds.items()}


@pytest.fixture(scope="module")
def server() -> Iterator[RunningS3]:
    with versitygw_for_tests() as running:
        for user, secret in SECRETS.items():
            running.make_user(user, secret)
        yield running


@pytest.fixture(scope="module")
def town(server: RunningS3, tmp_path_factory: pytest.TempPathFactory) -> Town:
    server.make_bucket(BUCKET, versioning=True)
    folder = tmp_path_factory.mktemp("town")
    world = World(folder, make_store=lambda clock: OnS3(server, BUCKET, clock))  # type: ignore[arg-type, return-value]
    store_rescue_kit(world.store, rescue_script(), README)
    custodian = Identity.generate()
    add_custodian(world.open(), "ci", custodian.recipient)
    world.say(Verb.PROOF, world.take(GOOD))
    world.after(days=1).take({**GOOD, "more": some_bytes(6_000, 8)})
    return Town(server, world, custodian, world.open().snapshots()[0].writer)


def strangers_arts(town: Town, thief: Any, bucket: str = BUCKET) -> Iterator[tuple[str, Callable[[], object]]]:
    """What nobody but an administrator may: the bucket's own settings, and versions."""
    yield (
        "versioning is suspended",
        lambda: thief.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"}),
    )
    yield "the policy is removed", lambda: thief.delete_bucket_policy(Bucket=bucket)
    open_to_all = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{bucket}/*"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [open_to_all]})
    yield "the policy is opened to all", lambda: thief.put_bucket_policy(Bucket=bucket, Policy=text)
    yield "the bucket is deleted", lambda: thief.delete_bucket(Bucket=bucket)
    yield "versions are listed", lambda: thief.list_object_versions(Bucket=bucket)
    owner = town.server.client()
    for what, key in town.one_of_each().items():
        version = owner.head_object(Bucket=BUCKET, Key=key)["VersionId"]
        yield (
            f"the version of {what} is deleted",
            lambda key=key, version=version: thief.delete_object(Bucket=BUCKET, Key=key, VersionId=version),
        )


def put(thief: Any, key: str, body: bytes = b"garbage", **more: Any) -> Callable[[], object]:
    return lambda: thief.put_object(Bucket=BUCKET, Key=key, Body=body, **more)


def delete(thief: Any, key: str) -> Callable[[], object]:
    return lambda: thief.delete_object(Bucket=BUCKET, Key=key)


def test_a_reader_of_the_bucket_writes_and_deletes_nothing(town: Town, tried: Tried) -> None:
    attempts = Attempts()
    town.allow("reader")
    thief = town.client("reader")
    assert len(list(town.store("reader").list_under(""))) > 10
    for what, key in town.one_of_each().items():
        assert thief.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        attempts.denied(f"{what} is deleted", delete(thief, key))
        attempts.denied(f"{what} is overwritten", put(thief, key))
    attempts.denied("something new is stored", put(thief, f"{PREFIX}/files/pack/short/2026-01/{HASH}"))
    for what, act in strangers_arts(town, thief):
        attempts.denied(what, act)
    all_come_back(town.world, "after the reader")
    assert findings(town.world, town.world.open(None, "checker")) == []
    tried("attacks", len(attempts))


def test_a_stolen_writer_deletes_nothing_and_plants_nothing_that_counts(town: Town, tried: Tried) -> None:
    attempts = Attempts()
    town.allow("host")
    thief, every = town.client("host"), town.one_of_each()
    own = town.store("host")
    assert own.read(every["a record"].removeprefix(f"{PREFIX}/"))
    own.write(f"{PROBES}tried", b"x")
    own.delete(f"{PROBES}tried")
    for what, key in every.items():
        attempts.denied(f"{what} is deleted", delete(thief, key))
    for what in ("a pack", "a data key"):
        attempts.denied(f"{what} is read", lambda what=what: thief.get_object(Bucket=BUCKET, Key=every[what]))  # type: ignore[misc]
    attempts.denied("all is listed", lambda: thief.list_objects_v2(Bucket=BUCKET, Prefix=f"{PREFIX}/keys/"))
    other = "f" * 32
    for what, name in {
        "a description": f"config/repository-{HASH}.json",
        "a registration": f"config/writer-{other}-{HASH}.json",
        "a rescue script": f"config/rescue-{HASH}.py",
        "a note": f"config/README-{HASH}.txt",
        "an entry of the ledger": f"ledger/00000001-erasure-{HASH}",
        "a record of another writer": f"catalog/{other}/2026-01/snapshot-{HASH}",
        "an anchor of another writer": f"catalog/{other}/2026-01/audit-{HASH}",
    }.items():
        attempts.denied(f"{what} is planted", put(thief, f"{PREFIX}/{name}"))
    for what in ("the description", "a registration", "the rescue script", "the note"):
        attempts.denied(f"{what} is overwritten", put(thief, every[what]))
    for what, act in strangers_arts(town, thief):
        attempts.denied(what, act)
    tried("attacks", len(attempts))


@pytest.mark.long
def test_what_a_stolen_writer_overwrites_is_named_and_comes_back(town: Town, tried: Tried) -> None:
    """What it may write it may write over, where the server does not know ``WrittenOnce``."""
    attempts, world = Attempts(), town.world
    town.allow("host")
    thief, every = town.client("host"), town.one_of_each()
    told_as = {
        "a pack": "pack-cut",
        "a record": "object-damaged",
        "a link": "object-damaged",
        "a data key": "object-damaged",
    }
    for what, code in told_as.items():
        put(thief, every[what])()
        told = findings(world, world.open(None, f"checker of {what}"))
        attempts.told(f"{what} is overwritten", told, code, every[what][-64:])
        brought_back(town)
    all_come_back(world, "after the writer")
    assert findings(world, world.open(None, "another checker")) == []
    tried("attacks", len(attempts))


def brought_back(town: Town) -> None:
    """``aws undelete``, by whoever owns the bucket."""
    place = town.world.store.inner.inner  # type: ignore[attr-defined]
    plan = plan_undelete(place, Silent(), None)
    count, _, failed = carry_out(place, plan, Silent())
    assert failed == [] and count == len(plan.coming) > 0


def test_a_custodian_gone_bad_plants_nothing_and_changes_nothing_of_the_bucket(town: Town, tried: Tried) -> None:
    attempts, world = Attempts(), town.world
    town.allow("ci")
    thief, every = town.client("ci"), town.one_of_each()
    state = LocalState(world.folder / "ci", "ci")
    at_work = open_repository(AsTold(town.store("ci"), world.clock), identity=town.custodian, state=state, label="ci")
    assert {one.snapshot for one in at_work.snapshots()} == set(world.contents)
    assert prune(at_work, Rules(), Silent()).objects_removed == 0, "nothing is due"
    for what in ("the description", "a registration", "the rescue script", "the note"):
        attempts.denied(f"{what} is deleted", delete(thief, every[what]))
        attempts.denied(f"{what} is overwritten", put(thief, every[what]))
    for what, name in {
        "a recipient": f"config/repository-{HASH}.json",
        "a writer": f"config/writer-{'f' * 32}-{HASH}.json",
        "a pack": f"files/pack/short/2026-01/{HASH}",
        "a data key": f"keys/2026-01/{HASH}",
        "a record": f"catalog/{town.writer}/2026-01/snapshot-{HASH}",
        "an index": f"catalog/{town.writer}/2026-01/index-{HASH}",
        "a link": f"catalog/{town.writer}/2026-01/link-00000009-{HASH}",
        "a proof": f"catalog/{town.writer}/2026-01/proof-{HASH}",
        "an entry of the ledger": f"ledger/00000001-erasure-{HASH}",
        "a segment": f"mongodb/oplog/2026-01/{HASH}/x",
    }.items():
        attempts.denied(f"{what} is planted", put(thief, f"{PREFIX}/{name}"))
    for what, act in strangers_arts(town, thief):
        if what != "versions are listed":
            attempts.denied(what, act)
    tried("attacks", len(attempts))


@pytest.mark.long
def test_what_a_custodian_gone_bad_prunes_that_is_needed_is_named_and_comes_back(town: Town, tried: Tried) -> None:
    """He may delete packs, keys and catalogs; the bucket keeps versions, and he may not remove those."""
    attempts, world = Attempts(), town.world
    town.allow("ci")
    thief, every = town.client("ci"), town.one_of_each()
    told_as = {
        "a pack": ("pack-missing", every["a pack"][-64:]),
        "a data key": ("data-key-missing", every["a data key"][-64:]),
        "a record": ("snapshot-gone", every["a record"][-64:]),
        "an index": ("pack-not-indexed", "files/pack/"),
        "a link": ("chain-broken", "link 1 is missing"),
    }
    for what, (code, subject) in told_as.items():
        delete(thief, every[what])()
        told = findings(world, world.open(None, f"checker without {what}"))
        attempts.told(f"{what} is deleted that is needed", told, code, subject)
        brought_back(town)
    all_come_back(world, "after the custodian")
    assert findings(world, world.open(None, "the last checker")) == []
    tried("attacks", len(attempts))


@pytest.mark.long
def test_whose_versions_are_removed_by_an_administrator_is_named_as_gone(town: Town, tried: Tried) -> None:
    """The limit: rights of the bucket's owner, and no lock. What is gone is named, with what it costs; the rest comes back."""
    attempts, world = Attempts(), town.world
    owner, every = town.server.client(), town.one_of_each()
    newest = world.after(days=1).take({"own": some_bytes(5_000, 77)})
    lost = f"{PREFIX}/{newest.place}{newest.packs[0].hex()}"
    kept = owner.get_object(Bucket=BUCKET, Key=lost)["Body"].read()
    owner.delete_object(Bucket=BUCKET, Key=lost, VersionId=owner.head_object(Bucket=BUCKET, Key=lost)["VersionId"])
    owner.delete_object(Bucket=BUCKET, Key=every["a record"])
    brought_back(town)
    told = looked_at(world, world.open(None, "checker of what is gone")).findings
    attempts.told("a version is removed", told, "pack-missing", lost[-64:])
    (finding,) = [one for one in told if one.code == "pack-missing"]
    assert newest.snapshot[:8] in " ".join(finding.hurts)
    owner.put_object(Bucket=BUCKET, Key=lost, Body=kept)
    all_come_back(world, "after the administrator")
    tried("attacks", len(attempts))


@pytest.mark.long
def test_garbage_that_a_writer_locks_costs_room_and_nothing_else(server: RunningS3, town: Town, tried: Tried) -> None:
    """The bucket's policy bounds such locks at Amazon; this server does not know that condition, so the worst is tried: for years."""
    attempts = Attempts()
    server.client().create_bucket(Bucket=LOCKED, ObjectLockEnabledForBucket=True)
    (deny,) = [
        one
        for one in bucket_policy(Place(LOCKED, PREFIX, locks=LockPeriods(35, 35)))["Statement"]
        if one["Sid"] == "NoEndlessLocks"
    ]
    assert deny["Effect"] == "Deny" and {"s3:PutObject", "s3:PutObjectRetention"} <= set(deny["Action"])
    assert int(deny["Condition"]["NumericGreaterThan"]["s3:object-lock-remaining-retention-days"]) <= 67
    lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": datetime.now(UTC) + timedelta(days=9000)}
    name = f"{PREFIX}/files/pack/short/2026-01/{HASH}"

    def garbage(user: str, key: str = name) -> Callable[[], object]:
        return lambda: town.client(user).put_object(Bucket=LOCKED, Key=key, Body=b"garbage", **lock)

    town.allow("reader", LOCKED)
    attempts.denied("a reader locks garbage", garbage("reader"))
    town.allow("ci", LOCKED)
    attempts.denied("a custodian locks garbage", garbage("ci"))
    town.allow("host", LOCKED)
    attempts.denied(
        "a writer locks garbage where it may not write", garbage("host", f"{PREFIX}/config/rescue-{HASH}.py")
    )
    garbage("host")()  # the limit
    owner = server.client()
    version = owner.head_object(Bucket=LOCKED, Key=name)["VersionId"]
    with pytest.raises(ClientError, match="object lock"):
        owner.delete_object(Bucket=LOCKED, Key=name, VersionId=version, BypassGovernanceRetention=True)
    # Backups, verification and prune go on beside it.
    world = World(town.world.folder / "locked", make_store=lambda clock: Beside(server, LOCKED, clock))  # type: ignore[arg-type, return-value]
    world.take(GOOD)
    told = findings(world, world.open(None, "checker"))
    attempts.told("a writer locks garbage for ever", told, "pack-damaged", HASH)
    world.after(days=39).take(GOOD)
    world.prune()
    world.restores()
    assert name.removeprefix(f"{PREFIX}/") not in world.names(), "it is hidden, and its room is paid"
    tried("attacks", len(attempts))


class AsTold(Passing):
    """Its time is the test's."""

    def __init__(self, inner: S3Store, clock: MovedClock) -> None:
        super().__init__(inner)
        self._clock = clock

    def time_there(self) -> datetime:
        return self._clock.now()


class Beside(OnS3):
    """A bucket that held something before."""

    def __init__(self, server: RunningS3, bucket: str, clock: Any) -> None:
        super().__init__(server, bucket, clock)
        self.written = {one.name: clock.now() for one in self.inner.list_under("")}


@pytest.mark.parametrize("role", Role)
def test_no_role_may_change_age_rules_versions_locks_or_the_policy(role: Role) -> None:
    """This server has no age rules: that nobody may set them is seen by what the policies grant."""
    statements = role_policy(role, Place(LOCKED, PREFIX, locks=LockPeriods(35, 35)), "f" * 32)["Statement"]
    granted = {action for one in statements for action in one["Action"]}
    assert not [
        one for one in granted if one.startswith(("s3:PutBucket", "s3:PutLifecycle", "s3:DeleteBucket", "s3:Bypass"))
    ]
    assert "s3:DeleteObjectVersion" not in granted and "s3:*" not in granted


def test_the_attempts_see_a_store_that_lets_everything_through(town: Town) -> None:
    """A checker is tried on something broken: the owner's rights in a thief's hand."""
    with pytest.raises(AssertionError, match="was not refused"):
        Attempts().denied("something is planted", put(town.server.client(), f"{PREFIX}/{PROBES}planted"))
