"""Proofs: said only of what was opened, said once, seen everywhere, taken back when damage is found, and never forged by a writer."""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from repository_kit import CONTENT, SMALL, HandClock, back_up, make, read_back, reopen, some_bytes

from lifeboat.crypto.identity import Identity
from lifeboat.crypto.sealing import Kind
from lifeboat.crypto.signed import envelope, open_envelope, to_be_signed
from lifeboat.foundation.progress import Silent
from lifeboat.operations.proofs import FILE, Proofs
from lifeboat.operations.reports.checks import VerifyReport
from lifeboat.operations.status import status
from lifeboat.operations.verify.rolling import NO_LIMITS, Limits
from lifeboat.operations.verify.run import verify
from lifeboat.repository.catalog_format import Index, IndexedPack, seal_index, seal_record
from lifeboat.repository.names import Class, Source, digest, index_name, snapshot_name, statement_name
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import Record
from lifeboat.repository.statements import Verb, record_digest, write_statements
from lifeboat.repository.streams import StreamWriter, write_root
from lifeboat.repository.writing import Run
from lifeboat.storage.errors import StorageDenied
from lifeboat.storage.faults import Call, Passing
from lifeboat.storage.memory import MemoryStore
from lifeboat.storage.object_store import Content

DAY = 86_400


def check(
    repository: Repository, clock: HandClock, level: str = "full", limits: Limits = NO_LIMITS, percent: float = 5
) -> VerifyReport:
    return verify(
        repository, level, objectives={}, sample_percent=percent, clock=clock, progress=Silent(), limits=limits
    )


def problems(report: VerifyReport) -> dict[str, str]:
    return {one.subject: one.code for one in report.findings if one.level == "problem"}


def proved(repository: Repository) -> set[str]:
    proofs = Proofs(repository)
    return {record.snapshot for record in repository.snapshots() if proofs.of(record) is not None}


def proof_objects(store: MemoryStore) -> list[str]:
    return [one.name for one in store.list_under("catalog/") if "/proof-" in one.name]


def test_what_was_opened_whole_is_proved_once_and_every_machine_sees_it(tmp_path: Path) -> None:
    holder = Identity.generate()
    repository, store, clock = make(tmp_path, identities=[holder])
    records = [back_up(repository, clock, {**CONTENT, "more": some_bytes(3000, n)}) for n in range(5)]
    assert proved(repository) == set()
    assert check(repository, clock, "structure").proved == ()
    clock.sleep(60)
    report = check(reopen(store, tmp_path, holder), clock)
    assert set(report.proved) == {record.snapshot for record in records} and report.unproved == 0
    assert len(proof_objects(store)) == 1
    # The writer alone, which cannot open them, and another machine with the key.
    for folder, key in ((tmp_path, None), (tmp_path / "keeper", holder)):
        assert proved(reopen(store, folder, key)) == set(report.proved)
    again = check(reopen(store, tmp_path / "keeper", holder), clock)
    assert again.proved == () and again.unproved == 0 and len(proof_objects(store)) == 1


def test_a_bounded_night_proves_the_day_by_reading_its_new_packs(tmp_path: Path) -> None:
    holder = Identity.generate()
    repository, store, clock = make(tmp_path, identities=[holder])
    base = some_bytes(300_000)
    back_up(repository, clock, {"base": base})
    check(reopen(store, tmp_path, holder), clock)
    for day in range(3):
        known = {one.name for one in store.list_under("")}
        taken = []
        for hour in range(24):
            clock.sleep(3600)
            fresh = some_bytes(2000, 100 + day * 24 + hour)
            taken.append(back_up(repository, clock, {"base": base, "new": fresh}))
        new = [one for one in store.list_under("") if one.name not in known]
        new_bytes = sum(one.size_bytes for one in new) + 3000  # and the proofs that the last night wrote
        report = check(reopen(store, tmp_path, holder), clock, limits=Limits(max_bytes=new_bytes))
        assert {record.snapshot for record in taken} <= set(report.proved), day
        assert report.bytes_read <= new_bytes and report.unproved == 0


def test_the_newest_snapshots_are_proved_first(tmp_path: Path) -> None:
    holder = Identity.generate()
    repository, store, clock = make(tmp_path, identities=[holder])
    records = []
    for number in range(4):
        records.append(back_up(repository, clock, {"all new": some_bytes(100_000, number)}))
        clock.sleep(3600)
    check(reopen(store, tmp_path, holder), clock, limits=Limits(max_bytes=1))
    small = sum(one.size_bytes for one in store.list_under("") if "/pack/" not in one.name)
    check(reopen(store, tmp_path, holder), clock, limits=Limits(max_bytes=small + 130_000))
    assert records[-1].snapshot in proved(repository) and records[0].snapshot not in proved(repository)


