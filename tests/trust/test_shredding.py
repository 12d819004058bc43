"""The keys of a month are destroyed: what was sealed in it opens to nobody, from any copy, and nothing else is lost."""

import random
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import lifeboat.app.build as build
from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.read_settings import read_settings
from lifeboat.app.replicating import HowToReplicate
from lifeboat.app.shredding import ShredReport
from lifeboat.foundation.finding import Level
from lifeboat.operations.reports.restores import RestoreRequest
from lifeboat.operations.shredding.plan import ShredRefused
from lifeboat.repository.errors import SnapshotUnknown
from lifeboat.storage.faults import CrashAtCall, Killed, Passing, When
from lifeboat.storage.object_store import ObjectStore

sys.path += [str(Path(__file__).parents[1] / "servers")]
import contextlib

import moto_aws
from moto_aws import MotoAws

Tried = Callable[[str, int], None]
KEY = "5e" * 32
WHY = "the contract ended"


@dataclass
class SetClock:
    moment: datetime

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@dataclass
class Host:
    """A machine with uploads, a repository and two replicas; the store's clock is ours."""

    folder: Path
    clock: SetClock
    place: str
    toml: str
    more: dict[str, str] = field(default_factory=dict)
    kept: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """Snapshot to what it holds."""

    def lifeboat(self, memory: str = "state") -> Lifeboat:
        variables = {
            "HOME": str(self.folder),
            "LIFEBOAT_STATE": str(self.folder / memory),
            "LIFEBOAT_REPOSITORY": self.place,
            "UPLOADS_DIR": str(self.folder / "uploads"),
            "BACKUP_ENCRYPTION_KEY": KEY,
            **self.more,
        }
        (self.folder / "lifeboat.toml").write_text(self.toml)
        return Lifeboat(read_settings(None, variables, self.folder), clock=self.clock)

    def backup(self, keep: str | None = None) -> str:
        number = len(self.kept)
        (self.folder / "uploads" / f"{number}").write_text(f"contract {number} of {self.clock.moment}" * 300)
        snapshot = self.lifeboat().backup("files", keep=keep).snapshots[0].snapshot
        self.kept[snapshot] = {one.name: one.read_bytes() for one in (self.folder / "uploads").iterdir()}
        return snapshot

    def restored(self, snapshot: str) -> dict[str, bytes]:
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        self.lifeboat().restore(RestoreRequest(source="files", snapshot=snapshot, to=str(out)))
        return {one.name: one.read_bytes() for one in out.iterdir()}

    def must_be_whole(self, *snapshots: str) -> None:
        """These are listed, restore bit for bit, and nothing is complained of."""
        listed = {one.snapshot for one in self.lifeboat().snapshots()}
        assert listed == set(snapshots)
        for one in snapshots:
            assert self.restored(one) == self.kept[one]
        found = [one for one in self.lifeboat().verify("full").findings if one.level is Level.PROBLEM]
        expected = {"same-machine", "no-snapshot", "snapshot-too-old"}
        assert [(one.code, one.message) for one in found if one.code not in expected] == []

    def shred(self, month: str, **how: bool) -> ShredReport:
        return self.lifeboat().shredding(month).run(WHY, **{"even_the_last": False, "even_kept": False, **how})


TWO = '[[replica]]\nname = "one"\nlocation = "one"\n[[replica]]\nname = "two"\nlocation = "two"\n'


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    (tmp_path / "uploads").mkdir()
    made = Host(tmp_path, SetClock(datetime(2026, 8, 3, 12, tzinfo=UTC)), str(tmp_path / "first"), TWO)
    made.lifeboat().initialise(guarded=False, new_key=None)
    yield made


def at(host: Host, month: int, day: int) -> None:
    host.clock.moment = datetime(2026, month, day, 12, tzinfo=UTC)


def keys_in(folder: Path, month: str) -> list[Path]:
    return [one for one in (folder / "keys" / month).rglob("*") if one.is_file()]


