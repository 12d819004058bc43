"""A verification by several shards says what one process says, of whole repositories and of harmed ones, also when shards die."""

import random
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from drawn import drawn_seed
from repository_kit import back_up, make, reopen, some_bytes

from lifeboat.crypto.identity import Identity
from lifeboat.foundation.progress import Silent
from lifeboat.operations.reports.checks import VerifyReport
from lifeboat.operations.shards import Shard, ShardDone, ShardRefused, ShardsMissing, Sharing
from lifeboat.operations.verify.content import AHEAD
from lifeboat.operations.verify.memory import key_of
from lifeboat.operations.verify.run import verify
from lifeboat.operations.verify.sharing import verify_shared
from lifeboat.retention.rules import Rules
from lifeboat.storage.faults import CrashAtCall, Killed, RecordingStore
from lifeboat.storage.memory import MemoryStore
from lifeboat.storage.object_store import ObjectStore

Objects = dict[str, bytes]


class Place:
    """One repository with the memory of one machine; each question is asked of a copy of both."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.holder = Identity.generate()
        repository, store, self.clock = make(folder / "state", identities=[self.holder])
        for seed in (1, 2):
            back_up(repository, self.clock, {"one": some_bytes(120_000, seed), "two": some_bytes(60_000, 9)})
        self.objects = {one.name: store.read(one.name) for one in store.list_under("")}
        self.packs = [name for name in self.objects if "/pack/" in name]
        self._copies = 0

    def copy(self, objects: Objects) -> tuple[MemoryStore, Path]:
        self._copies += 1
        store, state = MemoryStore(replace(self.clock)), self.folder / f"copy{self._copies}"
        for name, content in objects.items():
            store.write(name, content)
        shutil.copytree(self.folder / "state", state)
        return store, state

    def one(self, objects: Objects, level: str = "full") -> tuple[VerifyReport, Path]:
        store, state = self.copy(objects)
        repository = reopen(store, state, self.holder)
        report = verify(
            repository, level, objectives={}, sample_percent=40, clock=self.clock, progress=Silent(), rules=Rules()
        )
        return report, state

    def shard(
        self, store: ObjectStore, state: Path, number: int, of: int = 4, level: str = "full", run: str = "r"
    ) -> VerifyReport | ShardDone:
        return verify_shared(
            lambda: reopen(store, state, self.holder),
            level,
            Sharing(Shard(number, of, run), 0),
            objectives=lambda repository: {},
            sample_percent=40,
            rules=Rules(),
            clock=replace(self.clock),
            progress=Silent(),
        )

    def several(self, objects: Objects, of: int = 4, level: str = "full") -> tuple[VerifyReport, Path]:
        store, state = self.copy(objects)
        for number in range(of - 1):
            assert isinstance(self.shard(store, state, number, of, level), ShardDone)
        report = self.shard(store, state, of - 1, of, level)
        assert isinstance(report, VerifyReport)
        return report, state


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("shared"))


def flipped(raw: bytes, at: int = -20) -> bytes:
    changed = bytearray(raw)
    changed[at] ^= 1
    return bytes(changed)


def harms(place: Place) -> Iterator[tuple[str, Objects]]:
    whole, packs = place.objects, place.packs
    yield "nothing", whole
    for name in packs[:4]:
        yield f"a bit of {name}", {**whole, name: flipped(whole[name])}
        yield f"the front of {name}", {**whole, name: flipped(whole[name], 10)}
        yield f"{name} cut", {**whole, name: whole[name][:-7]}
        yield f"{name} gone", {one: raw for one, raw in whole.items() if one != name}
    yield "every pack", {name: flipped(raw) if name in packs else raw for name, raw in whole.items()}
    yield "two exchanged", {**whole, packs[0]: whole[packs[1]], packs[1]: whole[packs[0]]}
    yield "a stranger", {**whole, "files/pack/readme": b"x"}
    for prefix in ("keys/", "catalog/", "config/"):
        for name in [one for one in whole if one.startswith(prefix) and not one.startswith("config/repository-")]:
            yield f"a bit of {name}", {**whole, name: flipped(whole[name])}
            yield f"{name} gone", {one: raw for one, raw in whole.items() if one != name}


def same(report: VerifyReport) -> VerifyReport:
    """Without what differs between any two runs."""
    findings = tuple(
        sorted((replace(one, hint=re.sub(r"copy\d+", "copy", one.hint)) for one in report.findings), key=repr)
    )
    return replace(report, seconds=0.0, findings=findings, proved=tuple(sorted(report.proved)))


def remembered(state: Path) -> dict[str, bytes]:
    """What the machine keeps of a run: memory of the scrub, quarantine, proofs it knows, what `status` says."""
    files = (one for one in state.rglob("*") if one.is_file() and "shards" not in one.parts)
    return {str(one.relative_to(state)): one.read_bytes() for one in files if not one.name.endswith(".lock")}


def shards_say_what_one_says(place: Place, harm: tuple[str, Objects], level: str = "full") -> VerifyReport:
    what, objects = harm
    (one, at_one), (four, at_four) = place.one(objects, level), place.several(objects, level=level)
    assert same(four) == same(one), what
    assert remembered(at_four) == remembered(at_one), what
    return four


def test_four_shards_say_of_harm_what_one_process_says(place: Place) -> None:
    every = list(harms(place))
    for harm in [*every[:3], *random.Random(drawn_seed()).sample(every[3:], 3)]:
        shards_say_what_one_says(place, harm)
    bad = shards_say_what_one_says(place, every[1])
    assert [one.subject for one in bad.findings if one.code == "pack-damaged"] == [place.packs[0]]


@pytest.mark.long
def test_four_shards_say_of_every_harm_what_one_process_says(place: Place) -> None:
    tried = [shards_say_what_one_says(place, harm) for harm in harms(place)]
    assert len(tried) > 30
    every_pack = [one for one in tried if len({finding.subject for finding in one.findings}) >= len(place.packs)]
    assert every_pack, "where all packs are damaged each is named"


def test_a_sample_is_the_same_one(place: Place) -> None:
    shards_say_what_one_says(place, ("nothing", place.objects), "sample")


@pytest.mark.parametrize("of", [64, pytest.param(1000, marks=pytest.mark.long)])
def test_many_shards_read_each_object_once_and_the_last_makes_one_report(place: Place, of: int) -> None:
    """More than there are processors: one after the other in one process."""
    store, state = place.copy(place.objects)
    watched = RecordingStore(store)
    for number in range(of - 1):
        assert isinstance(place.shard(watched, state, number, of), ShardDone)
    read = Counter(call.name for call in watched.calls if call.kind == "read" and call.name in place.packs)
    left = {name for name in place.packs if Shard(of - 1, of, "r").holds(key_of(name))}
    assert set(read) == set(place.packs) - left and set(read.values()) == {1}
    last = place.shard(store, state, of - 1, of)
    assert isinstance(last, VerifyReport) and same(last) == same(place.one(place.objects)[0])


def killed_and_started_again(place: Place, dying: int, nth: int) -> bool:
    """One of four shards dies at its nth call; False: it did not get so far."""
    harmed = {**place.objects, place.packs[0]: flipped(place.objects[place.packs[0]])}
    store, state = place.copy(harmed)
    for number in range(dying):
        place.shard(store, state, number)
    crash = CrashAtCall(store, nth)
    with suppress(Killed):
        place.shard(crash, state, dying)
    if not crash.was_hit:
        return False
    if dying < 3:
        with pytest.raises(ShardsMissing):
            place.shard(store, state, 3)
    for number in range(dying, 4):
        last = place.shard(store, state, number)
    whole, _ = place.one(harmed)
    assert isinstance(last, VerifyReport)
    assert same(last).findings == same(whole).findings
    # Killed while it gathered, it had stored proofs, which are objects, too.
    assert last.objects >= whole.objects and last.bytes_read >= whole.bytes_read
    assert (last.chunks, last.quarantined, last.unproved) == (whole.chunks, whole.quarantined, whole.unproved)
    assert last.rotation is not None and whole.rotation is not None
    assert last.rotation.checked_packs == whole.rotation.checked_packs
    return True


def test_a_shard_killed_somewhere_is_done_again_and_nothing_is_missed(place: Place) -> None:
    chance = random.Random(drawn_seed())
    assert killed_and_started_again(place, 1, chance.randrange(1, 30))
    assert killed_and_started_again(place, 3, chance.randrange(1, 60))


@pytest.mark.long
@pytest.mark.parametrize("dying", [1, 3])
def test_a_shard_killed_at_any_call_is_done_again_and_nothing_is_missed(place: Place, dying: int) -> None:
    nth = 1
    while killed_and_started_again(place, dying, nth):
        nth += 1
    assert nth > 20


def test_a_killed_shard_reads_on_where_it_was(place: Place) -> None:
    store, state = place.copy(place.objects)
    whole = RecordingStore(store)
    place.shard(whole, state, 0, 2, run="whole")
    packs = [call.name for call in whole.calls if call.kind == "read" and call.name in place.packs]
    last_pack = max(n for n, call in enumerate(whole.calls) if call.name == packs[-1])
    with pytest.raises(Killed):
        place.shard(CrashAtCall(store, last_pack + 1), state, 0, 2)
    again = RecordingStore(store)
    place.shard(again, state, 0, 2)
    assert len([call for call in again.calls if call.kind == "read" and call.name in place.packs]) <= AHEAD


def test_what_was_stored_since_and_what_a_part_lost_is_read_by_the_last_one(place: Place) -> None:
    store, state = place.copy(place.objects)
    for number in range(3):
        place.shard(store, state, number)
    repository = reopen(store, state, place.holder)
    record = back_up(repository, replace(place.clock), {"new": some_bytes(90_000, 77)})
    new = sorted({one.name for one in store.list_under("files/pack/")} - set(place.packs))
    assert record.packs and new
    store.damage(new[0], flipped(store.read(new[0])))
    for cut in state.rglob("1.seen"):
        cut.write_bytes(cut.read_bytes()[:50])
    last = place.shard(store, state, 3)
    assert isinstance(last, VerifyReport)
    assert [one.subject for one in last.findings if one.code == "pack-damaged"] == [new[0]]
    packs = {one.name for one in store.list_under("files/pack/")}
    assert last.rotation is not None and last.rotation.checked_packs == len(packs)


def test_the_comparison_notices_a_shard_that_calls_damage_whole(place: Place) -> None:
    """What lies on the board is believed: so a shard that lies there must show in the comparison."""
    name = next(one for one in place.packs if not Shard(3, 4, "r").holds(key_of(one)))
    harmed = {**place.objects, name: flipped(place.objects[name])}
    store, state = place.copy(place.objects)
    for number in range(3):
        place.shard(store, state, number)
    last = place.shard(place.copy(harmed)[0], state, 3)
    assert isinstance(last, VerifyReport)
    assert same(last) != same(place.one(harmed)[0])


def test_a_run_that_ended_says_again_what_it_found_and_other_work_is_refused(place: Place) -> None:
    harmed = {**place.objects, place.packs[0]: flipped(place.objects[place.packs[0]])}
    store, state = place.copy(harmed)
    for number in range(2):
        first = place.shard(store, state, number, 2)
    again = place.shard(RecordingStore(store), state, 1, 2)
    assert again == first
    done = place.shard(store, state, 0, 2)
    assert isinstance(done, ShardDone) and done.was_done
    with pytest.raises(ShardRefused):
        place.shard(store, state, 0, 2, level="sample")