def resealed(repository: Repository, record: Record, **changes: object) -> str:
    secret = repository.secrets[record.writer]
    raw = seal_record(
        {**record.to_json(), "snapshot": os.urandom(16).hex(), **changes},
        writer=secret.writer,
        catalog_key=secret.catalog_key,
        repository=repository.id,
        generation=record.generation,
    )
    name = snapshot_name(record.writer, record.generation, digest(raw))
    repository.store.write(name, raw)
    return name


def plant_index(repository: Repository, record: Record, rows: Callable[[bytes], bytes]) -> None:
    secret = repository.secrets[record.writer]
    (index,) = [one for _, one in repository.indexes(record.writer, record.generation) if isinstance(one, Index)][:1]
    lying = tuple(IndexedPack(p.name, p.data_key_name, p.size_bytes, rows(p.rows)) for p in index.packs)
    raw = seal_index(
        Index(index.source, index.class_, lying),
        writer=secret.writer,
        catalog_key=secret.catalog_key,
        repository=repository.id,
        generation=record.generation,
    )
    repository.store.write(index_name(record.writer, record.generation, digest(raw)), raw)


def flip(store: MemoryStore, name: str, at: int = -20) -> None:
    raw = bytearray(store.read(name))
    raw[at] ^= 1
    store.damage(name, bytes(raw))


def built(folder: Path) -> tuple[MemoryStore, HandClock, Identity, Record]:
    holder = Identity.generate()
    repository, store, clock = make(folder, identities=[holder])
    return store, clock, holder, back_up(repository, clock, CONTENT)


def objects_of(store: MemoryStore, record: Record) -> list[str]:
    """Packs, key, index: what a snapshot cannot do without."""
    return [one.name for one in store.list_under("") if "/pack/" in one.name or one.name.startswith("keys/")] + [
        one.name for one in store.list_under("catalog/") if "/index-" in one.name
    ]


@pytest.mark.parametrize("level", ["sample", "full"])
@pytest.mark.parametrize("checked_before", [False, True])
def test_nothing_damaged_or_missing_is_ever_proved(tmp_path: Path, level: str, checked_before: bool) -> None:
    store, clock, holder, record = built(tmp_path / "first")
    if checked_before:
        # Everything is remembered as opened, but another snapshot is what was proved.
        check(reopen(store, tmp_path / "first", holder), clock)
        for name in proof_objects(store):
            store.delete(name)
    memory = (reopen(store, tmp_path / "first", holder).state.directory / "scrub.bin") if checked_before else None
    for number, name in enumerate(objects_of(store, record)):
        for how in ("flipped", "gone"):
            broken, state = store.copy(), tmp_path / f"{how}{number}"
            repository = reopen(broken, state, holder)
            if memory is not None:
                (repository.state.directory / "scrub.bin").write_bytes(memory.read_bytes())
            if how == "gone":
                broken.delete(name)
            elif checked_before and "/pack/" in name and level == "sample":
                continue  # not read again today; found within the rotation
            else:
                flip(broken, name)
            report = check(reopen(broken, state, holder), clock, level, percent=100)
            assert report.proved == () and proof_objects(broken) == [], (how, name)
            assert problems(report), (how, name)


def test_a_snapshot_that_names_too_few_packs_is_not_proved(tmp_path: Path) -> None:
    store, clock, holder, record = built(tmp_path)
    repository = reopen(store, tmp_path, holder)
    for left_out in record.packs:
        fewer = replace(record, packs=tuple(pack for pack in record.packs if pack != left_out))
        resealed(repository, fewer)
    report = check(reopen(store, tmp_path, holder), clock)
    assert report.proved == (record.snapshot,) and report.unproved == len(record.packs)


def test_lists_that_snapshots_share_are_read_once(tmp_path: Path) -> None:
    holder = Identity.generate()
    repository, store, clock = make(tmp_path, identities=[holder])
    for _ in range(12):
        back_up(repository, clock, CONTENT)
    spans: list[str] = []

    class Counting(Passing):
        def read(self, name: str, span: tuple[int, int] | None = None) -> bytes:
            spans.extend([name] if span else [])
            return self._around(Call("read", name), lambda: self.inner.read(name, span))

    report = check(reopen(Counting(store), tmp_path, holder), clock, "structure")
    assert problems(report) == {} and report.snapshots == 12
    assert 12 <= len(spans) <= 12 + 2 * len(CONTENT), "one root for each, the lists once"