def test_a_month_is_gone_from_every_copy_and_the_others_are_whole(host: Host) -> None:
    gone = host.backup()
    at(host, 9, 5)
    stays = host.backup()
    host.lifeboat().replicate((), HowToReplicate())
    at(host, 9, 9)
    plan = host.lifeboat().shredding("2026-08").plan()
    assert [one.snapshot for one in plan.snapshots] == [gone] and plan.last_of == ()
    assert [(one.replica, one.objects) for one in plan.places] == [("", 1), ("one", 1), ("two", 1)]
    assert host.restored(gone) == host.kept[gone], "a plan changes nothing"

    shutil.copytree(host.folder / "first" / "catalog", host.folder / "catalog before")
    done = host.shred("2026-08")
    assert [(one.destroyed, one.left) for one in done.places] == [(1, 0)] * 3 and done.findings == ()
    for place in ("first", "one", "two"):
        assert keys_in(host.folder / place, "2026-08") == [] and keys_in(host.folder / place, "2026-09")
    host.must_be_whole(stays)
    with pytest.raises(SnapshotUnknown):
        host.restored(gone)
    # Who brings back all but the keys has nothing.
    shutil.copytree(host.folder / "catalog before", host.folder / "first" / "catalog", dirs_exist_ok=True)
    with pytest.raises(Exception, match=r"keys/2026-08|let go|no snapshot"):
        host.restored(gone)
    assert host.lifeboat().shredding("2026-08").plan().data_keys == 0


def test_prune_and_the_replicas_follow(host: Host) -> None:
    host.backup()
    at(host, 9, 5)
    stays = host.backup()
    host.lifeboat().replicate((), HowToReplicate())
    at(host, 9, 9)
    host.shred("2026-08")
    at(host, 9, 20)
    host.lifeboat().prune(dry_run=False)
    assert not [one for one in (host.folder / "first" / "files").rglob("*/2026-08/*") if one.is_file()]
    done = host.lifeboat().replicate((), HowToReplicate())
    assert [one.code for replica in done.replicas for one in replica.findings if one.level is Level.PROBLEM] == []
    host.must_be_whole(stays)


def test_what_still_takes_backups_the_last_and_what_is_kept_are_refused(host: Host) -> None:
    host.toml = ""
    kept = host.backup(keep="a trial")
    with pytest.raises(ShredRefused, match="still takes backups"):
        host.lifeboat().shredding("2026-08").plan()
    at(host, 9, 9)
    with pytest.raises(ShredRefused, match="nothing would be left of files"):
        host.shred("2026-08")
    stays = host.backup()
    with pytest.raises(ShredRefused, match="kept on purpose"):
        host.shred("2026-08")
    host.must_be_whole(kept, stays)
    host.shred("2026-08", even_kept=True)
    host.must_be_whole(stays)


def test_a_copy_that_was_carried_into_a_later_month_goes_too(host: Host) -> None:
    host.toml = ""
    (host.folder / "uploads" / "video").write_bytes(random.Random(1).randbytes(18_000_000))
    at(host, 8, 31)
    host.backup()
    host.clock.moment = datetime(2026, 9, 1, 0, 10, tzinfo=UTC)
    assert host.lifeboat().carry_forward(dry_run=False).packs
    leaning = host.backup()
    at(host, 9, 9)
    with pytest.raises(ShredRefused, match="carried into 2026-09"):
        host.shred("2026-08")
    assert host.restored(leaning) == host.kept[leaning]
    at(host, 10, 9)
    stays = host.backup()
    plan = host.lifeboat().shredding("2026-08").plan()
    assert plan.carried == ("2026-09",) and leaning in {one.snapshot for one in plan.snapshots}
    host.shred("2026-08")
    host.must_be_whole(stays)


def test_with_a_replica_away_nothing_is_destroyed(host: Host) -> None:
    gone = host.backup()
    at(host, 9, 5)
    host.backup()
    host.lifeboat().replicate((), HowToReplicate())
    at(host, 9, 9)
    shutil.move(host.folder / "two", host.folder / "two away")
    with pytest.raises(Exception, match="two"):
        host.shred("2026-08")
    assert host.restored(gone) == host.kept[gone]


