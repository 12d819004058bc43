"""A month turns on a real server: the store copies, the first backup sends little, and January goes away whole."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "operations"))

from prune_kit import MovedClock, World, some_bytes
from test_prune_on_s3 import OnS3
from versitygw import RunningS3

from lifeboat.foundation.progress import Silent
from lifeboat.operations.carry.plan import Worth
from lifeboat.operations.carry.run import carry_forward
from lifeboat.repository.statements import Verb
from lifeboat.retention.rules import Rules
from lifeboat.storage.faults import CountingStore

RULES = Rules(hourly=1, daily=2, monthly=0)
ANY = Worth(smallest_pack_bytes=0, smallest_lot_bytes=0)
NEXT = {"same": some_bytes(120_000, 1), "own": some_bytes(3_000, 2)}


@pytest.mark.parametrize("versioning", [pytest.param(False, marks=pytest.mark.long), True])
def test_a_month_turns_on_a_real_server(s3: RunningS3, tmp_path: Path, versioning: bool) -> None:
    bucket = f"carried-{versioning}".lower()
    s3.make_bucket(bucket, versioning=versioning)
    world = World(
        tmp_path,
        MovedClock(datetime(2026, 1, 31, 18, tzinfo=UTC)),
        make_store=lambda clock: OnS3(s3, bucket, clock),  # type: ignore[arg-type, return-value]
    )
    world.take({"same": some_bytes(120_000, 1), "own": some_bytes(3_000, 1)})
    world.after(hours=6.1)
    counting = CountingStore(world.store)
    report = carry_forward(world.open(counting), RULES, Silent(), ANY)
    assert report.findings == () and report.packs >= 20 and report.live_bytes > 115_000
    assert counting.written_bytes < 10_000, "the packs did not come through here"
    assert counting.read_bytes < 30_000, "the store told the hash of what it copied"
    assert counting.calls["copy"] == report.packs + 1
    record = world.take(NEXT)
    assert record.generation == "2026-02" and record.new_bytes < 10_000
    for day in range(2, 40):
        world.after(days=1)
        if day % 4 == 0:
            world.take(NEXT | {"own": some_bytes(3_000, day)})
    world.say(Verb.PROOF, *world.stored())
    world.prune(RULES)
    world.after(days=8)
    world.prune(RULES)
    assert not [name for name in world.names("/2026-01/") if not name.startswith("catalog/")]
    assert [one for one in world.problems() if one.level == "problem"] == []
    world.restores()


def test_what_rotted_on_the_servers_disk_is_not_carried(s3: RunningS3, tmp_path: Path) -> None:
    s3.make_bucket("rotten")
    world = World(
        tmp_path,
        MovedClock(datetime(2026, 1, 31, 18, tzinfo=UTC)),
        make_store=lambda clock: OnS3(s3, "rotten", clock),  # type: ignore[arg-type, return-value]
    )
    world.take({"same": some_bytes(60_000, 1)})
    largest = max(world.store.list_under("files/pack/"), key=lambda one: one.size_bytes).name
    (path,) = s3.folder.rglob(largest[-64:])
    rotten = bytearray(path.read_bytes())
    rotten[-1] ^= 1
    path.write_bytes(rotten)
    world.after(hours=6.1)
    report = carry_forward(world.open(), RULES, Silent(), ANY)
    assert [(one.code, one.subject) for one in report.findings] == [("pack-damaged", largest)]
    assert world.names(largest[-64:]) == {largest}
    record = world.take({"same": some_bytes(60_000, 1)})
    assert 3_000 < record.new_bytes < 20_000
    world.restores([record])