def test_an_index_that_lies_keeps_its_packs_from_proving_anything(tmp_path: Path) -> None:
    store, clock, holder, record = built(tmp_path)
    repository = reopen(store, tmp_path, holder)
    check(repository, clock)
    for name in proof_objects(store):
        store.delete(name)
    plant_index(repository, record, lambda rows: rows[:32] + rows[32:33] + rows[33:34] + bytes(4) + rows[38:])
    report = check(reopen(store, tmp_path, holder), clock)
    assert report.proved == () and "index-contradicted" in problems(report).values()
    # The true index gone, the packs remembered as opened: what the lying one says was never opened.
    alone = store.copy()
    for _, one in list(repository.indexes(record.writer, record.generation)):
        assert isinstance(one, Index)
    kept = [one.name for one in alone.list_under("catalog/") if "/index-" in one.name]
    for name in kept:
        only = alone.copy()
        for other in kept:
            if other != name:
                only.delete(other)
        said = check(reopen(only, tmp_path, holder), clock, "sample", percent=1)
        assert not said.proved


def test_a_proof_that_a_writer_signed_counts_for_nothing_and_is_told(tmp_path: Path) -> None:
    store, clock, holder, record = built(tmp_path)
    repository = reopen(store, tmp_path, holder)
    writer = repository.writer(clock.now())
    (name,) = write_statements(store, repository.description, holder, Verb.PROOF, [record], "", clock.now())
    body, _ = open_envelope(store.read(name), name)
    store.delete(name)
    signature = writer.signing_key().sign(to_be_signed("lifeboat statement 1", body))
    for signer in ("writer", holder.recipient.fingerprint.hex()):
        raw = envelope(body, {signer: signature})
        store.write(statement_name("proof", record.writer, record.generation, digest(raw)), raw)
    assert proved(reopen(store, tmp_path, holder)) == proved(reopen(store, tmp_path, None)) == set()
    for key in (holder, None):
        report = check(reopen(store, tmp_path, key), clock, "structure")
        assert set(proof_objects(store)) <= {one.subject for one in report.findings if one.code == "said-by-nobody"}
    (source,) = status(reopen(store, tmp_path, None), {"files": 3600.0}, 8.0 * DAY).sources
    assert source.newest_proved is None


def test_damage_takes_a_proof_back_on_every_machine_until_it_is_whole_again(tmp_path: Path) -> None:
    store, clock, holder, record = built(tmp_path)
    check(reopen(store, tmp_path, holder), clock)
    assert proved(reopen(store, tmp_path, None)) == {record.snapshot}
    name = next(one.name for one in store.list_under("files/pack/"))
    good = store.read(name)
    flip(store, name)

    clock.sleep(DAY)
    check(reopen(store, tmp_path, None), clock)
    assert proved(reopen(store, tmp_path, None)) == set(), "who holds no key cannot say it, and knows it all the same"
    assert proved(reopen(store, tmp_path / "other", holder)) == {record.snapshot}

    clock.sleep(DAY)
    assert check(reopen(store, tmp_path / "keeper", holder), clock).unproved == 1
    assert proved(reopen(store, tmp_path / "other", holder)) == set()
    assert len(check(reopen(store, tmp_path / "keeper", holder), clock).proved) == 0
    assert sum("/doubt-" in one.name for one in store.list_under("catalog/")) == 1, "said once"

    store.damage(name, good)
    clock.sleep(DAY)
    assert check(reopen(store, tmp_path / "keeper", holder), clock).proved == (record.snapshot,)
    assert proved(reopen(store, tmp_path / "other", holder)) == {record.snapshot}


def back_up_as(repository: Repository, clock: HandClock, class_: Class, raw: bytes) -> Record:
    writer = repository.writer(clock.now())
    now = repository.store.time_there()
    with Run(repository, writer, Source.FILES, now=now, clock=clock, class_=class_, limits=SMALL) as run:
        stream = StreamWriter(run, "one", Kind.CONTENT)
        stream.extend([raw])
        root = write_root(run, [stream.finish()], {"roots": []}, [])
        return run.commit(
            root,
            point="p",
            instant=now,
            one_instant=True,
            complete=True,
            total_bytes=len(raw),
            items=1,
            software="test",
            now=repository.store.time_there,
        )


