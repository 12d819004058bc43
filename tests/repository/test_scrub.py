"""The rolling check: what comes next, where it stops, what it remembers; tried on broken things and killed half-way."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given
from repository_kit import CONTENT, HandClock, back_up, make, read_back, reopen, some_bytes

from lifeboat.crypto.identity import Identity
from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.progress import Silent
from lifeboat.operations.reports.checks import Rotation, VerifyReport
from lifeboat.operations.verify import content
from lifeboat.operations.verify.memory import FILE, NEVER, NEVER_OPENED, Checked, ScrubMemory, key_of
from lifeboat.operations.verify.rolling import NO_LIMITS, Limits, Stopping, Unit, in_order, rotation
from lifeboat.operations.verify.run import last_verify, verify
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.quarantine import quarantined
from lifeboat.repository.statements import Verb, write_statements
from lifeboat.storage.faults import Call, Killed, Passing
from lifeboat.storage.memory import MemoryStore
from lifeboat.storage.object_store import ObjectStore, StoredObject

DAY = 86_400


def check(
    repository: Repository, clock: HandClock, level: str = "full", limits: Limits = NO_LIMITS, percent: float = 5
) -> VerifyReport:
    return verify(
        repository, level, objectives={}, sample_percent=percent, clock=clock, progress=Silent(), limits=limits
    )


def problems(report: VerifyReport) -> dict[str, str]:
    return {one.subject: one.code for one in report.findings if one.level == "problem"}


def turned(report: VerifyReport) -> Rotation:
    assert report.rotation is not None
    return report.rotation


def flip(store: MemoryStore, name: str, at: int = -20) -> None:
    raw = bytearray(store.read(name))
    raw[at] ^= 1
    store.damage(name, bytes(raw))


def packs_in(store: ObjectStore) -> list[str]:
    return [one.name for one in store.list_under("files/pack/")]


class Watching(Passing):
    """Notes which packs are read whole, and does something at each."""

    def __init__(self, inner: ObjectStore, at_each: Callable[[], None] = lambda: None) -> None:
        super().__init__(inner)
        self.read_whole: list[str] = []
        self.bytes = 0
        self.at_each = at_each

    def read(self, name: str, span: tuple[int, int] | None = None) -> bytes:
        raw = self._around(Call("read", name), lambda: self.inner.read(name, span))
        if span is None and "/pack/" in name:
            self.read_whole.append(name)
            self.bytes += len(raw)
            self.at_each()
        return raw


def many_packs(folder: Path) -> tuple[MemoryStore, HandClock, Identity]:
    holder = Identity.generate()
    repository, store, clock = make(folder, identities=[holder])
    back_up(repository, clock, {"one": some_bytes(400_000), "two": some_bytes(200_000, 2)})
    assert len(packs_in(store)) > 15
    return store, clock, holder


# Order


DIGESTS = st.integers(0, 2**64).map(lambda number: sha256(b"%d" % number).digest())
CHECKS = st.builds(Checked, st.integers(0, 10), st.just(NEVER_OPENED), st.booleans())


@given(st.dictionaries(DIGESTS, st.tuples(CHECKS, st.integers(-1, 3)), max_size=40))
def test_what_was_checked_longest_ago_comes_next_and_damage_takes_every_other_turn(
    known: dict[bytes, tuple[Checked, int]],
) -> None:
    units = [Unit("files/pack/x", name, 1, preference=preference) for name, (_, preference) in known.items()]
    due = in_order(units, lambda unit: known[unit.digest][0])

    assert sorted(due, key=lambda unit: unit.digest) == sorted(units, key=lambda unit: unit.digest)
    for damaged in (True, False):
        seconds = [known[unit.digest][0].seconds for unit in due if known[unit.digest][0].damaged is damaged]
        assert seconds == sorted(seconds)
    never = [unit.preference for unit in due if not known[unit.digest][0].damaged and not known[unit.digest][0].seconds]
    assert never == sorted(never)
    flags = [known[unit.digest][0].damaged for unit in due]
    both = 2 * min(sum(flags), len(flags) - sum(flags))
    assert flags[:both] in ([True, False] * (both // 2), [False, True] * (both // 2))


@given(
    st.lists(st.tuples(st.integers(1, 30), st.booleans()), min_size=1, max_size=30),
    st.integers(1, 60),
)
def test_each_night_within_its_bytes_and_nothing_is_read_twice_before_all_was_read_once(
    stored: list[tuple[int, bool]], max_bytes: int
) -> None:
    units = [Unit(f"files/pack/{n}", sha256(b"%d" % n).digest(), size) for n, (size, _) in enumerate(stored)]
    broken = {unit.digest for unit, (_, is_broken) in zip(units, stored, strict=True) if is_broken}
    memory: dict[bytes, Checked] = {}
    times: dict[bytes, int] = dict.fromkeys((unit.digest for unit in units), 0)
    for night in range(1, 2 * len(units) + 3):
        stopping = Stopping(Limits(max_bytes=max_bytes), lambda: 0.0, 0.0)
        read = list(stopping.allowed(in_order(units, lambda unit: memory.get(unit.digest, NEVER))))
        assert read
        assert sum(unit.size_bytes for unit in read) <= max_bytes or len(read) == 1
        assert (stopping.stopped_by == "bytes") == (len(read) < len(units))
        for second, unit in enumerate(read):
            memory[unit.digest] = Checked(night * DAY + second, NEVER_OPENED, unit.digest in broken)
            times[unit.digest] += 1
        whole = [count for name, count in times.items() if name not in broken]
        assert not whole or max(whole) - min(whole) <= 1
    assert min(times.values()) >= 1, "however much is broken, and however little a night may read"


# Memory


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 2**32 - 1), st.booleans(), st.booleans()), max_size=60))
def test_the_memory_is_a_dictionary_that_survives(
    tmp_path_factory: pytest.TempPathFactory, story: list[tuple[int, int, bool, bool]]
) -> None:
    path = tmp_path_factory.mktemp("memory") / FILE
    memory, known = ScrubMemory(path, bytes(16)), dict[bytes, Checked]()
    for number, seconds, damaged, again in story:
        name = sha256(b"%d" % number).digest()
        known[name] = Checked(seconds, sha256(name).digest()[:8], damaged, damaged and again)
        memory.note(name, known[name])
        if again:
            memory.save()
            memory = ScrubMemory(path, bytes(16))
        assert all(memory.of(one) == checked for one, checked in known.items())
    memory.keep_only(list(known)[::2])
    assert [memory.of(one) != NEVER for one in known] == [number % 2 == 0 for number in range(len(known))]


def test_the_memory_is_small_and_bound_to_its_repository_and_whole(tmp_path: Path) -> None:
    path = tmp_path / FILE
    memory = ScrubMemory(path, b"a" * 16)
    names = [sha256(b"%d" % number).digest() for number in range(20_000)]
    for name in names:
        memory.note(name, Checked(1, NEVER_OPENED, False))
    memory.save()
    assert path.stat().st_size < 30 * len(names) and path.stat().st_mode & 0o777 == 0o600
    assert ScrubMemory(path, b"a" * 16).of(names[7]).seconds == 1
    assert ScrubMemory(path, b"b" * 16).of(names[7]) == NEVER
    path.write_bytes(path.read_bytes()[:-1])
    assert ScrubMemory(path, b"a" * 16).of(names[7]) == NEVER


# Limits


@pytest.mark.parametrize("max_bytes", [1, 20_000, 50_000, 100_000, 10_000_000])
def test_never_more_bytes_than_the_limit_but_for_one_pack_and_every_run_goes_on(tmp_path: Path, max_bytes: int) -> None:
    store, clock, holder = many_packs(tmp_path)
    largest = max(one.size_bytes for one in store.list_under("files/pack/"))
    seen: set[str] = set()
    for _ in range(200):
        watching = Watching(store)
        report = check(reopen(watching, tmp_path, holder), clock, limits=Limits(max_bytes=max_bytes))
        assert problems(report) == {}
        assert watching.bytes <= max(max_bytes, largest)
        assert report.bytes_read <= max_bytes or report.objects == 1
        again = not seen.isdisjoint(watching.read_whole)
        seen.update(watching.read_whole)
        assert not again or len(seen) == len(packs_in(store)), "nothing twice before all was read once"
        clock.sleep(3600)
        if len(seen) == len(packs_in(store)):
            break
    assert len(seen) == len(packs_in(store))
    assert turned(report).never_checked_packs == 0


def test_minutes_stop_it_between_packs_and_the_next_run_goes_on(tmp_path: Path) -> None:
    store, clock, holder = many_packs(tmp_path)
    check(reopen(store, tmp_path, holder), clock, limits=Limits(max_bytes=1))  # what is small is read first
    seen: list[str] = []
    for _ in range(30):
        watching = Watching(store, lambda: clock.sleep(60))
        report = check(reopen(watching, tmp_path, holder), clock, limits=Limits(max_seconds=180))
        assert 1 <= len(watching.read_whole) <= 3 + content.AHEAD
        seen += watching.read_whole
        if report.stopped_by is None or set(packs_in(store)) <= set(seen):
            break
        assert report.stopped_by == "minutes"
        assert len(set(seen)) == len(seen)
    assert set(seen) == set(packs_in(store))


def test_a_run_tells_how_far_it_is_and_how_long_all_of_it_takes(tmp_path: Path) -> None:
    store, clock, holder = many_packs(tmp_path)
    total = sum(one.size_bytes for one in store.list_under("files/pack/"))
    nightly = Limits(max_bytes=total // 5)
    repository = reopen(store, tmp_path, holder)
    for _ in range(20):
        report = check(repository, clock, limits=nightly)
        clock.sleep(DAY)
    told = turned(report)
    assert report.stopped_by == "bytes" and told.packs == len(packs_in(store)) and told.bytes == total
    assert 0 < told.checked_packs < told.packs and told.never_checked_packs == 0
    assert told.oldest_check_seconds is not None and 4 * DAY <= told.oldest_check_seconds <= 9 * DAY
    assert told.days_for_all is not None and 4 < told.days_for_all < 10
    kept = last_verify(repository)
    assert kept is not None and kept.rotation == told and kept.at == clock.now() - timedelta(days=1)
    assert turned(check(repository, clock)).days_for_all is None


class Billed(Watching):
    """Packs lie in a class where S3 bills each reading."""

    storage_class = "STANDARD_IA"

    def list_under(self, prefix: str) -> Iterator[StoredObject]:
        for one in super().list_under(prefix):
            yield replace(one, storage_class=self.storage_class) if "/pack/" in one.name else one


@pytest.mark.parametrize("level", ["full", "sample"])
def test_what_is_billed_by_the_reading_is_read_once_a_month_by_turns(tmp_path: Path, level: str) -> None:
    store, clock, holder = many_packs(tmp_path)
    limits = Limits(max_bytes=10**12) if level == "full" else NO_LIMITS
    days_read: list[int] = []
    for day in range(65):
        watching = Billed(store)
        report = check(reopen(watching, tmp_path, holder), clock, level, limits, percent=100)
        assert not problems(report)
        assert len(watching.read_whole) + report.resting == len(packs_in(store))
        if watching.read_whole:
            days_read.append(day)
        clock.sleep(DAY)
    assert days_read == [0, 30, 60]
    assert turned(report).never_checked_packs == 0


def test_where_reading_costs_seven_months_of_keeping_it_rests_longer(tmp_path: Path) -> None:
    store, clock, holder = many_packs(tmp_path)
    days_read: list[int] = []
    for day in range(0, 380, 10):
        watching = Billed(store)
        watching.storage_class = "GLACIER_IR"
        check(reopen(watching, tmp_path, holder), clock, limits=Limits(max_bytes=10**12))
        days_read += [day] if watching.read_whole else []
        clock.sleep(10 * DAY)
    assert days_read == [0, 180, 360]


def test_damage_does_not_rest_and_a_full_run_reads_all(tmp_path: Path) -> None:
    store, clock, holder = many_packs(tmp_path)
    bad = packs_in(store)[3]
    turn = Limits(max_bytes=10**12)
    check(reopen(Billed(store), tmp_path, holder), clock, limits=turn)
    flip(store, bad)
    assert bad in problems(check(reopen(Billed(store), tmp_path, holder), clock)), (
        "a full run without a limit reads all"
    )
    watching = Billed(store)
    report = check(reopen(watching, tmp_path, holder), clock, limits=turn)
    assert set(watching.read_whole) == {bad} and bad in problems(report)


def test_a_hash_alone_does_not_let_a_pack_rest_where_it_can_be_opened(tmp_path: Path) -> None:
    store, clock, holder = many_packs(tmp_path)
    turn = Limits(max_bytes=10**12)
    check(reopen(Billed(store), tmp_path, None), clock, limits=turn)
    assert check(reopen(Billed(store), tmp_path, None), clock, limits=turn).resting == len(packs_in(store))
    assert check(reopen(Billed(store), tmp_path, holder), clock, limits=turn).resting == 0


def test_a_sample_rolls(tmp_path: Path) -> None:
    store, clock, holder = many_packs(tmp_path)
    seen: list[str] = []
    for _ in range(5):
        watching = Watching(store)
        check(reopen(watching, tmp_path, holder), clock, "sample", percent=25)
        seen += watching.read_whole
        clock.sleep(DAY)
    assert set(seen) == set(packs_in(store)) and len(seen) <= len(set(seen)) + 5


def test_checks_from_the_future_do_not_keep_a_pack_from_being_read(tmp_path: Path) -> None:
    store, clock, holder = many_packs(tmp_path)
    clock.sleep(400 * DAY)
    check(reopen(store, tmp_path, holder), clock)
    clock.sleep(-399 * DAY)
    report = check(reopen(store, tmp_path, holder), clock, limits=Limits(max_bytes=1))
    assert turned(report).never_checked_packs >= turned(report).packs - 1


# Killed


class KilledAtPack(Passing):
    """The process dies by SIGKILL at its nth whole pack."""

    def __init__(self, inner: ObjectStore, nth: int) -> None:
        super().__init__(inner)
        self.left = nth

    def read(self, name: str, span: tuple[int, int] | None = None) -> bytes:
        if span is None and "/pack/" in name:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return self._around(Call("read", name), lambda: self.inner.read(name, span))


@pytest.mark.parametrize("nth", [1, 8, 11])
def test_killed_it_goes_on_from_what_it_had_read(tmp_path: Path, nth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    store, clock, holder = many_packs(tmp_path)
    monkeypatch.setattr(content, "SAVE_EVERY_SECONDS", 0)
    child = os.fork()
    if not child:
        try:
            check(reopen(KilledAtPack(store, nth), tmp_path, holder), clock)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    clock.sleep(60)
    repository = reopen(store, tmp_path, holder)
    memory = ScrubMemory(repository.state.directory / FILE, repository.id)
    before = {name for name in packs_in(store) if memory.of(key_of(name)) != NEVER}
    assert nth - 1 - content.AHEAD <= len(before) < nth
    watching = Watching(store)
    report = check(reopen(watching, tmp_path, holder), clock)
    assert problems(report) == {} and report.unproved == 0
    assert set(watching.read_whole[-len(before) :] if before else []) == before, "what was read comes last again"


def test_stopped_by_hand_it_remembers_all_it_had_read(tmp_path: Path) -> None:
    store, clock, holder = many_packs(tmp_path)

    def stop() -> None:
        if len(watching.read_whole) == 7:
            raise Killed

    watching = Watching(store, stop)
    with pytest.raises(Killed):
        check(reopen(watching, tmp_path, holder), clock)
    repository = reopen(store, tmp_path, holder)
    memory = ScrubMemory(repository.state.directory / FILE, repository.id)
    assert sum(memory.of(key_of(name)) != NEVER for name in packs_in(store)) >= 7 - content.AT_ONCE


def test_a_memory_that_cannot_be_written_is_said_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, clock, holder = many_packs(tmp_path)
    repository = reopen(store, tmp_path, holder)
    (repository.state.directory / FILE).mkdir()
    report = check(repository, clock)
    assert "not-remembered" in {one.code for one in report.findings} and problems(report) == {}


# Damage


def test_a_pack_damaged_after_it_was_checked_is_found_within_one_rotation(tmp_path: Path) -> None:
    store, clock, holder = many_packs(tmp_path)
    check(reopen(store, tmp_path, holder), clock)
    total = sum(one.size_bytes for one in store.list_under(""))
    nightly = Limits(max_bytes=total // 4)
    for name in packs_in(store):
        broken, state = store.copy(), tmp_path / name[-8:]
        copied = reopen(broken, state, holder).state.directory / FILE
        copied.write_bytes((reopen(store, tmp_path, holder).state.directory / FILE).read_bytes())
        flip(broken, name)
        found: dict[str, str] = {}
        for _ in range(6):
            clock.sleep(DAY)
            found = problems(check(reopen(broken, state, holder), clock, limits=nightly))
            if name in found:
                break
        assert found.get(name) == "pack-damaged"


class FlipsOnce(Passing):
    """The first reading of every pack is wrong by a bit, as over a bad line."""

    def __init__(self, inner: ObjectStore) -> None:
        super().__init__(inner)
        self.spared: set[str] = set()

    def read(self, name: str, span: tuple[int, int] | None = None) -> bytes:
        raw = self._around(Call("read", name), lambda: self.inner.read(name, span))
        if span is not None or "/pack/" not in name or name in self.spared:
            return raw
        self.spared.add(name)
        return raw[:-1] + bytes([raw[-1] ^ 1])


def test_a_bit_that_flipped_on_the_way_is_no_damage(tmp_path: Path) -> None:
    store, clock, holder = many_packs(tmp_path)
    flipping = FlipsOnce(store)
    report = check(reopen(flipping, tmp_path, holder), clock)
    assert flipping.spared == set(packs_in(store))
    assert problems(report) == {} and report.unproved == 0


def test_damage_is_looked_at_again_first_and_never_forgotten(tmp_path: Path) -> None:
    store, clock, holder = many_packs(tmp_path)
    broken = packs_in(store)[3:6]
    for name in broken:
        flip(store, name)

    def spoilt(report: VerifyReport) -> set[str]:
        """Packs alone: where one of them holds lists, the snapshots that need these are named too."""
        return {name for name in problems(report) if "/pack/" in name}

    assert spoilt(check(reopen(store, tmp_path, holder), clock)) == set(broken)
    again: list[str] = []
    for _ in range(6):
        clock.sleep(DAY)
        watching = Watching(store)
        report = check(reopen(watching, tmp_path, holder), clock, limits=Limits(max_bytes=1))
        again += watching.read_whole
        assert spoilt(report) == set(broken), "also those that were not read again"
        assert turned(report).damaged_packs == 3
    assert set(broken) <= set(again), "every other turn, also when a night reads one object"
    for name in broken:
        flip(store, name)
    clock.sleep(DAY)
    assert problems(check(reopen(store, tmp_path, holder), clock, "sample", percent=1)) == {}


def test_without_the_key_a_flipped_bit_is_found_in_each_kind_of_object(tmp_path: Path) -> None:
    holder = Identity.generate()
    repository, store, clock = make(tmp_path, identities=[holder])
    record = back_up(repository, clock, CONTENT)
    write_statements(store, repository.description, holder, Verb.KEEP, [record], "why", clock.now())
    kinds: set[str] = set()
    for one in list(store.list_under("")):
        broken = store.copy()
        for folder in (tmp_path, tmp_path / "stranger"):
            blind = reopen(broken, folder, None)  # opened while all was whole, as a machine that keeps running
            broken.damage(one.name, store.read(one.name))
            flip(broken, one.name, -3)
            found = check(blind, clock)
            assert one.name in problems(found), (one.name, found)
            assert found.chunks == 0
            broken.damage(one.name, store.read(one.name))
            clock.sleep(60)
        kinds.add("/".join(one.name.rsplit("/", 1)[-1].split("-")[:-1]) or one.name.split("/")[0])
    assert {"files", "index", "snapshot", "keys", "keep"} <= kinds


def test_what_only_opening_shows_is_not_cleared_by_a_right_hash(tmp_path: Path) -> None:
    store, clock, holder = many_packs(tmp_path)
    key = next(one.name for one in store.list_under("keys/"))
    raw = store.read(key)
    store.delete(key)
    first = check(reopen(store, tmp_path, holder), clock)
    assert set(packs_in(store)) <= set(problems(first))
    clock.sleep(60)
    assert set(packs_in(store)) <= set(problems(check(reopen(store, tmp_path, None), clock)))
    store.write(key, raw)
    clock.sleep(60)
    assert problems(check(reopen(store, tmp_path, holder), clock)) == {}
    assert quarantined(reopen(store, tmp_path, holder).state, reopen(store, tmp_path, holder).id) == frozenset()


# Healing


@pytest.mark.parametrize("with_key", [True, False])
def test_the_next_backup_stores_again_what_a_damaged_pack_held(tmp_path: Path, with_key: bool) -> None:
    holder = Identity.generate()
    repository, store, clock = make(tmp_path / "first", identities=[holder])
    first = back_up(repository, clock, CONTENT)
    for number, name in enumerate(packs_in(store)):
        broken, state = store.copy(), tmp_path / f"state{number}"
        reopen(broken, state, holder).state.save_writer(repository.writer(clock.now()))
        flip(broken, name, -1)
        report = check(reopen(broken, state, holder if with_key else None), clock)
        assert problems(report)[name] == "pack-damaged" and report.quarantined == 1

        second = back_up(reopen(broken, state, holder), clock, CONTENT)

        assert bytes.fromhex(name[-64:]) not in second.packs
        elsewhere = reopen(broken, tmp_path / "elsewhere", holder)
        for record in (first, second):
            assert read_back(elsewhere, record) == CONTENT
        clock.sleep(60)
        healed = check(reopen(broken, state, holder), clock)
        assert problems(healed) == {} and healed.unproved == 1
        assert [one.subject for one in healed.findings if one.code == "pack-damaged"] == [name]
        # The right bytes come back from somewhere: it counts again.
        broken.damage(name, store.read(name))
        clock.sleep(60)
        assert check(reopen(broken, state, holder), clock).unproved == 0
        assert quarantined(reopen(broken, state, holder).state, repository.id) == frozenset()


def test_after_a_lost_data_key_the_next_backup_stores_everything_again(tmp_path: Path) -> None:
    holder = Identity.generate()
    repository, store, clock = make(tmp_path, identities=[holder])
    before = back_up(repository, clock, CONTENT)
    store.delete(next(one.name for one in store.list_under("keys/")))
    check(reopen(store, tmp_path, holder), clock, "structure")
    again = back_up(reopen(store, tmp_path, holder), clock, CONTENT)
    for record in (before, again):
        assert read_back(reopen(store, tmp_path / "elsewhere", holder), record) == CONTENT
    report = check(reopen(store, tmp_path, holder), clock)
    assert report.proved == (again.snapshot,), "it is whole, though the same chunks also lie where nobody can open them"


def test_packs_sealed_for_others_are_not_stored_again_for_that(tmp_path: Path) -> None:
    holder = Identity.generate()
    repository, store, clock = make(tmp_path, identities=[holder])
    record = back_up(repository, clock, CONTENT)
    keys = list(store.list_under("keys/"))
    assert len(keys) == 1 and record.packs
    # What a newcomer to the recipients sees: the data key is whole, and not for him.
    other = reopen(store, tmp_path, holder)
    other.identity = Identity.generate()
    report = check(other, clock)
    assert problems(report)[keys[0].name] == "key-not-a-recipient"
    assert quarantined(other.state, other.id) == frozenset()


def test_it_runs_with_the_clock_of_the_machine(tmp_path: Path) -> None:
    store, _, holder = many_packs(tmp_path)
    report = verify(
        reopen(store, tmp_path, holder),
        "full",
        objectives={},
        sample_percent=5,
        clock=SystemClock(),
        progress=Silent(),
        limits=Limits(max_seconds=3600),
    )
    assert problems(report) == {} and report.stopped_by is None and turned(report).checked_packs == turned(report).packs


def test_nothing_but_packs_counts_in_the_rotation() -> None:
    units = [Unit("keys/2026-11/x", b"k" * 32, 100), Unit("files/pack/short/2026-11/y", b"p" * 32, 7)]
    told = rotation(units, lambda unit: NEVER, set(), 1000)
    assert (told.packs, told.bytes, told.never_checked_packs, told.oldest_check_seconds) == (1, 7, 1, None)
    assert told.days_for_all is None