@pytest.mark.parametrize("when", list(When))
def test_killed_anywhere_the_next_run_goes_on_and_nothing_else_is_lost(
    host: Host, when: When, monkeypatch: pytest.MonkeyPatch, tried: Tried
) -> None:
    host.toml = ""
    host.backup()
    at(host, 9, 5)
    stays = host.backup()
    at(host, 9, 9)
    for name in ("first", "state"):
        shutil.copytree(host.folder / name, host.folder / "before" / name)
    real, nth = build.open_store, 0
    while True:
        nth += 1
        for name in ("first", "state"):
            shutil.rmtree(host.folder / name)
            shutil.copytree(host.folder / "before" / name, host.folder / name)
        crashing: list[CrashAtCall] = []

        def opened(
            *arguments: Any, nth: int = nth, crashing: list[CrashAtCall] = crashing, **named: Any
        ) -> ObjectStore:
            crashing.append(CrashAtCall(real(*arguments, **named), nth, when, frozenset({"write", "delete"})))
            return crashing[-1]

        monkeypatch.setattr(build, "open_store", opened)
        with contextlib.suppress(Killed):
            host.shred("2026-08")
        monkeypatch.setattr(build, "open_store", real)
        assert host.restored(stays) == host.kept[stays]
        if not any(one.was_hit for one in crashing):
            break
        if keys_in(host.folder / "first", "2026-08"):
            host.shred("2026-08")
        assert keys_in(host.folder / "first", "2026-08") == []
        host.must_be_whole(stays)
    assert nth > 4, "the sweep really swept"
    tried("crash points", nth - 1)


class _Shifted(Passing):
    """A store whose clock is ours."""

    def __init__(self, inner: ObjectStore, clock: SetClock) -> None:
        super().__init__(inner)
        self._clock = clock

    def time_there(self) -> datetime:
        return self._clock.now()


@pytest.fixture(scope="module")
def aws() -> Iterator[MotoAws]:
    with moto_aws.running() as server:
        yield server


def test_in_a_bucket_with_versions_no_version_is_left(
    aws: MotoAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = build.open_store
    clock = SetClock(datetime(2026, 8, 3, 12, tzinfo=UTC))
    monkeypatch.setattr(build, "open_store", lambda *said, **named: _Shifted(real(*said, **named), clock))
    aws.make_bucket("shredded")
    (tmp_path / "uploads").mkdir()
    host = Host(tmp_path, clock, "s3://shredded/backups", "", aws.environment())
    host.lifeboat().initialise(guarded=False, new_key=None)
    host.backup()
    at(host, 9, 5)
    stays = host.backup()
    at(host, 9, 9)
    s3 = aws.client("s3")
    # Somebody hid the key, and stored it again: three things lie under its name.
    name = s3.list_objects_v2(Bucket="shredded", Prefix="backups/keys/2026-08/")["Contents"][0]["Key"]
    body = s3.get_object(Bucket="shredded", Key=name)["Body"].read()
    s3.delete_object(Bucket="shredded", Key=name)
    s3.put_object(Bucket="shredded", Key=name, Body=body)
    plan = host.lifeboat().shredding("2026-08").plan()
    assert (plan.places[0].objects, plan.places[0].keeps_versions) == (3, True)
    done = host.shred("2026-08")
    assert (done.places[0].destroyed, done.places[0].left) == (3, 0)
    left = s3.list_object_versions(Bucket="shredded", Prefix="backups/keys/2026-08/")
    assert not left.get("Versions") and not left.get("DeleteMarkers")
    assert body not in [
        s3.get_object(Bucket="shredded", Key=one["Key"], VersionId=one["VersionId"])["Body"].read()
        for one in s3.list_object_versions(Bucket="shredded")["Versions"]
    ]
    host.must_be_whole(stays)