def test_several_writers_both_classes_and_closed_months_are_proved_in_one_turn(tmp_path: Path) -> None:
    holder = Identity.generate()
    repository, store, clock = make(tmp_path / "one", identities=[holder])
    other = reopen(store, tmp_path / "two", holder, label="two")
    taken = []
    for _ in range(3):
        for machine in (repository, other):
            taken.append(back_up(machine, clock, CONTENT))
            taken += [back_up_as(machine, clock, class_, b"monthly" * 99) for class_ in Class]
        clock.sleep(31 * DAY)
    keeper = reopen(store, tmp_path / "keeper", holder, label="keeper")
    report = check(keeper, clock)
    assert problems(report) == {} and set(report.proved) == {record.snapshot for record in taken}
    assert len(proof_objects(store)) == 6, "one for each writer and month"
    flip(store, next(one.name for one in store.list_under("files/pack/long/")))
    clock.sleep(DAY)
    assert check(reopen(store, tmp_path / "keeper", holder), clock).unproved == 1
    for machine, folder in ((repository, "one"), (other, "two")):
        blind = reopen(store, tmp_path / folder, None)
        mine = {record.snapshot for record in taken if record.writer == machine.writer(clock.now()).writer.hex()}
        assert len(mine - proved(blind)) <= 1 and proved(blind) <= mine
        assert read_back(machine, machine.find_snapshot("latest"))


def test_who_has_no_data_keys_of_a_month_takes_no_proof_back(tmp_path: Path) -> None:
    store, clock, holder, record = built(tmp_path)
    check(reopen(store, tmp_path, holder), clock)
    newcomer = reopen(store, tmp_path, holder)
    newcomer.identity = Identity.generate()
    for _ in range(2):
        clock.sleep(60)
        report = check(newcomer, clock)
        assert "key-not-a-recipient" in problems(report).values() and report.unproved == 0
    assert proved(reopen(store, tmp_path, None)) == {record.snapshot}
    assert not [one for one in store.list_under("catalog/") if "/doubt-" in one.name]


class MayNotSay(Passing):
    """Statements are refused, as on a machine that may only read."""

    def write(self, name: str, content: Content) -> None:
        if any(f"/{verb}-" in name for verb in Verb):
            raise StorageDenied(f"the right s3:PutObject is missing for {name}")
        self._around(Call("write", name), lambda: self.inner.write(name, content))


def test_who_may_not_write_keeps_the_proof_to_himself_and_says_so(tmp_path: Path) -> None:
    store, clock, holder, record = built(tmp_path)
    report = check(reopen(MayNotSay(store), tmp_path, holder), clock)
    assert report.proved == (record.snapshot,) and report.unproved == 0
    (told,) = [one for one in report.findings if one.code == "proof-not-stored"]
    assert told.level == "warning"
    assert proved(reopen(store, tmp_path, None)) == {record.snapshot}
    assert proved(reopen(store, tmp_path / "other", holder)) == set() and proof_objects(store) == []
    # With the right, the next run says it to everybody.
    clock.sleep(60)
    assert check(reopen(store, tmp_path, holder), clock).proved == (record.snapshot,)
    assert proved(reopen(store, tmp_path / "other", holder)) == {record.snapshot}
    assert "proof-not-stored" not in {one.code for one in check(reopen(store, tmp_path, holder), clock).findings}
    kept = reopen(store, tmp_path, holder).state.read_json(FILE)
    assert kept is not None and kept["records"] == {}


def test_a_snapshot_without_its_lists_in_order_is_told_and_not_proved(tmp_path: Path) -> None:
    holder = Identity.generate()
    repository, _, clock = make(tmp_path, identities=[holder])
    writer = repository.writer(clock.now())
    with Run(repository, writer, Source.MONGODB, now=clock.now(), clock=clock, limits=SMALL) as run:
        root = write_root(run, [], {}, [])
        run.commit(
            root,
            point="p",
            instant=clock.now(),
            one_instant=True,
            complete=True,
            total_bytes=0,
            items=0,
            software="test",
            now=clock.now,
        )
    report = check(repository, clock)
    assert report.proved == () and "object-damaged" in problems(report).values()


