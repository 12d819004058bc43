"""Second copies for one set of settings: several, late, lost, moved, mended; folders and the real reader and writer."""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.read_replicas import as_replica
from lifeboat.app.read_settings import read_settings
from lifeboat.app.replicating import HowToReplicate
from lifeboat.foundation.finding import Level
from lifeboat.operations.replicate.errors import ReplicaGone, ReplicaPlaceTaken
from lifeboat.operations.reports.replicas import ReplicaReport
from lifeboat.repository.errors import KeyMissing
from lifeboat.storage.errors import StorageError

KEY = "5e" * 32
COPY = HowToReplicate()


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
    """A machine with uploads, a repository and two replicas, in one folder."""

    folder: Path
    clock: SetClock
    toml: str = '[[replica]]\nname = "one"\nlocation = "one"\n[[replica]]\nname = "two"\nlocation = "two"\n'

    def lifeboat(self, *, replica: str | None = None, memory: str = "state", **more: str) -> Lifeboat:
        variables = {
            "HOME": str(self.folder),
            "LIFEBOAT_STATE": str(self.folder / memory),
            "LIFEBOAT_REPOSITORY": str(self.folder / "first"),
            "UPLOADS_DIR": str(self.folder / "uploads"),
            "BACKUP_ENCRYPTION_KEY": KEY,
            **more,
        }
        (self.folder / "lifeboat.toml").write_text(self.toml)
        settings = read_settings(None, variables, self.folder)
        settings = settings if replica is None else as_replica(settings, replica, self.folder)
        return Lifeboat(settings, clock=self.clock)

    def backup(self) -> None:
        (self.folder / "uploads" / f"{self.clock.moment:%d%H%M}").write_text(str(self.clock.moment) * 500)
        self.lifeboat().backup("files")

    def replicate(self, *names: str, how: HowToReplicate = COPY) -> tuple[ReplicaReport, ...]:
        return self.lifeboat().replicate(names, how).replicas

    def pack_in(self, place: str) -> Path:
        return next(path for path in sorted((self.folder / place / "files" / "pack").rglob("*")) if path.is_file())


@pytest.fixture
def host(tmp_path: Path) -> Host:
    (tmp_path / "uploads").mkdir()
    made = Host(tmp_path, SetClock(datetime(2026, 11, 3, 12, tzinfo=UTC)))
    made.lifeboat().initialise(guarded=False, new_key=None)
    made.backup()
    return made


def flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(raw)


def test_one_that_cannot_be_does_not_keep_the_others_from_it(host: Host) -> None:
    (host.folder / "one").mkdir()
    (host.folder / "one" / "holiday.jpg").write_bytes(b"not ours")

    with pytest.raises(ReplicaPlaceTaken):
        host.replicate()

    assert host.pack_in("two").exists()
    assert [path.name for path in (host.folder / "one").iterdir()] == ["holiday.jpg"]


def test_status_tells_how_far_each_is_behind_by_memory_or_by_a_look(host: Host) -> None:
    first = {one.name: one for one in host.lifeboat().status().replicas}
    assert all(one.trouble and one.lag_seconds is None for one in first.values())

    host.replicate("one")
    host.clock.moment += timedelta(hours=1)
    host.backup()
    here = {one.name: one for one in host.lifeboat().status().replicas}
    there = {one.name: one for one in host.lifeboat(memory="another machine").status().replicas}
    assert here["one"].by_memory and not there["one"].by_memory
    assert here["one"].missing_snapshots == there["one"].missing_snapshots == 1

    # The other machine goes on with it; here nobody cries wolf.
    host.clock.moment += timedelta(hours=30)
    host.lifeboat(memory="another machine").replicate(["one"], COPY)
    report = host.lifeboat().status()
    [one] = [one for one in report.replicas if one.name == "one"]
    assert (one.by_memory, one.missing_snapshots) == (False, 0)
    assert "replica-late" not in [finding.code for finding in report.findings]
    host.backup()
    host.clock.moment += timedelta(hours=27)
    assert "replica-late" in [finding.code for finding in host.lifeboat().status().findings]


def test_a_disk_that_is_away_is_no_new_replica(host: Host) -> None:
    host.replicate("one")
    (host.folder / "one").rename(host.folder / "drawer")

    for how in (COPY, HowToReplicate(dry_run=True)):
        with pytest.raises(ReplicaGone):
            host.replicate("one", how=how)
    (host.folder / "one").mkdir()  # the mount point
    with pytest.raises(ReplicaGone):
        host.replicate("one")
    assert list((host.folder / "one").iterdir()) == []

    assert host.replicate("one", how=HowToReplicate(adopt=True))[0].first


def test_damage_on_either_side_is_named_with_what_it_hurts_and_mended_in_the_replica(host: Host) -> None:
    host.replicate("one")
    flip(host.pack_in("one"))
    read_back = HowToReplicate(verify=True)

    [told] = host.replicate("one", how=read_back)
    assert told.verified is not None
    assert {one.code for one in told.verified.findings if one.level is Level.PROBLEM} == {"pack-damaged"}
    assert "replica-problems" in [one.code for one in host.lifeboat().status().findings]

    [mended] = host.replicate("one", how=HowToReplicate(verify=True, repair=True))
    assert mended.repaired_objects == 1 and mended.verified is not None
    assert not [one for one in mended.verified.findings if one.level is Level.PROBLEM]
    assert host.pack_in("one").read_bytes() == host.pack_in("first").read_bytes()

    flip(host.pack_in("first"))
    [damaged] = host.replicate("two")
    [finding] = damaged.findings
    assert finding.code == "source-object-damaged" and "snapshot" in finding.hurts[0]
    [kept] = host.replicate("one", how=HowToReplicate(verify=True, repair=True))
    assert kept.repaired_objects == 0, "a good copy is not replaced by a bad one"


def test_following_prune_needs_a_key_and_copying_needs_none(host: Host) -> None:
    keyless = host.lifeboat(BACKUP_ENCRYPTION_KEY="", memory="a third machine")
    assert keyless.replicate(["one"], COPY).replicas[0].findings == ()

    host.toml = host.toml.replace('location = "one"', 'location = "one"\nfollow_prune = true')
    with pytest.raises(KeyMissing):
        host.lifeboat(BACKUP_ENCRYPTION_KEY="", memory="a third machine").replicate(["one"], COPY)
    assert host.replicate("one")[0].removed_objects == 0


def test_when_the_first_is_lost_the_second_becomes_the_repository(host: Host) -> None:
    host.replicate("one")
    shutil.rmtree(host.folder / "first")
    there = host.lifeboat(replica="one", memory="new machine")
    assert len(there.snapshots()) == 1 and there.status().replicas == ()

    assert there.promote_replica().marks == 1
    assert host.lifeboat(LIFEBOAT_REPOSITORY=str(host.folder / "one"), memory="new machine").backup("files").snapshots
    with pytest.raises(StorageError):
        host.replicate("one")