def test_status_tells_what_is_proved_and_warns_late_and_never_fails_for_it(tmp_path: Path) -> None:
    store, clock, holder, record = built(tmp_path)

    def told(key: Identity | None = None) -> tuple[str | None, float | None, set[str]]:
        report = status(reopen(store, tmp_path, key), {"files": 1000.0 * DAY}, 8.0 * DAY)
        (source,) = report.sources
        findings = {one.code: one.level for one in report.findings}
        assert findings.get("not-proved", "warning") == "warning"
        return (
            source.newest_proved.snapshot if source.newest_proved else None,
            source.proved_age_seconds,
            {*findings} - {"same-machine"},
        )

    assert told() == (None, None, set())
    clock.sleep(9 * DAY)
    assert told() == (None, None, {"not-proved"})
    check(reopen(store, tmp_path, holder), clock)
    back_up(reopen(store, tmp_path, holder), clock, CONTENT)
    assert told() == (record.snapshot, 9.0 * DAY, {"not-proved"}), "its age is that of what it would bring back"
    clock.sleep(60)
    check(reopen(store, tmp_path, holder), clock)
    snapshot, age, findings = told()
    assert snapshot != record.snapshot and age is not None and age < 100 and findings == set()
    last = status(reopen(store, tmp_path, None), {}, 8.0 * DAY).last_verify
    assert last is not None and (last.level, last.with_key, last.problems) == ("full", True, 0)
    assert record_digest(record) in reopen(store, tmp_path, None).standings()
    assert clock.now() - last.at < timedelta(minutes=1)


PICKS = st.integers(0, 99)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("back up"), st.integers(0, 3)),
        st.tuples(st.just("flip"), PICKS),
        st.tuples(st.just("lose"), PICKS),
        st.tuples(st.just("bring back"), PICKS),
        st.tuples(st.sampled_from(["verify", "verify without the key"]), st.sampled_from([1, 30_000, 60_000, 10**9])),
    ),
    max_size=14,
)


@settings(max_examples=40)
@given(STEPS)
def test_after_whatever_happened_a_full_verify_leaves_proved_exactly_what_is_whole(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    folder, holder = tmp_path_factory.mktemp("story"), Identity.generate()
    repository, store, clock = make(folder, identities=[holder])
    contents = [{"one": some_bytes(30_000, seed), "same": some_bytes(15_000)} for seed in range(4)]
    taken = {back_up(repository, clock, contents[0]).snapshot: contents[0]}
    good: dict[str, bytes] = {}

    def remember() -> list[str]:
        for one in store.list_under(""):
            if "/pack/" in one.name or one.name.startswith("keys/"):
                good.setdefault(one.name, store.read(one.name))
        return sorted(good)

    def broken() -> set[str]:
        there = {one.name for one in store.list_under("")}
        return {name for name in remember() if name not in there or store.read(name) != good[name]}

    for what, number in steps:
        clock.sleep(3600)
        here = reopen(store, folder, holder)
        victim = remember()[number % len(good)]
        if what == "back up":
            taken[back_up(here, clock, contents[number]).snapshot] = contents[number]
            remember()
        elif what == "flip" and victim not in broken():
            flip(store, victim, number % len(good[victim]))
        elif what == "lose":
            store.delete(victim)
        elif what == "bring back":
            store.delete(victim)
            store.write(victim, good[victim])
        elif what.startswith("verify"):
            key = holder if what == "verify" else None
            check(reopen(store, folder, key), clock, limits=Limits(max_bytes=number))
    clock.sleep(3600)
    report = check(reopen(store, folder, holder), clock)

    lost = {name.rsplit("/", 1)[-1] for name in broken()}
    here = reopen(store, folder, holder)
    keys = {indexed.name: indexed.data_key_name for _, one in _indexes(here) for indexed in one.packs}
    whole = {
        record.snapshot
        for record in here.snapshots()
        if not any(pack.hex() in lost or keys[pack].hex() in lost for pack in record.packs)
    }
    assert proved(here) == proved(reopen(store, folder / "elsewhere", holder)) == whole
    assert report.unproved == len(taken) - len(whole)
    for record in here.snapshots():
        if record.snapshot in whole:
            assert read_back(here, record) == taken[record.snapshot]
    # And what is live is whole again after one more backup, whatever was found.
    last = back_up(here, clock, contents[0])
    assert read_back(reopen(store, folder / "elsewhere", holder), last) == contents[0]


def _indexes(repository: Repository) -> list[tuple[str, Index]]:
    (writer,) = repository.secrets
    months = {record.generation for record in repository.snapshots()}
    found = [pair for month in months for pair in repository.indexes(writer, month)]
    return [(name, one) for name, one in found if isinstance(one, Index)]
